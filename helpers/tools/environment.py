"""The environments of the course, .venv and .venv-parity: made on the first call, reused, repaired.

Standard library only.
"""

import csv
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from helpers.files import ROOT, CourseError, shown, write_json
from helpers.tools.install import pip_install
from helpers.tools.lock import locked

STAMP = "course.json"  # written last, so an environment without it was never finished
GIGABYTE = 10**9
NEW_NEEDS, UPDATE_NEEDS = 3 * GIGABYTE, GIGABYTE // 2


@dataclass(frozen=True)
class Environment:
    """A virtual environment in `folder` that holds what the requirements `files` name."""

    folder: Path
    files: tuple[Path, ...]

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def active(self) -> bool:
        """True if this process already runs inside it."""
        return Path(sys.prefix).resolve() == self.folder.resolve()


COURSE = Environment(ROOT / ".venv", (ROOT / "requirements.txt",))
TESTS = Environment(ROOT / ".venv", (ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"))
PARITY = Environment(ROOT / ".venv-parity", (ROOT / "tests" / "parity" / "requirements.txt",))


def digest(file: Path) -> str:
    """A hash of what a requirements file asks for: its comments, spaces and line ends do not count."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in file.read_text(encoding="utf-8").splitlines())
    return hashlib.sha256("\n".join(line for line in lines if line).encode()).hexdigest()


def python_version(python: Path) -> str | None:
    """'3.11' for a Python that starts and has pip; None for one that does not."""
    code = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def read_stamp(environment: Environment) -> dict:
    """What was installed, or {} if no installation was ever finished."""
    try:
        stamp = json.loads((environment.folder / STAMP).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
    return stamp if isinstance(stamp, dict) and isinstance(stamp.get("requirements"), dict) else {}


def is_ready(environment: Environment) -> bool:
    """True if all that the files ask for was installed, here, for the Python that the environment has now."""
    stamp = read_stamp(environment)
    wanted = {name_of(file): digest(file) for file in environment.files}
    return (
        bool(stamp)
        and wanted.items() <= stamp["requirements"].items()
        and stamp.get("folder") == str(environment.folder)
        and stamp.get("python") == python_version(environment.python)
    )


def ensure(environment: Environment, install: Callable = pip_install, say: Callable = print) -> Path:
    """The environment's Python, after whatever set-up is still missing.

    `install(python, files, log)` raises CourseError when it fails; so does this, when the environment cannot
    be made.
    """
    if is_ready(environment):
        return environment.python
    with locked(environment.folder.with_name(environment.folder.name + ".lock"), say):
        if is_ready(environment):  # another launcher has just done it
            return environment.python
        set_up(environment, install, say)
    return environment.python


def set_up(environment: Environment, install: Callable, say: Callable) -> None:
    stamp, fresh = read_stamp(environment), False
    if not environment.active and not is_usable(environment, stamp):
        check_space(environment.folder.parent, NEW_NEEDS)
        create(environment, say)
        stamp, fresh = {}, True
    else:
        check_space(environment.folder.parent, UPDATE_NEEDS)
        say(f"Bringing {environment.folder.name} up to date ...", flush=True)
    try:
        (environment.folder / STAMP).unlink(missing_ok=True)
        if not stamp and not fresh:
            drop_half_installed(environment.folder)
        install(environment.python, environment.files, environment.folder / "install.log")
    except PermissionError as error:
        raise CourseError(f"{shown(environment.folder)} is not writable. Check who owns it, or delete it.") from error
    except KeyboardInterrupt:
        say(f"\nInterrupted. Call the command again to finish setting up {environment.folder.name}.")
        raise
    wanted = {name_of(file): digest(file) for file in environment.files}
    write_json(
        environment.folder / STAMP,
        {
            "folder": str(environment.folder),
            "python": python_version(environment.python),
            "requirements": stamp.get("requirements", {}) | wanted,
        },
    )
    say(f"{environment.folder.name} is ready.", flush=True)


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name


def is_usable(environment: Environment, stamp: dict) -> bool:
    """False for an environment that is missing, was moved, or whose Python is gone or another one."""
    version = python_version(environment.python)
    moved = stamp.get("folder", str(environment.folder)) != str(environment.folder)
    return version is not None and not moved and stamp.get("python", version) == version


def create(environment: Environment, say: Callable) -> None:
    """Make the environment anew. Raises CourseError if Python lacks venv or the folder cannot be written."""
    folder = environment.folder
    if folder.exists() or folder.is_symlink():
        say(f"{folder.name} is incomplete or broken; making it again.", flush=True)
        remove(folder)
    say(f"Making {folder.name} with Python {sys.version.split()[0]}: once, a few minutes ...", flush=True)
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise CourseError(
            f"This Python cannot make virtual environments. On Debian or Ubuntu, install the package "
            f"python{version}-venv and call the command again."
        )
    done = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:] or ["no message"]
        raise CourseError(
            f"{shown(folder)} cannot be made: {last[0]} Check that you may write to {folder.parent} "
            "and that the disk has space."
        )


def remove(folder: Path) -> None:
    if not folder.is_dir() or folder.is_symlink() or not is_environment(folder):
        raise CourseError(f"{shown(folder)} is not a virtual environment. Move it away and call the command again.")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise CourseError(
            f"{shown(folder)} is broken and cannot be deleted: {error.strerror}. Delete it and call again."
        ) from error


def is_environment(folder: Path) -> bool:
    """True for what `venv` made, finished or not, and for an empty folder."""
    names = {path.name for path in folder.iterdir()}
    begun = {"bin", "Scripts", "include", "Include", "lib", "Lib", "lib64"}
    return "pyvenv.cfg" in names or names <= begun


def check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CourseError(
            f"The disk has {free / GIGABYTE:.1f} GB left; the installation needs {needed / GIGABYTE:.1f} GB. "
            "Free some space and call the command again."
        )


def drop_half_installed(folder: Path) -> list[str]:
    """Forget packages that an interrupted pip left incomplete, so that pip installs them again.

    pip writes a package's RECORD last: without it, or with files missing or cut short, it is not whole.
    """
    dropped = []
    infos = [path for path in folder.rglob("*.dist-info") if path.parent.name == "site-packages"]
    for info in infos:
        if not is_whole(info):
            shutil.rmtree(info)
            dropped.append(info.name)
    return dropped


def is_whole(info: Path) -> bool:
    record = info / "RECORD"
    if not record.is_file():
        return False
    with record.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            if len(row) != 3 or not row[2]:  # pip records no size for RECORD itself and for compiled files
                continue
            target = info.parent / row[0]
            if not target.is_file() or target.stat().st_size < int(row[2]):
                return False
    return True
