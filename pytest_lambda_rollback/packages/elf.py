"""The headers of a native binary: format, machine, the glibc it needs.

Only what decides whether Lambda's loader would take it. pyelftools knows ELF; the files are
anybody's, so that what it may read is bounded here, and inconsistent parts are not reported.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from elftools.construct import Container
    from elftools.elf.elffile import ELFFile

ReadAt = Callable[[int, int], bytes]
"""Reads up to the second number of bytes from the first one's offset."""

_MACHINES = {
    "EM_386": "i686",
    "EM_PPC64": "ppc64le",
    "EM_S390": "s390x",
    "EM_ARM": "armv7l",
    "EM_X86_64": "x86_64",
    "EM_AARCH64": "aarch64",
    "EM_RISCV": "riscv64",
}
_MACH_O = {
    b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
}  # fmt: skip
_SECTIONS_LIMIT = 4096
_READS_LIMIT = 50_000
_READ_LIMIT_BYTES = 4096
_ABI = {"GLIBC_ABI_DT_RELR": (2, 36)}
"""Promises of the loader by the C library that first gives them (its NEWS file)."""
_WEAK = 2
"""``VER_FLG_WEAK`` of elf.h."""
_GLIBC = re.compile(r"GLIBC_(2\.[0-9]{1,3})(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryHeader:
    """The facts in a header; empty texts if it has none."""

    format: str = ""
    machine: str = ""
    glibc: str = ""


def read_header(read_at: ReadAt, *, size_bytes: int) -> BinaryHeader:
    """The kind of a file. A file that is cut short or is not a binary at all gives empty texts."""
    start = read_at(0, 4)
    if start == b"\x7fELF":
        return _elf(_Stream(read_at, size_bytes))
    if start in _MACH_O:
        return BinaryHeader(format="mach-o")
    if start[:2] == b"MZ":
        return BinaryHeader(format="pe")
    return BinaryHeader()


def _elf(stream: _Stream) -> BinaryHeader:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.enums import ENUM_E_MACHINE

    machine = glibc = ""
    try:
        file = ELFFile(cast("IO[bytes]", stream))
        named = file["e_machine"]
        machine = _MACHINES.get(named) or f"machine {ENUM_E_MACHINE.get(named, named)}"
        newest = max(_glibc_versions(file), default=())
        glibc = ".".join(str(part) for part in newest)
    except Exception:  # a malformed file makes pyelftools raise exceptions of any kind
        return BinaryHeader(format="elf", machine=machine)
    return BinaryHeader(format="elf", machine=machine, glibc=glibc)


def _glibc_versions(file: ELFFile) -> Iterator[tuple[int, ...]]:
    """Each ``GLIBC_2.x`` in the version needs of a file; the loader lets weak ones be missing."""
    from elftools.common.utils import struct_parse
    from elftools.elf.gnuversions import GNUVerNeedSection
    from elftools.elf.sections import StringTableSection

    def header(index: int) -> Container:
        # `ELFFile.get_section` would read whole hash tables.
        at = file["e_shoff"] + index * file["e_shentsize"]
        parsed: Container = struct_parse(file.structs.Elf_Shdr, file.stream, stream_pos=at)
        return parsed

    for index in range(min(file.num_sections(), _SECTIONS_LIMIT)):
        section = header(index)
        if section["sh_type"] != "SHT_GNU_verneed":
            continue
        texts = StringTableSection(header(section["sh_link"]), "", file)
        for _, names in GNUVerNeedSection(section, "", file, texts).iter_versions():
            for name in names:
                match = _GLIBC.fullmatch(name.name)
                if name["vna_flags"] & _WEAK:
                    continue
                if match:
                    yield tuple(int(part) for part in match[1].split("."))
                elif name.name in _ABI:
                    yield _ABI[name.name]


class _Stream(io.RawIOBase):
    """A file for pyelftools that can be read a bounded number of times, a little each."""

    def __init__(self, read_at: ReadAt, size_bytes: int) -> None:
        self._read_at = read_at
        self._size = size_bytes
        self._at = 0
        self._left = _READS_LIMIT

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0 or self._at < 0 or not 0 <= size <= _READ_LIMIT_BYTES:
            raise ValueError("its header is too large")
        content = self._read_at(self._at, size)
        self._at += len(content)
        return content
