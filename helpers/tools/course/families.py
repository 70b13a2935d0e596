"""What the course asks and how: the task families of data/course/families.toml, read and checked."""

import random
from dataclasses import dataclass

from helpers.files import DATA, CourseError, read_toml

FAMILY_FILE = DATA / "course" / "families.toml"
PLAINEST = 4  # the first phrasings of a family are the plainest ways to ask; they are always trained on


class Field(str):
    """A piece of text that knows the format specifications a, A, C and last."""

    def __format__(self, spec: str) -> str:
        text = str(self)
        article = "an" if text[0] in "aeiou" else "a"
        forms = {"": text, "a": f"{article} {text}", "A": f"{article.capitalize()} {text}"}
        forms |= {"C": text[0].upper() + text[1:], "last": text.split()[-1]}
        if spec not in forms:
            raise ValueError(f"unknown format {spec!r} for {text!r}")
        return forms[spec]


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
        return pattern.format(**dict(zip(self.fields, map(Field, fact), strict=True)))


FAMILIES = [Family(name, **table) for name, table in read_toml(FAMILY_FILE).items()]
