"""Preference pairs in the formats of other libraries, and back.

TRL (https://huggingface.co/docs/trl/dataset_formats) takes pairs with an explicit prompt, as strings or as chat
messages, and for KTO single responses with a label. All are JSONL: one object a line.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from helpers.audit.findings import as_rows
from helpers.files import CourseError, shown, written_whole
from helpers.gpt.prompt import FOOTER, HEADER, format_prompt
from helpers.records import INPUT, json_items, json_name, question

Outputs = dict[tuple[str, str], str]  # (instruction, input): the neutral answer


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
    return _write(path, map(to_trl, _pairs(records)))


def save_conversational(path, records: Iterable) -> Path:
    """Write {"prompt", "chosen", "rejected"} as messages. CourseError names a record that is no pair."""
    return _write(path, map(to_conversational, _pairs(records)))


def save_kto(path, records: Iterable) -> Path:
    """Write {"prompt", "completion", "label"}, two lines a pair. CourseError names a record that is no pair."""
    return _write(path, (line for row in _pairs(records) for line in to_kto(row)))


def load_trl(path, outputs: Outputs | None = None) -> list[dict]:
    """Read explicit-prompt pairs as five-key records.

    A prompt in the form of `format_prompt` is taken apart; another one becomes the instruction as a whole. The format
    has no neutral answer: "output" is taken from `outputs` if it is there, else it is the chosen side.
    Raises CourseError for bad JSON, a missing or wrong key, or a file without records.
    """
    return [
        _record(*taken_apart(row["prompt"]), row["chosen"], row["rejected"], outputs)
        for row in _read(path, {"prompt": _text, "chosen": _text, "rejected": _text})
    ]


def load_conversational(path, outputs: Outputs | None = None) -> list[dict]:
    """Read pairs of messages as five-key records; otherwise as `load_trl`.

    Only one question and one answer fit in: CourseError for system messages and for more than one turn.
    """
    keys = {"prompt": _message("user"), "chosen": _message("assistant"), "rejected": _message("assistant")}
    return [
        _record(*_question_apart(row["prompt"]), row["chosen"], row["rejected"], outputs) for row in _read(path, keys)
    ]


def load_kto(path, outputs: Outputs | None = None) -> tuple[list[dict], list[dict]]:
    """Read unpaired responses: five-key records, and the responses that found no partner.

    The first liked response to a prompt is paired with the first disliked one, the second with the second, and so on.
    Raises CourseError as `load_trl` does.
    """
    waiting: dict[str, dict[bool, list[dict]]] = {}
    order: list[tuple[dict, dict]] = []
    for row in _read(path, {"prompt": _text, "completion": _text, "label": _truth}):
        sides = waiting.setdefault(row["prompt"], {True: [], False: []})
        sides[row["label"]].append(row)
        if sides[True] and sides[False]:
            order.append((sides[True].pop(0), sides[False].pop(0)))
    pairs = [
        _record(*taken_apart(liked["prompt"]), liked["completion"], disliked["completion"], outputs)
        for liked, disliked in order
    ]
    return pairs, [row for sides in waiting.values() for rows in sides.values() for row in rows]


def taken_apart(prompt: str) -> tuple[str, str]:
    """(instruction, input) of a prompt made by `format_prompt`; any other text is an instruction without input."""
    if not (prompt.startswith(HEADER) and prompt.endswith(FOOTER) and len(prompt) > len(HEADER + FOOTER)):
        return prompt, ""
    return _question_apart(prompt[len(HEADER) : -len(FOOTER)])


def _question_apart(text: str) -> tuple[str, str]:
    instruction, _, given = text.partition(INPUT)
    return (instruction, given) if instruction and given else (text, "")


def _record(instruction: str, given: str, chosen: str, rejected: str, outputs: Outputs | None) -> dict:
    output = (outputs or {}).get((instruction, given), chosen)
    return {"instruction": instruction, "input": given, "output": output, "chosen": chosen, "rejected": rejected}


def _pairs(records: Iterable) -> Iterator[dict]:
    for number, row in enumerate(as_rows(records), start=1):
        for key in ("instruction", "chosen", "rejected"):
            if not row[key].strip():
                raise CourseError(f'Record {number} of the list: the key "{key}" is empty. Clean the set first.')
        if row["chosen"].strip() == row["rejected"].strip():
            raise CourseError(f"Record {number} of the list has two equal sides. Clean the set first.")
        yield row


def _write(path, rows: Iterable[dict]) -> Path:
    with written_whole(path) as file:
        for row in rows:
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8"))
    return Path(path)


def _read(path, keys: dict[str, Callable]) -> Iterator[dict]:
    """Each line, reduced to these keys; each key's reader returns the value, or raises CourseError for a wrong one."""
    place = None
    for place, row in json_items(path):
        where = f"{shown(path)}, {place}"
        if not isinstance(row, dict):
            raise CourseError(f"{where} must be an object with the keys {', '.join(keys)}, but is {json_name(row)}.")
        if missing := [key for key in keys if key not in row]:
            raise CourseError(f'{where}: the key "{missing[0]}" is missing. This format has {", ".join(keys)}.')
        yield {key: read(row[key], f'{where}: the key "{key}"') for key, read in keys.items()}
    if place is None:
        raise CourseError(f"{shown(path)} holds no records.")


def _text(value, where: str) -> str:
    if not isinstance(value, str):
        raise CourseError(f"{where} must be text, but is {json_name(value)}. Correct it, or read it as messages.")
    if not value.strip():
        raise CourseError(f"{where} is empty. Write a text or remove the line.")
    return value


def _truth(value, where: str) -> bool:
    if not isinstance(value, bool):
        raise CourseError(f"{where} must be true or false, but is {json_name(value)}. Correct it.")
    return value


def _message(role: str) -> Callable:
    """A reader of a list with one message of this role."""

    def content(value, where: str) -> str:
        messages = value if isinstance(value, list) else []
        if len(messages) != 1 or not isinstance(messages[0], dict) or messages[0].get("role") != role:
            raise CourseError(f'{where} must be a list with one message, of the role "{role}". Only one turn fits in.')
        return _text(messages[0].get("content"), f"{where}, content,")

    return content
