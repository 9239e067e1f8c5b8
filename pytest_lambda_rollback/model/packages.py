"""Contents of a code or layer package: distributions, native binaries, importable files.

Only values, shared by the readers of packages and the contracts that judge them. Nothing
here opens a file or decides anything. All paths are relative to where Lambda unpacks the package
(/var/task or /opt) and joined by ``/``; the empty path is that folder itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from pytest_lambda_rollback.model.versions import FunctionVersion, Layer

Role = Literal["code", "layer"]


def module_path(name: str) -> str:
    """The module of a file, as a path: ``a/b.py`` and ``a/b/__init__.py`` are ``a/b``."""
    folder, _, file = name.rpartition("/")
    module = file.partition(".")[0]
    if module == "__init__":
        return folder
    return f"{folder}/{module}" if folder else module


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionRecord:
    """One distribution by its own metadata: dist-info, egg-info, or inside a zip in the tree."""

    key: str
    """The name as PEP 503 normalises it."""
    name: str
    """The name as it is written."""
    version: str
    """As it is written: it may be one that PEP 440 refuses; empty if there is none."""
    root: str
    """The folder (or zip) that it is installed in: ``python``, ``""``, ``vendor/x.whl``."""
    metadata: str
    """The dist-info or egg-info that says so."""
    requires: tuple[str, ...] = ()
    """Requires-Dist as written, extras and markers included."""
    requires_python: str | None = None
    extras: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Wheel tags, ``cp311-cp311-manylinux_2_17_x86_64``."""
    modules: tuple[str, ...] = ()
    """Its importable parts that are there: the topmost regular packages and modules below
    ``root``, as paths: ``requests``, ``six``, ``google/cloud/storage``."""
    hollow: bool = False
    """The metadata name importable files, and none of them is there."""
    zipped: bool = False
    """It lies inside a zip, wheel or egg in the tree."""
    vendored: bool = False
    """It lies inside the package of another distribution, for that one's own use."""


_CPYTHON_TAG = re.compile(r"(?:cpython-|cp)(?P<major>[0-9])(?P<minor>[0-9]+)(?P<flags>[a-z]*)\b.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CPython:
    """The CPython that a native module is built for."""

    version: tuple[int, int]
    free_threaded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeBinary:
    """One shared library or extension module."""

    path: str
    format: str
    """``elf``, ``mach-o``, ``pe``, or empty for anything else."""
    machine: str = ""
    """ELF machine by its ``uname -m`` name (``x86_64``, ``aarch64``, ``i686``, …)."""
    tag: str = ""
    """The build target in the file name: ``cpython-311-x86_64-linux-gnu``, ``abi3``,
    ``cp311-win_amd64``; empty for a plain ``.so``."""
    glibc: str = ""
    """The newest glibc it asks for, ``2.28``; empty if it asks for none."""
    distribution: str | None = None
    """Key of the distribution whose RECORD names it."""
    optional: bool = False
    """Every import of it in its own folder is guarded against ImportError."""

    @property
    def cpython(self) -> CPython | None:
        """The CPython in its tag; ``None`` for a tag that names none."""
        match = _CPYTHON_TAG.fullmatch(self.tag)
        if match is None:
            return None
        version = (int(match["major"]), int(match["minor"]))
        return CPython(version=version, free_threaded=match["flags"] == "t")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePackage:
    """One package below ``nodejs/node_modules`` or ``node_modules``."""

    name: str
    version: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageInventory:
    """All that is known of one package without running any of it."""

    digest: str
    """Of the artefact it was read from."""
    role: Role
    distributions: tuple[DistributionRecord, ...] = ()
    natives: tuple[NativeBinary, ...] = ()
    files: tuple[str, ...] = field(default=(), repr=False)
    """Every file that Python could import: sources, byte code outside ``__pycache__``,
    extension modules. Sorted."""
    path_lines: tuple[tuple[str, str], ...] = ()
    """(folder, line) of each ``.pth`` line that names a folder or zip, in order."""
    node: tuple[NodePackage, ...] = ()
    notes: tuple[str, ...] = ()
    """Things that could not be read, one sentence fragment each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerView:
    """One layer of a version, with what it carries and what its publisher says of it."""

    layer: Layer
    inventory: PackageInventory
    compatible_runtimes: tuple[str, ...] | None = None
    """As published; ``None`` if it is not known, empty where the publisher named none."""
    compatible_architectures: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A function version with the inventories of its code and of its layers, in layer order.

    For the strategy ``redeploy`` the version already has the current one's layers and runtime.
    """

    version: FunctionVersion
    code: PackageInventory
    layers: tuple[LayerView, ...] = ()
