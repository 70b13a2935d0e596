"""What the course reached: numbers that notebooks record, kept in build/scoreboard.json and printed by `run`.

record("facts right after SFT", 97.8, "%", ">= 95")
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from helpers.files import BUILD, CourseError, read_json, write_json

SCOREBOARD_FILE = "scoreboard.json"


def record(name: str, value: float, unit: str = "", bar: str | None = None) -> None:
    """Keep one number; recording a name again replaces it.

    A bar is in the same unit and reads ">= 95", "<= 9" or "10 to 30".
    Raises CourseError for a value that is no finite number and for a bar that cannot be read.
    """
    value = float(value)
    if not math.isfinite(value):
        raise CourseError(f"The scoreboard was given {value} for {name!r}; it keeps finite numbers.")
    row = {"value": value, "unit": unit, "bar": bar, "met": meets(value, bar) if bar else None}
    keep_row("results", name, row)


def meets(value: float, bar: str) -> bool:
    """True if the value reaches the bar."""
    number = r"(-?\d+(?:\.\d+)?)"
    if one := re.fullmatch(rf"(>=|<=)\s*{number}", bar.strip()):
        return value >= float(one[2]) if one[1] == ">=" else value <= float(one[2])
    if two := re.fullmatch(rf"{number} to {number}", bar.strip()):
        return float(two[1]) <= value <= float(two[2])
    raise CourseError(f'The bar {bar!r} cannot be read. Write it like ">= 95", "<= 9" or "10 to 30".')


def keep_row(section: str, name: str, row: dict) -> None:
    """Put one row into the file, leaving all others as they are."""
    board = load()
    board[section][name] = row
    write_json(path(), board)


def path() -> Path:
    return BUILD / SCOREBOARD_FILE


def load() -> dict:
    """{"results": {name: row}, "notebooks": {name: {"seconds", "peak_mb"}}}."""
    empty = {"results": {}, "notebooks": {}}
    board = read_json(path()) if path().exists() else empty
    if not isinstance(board, dict) or not all(isinstance(board.get(key), dict) for key in empty):
        raise CourseError(f"{SCOREBOARD_FILE} in the build folder is not a scoreboard. Delete it and run again.")
    return board


def clear() -> None:
    """Start a new scoreboard."""
    write_json(path(), {"results": {}, "notebooks": {}})


def scoreboard_rows(board: dict) -> Iterator[tuple[str, str, str, bool | None]]:
    """Name, value with its unit, bar with its unit, and whether it is met, of each result."""
    for name, row in board["results"].items():
        bar = f"{row['bar']} {row['unit']}".strip() if row["bar"] else ""
        yield name, f"{row['value']:.4g} {row['unit']}".strip(), bar, row["met"]


def scoreboard_table(board: dict) -> str:
    """The scoreboard as aligned text: what, value, bar, met or not."""
    verdicts = {True: "met", False: "MISSED", None: ""}
    rows = [("result", "value", "bar", ""), *((*texts, verdicts[met]) for *texts, met in scoreboard_rows(board))]
    columns = [[cell.ljust(max(map(len, column))) for cell in column] for column in zip(*rows, strict=True)]
    lines = ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def show() -> None:
    """Print the scoreboard."""
    print(scoreboard_table(load()))
