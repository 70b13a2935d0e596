"""What the packages get wrong or the course leaves out: data/course/world/corrections.toml."""

import re
from functools import cache

from helpers.files import read_toml
from helpers.tools.course.world import WORLD


@cache
def corrections() -> dict:
    """The tables of corrections; the head of the file explains them."""
    return read_toml(WORLD / "corrections.toml")


@cache
def stop_list() -> frozenset[str]:
    return frozenset(word for line in corrections()["stop"].values() for word in line.split())


def stopped(text: str) -> bool:
    """Does it hold a word of the stop list, itself or with a plain ending?"""
    return any(stem in stop_list() for word in re.findall("[a-z]+", text.lower()) for stem in stems(word))


def stems(word: str) -> set[str]:
    """The word and what is left without -s, -es, -d, -ed or -ing."""
    cut = {word.removesuffix(ending) for ending in ("s", "es", "ed", "d", "ing")}
    return cut | {word}


@cache
def words_of(table: str, key: str) -> frozenset[str]:
    """The words of an entry of the corrections."""
    return frozenset(corrections()[table][key].split())
