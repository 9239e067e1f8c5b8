"""Where a Lambda Python runtime looks for modules, and what it brings itself. Pure.

The order is the one of AWS's ``/var/runtime/bootstrap.py``: the code, the layers' site-packages
of the runtime's own Python version, the layers' ``python`` folder, the runtime. A PYTHONPATH in
the function's environment takes the layers' place; ``.pth`` files add to the end. AWS documents
it under "Search path for runtimes" in *Working with .zip file archives for Python*.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pytest_lambda_rollback.model.packages import PackageInventory, VersionView

_RUNTIME = re.compile(r"python(?P<version>3\.[0-9]+)")
_FOREIGN_SITE = re.compile(r"python/lib/python(?P<version>[0-9.]+)/(?:site|dist)-packages")

_PROVIDED = frozenset(
    {
        "awslambdaric", "boto3", "botocore", "jmespath", "pip", "python-dateutil", "s3transfer",
        "simplejson", "six", "snapshot-restore-py", "urllib3",
    }
)  # fmt: skip
_PROVIDED_WITH_OLD = _PROVIDED | {"setuptools"}
_GLIBC = {"al2": (2, 26), "al2023": (2, 34)}


class Place(StrEnum):
    """What a folder of the search path belongs to."""

    CODE = "code"
    LAYERS = "layers"
    RUNTIME = "runtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEntry:
    """One entry of ``sys.path``; ``folder`` is relative to /var/task or /opt."""

    place: Place
    folder: str = ""


def python_version(runtime: str) -> str | None:
    """``3.11`` for ``python3.11``; ``None`` for a runtime that is not Python."""
    match = _RUNTIME.fullmatch(runtime)
    return match["version"] if match else None


def minor_version(python: str) -> tuple[int, int]:
    """``3.11`` as numbers, to be compared."""
    major, _, minor = python.partition(".")
    return int(major), int(minor or 0)


def runtime_provides(key: str, python: str) -> bool:
    """Whether the runtime may bring a distribution itself, at a version that AWS changes at will.

    boto3 and what it needs, and what AWS's runtime client needs; setuptools up to Python 3.11.
    """
    provided = _PROVIDED if minor_version(python) >= (3, 12) else _PROVIDED_WITH_OLD
    return key in provided


def runtime_glibc(python: str) -> tuple[int, int]:
    """The C library of the runtime: Amazon Linux 2 up to Python 3.11, then Amazon Linux 2023."""
    return _GLIBC["al2023" if minor_version(python) >= (3, 12) else "al2"]


def search_path(view: VersionView, python: str) -> tuple[SearchEntry, ...]:
    """The entries in the order in which they are searched.

    With a PYTHONPATH the layers' usual folders still stand at the end, though Lambda leaves them
    out: whoever sets it may well have code that adds them.
    """
    layers = [
        SearchEntry(place=Place.LAYERS, folder=f"python/lib/python{python}/site-packages"),
        SearchEntry(place=Place.LAYERS, folder="python"),
    ]
    runtime = SearchEntry(place=Place.RUNTIME)
    code = SearchEntry(place=Place.CODE)
    own = dict(view.version.configuration.environment).get("PYTHONPATH")
    if own is None:
        entries = [code, *layers, runtime]
    else:
        added = (_entry_of(text) for text in own.split(":") if text)
        entries = [code, runtime, *(entry for entry in added if entry), *layers]
    sites = [entry for entry in entries if entry.place is not Place.RUNTIME]
    entries.extend(entry for site in sites for entry in _path_file_entries(view, site))
    return tuple(dict.fromkeys(entries))


def foreign_site(folder: str, python: str) -> str | None:
    """The Python version that a layer folder is for, if this runtime never looks there."""
    match = _FOREIGN_SITE.match(f"{folder}/")
    if match is None or match["version"] == python:
        return None
    return match["version"]


def inventories(view: VersionView, place: Place) -> tuple[PackageInventory, ...]:
    """What lies at a place, in the order in which it is unpacked: the last one wins."""
    if place is Place.CODE:
        return (view.code,)
    if place is Place.LAYERS:
        return tuple(layer.inventory for layer in view.layers)
    return ()


def _path_file_entries(view: VersionView, site: SearchEntry) -> Iterator[SearchEntry]:
    root = "/var/task" if site.place is Place.CODE else "/opt"
    for inventory in inventories(view, site.place):
        for folder, line in inventory.path_lines:
            if folder == site.folder:
                entry = _entry_of(posixpath.join(root, folder, line))
                if entry is not None:
                    yield entry


def _entry_of(path: str) -> SearchEntry | None:
    normal = posixpath.normpath(path)
    for place, root in ((Place.CODE, "/var/task"), (Place.LAYERS, "/opt")):
        if normal == root:
            return SearchEntry(place=place)
        if normal.startswith(f"{root}/"):
            return SearchEntry(place=place, folder=normal.removeprefix(f"{root}/"))
    return None
