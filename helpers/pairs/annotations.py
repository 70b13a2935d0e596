"""What people said about answers: one file per annotator in one folder, on disk the moment it is said.

A file only grows. Taking a judgement back, or giving another one, adds a row; the last row about an item counts.
"""

import re
import time
from collections.abc import Iterable
from pathlib import Path

from helpers.files import CourseError, read_jsonl, shown
from helpers.pairs.ranking import Candidates, Ranking, Votes, to_pairs, votes_on
from helpers.pairs.store import RowFile
from helpers.records import PreferenceRecord, fingerprint

EVENTS = ("rank", "skip", "undo")
NEEDED = {"event", "item", "annotator", "ranking"}


def annotator_file(folder, annotator: str) -> Path:
    """The file of one annotator. Different names never share one, whatever characters they have.

    Raises CourseError for an empty name.
    """
    name = " ".join(annotator.split())
    if not name:
        raise CourseError("Who is judging? Give the annotator a name.")
    plain = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:40]
    return Path(folder) / f"{plain or 'annotator'}-{fingerprint(name)[:6]}.jsonl"


def save_judgement(folder, annotator: str, item: Candidates, event: str, ranking: Ranking | None = None) -> dict:
    """Append one judgement and wait until it is on disk. Events: "rank" with a ranking, "skip", "undo".

    The row holds the question and the answers, so that it can be read without any other file. Raises CourseError
    if it cannot be written, or if another kernel is writing to this annotator's file at this moment.
    """
    if event not in EVENTS or (event == "rank") != (ranking is not None):
        raise CourseError(f"{event!r} is not a judgement: a ranking needs the event 'rank', the others have none.")
    row = {"event": event, "item": item.key, "annotator": " ".join(annotator.split())}
    row |= {"instruction": item.instruction, "input": item.input, "answers": list(item.answers)}
    row |= {"ranking": ranking, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    with RowFile(annotator_file(folder, annotator)) as rows:
        rows.append(row | {"fingerprint": fingerprint(row, time.time_ns())})
    return row


def judgements(folder, annotator: str | None = None) -> dict[str, dict[str, dict]]:
    """annotator -> item -> the row that counts, in the order in which they were judged; undone ones are left out.

    Raises CourseError for a row that is no judgement, with file and number.
    """
    paths = sorted(Path(folder).glob("*.jsonl")) if annotator is None else [annotator_file(folder, annotator)]
    standing: dict[str, dict[str, dict]] = {}
    for path in paths:
        for number, row in enumerate(read_jsonl(path) if path.exists() else [], start=1):
            if not isinstance(row, dict) or not NEEDED <= row.keys() or row["event"] not in EVENTS:
                raise CourseError(f"{shown(path)}, row {number}, is no judgement. Mend or delete this line.")
            mine = standing.setdefault(row["annotator"], {})
            mine.pop(row["item"], None)
            if row["event"] != "undo":
                mine[row["item"]] = row
    return standing


def rankings(items: Iterable[Candidates], folder) -> dict[str, dict[str, Ranking]]:
    """item -> annotator -> ranking, for those of the items that somebody ranked and did not skip."""
    found: dict[str, dict[str, Ranking]] = {item.key: {} for item in items}
    for annotator, rows in judgements(folder).items():
        for key, row in rows.items():
            if key in found and row["event"] == "rank":
                found[key][annotator] = tuple(map(tuple, row["ranking"]))
    return {key: given for key, given in found.items() if given}


def votes(items: Iterable[Candidates], folder) -> Votes:
    """Every annotator's vote on every two answers: what the measures of agreement in ranking.py take."""
    items = list(items)
    ranked = rankings(items, folder)
    return {place: vote for item in items for place, vote in votes_on(item, ranked.get(item.key, {})).items()}


def annotated_pairs(items: Iterable[Candidates], folder, which: str = "all") -> list[PreferenceRecord]:
    """The pairs on which all annotators who ranked them agree; see `ranking.to_pairs`."""
    items, pairs = list(items), []
    ranked = rankings(items, folder)
    for item in items:
        sides = [
            {(p.chosen, p.rejected): p for p in to_pairs(item, r, which)} for r in ranked.get(item.key, {}).values()
        ]
        pairs += [pair for key, pair in sides[0].items() if all(key in other for other in sides[1:])] if sides else []
    return pairs
