"""The environments of the course, .venv and .venv-parity: made on the first call, then reused; made again when broken.

Standard library only.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from helpers.files import ROOT, CourseError, display_path, read_text, write_json

STAMP = "course.json"  # written empty at the beginning and whole at the end: an empty one was never finished
AGAIN = "and call the command again."
PIP_TROUBLES = {  # what pip prints: what it means
    r"No space left|Errno 28|not enough space|WinError 112": f"The disk is full. Free some space {AGAIN}",
    r"ConnectionError|ConnectTimeout|[Nn]ame ?[Rr]esolution|getaddrinfo|nodename nor|Max retries|timed out|to proxy": (
        "The packages cannot be downloaded: there is no connection to the package index. Connect to the network, or "
        f"check pip's proxy and index settings, {AGAIN} It is needed only once."
    ),
}


class Environment(NamedTuple):
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

    def requirements(self) -> dict[str, str]:
        """{file: hash of what it asks for}; comments, spaces and line ends do not count."""
        return {display_path(file): digest(file) for file in self.files}


FOR_COURSE = Environment(ROOT / ".venv", (ROOT / "requirements.txt",))
FOR_TESTS = Environment(ROOT / ".venv", (ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"))
FOR_PARITY = Environment(ROOT / ".venv-parity", (ROOT / "tests" / "parity" / "requirements.txt",))


def digest(file: Path) -> str:
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in read_text(file).splitlines())
    return hashlib.sha256("\n".join(line for line in lines if line).encode()).hexdigest()


def ensure(environment: Environment, say: Callable = print) -> Path:
    """The environment's Python, after whatever set-up is still missing. Raises CourseError if that fails."""
    folder = environment.folder
    try:
        if not is_ready(environment):
            with locked(folder.with_name(folder.name + ".lock"), say):
                if not is_ready(environment):  # another launcher may have done it just now
                    set_up(environment, say)
    except OSError as error:
        raise CourseError(f"{display_path(folder)} cannot be written: {error.strerror}. Fix that {AGAIN}") from error
    except KeyboardInterrupt:
        say(f"\nInterrupted. Call the command again to finish setting up {folder.name}.")
        raise
    return environment.python


def is_ready(environment: Environment) -> bool:
    """True if all that the files ask for was installed, here, for the Python that the environment has now."""
    stamp = read_stamp(environment)
    wanted = environment.requirements().items()
    return bool(stamp) and wanted <= stamp["requirements"].items() and is_whole(environment, stamp)


def read_stamp(environment: Environment) -> dict | None:
    """What was installed; {} if that never finished; None if the launcher has not begun."""
    try:
        stamp = json.loads((environment.folder / STAMP).read_text(encoding="utf-8"))
        return stamp if isinstance(stamp["requirements"], dict) else {}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError):  # no JSON, no text, or the JSON of something else
        return {}


def is_whole(environment: Environment, stamp: dict | None) -> bool:
    """False for an environment that is missing, unfinished or moved, or whose Python is gone or another one.

    One without a stamp is somebody's own: it will do if its Python starts.
    """
    made = {"folder": str(environment.folder), "python": python_version(environment.python)}
    return bool(made["python"]) and (stamp is None or made.items() <= stamp.items())


def python_version(python: Path) -> str | None:
    """'3.11' for a Python that starts and has pip; None for one that does not."""
    code = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=60)
        return done.stdout.strip() if done.returncode == 0 else None
    return None


@contextmanager
def locked(path: Path, say: Callable = print, pause: float = 0.5) -> Iterator[None]:
    """Hold the lock `path`, waiting while another launcher does. The system drops it when its holder ends."""
    with open(path, "a+") as file:
        if not try_lock(file):
            say("Another launcher is setting up the environment; waiting for it ...", flush=True)
            while not try_lock(file):
                time.sleep(pause)
        yield


def try_lock(file) -> bool:
    """True once the lock is ours, False while another process has it."""
    with suppress(BlockingIOError, PermissionError):
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def set_up(environment: Environment, say: Callable) -> None:
    """Make the environment if it is not whole, install what the files ask for, and write the stamp last."""
    folder, stamp = environment.folder, read_stamp(environment)
    fresh = not is_whole(environment, stamp)
    if fresh and environment.active:
        raise CourseError(f"{folder.name} is broken, and this Python runs inside it. Leave it (`deactivate`) {AGAIN}")
    free, needed = shutil.disk_usage(folder.parent).free / 1e9, 3.0 if fresh else 0.5
    if free < needed:
        raise CourseError(f"The disk has {free:.1f} GB left; {needed:.1f} GB are needed. Free some space {AGAIN}")
    say(f"{'Making' if fresh else 'Updating'} {folder.name}: once, a few minutes ...", flush=True)
    if fresh:
        create(folder, say)
    pip_install(environment, say)
    requirements = ({} if fresh or not stamp else stamp["requirements"]) | environment.requirements()
    made = {"folder": str(folder), "python": python_version(environment.python), "requirements": requirements}
    write_json(folder / STAMP, made)
    say(f"{folder.name} is ready.", flush=True)


def create(folder: Path, say: Callable) -> None:
    """Make the environment anew, over what `venv` made before. Raises CourseError if that is impossible."""
    if folder.is_symlink() or folder.exists() and not ((folder / "pyvenv.cfg").exists() or (folder / STAMP).exists()):
        raise CourseError(f"{display_path(folder)} is not a virtual environment. Move it away {AGAIN}")
    if folder.exists():
        say("It is there already, incomplete or broken: deleting that first ...", flush=True)
        old = folder.with_name(f"{folder.name}.old")  # moved whole: a half deleted one could pass for somebody's own
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(folder.rename(old))
    write_json(folder / STAMP, {})
    done = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    if done.returncode:
        reason = " ".join((done.stdout + done.stderr).split()) or "no message."
        raise CourseError(f"{display_path(folder)} cannot be made: {reason} Fix that {AGAIN}")


def pip_install(environment: Environment, say: Callable) -> None:
    """Install the requirements files as pip is configured on this machine. Raises CourseError.

    A failure before pip begins to install changes nothing; after a later one the environment is made again.
    """
    command = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off", *(word for file in environment.files for word in ("-r", str(file)))]
    log, output = environment.folder / "install.log", ""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with log.open("w", buffering=1, encoding="utf-8") as file, subprocess.Popen(command, cwd=ROOT, **streams) as pip:
        try:
            for line in pip.stdout:
                output += line
                file.write(line)
                if large := re.match(r"\s*Downloading (\S+) \((\d\d\S* MB|\S+ GB)\)", line):
                    say(f"  downloading {large[1]} ({large[2]}) ...", flush=True)
                elif line.startswith("Installing collected packages"):
                    write_json(environment.folder / STAMP, {})
                    say(f"  installing {line.count(',') + 1} packages ...", flush=True)
        except KeyboardInterrupt:
            pip.kill()
            raise
    if pip.returncode:
        raise CourseError(explain_pip(output, pip.returncode, log))


def explain_pip(output: str, code: int, log: Path) -> str:
    """What went wrong, in a sentence or two, from what pip printed."""
    if sentence := next((text for signs, text in PIP_TROUBLES.items() if re.search(signs, output)), None):
        return sentence
    if missing := re.search(r"No matching distribution found for (\S+)", output):
        advice = "Check the network, then try another Python (3.11 to 3.13, 64 bit; no Mac with an Intel processor)."
        return f"There is no {missing[1]} for Python {platform.python_version()} on {platform.platform()}. {advice}"
    last = [line.strip() for line in output.splitlines() if line.strip()][-3:]
    return f"pip failed (exit code {code}): {' / '.join(last) or 'no message'}. All of it: {display_path(log)}."
