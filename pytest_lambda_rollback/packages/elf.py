"""What a native binary says of itself in its first bytes: format, machine, the glibc it needs.

Only what decides whether Lambda's loader would take it. Bytes come in, values go out; the offsets
and numbers are those of the System V ABI (ELF), of Mach-O's ``loader.h`` and of the PE format. No
byte of a file is trusted: what does not add up is left unsaid.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ReadAt = Callable[[int, int], bytes]
"""Reads up to the second number of bytes from the first one's offset."""

_MACHINES = {
    3: "i686",
    21: "ppc64le",
    22: "s390x",
    40: "armv7l",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
}
_MACH_O = {
    b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
}  # fmt: skip
_VERSION_NEEDS = 0x6FFFFFFE
_TABLE_LIMIT = 4096
_TEXT_LIMIT_BYTES = 64
_GLIBC = re.compile(rb"GLIBC_(2\.[0-9]{1,3})(?:\.[0-9]+)?\0")


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryHeader:
    """What the header says; empty texts where it says nothing."""

    format: str = ""
    machine: str = ""
    glibc: str = ""


def read_header(read_at: ReadAt) -> BinaryHeader:
    """Tell what a file is. A file that is cut short or is no binary at all gives empty texts."""
    start = read_at(0, 64)
    if start[:4] == b"\x7fELF":
        return _elf(start, read_at)
    if start[:4] in _MACH_O:
        return BinaryHeader(format="mach-o")
    if start[:2] == b"MZ":
        return BinaryHeader(format="pe")
    return BinaryHeader()


def _elf(start: bytes, read_at: ReadAt) -> BinaryHeader:
    if len(start) < 52 or start[4] not in (1, 2) or start[5] not in (1, 2):
        return BinaryHeader(format="elf")
    order = "<" if start[5] == 1 else ">"
    (number,) = struct.unpack_from(f"{order}H", start, 18)
    machine = _MACHINES.get(number, f"machine {number}")
    glibc = ""
    if start[4] == 2 and order == "<" and len(start) == 64:
        try:
            glibc = _newest(_glibc_versions(start, read_at))
        except struct.error:
            glibc = ""
    return BinaryHeader(format="elf", machine=machine, glibc=glibc)


def _glibc_versions(start: bytes, read_at: ReadAt) -> Iterator[tuple[int, ...]]:
    """Each ``GLIBC_2.x`` in the version needs of a 64-bit little-endian file."""
    (sections_at,) = struct.unpack_from("<Q", start, 40)
    entry_size, count = struct.unpack_from("<HH", start, 58)
    if entry_size != 64 or not 0 < count < _TABLE_LIMIT:
        return
    table = read_at(sections_at, entry_size * count)
    for index in range(len(table) // entry_size):
        _, kind, _, _, at, size, link, needs, _, _ = struct.unpack_from(
            "<IIQQQQIIQQ", table, index * entry_size
        )
        if kind != _VERSION_NEEDS or link >= count or needs > _TABLE_LIMIT:
            continue
        (texts_at,) = struct.unpack_from("<Q", table, link * entry_size + 24)
        records = read_at(at, min(size, 16 * _TABLE_LIMIT))
        for name_at in _needed_names(records, needs):
            match = _GLIBC.match(read_at(texts_at + name_at, _TEXT_LIMIT_BYTES))
            if match:
                yield tuple(int(part) for part in match[1].split(b"."))


def _needed_names(records: bytes, needs: int) -> Iterator[int]:
    """Offsets of the version names that the records name, library by library."""
    position = seen = 0
    for _ in range(needs):
        _, names, _, first, following = struct.unpack_from("<HHIII", records, position)
        inner = position + first
        for _ in range(names):
            seen += 1
            if seen > _TABLE_LIMIT:
                return
            name_at, next_name = struct.unpack_from("<II", records, inner + 8)
            yield name_at
            inner += next_name
        position += following


def _newest(versions: Iterator[tuple[int, ...]]) -> str:
    return ".".join(str(part) for part in max(versions, default=()))
