"""Reading a package from a zip, as Lambda would unzip it.

A zip's headers are claims: content is read to its real end, compared with the claim, and dropped
as soon as it exceeds it. What a package may hold is decided in `members`; folders and the store
are not known here.
"""

from __future__ import annotations

import copy
import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pytest_lambda_rollback.aws_lambda.limits import MB
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.packages.members import (
    MEMBER_LIMIT,
    SYMLINK_LIMIT_BYTES,
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

_CENTRAL_DIRECTORY_LIMIT_BYTES = 64 * MB
_CENTRAL_HEADER = b"PK\x01\x02"

_MADE_WITHOUT_UNIX_MODE = frozenset({0, 10, 14})
"""Values of "version made by" for FAT, NTFS and VFAT (PKWARE APPNOTE 4.4.2.2)."""

_ENCRYPTED = 0x1 | 0x40 | 0x2000

_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""Errors of zipfile for a damaged file, depending on where the damage lies."""

_ZIP_AGAIN = "Build or download the zip again"


class ZipPackage:
    """A zip, read as Lambda unzips it.

    Unix permission bits are kept (without setuid, setgid and sticky), so a file that only its
    owner may read stays unreadable for the function. A zip made without them, as on Windows,
    gets 0644 and 0755 for folders. Symlinks stay symlinks.
    """

    def __init__(self, path: Path, *, label: str) -> None:
        self._path = path
        self._label = label
        self._file = _BoundedReader(io.FileIO(path), label=label)
        self._zip: zipfile.ZipFile | None = None
        self._infos: list[zipfile.ZipInfo] = []
        status = os.fstat(self._file.fileno())
        self.signature = Signature(
            digest=hashlib.sha256(f"zip\0{file_identity(status)}".encode()).hexdigest(),
            newest_ns=newest_change_ns(status),
        )

    def members(self, *, root_dir: str, limit_bytes: int) -> tuple[Member, ...]:
        """The checked, sorted table. Raises SourceError."""
        try:
            self._zip = zipfile.ZipFile(self._file)
        except _ZIP_ERRORS as error:
            raise self._damaged(error) from error
        self._infos = self._zip.infolist()
        table = MemberTable(label=self._label, root_dir=root_dir, limit_bytes=limit_bytes)
        for origin, info in enumerate(self._infos):
            table.add(self._entry(origin, info))
        return table.finish()

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The content of one file; exactly ``member.size`` bytes, else SourceError."""
        return self._content(self._infos[member.origin], member.name, member.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._zip is not None:
            self._zip.close()
        self._file.close()

    def _entry(self, origin: int, info: zipfile.ZipInfo) -> Member:
        name = _zip_name(info)
        if info.flag_bits & _ENCRYPTED:
            raise refusal(
                self._label, f"{quoted(name)} is encrypted", "Build the zip without a password"
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refusal(
                self._label,
                f"{quoted(name)} is compressed with method {info.compress_type} instead of deflate",
                "Build the zip with deflate, the usual compression",
            )
        mode = info.external_attr >> 16
        if info.create_system in _MADE_WITHOUT_UNIX_MODE:
            mode = 0
        kind, usual = Kind.FILE, 0o644
        if name.endswith("/") or stat.S_ISDIR(mode):
            kind, usual = Kind.FOLDER, 0o755
        elif stat.S_ISLNK(mode):
            return self._symlink(origin, info, name)
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise refuse_special(self._label, name, mode)
        return Member(
            name=name,
            kind=kind,
            mode=mode & 0o777 if mode else usual,
            size=info.file_size if kind is Kind.FILE else 0,
            origin=origin,
        )

    def _symlink(self, origin: int, info: zipfile.ZipInfo, name: str) -> Member:
        if info.file_size > SYMLINK_LIMIT_BYTES:
            raise refusal(self._label, f"{quoted(name)} is a symlink to an overlong name")
        target = b"".join(self._content(info, name, info.file_size))
        return Member(
            name=name,
            kind=Kind.SYMLINK,
            mode=0o777,
            target=target.decode("utf-8", "surrogateescape"),
            origin=origin,
        )

    def _content(self, info: zipfile.ZipInfo, name: str, size: int) -> Iterator[bytes]:
        if self._zip is None:
            return
        # zipfile stops at the size that the header claims. Reading past the claim is the only
        # way to see that it is false; the checksum is then compared at the real end.
        unbounded = copy.copy(info)
        unbounded.file_size = 1 << 62
        left = size
        try:
            with self._zip.open(unbounded) as content:
                while chunk := content.read(CHUNK_BYTES):
                    left -= len(chunk)
                    if left < 0:
                        break
                    yield chunk
        except _ZIP_ERRORS as error:
            raise self._damaged(error, name) from error
        if left:
            raise refusal(
                self._label,
                f"{quoted(name)} holds {'more' if left < 0 else 'less'} than the {size} bytes"
                " that its header claims",
                _ZIP_AGAIN,
            )

    def _damaged(self, error: Exception, name: str = "") -> SourceError:
        self._file.seek(0)
        where = f" at {quoted(name)}" if name else ""
        if self._file.read(2) != b"PK":
            return refusal(
                self._label,
                f"{self._path.name} is not a zip file",
                "Give a folder or a .zip",
            )
        return refusal(
            self._label,
            f"the zip is damaged or cut short{where} ({error})",
            _ZIP_AGAIN,
        )


class _BoundedReader(io.BufferedReader):
    """A zip file that zipfile cannot be made to read unreasonably.

    zipfile reads the central directory in one piece and makes an object for each header before
    it gives back control, so the bound must lie below it. An offset before the file's beginning
    is damage, not trouble with the disk.
    """

    def __init__(self, raw: io.FileIO, *, label: str) -> None:
        super().__init__(raw)
        self._label = label

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _CENTRAL_DIRECTORY_LIMIT_BYTES:
            raise too_many(self._label)
        content = super().read(size)
        if content.count(_CENTRAL_HEADER) > MEMBER_LIMIT:
            raise too_many(self._label)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if offset < 0 and whence == os.SEEK_SET:
            raise ValueError("an offset lies before the beginning of the file")
        return super().seek(offset, whence)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name with its NULs, in UTF-8 also where the tool forgot the flag that says so."""
    name = info.orig_filename
    if info.flag_bits & 0x800 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name
