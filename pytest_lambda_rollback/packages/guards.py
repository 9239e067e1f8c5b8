"""Native modules that a package does not need: every import of them is guarded.

Many packages carry a C speed-up and fall back to Python where it cannot be imported. Whether one
does is read from the sources beside the module; nothing is run. Whether the module fits a runtime
is not known here.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator

from pytest_lambda_rollback.model.packages import module_path
from pytest_lambda_rollback.packages import syntax
from pytest_lambda_rollback.packages.trees import Tree

_SOURCE_LIMIT_BYTES = 1024 * 1024
_FOLDER_LIMIT_BYTES = 8 * 1024 * 1024
_CATCHES_IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_MAY_GUARD = re.compile(
    rb"\bexcept\b(?:\s*:|[^\n]*\b(?:ImportError|ModuleNotFoundError|(?:Base)?Exception)\b)"
)

_Imports = dict[str, set[bool]]
"""Last names of what a source imports, each with: under a guard, without one, or both."""


def guarded_imports(tree: Tree, natives: Iterable[str]) -> frozenset[str]:
    """Those of the native modules that the sources beside them import, and never without a guard.

    A bare import counts as guarded in a module that is itself imported under a guard alone, as
    PyYAML's ``cyaml`` is. A module that nothing beside it imports is not among them, unless it is
    private and all others in its folder are, as those for a package's own tests are.
    """
    folders: dict[str, dict[str, list[str]]] = {}
    for path in natives:
        folder, _, module = module_path(path).rpartition("/")
        folders.setdefault(folder, {}).setdefault(module, []).append(path)
    if not folders:
        return frozenset()
    names = tree.names()
    sources: dict[str, dict[str, str]] = {folder: {} for folder in folders}
    for name in names:
        folder, _, file = name.rpartition("/")
        if folder in sources and file.endswith(".py"):
            sources[folder][file.removesuffix(".py")] = name
    return frozenset(
        path
        for folder, modules in folders.items()
        if sum(names[name] for name in sources[folder].values()) <= _FOLDER_LIMIT_BYTES
        for module in _Folder(tree, sources[folder], set(modules)).guarded()
        for path in modules[module]
    )


class _Folder:
    """The sources beside some native modules. They are parsed only where that can matter."""

    def __init__(self, tree: Tree, sources: dict[str, str], natives: set[str]) -> None:
        self._content = {
            stem: tree.read(name, limit_bytes=_SOURCE_LIMIT_BYTES) for stem, name in sources.items()
        }
        self._natives = natives
        self._known = natives | (sources.keys() - {"__init__"})
        self._parsed: dict[str, _Imports] = {}

    def guarded(self) -> set[str]:
        """Names of the native modules that the folder does not need."""
        candidates = {
            name
            for stem, content in self._content.items()
            if _MAY_GUARD.search(content) and self._names_any(content, self._known)
            for name, guards in self._imports(stem).items()
            if True in guards
        }
        natives = self._natives & candidates
        for stem in candidates & self._content.keys():
            natives |= self._natives & self._imports(stem).keys()
        found = {module for module in natives if self._only_guarded(module, depth=2)}
        rest = self._natives - found
        if found and not any(self._importers(module) for module in rest):
            found |= {module for module in rest if module.startswith("_")}
        return found

    def _only_guarded(self, module: str, *, depth: int) -> bool:
        """True if it is imported, and each time under a guard or in a module that is guarded."""
        importers = self._importers(module)
        return bool(importers) and all(
            False not in self._imports(stem)[module]
            or (stem != "__init__" and depth > 0 and self._only_guarded(stem, depth=depth - 1))
            for stem in importers
        )

    def _importers(self, module: str) -> list[str]:
        """The sources that import it, guarded or not."""
        return [
            stem
            for stem, content in self._content.items()
            if stem != module
            and self._names_any(content, {module})
            and module in self._imports(stem)
        ]

    def _names_any(self, content: bytes, modules: set[str]) -> bool:
        return any(module.encode("utf-8", "replace") in content for module in modules)

    def _imports(self, stem: str) -> _Imports:
        """The imports of the folder in one source. One that is not Python guards nothing."""
        if stem not in self._parsed:
            found: _Imports = {}
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    parsed = syntax.parse(self._content[stem])
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                found = {module: {False} for module in self._natives}
            else:
                for name, guard in _imports(parsed.body, guarded=False):
                    if name in self._known:
                        found.setdefault(name, set()).add(guard)
            self._parsed[stem] = found
        return self._parsed[stem]


def _imports(body: Iterable[ast.AST], *, guarded: bool) -> Iterator[tuple[str, bool]]:
    """Each part of each imported name, and whether ImportError is caught there."""
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from ((part, guarded) for part in alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            yield from ((alias.name, guarded) for alias in node.names)
            yield from ((part, guarded) for part in (node.module or "").split("."))
        elif isinstance(node, (ast.Try, ast.TryStar)):
            inner = guarded or any(_catches(handler) for handler in node.handlers)
            yield from _imports(node.body, guarded=inner)
            for handler in node.handlers:
                yield from _imports(handler.body, guarded=guarded)
            yield from _imports((*node.orelse, *node.finalbody), guarded=guarded)
        elif isinstance(node, ast.If):
            if _has_import(node.body) and _has_import(node.orelse):
                continue  # a choice, made by what a guard elsewhere found out
            if not _is_type_checking(node.test):
                yield from _imports(node.body, guarded=guarded)
            yield from _imports(node.orelse, guarded=guarded)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                yield from _imports(case.body, guarded=guarded)
        else:
            for part in ("body", "orelse"):
                inside = getattr(node, part, None)
                if isinstance(inside, list):
                    yield from _imports(inside, guarded=guarded)


def _has_import(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in body)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _catches(handler: ast.ExceptHandler) -> bool:
    kind = handler.type
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(
        each is None or (isinstance(each, ast.Name) and each.id in _CATCHES_IMPORT_ERRORS)
        for each in kinds
    )
