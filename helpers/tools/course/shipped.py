"""Make what ships in data/ besides the instruction data and the course models.

The preference pairs and the student's checkpoints are what notebooks 01, 06 and 07 make when they run from nothing but
data/, in an empty build folder: shipped and home-made artefacts differ in nothing but who ran them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from helpers.files import DATA, ROOT, CourseError, write_bytes
from helpers.gpt.checkpoints import load_model, save_checkpoint
from helpers.gpt.tokenizer import COURSE_FOLDER, save_tokenizer, train_tokenizer
from helpers.tools.course.corpus import tokenizer_texts, training_records
from helpers.tools.notebooks import find_notebook

VOCAB_SIZE = 4096
PREFERENCE_FILE = "instruction-data-with-preference.json"
EXECUTE = "-m nbconvert --to notebook --execute --ExecutePreprocessor.timeout=1800 --output-dir".split()


def make_tokenizer(arguments: list[str]) -> None:
    """Train data/tokenizer/course.tiktoken on the training records and made-up content."""
    tok = train_tokenizer(tokenizer_texts(training_records()), VOCAB_SIZE)
    save_tokenizer(tok)
    print(f"{tok.n_vocab} tokens written to {COURSE_FOLDER.name}/.")


def make_preferences(arguments: list[str]) -> None:
    """Build the preference pairs with course-small, as notebook 01 does."""
    with tempfile.TemporaryDirectory(prefix="course-") as build:
        run_notebooks(["01"], Path(build))
        write_bytes(DATA / PREFERENCE_FILE, (Path(build) / PREFERENCE_FILE).read_bytes())
    print(f"data/{PREFERENCE_FILE} written.")


def make_checkpoints(arguments: list[str]) -> None:
    """Train data/sft and data/dpo with notebooks 06 and 07; keep them in half precision."""
    with tempfile.TemporaryDirectory(prefix="course-") as build:
        run_notebooks(["06", "07"], Path(build))
        for name in ("sft", "dpo"):
            model, tok, meta = load_model(Path(build) / name)
            save_checkpoint(DATA / name, model, tok, dtype=torch.float16, **meta)
    print("data/sft and data/dpo written.")


def run_notebooks(numbers: list[str], build: Path) -> None:
    """Run these notebooks, in order, with `build` as their build folder. Raises CourseError if one fails."""
    for number in numbers:
        notebook = find_notebook(number)
        print(f"running {notebook.name} ...", flush=True)
        command = [sys.executable, *EXECUTE, str(build), str(notebook)]
        if subprocess.run(command, cwd=ROOT, env=os.environ | {"COURSE_BUILD": str(build)}).returncode:
            raise CourseError(f"{notebook.name} did not run through; what it printed stands above.")
