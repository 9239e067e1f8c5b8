"""One build of an image at a time, among all processes of a user on this machine.

Two runs that build the same link at once are wasteful, not wrong: its tag is the digest of its
content. So a lock that cannot be had, or not in time, is done without.
"""

from __future__ import annotations

import getpass
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

_POLL_S: Final = 0.05


@contextmanager
def build_lock(name: str, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock of a name; another process that holds it is waited for.

    The lock ends with the process that holds it. Its file is removed again.
    """
    path = _path(name)
    descriptor = _locked(path, time.monotonic() + timeout_s)
    try:
        yield
    finally:
        if descriptor is not None:
            with suppress(OSError):  # Windows keeps a file that is open
                path.unlink()
            os.close(descriptor)


def _path(name: str) -> Path:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    digest = sha256(f"{user}\0{name}".encode()).hexdigest()[:32]
    return Path(tempfile.gettempdir()) / f"lambda-rollback-build-{digest}.lock"


def _locked(path: Path, deadline: float) -> int | None:
    """A descriptor that holds the lock; ``None`` if it cannot be had in time, or not at all."""
    while True:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError:
            return None
        if _try(descriptor) and _is_still(descriptor, path):
            return descriptor
        os.close(descriptor)
        if time.monotonic() > deadline:
            return None
        time.sleep(_POLL_S)


def _is_still(descriptor: int, path: Path) -> bool:
    """False if the one who held the lock has removed the file since it was opened here."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _try(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
