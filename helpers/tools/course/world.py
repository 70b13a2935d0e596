"""The wide world of the course models: the families of data/course/world/families.toml with the facts of its tables.

A fact is a dict from the names of a family's fields to texts. Where several answers are right (synonyms), they stand in
one text, separated by "|", the best first.
"""

import csv
import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from helpers.files import DATA, CourseError, read_toml, reading
from helpers.tools.course import computed
from helpers.tools.course.families import article, fill_pattern

WORLD = DATA / "course" / "world"
AMOUNTS = range(1, 13)  # how many of a unit are converted
MANY = "synonyms", "antonyms"  # columns that hold several answers
# Tables that begin with what is commonest, or smallest.
COMMON_FIRST = "adjectives", "antonyms", "cities", "meanings", "nouns", "numbers", "synonyms", "verbs"

# Countries whose names need the article in a sentence; the table has them without.
WITH_THE = {
    *("Bahamas", "Central African Republic", "Comoros", "Congo", "Czech Republic", "Democratic Republic of the Congo"),
    *("Dominican Republic", "Federated States of Micronesia", "Gambia", "Holy See", "Ivory Coast", "Maldives"),
    *("Marshall Islands", "Netherlands", "Philippines", "Republic of the Congo", "Seychelles", "Solomon Islands"),
    *("United Arab Emirates", "United Kingdom", "United States", "United States of America"),
}


@dataclass(frozen=True)
class Question:
    """A family of questions: how its thing is named, asked for and answered, and its facts."""

    name: str
    fields: list[str]  # the last one is asked for
    names: list[str]
    asks: list[str]
    sentences: list[str]
    answer: str
    table: str = ""
    its: str = ""
    columns: tuple[str, ...] = ()
    facts: tuple[dict[str, str], ...] = ()  # empty where they are computed without end
    words: tuple[str, ...] = ()  # what computed questions about words are made of

    def draw(self, rng: random.Random) -> dict[str, str]:
        """One fact. Of tables that begin with the commonest, the first quarter as often as all the rest."""
        if self.facts:
            return self.facts[int(len(self.facts) * rng.random() ** (2 if self.table in COMMON_FIRST else 1))]
        return dict(zip(self.fields, computed.draw(self.name, rng, self.words), strict=True))

    def fill(self, pattern: str, fact: dict[str, str]) -> str:
        """The pattern with the best values of the fact in it."""
        return fill_pattern(pattern, {name: text.split("|")[0] for name, text in fact.items()})

    def keys(self, fact: dict[str, str]) -> tuple[str, ...]:
        """Strings of which a right answer must contain one."""
        asked = self.fields[-1]
        return tuple(self.fill(self.answer, fact | {asked: text}) for text in fact[asked].split("|"))

    def responses(self, fact: dict[str, str]) -> tuple[str, ...]:
        """The sentences that answer the fact."""
        return tuple(tidy(self.fill(pattern, fact)) for pattern in self.sentences)


def tidy(text: str) -> str:
    """The text without a full stop after the full stop of an abbreviation."""
    return text.replace("D.C..", "D.C.")


def read_tables(folder=WORLD) -> dict[str, list[dict[str, str]]]:
    """The rows of every CSV file in the folder, by file name. CourseError if one is not UTF-8."""
    tables = {}
    for path in sorted(Path(folder).glob("*.csv")):
        with reading(path), path.open(encoding="utf-8", newline="") as file:
            tables[path.stem] = list(csv.DictReader(file))
    return tables


def with_article(field: str, text: str) -> str:
    """The name as it stands in a sentence: some countries have "the"."""
    return f"the {text}" if field == "country" and text in WITH_THE else text


def table_facts(name: str, fields, columns, rows) -> tuple[dict[str, str], ...]:
    """One fact for each key (all fields but the last); rows that contradict each other about a key are left out.

    CourseError if a row lacks a column.
    """
    answers: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if any(row.get(column) is None for column in columns):
            raise CourseError(f"The table of [{name}] needs the columns {list(columns)}; a row has {row}.")
        *key, answer = (with_article(f, row[c].strip()) for f, c in zip(fields, columns, strict=True))
        if answer and all(key):
            answers.setdefault(tuple(key), []).append(answer)
    if columns[-1] in MANY:
        merged = {key: "|".join(dict.fromkeys("|".join(texts).split("|"))) for key, texts in answers.items()}
    else:
        merged = {key: texts[0] for key, texts in answers.items() if len(set(texts)) == 1}
    return tuple(dict(zip(fields, (*key, answer), strict=True)) for key, answer in merged.items())


def unit_facts(rows) -> tuple[dict[str, str], ...]:
    """Conversions of 1 to 12 of each unit whose factor is a whole number."""
    facts = []
    for row in rows:
        for count in AMOUNTS if row["factor"].isdigit() else ():
            one = f"{article(row['unit'])} {row['unit']}"
            amount = one if count == 1 else f"{count} {row['plural']}"
            facts.append({"amount": amount, "smaller": row["smaller_plural"], "total": str(count * int(row["factor"]))})
    return tuple(facts)


def plain_words(tables) -> tuple[str, ...]:
    """The nouns of three to ten small letters a to z: those are sorted and counted."""
    nouns = (row["noun"] for row in tables.get("nouns", ()))
    return tuple(dict.fromkeys(n for n in nouns if n.isascii() and n.isalpha() and n.islower() and 2 < len(n) <= 10))


def read_world(folder=WORLD, families=WORLD / "families.toml") -> dict[str, Question]:
    """The families whose facts can be had: those of the tables in the folder, and the computed ones."""
    tables = read_tables(folder)
    words = plain_words(tables)
    world = {}
    for name, entry in read_toml(families).items():
        fields, columns = entry["fields"], entry.get("columns", entry["fields"])
        question = partial(Question, name, **{**entry, "columns": tuple(columns)})
        if name == "unit_conversion":
            facts = unit_facts(tables.get("units", ()))
        else:
            facts = table_facts(name, fields, columns, tables.get(entry["table"], ()))
        if facts:
            world[name] = question(facts=facts)
        elif not entry["table"] and (len(words) > 3 or name not in ("sorting_words", "letters_in", "first_letter")):
            world[name] = question(words=words)
    return world


def known_words(world: dict[str, Question]) -> set[str]:
    """Every word of every fact of the tables, in small letters: a slip of the keyboard must not make one of them."""
    texts = (text for question in world.values() for fact in question.facts for text in fact.values())
    return {word.lower() for text in texts for word in text.replace("|", " ").split()}
