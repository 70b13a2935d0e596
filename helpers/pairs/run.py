"""Building a preference set with a language model: nothing is lost, requested twice or dropped silently.

Records may be any iterable, also one that never ends: only 2 × workers of them are held at a time.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError
from tqdm.auto import tqdm

from helpers.files import CourseError, display_path
from helpers.llm.client import LLM, LLMError, in_parallel
from helpers.llm.recording import RecordingLLM
from helpers.pairs.checks import kind
from helpers.pairs.method import BuildSettings, Method, Outcome
from helpers.pairs.methods.rewrite import rewrite_method
from helpers.pairs.store import JsonlStore
from helpers.politeness import POLITENESS
from helpers.records import FIVE_KEYS, InstructionRecord, PreferenceRecord, fingerprint

Records = Iterable[InstructionRecord]

REFUSED = "refused by the server"
# Another value of one of these asks anew.
ASKED_WITH = ("seed", "temperature", "num_predict", "strict", "max_retries")


@dataclass
class BuildSummary:
    """What became of the records: made + reused + set_aside + failed is their number.

    A record that comes a second time uses the row of the first.
    """

    made: int = 0  # good rows asked for in this run
    reused: int = 0  # good rows that were there already
    retried: int = 0  # extra attempts in this run, because a reply had problems
    set_aside: int = 0  # records without a good pair, in this run or earlier; their rows say why
    ties: int = 0  # those of them in which a judge saw no difference
    failed: int = 0  # records that the server could not answer; the next run asks for them again
    seconds: float = 0.0
    reasons: Counter = field(default_factory=Counter)  # kind of problem -> records set aside with it

    def __str__(self) -> str:
        ties = f" ({self.ties} ties)" if self.ties else ""
        return (
            f"{self.made} made, {self.reused} reused, {self.set_aside} set aside{ties}, {self.failed} failed "
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
        self.ties += times * ("tie" in kinds)
        self.reasons.update(dict.fromkeys(kinds, times))


@dataclass(frozen=True)
class RunKey:
    """All that decides what a record's row will be: who is asked, how, and by which method."""

    llm: LLM
    settings: BuildSettings
    method: Method

    @classmethod
    def of(cls, llm: LLM, settings: BuildSettings | None, method: Method | None) -> "RunKey":
        """The settings by default are BuildSettings(), the method is rewriting."""
        settings = settings or BuildSettings()
        return cls(llm, settings, method or rewrite_method(settings))

    def fingerprint(self, record: InstructionRecord) -> str:
        """By which a record's row is found again."""
        method, llm = self.method, self.llm
        options = [getattr(self.settings, name) for name in ASKED_WITH]
        about = (*method.identity(record), *method.key)
        # The first version of the course's own criterion was once the only one, so rows made for it do not name it.
        if (criterion := self.settings.criterion) != POLITENESS or criterion.version > 1:
            about += (criterion.name, criterion.version)
        return fingerprint(method.name, method.version, llm.model, llm.digest, options, record.answer, *about)


def build_preferences(
    records: Records,
    llm: LLM,
    path,
    settings: BuildSettings | None = None,
    method: Method | None = None,
    *,
    total: int | None = None,
) -> BuildSummary:
    """Make a pair of every record, by default by rewriting, and append each row to the JSONL file `path` at once.

    Rows that are there already are not asked for again, so an interrupted build goes on where it stopped.
    `total`: the number of records, for the progress bar, if `records` has no length.
    Raises CourseError if the server fails on more than `settings.max_failures` records, or if another builder
    is writing to the file.
    """
    run = RunKey.of(llm, settings, method)
    summary, started = BuildSummary(), time.monotonic()
    total = len(records) if hasattr(records, "__len__") else total
    try:
        # Without smoothing the rate counts from the start, and without the rows that were there already.
        with JsonlStore(path) as rows, tqdm(total=total, desc=run.method.name, smoothing=0, delay=0.3) as bar:
            _build(records, run, rows, summary, bar)
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


def first_seed(key: str, seed: int) -> int:
    """A seed of its own for each record: with one seed for all, the random draws of all answers would be equal.

    It depends on the record's fingerprint, so a resumed build draws what the undisturbed one would have drawn.
    """
    return (seed + int(key[:7], 16)) % 2**31


def _build(records, run: RunKey, rows: JsonlStore, summary: BuildSummary, bar: tqdm) -> None:
    asking: dict[str, int] = {}  # fingerprint -> how often the record has come again before its row was there

    def unfinished() -> Iterator[tuple[str, InstructionRecord]]:
        for record in records:
            key = run.fingerprint(record)
            if key in asking:
                asking[key] += 1
            elif key in rows:
                summary.count(rows[key], new=False)
                bar.initial += 1
                bar.update()
            else:
                asking[key] = 0
                yield key, record

    jobs = in_parallel(lambda job: make_row(*job, run), unfinished(), workers=run.settings.workers)
    for (key, _), result in jobs:
        again = asking.pop(key)
        bar.update(1 + again)
        if isinstance(result, LLMError):
            summary.failed += 1 + again
            _stop_after_too_many(result, summary, run.settings)
            continue
        rows.append(result)
        summary.count(result, new=True)
        summary.count(result, new=False, times=again)
        summary.retried += result["attempts"] - 1


def _stop_after_too_many(error: LLMError, summary: BuildSummary, settings: BuildSettings) -> None:
    if summary.failed > settings.max_failures:
        raise CourseError(
            f"{error} The build stopped after {summary.failed} failures. The {summary.made} rows "
            "made so far are safe; run again to go on."
        ) from error


def make_row(key: str, record: InstructionRecord, run: RunKey) -> dict | LLMError:
    """Ask until an outcome has no problems. A refusal is the record's fault, another failure is not."""
    attempts = []
    for number in range(run.settings.max_retries + 1):
        ask, seed = RecordingLLM(run.llm), first_seed(key, run.settings.seed) + number
        try:
            outcome = _outcome(record, run.method, ask, seed)
        except LLMError as error:
            if not error.refused:
                return error
            outcome = Outcome(problems=(f"{REFUSED}: {error}",))
        reply = ask.requests[-1].get("raw_reply", "").strip() if ask.requests else ""
        problems = list(outcome.problems)
        attempts.append({"seed": seed, "reply": reply, "problems": problems, "requests": ask.requests})
        if not problems or kind(problems[0]) == REFUSED:
            break
    return _row(key, record, run, outcome, attempts)


def _outcome(record: InstructionRecord, method: Method, ask: RecordingLLM, seed: int) -> Outcome:
    """What the method makes of the record. What it calls a pair must be one: two proper texts that differ."""
    outcome = Outcome()
    try:
        outcome = method.make(record, ask, seed)
        if not (outcome.problems or outcome.tie):
            PreferenceRecord(**_question(record), chosen=outcome.chosen, rejected=outcome.rejected)
        return outcome
    except ValidationError as error:
        first = error.errors()[0]
        text = " ".join([*first["loc"], first["msg"].removeprefix("Value error, ")])
        return replace(outcome, problems=(f"no pair: {text}",))


def _question(record: InstructionRecord) -> dict:
    return {"instruction": record.instruction, "input": record.input, "output": record.output}


def _row(key: str, record: InstructionRecord, run: RunKey, outcome: Outcome, attempts: list[dict]) -> dict:
    """The five keys and where they came from."""
    good = not (outcome.problems or outcome.tie)
    row = (
        _question(record)
        | {"chosen": outcome.chosen if good else None, "rejected": outcome.rejected if good else None}
        | {"status": "ok" if good else "set aside"}
        | {"reason": ["tie: neither side is better"] if outcome.tie else list(outcome.problems)}
        | {"fingerprint": key, "method": run.method.name, "method_version": run.method.version}
        | {"criterion": run.settings.criterion.name, **run.settings.sampling}
        | {"engine": run.llm.engine, "model": run.llm.model, "digest": run.llm.digest}
        | _requests(attempts)
        | {"time": datetime.now(UTC).isoformat(timespec="seconds")}
    )
    if clash := row.keys() & outcome.notes.keys():
        raise ValueError(f"The notes of the method {run.method.name!r} use keys of the row: {sorted(clash)}.")
    return row | outcome.notes


def _requests(attempts: list[dict]) -> dict:
    """Every request, and their sums. "prompt" is that of the last request; seed and reply, if that attempt is good."""
    failed = [attempt for attempt in attempts if attempt["problems"]]
    good = {"seed": None, "requests": []} if len(failed) == len(attempts) else attempts[-1]
    every = [request for attempt in attempts for request in attempt["requests"]]
    return (
        {"seed": good["seed"], "prompt": every[-1]["prompt"] if every else None}
        | {"raw_reply": good["requests"][-1].get("raw_reply") if good["requests"] else None}
        | {"requests": good["requests"], "failed_attempts": failed, "attempts": len(attempts), "calls": len(every)}
        | {"tokens": sum(request.get("tokens", 0) for request in every)}
        | {"seconds": round(sum(request.get("seconds", 0) for request in every), 3)}
    )
