"""Building a preference set with a language model: nothing is lost, requested twice or dropped silently.

Records may be any iterable, also one that never ends: only 2 × workers of them are held at a time.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from helpers.files import CourseError, display_path
from helpers.llm.client import LLM, LLMError
from helpers.llm.parallel import in_parallel
from helpers.pairs.checks import kind
from helpers.pairs.method import BuildSettings, Method
from helpers.pairs.row import TIE, RunKey, make_row, seeds_to_ask
from helpers.pairs.store import JsonlStore
from helpers.pairs.turns import Turns
from helpers.records import FIVE_KEYS, InstructionRecord

Records = Iterable[InstructionRecord]


@dataclass
class BuildSummary:
    """What became of the records: made + reused + set_aside + failed + left is their number.

    A record that comes a second time uses the row of the first.
    """

    made: int = 0  # good rows asked for in this run
    reused: int = 0  # good rows that were there already
    retried: int = 0  # extra attempts in this run, because a reply had problems
    set_aside: int = 0  # records without a good pair, in this run or earlier; their rows say why
    in_vain: int = 0  # those of them that were asked in this run and had faults; a tie is none
    ties: int = 0  # those of them in which a judge saw no difference
    failed: int = 0  # records that the server could not answer; the next run asks for them again
    left: int = 0  # records that the minutes did not suffice for, if the number of all is known
    seconds: float = 0.0
    reasons: Counter = field(default_factory=Counter)  # kind of problem -> records set aside with it

    def __str__(self) -> str:
        ties = f" ({self.ties} ties)" if self.ties else ""
        left = f", {self.left:,} left for another run" if self.left else ""
        return (
            f"{self.made} made, {self.reused} reused, {self.set_aside} set aside{ties}, {self.failed} failed{left} "
            f"({self.retried} retries, {self.seconds:.1f} s)"
        )

    def count(self, row: dict, new: bool, times: int = 1) -> None:
        """Count a record with this row."""
        if row["status"] == "ok":
            self.made += times * new
            self.reused += times * (not new)
            return
        self.set_aside += times
        kinds = dict.fromkeys(map(kind, row["reason"]))
        self.ties += times * (TIE in kinds)
        self.in_vain += times * (new and TIE not in kinds)
        self.reasons.update(dict.fromkeys(kinds, times))


def build_preferences(
    records: Records,
    llm: LLM,
    path,
    settings: BuildSettings | None = None,
    method: Method | None = None,
    *,
    minutes: float | None = None,
    total: int | None = None,
) -> BuildSummary:
    """Make a pair of every record, by default by rewriting, and append each row to the JSONL file `path` at once.

    Rows that are there already are not asked for again, so an interrupted build goes on where it stopped. With a
    higher `max_retries` or `num_predict`, only the records that were set aside and may now pass are asked again.
    `minutes`: after which no more records begin, though ten do in any case; a further run goes on. None: all records.
    `total`: the number of records, for the progress bar, if `records` has no length.
    Raises CourseError if the server fails on more than `settings.max_failures` records, if not one passes and
    `settings.max_in_vain` have been set aside for faults, or if another builder is writing to the file.
    """
    run = RunKey.of(llm, settings, method)
    summary, started = BuildSummary(), time.monotonic()
    total = len(records) if hasattr(records, "__len__") else total
    try:
        # Without smoothing the rate counts from the start, and without the rows that were there already.
        with JsonlStore(path) as rows, tqdm(total=total, desc=run.method.name, smoothing=0, delay=0.3) as bar:
            build = _Build(run, rows, summary, bar, Turns(llm.pace, minutes))
            build.all(records)
            if minutes is not None and total:
                summary.left = total - (summary.made + summary.reused + summary.set_aside + summary.failed)
    except KeyboardInterrupt:
        print(f"Interrupted. Every finished row is in {display_path(path)}; run again to go on.")
        raise
    finally:
        summary.seconds = time.monotonic() - started
    return summary


def finished_rows(
    records: Records, llm: LLM, path, settings: BuildSettings | None = None, method: Method | None = None
) -> Iterator[dict]:
    """The rows of these records in the order of the records, whatever the order in which they were finished.

    A row has the five keys, its "status" ("ok" or "set aside"), its "reason", and where it came from.
    """
    if not Path(path).exists():
        raise CourseError(f"{display_path(path)} is missing. Build it first with build_preferences.")
    run = RunKey.of(llm, settings, method)
    with JsonlStore(path) as rows:
        yield from (rows[key] for key in map(run.fingerprint, records) if key in rows)


def five_keys(row: dict) -> dict:
    """The preference record of a finished row, without where it came from."""
    return {key: row[key] for key in FIVE_KEYS}


class _Build:
    """A build under way: what is being asked, and what becomes of it."""

    def __init__(self, run: RunKey, rows: JsonlStore, summary: BuildSummary, bar: tqdm, turns: Turns):
        self.run, self.rows, self.summary, self.bar, self.turns = run, rows, summary, bar, turns
        self.asking: dict[str, int] = {}  # fingerprint -> how often the record has come again before its row was there
        self.asked: set[str] = set()  # in this run: what is still no pair is not asked for once more

    def all(self, records: Records) -> None:
        """Ask for all records that are not finished, as long as there is time."""
        try:
            for (key, _, earlier), result in in_parallel(
                self.make, self.unfinished(records), workers=self.run.settings.workers
            ):
                self.take(key, earlier, result)
        finally:
            self.turns.stop()

    def unfinished(self, records: Records) -> Iterator[tuple[str, InstructionRecord, dict | None]]:
        """What is to be asked: fingerprint, record, and the row that an earlier run set aside."""
        for record in records:
            if self.turns.over:
                return
            key = self.run.fingerprint(record)
            row = self.rows[key] if key in self.rows else None
            if key in self.asking:
                self.asking[key] += 1
            elif key not in self.asked and seeds_to_ask(key, row, self.run.settings):
                self.asking[key] = 0
                yield key, record, row
            else:
                self.summary.count(row, new=False)
                self.bar.initial += 1
                self.bar.update()

    def make(self, job: tuple) -> dict | LLMError | None:
        """The row of a record, in a thread of its own; None if there was no time left for it."""
        if not self.turns.begin():
            return None
        try:
            return make_row(*job, self.run)
        finally:
            self.turns.end()

    def take(self, key: str, earlier: dict | None, result: dict | LLMError | None) -> None:
        """Write and count the row."""
        again, summary = self.asking.pop(key), self.summary
        if result is None:
            return
        self.bar.update(1 + again)
        if isinstance(result, LLMError):
            summary.failed += 1 + again
            _stop_after_too_many(result, summary, self.run.settings)
            return
        self.rows.append(result)
        self.asked.add(key)
        summary.count(result, new=True)
        summary.count(result, new=False, times=again)
        summary.retried += result["attempts"] - (earlier["attempts"] if earlier else 1)
        _stop_if_nothing_passes(result, summary, self.run)


def _stop_after_too_many(error: LLMError, summary: BuildSummary, settings: BuildSettings) -> None:
    if summary.failed > settings.max_failures:
        raise CourseError(
            f"{error} The build stopped after {summary.failed} failures. The {summary.made} rows "
            "made so far are safe; run again to go on."
        ) from error


def _stop_if_nothing_passes(row: dict, summary: BuildSummary, run: RunKey) -> None:
    """Raise CourseError if every record was set aside for faults: a model that cannot do it would go on for hours."""
    if summary.made or summary.reused or summary.in_vain < run.settings.max_in_vain:
        return
    shares = ", ".join(f"{name} {n / summary.set_aside:.0%}" for name, n in summary.reasons.most_common(3))
    reply = row["failed_attempts"][-1]["reply"] or row["reason"][0]
    strict = (
        " set BuildSettings(strict=False), which lets a model say it in other words;" if run.settings.strict else ""
    )
    raise CourseError(
        f"Not one pair after {summary.set_aside} records, so the build stopped. They were set aside for: {shares}. The "
        f"last reply of {run.llm.model}: {reply[:200]!r}. Try another model, with connect(model=…) or COURSE_MODEL;"
        f"{strict} section 8 of notebook 01 shows how to read the failures. Every row is safe; run again to go on."
    )
