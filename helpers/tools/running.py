"""`run`: execute the notebooks in order, as a learner would; say how long each took and what it reached."""

import sys
import threading
import time
from argparse import Namespace
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets.config import Config

from helpers import scoreboard
from helpers.files import BUILD, display_path, write_text
from helpers.tools import report

CELL_TIMEOUT = 1800  # seconds; a cell that trains takes minutes at most
REASONS = {
    CellTimeoutError: f"It took longer than {CELL_TIMEOUT // 60} minutes.",
    DeadKernelError: "The kernel died; the usual cause is that the machine ran out of memory.",
}
FAILURES = (CellExecutionError, *REASONS)  # of the notebook; others are ours
TIME_BAR, MEMORY_BAR = "<= 15", "<= 2"  # minutes and GB for all notebooks


@dataclass(frozen=True)
class NotebookRun:
    """One notebook executed: wall seconds, peak bytes of its kernel, and what went wrong, if anything."""

    name: str
    seconds: float
    peak: int
    problem: str | None = None


class Execution(threading.Thread):
    """Executes one notebook in a thread, so that the main thread can watch it and receive Ctrl-C."""

    def __init__(self, path: Path):
        super().__init__(daemon=True)
        self.notebook = nbformat.read(path, as_version=4)
        self.cell, self.error = 0, None
        self.client = NotebookClient(
            self.notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            config=Config({"KernelManager": {"transport_encryption": "auto"}}),  # else each kernel warns
            resources={"metadata": {"path": str(path.parent)}},
            record_timing=False,
            store_widget_state=False,
            on_cell_start=lambda cell, cell_index: setattr(self, "cell", cell_index),
        )

    def run(self) -> None:
        for cell in self.notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        try:
            self.client.execute()
        except Exception as error:  # noqa: BLE001 - handed to the main thread
            self.error = error


def run_course(options: Namespace) -> int:
    """Execute `options.notebooks`; stop at the first that fails. Returns the exit code.

    If they are the whole course, the scoreboard starts anew and gets the totals.
    """
    if options.whole:
        scoreboard.clear()
    runs = []
    for path in options.notebooks:
        try:
            runs.append(run := run_notebook(path))
        except KeyboardInterrupt:
            print(f"\nInterrupted in {path.stem}. Continue with: python3 -m helpers run --from {path.name[:2]}")
            return 130
        print(f"{run.name:24} {run.seconds:7.1f} s  {run.peak / 1e9:5.2f} GB", flush=True)
        if run.problem:
            print(f"\n{run.problem}\nAs far as it got: {display_path(BUILD / 'run' / path.name)}", file=sys.stderr)
            return 1
        measured = {"seconds": round(run.seconds, 1), "peak_mb": round(run.peak / 1e6)}
        scoreboard.keep_row("notebooks", run.name, measured)
    finish(runs, options.whole)
    return 0


def run_notebook(path: Path) -> NotebookRun:
    """Execute one notebook in its own folder; save what it gave, also if it failed."""
    work = Execution(path)
    seconds, peak = watch(work, path.stem)
    if work.error and not isinstance(work.error, FAILURES):
        raise work.error
    write_text(BUILD / "run" / path.name, nbformat.writes(work.notebook))
    report.write_notebook(work.notebook, path.stem)
    return NotebookRun(path.stem, seconds, peak, describe_failure(work, path.stem) if work.error else None)


def watch(work: Execution, name: str) -> tuple[float, int]:
    """Run the thread to its end; return wall seconds and the peak memory, in bytes, of the kernel and its children."""
    before, peak, started = children(), 0, time.monotonic()
    work.start()
    try:
        while work.is_alive():
            work.join(0.2)
            peak = max(peak, resident(children() - before))
            if sys.stdout.isatty():
                place = f"cell {work.cell + 1}/{len(work.notebook.cells)}"
                print(f"\r{name:24} {time.monotonic() - started:7.1f} s  {place}", end="", flush=True)
    except KeyboardInterrupt:
        for process in children() - before:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        work.join(20)
        raise
    finally:
        if sys.stdout.isatty():
            print("\r" + " " * 60 + "\r", end="", flush=True)
    return time.monotonic() - started, peak


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def resident(processes) -> int:
    total = 0
    for process in processes:
        with suppress(psutil.Error):  # it ended since it was listed
            total += process.memory_info().rss
    return total


def describe_failure(work: Execution, name: str) -> str:
    """Which cell failed, how it begins, and what it said."""
    cell = work.notebook.cells[work.cell]
    begins = "\n".join(f"    {line}" for line in cell.source.splitlines()[:3])
    place = f"cell {work.cell + 1} of {len(work.notebook.cells)}"
    reason = REASONS.get(type(work.error)) or f"{work.error.ename}: {work.error.evalue}"
    return f"{name}, {place}, failed:\n{begins}\n{reason}"


def finish(runs: list[NotebookRun], whole: bool) -> None:
    """Put the totals on the scoreboard, print it, and write the report's first page."""
    minutes, peak = sum(run.seconds for run in runs) / 60, max(run.peak for run in runs) / 1e9
    if whole:
        scoreboard.record("all notebooks, time", round(minutes, 2), "min", TIME_BAR)
        scoreboard.record("all notebooks, peak memory", round(peak, 2), "GB", MEMORY_BAR)
    board = scoreboard.load()
    print(f"{'together':24} {minutes * 60:7.1f} s  {peak:5.2f} GB\n")
    if board["results"]:
        print(scoreboard.scoreboard_table(board) + "\n")
    print(f"Report: {display_path(report.write_index(board))}")
    print(f"Executed notebooks: {display_path(BUILD / 'run')}; numbers: {display_path(scoreboard.path())}")
