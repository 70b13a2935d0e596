"""Setting up .venv: made once, reused, made again when broken, never half-trusted. pip and venv are played by fakes."""

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
from helpers.tools.environment import STAMP, Environment, digest, ensure, is_ready, locked, python_version

INSTALLING = "Installing collected packages: torch, numpy\n"


class Machine:
    """Plays `python -m venv`, the probe of the environment's Python, and pip, which prints `lines`."""

    def __init__(self, folder):
        self.requirements = folder / "requirements.txt"
        self.requirements.write_text("torch==2.13.0  # the GPT\n")
        self.environment = Environment(folder / ".venv", (self.requirements,))
        self.stamp = self.environment.folder / STAMP
        self.made, self.installed, self.said, self.killed = 0, [], [], 0
        self.interrupted = False  # while `venv` works
        self.version, self.lines, self.code = "3.11", [INSTALLING], 0

    def run(self, command, **_):
        if "venv" in command:
            self.made += 1
            self.environment.python.parent.mkdir(parents=True)
            self.environment.python.touch()
            if self.interrupted:
                raise KeyboardInterrupt
            (self.environment.folder / "pyvenv.cfg").touch()
        elif not self.environment.python.exists():
            raise FileNotFoundError(command[0])
        return subprocess.CompletedProcess(command, 0, stdout=self.version + "\n", stderr="")

    def popen(self, command, **_):
        assert command[0] == str(self.environment.python)
        self.installed.append([Path(file).read_text() for file in command if file.endswith(".txt")])
        return self

    def __enter__(self):
        self.returncode, self.stdout = self.code, iter(self.play())
        return self

    def __exit__(self, *error):
        pass

    def play(self):
        for line in self.lines:
            if isinstance(line, BaseException):
                raise line
            yield line

    def kill(self):
        self.killed += 1

    def ensure(self):
        return ensure(self.environment, lambda text, **_: self.said.append(text))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    fakes = {"run": machine.run, "Popen": machine.popen, "TimeoutExpired": subprocess.TimeoutExpired}
    monkeypatch.setattr(module, "subprocess", SimpleNamespace(**fakes, PIPE=-1, STDOUT=-2))
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


@pytest.mark.parametrize("lines", [[KeyboardInterrupt()], [INSTALLING, KeyboardInterrupt()]])
def test_an_interrupted_environment_is_made_again_by_the_next_call(machine, lines):
    machine.lines = lines
    with pytest.raises(KeyboardInterrupt):
        machine.ensure()
    assert "Interrupted" in machine.said[-1] and "again" in machine.said[-1] and machine.killed == 1
    assert not is_ready(machine.environment)
    machine.lines = [INSTALLING]
    machine.ensure()
    assert machine.made == 2 and len(machine.installed) == 2
    assert any("incomplete" in text for text in machine.said)
    assert is_ready(machine.environment)


def test_an_environment_that_venv_did_not_finish_is_made_again_by_the_next_call(machine):
    machine.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        machine.ensure()
    machine.interrupted = False  # its Python starts, and its pip may be there in part
    machine.ensure()
    assert machine.made == 2 and len(machine.installed) == 1 and is_ready(machine.environment)


def test_a_half_deleted_environment_is_not_trusted(machine, monkeypatch):
    machine.ensure()
    machine.version, delete = "3.13", shutil.rmtree

    def interrupted(folder, **options):
        if folder.exists():
            (folder / STAMP).unlink()
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine.ensure()
    assert not machine.environment.folder.exists(), "what is left of it would pass for somebody's own"
    monkeypatch.setattr(shutil, "rmtree", delete)
    for version in ("3.13", "3.12"):
        machine.version = version
        machine.ensure()
        assert is_ready(machine.environment)
    assert machine.made == 3 and not machine.environment.folder.with_name(".venv.old").exists()


def test_an_update_that_stops_while_it_installs_is_not_trusted(machine):
    machine.ensure()
    machine.requirements.write_text("torch==2.14.0\n")
    machine.lines, machine.code = [INSTALLING, "ERROR: [Errno 28] No space left on device\n"], 1
    with pytest.raises(CourseError, match="disk is full"):
        machine.ensure()
    machine.requirements.write_text("torch==2.13.0  # back, but pip may have removed it\n")
    assert not is_ready(machine.environment)
    machine.code = 0
    machine.ensure()
    assert machine.made == 2 and is_ready(machine.environment)


def test_an_update_without_a_network_leaves_the_environment_as_it_was(machine):
    machine.ensure()
    machine.requirements.write_text("torch==2.14.0\n")
    machine.lines, machine.code = ["Collecting torch\n", "ERROR: Max retries exceeded\n"], 1
    for _ in range(2):
        with pytest.raises(CourseError, match="no connection"):
            machine.ensure()
    assert machine.made == 1 and not is_ready(machine.environment)
    machine.requirements.write_text("torch==2.13.0\n")
    assert is_ready(machine.environment)


@pytest.mark.parametrize("what", ["python gone", "another python", "moved"])
def test_a_broken_environment_is_made_again(machine, what):
    machine.ensure()
    if what == "python gone":
        machine.environment.python.unlink()
    elif what == "another python":
        machine.version = "3.13"
    else:
        machine.stamp.write_text(json.dumps(json.loads(machine.stamp.read_text()) | {"folder": "/elsewhere/.venv"}))
    machine.ensure()
    assert machine.made == 2 and len(machine.installed) == 2
    assert any("broken" in text for text in machine.said)
    assert is_ready(machine.environment)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"requirements": 3}', b"\xff"])
def test_a_damaged_stamp_means_made_again(machine, text):
    machine.ensure()
    machine.stamp.write_bytes(text)
    machine.ensure()
    assert machine.made == 2 and len(machine.installed) == 2 and is_ready(machine.environment)


def test_an_environment_that_a_person_made_is_filled_and_not_deleted(machine):
    machine.run(["python", "-m", "venv"])
    note = machine.environment.folder / "note.txt"
    note.touch()
    machine.ensure()
    assert note.exists() and machine.made == 1 and is_ready(machine.environment)


def test_the_environment_that_runs_the_launcher_is_never_deleted(machine, monkeypatch):
    machine.ensure()
    monkeypatch.setattr(sys, "prefix", str(machine.environment.folder))
    machine.stamp.write_text("{}")  # nor is anything installed over what an interrupted pip left there
    with pytest.raises(CourseError, match="deactivate"):
        machine.ensure()
    assert machine.environment.python.exists() and machine.made == len(machine.installed) == 1
    machine.requirements.write_text("torch==2.14.0\n")
    stamp = {"folder": str(machine.environment.folder), "python": machine.version, "requirements": {}}
    machine.stamp.write_text(json.dumps(stamp))
    machine.ensure()
    assert machine.made == 1 and len(machine.installed) == 2 and is_ready(machine.environment)


@pytest.mark.parametrize("link", [False, True])
def test_somebody_elses_folder_is_not_deleted(machine, link, tmp_path):
    folder = tmp_path / "elsewhere" if link else machine.environment.folder
    folder.mkdir()
    (folder / "thesis.txt").touch()
    if link:
        (folder / "pyvenv.cfg").touch()
        machine.environment.folder.symlink_to(folder)
    with pytest.raises(CourseError, match="not a virtual environment"):
        machine.ensure()
    assert (folder / "thesis.txt").exists() and machine.made == 0


def test_too_little_disk_space_is_said_before_anything_is_made(machine, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=int(1.2e9)))
    with pytest.raises(CourseError, match=r"1\.2 GB left.*3\.0 GB"):
        machine.ensure()
    assert machine.made == 0 and machine.installed == []


def test_an_environment_that_may_not_be_written_is_explained(machine):
    machine.lines = [PermissionError(13, "Permission denied")]
    with pytest.raises(CourseError, match=r"\.venv cannot be written: Permission denied"):
        machine.ensure()


@pytest.mark.parametrize(
    "words",
    [
        "Error: [Errno 30] Read-only file system: '.venv'",
        "The virtual environment was not created successfully because ensurepip is not available.\n\n"
        "    apt install python3.11-venv\n",
    ],
)
def test_venv_failing_is_told_in_its_own_words(machine, monkeypatch, words):
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr=words)
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(CourseError, match=r"cannot be made") as error:
        machine.ensure()
    assert words.split()[-1] in str(error.value) and "\n" not in str(error.value)


def test_a_second_launcher_waits_and_then_finds_the_work_done(machine):
    started, finish = threading.Event(), threading.Event()

    def slow(self):
        yield INSTALLING
        started.set()
        assert finish.wait(10)

    machine.play = slow.__get__(machine)
    first = threading.Thread(target=machine.ensure)
    first.start()
    assert started.wait(10)
    waiting = []

    def say(text, **_):
        waiting.append(text)
        finish.set()

    ensure(machine.environment, say)
    first.join()
    assert len(machine.installed) == 1 and len(waiting) == 1 and "waiting" in waiting[0]


def test_the_lock_ends_with_its_holder(tmp_path):
    lock = tmp_path / ".venv.lock"
    code = f"import os; from helpers.tools.environment import locked; locked({str(lock)!r}).__enter__(); os._exit(1)"
    subprocess.run([sys.executable, "-c", code], timeout=60)
    with locked(lock, say=lambda *_, **__: pytest.fail("a dead launcher still holds the lock")):
        pass


def test_a_lock_that_cannot_be_written_is_explained(machine, tmp_path):
    (tmp_path / ".venv.lock").mkdir()
    with pytest.raises(CourseError, match="cannot be written"):
        machine.ensure()


def test_the_probe_of_a_real_python(tmp_path):
    assert python_version(Path(sys.executable)) == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert python_version(tmp_path / "python") is None
    (tmp_path / "python").write_text("not a program")
    assert python_version(tmp_path / "python") is None
