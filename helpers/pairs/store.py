"""A file that only grows: one JSON row per line, each on the disk before the next is written.

Whatever happens to the program, finished rows stay. Only the row being written can be torn; that is mended.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from helpers.files import CourseError, shown


class Places:
    """Where each row starts, by its fingerprint, in 16 bytes a row: sorted 64-bit hashes beside places.

    New entries gather in a dict, which takes about 150 bytes each, and are merged when they are many.
    """

    def __init__(self):
        self._hashes, self._places = np.empty(0, np.uint64), np.empty(0, np.int64)
        self._new: dict[int, int] = {}

    def __setitem__(self, fingerprint: str, place: int) -> None:
        self._new[_hash(fingerprint)] = place
        if len(self._new) > max(4096, len(self._hashes) // 16):
            self._merge()

    def get(self, fingerprint: str) -> int | None:
        """The place of the row that was written last with this fingerprint."""
        wanted = _hash(fingerprint)
        if wanted in self._new:
            return self._new[wanted]
        at = np.searchsorted(self._hashes, np.uint64(wanted))
        found = at < len(self._hashes) and self._hashes[at] == wanted
        return int(self._places[at]) if found else None

    def _merge(self) -> None:
        hashes = np.concatenate([np.fromiter(self._new, np.uint64), self._hashes])
        places = np.concatenate([np.fromiter(self._new.values(), np.int64), self._places])
        self._hashes, first = np.unique(hashes, return_index=True)  # of two equal ones the first, which is new
        self._places = places[first]
        self._new.clear()


def _hash(fingerprint: str) -> int:
    return int.from_bytes(hashlib.blake2b(fingerprint.encode("utf-8"), digest_size=8).digest())


class RowFile:
    """Rows by their fingerprint. Use it in a `with` block: one writer at a time.

    Memory holds the places of the rows in the file, never the rows.
    """

    def __init__(self, path):
        self.path = Path(path)
        # The operating system drops the lock when its owner dies, so there are no stale locks to clear.
        self._lock = FileLock(f"{self.path}.lock", timeout=0)
        self._places = Places()
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
        return self._places.get(fingerprint) is not None

    def __getitem__(self, fingerprint: str) -> dict:
        self._file.seek(self._places.get(fingerprint))
        return json.loads(_line(self._file))

    def append(self, row: dict) -> None:
        """Write one row, which must have the key "fingerprint", whole and through to the disk."""
        # Half a surrogate pair, which a reply may hold, is written as its escape.
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
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
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                if not whole and _torn(line, error):
                    self._file.truncate(place)
                    return
                raise CourseError(
                    f"{shown(self.path)}, line {number}, is not a row of this file ({error}). Mend or delete this line."
                ) from error
            if not whole:  # only the newline is missing
                self._file.write(b"\n")


def _torn(line: bytes, error: Exception) -> bool:
    """True for the beginning of a row, which is no JSON yet, or for the NULs that a power cut can leave.

    Anything else is not ours to cut: it is the text of another file, opened by mistake.
    """
    return isinstance(error, ValueError) and line.strip(b"\0")[:1] in (b"", b"{")


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
