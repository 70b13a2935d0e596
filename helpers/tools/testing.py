"""`test`: the unit tests and every notebook in one pytest call. `parity`: the comparisons with peers."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from helpers.files import NOTEBOOKS, ROOT
from helpers.tools.cli import wait_through_interrupts

NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=1200", "--nbval-kernel-startup-timeout=120"]


def pytest_arguments(arguments: list[str]) -> list[str]:
    """What pytest is called with: tests/ and notebooks/, unless the arguments name something else."""
    named = [word for word in arguments if not word.startswith("-") and Path(word.split("::")[0]).exists()]
    paths = [] if named else ["tests", *part_one_last()]
    return [*NBVAL, *paths, *arguments]


def part_one_last() -> list[str]:
    """The notebooks, 05 first: the results that 07 to 09 assert are those of the shipped pairs, and 01 makes others."""
    names = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
    return [f"notebooks/{name}" for name in sorted(names, key=lambda name: name < "05")]


def run_tests(arguments: list[str]) -> int:
    """Run pytest. The notebooks write to a temporary build folder, so that your own is left alone."""
    with tempfile.TemporaryDirectory(prefix="course-build-", ignore_cleanup_errors=True) as build:
        return run_pytest(pytest_arguments(arguments), os.environ | {"COURSE_BUILD": build})


def run_parity(arguments: list[str]) -> int:
    """Run tests/parity; the model libraries work offline."""
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    return run_pytest(["tests/parity", *arguments], os.environ | offline)


def run_pytest(arguments: list[str], environment: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return wait_through_interrupts(subprocess.Popen(command, cwd=ROOT, env=environment))
