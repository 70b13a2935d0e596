"""Preference pairs by rewriting: a model makes an answer more or less polite; the politer side is chosen."""

import random

from helpers.llm.recording import Asker
from helpers.pairs.checks import problems
from helpers.pairs.method import BuildSettings, Method, Outcome
from helpers.politeness.prompts import DIRECTIONS, VERSIONS, rewrite_prompt
from helpers.records import InstructionRecord, PreferenceRecord, fingerprint


def direction_of(record: InstructionRecord, seed: int) -> str:
    """Flip a seeded coin for this record. It depends on the record itself, not on its place in the list."""
    coin = random.Random(f"{seed} {fingerprint(record.instruction, record.input, record.output)}")
    return coin.choice(DIRECTIONS)


def to_pair(record: InstructionRecord, reply: str, direction: str) -> PreferenceRecord:
    """Label the two sides: the politer text is chosen, the other one is rejected."""
    sides = {"chosen": reply, "rejected": record.output}
    if direction == "less polite":
        sides = {"chosen": record.output, "rejected": reply}
    return PreferenceRecord(instruction=record.instruction, input=record.input, output=record.output, **sides)


def rewrite_method(settings: BuildSettings) -> Method:
    """One rewrite of each answer, more or less polite as the coin falls; a reply that fails a check is a problem."""

    def asked(record: InstructionRecord) -> tuple[str, str]:
        direction = direction_of(record, settings.seed)
        return direction, rewrite_prompt(record.instruction, record.input, record.output, direction)

    def make(record: InstructionRecord, ask: Asker, seed: int) -> Outcome:
        direction, prompt = asked(record)
        notes = {"direction": direction, "prompt_name": "rewrite", "prompt_version": VERSIONS["rewrite"]}
        reply = ask.ask(prompt, seed=seed, temperature=settings.temperature, num_predict=settings.num_predict)
        if wrong := problems(record, reply.text, reply.done_reason, settings.strict):
            return Outcome(problems=tuple(wrong), notes=notes)
        pair = to_pair(record, reply.text, direction)
        return Outcome(pair.chosen, pair.rejected, notes=notes)

    return Method("rewrite", VERSIONS["rewrite"], 1, make, identity=asked)
