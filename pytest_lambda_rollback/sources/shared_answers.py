"""The folder that the processes of one distributed run share, so that they plan the same checks.

The first process asks AWS and leaves the answers there; the others take them.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.settings import Store
from pytest_lambda_rollback.packages import descriptors

_KEPT_S: Final = 24 * 3600.0


@contextlib.contextmanager
def held(shared: Path | None) -> Iterator[Path | None]:
    """The shared folder, held by one process at a time; ``None`` for a run that shares nothing.

    Raises SourceError for a folder in which another user of this machine could plan our run.
    """
    if shared is None:
        yield None
        return
    for folder in (shared.parent.parent, shared.parent, shared):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_others(shared)
    _forget_old(shared.parent)
    with (shared / ".lock").open("w") as file:
        descriptors.lock(file.fileno())
        yield shared


def name_of(store: Store, name: str) -> str:
    """A function's name in the shared folder: two configuration files may have the same one."""
    return f"{name}-{hashlib.sha256(str(store.path).encode()).hexdigest()[:12]}"


def _refuse_others(folder: Path) -> None:
    """Raise SourceError for a folder in which another user of this machine could plan our run."""
    for each in (folder.parent.parent, folder.parent, folder):
        status = each.lstat()
        if descriptors.is_of_another_user(status) or not stat.S_ISDIR(status.st_mode):
            raise SourceError(
                f"the folder {each}, which the workers of a run share, is not used",
                why="it is a link or another user's",
                do="Set XDG_CACHE_HOME to your own folder",
            )
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            each.chmod(0o700)


def _forget_old(folder: Path) -> None:
    """Remove what runs of other days shared."""
    with contextlib.suppress(OSError):
        for each in folder.iterdir():
            if time.time() - each.stat().st_mtime > _KEPT_S:
                shutil.rmtree(each, ignore_errors=True)
