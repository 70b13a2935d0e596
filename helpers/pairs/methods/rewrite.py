"""The model rewrites each answer to be better or worse, as a coin falls.

The better side is chosen. A small change in one property, and on either side: so neither "looks rewritten" nor
"is longer" tells the sides apart.
"""

import random

from helpers.criterion import PROMPT_VERSIONS, Criterion, rewrite_prompt
from helpers.llm.client import LLM
from helpers.llm.recording import RecordingLLM
from helpers.pairs.checks import problems
from helpers.pairs.method import BuildSettings, Method, Outcome, ask_clean
from helpers.records import InstructionRecord, PreferenceRecord, fingerprint


def direction_of(record: InstructionRecord, criterion: Criterion, seed: int) -> str:
    """Flip a seeded coin for this record. It depends on the record itself, not on its place in the list."""
    coin = random.Random(f"{seed} {fingerprint(record.instruction, record.input, record.output)}")
    return coin.choice(criterion.directions)


def to_pair(record: InstructionRecord, reply: str, direction: str, criterion: Criterion) -> PreferenceRecord:
    """Label the two sides: the better text is chosen, the other one is rejected."""
    sides = {"chosen": reply, "rejected": record.output}
    if direction != criterion.better:
        sides = {"chosen": record.output, "rejected": reply}
    return PreferenceRecord(instruction=record.instruction, input=record.input, output=record.output, **sides)


def rewrite_method(settings: BuildSettings, llm: LLM | None = None, weak: LLM | None = None) -> Method:
    """One rewrite of each answer, better or worse as the coin falls; a reply that fails a check is a problem."""
    criterion, version = settings.criterion, PROMPT_VERSIONS["rewrite"]

    def request(record: InstructionRecord) -> tuple[str, str]:
        direction = direction_of(record, criterion, settings.seed)
        return direction, rewrite_prompt(record.instruction, record.input, record.output, direction)

    def make(record: InstructionRecord, ask: RecordingLLM, seed: int) -> Outcome:
        direction, prompt = request(record)
        notes = {"direction": direction, "prompt_name": "rewrite", "prompt_version": version}
        reply = ask_clean(ask, prompt, criterion, seed=seed, **settings.sampling)
        if wrong := problems(record, reply.text, reply.done_reason, settings.strict, settings.criterion):
            return Outcome(problems=tuple(wrong), notes=notes)
        pair = to_pair(record, reply.text, direction, criterion)
        return Outcome(pair.chosen, pair.rejected, notes=notes)

    return Method("rewrite", version, calls=1, make=make, identity=request)
