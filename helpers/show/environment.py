"""What a machine needs for the course, looked up."""

import importlib.metadata
import os
import platform
import shutil
import sys

import psutil

from helpers.files import BUILD, CourseError, write_text

GB = 1e9
PACKAGES = ("torch", "tiktoken", "ollama", "ipywidgets", "llguidance")


def report() -> list[dict]:
    """One row a check, with the keys "what", "found", "needed", "verdict": "ready", "ready, but …", or what to do."""
    memory, disk = psutil.virtual_memory().available, shutil.disk_usage(existing(BUILD)).free
    python = ".".join(map(str, sys.version_info[:3]))
    rows = [
        row(
            "Python",
            python,
            "3.11 to 3.13",
            (3, 11) <= sys.version_info[:2] <= (3, 13),
            "make a new environment with Python 3.11, 3.12 or 3.13",
        ),
        row("system", f"{platform.system()} {platform.machine()}", "any", True, ""),
        row(
            "CPU cores",
            str(os.cpu_count()),
            "2",
            (os.cpu_count() or 1) >= 2,
            "ready, but expect everything to take longer",
        ),
        row("free memory", f"{memory / GB:.1f} GB", "2 GB", memory >= 2 * GB, "ready, but close other programs"),
        row("free disk", f"{disk / GB:.0f} GB", "1 GB", disk >= GB, "free some space"),
        row("build folder", BUILD.name, "writable", writable(), "check who owns the course's folder"),
    ]
    return rows + [package(name) for name in PACKAGES]


def row(what, found, needed, good, remedy) -> dict:
    return {"what": what, "found": found, "needed": needed, "verdict": "ready" if good else remedy}


def package(name) -> dict:
    """Whether a package is installed, and which version."""
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = None
    return row(name, found or "missing", "installed", bool(found), "run `python3 -m helpers lab`, which installs it")


def existing(folder):
    """The folder, or the nearest one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def writable() -> bool:
    """True if a file can be made in build/."""
    try:
        write_text(BUILD / ".writable", "").unlink()
    except CourseError:
        return False
    return True
