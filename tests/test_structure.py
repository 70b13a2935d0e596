"""The house: dependencies one way, short modules and functions, nothing twice; and the checks notice a breach."""

import re
import subprocess
import sys

import pytest
import structure

from helpers.files import ROOT

CODE_LINES, MODULE_LINES = 12_335, 300
LONG, LONGEST, SO_MANY_LONG = 25, 40, 15
OLD_PACKAGES = ("preferences", "engine", "course")  # of helpers/, before it was ordered by what a learner looks for
SOURCES = structure.read_sources(ROOT / "helpers")


def import_linter(folder, config):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    command += ["--no-cache", "--config", str(config)]
    return subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True)


def test_dependencies_point_one_way():
    done = import_linter(ROOT, ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "module, line",
    [
        ("politeness/voices.py", "import helpers.gpt.model"),
        ("gpt/model.py", "import helpers.dpo.losses"),
        ("evaluate/samples.py", "import helpers.pairs.checks"),
        ("dpo/losses.py", "import helpers.llm.client"),
        ("audit/gate.py", "import helpers.evaluate.samples"),
        ("llm/judge.py", "import helpers.pairs.checks"),
        ("show/tables.py", "import helpers.tools.cli"),
        ("stats.py", "import helpers.criterion"),
        ("newcomer.py", "'''A module that has no layer.'''"),
    ],
)
def test_an_import_against_the_direction_is_noticed(module, line, tmp_path):
    for name, text in SOURCES.items():
        packages = any(other.startswith(name + ".") for other in SOURCES)
        path = tmp_path / (name.replace(".", "/") + ("/__init__.py" if packages else ".py"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    changed = tmp_path / "helpers" / module
    changed.write_text(
        (changed.read_text(encoding="utf-8") if changed.exists() else "") + f"\n{line}\n", encoding="utf-8"
    )
    done = import_linter(tmp_path, ROOT / "pyproject.toml")
    assert done.returncode == 1 and "BROKEN" in done.stdout or "newcomer" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["README.md", "data/README.md"])
def test_the_files_that_a_readme_names_are_there(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(r"`((?:helpers|tests|notebooks|data|course|models)/[\w./-]*)`", text)
    folder = (ROOT / name).parent
    assert [path for path in named if not (ROOT / path).exists() and not (folder / path).exists()] == [] != named


def test_old_import_paths_are_gone():
    assert [name for name in OLD_PACKAGES if (ROOT / "helpers" / name).exists()] == []


def test_helpers_stay_small():
    counts = {module: len(structure.code_lines(text)) for module, text in SOURCES.items()}
    assert sum(counts.values()) <= CODE_LINES


def test_modules_are_short():
    counts = {module: text.count("\n") for module, text in SOURCES.items()}
    assert {module: count for module, count in counts.items() if count > MODULE_LINES} == {}


def test_functions_are_short():
    assert structure.functions_over(LONGEST, SOURCES) == []
    long = structure.functions_over(LONG, SOURCES)
    assert len(long) <= SO_MANY_LONG, "\n".join(long)


def test_no_name_is_defined_twice():
    assert structure.names_defined_twice(SOURCES) == []


def test_no_six_lines_stand_twice():
    assert structure.repeated_lines(SOURCES) == []


# The checks themselves

FUNCTION = '''
import math


def loss(x, beta=0.1):
    """The loss."""
    y = x * beta  # why
    if y > 3:
        y = math.log(y)

    for i in range(4):
        y += i
    return -y
'''


def test_code_lines_are_neither_blank_nor_comment_nor_docstring():
    assert list(structure.code_lines(FUNCTION + "\n# end\n")) == [2, 5, 7, 8, 9, 11, 12, 13]
    assert list(structure.code_lines('x = """\ntext\n"""\n')) == [1, 2, 3]


def test_a_long_function_is_noticed():
    nested = "class A:\n    def f(self):\n        a = 1\n\n        return a\n"
    assert structure.functions_over(3, {"m": nested}) == ["m.f: 4 lines"]
    assert structure.functions_over(4, {"m": nested}) == []


@pytest.mark.parametrize(
    "one", ["def f(): ...", "class f: ...", "f = 1", "f: int = 1", "e, f = 1, 2", "async def f(): ..."]
)
def test_a_name_in_two_modules_is_noticed(one):
    assert structure.names_defined_twice({"a": one, "b": "f = 2"}) == ["f: a, b"]


@pytest.mark.parametrize("one", ["from b import f", "g = 1", "class g:\n    f = 1", "def g():\n    f = 1", "g[f] = 1"])
def test_an_imported_or_inner_name_is_no_second_definition(one):
    assert structure.names_defined_twice({"a": one, "b": "f = 2"}) == []


def test_copied_lines_are_noticed_whatever_their_names_and_numbers():
    copy = (
        FUNCTION.replace("loss", "cost")
        .replace("y", "z")
        .replace("0.1", "7")
        .replace("# why", "")
        .replace("\n\n", "\n")
    )
    assert structure.repeated_lines({"a": FUNCTION, "b": copy}) == ["a:5 and b:4: 7 lines"]
    assert structure.repeated_lines({"a": FUNCTION + FUNCTION}) == ["a:5 and a:18: 7 lines"]


@pytest.mark.parametrize("change", [("return -y", "return +y"), ("if y >", "while y >"), ("+= i", "-= i")])
def test_lines_of_another_shape_are_no_copy(change):
    assert structure.repeated_lines({"a": FUNCTION, "b": FUNCTION.replace(*change)}, length=7) == []


TABLES = """
import a
import b
from c import d
X = [
    1,
    -2,
    3,
]


class S:
    e: int
    f: int = 1
    g: str = "x"


def f(
    a: int,
    b: str | None = None,
): ...
"""


def test_imports_and_tables_are_no_copies():
    assert structure.repeated_lines({"a": TABLES, "b": TABLES}, length=3) == []
