"""Setting up .venv: made once, reused, repaired, never half-trusted. pip and venv are played by fakes."""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.files import CourseError
from helpers.tools import environment as module
from helpers.tools.environment import (
    STAMP,
    Environment,
    digest,
    ensure,
    is_ready,
    python_version,
)
from helpers.tools.lock import locked


class Machine:
    """Plays `python -m venv`, the probe of the environment's Python, and pip."""

    def __init__(self, folder):
        self.requirements = folder / "requirements.txt"
        self.requirements.write_text("torch==2.13.0  # the GPT\n")
        self.environment = Environment(folder / ".venv", (self.requirements,))
        self.made, self.installed, self.said = 0, [], []
        self.version, self.trouble = "3.11", None

    def run(self, command, **_):
        if "venv" in command:
            self.made += 1
            self.environment.python.parent.mkdir(parents=True)
            self.environment.python.touch()
            (self.environment.folder / "pyvenv.cfg").touch()
        elif not self.environment.python.exists():
            raise FileNotFoundError(command[0])
        return subprocess.CompletedProcess(command, 0, stdout=self.version + "\n", stderr="")

    def install(self, python, files, log):
        assert python == self.environment.python
        self.installed.append([file.read_text() for file in files])
        if self.trouble:
            raise self.trouble

    def ensure(self):
        return ensure(self.environment, self.install, lambda text, **_: self.said.append(text))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    monkeypatch.setattr(
        module, "subprocess", SimpleNamespace(run=machine.run, TimeoutExpired=subprocess.TimeoutExpired)
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**11))
    return machine


def test_the_first_call_sets_up_and_the_second_does_nothing(machine):
    assert machine.ensure() == machine.environment.python
    said = list(machine.said)
    assert machine.ensure() == machine.environment.python
    assert (machine.made, len(machine.installed)) == (1, 1)
    assert machine.said == said and said


def test_a_changed_pin_is_installed_into_the_same_environment(machine):
    machine.ensure()
    machine.requirements.write_text("torch==2.14.0\n")
    machine.ensure()
    assert machine.made == 1
    assert machine.installed[1:] == [["torch==2.14.0\n"]]
    assert is_ready(machine.environment)


def test_the_tests_requirements_come_on_top_and_are_remembered(machine, tmp_path):
    machine.ensure()
    extra = tmp_path / "tests.txt"
    extra.write_text("pytest==9.2.0\n")
    course = machine.environment
    tests = machine.environment = Environment(course.folder, (*course.files, extra))
    assert is_ready(course) and not is_ready(tests)
    machine.ensure()
    assert len(machine.installed) == 2 and machine.made == 1
    assert is_ready(course) and is_ready(tests)


@pytest.mark.parametrize("same", ["torch==2.13.0\n", "# note\n\ntorch==2.13.0   # other words\r\n", "torch==2.13.0"])
def test_comments_and_line_ends_change_nothing(same, tmp_path):
    (tmp_path / "a").write_bytes(b"torch==2.13.0  # the GPT\n")
    (tmp_path / "b").write_bytes(same.encode())
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


@pytest.mark.parametrize(
    "other", ["torch==2.13.1\n", "torch==2.13.0\nnumpy==2.0\n", "", "torch @ file:x#torch==2.13.0"]
)
def test_what_pip_would_read_otherwise_counts(other, tmp_path):
    (tmp_path / "a").write_text("torch==2.13.0\n")
    (tmp_path / "b").write_text(other)
    assert digest(tmp_path / "a") != digest(tmp_path / "b")


def package(environment, name, size=4, record=True, written="code"):
    site = environment.folder / "lib" / "python3.11" / "site-packages"
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_text(written)
    if record:
        rows = f"{name}.py,sha256=x,{size}\n__pycache__/{name}.pyc,,\n{info.name}/RECORD,,\n"
        (info / "RECORD").write_text(rows)
    return info


@pytest.mark.parametrize("half", [{"record": False}, {"written": "co"}])
def test_an_interrupted_install_is_repaired_by_the_next_call(machine, half):
    machine.trouble = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        machine.ensure()
    assert "Interrupted" in machine.said[-1] and "again" in machine.said[-1]
    assert not is_ready(machine.environment)
    whole, torn = package(machine.environment, "whole"), package(machine.environment, "torn", **half)

    machine.trouble = None
    machine.ensure()
    assert whole.exists() and not torn.exists()  # so that pip installs `torn` again
    assert machine.made == 1 and len(machine.installed) == 2
    assert is_ready(machine.environment)


def test_a_failed_update_is_not_taken_for_done(machine):
    machine.ensure()
    machine.requirements.write_text("torch==2.14.0\n")
    machine.trouble = CourseError("no network")
    with pytest.raises(CourseError, match="no network"):
        machine.ensure()
    machine.requirements.write_text("torch==2.13.0  # back, but pip may have removed it\n")
    assert not is_ready(machine.environment)


@pytest.mark.parametrize("what", ["python gone", "another python", "moved"])
def test_a_broken_environment_is_made_again(machine, what):
    machine.ensure()
    stamp = machine.environment.folder / STAMP
    if what == "python gone":
        machine.environment.python.unlink()
    elif what == "another python":
        machine.version = "3.13"
    else:
        stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"folder": "/elsewhere/.venv"}))
    machine.ensure()
    assert machine.made == 2 and len(machine.installed) == 2
    assert any("broken" in text for text in machine.said)
    assert is_ready(machine.environment)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"requirements": 3}'])
def test_a_damaged_stamp_means_not_installed(machine, text):
    machine.ensure()
    (machine.environment.folder / STAMP).write_text(text)
    machine.ensure()
    assert len(machine.installed) == 2 and is_ready(machine.environment)


def test_somebody_elses_folder_is_not_deleted(machine):
    thesis = machine.environment.folder / "thesis.txt"
    thesis.parent.mkdir()
    thesis.touch()
    with pytest.raises(CourseError, match="not a virtual environment"):
        machine.ensure()
    assert thesis.exists() and machine.made == 0


def test_too_little_disk_space_is_said_before_anything_is_made(machine, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=int(1.2e9)))
    with pytest.raises(CourseError, match=r"1\.2 GB left.*3\.0 GB"):
        machine.ensure()
    assert machine.made == 0 and machine.installed == []


def test_a_python_without_venv_is_explained(machine, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name)
    with pytest.raises(CourseError, match=r"python3\.\d+-venv"):
        machine.ensure()


def test_an_environment_that_may_not_be_written_is_explained(machine):
    machine.trouble = PermissionError(13, "Permission denied")
    with pytest.raises(CourseError, match="not writable"):
        machine.ensure()


def test_venv_failing_is_told_with_its_last_words(machine, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr="Error: [Errno 30] Read-only file system\n")
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(CourseError, match="Read-only file system"):
        machine.ensure()


def test_a_second_launcher_waits_and_then_finds_the_work_done(machine):
    started, finish = threading.Event(), threading.Event()
    quick = machine.install

    def slow(*arguments):
        quick(*arguments)
        started.set()
        assert finish.wait(10)

    machine.install = slow
    first = threading.Thread(target=machine.ensure)
    first.start()
    assert started.wait(10)
    waiting = []

    def say(text, **_):
        waiting.append(text)
        finish.set()

    ensure(machine.environment, machine.install, say)
    first.join()
    assert len(machine.installed) == 1 and len(waiting) == 1 and "waiting" in waiting[0]


def test_the_lock_ends_with_its_holder(tmp_path):
    lock = tmp_path / ".venv.lock"
    code = f"import os; from helpers.tools.lock import locked; locked({str(lock)!r}).__enter__(); os._exit(1)"
    subprocess.run([sys.executable, "-c", code], timeout=60)
    with locked(lock, say=lambda *_, **__: pytest.fail("a dead launcher still holds the lock")):
        pass


def test_a_lock_that_cannot_be_written_is_explained(tmp_path):
    with pytest.raises(CourseError, match="cannot be written"), locked(tmp_path / "missing" / "x.lock"):
        pass


def test_the_probe_of_a_real_python(tmp_path):
    assert python_version(Path(sys.executable)) == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert python_version(tmp_path / "python") is None
    (tmp_path / "python").write_text("not a program")
    assert python_version(tmp_path / "python") is None
