"""`python3 -m helpers study NAME`: compute a study run by run and write data/studies/NAME.json.

Finished runs are kept in build/studies/, so an interrupted study goes on where it stopped. A run has a processor core
to itself and one thread, so its result does not depend on how many run side by side.
"""

import argparse
import platform
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context

import torch
from tqdm.auto import tqdm

from helpers.files import BUILD, DATA, display_path, write_json
from helpers.pairs.store import JsonlStore
from helpers.records import fingerprint
from helpers.studies import STUDIES, input_hash, study_file
from helpers.tools.studies.grids import GRIDS

INPUTS = ("instruction-data.json", "instruction-data-with-preference.json", "voices.json")
OWN_STUDENT = ("seeds", "sft")  # studies that fine-tune; the others start from the shipped student


def run_study(options: argparse.Namespace) -> None:
    """Compute what is missing of a study, then write its file."""
    name, inputs = options.name, input_hashes(options.name)
    _, grid, measure = GRIDS[name]
    key = partial(fingerprint, name, STUDIES[name], inputs)
    with JsonlStore(BUILD / "studies" / f"{name}.jsonl") as store:
        missing = [run for run in grid if key(run) not in store]
        with tqdm(total=len(grid), initial=len(grid) - len(missing), desc=f"study {name}", unit="run") as bar:
            for run, points, seconds in in_processes(measure, missing, options.jobs):
                store.append({"fingerprint": key(run), "points": points, "seconds": seconds})
                bar.update()
        rows = [store[key(run)] for run in grid]
    path = write_json(study_file(name), summed_up(name, inputs, rows))
    print(f"{len(grid)} runs written to {display_path(path)}.")


def summed_up(name: str, inputs: dict[str, str], rows: list[dict]) -> dict:
    """What the file of a study holds."""
    (version, question), (settings, grid, _) = STUDIES[name], GRIDS[name]
    return {
        "study": name,
        "version": version,
        "question": question,
        "settings": settings,
        "seeds": sorted({run["seed"] for run in grid}),
        "inputs": inputs,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "machine": f"{platform.machine()}, one thread a run",
        "minutes": round(sum(row["seconds"] for row in rows) / 60, 1),
        "points": [point for row in rows for point in row["points"]],
    }


def input_hashes(study: str) -> dict[str, str]:
    """The files that a study starts from, by the beginning of their SHA-256."""
    files = INPUTS if study in OWN_STUDENT else (*INPUTS, "sft/model.safetensors")
    return {name: input_hash(DATA / name) for name in files}


def in_processes(measure, runs: list[dict], jobs: int):
    """(run, its points, seconds) as the runs finish, `jobs` of them at a time."""
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,))
    futures = {pool.submit(timed_points, measure, run): run for run in runs}
    try:
        for future in as_completed(futures):
            yield futures[future], *future.result()
    finally:  # Ctrl-C: what is under way is lost, what has not begun is not begun
        pool.shutdown(wait=False, cancel_futures=True)


def timed_points(measure, run: dict) -> tuple[list[dict], float]:
    """The points of one run, each with the run's settings, and the seconds that it took."""
    began = time.perf_counter()
    points = [run | point for point in measure(**run)]
    return points, time.perf_counter() - began
