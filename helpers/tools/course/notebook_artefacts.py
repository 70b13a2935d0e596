"""What ships of the notebooks' own work is what they make when they run from nothing but data/.

They are executed in an empty build folder; so shipped and home-made artefacts differ in nothing but who ran them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from helpers.files import NOTEBOOKS, ROOT, CourseError


def execute(numbers, build: Path):
    """Run these notebooks, in order, with `build` as their build folder. Raises CourseError if one fails."""
    for number in numbers:
        (notebook,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
        command = [
            sys.executable,
            "-m",
            "nbconvert",
            "--to",
            "notebook",
            "--execute",
            "--output-dir",
            str(build),
            "--ExecutePreprocessor.timeout=1800",
            str(notebook),
        ]
        print(f"running {notebook.name} ...", flush=True)
        if subprocess.run(command, cwd=ROOT, env=os.environ | {"COURSE_BUILD": str(build)}).returncode:
            raise CourseError(f"{notebook.name} did not run through; what it printed stands above.")


def empty_build():
    """A temporary build folder, as a context manager."""
    return tempfile.TemporaryDirectory(prefix="course-")
