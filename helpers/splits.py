"""One split for the whole course: by fact, so that what is held out has not been learned in other words.

Four phrasings of a question have the same answer. A model that has trained on three of them knows the fourth one's
answer by heart, so all rows about a fact belong to one part. What "one fact" means is read from the rows, whatever they
are about: rows that share a question or a whole answer belong together, and so do the rows that these share one with.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from helpers.files import CourseError
from helpers.records import fingerprint, question

APART = re.compile(r"[^\s.,;:!?'\"“”‘’…]+")


class Split(NamedTuple):
    """Indices of the rows to train on, of those on which everything is chosen, and of those that only report."""

    train: list[int]
    validation: list[int]
    test: list[int]


class Shared(NamedTuple):
    """A text that a row has in common with a row of another part."""

    row: int
    other: int  # the first row of the other part that has it
    kind: str  # what it is in `row`: "question", "neutral answer" or "side"
    text: str


def _texts(record: dict) -> Iterator[tuple[str, str]]:
    """(kind, text) of what ties a record to others: its question, its neutral answer, and its two sides."""
    yield "question", question(record["instruction"], record.get("input") or "")
    for kind, key in (("neutral answer", "output"), ("side", "chosen"), ("side", "rejected")):
        if (record.get(key) or "").strip():
            yield kind, record[key]


def _text_key(kind: str, text: str) -> str:
    """Equal for texts that are the same up to case, spaces and punctuation; a question is no answer."""
    return fingerprint(kind == "question", APART.findall(text.casefold()) or text.strip())


def fact_groups(records: Sequence[dict]) -> list[list[int]]:
    """The indices of the rows, those about one fact together, in the order of each group's first row.

    Rows are connected if they share a question (instruction and input), a neutral `output` or a whole side; the groups
    are the connected components, found by union-find.
    """
    parent, first, groups = list(range(len(records))), {}, {}

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    for row, record in enumerate(records):
        for kind, text in _texts(record):
            parent[root(row)] = root(first.setdefault(_text_key(kind, text), row))
    for row in range(len(records)):
        groups.setdefault(root(row), []).append(row)
    return list(groups.values())


def split_by_fact(records: Sequence[dict], validation: float = 0.1, test: float = 0.1, seed: int = 0) -> Split:
    """Split records (dicts with instruction, input, output, chosen, rejected) so that no fact is in two parts.

    validation, test: shares of the rows, 0 for a part that is not needed. Each part that is gets a group at least,
    however few there are, and else as many as fit into its share. Depends on the texts and the seed, not on the order
    of the rows. Raises CourseError for shares that leave nothing to train on, or if the rows make too few groups; then
    it names the text that ties them.
    """
    if min(validation, test) < 0 or not validation + test < 1:
        raise CourseError(
            f"The shares of validation ({validation}) and test ({test}) must be 0 or more and leave rows to train on. "
            "Take 0.1 for each."
        )
    groups = fact_groups(records)
    needed = 1 + (validation > 0) + (test > 0)
    if len(groups) < needed:
        raise CourseError(_too_few(records, groups, needed))
    # By a hash of the texts: a shuffled file has the same parts.
    groups.sort(key=lambda rows: fingerprint(seed, min(_text_key(*next(_texts(records[row]))) for row in rows)))
    drawn = {}
    for part, share in (("test", test), ("validation", validation)):
        needed -= share > 0
        drawn[part], groups = _draw(groups, share * len(records), len(groups) - needed)
    return Split(*(sorted(chain(*part)) for part in (groups, drawn["validation"], drawn["test"])))


def split_like(others: Sequence[dict], records: Sequence[dict], split: Sequence[Sequence[int]]) -> Split:
    """Indices of `others` in each part of a split of `records`: a row goes where the records about its fact are.

    A fact of which there is no record goes to the training part. A row that ties records of two parts together is in
    none: whichever it were in, it would give away something of the other.
    """
    part_of = {row: name for name, rows in zip(Split._fields, split, strict=False) for row in rows}
    drawn = {name: [] for name in Split._fields}
    for group in fact_groups([*records, *others]):
        parts = {part_of[row] for row in group if row in part_of} or {"train"}
        if len(parts) == 1:
            drawn[parts.pop()] += [row - len(records) for row in group if row >= len(records)]
    return Split(*map(sorted, drawn.values()))


def _draw(groups: list[list[int]], room: float, most: int) -> tuple[list, list]:
    """(drawn, left): at most `most` groups of `room` rows in all; if each is larger than that, the smallest one."""
    room = room and max(room, min(map(len, groups)))
    drawn, left = [], []
    for rows in groups:
        fits = len(rows) <= room and len(drawn) < most
        room -= len(rows) * fits
        (drawn if fits else left).append(rows)
    return drawn, left


def _too_few(records: Sequence[dict], groups: list[list[int]], needed: int) -> str:
    """How many facts the rows are about, and the text that ties most of them."""
    keys = {}
    for row in max(groups, key=len, default=[]):
        for key, words in {_text_key(*words): words for words in _texts(records[row])}.items():
            keys.setdefault(key, []).append(words)
    tie = max(keys.values(), key=len, default=[])
    facts = "one fact" if len(groups) == 1 else f"{len(groups)} different facts"
    message = f"{len(records)} rows cannot be split into {needed} parts: they are about {facts}"
    if len(tie) < 2:
        return f"{message}. Bring more rows."
    kind, text = tie[0]
    return (
        f"{message}, for rows that share a question or an answer belong together, and {len(tie)} of them share the "
        f'{kind} "{" ".join(text.split())[:60]}". Bring rows about other facts, or remove those that say this.'
    )


def shared(records: Sequence[dict], one: Sequence[int], other: Sequence[int]) -> list[Shared]:
    """What the rows `other` have in common with the rows `one`: a question, a neutral answer, a side."""
    first = {_text_key(*text): row for row in reversed(one) for text in _texts(records[row])}  # earlier rows overwrite
    return [
        Shared(row, first[_text_key(kind, text)], kind, text)
        for row in other
        for kind, text in _texts(records[row])
        if _text_key(kind, text) in first
    ]
