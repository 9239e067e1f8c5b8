"""Python's search path in a Lambda runtime.

The order is that of AWS's ``/var/runtime/bootstrap.py``. Without a PYTHONPATH: the code, the
layers' site-packages of the runtime's own Python, the layers' ``python`` folder, the runtime's
libraries, the standard library. With one, even an empty one, the layers' folders are left out
unless it names them, and it comes after ``/var/runtime``, the folder of the program itself. Up to
Python 3.10 that folder holds the runtime's libraries; later they are in Python's own
site-packages, which is searched last:
https://docs.aws.amazon.com/lambda/latest/dg/python-image.html#python-image-searchpath.

``.pth`` files count in the code and in the layers' usual folders, not in folders of a
PYTHONPATH. What they add is searched last, and not for more of them (``site.addsitedir``).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from pytest_lambda_rollback.aws_lambda.runtimes import minor_version
from pytest_lambda_rollback.model.packages import PackageInventory, VersionView

_FOREIGN_SITE = re.compile(r"python/lib/python(?P<version>[0-9.]+)/(?:site|dist)-packages")

TASK, OPT = "/var/task", "/opt"
"""Folders that Lambda unpacks the code and the layers into."""


class Place(StrEnum):
    """The owner of a folder of the search path."""

    CODE = "code"
    LAYERS = "layers"
    RUNTIME = "runtime"
    """Libraries that AWS brings."""
    STANDARD_LIBRARY = "standard library"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEntry:
    """One entry of ``sys.path``; ``folder`` is relative to /var/task or /opt."""

    place: Place
    folder: str = ""

    @property
    def path(self) -> str:
        """``/opt/python``; only for code and layers."""
        return posixpath.join(_ROOTS[self.place], self.folder).rstrip("/")


_ROOTS = {Place.CODE: TASK, Place.LAYERS: OPT}
_RUNTIME_LIBRARIES = SearchEntry(place=Place.RUNTIME)
_STANDARD_LIBRARY = SearchEntry(place=Place.STANDARD_LIBRARY)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPath:
    """``sys.path`` as the handler's module finds it, in the order in which it is searched."""

    entries: tuple[SearchEntry, ...]
    has_unseen: bool = False
    """True if it also names folders outside every package, such as a mounted file system."""

    @property
    def packages(self) -> tuple[SearchEntry, ...]:
        """The entries in code or layers."""
        return tuple(entry for entry in self.entries if entry.place in _ROOTS)

    def before(self, place: Place) -> tuple[SearchEntry, ...]:
        """The entries of code and layers that are searched before the runtime's own."""
        end = self.entries.index(SearchEntry(place=place))
        return tuple(entry for entry in self.entries[:end] if entry.place in _ROOTS)


def search_path(
    environment: Iterable[tuple[str, str]],
    python: str,
    path_lines: Callable[[SearchEntry], Iterable[str]],
) -> SearchPath:
    """The search path of a Python (``3.12``) with a function's environment variables.

    ``path_lines`` gives the lines of ``.pth`` files in a folder that name folders.
    """
    code = SearchEntry(place=Place.CODE)
    own = dict(environment).get("PYTHONPATH")
    unseen = False
    sites = [code]
    if own is None:
        sites += [
            SearchEntry(place=Place.LAYERS, folder=f"python/lib/python{python}/site-packages"),
            SearchEntry(place=Place.LAYERS, folder="python"),
        ]
        entries = [*sites, _RUNTIME_LIBRARIES, _STANDARD_LIBRARY]
    else:
        texts = own.split(":") if own else ()
        named = [_entry_of(posixpath.join(TASK, text)) for text in texts]
        unseen = any(_is_unseen(posixpath.join(TASK, text)) for text in texts)
        entries = [code, *filter(None, named), _STANDARD_LIBRARY]
        # The libraries lie in /var/runtime, or in Python's own site-packages.
        entries.insert(1 if minor_version(python) < (3, 11) else len(entries), _RUNTIME_LIBRARIES)
    for site in sites:
        for line in path_lines(site):
            path = posixpath.join(site.path, line)
            unseen = unseen or _is_unseen(path)
            entries += filter(None, [_entry_of(path)])
    return SearchPath(entries=tuple(dict.fromkeys(entries)), has_unseen=unseen)


def search_path_of(view: VersionView, python: str) -> SearchPath:
    """The search path of a version whose packages' inventories are known."""

    def path_lines(site: SearchEntry) -> Iterator[str]:
        for inventory in inventories(view, site.place):
            for folder, line in inventory.path_lines:
                if folder == site.folder:
                    yield line

    return search_path(view.version.configuration.environment, python, path_lines)


def foreign_site(folder: str, python: str) -> str | None:
    """The Python version that a layer folder is for, if this runtime never looks there."""
    match = _FOREIGN_SITE.match(f"{folder}/")
    if match is None or match["version"] == python:
        return None
    return match["version"]


def inventories(view: VersionView, place: Place) -> tuple[PackageInventory, ...]:
    """The packages at a place, in the order in which they are unpacked: the last one wins."""
    if place is Place.CODE:
        return (view.code,)
    if place is Place.LAYERS:
        return tuple(layer.inventory for layer in view.layers)
    return ()


def _entry_of(path: str) -> SearchEntry | None:
    normal = posixpath.normpath(path)
    for place, root in _ROOTS.items():
        if normal == root:
            return SearchEntry(place=place)
        if normal.startswith(f"{root}/"):
            return SearchEntry(place=place, folder=normal.removeprefix(f"{root}/"))
    return None


def _is_unseen(path: str) -> bool:
    """True for a folder outside code, layers and the runtime."""
    normal = posixpath.normpath(path)
    return not any(
        normal == root or normal.startswith(f"{root}/")
        for root in (*_ROOTS.values(), "/var/runtime", "/var/lang")
    )
