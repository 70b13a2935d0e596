"""Reading JSON one value at a time, so that a file may be larger than memory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from helpers.files import CourseError, shown

BLOCK = 1 << 14  # characters
DECODER = json.JSONDecoder()
AFTER_A_VALUE = (",", "]", " ", "\t", "\n", "\r")


def json_items(path) -> Iterator[tuple[str, object]]:
    """("record 3 of the list", value) for each value of a JSON list, or ("line 3", value) of a .jsonl file.

    Raises CourseError if the file is missing, unreadable, not UTF-8, malformed (with its line and column) or no list.
    """
    read = _lines if Path(path).suffix.lower() in (".jsonl", ".ndjson") else _list_items
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield from read(path, file)
    except FileNotFoundError as error:
        raise CourseError(f"{shown(path)} is missing. Check the path.") from error
    except UnicodeDecodeError as error:
        raise CourseError(f"{shown(path)} is not UTF-8 text. Save it again with the encoding UTF-8.") from error
    except OSError as error:
        raise CourseError(f"{shown(path)} cannot be read: {error.strerror}.") from error


def _lines(path, file: TextIO) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line.rstrip("\r\n"))
        except json.JSONDecodeError as error:
            where = f"{shown(path)}, line {number}"
            raise CourseError(f"{where}, is not valid JSON: {error.msg}, column {error.colno}. Correct it.") from error


class _Text:
    """The part of a text that has been read and not yet been used, and where it starts."""

    def __init__(self, file: TextIO):
        self.file, self.rest, self.line, self.column = file, "", 1, 1

    def grow(self) -> bool:
        """Read on, at least as much as is held; false at the end of the file."""
        more = self.file.read(max(BLOCK, len(self.rest)))
        self.rest += more
        return bool(more)

    def drop(self, count: int) -> None:
        used, self.rest = self.rest[:count], self.rest[count:]
        lines = used.count("\n")
        self.line += lines
        self.column = len(used) - used.rfind("\n") if lines else self.column + count

    def peek(self) -> str:
        """The next character that is not blank, or "" at the end."""
        while not (rest := self.rest.lstrip(" \t\n\r")) and self.grow():
            pass
        self.drop(len(self.rest) - len(rest))
        return rest[:1]

    def value(self) -> object:
        """The next JSON value. Unless a comma, a bracket or a blank follows, it may go on (1 as 1.5): then read on."""
        while True:
            try:
                value, end = DECODER.raw_decode(self.rest)
            except json.JSONDecodeError:
                if not self.grow():
                    raise
                continue
            if self.rest[end : end + 1] in AFTER_A_VALUE or not self.grow():
                self.drop(end)
                return value


def _list_items(path, file: TextIO) -> Iterator[tuple[str, object]]:
    text, number = _Text(file), 0
    try:
        if text.peek() != "[":
            _no_list(path, text)
        text.drop(1)
        while text.peek() != "]" or number:
            number += 1
            value = text.value()
            after = text.peek()
            if after not in (",", "]"):
                raise json.JSONDecodeError("Expecting ',' delimiter", text.rest, 0)
            yield f"record {number} of the list", value
            if after == "]":
                break
            text.drop(1)
            text.peek()
        text.drop(1)
        if text.peek():
            raise json.JSONDecodeError("Extra data", text.rest, 0)
    except json.JSONDecodeError as error:
        column = error.colno + (text.column - 1 if error.lineno == 1 else 0)
        raise CourseError(
            f"{shown(path)} is not valid JSON: {error.msg} at line {text.line + error.lineno - 1}, column {column}."
        ) from error


def _no_list(path, text: _Text) -> None:
    value = text.value()
    raise CourseError(
        f"{shown(path)} must be a JSON list of records, [{{…}}, {{…}}], but is {json_name(value)}. "
        "(A file with one record a line must be called .jsonl.)"
    )


def json_name(value) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")
