"""A lock between launchers. The operating system drops it when its holder ends, however that happens."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from helpers.files import CourseError, shown

BUSY = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


@contextmanager
def locked(path: Path, say: Callable = print, pause: float = 0.5) -> Iterator[None]:
    """Hold the lock `path`; wait, and say so once, while another process holds it."""
    try:
        file = open(path, "a+")  # noqa: SIM115 - closed below, which also drops the lock
    except OSError as error:
        raise CourseError(
            f"{shown(path)} cannot be written: {error.strerror}. Check that you may write to {path.parent}."
        ) from error
    with file:
        told = False
        while not acquire(file):
            if not told:
                say("Another launcher is setting up the environment; waiting for it ...", flush=True)
                told = True
            time.sleep(pause)
        yield


def acquire(file: IO) -> bool:
    """True once the lock is ours, False while somebody else has it."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in BUSY:
            return False
        raise CourseError(f"This file system cannot lock {file.name}: {error.strerror}.") from error
    return True
