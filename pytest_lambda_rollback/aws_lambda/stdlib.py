"""Modules and names that only some Pythons' standard libraries have.

The interpreter that runs this package says nothing about the function's. The differences between
the Pythons of Lambda's runtimes are in ``stdlib.json``, which ``tests/tools/stdlib_table.py``
writes from the interpreters themselves and, where one is missing, from typeshed; the file says
which. What is not in it is in all of them, or unknown. A Python newer or older than those of the
file is taken for the nearest one.
"""

from __future__ import annotations

import functools
import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, replace

Python = tuple[int, int]
"""``(3, 12)``."""


def is_module(name: str) -> bool:
    """True if any Python has (or had) the module's top-level package."""
    return name.partition(".")[0] in _table().packages


def has_module(name: str, python: Python) -> bool:
    """True for a module of that Python's standard library, or below one of its packages."""
    return is_module(name) and not _lacks_module(name, python)


def lacks_name(module: str, name: str, python: Python) -> bool:
    """True if this Python's module certainly has no such name, and no such submodule."""
    pythons = _names_of(module).get(name)
    if pythons is not None:
        return _table().nearest(python) not in pythons
    return _lacks_module(f"{module}.{name}", python)


def removed_in(name: str, python: Python) -> Python | None:
    """The Python that removed a dotted module or name that this Python lacks.

    ``None`` if no earlier Python has it: it is newer, or nothing of the standard library.
    """
    pythons = _pythons_of(name)
    if pythons is None or _table().nearest(python) in pythons:
        return None
    earlier = [each for each in pythons if each < python]
    following = [each for each in _table().pythons if earlier and each > max(earlier)]
    return following[0] if following else None


def comes_later(name: str, python: Python) -> bool:
    """True for a dotted module or name that only later Pythons have."""
    pythons = _pythons_of(name)
    return pythons is not None and bool(pythons) and min(pythons) > _table().nearest(python)


def has_names(module: str) -> bool:
    """True if some names of this very module are in some Pythons only."""
    return module in _table().names


def may_matter(top: str, source: bytes, python: Python) -> bool:
    """True if a source that imports a package may ask it for names that this Python lacks."""
    return any(name in source for name in _lacking(top, _table().nearest(python)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The data file, with the Pythons that have something in place of their spans."""

    pythons: tuple[Python, ...]
    packages: frozenset[str]
    modules: Mapping[str, frozenset[Python]]
    """Only those that some Python lacks."""
    names: Mapping[str, Mapping[str, str]]
    """By module and span; several names have spaces between them."""

    def nearest(self, python: Python) -> Python:
        return min(max(python, self.pythons[0]), self.pythons[-1])

    def within(self, spans: str) -> frozenset[Python]:
        """The Pythons of ``3.9-3.12``, ``-3.12`` or ``3.9-``, or of several with spaces."""
        ends = (span.partition("-") for span in spans.split())
        return frozenset(
            python
            for first, _, last in ends
            for python in self.pythons
            if (not first or _python(first) <= python) and (not last or python <= _python(last))
        )


@functools.cache
def _table() -> _Table:
    content = json.loads(pkgutil.get_data(__package__, "stdlib.json") or b"")
    table = _Table(
        pythons=tuple(map(_python, content["pythons"])),
        packages=frozenset({"__main__", *content["packages"].split()}),
        modules={},
        names=content["names"],
    )
    modules = {
        name: pythons
        for spans, names in content["modules"].items()
        for pythons in [table.within(spans)]
        for name in names.split()
    }
    return replace(table, modules=modules)


@functools.cache
def _names_of(module: str) -> Mapping[str, frozenset[Python]]:
    """The Pythons that have a name, for names that some Python lacks."""
    return {
        name: pythons
        for spans, names in _table().names.get(module, {}).items()
        for pythons in [_table().within(spans)]
        for name in names.split()
    }


@functools.cache
def _lacking(top: str, python: Python) -> frozenset[bytes]:
    """Names, and last parts of modules, of one package that a Python lacks."""
    modules = (
        name.rpartition(".")[2]
        for name, pythons in _table().modules.items()
        if name.partition(".")[0] == top and python not in pythons
    )
    names = (
        name
        for module in _table().names
        if module.partition(".")[0] == top
        for name, pythons in _names_of(module).items()
        if python not in pythons
    )
    return frozenset(name.encode() for name in (*modules, *names))


def _pythons_of(name: str) -> frozenset[Python] | None:
    """The Pythons that have a module or name, where some Python lacks it."""
    module, _, last = name.rpartition(".")
    if name not in _table().modules and last in _names_of(module):
        return _names_of(module)[last]
    while name and name not in _table().modules:
        name = name.rpartition(".")[0]
    return _table().modules.get(name)


def _lacks_module(name: str, python: Python) -> bool:
    parts = name.split(".")
    modules, python = _table().modules, _table().nearest(python)
    above = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return any(module in modules and python not in modules[module] for module in above)


def _python(text: str) -> Python:
    major, _, minor = text.partition(".")
    return int(major), int(minor)
