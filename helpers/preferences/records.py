"""The two kinds of records of the course, and their files: an error names file, record and field."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator

from helpers.files import CourseError, read_json, shown, write_json

FIVE_KEYS = ("instruction", "input", "output", "chosen", "rejected")
MENDING = {"missing": "is missing", "string_type": "must be text"}


def _writable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # JSON can hold half of a surrogate pair, a file cannot
        raise ValueError("holds a broken character") from None
    return text


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


MaybeEmpty = Annotated[str, AfterValidator(_writable)]
Text = Annotated[MaybeEmpty, AfterValidator(_not_empty)]


class InstructionRecord(BaseModel):
    """A question with its answer. Only the first three keys are needed; unknown keys are kept."""

    model_config = ConfigDict(extra="allow", strict=True)

    instruction: Text
    input: MaybeEmpty  # "" if the instruction needs none
    output: Text
    task: str = ""
    phrasing: int | None = None
    answer: list[str] = []  # a right answer contains every one of these
    split: str = "train"


class PreferenceRecord(BaseModel):
    """A question with two answers, one of them preferred."""

    model_config = ConfigDict(extra="allow", strict=True)

    instruction: Text
    input: MaybeEmpty
    output: Text
    chosen: Text
    rejected: Text

    @model_validator(mode="after")
    def _sides_differ(self):
        if self.chosen.strip() == self.rejected.strip():
            raise ValueError('"chosen" and "rejected" are equal, so nothing is preferred')
        return self


def load_instructions(path) -> list[InstructionRecord]:
    """Read instruction records from a JSON list. CourseError for bad JSON, a missing or wrong field."""
    return _load(path, InstructionRecord)


def load_preferences(path) -> list[PreferenceRecord]:
    """Read preference records from a JSON list. CourseError for bad JSON, a missing or wrong field."""
    return _load(path, PreferenceRecord)


def save_preferences(path, rows: Iterable[PreferenceRecord | dict]) -> Path:
    """Check all rows, then write exactly the five keys of the field, whole or not at all."""
    rows = [row.model_dump() if isinstance(row, PreferenceRecord) else row for row in rows]
    checked = _checked(path, rows, PreferenceRecord)
    return write_json(path, [{key: getattr(row, key) for key in FIVE_KEYS} for row in checked])


def fingerprint(*parts: Any) -> str:
    """Sixteen hexadecimal digits that change whenever one of the parts does."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _load(path, kind):
    rows = read_json(path)
    if not isinstance(rows, list):
        raise CourseError(
            f"{shown(path)} must be a JSON list of records, [{{…}}, {{…}}], but is {_json_name(rows)}."
        )
    if not rows:
        raise CourseError(f"{shown(path)} holds no records.")
    return _checked(path, rows, kind)


def _checked(path, rows: list, kind) -> list:
    records = []
    for number, row in enumerate(rows, start=1):
        try:
            records.append(kind.model_validate(row))
        except ValidationError as error:
            raise CourseError(_describe(path, number, row, error)) from error
    return records


def _describe(path, number: int, row, error: ValidationError) -> str:
    """ "data/x.json, record 3 ("What is …"): the key "output" is missing. …" """
    first, *more = error.errors()
    quoted = f' ("{str(row.get("instruction", ""))[:40]}…")' if isinstance(row, dict) else ""
    others = f" {len(more)} more problems in this record." if more else ""
    place = f"{shown(path)}, record {number} of the list{quoted}"
    return f"{place}: {_problem(first, row)}{others} Correct this record."


def _problem(error: dict, row) -> str:
    if not isinstance(row, dict):
        return f'it must be an object {{"instruction": …}}, but is {_json_name(row)}.'
    reason = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return f"{reason}."
    key = ".".join(str(part) for part in error["loc"])
    reason = MENDING.get(error["type"], reason)
    if error["type"] == "string_type":
        reason += f", but is {_json_name(error['input'])}"
    if key == "input" and error["type"] == "missing":
        reason += ' (write "" if there is none)'
    return f'the key "{key}" {reason}.'


def _json_name(value) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")
