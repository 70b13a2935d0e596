"""Make data/instruction-data.json from the facts and the phrasings.

Run it with: python3 -m helpers.tools.course.instruction_data
"""

import random
from functools import lru_cache
from pathlib import Path

from helpers.files import DATA, CourseError, shown, write_json
from helpers.tools.course.families import FAMILIES, Family

SHIPPED = 16  # facts of each family that are in the file; the facts after them are the reserve
TRAIN_PHRASINGS = 4  # training phrasings in which each fact appears


def record(family: Family, index: int, phrasing: int, split: str) -> dict:
    """The fact with this index, asked in this phrasing."""
    item = family.items[index]
    output = family.outputs[index // 2 % len(family.outputs)]
    return {
        "instruction": family.fill(family.phrasings[phrasing], item),
        "input": family.fill(family.input, item),
        "output": family.fill(output, item),
        "task": family.name,
        "phrasing": phrasing,
        "answer": [family.fill(family.answer, item)],
        "split": split,
    }


def records(seed: int = 0) -> list[dict]:
    """The shipped records: each fact in four training phrasings (train) and in a held-out one (test)."""
    rows = []
    for family in FAMILIES:
        trained, held_out = family.trained(), family.held_out()
        for index in range(SHIPPED):
            for offset in range(TRAIN_PHRASINGS):
                rows.append(record(family, index, trained[(index + 2 * offset) % len(trained)], "train"))
            rows.append(record(family, index, held_out[index % len(held_out)], "test"))
    random.Random(seed).shuffle(rows)
    return rows


def reserve_records(seed: int = 0) -> list[dict]:
    """Facts that the file does not contain, each in one training phrasing drawn with the seed."""
    rng = random.Random(seed)
    return [
        record(family, index, rng.choice(family.trained()), "reserve")
        for family in FAMILIES
        for index in range(SHIPPED, len(family.items))
    ]


@lru_cache(maxsize=1)
def _ids() -> dict[tuple[str, str], str]:
    ids = {}
    for family in FAMILIES:
        for index, item in enumerate(family.items):
            for phrasing in range(len(family.phrasings)):
                row = record(family, index, phrasing, "")
                ids[row["instruction"], row["input"]] = "/".join((family.name, *item))
    return ids


def fact_id(record: dict) -> str:
    """Which fact a record asks for, the same for all its phrasings: 'capital/Greece/Athens'.

    Raises CourseError if the course does not ask this question.
    """
    key = record["instruction"], record["input"]
    if key not in _ids():
        raise CourseError(
            f"The course has no fact for {key[0]!r} with input {key[1]!r}. Only its own records have one."
        )
    return _ids()[key]


def write(path=DATA / "instruction-data.json", seed: int = 0) -> Path:
    """Write the shipped file. The same seed gives the same bytes."""
    return write_json(path, records(seed))


def main(argv=None):
    """Make data/instruction-data.json again."""
    print(f"{len(records())} records written to {shown(write())}")


if __name__ == "__main__":
    main()
