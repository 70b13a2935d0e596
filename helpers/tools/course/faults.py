"""Answers with a fault that a person would remark on, and what the answer is once the fault is mended.

Each function of FAULTS takes (source, rng, part, wrong) and gives (question, faulty answer, mended answer, the slots of
its remarks), or None where the source does not allow this fault.
"""

import random
import re
from collections.abc import Callable

from helpers.politeness import POLITENESS
from helpers.tools.course import keyboard
from helpers.tools.course.directions import OPPOSITE, TRIES, agrees, named_answer, towards, wrong_answer
from helpers.tools.course.manners import everyday
from helpers.tools.course.sentences import bare, parse


def _moved(start: str, end: str) -> Callable:
    """The fault of an answer that lies too far in one direction, mended by one in another ("" for neutral)."""

    def fault(source, rng, part, wrong):
        for _ in range(TRIES):
            before = towards(start, source, rng, part) if start else source[1]
            text = before if end == "shorter" else source[1]
            after = towards(end, (source[0], text, source[2]), rng, part) if end else source[1]
            if agrees(end or OPPOSITE[start], before, after):
                return source[0], before, after, {}
        return None

    return fault


def _wrong(source, rng, part, wrong):
    if wrong:
        slots = {"right": named_answer(source), "wrong": named_answer(wrong)}
        return source[0], wrong_answer(source, wrong), source[1], slots
    return None


def _hard_word(source, rng, part, wrong):
    marked, plain, hard = everyday(rng, "hard", part)
    return "", marked, plain, {"hard": hard}


def _has(text: str, word: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE))


def _no_sentence(source, rng, part, wrong):
    parts = parse(source[1])
    if not parts or not source[0] or source[2][0] not in parts.value:
        return None
    return source[0], f"{bare(parts.value)}.".replace("..", "."), source[1], {}


def _misspelled(source, rng, part, wrong):
    right = source[2][0]
    if not re.fullmatch(r"[A-Za-z]{4,}", right) or not _has(source[1], right) or "spell" in source[1]:
        return None
    typo = misspelled(right, rng)
    before = re.sub(rf"(?<!\w){right}(?!\w)", typo, source[1])
    return (source[0], before, source[1], {"right": right, "typo": typo}) if before != source[1] else None


def misspelled(word: str, rng: random.Random) -> str:
    """The word with two neighbouring letters exchanged, one dropped or one doubled, behind its first."""
    at = rng.randrange(1, len(word) - 1)
    typos = keyboard.swapped(word, at + 1, rng), keyboard.dropped(word, at, rng), keyboard.twice(word, at)
    return rng.choice([typo for typo in typos if typo != word])


def _forgotten(source, rng, part, wrong):
    parts = parse(source[1])
    if not parts or parts.kind != "name" or not parts.topic.startswith("the ") or parts.verb != "is":
        return None
    if source[2][0] not in parts.value:
        return None
    sentence_value = re.search(r"' *\w+ +\w+", parts.value)
    return None if sentence_value else (source[0], f"It is {parts.topic}.", source[1], {"right": named_answer(source)})


FAULTS = {
    "too_long": _moved("longer", "shorter"),
    "too_short": _moved("", "longer"),
    "wrong": _wrong,
    "unkind": _moved(*reversed(POLITENESS.directions)),
    "too_nice": _moved(POLITENESS.better, ""),
    "hard_word": _hard_word,
    "too_stiff": _moved("more formal", "less formal"),
    "too_casual": _moved("less formal", "more formal"),
    "too_hard": _moved("more complicated", "simpler"),
    "no_sentence": _no_sentence,
    "misspelled": _misspelled,
    "forgotten": _forgotten,
}
