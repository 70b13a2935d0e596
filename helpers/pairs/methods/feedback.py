"""Thumbs up and down on single answers, and what can be learned from them."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from helpers.files import CourseError
from helpers.gpt.prompt import format_prompt
from helpers.llm.recording import Asker
from helpers.pairs.checks import answer_problems, problems
from helpers.pairs.judgements import latest_votes
from helpers.pairs.method import BuildSettings, Method, Outcome
from helpers.politeness.prompts import VERSIONS, rewrite_prompt
from helpers.politeness.voices import politeness
from helpers.records import InstructionRecord, fingerprint

VERSION = 1


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


def kto_records(found: Iterable[Opinion]) -> list[dict]:
    """Unpaired records {"prompt", "completion", "label"} as KTO (arXiv 2402.01306) takes them; divided opinions are
    left out."""
    return [
        {"prompt": format_prompt(one.instruction, one.input), "completion": one.answer, "label": one.label}
        for one in found
        if one.label is not None
    ]


def by_question(found: Iterable[Opinion]) -> dict[tuple[str, str], dict[bool, list[str]]]:
    """(instruction, input) -> {True: liked answers, False: disliked ones}, the clearest opinion first."""
    sides: dict[tuple[str, str], dict[bool, list[str]]] = {}
    for one in sorted(found, key=lambda one: -abs(one.up - one.down)):
        if one.label is not None:
            sides.setdefault((one.instruction, one.input), {True: [], False: []})[one.label].append(one.answer)
    return sides


def feedback_method(found: Sequence[Opinion], settings: BuildSettings) -> Method:
    """A liked and a disliked answer of each question; if one side is missing, the model rewrites the other.

    A synthetic side is named in the row's "synthetic". A liked answer that is wrong is not used: people vote for tone
    as well as for truth. A record without a usable vote is set aside.
    """
    votes = by_question(found)

    def voted(record: InstructionRecord) -> tuple[str | None, str | None]:
        sides = votes.get((record.instruction, record.input), {True: [], False: []})
        liked = [text for text in sides[True] if not answer_problems(record, text)]
        return next(iter(liked), None), next(iter(sides[False]), None)

    def make(record: InstructionRecord, ask: Asker, seed: int) -> Outcome:
        liked, disliked = voted(record)
        notes = {"synthetic": None, "prompt_name": "rewrite", "prompt_version": VERSIONS["rewrite"]}
        if liked and disliked:
            return Outcome(liked, disliked, notes=notes)
        if not (liked or disliked):
            return Outcome(problems=("no vote: nobody liked a right answer or disliked one",), notes=notes)
        given, direction = (liked, "less polite") if liked else (disliked, "more polite")
        text, wrong = in_other_tone(record, given, direction, ask, settings, seed)
        notes["synthetic"] = "rejected" if liked else "chosen"
        return Outcome(problems=wrong, notes=notes) if wrong else Outcome(liked or text, disliked or text, notes=notes)

    return Method("feedback", VERSION, 1, make, (VERSIONS["rewrite"],), lambda r: (r.instruction, r.input, *voted(r)))


def in_other_tone(
    record: InstructionRecord, answer: str, direction: str, ask: Asker, settings: BuildSettings, seed: int
) -> tuple[str, tuple[str, ...]]:
    """The answer in the other tone, and what is wrong with it: it must hold the facts of the record."""
    prompt = rewrite_prompt(record.instruction, record.input, answer, direction)
    reply = ask.ask(prompt, seed=seed, temperature=settings.temperature, num_predict=settings.num_predict)
    # Not strict: the words that made the answer rude are meant to go.
    return reply.text, tuple(problems(record, reply.text, reply.done_reason, strict=False))


def simulated_vote(answer: str, rng: random.Random, noise: float = 0.1) -> str | None:
    """SYNTHETIC: the thumb of a person who minds the tone and nothing else. "up", "down", or None for no vote.

    By the rule-based measure, polite answers are liked and blunt ones disliked; every other polite one and most blunt
    ones get a vote, because people complain more than they praise. Of neutral answers one in ten gets a vote, by a
    coin. `noise`: share of votes that are given the wrong way round.
    """
    level = politeness(answer)
    if rng.random() >= {1: 0.8, 2: 0.8, 3: 0.1, 4: 0.5, 5: 0.5}[level]:
        return None
    liked = rng.random() < 0.5 if level == 3 else level > 3
    return "up" if liked != (rng.random() < noise) else "down"
