"""A cache on disk of facts read from sources, under digests of content.

Nothing here is ever stale: keys are digests of all that an entry depends on. A damaged or missing
entry is read again; a cache that cannot be written costs time and nothing else. Facts are kept for
each package, so that a version that shares a layer with another shares what was read of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from pathlib import Path
from typing import TypeVar

import msgspec

from pytest_lambda_rollback.import_analysis.module_search import Located, ModuleSearch
from pytest_lambda_rollback.import_analysis.python_source import (
    UNREADABLE,
    ModuleFacts,
    read_facts,
)
from pytest_lambda_rollback.import_analysis.stack_facts import StackFacts
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.packages import cached_values

FORMAT = 12
"""Raise it when a value has other fields, or the same source gives other values."""

T = TypeVar("T")


class ModuleCache:
    """Entries in ``<root>/modules``; with ``root=None`` nothing is kept."""

    def __init__(self, root: Path | None) -> None:
        self._folder = None if root is None else root / "modules"

    def load(self, kind: type[T], *key: str) -> T | None:
        """The value that was saved under these texts, or ``None``."""
        if self._folder is None:
            return None
        return cached_values.load(kind, self._path(self._folder, key))

    def save(self, value: object, *key: str) -> None:
        """Keep a value under these texts; others see it complete or not at all."""
        if self._folder is not None:
            cached_values.save(value, self._path(self._folder, key))

    @staticmethod
    def _path(folder: Path, key: tuple[str, ...]) -> Path:
        # The parser is this interpreter's, so what it read is kept apart for each.
        parser = "{}.{}".format(*sys.version_info)
        text = "\0".join((str(FORMAT), parser, *key))
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return folder / f"{digest}{cached_values.SUFFIX}"


class SourceFacts:
    """Facts of the sources of one version."""

    def __init__(
        self,
        version: FunctionVersion,
        search: ModuleSearch,
        cache: ModuleCache,
        same: dict[tuple[object, ...], ModuleFacts],
    ) -> None:
        """``same`` has the facts of sources that other packages have too; it is added to."""
        self._same = same
        self._search = search
        self._cache = cache
        self._digests = [
            artifact.digest
            for artifact in (version.code, *(layer.artifact for layer in version.layers))
        ]
        self._known: dict[tuple[str, bool], ModuleFacts] = {}
        self._kept: dict[int, dict[str, msgspec.Raw]] = {}
        self._changed: set[int] = set()
        self._stack: StackFacts | None = None

    def decide_by(self, stack: StackFacts) -> None:
        """Let a stack decide the conditions in the function's own sources."""
        self._stack = stack

    def of_code(self, located: Located) -> ModuleFacts:
        """The facts of one of the function's own sources."""
        return self._facts(located, code=True)

    def of_layer(self, located: Located) -> ModuleFacts:
        """The facts of any source, without the attributes that it uses."""
        known = self._known.get((located.name, True))
        return known if known is not None else self._facts(located, code=False)

    def save(self) -> None:
        """Keep what was read."""
        for number in self._changed:
            self._cache.save(self._kept[number], *self._key(number))
        self._changed.clear()

    def _facts(self, located: Located, *, code: bool) -> ModuleFacts:
        known = self._known.get((located.name, code))
        if known is None:
            known = self._known[located.name, code] = self._load(located, code=code)
        return known

    def _load(self, located: Located, *, code: bool) -> ModuleFacts:
        number, member = self._search.place(located.path)
        kept = self._kept.get(number)
        if kept is None:
            found = self._cache.load(dict[str, msgspec.Raw], *self._key(number))
            kept = self._kept[number] = found or {}
        key = f"{member}\0{located.name}\0{int(code)}"
        if key in kept:
            with contextlib.suppress(ValueError):
                return cached_values.decoded(ModuleFacts, kept[key])
        source = self._search.read(located.path)
        facts = UNREADABLE
        if code and self._stack is not None:
            self._stack.used = False
        if source is not None:
            facts = self._read(source, located, code=code)
        if code and self._stack is not None and self._stack.used:
            return facts  # of this stack alone
        kept[key] = msgspec.Raw(cached_values.encoded(facts))
        self._changed.add(number)
        return facts

    def _read(self, source: bytes, located: Located, *, code: bool) -> ModuleFacts:
        """The facts of a source, parsed once however many packages have it."""
        python = self._search.python
        same = (hashlib.sha256(source).digest(), located.name, located.is_package, python, code)
        if same in self._same:
            return self._same[same]
        facts = read_facts(
            source,
            module=located.name,
            is_package=located.is_package,
            python=python,
            code=code,
            surroundings=self._stack if code else None,
        )
        if not (code and self._stack is not None and self._stack.used):
            self._same[same] = facts
        return facts

    def _key(self, number: int) -> tuple[str, ...]:
        return ("facts", self._digests[number], "{}.{}".format(*self._search.python))
