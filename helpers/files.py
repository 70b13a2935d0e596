"""The folders of the course, and reading and writing files so that nothing is half-written or silently wrong."""

import errno
import json
import os
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
BUILD = Path(os.environ.get("COURSE_BUILD") or ROOT / "build")
NOTEBOOKS = ROOT / "notebooks"
MADE_PAIRS = "instruction-data-with-preference.json"  # in build/: of notebook 01; in data/: the shipped pairs
MERGED_PAIRS, CLEANED_PAIRS = "merged-preferences.json", "exports/preferences.json"  # in build/: of notebooks 03, 04


class CourseError(Exception):
    """A mistake that the reader can correct; its message names the file, record or setting and says how."""


def display_path(path) -> str:
    """The path as a reader knows it: relative to the course folder where it lies inside."""
    path = Path(path)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


@contextmanager
def atomic_write(path) -> Iterator[BinaryIO]:
    """A binary file to write into: a temporary neighbour, renamed over `path` when the block ends without an error.

    Raises CourseError if the file cannot be written; what was there before then stays.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # the temporary file is private by default
        os.replace(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def write_bytes(path, data: bytes) -> Path:
    """Write a file whole or not at all."""
    with atomic_write(path) as file:
        file.write(data)
    return Path(path)


def write_text(path, text: str) -> Path:
    """Write UTF-8 text atomically."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path, value) -> Path:
    """Write JSON atomically, indented, non-ASCII characters as themselves."""
    return write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


@contextmanager
def reading(path, how_to_make: str = "") -> Iterator[None]:
    """Around the reading of UTF-8 text: CourseError if the file is missing, unreadable or not UTF-8."""
    try:
        yield
    except FileNotFoundError as error:
        raise CourseError(f"{display_path(path)} is missing. {how_to_make or 'Check the path.'}") from error
    except UnicodeDecodeError as error:
        raise CourseError(
            f"{display_path(path)} is not UTF-8 text (byte {error.start}). Save it again with the encoding UTF-8."
        ) from error
    except OSError as error:
        raise CourseError(f"{display_path(path)} cannot be read: {error.strerror}.") from error


def read_text(path, how_to_make: str = "") -> str:
    """Read UTF-8 text (with or without a byte-order mark). Raises CourseError as `reading` does."""
    with reading(path, how_to_make):
        return Path(path).read_text(encoding="utf-8-sig")


def read_lines(path) -> Iterator[str]:
    """The lines of a UTF-8 file one by one, so that it may be larger than memory. CourseError as in `reading`."""
    with reading(path), open(path, encoding="utf-8-sig") as file:
        yield from file


def read_json(path, how_to_make: str = ""):
    """Read a JSON file. Raises CourseError with line and column if it is malformed."""
    try:
        return json.loads(read_text(path, how_to_make))
    except json.JSONDecodeError as error:
        raise CourseError(
            f"{display_path(path)} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error


def read_toml(path) -> dict:
    """Read a TOML file. Raises CourseError with line and column if it is malformed."""
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{display_path(path)} is not valid TOML: {error}.") from error


def read_jsonl(path) -> list:
    """Read one JSON value per line. A last line without a newline is an unfinished write and is left out.

    Raises CourseError with the line number for any other line that is not JSON.
    """
    finished = (line for line in read_lines(path) if line.endswith("\n"))
    return [row for _, row in json_lines(path, finished)]


def json_lines(path, lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    """(line number, JSON value) of the lines of a file, empty ones left out. CourseError names a line that is none."""
    for number, line in enumerate(lines, start=1):
        try:
            if line.strip():
                yield number, json.loads(line.rstrip("\n"))
        except json.JSONDecodeError as error:
            where = f"{display_path(path)}, line {number}"
            raise CourseError(
                f"{where}, is not valid JSON: {error.msg}, column {error.colno}. Fix or delete this line."
            ) from error


def jsonl_line(row) -> bytes:
    """A row as a line of a .jsonl file. Half a surrogate pair, which a model's reply may hold, becomes its escape."""
    return (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def write_jsonl(path, rows: Iterable) -> Path:
    """Write one JSON value per line, atomically and one by one, so that they may be more than memory holds."""
    with atomic_write(path) as file:
        file.writelines(map(jsonl_line, rows))
    return Path(path)


def own_or_shipped(*names: str) -> tuple[Path, str]:
    """The reader's own artefact in build/, the first of the names that is there, else the one that is shipped in data/;
    and a line that says which.

    Raises CourseError if there is none.
    """
    for own in (BUILD / name for name in names):
        if own.exists():
            return own, f"Using your own {display_path(own)}."
    for shipped in (DATA / name for name in names):
        if shipped.exists():
            return shipped, f"Using the shipped {display_path(shipped)} (you have not made build/{shipped.name} yet)."
    raise CourseError(f"There is neither build/{names[0]} nor data/{names[0]}. Run the notebook that makes it first.")


def own_or_shipped_pairs(data_file=None) -> tuple[Path, str, bool]:
    """The file of pairs to train on, a line that says which it is, and whether it is another than the shipped one.

    In this order: data_file, a path; what notebook 04 has cleaned; what notebook 01 has made; the shipped file.
    """
    cleaned = BUILD / CLEANED_PAIRS
    if data_file:
        path, source = Path(data_file), f"Using {data_file}."
    elif cleaned.exists():
        made = [BUILD / name for name in (MADE_PAIRS, MERGED_PAIRS) if (BUILD / name).exists()][:1]  # 04 took that one
        newer = made and made[0].stat().st_mtime > cleaned.stat().st_mtime
        advice = f" (older than {display_path(made[0])}: run notebook 04 again)" if newer else ""
        path, source = cleaned, f"Using {display_path(cleaned)}, cleaned in notebook 04{advice}."
    else:
        path, source = own_or_shipped(MADE_PAIRS)
    return path, source, path.resolve() != (DATA / MADE_PAIRS).resolve()


def unwritable(path, error: OSError) -> CourseError:
    """What to tell somebody whose file could not be written."""
    if error.errno in (errno.ENOSPC, None):  # numpy, when only a part was written, gives no number
        return CourseError(f"No space left on the disk to write {display_path(path)}. Free some space and run again.")
    return CourseError(
        f"{display_path(path)} cannot be written: {error.strerror}. "
        "Check that the folder exists and that you may write to it."
    )
