"""One record's row: who is asked and how, which attempts it still needs, and what is written down of them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import ValidationError

from helpers.llm.client import LLM, LLMError
from helpers.llm.recording import RecordingLLM
from helpers.pairs.checks import kind
from helpers.pairs.method import BuildSettings, Method, Outcome
from helpers.pairs.methods.rewrite import rewrite_method
from helpers.politeness import POLITENESS
from helpers.records import InstructionRecord, PreferenceRecord, fingerprint

REFUSED, TIE = "refused by the server", "tie"
# What decides which reply comes and whether it is good. How much is tried (num_predict, max_retries) does not.
DECISIVE = ("seed", "temperature", "strict")


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
        """By which a record's row is found again, whatever the limits: a good row is good under higher ones, too.

        Until `num_predict` and `max_retries` were left out, fingerprints were others: records of such a file are asked
        anew, and its rows stay in it unused.
        """
        method, llm = self.method, self.llm
        options = {name: getattr(self.settings, name) for name in DECISIVE}
        about = (*method.identity(record), *method.key)
        # The first version of the course's own criterion was once the only one, so rows made for it do not name it.
        if (criterion := self.settings.criterion) != POLITENESS or criterion.version > 1:
            about += (criterion.name, criterion.version)
        return fingerprint(method.name, method.version, llm.model, llm.digest, options, record.answer, *about)


def first_seed(key: str, seed: int) -> int:
    """A seed of its own for each record: with one seed for all, the random draws of all answers would be equal.

    It depends on the record's fingerprint, so a resumed build draws what the undisturbed one would have drawn.
    """
    return (seed + int(key[:7], 16)) % 2**31


def seeds_to_ask(key: str, row: dict | None, settings: BuildSettings) -> list[int]:
    """The seeds of the attempts that may still give this record a good row; none if its row is settled.

    row: what the file has for it, if anything. A row that was set aside takes further seeds if `max_retries` has been
    raised, and again those whose reply was cut off if `num_predict` has been. Ties and refusals are settled. With
    `retry_set_aside` every row that was set aside gets new attempts, with seeds that come after those tried.
    """
    first, tries = first_seed(key, settings.seed), settings.max_retries + 1
    if row is None:
        return list(range(first, first + tries))
    if row["status"] == "ok":
        return []
    if settings.retry_set_aside:
        first = 1 + max(attempt["seed"] for attempt in _tried(row))
        return list(range(first, first + tries))
    if kind(row["reason"][0]) in (TIE, REFUSED):
        return []
    tried = {attempt["seed"]: attempt for attempt in _tried(row)}  # of two with one seed, the later one
    return [seed for seed in range(first, first + tries) if seed not in tried or _was_cut(tried[seed], settings)]


def _was_cut(attempt: dict, settings: BuildSettings) -> bool:
    """Whether a reply of this attempt reached the limit of that time, which is now higher."""
    limit = attempt["num_predict"]
    cut = [request["options"]["num_predict"] for request in attempt["requests"] if request["done_reason"] == "length"]
    return limit < settings.num_predict and limit in cut


def _tried(row: dict | None) -> list[dict]:
    """The attempts in a row that was set aside; one that ended in a tie counts as failed."""
    if row is None:
        return []
    tie = {"seed": row["seed"], "reply": row["raw_reply"], "problems": row["reason"], "requests": row["requests"]}
    tie |= {"num_predict": row["num_predict"]}
    return row["failed_attempts"] + ([tie] if row["seed"] is not None else [])


def make_row(key: str, record: InstructionRecord, earlier: dict | None, run: RunKey) -> dict | LLMError:
    """Ask until an outcome has no problems. A refusal is the record's fault, another failure is not.

    earlier: the row of this record that was set aside; its attempts go on, in a new row.
    """
    attempts = _tried(earlier)
    for seed in seeds_to_ask(key, earlier, run.settings):
        ask = RecordingLLM(run.llm)
        try:
            outcome = _outcome(record, run.method, ask, seed)
        except LLMError as error:
            if not error.refused:
                return error
            outcome = Outcome(problems=(f"{REFUSED}: {error}",))
        reply = ask.requests[-1].get("raw_reply", "").strip() if ask.requests else ""
        attempt = {"seed": seed, "num_predict": run.settings.num_predict, "reply": reply}
        attempts.append(attempt | {"problems": list(outcome.problems), "requests": ask.requests})
        if not outcome.problems or kind(outcome.problems[0]) == REFUSED:
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
        | {"reason": [f"{TIE}: neither side is better"] if outcome.tie else list(outcome.problems)}
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
        | {"cleaned": [what for request in good["requests"] for what in request.get("cleaned", [])]}
        | {"requests": good["requests"], "failed_attempts": failed, "attempts": len(attempts), "calls": len(every)}
        | {name: sum(request.get(name, 0) for request in every) for name in ("prompt_tokens", "tokens")}
        | {"seconds": round(sum(request.get("seconds", 0) for request in every), 3)}
    )
