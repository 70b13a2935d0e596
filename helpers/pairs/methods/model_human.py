"""Preference pairs from people's answers (chosen) and a model's answers (rejected).

Whether a person's answer is the better one depends on what is asked of people and what the model is like. The course
has no group of annotators: `annotator` stands in for them, and its answers are synthetic.
"""

import random
from collections.abc import Callable

from helpers.llm.recording import Asker
from helpers.pairs.checks import answer_problems
from helpers.pairs.method import BuildSettings, Method, Outcome
from helpers.pairs.methods.rewrite import direction_of
from helpers.pairs.methods.strong_weak import CONTRASTS
from helpers.politeness.prompts import answer_prompt
from helpers.politeness.voices import voiced
from helpers.records import InstructionRecord, fingerprint

VERSION = 1
Human = Callable[[InstructionRecord, str], str]  # the record and a voice -> what a person writes


def annotator(record: InstructionRecord, voice: str = "polite") -> str:
    """SYNTHETIC: what a person who was asked for this voice might have written; the same text every time."""
    return voiced(record.output, voice, random.Random(f"annotator {fingerprint(record.instruction, record.input)}"))


def author_of(human: Human) -> str:
    """Who wrote the chosen side, for the rows."""
    return "person (synthetic)" if human is annotator else "person"


def model_human_method(
    settings: BuildSettings, human: Human = annotator, styles: tuple[str, str] | None = None
) -> Method:
    """A person's answer is chosen, the model's answer to the same question rejected.

    human: gives the person's answer in the voice that people were asked for.
    styles: what people and the model are asked for; None throws the coin between the two CONTRASTS.
    A model's answer that is wrong, empty, cut off or equal to the person's is a problem.
    """

    def asked(record: InstructionRecord) -> tuple[str, str]:
        return styles or CONTRASTS[direction_of(record, settings.seed)]

    def identity(record: InstructionRecord) -> tuple:
        return record.instruction, record.input, human(record, asked(record)[0]), asked(record)[1]

    def make(record: InstructionRecord, ask: Asker, seed: int) -> Outcome:
        voice, style = asked(record)
        written = human(record, voice)
        options = {"temperature": settings.temperature, "num_predict": settings.num_predict}
        reply = ask.ask(answer_prompt(record.instruction, record.input, style), seed=seed, **options)
        notes = {"authors": {"chosen": author_of(human), "rejected": ask.model}}
        notes |= {"styles": [voice, style], "prompt_name": "answer", "prompt_version": VERSION}
        wrong = answer_problems(record, reply.text, reply.done_reason)
        return Outcome(problems=tuple(wrong), notes=notes) if wrong else Outcome(written, reply.text, notes=notes)

    return Method("model-human", VERSION, 1, make, identity=identity)
