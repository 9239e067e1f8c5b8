"""Packages from PyPI at exact versions, installed once into a cache and never again.

A set of pins is a full closure: pip resolves nothing, and takes wheels for Lambda's platform, so
that what is installed is the same on every machine. A folder of the cache appears whole or not at
all, so any number of processes may use it at once; what is there needs no network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_FORMAT = 1
"""Part of the digest: raise it when what is installed for the same pins changes."""
_GLIBC = ("manylinux_2_17", "manylinux2014", "manylinux2010", "manylinux_2_5", "manylinux1")
_TIMEOUT_S = 600


class PackageError(RuntimeError):
    """pip could not install a set of pins; the message has its last lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """Requirements of the form ``name==version``, for one Python and one kind of machine."""

    pins: tuple[str, ...]
    python: str = "3.11"
    machine: str = "x86_64"

    @property
    def digest(self) -> str:
        """Name of the cache folder, in hexadecimal."""
        text = json.dumps([_FORMAT, sorted(self.pins), self.python, self.machine])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCache:
    """Folders of installed packages below ``root``; ``say`` is told of each installation."""

    root: Path
    say: Callable[[str], None] = print

    def installed(self, pins: Pins) -> Path:
        """The folder with the installed pins, as pip's --target. Raises PackageError."""
        folder = self.root / pins.digest
        if folder.is_dir():
            return folder
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".installing-") as scratch:
            fresh = Path(scratch) / "packages"
            self.say(f"installing {' '.join(pins.pins)}")
            _install(pins, fresh)
            # Another process may have been faster; then its folder, equal to this one, stays.
            with contextlib.suppress(OSError):
                fresh.rename(folder)
        if not folder.is_dir():
            raise PackageError(f"{folder} could not be written")
        return folder


def default_root() -> Path:
    """The cache of this user."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "lambda-rollback-cases"


def _install(pins: Pins, folder: Path) -> None:
    command = [
        sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
        "--quiet", "--no-deps", "--only-binary=:all:", "--no-compile",
        "--implementation", "cp", "--python-version", pins.python,
        *(f"--platform={glibc}_{pins.machine}" for glibc in _GLIBC),
        "--target", str(folder), *pins.pins,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PackageError(f"pip gave no end after {_TIMEOUT_S} s for {pins.pins}") from error
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-6:])
        raise PackageError(f"pip could not install {' '.join(pins.pins)}:\n{last}")
    shutil.rmtree(folder / "bin", ignore_errors=True)  # has this machine's Python in it
