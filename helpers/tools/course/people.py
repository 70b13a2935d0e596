"""Requests about the wide world in the language of people, each with its answer key and its right responses.

`request` picks a family, a fact, a way to ask (a request of the family's own, or a frame around a noun phrase) and
manners of typing. `part` says from what: "train" and "held out" have no way to ask in common.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from helpers.files import read_toml
from helpers.records import contains_answer
from helpers.tools.course import keyboard
from helpers.tools.course.families import fill_pattern
from helpers.tools.course.parts import check_part, of_part, toml_key
from helpers.tools.course.world import WORLD, Question, tidy

FRAMES = read_toml(WORLD / "frames.toml")
OWN_ASKS = "ask"  # the kind of a request that no frame made
OWN_SHARE = 0.35  # how often a family asks in its own words
ASK_EVERY = 6  # every sixth of a family's own requests is held out
KEEPS_CASE = {"symbol_element"}  # CO is not Co
FRAGILE_TABLES = {"numbers", "units", ""}  # no slip falls on the words of their facts, nor on chemical symbols


@dataclass(frozen=True)
class Request:
    """What somebody typed, and how to tell whether it was served."""

    text: str  # as it was typed
    plain: str  # the same without manners of typing
    family: str
    kind: str  # the kind of its frame, or "ask"
    keys: tuple[tuple[str, ...], ...]  # of each of these groups a right answer contains one
    responses: tuple[str, ...]  # whole right answers

    def is_answered_by(self, response: str) -> bool:
        """True if the response holds one string of every group of keys. ValueError if there are no keys."""
        if not self.keys:
            raise ValueError(f"a request of the family {self.family!r} has no answer key")
        return all(any(contains_answer(response, [key]) for key in group) for group in self.keys)


def frames(part: str) -> list[tuple[str, str]]:
    """(kind, frame) for all frames of the part. CourseError for another part."""
    check_part(part)
    key = toml_key(part)
    return [(kind, frame) for kind, lists in FRAMES.items() for frame in lists.get(key, ())]


def wrap(frame: str, name: str) -> str:
    """The frame around a noun phrase."""
    return tidy(fill_pattern(frame, {"name": name}))


def phrasings(question: Question, fact: dict[str, str], part: str) -> Iterator[tuple[str, str]]:
    """(kind, request) for every way to ask for the fact, before manners of typing."""
    for ask in of_part(question.asks, part, ASK_EVERY):
        yield OWN_ASKS, tidy(question.fill(ask, fact))
    names = [question.fill(name, fact) for name in question.names]
    yield from ((kind, wrap(frame, name)) for kind, frame in frames(part) for name in names)


def framed(name: str, rng: random.Random, part: str) -> tuple[str, str]:
    """(kind, request): one frame around the noun phrase, all kinds alike."""
    key = toml_key(part)
    kind = rng.choice([kind for kind, lists in FRAMES.items() if key in lists])
    return kind, wrap(rng.choice(FRAMES[kind][key]), name)


def phrase(question: Question, fact: dict[str, str], rng: random.Random, part: str) -> tuple[str, str]:
    """(kind, request): one way to ask for the fact."""
    if rng.random() < OWN_SHARE:
        return OWN_ASKS, tidy(question.fill(rng.choice(of_part(question.asks, part, ASK_EVERY)), fact))
    return framed(question.fill(rng.choice(question.names), fact), rng, part)


def fact_words(*facts: dict[str, str]) -> frozenset[str]:
    """The words of the facts in small letters."""
    words = (keyboard.bare_word(word) for fact in facts for text in fact.values() for word in text.split())
    return frozenset(filter(None, words))


def typed(
    text: str, rng: random.Random, part: str, *, facts=(), questions=(), known=frozenset(), keep=(), without=()
) -> str:
    """The request as somebody types it.

    `facts` and `questions` are what it asks for, `known` the words that no slip may make, `keep` more words to spare,
    `without` manners to leave out.
    """
    fragile = any(q.table in FRAGILE_TABLES or q.name in KEEPS_CASE for q in questions)
    keeps_case = any(q.name in KEEPS_CASE for q in questions)
    spared = fact_words(*facts) | frozenset(map(keyboard.bare_word, keep))
    draft = keyboard.Draft(text, rng, part, spared, known, fragile or bool(keep), keeps_case)
    return keyboard.type_like(draft, [name for name in keyboard.choose(rng, part) if name not in without])


def request(
    world: dict[str, Question],
    rng: random.Random,
    part: str = "train",
    *,
    family: str | None = None,
    fact: dict[str, str] | None = None,
    known=frozenset(),
    plain: bool = False,
) -> Request:
    """One request for one fact: of any family, or of the family and the fact that are given.

    `known` is world.known_words(world), made once; `plain` leaves out the manners of typing.
    """
    question = world[family or rng.choice(list(world))]
    fact = fact or question.draw(rng)
    kind, text = phrase(question, fact, rng, part)
    as_typed = text if plain else typed(text, rng, part, facts=[fact], questions=[question], known=known)
    return Request(as_typed, text, question.name, kind, (question.keys(fact),), question.responses(fact))
