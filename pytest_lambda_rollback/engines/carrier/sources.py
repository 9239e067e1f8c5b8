"""The carrier's sources and the names of what is built from them.

The package's build imports it, so it needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
MAIN: Final = "carrier.c"
MACHINES: Final = ("x86_64", "aarch64")
STAMP: Final = "carrier-built.json"
"""Written by the build beside the programs: the digest of the sources, and of each program."""


def own_machine() -> str:
    """The machine it runs on in the words of compilers: ``x86_64``, ``aarch64`` or another."""
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)


def program_name(machine: str) -> str:
    """File name of the program for a machine."""
    return f"carrier-{machine}"


def sources_digest(folder: Path = FOLDER) -> str:
    """SHA-256 over the names and contents of all C files, in hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted((*folder.glob("*.c"), *folder.glob("*.h"))):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
