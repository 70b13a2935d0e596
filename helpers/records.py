"""The two kinds of records of the course, and their files: an error names file, record and field."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ValidationError, model_validator

from helpers.files import CourseError, atomic_write, display_path, json_lines, read_json, read_lines

INPUT = "\n\n### Input:\n"
FIVE_KEYS = ("instruction", "input", "output", "chosen", "rejected")
MENDING = {"missing": "is missing", "string_type": "must be text"}


def is_writable(text: str) -> bool:
    """True unless the text holds half of a surrogate pair: JSON can have it as an escape, UTF-8 cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _check_text(text: str) -> str:
    if not is_writable(text):
        raise ValueError("holds a broken character")
    return text


def _check_not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


MaybeEmpty = Annotated[str, AfterValidator(_check_text)]
NotEmpty = Annotated[MaybeEmpty, AfterValidator(_check_not_empty)]


class InstructionRecord(BaseModel, extra="allow", strict=True):
    """A question with its answer. Only the first three keys are needed; unknown keys are kept."""

    instruction: NotEmpty
    input: MaybeEmpty  # "" if the instruction needs none
    output: NotEmpty
    task: str = ""
    phrasing: int | None = None
    answer: list[str] = []  # a right answer contains every one of these
    split: str = "train"
    sentences: list[str] = []  # the whole sentences that answer this fact; only records that measure a model have them


class FiveTexts(BaseModel, extra="allow", strict=True):
    """The five keys of the field, whose texts may be empty or equal: what an audit looks at."""

    instruction: str
    input: str
    output: str
    chosen: str
    rejected: str


class PreferenceRecord(FiveTexts):
    """A question with two answers, one of them preferred."""

    instruction: NotEmpty
    input: MaybeEmpty
    output: NotEmpty
    chosen: NotEmpty
    rejected: NotEmpty

    @model_validator(mode="after")
    def _sides_differ(self):
        if self.chosen.strip() == self.rejected.strip():
            raise ValueError('"chosen" and "rejected" are equal, so nothing is preferred')
        return self


def json_items(path) -> Iterator[tuple[str, Any]]:
    """("record 3 of the list", value) of each value of a JSON list, or ("line 3", value) of a .jsonl file.

    A .jsonl file is read line by line, so it may be larger than memory. Raises CourseError if the file is missing,
    unreadable, not UTF-8, malformed (with its line and column), or no list.
    """
    if Path(path).suffix.lower() in (".jsonl", ".ndjson"):
        yield from ((f"line {number}", value) for number, value in json_lines(path, read_lines(path)))
        return
    first_line = next((line for line in read_lines(path) if line.strip()), "[")
    if not first_line.lstrip().startswith("["):
        raise CourseError(
            f"{display_path(path)} must be a JSON list of records, [{{…}}, {{…}}]. "
            "A file with one record a line must be called .jsonl."
        )
    for number, value in enumerate(read_json(path), start=1):
        yield f"record {number} of the list", value


def json_name(value) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def read_instructions(path) -> Iterator[InstructionRecord]:
    """Instruction records one by one from a JSON list, or from a .jsonl file with one record a line.

    Raises CourseError for bad JSON, a missing or wrong field, or no records at all.
    """
    return read_records(path, InstructionRecord)


def load_instructions(path) -> list[InstructionRecord]:
    """Read instruction records, as `read_instructions` does."""
    return list(read_instructions(path))


def load_preferences(path) -> list[PreferenceRecord]:
    """Read preference records from a JSON list or a .jsonl file. CourseError for bad JSON, a missing or wrong field."""
    return list(read_records(path, PreferenceRecord))


def read_records(path, kind: type[BaseModel]) -> Iterator:
    """Records of this kind one by one from a JSON list or a .jsonl file. CourseError as in `read_instructions`."""
    return _validated(json_items(path), kind, path)


def checked_records(rows: Iterable[BaseModel | dict], kind: type[BaseModel], path=None) -> Iterator:
    """The rows of a list one by one as records of this kind; `path` is the file that they are for, if any.

    Raises CourseError naming the row ("Record 3 of the list"), or if there is none.
    """
    dicts = (row.model_dump() if isinstance(row, BaseModel) else row for row in rows)
    return _validated(((f"record {number} of the list", row) for number, row in enumerate(dicts, start=1)), kind, path)


def save_preferences(path, rows: Iterable[PreferenceRecord | dict]) -> Path:
    """Write exactly the five keys of the field as a JSON list, each row checked: whole or not at all.

    The rows go to the disk one by one, so they may be more than memory holds.
    """
    with atomic_write(path) as file:
        opening = b"[\n"
        for row in checked_records(rows, PreferenceRecord, path):
            text = json.dumps({key: getattr(row, key) for key in FIVE_KEYS}, ensure_ascii=False, indent=2)
            file.write(opening + b"  " + text.replace("\n", "\n  ").encode("utf-8"))
            opening = b",\n"
        file.write(b"\n]\n")
    return Path(path)


def fingerprint(*parts: Any) -> str:
    """Sixteen hexadecimal digits that change whenever one of the parts does."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _validated(named: Iterable[tuple[str, Any]], kind: type[BaseModel], path) -> Iterator:
    """Each value as a record of this kind, or a CourseError that says which of them is wrong, or that there is none."""
    place = None
    for place, row in named:
        try:
            yield kind.model_validate(row)
        except ValidationError as error:
            raise CourseError(_explain(path, place, row, error)) from error
    if place is None:
        raise CourseError(f"{display_path(path) if path else 'The list'} holds no records.")


def _explain(path, place: str, row, error: ValidationError) -> str:
    """ "data/x.json, record 3 ("What is …"): the key "output" is missing. …" """
    first, *more = error.errors()
    where = f"{display_path(path)}, {place}" if path else place.capitalize()
    quoted = f' ("{str(row.get("instruction", ""))[:40]}…")' if isinstance(row, dict) else ""
    others = f" {len(more)} more problems in this record." if more else ""
    return f"{where}{quoted}: {_problem(first, row)}{others} Correct this record."


def _problem(error: dict, row) -> str:
    if not isinstance(row, dict):
        return f'it must be an object {{"instruction": …}}, but is {json_name(row)}.'
    reason = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return f"{reason}."
    key = ".".join(str(part) for part in error["loc"])
    reason = MENDING.get(error["type"], reason)
    if error["type"] == "string_type":
        reason += f", but is {json_name(error['input'])}"
    if key == "input" and error["type"] == "missing":
        reason += ' (write "" if there is none)'
    return f'the key "{key}" {reason}.'


def question(instruction: str, input: str = "") -> str:
    """The instruction, followed by its input if it has one."""
    return instruction + INPUT + input if input else instruction


def one_line_question(instruction: str, input: str = "") -> str:
    """The question as it stands inside another prompt: the input follows on the same line."""
    return f"{instruction} {input}" if input else instruction


def contains_answer(text: str, answer: list[str]) -> bool:
    """True if every string of the answer key stands in the text as whole words, in any case.

    An empty key cannot be checked and counts as missing: ValueError.
    """
    if not answer:
        raise ValueError("the answer key is empty")
    return all(re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text, re.IGNORECASE) for key in answer)
