"""What people judge about answers (rankings, thumbs, A/B verdicts), on disk the moment it is given.

Nothing in the file is ever changed: taking a judgement back, or giving another one, adds a row. `latest_votes` says
what counts.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from helpers.files import CourseError, display_path, read_jsonl
from helpers.pairs.store import JsonlStore

SHOWN, UNDO = "shown", "undo"  # no votes: the item was put before the annotator; their last vote is taken back
WAIT = 5.0  # seconds, for another kernel that is writing to the same file


@dataclass(frozen=True)
class JudgementStore:
    """Judgements in an append-only JSONL file that several annotators and kernels may share.

    A row says which "verdict" (any JSON) an "annotator" gave on which "item" (a key), with its "time" and whatever
    else the caller wants to keep: the question, the answers.
    """

    path: Path | str

    def add(self, annotator: str, item: str, verdict, **about) -> None:
        """Append one judgement. Raises CourseError without an annotator's name, or if the file cannot be written."""
        self.add_all([{"annotator": annotator, "item": item, "verdict": verdict} | about])

    def add_all(self, rows: Iterable[dict]) -> None:
        """Append several judgements, or none of them if one is wrong. Waits up to WAIT seconds for other writers."""
        rows = [_check_judgement(row, "The judgement") for row in rows]
        rows = [row | {"annotator": one_name(row["annotator"])} for row in rows]
        with JsonlStore(self.path, wait=WAIT) as file:
            for row in rows:
                stamp = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "fingerprint": uuid.uuid4().hex[:16]}
                file.append(row | stamp)

    def rows(self) -> list[dict]:
        """All rows in their order; none if there is no file yet. CourseError names a line that is no judgement."""
        rows = read_jsonl(self.path) if Path(self.path).exists() else []
        file = display_path(self.path)
        return [_check_judgement(row, f"{file}, row {number},") for number, row in enumerate(rows, start=1)]

    def latest(self, annotator: str | None = None) -> list[dict]:
        """The latest votes of this annotator, or of all."""
        name = annotator and one_name(annotator)
        return [row for row in latest_votes(self.rows()) if name in (None, row["annotator"])]


def latest_votes(rows: Iterable[dict]) -> list[dict]:
    """The last vote of each annotator on each item, in the order of these votes, without those that were taken back."""
    votes = {}
    for row in rows:
        if row["verdict"] == SHOWN:
            continue
        key = row["annotator"], row["item"]
        votes.pop(key, None)
        if row["verdict"] != UNDO:
            votes[key] = row
    return list(votes.values())


class Session:
    """One annotator's way through items: keys in the `queue` are still to be judged, `done` ones are, latest last."""

    def __init__(self, store: JudgementStore, annotator: str, keys: Sequence[str]):
        """keys: of the items, in the order in which they are asked. A later session goes on where this one stops."""
        self.store, self.annotator = store, one_name(annotator)
        self.done = [row["item"] for row in store.latest(annotator) if row["item"] in keys]
        self.queue = [key for key in keys if key not in self.done]

    def judge(self, verdict, **about) -> None:
        """Save a verdict on the head of the queue; if it cannot be saved, CourseError, and the queue stays."""
        self.store.add(self.annotator, self.queue[0], verdict, **about)
        self.done.append(self.queue.pop(0))

    def undo(self) -> None:
        """Take the last verdict back, and put its item at the head of the queue. The file keeps both rows."""
        if self.done:
            self.store.add(self.annotator, self.done[-1], UNDO)
            self.queue.insert(0, self.done.pop())


def one_name(annotator: str) -> str:
    """The name with single spaces. Raises CourseError for an empty one."""
    if not (name := " ".join(annotator.split())):
        raise CourseError("Who is judging? Give the annotator a name.")
    return name


def _check_judgement(row: dict, where: str) -> dict:
    missing = [key for key in ("annotator", "item") if not isinstance(row, dict) or not isinstance(row.get(key), str)]
    if missing or row.get("verdict") is None:
        raise CourseError(
            f"{where} is no judgement: it needs a text under annotator and item, and a verdict. Fix or delete it "
            "(or the whole file, if an earlier version of the course wrote it)."
        )
    return row
