"""What a rewrite can be asked to be, as a rule and as a deed: politeness and the manners of manners.py alike."""

import random
import re

from helpers.files import CourseError
from helpers.politeness import POLITENESS
from helpers.politeness.voices import TIERS, politeness, voiced
from helpers.tools.course.manners import POLES, SCALES, in_manner, level_of
from helpers.tools.course.sentences import capitalised, count_words, parse, with_right_articles

DIRECTIONS = (*POLITENESS.directions, *POLES)
OPPOSITE = {one: other for pair in SCALES.values() for one, other in (pair, pair[::-1])}
OPPOSITE |= dict([POLITENESS.directions, POLITENESS.directions[::-1]])
VOICE_TIERS = {"train": TIERS[:1], "held out": TIERS[1:]}
TRIES = 20

Source = tuple[str, str, tuple[str, ...]]  # question, answer sentence, the fact's own words: the answer itself first


def measure(text: str, direction: str) -> int:
    """How much of a direction a text has, by the rules: a level, or a count of words."""
    if direction in POLITENESS.directions:
        return politeness(text) if direction == POLITENESS.better else -politeness(text)
    scale, sign = POLES[direction]
    return sign * (count_words(text) if scale == "length" else level_of(text, scale))


def agrees(direction: str, before: str, after: str) -> bool:
    """True if the rules say that the text went in this direction."""
    return measure(after, direction) > measure(before, direction)


def towards(direction: str, source: Source, rng: random.Random, part: str) -> str:
    """The source's answer in this direction."""
    answer, keep = source[1], source[2][:1]
    if direction in POLITENESS.targets:
        return voiced(answer, POLITENESS.targets[direction], rng, VOICE_TIERS[part])
    return in_manner(answer, direction, rng, part, keep)


def named_answer(source: Source) -> str:
    """What the source's answer is, as one would name it: "the yen", "'went'", "Herman Melville"."""
    parts, answer = parse(source[1]), source[2][0]
    return parts.value if parts and parts.kind == "name" and answer in parts.value else answer


def wrong_answer(source: Source, wrong: Source) -> str:
    """The source's sentence with the answer of another fact of its family, or else that fact's own sentence.

    Raises CourseError if both facts have the same answer.
    """
    if source[2][0].lower() == wrong[2][0].lower():
        raise CourseError(f"{source[2][0]!r} answers both facts, so neither is wrong.")
    for right, other in ((named_answer(source), named_answer(wrong)), (source[2][0], wrong[2][0])):
        places = list(re.finditer(rf"(?<!\w){re.escape(right)}(?!\w)", source[1]))
        if len(places) == 1:
            start, end = places[0].span()
            other = other if start else capitalised(other)
            return with_right_articles(source[1][:start] + other + source[1][end:])
    return wrong[1]
