"""The facts of sources, each read once: from the cache, or from the tar and into the cache.

Kept for each package by its digest, so that a version that shares a layer with another shares what
was read of it.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

from pytest_lambda_rollback.import_analysis import module_facts
from pytest_lambda_rollback.import_analysis.module_cache import ModuleCache
from pytest_lambda_rollback.import_analysis.module_facts import UNREADABLE, ModuleFacts
from pytest_lambda_rollback.import_analysis.module_search import Located, ModuleSearch
from pytest_lambda_rollback.import_analysis.python_source import read_facts
from pytest_lambda_rollback.model.versions import FunctionVersion


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
        self._kept: dict[int, dict[str, Any]] = {}
        self._changed: set[int] = set()

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
            found = self._cache.load(*self._key(number))
            kept = self._kept[number] = found if isinstance(found, dict) else {}
        key = f"{member}\0{located.name}\0{int(code)}"
        if key in kept:
            with contextlib.suppress(ValueError, TypeError, KeyError, IndexError, AttributeError):
                return module_facts.from_json(kept[key])
        source = self._search.read(located.path)
        facts = UNREADABLE
        if source is not None:
            facts = self._read(source, located, code=code)
        kept[key] = module_facts.to_json(facts)
        self._changed.add(number)
        return facts

    def _read(self, source: bytes, located: Located, *, code: bool) -> ModuleFacts:
        """The facts of a source, parsed once however many packages have it."""
        python = self._search.python
        same = (hashlib.sha256(source).digest(), located.name, located.is_package, python, code)
        if same not in self._same:
            self._same[same] = read_facts(
                source,
                module=located.name,
                is_package=located.is_package,
                python=python,
                code=code,
            )
        return self._same[same]

    def _key(self, number: int) -> tuple[str, ...]:
        return ("facts", self._digests[number], "{}.{}".format(*self._search.python))
