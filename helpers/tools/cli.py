"""The commands of the launcher: what each takes, which environment it needs and which function does it."""

import argparse
import difflib
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.files import NOTEBOOKS, ROOT, CourseError
from helpers.studies import STUDIES
from helpers.tools.build_options import build_options
from helpers.tools.environment import FOR_COURSE, FOR_PARITY, FOR_TESTS, Environment, ensure
from helpers.tools.notebooks import find_notebook, select_notebooks

FIRST_CALL = "The first call sets up .venv from requirements.txt; later calls start at once."
# What lies in data/, in the order in which it is made: each from the ones before it.
MAKERS = {
    "instruction-data": "tools.course.instruction_data:make_instruction_data",
    "world": "tools.course.tables:make_world",
    "tokenizer": "tools.course.shipped:make_tokenizer",
    "course-models": "tools.course.course_models:make_course_models",
    "preferences": "tools.course.shipped:make_preferences",
    "checkpoints": "tools.course.shipped:make_checkpoints",
}


@dataclass(frozen=True)
class Command:
    """`read` turns the arguments into what `do` takes, before any set-up; `do` runs inside the environment."""

    summary: str
    do: str  # module:function in helpers
    read: Callable[[list[str]], Any] = list
    environment: Environment = FOR_COURSE


def run_options(arguments: list[str]) -> argparse.Namespace:
    """`notebooks`, the paths to execute, and `whole`, whether that is the whole course."""
    parser = argparse.ArgumentParser(prog="python3 -m helpers run", description=COMMANDS["run"].summary)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", nargs="+", metavar="NN", default=[], help="only these notebooks: 05, or 05_dpo_loss")
    which.add_argument("--from", dest="start", metavar="NN", help="this notebook and those after it")
    options = parser.parse_args(arguments)
    options.notebooks = select_notebooks(options.only, options.start)
    options.whole = not (options.only or options.start)
    return options


def serve_port(arguments: list[str]) -> int:
    """The port to serve on. Raises CourseError for one that is none, and for a host that is not this machine."""
    parser = argparse.ArgumentParser(prog="python3 -m helpers serve", description=COMMANDS["serve"].summary)
    parser.add_argument("--port", type=int, default=11435, help="0 takes a free one (default: 11435)")
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1, and nothing else")
    options = parser.parse_args(arguments)
    if options.host not in ("127.0.0.1", "localhost"):
        raise CourseError(f"--host {options.host}: the embedded engine serves this machine only, on 127.0.0.1.")
    if not 0 <= options.port <= 65535:
        raise CourseError(f"--port {options.port} is not a port: choose one from 0 to 65535.")
    return options.port


def data_names(arguments: list[str]) -> list[str]:
    """What to make, and the arguments for its maker. Raises CourseError if there is no maker for it."""
    names = ", ".join(MAKERS)
    if not arguments or arguments[0] in ("-h", "--help"):
        raise CourseError(f"Say what to make again: `python3 -m helpers data NAME`, NAME one of {names}.")
    if arguments[0] not in MAKERS:
        raise CourseError(f"There is no data called {arguments[0]!r}{nearest(arguments[0], MAKERS)} There is: {names}.")
    return arguments


def study_options(arguments: list[str]) -> argparse.Namespace:
    """`name` of the study, and `jobs`, the number of its runs that go side by side."""
    parser = argparse.ArgumentParser(prog="python3 -m helpers study", description=COMMANDS["study"].summary)
    parser.add_argument("name", choices=STUDIES)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs side by side (default: all cores)")
    return parser.parse_args(arguments)


def evaluation_options(arguments: list[str]) -> argparse.Namespace:
    """`models` to measure, and `quick` for an eighth of the trials."""
    summary = COMMANDS["evaluate-course-models"].summary
    parser = argparse.ArgumentParser(prog="python3 -m helpers evaluate-course-models", description=summary)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="course-small, FILE.gguf or a checkpoint's folder")
    parser.add_argument("--quick", action="store_true", help="an eighth of the trials; data/README.md stays as it is")
    return parser.parse_args(arguments)


def gguf_options(arguments: list[str]) -> argparse.Namespace:
    """`checkpoint` to read, `file` to write and `dtype` of the weights."""
    parser = argparse.ArgumentParser(prog="python3 -m helpers export-gguf", description=COMMANDS["export-gguf"].summary)
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="a model's folder: build/dpo, data/sft, a published GPT-2"
    )
    parser.add_argument("file", metavar="FILE", help="the file to write: my-model.gguf")
    parser.add_argument("--dtype", choices=("f32", "f16", "q8_0"), default="f32", help="of the weights (default: f32)")
    return parser.parse_args(arguments)


COMMANDS = {
    "lab": Command("open the course in JupyterLab (arguments go to JupyterLab)", "tools.cli:open_lab"),
    "run": Command(
        "execute the notebooks, write a report to build/run, print the scoreboard (--only NN ..., --from NN)",
        "tools.running:run_course",
        run_options,
    ),
    "test": Command(
        "run the tests and every notebook (arguments go to pytest)", "tools.testing:run_tests", environment=FOR_TESTS
    ),
    "parity": Command(
        "compare with transformers and TRL, in .venv-parity (arguments go to pytest)",
        "tools.testing:run_parity",
        environment=FOR_PARITY,
    ),
    "serve": Command(
        "serve the course models like Ollama, on 127.0.0.1 (--port N)", "llm.server.serve:serve_forever", serve_port
    ),
    "build-preferences": Command(
        "make preference pairs of any instruction file with a language model (--help)",
        "tools.build_preferences:build_and_leave",
        build_options,
    ),
    "export-gguf": Command(
        "write a checkpoint as the one file that llama.cpp and Ollama run (CHECKPOINT FILE, --dtype f32|f16|q8_0)",
        "gpt.gguf:export_gguf",
        gguf_options,
    ),
    "data": Command(f"make again what ships in data/: {', '.join(MAKERS)}", "tools.cli:make_data", data_names),
    "evaluate-course-models": Command(
        "measure the course models, or a GGUF file or checkpoint, on held-out requests (MODEL ..., --quick)",
        "tools.course.measure:measure_course_models",
        evaluation_options,
    ),
    "study": Command(
        "compute a study that the notebooks show, again (NAME, --jobs N)", "tools.studies.run:run_study", study_options
    ),
    "sync": Command("write the links and tables that follow from the list of notebooks", "tools.notebooks:sync"),
}


def launch(argv: list[str]) -> int:
    """Run one command; mistakes that a person can correct end in a sentence and exit code 2."""
    try:
        return dispatch(argv)
    except KeyboardInterrupt:
        return 130
    except CourseError as error:
        print(f"Error: {error}", file=sys.stderr)
    return 2


def dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0
    name, *arguments = argv
    if name not in COMMANDS:
        raise CourseError(
            f"There is no command {name!r}{nearest(name, COMMANDS)} `python3 -m helpers --help` lists all."
        )
    command = COMMANDS[name]
    options = command.read(arguments)
    python = ensure(command.environment)
    if command.environment.active:
        return load_function(command.do)(options) or 0
    return become([str(python), "-m", "helpers", *argv], Path.cwd())


def help_text() -> str:
    lines = [f"  {name:{max(map(len, COMMANDS))}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(["Preference tuning from scratch: python3 -m helpers COMMAND\n", *lines, f"\n{FIRST_CALL}"])


def nearest(word: str, words) -> str:
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else "."


def load_function(name: str) -> Callable:
    """The function called 'module:function' in helpers; its libraries are imported only now."""
    module, function = name.split(":")
    return getattr(importlib.import_module(f"helpers.{module}"), function)


def become(command: list[str], folder: Path) -> int:
    """Hand over to another program, for good where the system can do that."""
    sys.stdout.flush()
    if os.name != "nt":
        os.chdir(folder)
        os.execv(command[0], command)
    return wait_through_interrupts(subprocess.Popen(command, cwd=folder))


def wait_through_interrupts(process: subprocess.Popen) -> int:
    """The exit code of a child that gets the same Ctrl-C and decides itself what it means."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def open_lab(arguments: list[str]) -> int:
    start = find_notebook("00")
    options = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{NOTEBOOKS.name}/{start.name}"]
    if os.name != "nt" and os.geteuid() == 0:  # containers; JupyterLab refuses root without this option
        options.append("--allow-root")
    return become([sys.executable, "-m", "jupyterlab", *options, *arguments], ROOT)


def make_data(names: list[str]) -> None:
    load_function(MAKERS[names[0]])(names[1:])
