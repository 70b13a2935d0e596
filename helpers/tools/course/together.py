"""Two facts in one request, and answers as JSON when a person asks for JSON."""

import json
import random

from helpers.files import read_toml
from helpers.tools.course import people
from helpers.tools.course.families import fill_pattern
from helpers.tools.course.parts import toml_key
from helpers.tools.course.people import Request
from helpers.tools.course.world import WORLD, Question, tidy

PATTERNS = read_toml(WORLD / "together.toml")
SAME_SHARE = 0.5  # how often two facts are of the same thing, where that can be
SHAPES, SHAPE_WEIGHTS = ("any", "list"), (65, 35)
JSON_TWO_SHARE = 0.3
# Kinds of frames that are whole sentences, so that another sentence may follow; people do not greet in between.
SENTENCES = {"ask", "question", "command", "need", "could", "courteous", "indirect", "labelled", "argument", "spoken"}

Asked = tuple[Question, dict[str, str]]  # a family and one of its facts


def patterns(shape: str, part: str) -> list[str]:
    """The patterns of together.toml of that shape and part."""
    return PATTERNS[shape][toml_key(part)]


def sentence(asked: Asked, rng: random.Random, part: str) -> str:
    """A whole request for the fact, as a sentence with its mark."""
    while True:
        kind, text = people.phrase(*asked, rng, part)
        if kind in SENTENCES and text[-1] in "?.!" and text[0].isupper() and not text.endswith(".."):
            return text


def name_of(asked: Asked, rng: random.Random) -> str:
    """A noun phrase for what is asked."""
    question, fact = asked
    return question.fill(rng.choice(question.names), fact)


def siblings(world: dict[str, Question]) -> dict[str, list[Question]]:
    """Families that can be asked about one thing, by their first field."""
    groups: dict[str, list[Question]] = {}
    for question in world.values():
        if question.its:
            groups.setdefault(question.fields[0], []).append(question)
    return {name: group for name, group in groups.items() if len(group) > 1}


def two_of_one(world, rng: random.Random) -> list[Asked] | None:
    """Two facts of one thing, or None if none was found."""
    groups = list(siblings(world).values())
    if not groups:
        return None
    first, second = rng.sample(rng.choice(groups), 2)
    fact, subject = first.draw(rng), first.fields[0]
    facts = [other for other in second.facts if other[subject] == fact[subject]]
    return [(first, fact), (second, facts[0])] if facts else None


def two_of_any(world, rng: random.Random) -> list[Asked]:
    """Two facts of any two families."""
    return [(question, question.draw(rng)) for question in (world[rng.choice(list(world))] for _ in range(2))]


def two_facts(world: dict[str, Question], rng: random.Random, part: str = "train") -> tuple[list[Asked], str, str]:
    """(two facts, the shape of the request, the request), without manners of typing."""
    pair = two_of_one(world, rng) if rng.random() < SAME_SHARE else None
    shape = "same" if pair else rng.choices(SHAPES, SHAPE_WEIGHTS)[0]
    pair = pair or two_of_any(world, rng)
    slots = {"first": name_of(pair[0], rng), "second": name_of(pair[1], rng), "its": pair[1][0].its or "it"}
    slots |= {"one": sentence(pair[0], rng, part), "two": sentence(pair[1], rng, part)}
    return pair, shape, tidy(fill_pattern(rng.choice(patterns(shape, part)), slots))


def joined(pair: list[Asked], shape: str) -> tuple[str, ...]:
    """The right responses: every sentence of the first fact with its like of the second; a list if it was asked for."""
    both = zip(*(question.responses(fact) for question, fact in pair), strict=False)
    return tuple(f"1. {one}\n2. {two}" if shape == "list" else f"{one} {two}" for one, two in both)


def request_two(world, rng: random.Random, part: str = "train", *, known=frozenset()) -> Request:
    """One request for two facts, answered in the order in which they are asked."""
    pair, shape, text = two_facts(world, rng, part)
    questions, facts = zip(*pair, strict=True)
    keys = tuple(question.keys(fact) for question, fact in pair)
    family = "+".join(question.name for question in questions)
    as_typed = people.typed(text, rng, part, facts=facts, questions=questions, known=known)
    return Request(as_typed, text, family, f"two, {shape}", keys, joined(pair, shape))


def value(asked: Asked) -> int | str:
    """The answer as a value of JSON: a number if it is one."""
    question, fact = asked
    text = fact[question.fields[-1]].split("|")[0]
    return int(text) if text.isdigit() else text


def json_keys(pair: list[Asked], rng: random.Random) -> list[str]:
    """The keys to answer with: the name of the field or of the family, or "answer"; no two are alike."""
    choices = [[question.fields[-1]] * 3 + [question.name, "answer"] for question, _ in pair]
    keys = [rng.choice(choice) for choice in choices]
    return keys if len(set(keys)) == len(keys) else [f"answer_{at}" for at in range(1, len(keys) + 1)]


def request_json(world, rng: random.Random, part: str = "train", *, known=frozenset()) -> Request:
    """A request for one fact or two that is to be answered as JSON with given keys."""
    if rng.random() < JSON_TWO_SHARE:
        pair, shape, ask = two_facts(world, rng, part)
    else:
        pair = two_of_any(world, rng)[:1]
        shape, ask = "json", sentence(pair[0], rng, part)
    questions, facts = zip(*pair, strict=True)
    keys = json_keys(pair, rng)
    typed = people.typed(ask, rng, part, facts=facts, questions=questions, known=known, without=("greeting", "thanks"))
    pattern = rng.choice(patterns("json" if len(pair) == 1 else "json_two", part))
    if "\n" in ask:  # a list ends before the next sentence begins
        pattern = pattern.replace("{ask} ", "{ask}\n").replace(" {ask}", "\n{ask}")
    # manners touch the request, not the keys
    plain, text = (pattern.format(ask=written, key=keys[0], other=keys[-1]) for written in (ask, typed))
    response = json.dumps(dict(zip(keys, map(value, pair), strict=True)), ensure_ascii=False)
    answer_keys = tuple(question.keys(fact) for question, fact in pair)
    family = "+".join(question.name for question in questions)
    return Request(text, plain, family, f"json, {shape}", answer_keys, (response,))
