"""Building a preference set with a language model: nothing is lost, asked twice, or failed in silence."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from helpers.engine.client import LLM, LLMError, Reply, in_parallel
from helpers.files import CourseError, shown
from helpers.preferences.checks import problems
from helpers.preferences.prompts import VERSIONS, rewrite_prompt
from helpers.preferences.records import FIVE_KEYS, InstructionRecord, fingerprint
from helpers.preferences.rewriting import direction_of, to_pair
from helpers.preferences.rowfile import RowFile

METHOD = "rewrite"
# Another value of one of these asks anew.
ASKED_WITH = ("seed", "temperature", "num_predict", "strict", "max_retries")


@dataclass(frozen=True)
class BuildSettings:
    """How to ask."""

    seed: int = 123  # of the coin and, with the record, of the sampling
    temperature: float = 0.7
    num_predict: int = 128  # tokens; a longer reply counts as cut off
    strict: bool = True  # see `checks.problems`
    max_retries: int = 2  # a reply that fails the checks is asked for again with the next seed
    workers: int = 8  # requests at once
    max_failures: int = 3  # requests that the server failed on before the build stops


@dataclass
class BuildSummary:
    """What became of the records: made + reused + set_aside + failed is the number of different ones."""

    made: int = 0  # good rows asked for in this run
    reused: int = 0  # good rows of earlier runs
    retried: int = 0  # extra requests in this run, because a reply failed the checks
    set_aside: int = 0  # records without a good reply, in this run or earlier; their rows say why
    failed: int = 0  # records that the server could not answer; the next run asks for them again
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.made} made, {self.reused} reused, {self.set_aside} set aside, {self.failed} failed "
            f"({self.retried} retries, {self.seconds:.1f} s)"
        )


@dataclass(frozen=True)
class Job:
    """One record to be rewritten, and the fingerprint by which its row is found again."""

    record: InstructionRecord
    direction: str
    prompt: str
    fingerprint: str


def build_preferences(
    records: Iterable[InstructionRecord], llm: LLM, path, settings: BuildSettings | None = None
) -> BuildSummary:
    """Rewrite every record and append one row each to the JSONL file `path`, as they are finished.

    Rows that are there already are not asked for again, so an interrupted build goes on where it stopped.
    Raises CourseError if the server fails on more than `settings.max_failures` records, or if another builder
    is writing to the file.
    """
    settings = settings or BuildSettings()
    summary, started = BuildSummary(), time.monotonic()
    jobs = {job.fingerprint: job for job in (_job(record, llm, settings) for record in records)}
    try:
        with RowFile(path) as rows:
            todo = [job for key, job in jobs.items() if key not in rows]
            for key in jobs.keys() - {job.fingerprint for job in todo}:
                _count(summary, rows[key], new=False)
            _build(todo, llm, rows, settings, summary)
    except KeyboardInterrupt:
        print(f"Interrupted. Every finished row is in {shown(path)}; run again to go on.")
        raise
    finally:
        summary.seconds = time.monotonic() - started
    return summary


def finished_rows(
    records: Iterable[InstructionRecord], llm: LLM, path, settings: BuildSettings | None = None
) -> Iterator[dict]:
    """The rows of these records in the order of the records, whatever the order in which they were finished.

    A row has the five keys, its "status" ("ok" or "set aside"), and where it came from.
    """
    if not Path(path).exists():
        raise CourseError(f"{shown(path)} is missing. Build it first with build_preferences.")
    with RowFile(path) as rows:
        for record in records:
            key = _job(record, llm, settings or BuildSettings()).fingerprint
            if key in rows:
                yield rows[key]


def _job(record: InstructionRecord, llm: LLM, settings: BuildSettings) -> Job:
    direction = direction_of(record, settings.seed)
    prompt = rewrite_prompt(record.instruction, record.input, record.output, direction)
    options = [getattr(settings, name) for name in ASKED_WITH]
    version = VERSIONS["rewrite"]
    key = fingerprint(METHOD, version, llm.model, llm.digest, options, record.answer, direction, prompt)
    return Job(record, direction, prompt, key)


def _build(todo: list[Job], llm: LLM, rows: RowFile, settings: BuildSettings, summary: BuildSummary) -> None:
    results = in_parallel(
        lambda job: _rewrite(job, llm, settings),
        todo,
        workers=settings.workers,
        total=len(todo),
        label="rewriting" if todo else None,
    )
    for _, result in results:
        if isinstance(result, LLMError):
            summary.failed += 1
            if summary.failed > settings.max_failures:
                raise CourseError(
                    f"{result} The build stopped after {summary.failed} failures. The {summary.made} rows "
                    "made so far are safe; run again to go on."
                ) from result
            continue
        rows.append(result)
        _count(summary, result, new=True)


def first_seed(key: str, seed: int) -> int:
    """A seed of its own for each record: with one seed for all, the same dice would fall for every answer.

    It depends on the record's fingerprint, so a resumed build draws what the undisturbed one would have drawn.
    """
    return (seed + int(key[:7], 16)) % 2**31


def _rewrite(job: Job, llm: LLM, settings: BuildSettings) -> dict | LLMError:
    """Ask until a reply passes the checks. A refusal is the record's fault, another failure is not."""
    failed = []
    for attempt in range(settings.max_retries + 1):
        seed = first_seed(job.fingerprint, settings.seed) + attempt
        try:
            reply = llm.ask(
                job.prompt, seed=seed, temperature=settings.temperature, num_predict=settings.num_predict
            )
        except LLMError as error:
            if not error.refused:
                return error
            failed.append({"seed": seed, "reply": "", "problems": [f"refused by the server: {error}"]})
            break
        wrong = problems(job.record, reply.text, reply.done_reason, settings.strict)
        if not wrong:
            return _row(job, llm, settings, failed, seed, reply)
        failed.append({"seed": seed, "reply": reply.text, "problems": wrong})
    return _row(job, llm, settings, failed)


def _row(
    job: Job,
    llm: LLM,
    settings: BuildSettings,
    failed: list[dict],
    seed: int | None = None,
    reply: Reply | None = None,
) -> dict:
    """The five keys and where they came from; without a reply the record is set aside."""
    record = job.record
    row = {"instruction": record.instruction, "input": record.input, "output": record.output}
    row |= {
        "chosen": None,
        "rejected": None,
        "status": "set aside",
        "reason": failed[-1]["problems"] if failed else [],
    }
    if reply:
        row |= to_pair(record, reply.text, job.direction).model_dump() | {"status": "ok", "reason": []}
    return row | {
        "fingerprint": job.fingerprint,
        "method": METHOD,
        "direction": job.direction,
        "engine": llm.engine,
        "model": llm.model,
        "digest": llm.digest,
        "prompt_name": "rewrite",
        "prompt_version": VERSIONS["rewrite"],
        "prompt": job.prompt,
        "seed": seed,
        "temperature": settings.temperature,
        "num_predict": settings.num_predict,
        "raw_reply": reply.raw["response"] if reply else None,
        "failed_attempts": failed,
        "seconds": round(reply.seconds, 3) if reply else None,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _count(summary: BuildSummary, row: dict, new: bool) -> None:
    if row["status"] == "ok":
        summary.made += new
        summary.reused += not new
    else:
        summary.set_aside += 1
    if new:
        summary.retried += len(row["failed_attempts"]) - (row["status"] != "ok")


def five_keys(row: dict) -> dict:
    """The preference record of a finished row, without where it came from."""
    return {key: row[key] for key in FIVE_KEYS}
