"""The commands of the launcher: what each takes, which environment it needs and which module does it."""

import argparse
import difflib
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from helpers.files import ROOT, CourseError
from helpers.tools.build_options import build_options
from helpers.tools.environment import COURSE, PARITY, TESTS, Environment, ensure
from helpers.tools.notebooks import select

# What lies in data/, in the order in which it is made: each from the ones before it.
DATA = {
    "instruction-data": "helpers.tools.course.instruction_data",
    "tokenizer": "helpers.tools.course.tokenizer",
    "course-models": "helpers.tools.course.models",
    "preferences": "helpers.tools.course.preferences",
    "checkpoints": "helpers.tools.course.checkpoints",
}


def anything(arguments: list[str]) -> None:
    """For commands that pass their arguments on."""


def check_run(arguments: list[str]) -> None:
    options = run_options(arguments)
    select(options.only, options.start)


def run_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m helpers run", description=COMMANDS["run"].summary)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", nargs="+", metavar="NN", default=[], help="only these notebooks: 05, or 05_dpo_loss")
    which.add_argument("--from", dest="start", metavar="NN", help="this notebook and those after it")
    return parser.parse_args(arguments)


def serve_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m helpers serve", description=COMMANDS["serve"].summary)
    parser.add_argument("--port", type=int, default=11435, help="0 takes a free one (default: 11435)")
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1, and nothing else")
    options = parser.parse_args(arguments)
    if options.host not in ("127.0.0.1", "localhost"):
        raise CourseError(f"--host {options.host}: the embedded engine serves this machine only, on 127.0.0.1.")
    if not 0 <= options.port <= 65535:
        raise CourseError(f"--port {options.port} is not a port: choose one from 0 to 65535.")
    return options


def data_module(arguments: list[str]) -> str:
    names = ", ".join(DATA)
    if not arguments or arguments[0] in ("-h", "--help"):
        raise CourseError(f"Say what to make again: `python3 -m helpers data NAME`, NAME one of {names}.")
    if arguments[0] not in DATA:
        raise CourseError(f"There is no data called {arguments[0]!r}{nearest(arguments[0], DATA)} There is: {names}.")
    return DATA[arguments[0]]


def lab(arguments: list[str]) -> int:
    start = ROOT / "notebooks" / "00_start_here.ipynb"
    if not start.is_file():
        raise CourseError("notebooks/00_start_here.ipynb is missing. Get the course again, or `git restore` it.")
    options = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/notebooks/{start.name}"]
    if os.name != "nt" and os.geteuid() == 0:  # containers; JupyterLab refuses root unless it is told
        options.append("--allow-root")
    return become([sys.executable, "-m", "jupyterlab", *options, *arguments], ROOT)


def run(arguments: list[str]) -> int:
    from helpers.tools.running import run_course

    options = run_options(arguments)
    return run_course(select(options.only, options.start), whole=not (options.only or options.start))


def test(arguments: list[str]) -> int:
    from helpers.tools.testing import run_tests

    return run_tests(arguments)


def parity(arguments: list[str]) -> int:
    from helpers.tools.testing import run_parity

    return run_parity(arguments)


def serve(arguments: list[str]) -> int:
    from helpers.llm.server.serve import serve_forever

    options = serve_options(arguments)
    serve_forever(options.port)
    return 0


def build_preferences(arguments: list[str]) -> int:
    from helpers.tools.build_preferences import leave, main

    return leave(main(build_options(arguments)))


def make_data(arguments: list[str]) -> int:
    return importlib.import_module(data_module(arguments)).main(arguments[1:]) or 0


def evaluate_course_models(arguments: list[str]) -> int:
    return importlib.import_module("helpers.tools.course.evaluate").main(arguments) or 0


@dataclass(frozen=True)
class Command:
    """`check` looks at the arguments before any set-up; `do` runs inside the environment."""

    usage: str
    summary: str
    do: Callable[[list[str]], int]
    check: Callable[[list[str]], object] = anything
    environment: Environment = COURSE


COMMANDS = {
    "lab": Command("lab", "open the course in JupyterLab (arguments go to JupyterLab)", lab),
    "run": Command(
        "run [--only NN ... | --from NN]",
        "execute the notebooks, write a report to build/run, print the scoreboard",
        run,
        check_run,
    ),
    "test": Command("test", "run the tests and every notebook (arguments go to pytest)", test, environment=TESTS),
    "parity": Command(
        "parity",
        "compare with transformers and TRL, in .venv-parity (arguments go to pytest)",
        parity,
        environment=PARITY,
    ),
    "serve": Command("serve [--port N]", "serve the course models like Ollama, on 127.0.0.1", serve, serve_options),
    "build-preferences": Command(
        "build-preferences --help",
        "make preference pairs of any instruction file with a language model",
        build_preferences,
        build_options,
    ),
    "data": Command("data NAME", f"make again what ships in data/: {', '.join(DATA)}", make_data, data_module),
    "evaluate-course-models": Command(
        "evaluate-course-models", "measure the course models on held-out records", evaluate_course_models
    ),
}


def main(argv: list[str]) -> int:
    """Run one command; mistakes a person can mend end in a sentence and exit code 2."""
    try:
        return dispatch(argv)
    except CourseError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0
    name, arguments = argv[0], argv[1:]
    if name not in COMMANDS:
        raise CourseError(
            f"There is no command {name!r}{nearest(name, COMMANDS)} `python3 -m helpers --help` lists all."
        )
    command = COMMANDS[name]
    command.check(arguments)
    python = ensure(command.environment)
    if command.environment.active:
        return command.do(arguments)
    return become([str(python), "-m", "helpers", *argv], Path.cwd())


def become(command: list[str], folder: Path) -> int:
    """Hand over to another program, for good where the system can do that."""
    sys.stdout.flush()
    if os.name != "nt":
        os.chdir(folder)
        os.execv(command[0], command)
    process = subprocess.Popen(command, cwd=folder)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the child got it too and decides what it means
            continue


def nearest(word: str, words) -> str:
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f"; did you mean `{found[0]}`?" if found else "."


def help_text() -> str:
    width = max(len(command.usage) for command in COMMANDS.values())
    lines = [f"  {command.usage:{width}}  {command.summary}" for command in COMMANDS.values()]
    return "\n".join(
        [
            "Preference tuning from scratch: python3 -m helpers COMMAND",
            "",
            *lines,
            "",
            "The first call sets up .venv from requirements.txt; later calls start at once.",
        ]
    )
