"""The requirements files are pinned, reasoned, complete and in agreement; and ruff has nothing to say."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest

from helpers.files import NOTEBOOKS, ROOT
from helpers.tools.testing import NBVAL, part_one_last, pytest_arguments

FILES = ["requirements.txt", "tests/requirements.txt", "tests/parity/requirements.txt"]
IMPORTED_AS = {"sklearn": "scikit-learn", "PIL": "pillow"}


def requirements(name):
    """[(what pip reads, reason)]"""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    split = [re.fullmatch(r"(\S.*?)\s*(?:#\s*(.*))?", line) for line in lines if line and not line.startswith("#")]
    return [(match[1], match[2]) for match in split]


def pins(name):
    return dict(line.split("==") for line, _ in requirements(name) if not line.startswith("-"))


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_pinned_and_gives_its_reason(name):
    for line, reason in requirements(name):
        assert line == "-e ." or re.fullmatch(r"[a-z0-9-]+==[0-9][0-9.]*", line), line
        assert reason, f"{line} gives no reason"


def test_torch_is_the_version_the_course_is_written_for():
    assert pins("requirements.txt")["torch"] == "2.13.0"


def test_shared_pins_agree():
    course = pins("requirements.txt") | pins("tests/requirements.txt")
    parity = pins("tests/parity/requirements.txt")
    assert {name: pin for name, pin in parity.items() if name in course} == {
        name: pin for name, pin in course.items() if name in parity
    }
    assert {"torch", "trl", "transformers"} <= set(parity)


@pytest.mark.parametrize("name", FILES[:2])
def test_what_is_installed_is_what_is_pinned(name):
    installed = {package: version(package).split("+")[0] for package in pins(name)}
    assert installed == pins(name)


def imported(folder):
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((alias.name.split(".")[0], path) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield node.module.split(".")[0], path


def test_every_library_that_helpers_import_is_required():
    known = {*pins("requirements.txt"), "helpers", *sys.stdlib_module_names}
    known |= {"IPython", "traitlets"}  # parts of ipykernel and ipywidgets
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    of_tables = {line.partition("==")[0] for line in optional["world"]}
    missing = {
        (name, path.name)
        for name, path in imported(ROOT / "helpers")
        if IMPORTED_AS.get(name, name) not in (known | of_tables if path.parent.name == "tables" else known)
    }
    assert not missing


def test_test_runs_tests_and_notebooks_unless_it_is_told_what():
    notebooks = part_one_last()
    assert pytest_arguments([]) == [*NBVAL, "tests", *notebooks]
    assert pytest_arguments(["-k", "dpo", "-x"]) == [*NBVAL, "tests", *notebooks, "-k", "dpo", "-x"]
    assert sorted(notebooks) == sorted(f"notebooks/{path.name}" for path in NOTEBOOKS.glob("*.ipynb"))
    assert notebooks.index("notebooks/09_other_losses.ipynb") < notebooks.index("notebooks/01_pairs_from_an_llm.ipynb")
    one = f"{ROOT / 'tests' / 'tools' / 'test_cli.py'}::test_help"
    assert pytest_arguments(["-q", one]) == [*NBVAL, "-q", one]


@pytest.mark.parametrize("folder", ["helpers", "tests", "notebooks"])
def test_ruff_has_nothing_to_say(folder):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
