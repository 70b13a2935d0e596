"""The instruction data of the course, from its facts and phrasings: `python3 -m helpers data instruction-data`."""

import random
from functools import cache
from pathlib import Path

from helpers.files import DATA, CourseError, display_path, write_json
from helpers.tools.course.families import FAMILIES, Family

TRAIN_PHRASINGS = 4  # training phrasings in which each fact appears


def asked_fact(family: Family, index: int, phrasing: int, split: str) -> dict:
    """The record of one fact in one phrasing; `index` counts the family's facts and then its reserve.

    What is asked to measure a model has all the sentences that answer it; what is trained on has its output only.
    """
    fact = (family.facts + family.reserve)[index]
    sentences = list(dict.fromkeys(family.fill(pattern, fact) for pattern in family.outputs))
    return {
        "instruction": family.fill(family.phrasings[phrasing], fact),
        "input": family.fill(family.input, fact),
        "output": family.fill(family.outputs[index // 2 % len(family.outputs)], fact),
        "task": family.name,
        "phrasing": phrasing,
        "answer": [family.fill(family.answer, fact)],
        "split": split,
    } | ({"sentences": sentences} if split in ("validation", "test") else {})


def shipped_records(seed: int = 0) -> list[dict]:
    """Each fact in four training phrasings (train) and in two that are held out, one for validation and one for test.

    The order is drawn with the seed; the validation records stand at the end.
    """
    rows, validation = [], []
    for family in FAMILIES:
        trained, (chosen_on, reported_on) = family.trained(), family.held_out()
        for index in range(len(family.facts)):
            for offset in range(TRAIN_PHRASINGS):
                rows.append(asked_fact(family, index, trained[(index + 2 * offset) % len(trained)], "train"))
            rows.append(asked_fact(family, index, reported_on, "test"))
            validation.append(asked_fact(family, index, chosen_on, "validation"))
    rng = random.Random(seed)
    rng.shuffle(rows)
    rng.shuffle(validation)
    return rows + validation


def reserve_records(seed: int = 0) -> list[dict]:
    """Facts that the file does not contain, each in one training phrasing drawn with the seed."""
    rng = random.Random(seed)
    return [
        asked_fact(family, len(family.facts) + number, rng.choice(family.trained()), "reserve")
        for family in FAMILIES
        for number in range(len(family.reserve))
    ]


@cache
def fact_ids() -> dict[tuple[str, str], str]:
    """{(instruction, input): fact} for all that the course can ask."""
    ids = {}
    for family in FAMILIES:
        for fact in family.facts + family.reserve:
            text = family.fill(family.input, fact)
            ids |= {(family.fill(ask, fact), text): "/".join((family.name, *fact)) for ask in family.phrasings}
    return ids


def fact_id(record: dict) -> str:
    """Which fact a record asks for, the same for all its phrasings: 'capital/Greece/Athens'.

    Raises CourseError if the course does not ask this question.
    """
    key = record["instruction"], record["input"]
    if key not in fact_ids():
        raise CourseError(
            f"The course has no fact for {key[0]!r} with input {key[1]!r}. Only its own records have one."
        )
    return fact_ids()[key]


def write_instruction_data(path=DATA / "instruction-data.json", seed: int = 0) -> Path:
    """Write the shipped file. The same seed gives the same bytes."""
    return write_json(path, shipped_records(seed))


def make_instruction_data(arguments: list[str]) -> None:
    """Make data/instruction-data.json again."""
    print(f"{len(shipped_records())} records written to {display_path(write_instruction_data())}")
