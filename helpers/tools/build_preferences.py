"""`python3 -m helpers build-preferences`: what notebooks 01 to 03 do, for any instruction file, from a terminal."""

import os
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import NoReturn

from helpers.files import CourseError, display_path
from helpers.llm.client import LLM, Reply
from helpers.llm.connect import connect
from helpers.llm.recording import RecordingLLM
from helpers.pairs.method import BuildSettings, Method
from helpers.pairs.row import RunKey, first_seed, seeds_to_ask
from helpers.pairs.run import BuildSummary, build_preferences, finished_rows, five_keys
from helpers.pairs.store import JsonlStore
from helpers.records import InstructionRecord, read_instructions, save_preferences

GIVEN = ("seed", "temperature", "num_predict", "workers", "max_retries", "retry_set_aside")  # options of BuildSettings


@dataclass(frozen=True)
class Remaining:
    """What there is to do."""

    records: int
    done: int
    calls: int  # if nothing goes wrong

    def __str__(self) -> str:
        todo = f"{self.records - self.done:,} to do, about {self.calls:,} requests"
        return f"{self.records:,} records, {self.done:,} done already, {todo if self.calls else 'nothing to ask'}"


def main(options: Namespace) -> int:
    """Carry out the command; returns its exit code."""
    try:
        return build(options)
    except CourseError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("To go on where it stopped, give the same command again.", file=sys.stderr)
        return 130


def build(options: Namespace) -> int:
    """Say what will be done, do it, export the pairs and say what became of the records."""
    out = Path(options.out)
    rows = out.with_suffix(".rows.jsonl")
    try:
        check_paths(Path(options.instructions), out, rows)
    except OSError as error:  # a folder that may not be entered
        raise CourseError(
            f"{error.filename} cannot be reached: {error.strerror}. Check that you may go there."
        ) from error
    run, models = run_of(options)
    plan = plan_of(records_of(options), run, rows)
    print(f"{options.method} with {models}: {plan}. Rows go to {display_path(rows)}.", flush=True)
    if options.dry_run:
        return show_first_prompt(options, run)
    limits = {"minutes": options.minutes, "total": plan.records}
    summary = build_preferences(records_of(options), run.llm, rows, run.settings, run.method, **limits)
    print(closing(summary))
    if not summary.made + summary.reused:
        raise CourseError(f"No pair was made, so {display_path(out)} was not written. {display_path(rows)} says why.")
    done = finished_rows(records_of(options), run.llm, rows, run.settings, run.method)
    save_preferences(out, (five_keys(row) for row in done if row["status"] == "ok"))
    print(f"{summary.made + summary.reused:,} pairs are in {display_path(out)}.")
    return 1 if summary.failed else 0


def check_paths(instructions: Path, out: Path, rows: Path) -> None:
    """Raise CourseError if the instructions are no file, or the pairs would go over something that is not ours."""
    if not instructions.is_file():
        raise CourseError(f"--instructions {display_path(instructions)}: there is no such file. Check the path.")
    if out.is_dir():
        raise CourseError(f"--out {display_path(out)} is a folder. Give the name of a file in it.")
    if out.exists() and not rows.exists():  # not made by this command, so perhaps not to be overwritten
        raise CourseError(
            f"--out {display_path(out)} is there already, but {display_path(rows)}, from which it is made, is not. "
            "Choose another name, or move the file away."
        )


def run_of(options: Namespace) -> tuple[RunKey, str]:
    """Connect to the models that the method needs, and name them. A dry run sends no prompt, not even to load them."""
    llm, weak = connect(options.model, options.host, warm_up=not options.dry_run), None
    if options.method == "strong-weak":
        if not (options.weak_model or llm.embedded):
            raise CourseError("strong-weak needs --weak-model NAME: a smaller model of the same Ollama.")
        weak = connect(options.weak_model or "course-weak", options.host, warm_up=not options.dry_run)
    if options.dry_run:
        llm, weak = Silent.like(llm), weak and Silent.like(weak)
    given = {name: getattr(options, name) for name in GIVEN}
    settings = BuildSettings(**{k: v for k, v in given.items() if v is not None}, strict=llm.embedded)
    models = f"{llm.model} and {weak.model}" if weak else llm.model
    return RunKey(llm, settings, method_named(options.method)(settings, llm, weak)), models


def method_named(name: str) -> Callable[..., Method]:
    """The function that makes the method: `strong_weak_method` of pairs/methods/strong_weak.py for "strong-weak"."""
    stem = name.replace("-", "_")
    return getattr(import_module(f"helpers.pairs.methods.{stem}"), f"{stem}_method")


def records_of(options: Namespace) -> Iterator[InstructionRecord]:
    """The records, read anew each time: they may be more than memory holds."""
    return islice(read_instructions(options.instructions), options.limit)


def plan_of(records: Iterator[InstructionRecord], run: RunKey, rows: Path) -> Remaining:
    """Read all records once, so that a wrong one is found before anything is asked."""
    done = Counter()
    with JsonlStore(rows) if rows.exists() else nullcontext({}) as there:
        for key in map(run.fingerprint, records):
            done[not seeds_to_ask(key, there[key] if key in there else None, run.settings)] += 1
    return Remaining(done.total(), done[True], done[False] * run.method.calls)


def closing(summary: BuildSummary) -> str:
    """What became of the records, and why some have no pair."""
    lines = [str(summary) + "."]
    if summary.reasons:
        reasons = ", ".join(f"{count:,} {kind}" for kind, count in summary.reasons.most_common())
        lines.append(f"Set aside for: {reasons}. A record may have several reasons.")
    if summary.left:
        lines.append(f"No time was left for {summary.left:,}. Give the same command again to go on.")
    if summary.failed:
        lines.append(f"Failed at the server: {summary.failed:,}. Give the same command again to ask for them.")
    return "\n".join(lines)


class FirstPrompt(Exception):
    """Carries the prompt that a dry run does not send."""


class Silent(LLM):
    """A model that is not asked: the first prompt ends the attempt."""

    @classmethod
    def like(cls, llm: LLM) -> "Silent":
        return cls(**vars(llm))

    def ask(self, prompt: str, **options) -> Reply:
        raise FirstPrompt(prompt, options)


def show_first_prompt(options: Namespace, run: RunKey) -> int:
    """End a dry run: print what the first record would be asked, word for word."""
    record = next(records_of(options))
    try:
        run.method.make(record, RecordingLLM(run.llm), first_seed(run.fingerprint(record), run.settings.seed))
    except FirstPrompt as first:
        prompt, request = first.args
        described = ", ".join(f"{key} {value}" for key, value in request.items())
        print(f"The first prompt ({described}):\n\n{prompt}\n\nDry run: nothing was asked.")
    return 0


def build_and_leave(options: Namespace) -> NoReturn:
    """The whole command of the terminal.

    It ends at once: Python would wait for the requests under way, whose replies nobody will read.
    """
    code = main(options)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
