"""Reading a package from a folder, as deployment tools would zip it.

What a package may hold is decided in `members`; zips and the store are not known here.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pytest_lambda_rollback.packages import descriptors
from pytest_lambda_rollback.packages.members import (
    MEMBER_LIMIT,
    Kind,
    Member,
    MemberTable,
    quoted,
    refusal,
    too_many,
)
from pytest_lambda_rollback.packages.package import (
    CHUNK_BYTES,
    Signature,
    file_identity,
    newest_change_ns,
    refuse_special,
)


class FolderPackage:
    """A folder, read as deployment tools zip it.

    Permission bits become 0755 where the owner may execute, else 0644; folders are 0755 and
    symlinks stay symlinks. Folders named ``__pycache__`` are left out, because running the code
    rewrites them and the digest must not change by that; everything else is kept.
    """

    def __init__(self, path: Path, *, label: str, skip: Path | None = None) -> None:
        self._path = path
        self._label = label
        self._found = sorted(self._walk(_identity(skip)))
        digest = hashlib.sha256(f"folder\0{path.stat().st_ino}\n".encode())
        newest_ns = 0
        for name, status, target in self._found:
            line = f"{name}\0{target}\0{status.st_mode:o}"
            # A folder's own times say nothing more than the names below it, and they change when
            # a __pycache__ comes or goes.
            if not stat.S_ISDIR(status.st_mode):
                line += f"\0{file_identity(status)}"
                newest_ns = max(newest_ns, newest_change_ns(status))
            digest.update(f"{line}\0\n".encode("utf-8", "surrogateescape"))
        self.signature = Signature(digest=digest.hexdigest(), newest_ns=newest_ns)

    def members(self, *, root_dir: str, limit_bytes: int) -> tuple[Member, ...]:
        """The checked, sorted table. Raises SourceError."""
        table = MemberTable(label=self._label, root_dir=root_dir, limit_bytes=limit_bytes)
        for name, status, target in self._found:
            if stat.S_ISDIR(status.st_mode):
                table.add(Member(name=name, kind=Kind.FOLDER, mode=0o755))
            elif stat.S_ISLNK(status.st_mode):
                table.add(Member(name=name, kind=Kind.SYMLINK, mode=0o777, target=target))
            elif stat.S_ISREG(status.st_mode):
                mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
                table.add(Member(name=name, kind=Kind.FILE, mode=mode, size=status.st_size))
            else:
                raise refuse_special(self._label, name, status.st_mode)
        return table.finish()

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The content of one file; exactly ``member.size`` bytes, else SourceError."""
        # Without O_NONBLOCK a FIFO that took the file's place would block here for good.
        descriptor = os.open(self._path / member.name, os.O_RDONLY | descriptors.SAFELY)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            left = member.size
            while chunk := file.read(CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    break
                yield chunk
        if left:
            raise refusal(
                self._label,
                f"{quoted(member.name)} changed while it was read",
                "Wait for the build to finish, then run again",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def _walk(self, skip: tuple[int, int] | None) -> Iterator[tuple[str, os.stat_result, str]]:
        """(name, status, symlink target) of everything below the folder, in no order."""
        folders = [""]
        count = 0
        while folders:
            folder = folders.pop()
            with os.scandir(self._path / folder) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    target = ""
                    if stat.S_ISDIR(status.st_mode):
                        if entry.name == "__pycache__" or (status.st_dev, status.st_ino) == skip:
                            continue
                        folders.append(name)
                    elif stat.S_ISLNK(status.st_mode):
                        target = os.readlink(entry.path)  # noqa: PTH115 (a str as it stands)
                    count += 1
                    if count > MEMBER_LIMIT:
                        raise too_many(self._label)
                    yield name, status, target


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None or not path.exists():
        return None
    status = path.stat()
    return status.st_dev, status.st_ino
