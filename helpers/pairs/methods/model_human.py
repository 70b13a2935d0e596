"""The record's own answer is chosen, the model's answer is rejected.

Whether a person's answer is the better one depends on what is asked of people and what the model is like. The course
has no group of annotators: `annotator` stands in for them, and its answers are synthetic. A course model says what
the record says, so there both sides are written in a voice.
"""

import random
from collections.abc import Callable

from helpers.criterion import PROMPT_VERSIONS, Criterion
from helpers.files import CourseError
from helpers.llm.client import LLM
from helpers.llm.recording import RecordingLLM
from helpers.pairs.checks import answer_problems
from helpers.pairs.method import BuildSettings, Method, Outcome, ask_clean
from helpers.pairs.methods.rewrite import direction_of
from helpers.records import InstructionRecord, fingerprint

Human = Callable[[InstructionRecord, str], str]  # the record and a voice -> what a person writes


def annotator(criterion: Criterion) -> Human:
    """SYNTHETIC: what a person who was asked for a voice might have written; the same text every time.

    Raises CourseError if the criterion cannot write in a voice (`Criterion.voiced`).
    """
    if criterion.voiced is None:
        raise CourseError(f"Nobody is simulated for {criterion.name}. Give people's answers: human=…")

    def synthetic_person(record: InstructionRecord, voice: str) -> str:
        coin = random.Random(f"annotator {fingerprint(record.instruction, record.input)}")
        return criterion.voiced(record.output, voice, coin)

    return synthetic_person


def author_of(human: Human | None) -> str:
    """Who wrote the chosen side, for the rows; None is the annotator of the course."""
    return "person" if human else "person (synthetic)"


def model_human_method(
    settings: BuildSettings,
    llm: LLM | None = None,
    weak: LLM | None = None,
    *,
    human: Human | None = None,
    voices: tuple[str, str] | None = None,
) -> Method:
    """A person's answer is chosen, the model's answer to the same question rejected.

    llm: the model. If it is given and no course model, the person's answer is the record's own, without a voice.
    human: gives the person's answer in the voice that people were asked for; None is `annotator`.
    voices: what people and the model are asked for; None flips a coin between the criterion's contrasts.
    A model's answer that is wrong, empty, cut off or equal to the person's is a problem.
    """
    criterion = settings.criterion
    if llm and not llm.embedded and human is None:
        human, voices = (lambda record, voice: record.output), (criterion.neutral, criterion.neutral)
    written, author = human or annotator(criterion), author_of(human)

    def asked_for(record: InstructionRecord) -> tuple[str, str]:
        return voices or criterion.contrasts[direction_of(record, criterion, settings.seed)]

    def identity(record: InstructionRecord) -> tuple:
        return record.instruction, record.input, written(record, asked_for(record)[0]), asked_for(record)[1]

    def make(record: InstructionRecord, ask: RecordingLLM, seed: int) -> Outcome:
        of_person, of_model = asked_for(record)
        prompt = criterion.answer_prompt(record.instruction, record.input, of_model)
        reply = ask_clean(ask, prompt, criterion, seed=seed, **settings.sampling)
        notes = {"authors": {"chosen": author, "rejected": ask.model}, "voices": [of_person, of_model]}
        notes |= {"prompt_name": "answer", "prompt_version": PROMPT_VERSIONS["answer"]}
        wrong = answer_problems(record, reply.text, reply.done_reason, criterion)
        return Outcome(written(record, of_person), reply.text, tuple(wrong), notes=notes)

    return Method("model-human", version=1, calls=1, make=make, identity=identity)
