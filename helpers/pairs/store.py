"""A JSONL file that only grows: one row a line, each on the disk before the next is written.

Whatever happens to the program, finished rows stay. Only the row being written can be incomplete, and is then removed.
"""

import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

from helpers.files import CourseError, display_path, jsonl_line, unwritable


class JsonlStore:
    """Rows by their fingerprint. Use it in a `with` block: one writer at a time.

    wait: seconds to wait for another writer. Memory holds where each row starts, never the rows. Entering the block
    raises CourseError if the file is in use or cannot be written, and for a line that is not a row (with its number).
    """

    def __init__(self, path, wait: float = 0.0):
        self.path = Path(path)
        # The operating system drops the lock when its owner dies, so there are no stale locks to clear.
        self._lock = FileLock(f"{self.path}.lock", timeout=wait)
        self._offsets: dict[str, int] = {}  # fingerprint: where its row starts, in bytes; of two rows the later one
        self._file = None

    def __enter__(self):
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._file = open(self.path, "a+b", buffering=0)
            self._read_offsets()
        except Timeout as error:
            raise CourseError(
                f"Another kernel or command is writing to {display_path(self.path)}. Wait until it ends, or stop it "
                "(interrupt or restart the other notebook's kernel), then run this again."
            ) from error
        except OSError as error:
            self.__exit__()
            raise unwritable(self.path, error) from error
        except CourseError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        if self._file:
            self._file.close()
        self._lock.release()

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._offsets

    def __getitem__(self, fingerprint: str) -> dict:
        with open(self.path, "rb") as file:
            file.seek(self._offsets[fingerprint])
            return json.loads(file.readline())

    def append(self, row: dict) -> None:
        """Write one row, which must have the key "fingerprint", whole and through to the disk."""
        line = jsonl_line(row)
        offset = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) != len(line):
                raise OSError("no space left on the disk")
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(offset)
            raise CourseError(
                f"A row could not be written to {display_path(self.path)}: {error.strerror or error}. "
                "All rows before it are safe. Free some space and run again."
            ) from error
        self._offsets[row["fingerprint"]] = offset

    def _read_offsets(self) -> None:
        """Learn where each row starts, and remove the last line if a crash left it incomplete."""
        offset = 0
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    if line.strip():
                        self._offsets[json.loads(line)["fingerprint"]] = offset
                except (ValueError, KeyError, TypeError) as error:
                    if _is_torn(line, error):
                        self._file.truncate(offset)
                        return
                    raise CourseError(
                        f"{display_path(self.path)}, line {number}, is not a row of this file ({error}). "
                        "Fix or delete this line."
                    ) from error
                offset += len(line)
        if offset and not line.endswith(b"\n"):  # only the newline of the last row is missing
            self._file.write(b"\n")


def _is_torn(line: bytes, error: Exception) -> bool:
    """True for the beginning of a row, which is no JSON yet, or for the NULs that a power cut can leave.

    Anything else is not ours to cut: it is the text of another file, opened by mistake.
    """
    return not line.endswith(b"\n") and isinstance(error, ValueError) and line.strip(b"\0")[:1] in (b"", b"{")
