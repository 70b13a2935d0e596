"""Thumbs up and down on single answers, and what can be learned from them."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from helpers.criterion import PROMPT_VERSIONS, Criterion, rewrite_prompt
from helpers.files import CourseError
from helpers.gpt.prompt import format_prompt
from helpers.llm.recording import RecordingLLM
from helpers.pairs.checks import answer_problems, problems
from helpers.pairs.judgements import latest_votes
from helpers.pairs.meaning import lost_meaning
from helpers.pairs.method import BuildSettings, Method, Outcome, ask_clean
from helpers.records import InstructionRecord, fingerprint


def thumb(annotator: str, instruction: str, input: str, answer: str, verdict: str) -> dict:
    """What a JudgementStore keeps of one answer: "up", "down", SHOWN (the answer was shown) or UNDO."""
    about = {"instruction": instruction, "input": input, "answer": answer}
    return {"annotator": annotator, "item": fingerprint(*about.values()), "verdict": verdict} | about


@dataclass(frozen=True)
class Opinion:
    """What people think of one answer to one question."""

    instruction: str
    input: str
    answer: str
    up: int
    down: int

    @property
    def label(self) -> bool | None:
        """True if more people like it than not, False for the opposite, None if they are divided."""
        return None if self.up == self.down else self.up > self.down


def opinions(rows: Iterable[dict]) -> list[Opinion]:
    """The latest votes, counted for each answer, in the order of the first vote.

    Raises CourseError for a judgement that is no thumb.
    """
    counts: dict[tuple, dict] = {}
    for vote in latest_votes(rows):
        if vote["verdict"] not in ("up", "down") or "answer" not in vote:
            raise CourseError(f"A judgement by {vote['annotator']} is no thumb: {vote}. Use a file of thumbs.")
        key = (vote["instruction"], vote["input"], vote["answer"])
        counts.setdefault(key, {"up": 0, "down": 0})[vote["verdict"]] += 1
    return [Opinion(*key, **count) for key, count in counts.items()]


def kto_records(rated: Iterable[Opinion]) -> list[dict]:
    """Unpaired records {"prompt", "completion", "label"} as KTO (arXiv 2402.01306) takes them; divided opinions are
    left out."""
    return [
        {"prompt": format_prompt(one.instruction, one.input), "completion": one.answer, "label": one.label}
        for one in rated
        if one.label is not None
    ]


def by_question(rated: Iterable[Opinion]) -> dict[tuple[str, str], dict[bool, list[str]]]:
    """(instruction, input) -> {True: liked answers, False: disliked ones}, the clearest opinion first."""
    sides: dict[tuple[str, str], dict[bool, list[str]]] = {}
    for one in sorted(rated, key=lambda one: -abs(one.up - one.down)):
        if one.label is not None:
            sides.setdefault((one.instruction, one.input), {True: [], False: []})[one.label].append(one.answer)
    return sides


def compared_with(record: InstructionRecord, answer: str) -> InstructionRecord:
    """What a rewrite of a voted answer must keep: the record's facts, or those of an answer that says others."""
    return record.model_copy(update={"output": answer}) if lost_meaning(record, answer) else record


def votes_method(rated: Sequence[Opinion], settings: BuildSettings) -> Method:
    """A liked and a disliked answer of each question; if one side is missing, the model rewrites the other.

    A synthetic side is named in the row's "synthetic". A liked answer that is wrong is not used: people vote for voice
    as well as for truth. A record without a usable vote is set aside.
    """
    votes, version = by_question(rated), PROMPT_VERSIONS["rewrite"]
    better, worse = settings.criterion.directions

    def voted(record: InstructionRecord) -> tuple[str | None, str | None]:
        sides = votes.get((record.instruction, record.input), {True: [], False: []})
        liked = [text for text in sides[True] if not answer_problems(record, text, criterion=settings.criterion)]
        return next(iter(liked), None), next(iter(sides[False]), None)

    def make(record: InstructionRecord, ask: RecordingLLM, seed: int) -> Outcome:
        liked, disliked = voted(record)
        notes = {"synthetic": None, "prompt_name": "rewrite", "prompt_version": version}
        if liked and disliked:
            return Outcome(liked, disliked, notes=notes)
        if not (liked or disliked):
            return Outcome(problems=("no vote: nobody liked a right answer or disliked one",), notes=notes)
        prompt = rewrite_prompt(record.instruction, record.input, liked or disliked, worse if liked else better)
        reply = ask_clean(ask, prompt, settings.criterion, seed=seed, **settings.sampling)
        notes["synthetic"] = "rejected" if liked else "chosen"
        # Not strict: the words that made the answer disliked are meant to go.
        compared = compared_with(record, liked or disliked)
        wrong = problems(compared, reply.text, reply.done_reason, strict=False, criterion=settings.criterion)
        if disliked:  # it may have been wrong, and what is chosen must be right
            wrong += [
                one for one in answer_problems(record, reply.text, criterion=settings.criterion) if one not in wrong
            ]
        return Outcome(liked or reply.text, disliked or reply.text, tuple(wrong), notes=notes)

    def identity(record: InstructionRecord) -> tuple:
        return record.instruction, record.input, *voted(record)

    return Method("feedback", version=1, calls=1, make=make, key=(version,), identity=identity)


def simulated_vote(answer: str, criterion: Criterion, rng: random.Random, noise: float = 0.1) -> str | None:
    """SYNTHETIC: the thumb of a person who minds the voice and nothing else. "up", "down", or None for no vote.

    By the criterion's rule, answers in the preferred voice are liked and those in the dispreferred one disliked; every
    other of the first and most of the second get a vote, because people complain more than they praise. Of neutral
    answers one in ten gets a vote, by a coin. `noise`: share of votes that are given the wrong way round.
    """
    level = criterion.level(answer)
    if rng.random() >= {1: 0.8, 2: 0.8, 3: 0.1, 4: 0.5, 5: 0.5}[level]:
        return None
    liked = rng.random() < 0.5 if level == 3 else level > 3
    return "up" if liked != (rng.random() < noise) else "down"
