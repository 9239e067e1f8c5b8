"""The tars of the artefact store: read file by file, or unpacked one over the other.

A tree is a table of names and a way to read one of them, also out of a zip in the tar. The
walk over the tar knows the one form that the artefact store writes (GNU headers, files, folders,
symlinks and their long names) and refuses any other; `tarfile` takes five times as long.
What the files mean is not known here.
"""

from __future__ import annotations

import io
import mmap
import os
import posixpath
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.packages import descriptors

_ALIAS_LIMIT = 200_000
"""Names that symlinks to folders may add; bounds the cost of chained links."""

_LONG_NAME = b"L"
_LONG_TARGET = b"K"


class Tree(Protocol):
    """A table of files, and their content."""

    def names(self) -> Mapping[str, int]:
        """Each regular file with its size in bytes, sorted by name."""
        ...

    def read(self, name: str, *, limit_bytes: int, offset: int = 0) -> bytes:
        """Up to ``limit_bytes`` of one file from ``offset``. Raises KeyError for no such file."""
        ...


@dataclass(frozen=True, slots=True)
class _Place:
    offset: int
    size: int


Tables = dict[Path, dict[str, _Place]]
"""Files by name, of tars by path."""


class TarTree:
    """The files of one artefact. Files below a symlink to a folder have that name too.

    ``known`` keeps the tables of tars by path, for a caller that opens some again: the store's
    tars are named by their content. Raises SourceError for a tar that cannot be read, or is not
    one of the store's.
    """

    def __init__(self, tar: Path, *, label: str, known: Tables | None = None) -> None:
        self._label = label
        try:
            with tar.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise self._unreadable(str(error), tar) from error
        if known is None or tar not in known:
            try:
                files, links = self._walk()
            except (IndexError, ValueError) as error:
                self._map.close()
                raise self._unreadable(f"its tar is damaged ({error})", tar) from error
            _add_aliases(files, links)
            places = dict(sorted(files.items()))
            if known is not None:
                known[tar] = places
        self._places = places if known is None else known[tar]

    def names(self) -> Mapping[str, int]:
        """Each regular file with its size in bytes, sorted by name."""
        return {name: place.size for name, place in self._places.items()}

    def read(self, name: str, *, limit_bytes: int, offset: int = 0) -> bytes:
        """Up to ``limit_bytes`` of one file from ``offset``. Raises KeyError for no such file."""
        place = self._places[name]
        start = place.offset + min(offset, place.size)
        return self._map[start : min(start + limit_bytes, place.offset + place.size)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._map.close()

    def _walk(self) -> tuple[dict[str, _Place], dict[str, str]]:
        """Files with their places, symlinks with their targets. Raises ValueError."""
        files: dict[str, _Place] = {}
        links: dict[str, str] = {}
        long_name = long_target = None
        position, block = 0, tarfile.BLOCKSIZE
        while True:
            header = self._map[position : position + block]
            if len(header) < block:
                raise ValueError("it has no end marker")
            if not header[0]:
                return files, links
            if header[257:263] not in (b"ustar ", b"ustar\0"):
                raise ValueError(f"no header at byte {position}")
            size = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
            kind = header[156:157]
            start = position + block
            position = start + (size + block - 1) // block * block
            if position > len(self._map):
                raise ValueError("it ends within a file")
            if kind in (_LONG_NAME, _LONG_TARGET):
                text = _text(self._map[start : start + size])
                if kind == _LONG_NAME:
                    long_name = text
                else:
                    long_target = text
                continue
            name = long_name if long_name is not None else _text(header[:100])
            if kind in (tarfile.REGTYPE, tarfile.AREGTYPE):
                files[name] = _Place(start, size)
            elif kind == tarfile.SYMTYPE:
                links[name] = long_target if long_target is not None else _text(header[157:257])
            elif kind != tarfile.DIRTYPE:
                raise ValueError(f"{name!r} has the unexpected type {kind!r}")
            long_name = long_target = None

    def _unreadable(self, why: str, tar: Path) -> SourceError:
        return SourceError(
            f"{self._label} cannot be read from the artefact store",
            why=why,
            do=f"Delete {tar} and run again",
        )


class ZipTree:
    """The files of a zip in memory. Raises ValueError for one that cannot be read."""

    def __init__(self, content: bytes, *, members_limit: int) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise ValueError(str(error)) from error
        infos = self._zip.infolist()
        if len(infos) > members_limit:
            raise ValueError(f"it has more than {members_limit} members")
        self._infos = {
            info.filename: info
            for info in sorted(infos, key=lambda info: info.filename)
            if not info.is_dir()
        }

    def names(self) -> Mapping[str, int]:
        """Each file with its declared size in bytes, sorted by name."""
        return {name: info.file_size for name, info in self._infos.items()}

    def read(self, name: str, *, limit_bytes: int, offset: int = 0) -> bytes:
        """Up to ``limit_bytes`` of one file from ``offset``; empty for one that is damaged."""
        info = self._infos[name]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return b""
        try:
            with self._zip.open(info) as file:
                file.seek(offset)
                return file.read(limit_bytes)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError):
            return b""


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape").rstrip("/")


def _add_aliases(files: dict[str, _Place], links: Mapping[str, str]) -> None:
    """Give files the names that they have through symlinks, one link deep."""
    added = 0
    for link, target in links.items():
        aim = posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
        if aim in files:
            files.setdefault(link, files[aim])
            continue
        for name in list(_below(files, "" if aim == "." else f"{aim}/")):
            alias = f"{link}/{name.removeprefix(aim + '/') if aim != '.' else name}"
            files.setdefault(alias, files[name])
            added += 1
            if added > _ALIAS_LIMIT:
                return


def _below(files: Mapping[str, _Place], prefix: str) -> Iterator[str]:
    return (name for name in files if name.startswith(prefix))


def unpack_tar(tar: Path, into: Path) -> None:
    """Unpack ``tar`` over ``into``, which is made when it is missing.

    Raises OSError, and tarfile.TarError for a tar that the store would not have made.
    """
    into.mkdir(parents=True, exist_ok=True)
    folders: dict[str, int] = {"": 0o755}
    with tarfile.open(tar, "r:", encoding="utf-8", errors="surrogateescape") as members:
        for member in members:
            name = member.name
            misplaced = name in folders or name.rpartition("/")[0] not in folders
            if misplaced or not _is_plain(name):
                raise tarfile.ExtractError(f"unexpected member {name!r}")
            path = into / name
            if member.isdir():
                _make_folder(path)
                # Closed folders would stop the members below, so the mode comes last.
                folders[name] = member.mode
                continue
            _remove(path)
            if member.issym():
                path.symlink_to(member.linkname)
            elif member.isreg():
                _write_file(members, member, path)
            else:
                raise tarfile.ExtractError(f"unexpected member {name!r}")
    del folders[""]
    for name, mode in reversed(folders.items()):
        (into / name).chmod(mode & 0o777 | stat.S_IRWXU)


def _is_plain(name: str) -> bool:
    return "\0" not in name and all(part not in ("", ".", "..") for part in name.split("/"))


def _make_folder(path: Path) -> None:
    if _is_folder(path):
        path.chmod(stat.S_IRWXU)
        return
    _remove(path)
    path.mkdir(mode=stat.S_IRWXU)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(path: Path) -> None:
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_file(members: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | descriptors.SAFELY
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        content = members.extractfile(member)
        if content is None:
            raise tarfile.ExtractError(f"{member.name!r} has no content")
        shutil.copyfileobj(content, file)
        descriptors.set_mode(file.fileno(), member.mode & 0o777)
