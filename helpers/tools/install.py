"""Installing requirements with pip, and what to tell a person when pip cannot. Standard library only."""

import platform
import re
import subprocess
import sys
from pathlib import Path

from helpers.files import ROOT, CourseError, shown

OFFLINE = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "ConnectionResetError",
    "ReadTimeoutError",
    "NameResolutionError",
    "name resolution",
    "getaddrinfo failed",
    "nodename nor servname",
    "Failed to establish a new connection",
    "Max retries exceeded",
    "Network is unreachable",
    "Connection refused",
    "Cannot connect to proxy",
    "Read timed out",
)
FULL = ("No space left on device", "Errno 28", "not enough space on the disk", "WinError 112")
FORBIDDEN = ("Permission denied", "Errno 13", "Access is denied", "WinError 5]", "Read-only file system")


def pip_install(python: Path, files: tuple[Path, ...], log: Path) -> None:
    """Install the requirements files with pip, as pip is configured on this machine. Raises CourseError."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off"]
    for file in files:
        command += ["-r", str(file)]
    code, output = run_logged(command, log)
    if code != 0:
        raise CourseError(explain(output, code, log))


def run_logged(command: list[str], log: Path) -> tuple[int, str]:
    """Run a command in the course folder; keep its output in `log` and show where it is."""
    lines = []
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        try:
            for line in process.stdout:
                lines.append(line)
                file.write(line)
                file.flush()
                show(line)
            code = process.wait()
        except KeyboardInterrupt:  # pip got the same Ctrl-C; let it clean up behind itself
            try:
                process.wait(timeout=10)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                process.kill()
                process.wait()
            raise
    return code, "".join(lines)


def show(line: str) -> None:
    """One line for what takes long: large downloads and the final installing."""
    size = re.match(r"\s*Downloading (\S+?)[-_]\S* \(([\d.]+) ([MG])B\)", line)
    if size and (size[3] == "G" or float(size[2]) >= 20):
        print(f"  downloading {size[1]} ({size[2]} {size[3]}B) ...", flush=True)
    elif line.startswith("Installing collected packages"):
        print(f"  installing {line.count(',') + 1} packages ...", flush=True)


def explain(output: str, code: int, log: Path) -> str:
    """What went wrong, in a sentence or two, from pip's output."""
    missing = re.search(r"No matching distribution found for (\S+)", output)
    if any(sign in output for sign in FULL):
        return "The disk or the folder for temporary files is full. Free some space and call the command again."
    if any(sign in output for sign in OFFLINE):
        return (
            "The packages cannot be downloaded: there is no connection to the package index. Connect to the "
            "network, or check pip's proxy and index settings, and call the command again. "
            "It is needed only once."
        )
    if missing and "(from versions: none)" in output:
        return f"pip found no {missing[1]} at all. Check the network first. Otherwise: {no_wheel(missing[1])}"
    if missing:
        return no_wheel(missing[1])
    if any(sign in output for sign in FORBIDDEN):
        return f"{shown(log.parent)} is not writable. Check who owns it, or delete it, and call again."
    last = [line.strip() for line in output.splitlines() if line.strip()][-3:]
    return f"pip failed (exit code {code}): {' / '.join(last) or 'no message'}. All it said: {shown(log)}."


def no_wheel(requirement: str) -> str:
    intel_mac = sys.platform == "darwin" and platform.machine() == "x86_64"
    return (
        f"There is no {requirement} for Python {platform.python_version()} on {platform.system()} "
        f"{platform.machine()}. Try another Python (3.11 to 3.13, 64 bit)"
        + ("; PyTorch is no longer made for Macs with Intel processors." if intel_mac else ".")
    )
