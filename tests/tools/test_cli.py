"""The commands: what they take, what they refuse and how they say it."""

import ast
import subprocess
import sys

import pytest

from helpers.__main__ import version_problem
from helpers.files import ROOT, CourseError
from helpers.tools import cli
from helpers.tools.notebooks import select_notebooks


@pytest.fixture
def calls(monkeypatch):
    """Commands are recorded, not carried out; nothing is set up."""
    made = []
    monkeypatch.setattr(cli, "ensure", lambda environment: made.append(environment) or "python-of-the-environment")
    monkeypatch.setattr(cli, "become", lambda command, folder: made.append(command) or 0)
    monkeypatch.setattr(cli.Environment, "active", False)
    return made


@pytest.mark.parametrize(
    "argv, sentence",
    [
        (["labs"], "did you mean `lab`?"),
        (["tests"], "did you mean `test`?"),
        (["evaluate"], "--help"),
        (["xyzzy"], "There is no command 'xyzzy'. "),
        (["run", "--only", "77"], "There is no notebook '77'"),
        (["run", "--from", "5x"], "There is no notebook '5x'"),
        (["serve", "--host", "0.0.0.0"], "127.0.0.1"),
        (["serve", "--port", "70000"], "70000"),
        (["build-preference"], "did you mean `build-preferences`?"),
        (["data"], "instruction-data"),
        (["data", "tokeniser"], "did you mean `tokenizer`?"),
    ],
)
def test_a_mistake_is_a_sentence_before_any_set_up(argv, sentence, calls, capsys):
    assert cli.launch(argv) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.startswith("Error: ") and "Traceback" not in error
    assert calls == []


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command(argv, calls, capsys):
    assert cli.launch(argv) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in cli.COMMANDS)
    assert calls == []


@pytest.mark.parametrize(
    ("name", "option"), [("lab", "-k"), ("test", "-k"), ("parity", "-k"), ("evaluate-course-models", "--quick")]
)
def test_a_command_goes_on_inside_its_environment_with_its_arguments(name, option, calls):
    assert cli.launch([name, option, "x y"]) == 0
    assert calls == [
        cli.COMMANDS[name].environment,
        ["python-of-the-environment", "-m", "helpers", name, option, "x y"],
    ]


def test_inside_the_environment_the_command_is_done(calls, monkeypatch):
    monkeypatch.setattr(cli.Environment, "active", True)
    done = []
    monkeypatch.setattr(cli, "open_lab", lambda arguments: done.append(arguments) or 5)
    assert cli.launch(["lab", "--no-browser"]) == 5
    assert done == [["--no-browser"]]


def test_a_course_error_inside_a_command_is_a_sentence(calls, monkeypatch, capsys):
    def fail(arguments):
        raise CourseError("data/x.json is missing.")

    monkeypatch.setattr(cli.Environment, "active", True)
    monkeypatch.setattr(cli, "open_lab", fail)
    assert cli.launch(["lab"]) == 2
    assert capsys.readouterr().err == "Error: data/x.json is missing.\n"


def test_lab_opens_the_first_notebook_and_passes_arguments_on(calls):
    assert cli.open_lab(["--no-browser"]) == 0
    (command,) = calls
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={ROOT}" in command
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in command
    assert command[-1] == "--no-browser"


@pytest.mark.parametrize("name", [*cli.MAKERS.values(), *(command.do for command in cli.COMMANDS.values())])
def test_what_a_command_does_is_there(name):
    assert callable(cli.load_function(name))


def test_data_gives_the_rest_of_the_arguments_to_the_maker(monkeypatch):
    made = []
    monkeypatch.setattr(cli, "load_function", lambda name: lambda arguments: made.append((name, arguments)))
    cli.make_data(cli.data_names(["course-models", "course-weak"]))
    assert made == [(cli.MAKERS["course-models"], ["course-weak"])]


@pytest.mark.parametrize("version, word", [((3, 10), "too old"), ((3, 8), "too old"), ((3, 14), "too new")])
def test_another_python_is_refused_with_advice(version, word):
    alone = version_problem(version, which=lambda name: None, windows=False)
    assert word in alone and "Python %d.%d" % version in alone and "Install Python 3.13" in alone  # noqa: UP031
    there = version_problem(version, which=lambda name: name == "python3.12", windows=False)
    assert "python3.12 -m helpers" in there and "Install" not in there
    assert "py -3.13" in version_problem(version, which=lambda name: None, windows=True)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_the_right_pythons_are_taken(version):
    assert version_problem(version) is None


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_an_old_python_can_read_what_refuses_it(name):
    tree = ast.parse((ROOT / "helpers" / name).read_text(encoding="utf-8"), feature_version=(3, 0))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    annotated = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.returns]
    assert not annotated


def test_the_launcher_starts_with_the_standard_library_only():
    done = subprocess.run(
        [sys.executable, "-S", "-m", "helpers", "lub"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: There is no command 'lub'; did you mean `lab`?")


@pytest.fixture
def course(tmp_path):
    for name in ("06_small_gpt", "00_start_here", "05_dpo_loss"):
        (tmp_path / f"{name}.ipynb").touch()
    (tmp_path / "scratch.ipynb").touch()
    return tmp_path


@pytest.mark.parametrize(
    "only, start, expected",
    [
        ([], None, ["00", "05", "06"]),
        (["05"], None, ["05"]),
        (["5"], None, ["05"]),
        (["06", "00", "6"], None, ["00", "06"]),
        (["05_dpo_loss"], None, ["05"]),
        (["notebooks/05_dpo_loss.ipynb"], None, ["05"]),
        ([], "05", ["05", "06"]),
        ([], "06_small_gpt", ["06"]),
    ],
)
def test_selecting_notebooks(only, start, expected, course):
    assert [path.name[:2] for path in select_notebooks(only, start, course)] == expected


@pytest.mark.parametrize("name", ["01", "7", "dpo", "scratch", ""])
def test_an_unknown_notebook_is_named_with_the_ones_there_are(name, course):
    with pytest.raises(CourseError, match="05_dpo_loss"):
        select_notebooks([name], None, course)


def test_no_notebooks_at_all(tmp_path):
    with pytest.raises(CourseError, match="no notebooks"):
        select_notebooks([], None, tmp_path)


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2), (["--method", "guess"], 2)])
def test_build_preferences_reads_its_arguments_with_the_standard_library_only(arguments, code):
    command = [sys.executable, "-S", "-m", "helpers", "build-preferences", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == code and "build-preferences" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
