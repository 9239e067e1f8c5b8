"""Values in files of a cache, as MessagePack.

A damaged or missing file is not a value, and a folder that cannot be written costs time, never the
answer. What the values are, and which file one belongs in, is not known here.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TypeVar

import msgspec

from pytest_lambda_rollback.packages import new_files

SUFFIX = ".msgpack"

T = TypeVar("T")


def load(kind: type[T], path: Path) -> T | None:
    """The value in a file; ``None`` for a missing file or anything but a value of that type."""
    try:
        return decoded(kind, path.read_bytes())
    except (OSError, ValueError):
        return None


def save(value: object, path: Path) -> None:
    """Write a value; others see it complete or not at all."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new_files.write(path, encoded(value))


def encoded(value: object) -> bytes:
    """A value as MessagePack, the same bytes for equal values."""
    return msgspec.msgpack.encode(value, order="deterministic")


def decoded(kind: type[T], data: bytes | msgspec.Raw) -> T:
    """The value of a type that was encoded. Raises ValueError for anything else."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
