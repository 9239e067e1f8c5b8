"""Reading the contents of a code or layer package, once per content.

The tar of the artefact store is read in place; only metadata and the first bytes of
native binaries are read. The result is kept in a cache folder under the artefact's digest, so that
an unchanged package costs one small file. Whether anything found fits is not known here.

Several threads and processes may use one cache at once: files appear complete or not at all.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_lambda_rollback.model.packages import (
    DistributionRecord,
    NativeBinary,
    NodePackage,
    PackageInventory,
    Role,
)
from pytest_lambda_rollback.model.versions import Artifact
from pytest_lambda_rollback.packages import cached_values
from pytest_lambda_rollback.packages.distributions import find_distributions, is_importable
from pytest_lambda_rollback.packages.elf import read_header
from pytest_lambda_rollback.packages.guards import guarded_imports
from pytest_lambda_rollback.packages.trees import TarTree, Tree, ZipTree

FORMAT_VERSION = 3
"""Part of every cache key: raise it when the same package gives another inventory."""

_ZIP_LIMIT_BYTES = 64 * 1024 * 1024
_ZIP_MEMBERS_LIMIT = 20_000
_PATH_FILE_LIMIT_BYTES = 64 * 1024
_NODE_LIMIT_BYTES = 1024 * 1024

_ZIP = re.compile(r".*\.(?:zip|whl|egg)")
_NATIVE = re.compile(r".*\.(?:so(?:\.[0-9]+)*|pyd|dylib|dll)")
_NODE = re.compile(r"(?:nodejs/)?node_modules/(?:@[^/]+/)?[^/]+/package\.json")
_TAG = re.compile(r"[^/.]+\.(?P<tag>(?:cpython-|cp[0-9]|abi3|pypy|graalpy)[^/.]*)\.(?:so|pyd)")


class InventoryReader:
    """Reads artefacts into inventories; ``root`` is the cache folder, ``None`` for no cache."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._known: dict[tuple[str, Role], PackageInventory] = {}

    def read(self, artifact: Artifact, *, role: Role) -> PackageInventory:
        """The inventory of one artefact, from the cache where its content is known.

        Raises SourceError for an artefact whose tar cannot be read.
        """
        key = (artifact.digest, role)
        if key not in self._known:
            self._known[key] = self._cached(artifact, role) or self._read(artifact, role)
        return self._known[key]

    def _read(self, artifact: Artifact, role: Role) -> PackageInventory:
        with TarTree(artifact.tar, label=artifact.label) as tree:
            inventory = _inventory(tree, artifact.digest, role)
        self._remember(inventory)
        return inventory

    def _path(self, digest: str, role: Role) -> Path | None:
        if self._root is None:
            return None
        return self._root / f"{digest}.{role}.{FORMAT_VERSION}{cached_values.SUFFIX}"

    def _cached(self, artifact: Artifact, role: Role) -> PackageInventory | None:
        """The entry in the cache; ``None`` for anything unexpected."""
        path = self._path(artifact.digest, role)
        if path is None:
            return None
        inventory = cached_values.load(PackageInventory, path)
        if inventory is None:
            return None
        return inventory if (inventory.digest, inventory.role) == (artifact.digest, role) else None

    def _remember(self, inventory: PackageInventory) -> None:
        """Write the cache entry."""
        path = self._path(inventory.digest, inventory.role)
        if path is not None:
            cached_values.save(inventory, path)


def _inventory(tree: Tree, digest: str, role: Role) -> PackageInventory:
    names = tree.names()
    found = find_distributions(tree)
    records, notes = list(found.records), list(found.notes)
    for name in names:
        if _ZIP.fullmatch(name):
            zipped, note = _zipped(tree, name, names[name])
            records.extend(zipped)
            notes.extend(note)
    return PackageInventory(
        digest=digest,
        role=role,
        distributions=tuple(records),
        natives=tuple(_natives(tree, names, found.owners)),
        files=tuple(name for name in names if is_importable(name)),
        path_lines=tuple(_path_lines(tree, names)),
        node=tuple(_node_packages(tree, names)),
        notes=tuple(notes),
    )


def _zipped(
    tree: Tree, name: str, size: int
) -> tuple[tuple[DistributionRecord, ...], tuple[str, ...]]:
    """The distributions of a zip in the tree; zips within it are not opened."""
    if size > _ZIP_LIMIT_BYTES:
        return (), (f"{name} is too large to read",)
    try:
        inner = ZipTree(
            tree.read(name, limit_bytes=_ZIP_LIMIT_BYTES), members_limit=_ZIP_MEMBERS_LIMIT
        )
    except ValueError as error:
        return (), (f"{name} cannot be read as a zip ({error})",)
    found = find_distributions(inner, zipped_in=name)
    return found.records, found.notes


def _natives(
    tree: Tree, names: Mapping[str, int], owners: Mapping[str, str]
) -> Iterator[NativeBinary]:
    natives = []
    for name in names:
        if not _NATIVE.fullmatch(name):
            continue
        header = read_header(functools.partial(_read_at, tree, name), size_bytes=names[name])
        match = _TAG.fullmatch(name.rpartition("/")[2])
        natives.append(
            NativeBinary(
                path=name,
                format=header.format,
                machine=header.machine,
                tag=match["tag"] if match else "",
                glibc=header.glibc,
                distribution=owners.get(name),
            )
        )
    guarded = guarded_imports(tree, [native.path for native in natives])
    return (
        dataclasses.replace(native, optional=True) if native.path in guarded else native
        for native in natives
    )


def _read_at(tree: Tree, name: str, offset: int, limit_bytes: int) -> bytes:
    return tree.read(name, limit_bytes=limit_bytes, offset=offset)


def _path_lines(tree: Tree, names: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Paths that ``site.addsitedir`` would take from ``.pth`` files; lines of code are left out."""
    for name in names:
        if not name.endswith(".pth"):
            continue
        text = tree.read(name, limit_bytes=_PATH_FILE_LIMIT_BYTES).decode("utf-8", "replace")
        for line in text.splitlines():
            if line.strip() and not line.startswith(("#", "import ", "import\t")):
                yield name.rpartition("/")[0], line.strip()


def _node_packages(tree: Tree, names: Mapping[str, int]) -> Iterator[NodePackage]:
    for name in names:
        if not _NODE.fullmatch(name):
            continue
        try:
            package = json.loads(tree.read(name, limit_bytes=_NODE_LIMIT_BYTES))
            yield NodePackage(
                name=str(package["name"]),
                version=str(package.get("version", "")),
                path=name.rpartition("/")[0],
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
