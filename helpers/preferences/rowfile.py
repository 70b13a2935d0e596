"""A file that only grows: one JSON row per line, each on the disk before the next is written.

Whatever happens to the program, finished rows stay. Only the row being written can be torn; that is mended.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from helpers.files import CourseError, shown


class RowFile:
    """Rows by their fingerprint. Use it in a `with` block: one writer at a time.

    Memory holds one place in the file per row, never the rows.
    """

    def __init__(self, path):
        self.path = Path(path)
        # The operating system drops the lock when its owner dies, so there are no stale locks to clear.
        self._lock = FileLock(f"{self.path}.lock", timeout=0)
        self._places: dict[str, int] = {}
        self._file = None

    def __enter__(self):
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._file = open(self.path, "a+b", buffering=0)
            self._read_places()
        except Timeout as error:
            raise CourseError(
                f"Another builder is writing to {shown(self.path)}. Wait until it has finished, or stop it "
                "(interrupt or restart the other notebook's kernel), then run this again."
            ) from error
        except OSError as error:
            self.__exit__()
            raise CourseError(
                f"{shown(self.path)} cannot be written: {error.strerror}. Check that you may write there."
            ) from error
        except CourseError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        if self._file:
            self._file.close()
        self._lock.release()

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._places

    def __getitem__(self, fingerprint: str) -> dict:
        self._file.seek(self._places[fingerprint])
        return json.loads(_line(self._file))

    def append(self, row: dict) -> None:
        """Write one row, which must have the key "fingerprint", whole and through to the disk."""
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8")
        place = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) != len(line):
                raise OSError("no space left on the disk")
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(place)
            raise CourseError(
                f"A row could not be written to {shown(self.path)}: {error.strerror or error}. "
                "All rows before it are safe. Free some space and run again."
            ) from error
        self._places[row["fingerprint"]] = place

    def _read_places(self) -> None:
        """Learn where each row starts, and mend the last line if a crash tore it."""
        for number, (place, line) in enumerate(_lines(self._file), start=1):
            if not line.strip():
                continue
            whole = line.endswith(b"\n")
            try:
                self._places[json.loads(line)["fingerprint"]] = place
            except (ValueError, KeyError, TypeError) as error:
                if not whole:
                    self._file.truncate(place)
                    return
                raise CourseError(
                    f"{shown(self.path)}, line {number}, is not a row of this file ({error}). "
                    "Mend or delete this line."
                ) from error
            if not whole:  # only the newline is missing
                self._file.write(b"\n")


def _lines(file) -> Iterator[tuple[int, bytes]]:
    """Each line with its place; the last one may lack its newline."""
    file.seek(0)
    place, rest = 0, b""
    while block := file.read(1 << 20):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield place, line + b"\n"
            place += len(line) + 1
    if rest:
        yield place, rest


def _line(file) -> bytes:
    """From the current place to the end of the line."""
    line = b""
    while b"\n" not in line and (block := file.read(1 << 14)):
        line += block
    return line.partition(b"\n")[0]
