"""The interface between a readable package and the store: checked table, content, signature.

The formats are in `folders` and `zips`, the rules in `members`. No package is imported here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.packages.members import Member, quoted, refusal

CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A value of file status that changes with a package."""

    digest: str
    newest_ns: int
    """The latest change of any file in it, wall clock."""


class Package(Protocol):
    """A folder or zip that is open for reading; nothing of it is in memory but the table."""

    signature: Signature

    def members(self, *, root_dir: str, limit_bytes: int) -> tuple[Member, ...]:
        """The checked, sorted table. Raises SourceError."""
        ...

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The content of one file; exactly ``member.size`` bytes, else SourceError."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def file_identity(status: os.stat_result) -> str:
    """A text that changes whenever a file's content does.

    The change time is in it, because tools that build reproducibly (and ``cp -p``) put other
    content of the same size into the same file under the same mtime.
    """
    return f"{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}\0{status.st_ino}"


def newest_change_ns(status: os.stat_result) -> int:
    """When a file was last written or changed in any other way."""
    return max(status.st_mtime_ns, status.st_ctime_ns)


def special_file(mode: int) -> str:
    """The word for a mode that is not of a file, folder or symlink."""
    kinds = {
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
        stat.S_IFLNK: "a symlink and a folder at once",
    }
    return kinds.get(stat.S_IFMT(mode), "not a regular file")


def refuse_special(label: str, name: str, mode: int) -> SourceError:
    """The error for a member that is a device, a FIFO or a socket."""
    return refusal(label, f"{quoted(name)} is {special_file(mode)}", "Remove it from the package")
