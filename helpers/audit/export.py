"""Preference pairs in the formats of other libraries, and back.

TRL (https://huggingface.co/docs/trl/dataset_formats) takes pairs with an explicit prompt, as strings or as chat
messages, and for KTO single responses with a label. All are JSONL: one object a line.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from helpers.files import CourseError, display_path, write_jsonl
from helpers.gpt.prompt import FOOTER, HEADER, format_prompt
from helpers.records import FIVE_KEYS, INPUT, PreferenceRecord, checked_records, json_items, json_name, question


def to_trl(row: dict) -> dict:
    """Explicit prompt, as strings; the prompt is all that the model sees before it answers."""
    prompt = format_prompt(row["instruction"], row["input"])
    return {"prompt": prompt, "chosen": row["chosen"], "rejected": row["rejected"]}


def to_conversational(row: dict) -> dict:
    """The same as chat messages: the template around the question is left to the tokenizer of the model."""
    return {
        "prompt": [{"role": "user", "content": question(row["instruction"], row["input"])}],
        "chosen": [{"role": "assistant", "content": row["chosen"]}],
        "rejected": [{"role": "assistant", "content": row["rejected"]}],
    }


def to_kto(row: dict) -> list[dict]:
    """Two unpaired responses, a liked and a disliked one (KTO, arXiv 2402.01306)."""
    prompt = format_prompt(row["instruction"], row["input"])
    return [
        {"prompt": prompt, "completion": row["chosen"], "label": True},
        {"prompt": prompt, "completion": row["rejected"], "label": False},
    ]


def save_trl(path, records: Iterable) -> Path:
    """Write {"prompt", "chosen", "rejected"} as strings. CourseError names a record that is no pair."""
    return write_jsonl(path, map(to_trl, _pairs(records)))


def save_conversational(path, records: Iterable) -> Path:
    """Write {"prompt", "chosen", "rejected"} as messages. CourseError names a record that is no pair."""
    return write_jsonl(path, map(to_conversational, _pairs(records)))


def save_kto(path, records: Iterable) -> Path:
    """Write {"prompt", "completion", "label"}, two lines a pair. CourseError names a record that is no pair."""
    return write_jsonl(path, (line for row in _pairs(records) for line in to_kto(row)))


def load_pairs(path, outputs: dict[tuple[str, str], str] | None = None) -> list[dict]:
    """Read explicit-prompt pairs, whose texts are strings or lists of one chat message, as five-key records.

    A prompt in the form of `format_prompt` is taken apart; another one becomes the instruction as a whole. The format
    has no neutral answer: "output" is that of `outputs` for (instruction, input), else the chosen side.
    Raises CourseError for bad JSON, a missing or wrong key, or a file without records.
    """
    records = []
    for place, row in json_items(path):
        where = f"{display_path(path)}, {place}"
        prompt, chosen, rejected = (_one_text(row, key, where) for key in ("prompt", "chosen", "rejected"))
        instruction, given = taken_apart(prompt)
        output = (outputs or {}).get((instruction, given), chosen)
        records.append(dict(zip(FIVE_KEYS, (instruction, given, output, chosen, rejected), strict=True)))
    if not records:
        raise CourseError(f"{display_path(path)} holds no records.")
    return records


def taken_apart(prompt: str) -> tuple[str, str]:
    """(instruction, input) of a prompt made by `format_prompt` or `question`; other texts have no input."""
    if prompt.startswith(HEADER) and prompt.endswith(FOOTER) and len(prompt) > len(HEADER + FOOTER):
        prompt = prompt[len(HEADER) : -len(FOOTER)]
    instruction, _, given = prompt.partition(INPUT)
    return (instruction, given) if instruction and given else (prompt, "")


def _pairs(records: Iterable) -> Iterator[dict]:
    return (row.model_dump() for row in checked_records(records, PreferenceRecord))


def _one_text(row, key: str, place: str) -> str:
    """A text, or the content of the only message in a list."""
    if not isinstance(row, dict):
        raise CourseError(f"{place} must be an object with prompt, chosen and rejected, but is {json_name(row)}.")
    value = row.get(key)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        value = value[0].get("content")
    if not isinstance(value, str) or not value.strip():
        raise CourseError(f'{place}: the key "{key}" must be a text, or a list with one message. Correct it.')
    return value
