"""Requests of every sort that the course models decline; their words come from the tables of what these answer."""

import random
from functools import cache

from helpers.files import read_toml
from helpers.tools.course.computed import ALPHABET, DAYS, MONTHS
from helpers.tools.course.declined import SLOTS, asked_for, filled, typed_and_declined
from helpers.tools.course.parts import of_part
from helpers.tools.course.people import ASK_EVERY, Request
from helpers.tools.course.world import WORLD, read_tables, with_article

FOREIGN = read_toml(WORLD / "foreign.toml")
FOREIGN_GROUPS = FOREIGN["groups"]
COLUMNS = {
    "adjectives": ("adjective", "comparative", "superlative"),
    "cities": ("city",),
    "countries": ("country", "capital", "currency", "language", "demonym"),
    "elements": ("element", "symbol"),
    "meanings": ("definition",),
    "nouns": ("noun", "plural"),
    "numbers": ("words", "ordinal", "roman"),
    "verbs": ("verb", "past", "participle", "ing", "third"),
}
NUMBERS = {
    "digit": range(2, 10),
    "small": range(11, 100),
    "percent": range(1, 100),
    "number": range(100, 2000),
    "large": range(1000, 100_000),
    "year": range(1000, 2031),
}
ODD_VERBS = {"be", "have", "do", "can", "may", "must", "will", "shall"}  # they stand where other verbs cannot


@cache
def foreign_slots() -> dict:
    """The texts, or numbers, that can fill each slot."""
    tables = read_tables()
    columns = {}
    elements = {row["element"] for row in tables["elements"]}
    for table, names in COLUMNS.items():
        rows = [row for row in tables[table] if row.get("verb") not in ODD_VERBS and row.get("noun") not in elements]
        for name in names:
            columns[name] = list(dict.fromkeys(with_article(name, row[name]) for row in rows if row[name]))
    return {**SLOTS, **columns, **NUMBERS, "day": DAYS, "month": MONTHS, "letter": ALPHABET, **FOREIGN["slots"]}


@cache
def skeletons(part: str) -> list[tuple[str, str, str]]:
    """(group, "topics" or "requests", pattern) of everything that belongs to the part, with the slots open."""
    found = []
    for name, group in FOREIGN_GROUPS.items():
        for key in ("topics", "requests"):
            patterns = group.get(key, [])
            if not group.get("held_out"):
                patterns = of_part(patterns, part, ASK_EVERY)
            elif part != "held out":
                patterns = []
            found += [(name, key, pattern) for pattern in patterns]
    return found


def request_foreign(rng: random.Random, part: str = "train", *, wordings="train") -> Request:
    """A request of any group, all skeletons alike, and a refusal; `wordings` is the part that this is taken from."""
    name, key, pattern = rng.choice(skeletons(part))
    group = FOREIGN_GROUPS[name]
    text = filled(pattern, rng, foreign_slots())
    plain, topic = (asked_for(group, text, rng, part), text) if key == "topics" else (text, "")
    typed, response = typed_and_declined(group, plain, topic, rng, part, wordings)
    return Request(typed, plain, "declined", name, (), (response,))
