"""The folder of one run, in the temporary folder, and removing those of runs that were killed.

A run holds a lock on the file ``lease`` in its folder for as long as it lives. The system drops
the lock with the process, however that ends, so a folder whose lease can be locked belongs to
nobody any more.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from pytest_lambda_rollback.engines.host.trees import remove
from pytest_lambda_rollback.packages import descriptors

PREFIX = "lambda-rollback-run-"
_LEASE = "lease"
_UNFINISHED_S = 3600.0
"""Age at which a folder without a lease was left by a run that was killed as it made it."""


class RunFolder:
    """A new folder with a lease, in ``parent`` or the system's folder for temporary files.

    Making one removes those of dead runs beside it. Raises OSError.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = Path(tempfile.gettempdir()) if parent is None else parent
        parent.mkdir(parents=True, exist_ok=True)
        remove_dead(parent)
        self._lease: int | None = None
        while self._lease is None:  # a run that removes dead ones may lock a new lease first
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
            self._lease = _locked(self.path / _LEASE, create=True)

    def new(self, kind: str) -> Path:
        """A new empty folder in this one. Raises OSError."""
        return Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=self.path))

    def remove(self) -> None:
        """Remove the folder with all that is in it, and give up the lease. Safe to call twice."""
        remove(self.path)
        lease, self._lease = self._lease, None
        if lease is not None:
            os.close(lease)


def remove_dead(parent: Path) -> None:
    """Remove the folders of this user's runs in ``parent`` that do not live any more."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            status = folder.lstat()
            if descriptors.is_of_another_user(status) or folder.is_symlink():
                continue
            lease = _locked(folder / _LEASE)
        except FileNotFoundError:
            if folder.is_dir() and time.time() - status.st_mtime > _UNFINISHED_S:
                remove(folder)
            continue
        except OSError:
            continue
        if lease is not None:
            remove(folder)
            os.close(lease)


def _locked(path: Path, *, create: bool = False) -> int | None:
    """A descriptor of the file that holds its lock; ``None`` if another process holds it.

    Raises OSError.
    """
    flags = os.O_RDWR | descriptors.SAFELY | (os.O_CREAT | os.O_EXCL if create else 0)
    descriptor = os.open(path, flags, 0o600)
    if descriptors.try_lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None
