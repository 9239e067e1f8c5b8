"""Files that others see complete or not at all, whoever writes them and however that ends.

Content goes into a file beside the final one and under a hidden name; publishing renames it. What
a process leaves that was ended in between is known by its name and can be removed by whoever knows
that nobody else writes there. What the files are for is not known here.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from pytest_lambda_rollback.packages import descriptors

_PREFIX = "."
_SUFFIX = ".tmp"


@contextlib.contextmanager
def new_file(folder: Path) -> Iterator[tuple[IO[bytes], Callable[[Path], None]]]:
    """A file to write and what publishes it under a name in the same folder.

    What is not published at the end leaves nothing behind. Only its owner may read it. Raises
    OSError.
    """
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=folder)
    unfinished = Path(name)
    with os.fdopen(descriptor, "wb") as file:

        def publish(final: Path) -> None:
            file.flush()
            unfinished.replace(final)

        try:
            yield file, publish
        finally:
            unfinished.unlink(missing_ok=True)


def write(path: Path, content: bytes, *, mode: int = 0o600, durable: bool = False) -> None:
    """Put a file in its place, over one that is there. Raises OSError.

    ``durable`` waits until the disk has it, so that not even a power cut leaves half of it.
    """
    with new_file(path.parent) as (file, publish):
        file.write(content)
        descriptors.set_mode(file.fileno(), mode)
        if durable:
            file.flush()
            os.fsync(file.fileno())
        publish(path)


def remove_unfinished(folder: Path) -> None:
    """Remove what ended processes left. Nobody may be writing there. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            path.unlink(missing_ok=True)
