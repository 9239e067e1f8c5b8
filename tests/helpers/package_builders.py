"""Zips and folders for tests, built from the same short description."""

from __future__ import annotations

import io
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

FILE = stat.S_IFREG | 0o644
SCRIPT = stat.S_IFREG | 0o755
FOLDER = stat.S_IFDIR | 0o755
SYMLINK = stat.S_IFLNK | 0o777


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a zip; ``mode`` is what stands in the upper half of external_attr."""

    name: str
    content: bytes = b""
    mode: int = FILE
    system: int = 3
    compression: int = zipfile.ZIP_DEFLATED
    date: tuple[int, int, int, int, int, int] = (2024, 1, 1, 0, 0, 0)
    extra: bytes = b""


def file(name: str, content: bytes = b"x = 1\n", mode: int = FILE) -> Entry:
    return Entry(name=name, content=content, mode=mode)


def link(name: str, target: str) -> Entry:
    return Entry(name=name, content=target.encode(), mode=SYMLINK)


def folder(name: str, mode: int = FOLDER) -> Entry:
    return Entry(name=f"{name}/", mode=mode)


def zip_bytes(*entries: Entry) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for entry in entries:
            info = zipfile.ZipInfo("name", entry.date)
            # Set afterwards, because the constructor cuts a name at its NUL.
            info.filename = info.orig_filename = entry.name
            # The archive bit, because zipfile replaces a zero by a mode of its own.
            info.external_attr = entry.mode << 16 | 0x20
            info.create_system = entry.system
            info.compress_type = entry.compression
            info.extra = entry.extra
            # Two entries of one name are written on purpose.
            archive.NameToInfo.pop(entry.name, None)
            archive.writestr(info, entry.content)
    return made.getvalue()


def patched(content: bytes, local: tuple[int, bytes], central: tuple[int, bytes]) -> bytes:
    """A zip with one entry, with bytes overwritten in its local and its central header."""
    result = bytearray(content)
    for start, (offset, replacement) in (
        (content.index(b"PK\x03\x04"), local),
        (content.index(b"PK\x01\x02"), central),
    ):
        result[start + offset : start + offset + len(replacement)] = replacement
    return bytes(result)


def with_claimed_size(content: bytes, size: int) -> bytes:
    claim = size.to_bytes(4, "little")
    return patched(content, (22, claim), (24, claim))


def with_flags(content: bytes, flags: int) -> bytes:
    value = flags.to_bytes(2, "little")
    return patched(content, (6, value), (8, value))


def make_folder(path: Path, *entries: Entry) -> Path:
    path.mkdir(parents=True)
    for entry in entries:
        place = path / entry.name
        if stat.S_ISDIR(entry.mode):
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if stat.S_ISLNK(entry.mode):
            place.symlink_to(entry.content.decode())
        else:
            place.write_bytes(entry.content)
            place.chmod(stat.S_IMODE(entry.mode))
    return path


def make_zip(path: Path, *entries: Entry) -> Path:
    path.write_bytes(zip_bytes(*entries))
    return path


def everything_below(path: Path) -> dict[str, bytes | str | None]:
    """Names below a folder with file contents and symlink targets."""
    found: dict[str, bytes | str | None] = {}
    for place in sorted(path.rglob("*")):
        name = place.relative_to(path).as_posix()
        if place.is_symlink():
            found[name] = str(place.readlink())
        else:
            found[name] = place.read_bytes() if place.is_file() else None
    return found
