"""`python3 -m helpers build-preferences`: what notebooks 01 to 03 do, for any instruction file, from a terminal."""

import os
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NoReturn

from helpers.files import CourseError, shown
from helpers.llm.client import LLM, Reply
from helpers.llm.connect import connect
from helpers.llm.recording import Asker
from helpers.pairs.method import BuildSettings, Method
from helpers.pairs.methods.model_human import model_human_method
from helpers.pairs.methods.rank import rank_method
from helpers.pairs.methods.rewrite import rewrite_method
from helpers.pairs.methods.strong_weak import strong_weak_method
from helpers.pairs.run import BuildSummary, Recipe, build_preferences, finished_rows, first_seed, five_keys
from helpers.pairs.store import JsonlStore
from helpers.records import InstructionRecord, read_instructions, save_preferences


def strong_weak(settings: BuildSettings, llm: LLM, weak: LLM | None) -> Method:
    """A course model is told by the coin how to speak, so that the strong side wins; others answer as they are."""
    return strong_weak_method(settings, weak, None if llm.embedded else ("neutral", "neutral"))


def model_human(settings: BuildSettings, llm: LLM, weak: LLM | None) -> Method:
    """The person's answer is the record's own. Course models say the same, hence the voices of notebook 03 for them."""
    if llm.embedded:
        return model_human_method(settings)
    return model_human_method(settings, lambda record, voice: record.output, ("neutral", "neutral"))


# Each takes the settings, the model and the weak model (None but for strong-weak).
METHODS: dict[str, Callable[[BuildSettings, LLM, LLM | None], Method]] = {
    "rewrite": lambda settings, llm, weak: rewrite_method(settings),
    "rank": lambda settings, llm, weak: rank_method(settings),
    "strong-weak": strong_weak,
    "model-human": model_human,
}


@dataclass(frozen=True)
class Plan:
    """What there is to do."""

    records: int
    done: int
    calls: int  # if nothing goes wrong

    def __str__(self) -> str:
        asked = f"{self.records - self.done:,} to do, about {self.calls:,} requests"
        return f"{self.records:,} records, {self.done:,} done already, {asked if self.calls else 'nothing to ask'}"


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
    out, rows = Path(options.out), rows_beside(options.out)
    try:
        check_paths(Path(options.instructions), out, rows)
    except OSError as error:  # a folder that may not be entered
        raise CourseError(
            f"{error.filename} cannot be reached: {error.strerror}. Check that you may go there."
        ) from error
    recipe, models = recipe_of(options)
    plan = plan_of(records_of(options), recipe, rows)
    print(f"{options.method} with {models}: {plan}. Rows go to {shown(rows)}.", flush=True)
    if options.dry_run:
        return show_first_prompt(options, recipe)
    summary = build_preferences(
        records_of(options), recipe.llm, rows, recipe.settings, recipe.method, total=plan.records
    )
    print(closing(summary))
    if not summary.made + summary.reused:
        raise CourseError(f"No pair was made, so {shown(out)} was not written. {shown(rows)} says why.")
    done = finished_rows(records_of(options), recipe.llm, rows, recipe.settings, recipe.method)
    save_preferences(out, (five_keys(row) for row in done if row["status"] == "ok"))
    print(f"{summary.made + summary.reused:,} pairs are in {shown(out)}.")
    return 1 if summary.failed else 0


def rows_beside(out: str) -> Path:
    """pairs.json: pairs.rows.jsonl."""
    return Path(out).with_suffix(".rows.jsonl")


def check_paths(instructions: Path, out: Path, rows: Path) -> None:
    """Raise CourseError if the instructions are no file, or the pairs would go over something that is not ours."""
    if not instructions.is_file():
        raise CourseError(f"--instructions {shown(instructions)}: there is no such file. Check the path.")
    if out.is_dir():
        raise CourseError(f"--out {shown(out)} is a folder. Give the name of a file in it.")
    if out.exists() and not rows.exists():  # not made by this command, so perhaps not to be overwritten
        raise CourseError(
            f"--out {shown(out)} is there already, but {shown(rows)}, from which it would be made again, is not. "
            "Choose another name, or move the file away."
        )


def recipe_of(options: Namespace) -> tuple[Recipe, str]:
    """Connect to the models that the method needs, and name them. A dry run sends no prompt, not even to load them."""
    llm, weak = connect(options.model, options.host, warm_up=not options.dry_run), None
    if options.method == "strong-weak":
        if not (options.weak_model or llm.embedded):
            raise CourseError("strong-weak needs --weak-model NAME: a smaller model of the same Ollama.")
        weak = connect(options.weak_model or "course-weak", options.host, warm_up=not options.dry_run)
    if options.dry_run:
        llm, weak = Silent.like(llm), weak and Silent.like(weak)
    settings = BuildSettings(
        seed=options.seed,
        temperature=options.temperature,
        num_predict=options.num_predict,
        strict=llm.embedded,
        workers=options.workers,
    )
    models = f"{llm.model} and {weak.model}" if weak else llm.model
    return Recipe(llm, settings, METHODS[options.method](settings, llm, weak)), models


def records_of(options: Namespace) -> Iterator[InstructionRecord]:
    """The records, read anew each time: they may be more than memory holds."""
    return islice(read_instructions(options.instructions), options.limit)


def plan_of(records: Iterator[InstructionRecord], recipe: Recipe, rows: Path) -> Plan:
    """Read all records once, so that a wrong one is found before anything is asked."""
    with JsonlStore(rows) if rows.exists() else nullcontext(()) as finished:
        there = Counter(recipe.fingerprint(record) in finished for record in records)
    return Plan(there.total(), there[True], there[False] * recipe.method.calls)


def closing(summary: BuildSummary) -> str:
    """What became of the records, and why some have no pair."""
    lines = [str(summary) + "."]
    if summary.reasons:
        reasons = ", ".join(f"{count:,} {kind}" for kind, count in summary.reasons.most_common())
        lines.append(f"Set aside for: {reasons}. A record may have several reasons.")
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


def show_first_prompt(options: Namespace, recipe: Recipe) -> int:
    """End a dry run: print what the first record would be asked, word for word."""
    record = next(records_of(options))
    try:
        recipe.method.make(record, Asker(recipe.llm), first_seed(recipe.fingerprint(record), options.seed))
    except FirstPrompt as first:
        prompt, asked = first.args
        shown_options = ", ".join(f"{key} {value}" for key, value in asked.items())
        print(f"The first prompt ({shown_options}):\n\n{prompt}\n\nDry run: nothing was asked.")
    return 0


def build_and_leave(options: Namespace) -> NoReturn:
    """The whole command of the terminal."""
    leave(main(options))


def leave(code: int) -> NoReturn:
    """End the program at once: Python would wait for the requests under way, whose replies nobody will read."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
