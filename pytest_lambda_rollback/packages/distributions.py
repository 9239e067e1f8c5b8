"""Finding the distributions in a tree by their metadata, wherever they are.

Metadata is parsed by `importlib.metadata` and `packaging`, never here; nothing is imported or
run, and the host's own distributions are never read. Which folder a runtime would search,
and which of two distributions wins, is not known here.
"""

from __future__ import annotations

import csv
import importlib.metadata
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

from pytest_lambda_rollback.model.packages import DistributionRecord, module_path
from pytest_lambda_rollback.packages.trees import Tree

_METADATA_LIMIT_BYTES = 1024 * 1024
_RECORD_LIMIT_BYTES = 16 * 1024 * 1024
_TAGS_LIMIT = 64

_METADATA = re.compile(
    r"(?:(?P<root>.*)/)?(?P<folder>"
    r"[^/]+\.dist-info/METADATA"
    r"|[^/]+\.egg-info(?:/PKG-INFO)?"
    r"|EGG-INFO/PKG-INFO)"
)
_IMPORTABLE = re.compile(r".*\.(?:py|pyc|so|pyd)")
_DOTTED_NAME = re.compile(r"[^./\s]+(?:[./][^./\s]+)*")


def is_importable(name: str) -> bool:
    """True if Python's import could load this file for some interpreter."""
    return _IMPORTABLE.fullmatch(name) is not None and "__pycache__/" not in name


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The distributions of one tree, and whose the files are."""

    records: tuple[DistributionRecord, ...]
    owners: Mapping[str, str]
    """Key of the distribution whose RECORD names a file; files that are there alone."""
    notes: tuple[str, ...] = ()


def find_distributions(tree: Tree, *, zipped_in: str | None = None) -> Found:
    """All distributions of a tree, sorted by root and metadata folder.

    ``zipped_in`` is the path of the zip that the tree is, which then stands before every root.
    """
    names = tree.names()
    importables = frozenset(name for name in names if is_importable(name))
    packages = frozenset(
        name.rpartition("/")[0]
        for name in importables
        if name.rpartition("/")[2].startswith("__init__.")
    )
    records: list[DistributionRecord] = []
    owners: dict[str, str] = {}
    notes: list[str] = []
    for name in names:
        if not name.endswith(("/METADATA", "/PKG-INFO", ".egg-info")):
            continue
        match = _METADATA.fullmatch(name)
        if match is None:
            continue
        root = match["root"] or ""
        metadata = name.removesuffix("/METADATA").removesuffix("/PKG-INFO")
        source = _Metadata(tree, metadata)
        record = _record(source, root, metadata)
        if record is None:
            notes.append(f"{_joined(zipped_in, metadata)} has no name")
            continue
        claimed = _claimed(source, root, names)
        declared = [name for name in claimed if is_importable(name)] if claimed else []
        present = [name for name in declared if name in importables]
        if claimed is None:
            declared = source.top_level or [_guess(record)]
            present = list(_below(importables, root, declared))
            hollow = bool(source.top_level) and not present
        else:
            hollow = bool(declared) and not present
            for file in claimed:
                if file in names:
                    owners.setdefault(file, record.key)
        records.append(replace(record, modules=_topmost(present, root, packages), hollow=hollow))
    records = list(_with_vendored(records))
    if zipped_in is not None:
        records = [
            replace(
                record,
                root=_joined(zipped_in, record.root),
                metadata=_joined(zipped_in, record.metadata),
                zipped=True,
            )
            for record in records
        ]
    return Found(records=tuple(records), owners=owners, notes=tuple(notes))


class _Metadata(importlib.metadata.Distribution):
    """A distribution whose metadata is in a tree; long descriptions are never parsed."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree = tree
        self.folder = folder

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """One metadata file, or the egg-info that is a file itself for the empty name."""
        name = str(filename)
        path = f"{self.folder}/{name}" if name else self.folder
        limit = _RECORD_LIMIT_BYTES if name == "RECORD" else _METADATA_LIMIT_BYTES
        try:
            content = self._tree.read(path, limit_bytes=limit)
        except KeyError:
            return None
        text = content.decode("utf-8", "replace").replace("\r\n", "\n")
        if name in ("METADATA", "PKG-INFO", ""):
            text = text.lstrip("\n\ufeff").partition("\n\n")[0] + "\n\n"
        return text

    def locate_file(self, path: str | os.PathLike[str]) -> PurePosixPath:  # type: ignore[override]
        """The place of one of its files, in the tree."""
        return PurePosixPath(self.folder).parent / path

    @property
    def top_level(self) -> list[str]:
        """The content of top_level.txt, as paths."""
        text = self.read_text("top_level.txt") or ""
        return [line.replace(".", "/") for line in text.split() if _DOTTED_NAME.fullmatch(line)]


def _record(source: _Metadata, root: str, folder: str) -> DistributionRecord | None:
    """The metadata of one distribution, and for lack of it the name of its folder."""
    headers = source.metadata
    stem = posixpath.splitext(posixpath.basename(folder))[0]
    stem_name, _, stem_version = stem.partition("-")
    name = _header(headers, "Name") or (stem_name if folder.endswith("-info") else "")
    if not name.strip():
        return None
    dist_info = folder.endswith(".dist-info")
    requires = (headers.get_all("Requires-Dist") if dist_info else source.requires) or []
    return DistributionRecord(
        key=canonicalize_name(name.strip()),
        name=name.strip(),
        version=_header(headers, "Version") or stem_version.partition("-")[0],
        root=root,
        metadata=folder,
        requires=tuple(" ".join(text.split()) for text in requires),
        requires_python=_header(headers, "Requires-Python") or None,
        extras=tuple(headers.get_all("Provides-Extra") or ()),
        tags=_tags(source.read_text("WHEEL")) if dist_info else (),
    )


def _header(headers: importlib.metadata.PackageMetadata, name: str) -> str:
    values = headers.get_all(name)
    return str(values[0]).strip() if values else ""


def _tags(wheel: str | None) -> tuple[str, ...]:
    found: set[str] = set()
    for line in (wheel or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip().lower() == "tag" and len(found) < _TAGS_LIMIT:
            try:
                found.update(str(tag) for tag in parse_tag(value.strip()))
            except ValueError:
                continue
    return tuple(sorted(found)[:_TAGS_LIMIT])


def _claimed(source: _Metadata, root: str, names: Mapping[str, int]) -> list[str] | None:
    """The files that RECORD or installed-files.txt name; ``None`` if there is neither."""
    text = source.read_text("RECORD")
    base = root
    if text is not None:
        lines: Iterable[Sequence[str]] = csv.reader(text.splitlines())
    else:
        text = source.read_text("installed-files.txt")
        if text is None:
            return None
        base = source.folder
        lines = ([line] for line in text.splitlines())
    claimed = []
    try:
        for row in lines:
            if not row or not row[0]:
                continue
            name = f"{base}/{row[0]}" if base else row[0]
            if name not in names and ".." in name:
                name = posixpath.normpath(name)
            claimed.append(name)
    except csv.Error:
        return None
    return claimed or None


def _guess(record: DistributionRecord) -> str:
    return record.key.replace("-", "_")


def _below(importables: frozenset[str], root: str, tops: Sequence[str]) -> Iterator[str]:
    """The importable files that belong to the named top-level packages and modules."""
    prefix = f"{root}/" if root else ""
    starts = tuple(f"{prefix}{top}{mark}" for top in tops for mark in ("/", "."))
    return (name for name in importables if name.startswith(starts))


def _topmost(present: Sequence[str], root: str, packages: frozenset[str]) -> tuple[str, ...]:
    """The shallowest regular package, or module, that each file belongs to; below ``root``."""
    depth = root.count("/") + 1 if root else 0
    found: set[str] = set()
    seen: set[str] = set()
    for name in present:
        folder = name.rpartition("/")[0]
        if folder in seen:
            continue
        parts = folder.split("/") if folder else []
        for end in range(depth + 1, len(parts) + 1):
            package = "/".join(parts[:end])
            if package in packages:
                found.add("/".join(parts[depth:end]))
                seen.add(folder)
                break
        else:
            module = module_path(name)
            if module and not module.endswith("/"):
                found.add(module.removeprefix(f"{root}/") if root else module)
    return tuple(sorted(found))


def _with_vendored(records: Sequence[DistributionRecord]) -> Iterator[DistributionRecord]:
    """Mark those inside a package of another one, as ``setuptools/_vendor`` holds them."""
    homes = {
        (f"{record.root}/{module}" if record.root else module): record.key
        for record in records
        for module in record.modules
    }
    for record in records:
        parts = record.root.split("/") if record.root else []
        above = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        owner = next((homes[folder] for folder in above if folder in homes), None)
        yield replace(record, vendored=owner is not None)


def _joined(folder: str | None, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name
