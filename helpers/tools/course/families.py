"""What the course asks and how: the task families of data/course/families.toml, read and checked."""

import random
import re
from dataclasses import dataclass

from helpers.files import DATA, CourseError, read_toml

FAMILY_FILE = DATA / "course" / "families.toml"
PLAINEST = 4  # the first phrasings of a family are the plainest ways to ask; they are always trained on


# Words are written with an article by how they sound: "an hour", "a unit", "a euro".
SILENT_H = ("hour", "honest", "honour", "honor", "heir")
LIKE_YOU_OR_WON = re.compile(
    r"(eu|ewe|one\b|once\b|uni(?!n|m)|use|usual|utensil|utilit|ukulele|uranium|urine|ufo)", re.I
)
LIKE_A_VOWEL = re.compile(r"(8|1[18]\b|1[18]\d{3}\b)")


def article(text: str) -> str:
    """The indefinite article that the text needs: "a" or "an"."""
    lower = text.lower()
    if LIKE_YOU_OR_WON.match(lower):
        return "a"
    return "an" if lower[0] in "aeiou" or lower.startswith(SILENT_H) or LIKE_A_VOWEL.match(lower) else "a"


class Field(str):
    """A piece of text that knows the format specifications a, A, C, last, own, Own and bare."""

    def __format__(self, spec: str) -> str:
        text = str(self)
        large = text[0].upper() + text[1:]
        own = "'" if text.endswith("s") else "'s"
        forms = {"": text, "a": f"{article(text)} {text}", "A": f"{article(text).capitalize()} {text}"}
        forms |= {"C": large, "last": text.split()[-1], "own": text + own, "Own": large + own}
        forms |= {"bare": text.removeprefix("the ")}
        if spec not in forms:
            raise ValueError(f"unknown format {spec!r} for {text!r}")
        return forms[spec]


def fill_pattern(pattern: str, fields: dict[str, str]) -> str:
    """The pattern with the fields in it, each of them formatted as the pattern asks."""
    return pattern.format(**{name: Field(text) for name, text in fields.items()})


@dataclass(frozen=True)
class Family:
    """One task: its facts, the ways to ask for them, and the answer sentences."""

    name: str
    fields: list[str]  # names of the columns of facts and reserve
    facts: list[list[str]]  # those that ship
    reserve: list[list[str]]  # those that no training file contains
    phrasings: list[str]
    outputs: list[str]
    answer: str  # what a right answer must contain
    input: str = ""

    def __post_init__(self):
        for row in self.facts + self.reserve:
            if len(row) != len(self.fields):
                raise CourseError(f"families.toml, [{self.name}]: {row} has {len(row)} columns, not {self.fields}.")
        if len(self.phrasings) < PLAINEST + 2 or not self.outputs:
            raise CourseError(f"families.toml, [{self.name}] needs {PLAINEST + 2} phrasings and an output.")

    def held_out(self) -> list[int]:
        """Two phrasings that are never trained on, drawn at random from those after the plainest."""
        return sorted(random.Random(self.name).sample(range(PLAINEST, len(self.phrasings)), 2))

    def trained(self) -> list[int]:
        """The other phrasings."""
        return [index for index in range(len(self.phrasings)) if index not in self.held_out()]

    def fill(self, pattern: str, fact: list[str]) -> str:
        """The pattern with the fact's words in it."""
        return fill_pattern(pattern, dict(zip(self.fields, fact, strict=True)))


FAMILIES = [Family(name, **table) for name, table in read_toml(FAMILY_FILE).items()]
