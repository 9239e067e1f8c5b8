"""What fails while a layer's modules load, found without parsing them all.

A layer has thousands of modules that the function's code loads but never names. Their import
statements that stand at the left margin run whenever they are loaded, and a regular expression
finds those fast. What seems missing is then looked at in the syntax tree, and counts only if every
step of the way is an import that nothing catches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pytest_lambda_rollback.import_analysis.module_facts import ModuleFacts
from pytest_lambda_rollback.import_analysis.module_search import Located, ModuleSearch
from pytest_lambda_rollback.import_analysis.name_lookup import NameLookup
from pytest_lambda_rollback.model.modules import Answer, Ask, Moment, Provider, State

_MODULES_LIMIT = 20_000
"""Modules that are followed for one version; bounds time on input that is not sane."""

_STATEMENT = (
    rb"(?:import[ \t]+(?P<modules>[\w., \t]+)"
    rb"|from[ \t]+(?P<module>[.\w]+)[ \t]+import[ \t]*"
    rb"(?P<names>\([^)]*\)|[\w, \t]+(?:\\\r?\n[\w, \t]+)*|\*))"
)
_AT_MARGIN = re.compile(rb"^" + _STATEMENT, re.MULTILINE)
_ANYWHERE = re.compile(rb"^[ \t]*" + _STATEMENT, re.MULTILINE)
_COMMENT = re.compile(rb"#[^\n]*")


@dataclass(frozen=True, slots=True)
class Statement:
    """One import at the left margin: a module, or a name of one."""

    module: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a module cannot be loaded."""

    module: str
    name: str | None
    provider: Provider | None
    chain: tuple[str, ...]
    """``module (file:line)`` of every import on the way, the asked module's first."""


def statements(
    source: bytes, *, module: str, is_package: bool, anywhere: bool = False
) -> Iterator[Statement]:
    """The imports at the left margin (or anywhere), absolute. Some may stand in a string."""
    for match in (_ANYWHERE if anywhere else _AT_MARGIN).finditer(source):
        if match["modules"] is not None:
            for name in _names(match["modules"]):
                yield Statement(name, None)
            continue
        origin = _absolute(match["module"].decode("ascii", "replace"), module, is_package)
        if origin is None:
            continue
        names = list(_names(match["names"]))
        if not names:
            yield Statement(origin, None)
        for name in names:
            yield Statement(origin, name)


class LoadScan:
    """What fails while modules load, for one version."""

    def __init__(
        self,
        search: ModuleSearch,
        lookup: NameLookup,
        facts: Callable[[Located], ModuleFacts],
    ) -> None:
        self._search = search
        self._lookup = lookup
        self._facts = facts
        self._edges: dict[str, tuple[str, ...]] = {}
        self._suspects: dict[str, tuple[tuple[Statement, Answer], ...]] = {}
        self.changes_path = False
        """True once a module that touches ``sys.path`` was met."""

    def follow(self, modules: Iterable[str]) -> None:
        """Read everything that loading these modules loads."""
        pending = [name for module in modules for name in _with_parents(module)]
        while pending and len(self._edges) < _MODULES_LIMIT:
            name = pending.pop()
            if name not in self._edges:
                self._read(name)
                pending.extend(self._edges[name])

    def failure(self, module: str) -> Failure | None:
        """Why loading a module that was followed certainly fails; ``None`` where it does not."""
        if not self._suspects:
            return None
        came_from: dict[str, str | None] = dict.fromkeys(_with_parents(module))
        pending = list(came_from)
        for name in pending:  # grows while it is walked: nearest first
            for statement, answer in self._suspects.get(name, ()):
                ask = self._certain(name, statement.module, statement.name)
                if ask is None:
                    continue
                chain = self._chain(name, came_from, ask)
                if chain is not None:
                    return Failure(answer.module, answer.name, answer.provider, chain)
            for below in self._edges.get(name, ()):
                if below not in came_from:
                    came_from[below] = name
                    pending.append(below)
        return None

    def _read(self, name: str) -> None:
        located = self._search.find(name)
        self._edges[name] = ()
        if located.kind != "source":
            return
        source = self._search.read(located.path)
        if source is None:
            return
        if b"sys.path" in source or b"addsitedir" in source:
            self.changes_path = True
        edges: dict[str, None] = {}
        suspects: list[tuple[Statement, Answer]] = []
        top = name.partition(".")[0]
        for statement in dict.fromkeys(
            statements(source, module=name, is_package=located.is_package)
        ):
            target = self._search.find(statement.module)
            if not target.there:
                answer = self._lookup.module(statement.module)
                if answer.state is State.MISSING:
                    suspects.append((statement, answer))
                continue
            edges.update(dict.fromkeys(_with_parents(statement.module)))
            if statement.name is None:
                continue
            submodule = f"{statement.module}.{statement.name}"
            if target.folders and self._search.find(submodule).there:
                edges[submodule] = None
            elif statement.module.partition(".")[0] != top:
                answer = self._name(target, statement.name)
                if answer.state is State.MISSING:
                    suspects.append((statement, answer))
        self._edges[name] = tuple(edges)
        if suspects:
            self._suspects[name] = tuple(suspects)

    def _name(self, target: Located, name: str) -> Answer:
        """Whether another package's module has a name; parsed only where its text does not."""
        if target.kind == "source":
            text = self._search.read(target.path)
            if text is None or re.search(rb"\b%s\b" % re.escape(name.encode()), text):
                return Answer(state=State.OFFERED)
        return self._lookup.name(target.name, name)

    def _chain(
        self, name: str, came_from: dict[str, str | None], last: Ask
    ) -> tuple[str, ...] | None:
        """The imports that lead to a module, or ``None`` if one of them is not certain."""
        steps = [f"{name} ({self._search.find(name).path}:{last.line})"]
        importer = came_from[name]
        while importer is not None:
            ask = self._certain_edge(importer, name)
            if ask is None:
                return None
            steps.append(f"{importer} ({self._search.find(importer).path}:{ask.line})")
            name, importer = importer, came_from[importer]
        return tuple(reversed(steps))

    def _certain_edge(self, importer: str, imported: str) -> Ask | None:
        for ask in self._plain_asks(importer):
            if imported in _with_parents(ask.module):
                return ask
            if ask.names and f"{ask.module}.{ask.names[0]}" == imported:
                located = self._search.find(ask.module)
                names = self._facts(located).names if located.kind == "source" else ()
                return None if ask.names[0] in names else ask
        return None

    def _certain(self, importer: str, module: str, name: str | None) -> Ask | None:
        for ask in self._plain_asks(importer):
            if ask.module == module and (name is None or ask.names[:1] == (name,)):
                return ask
        return None

    def _plain_asks(self, name: str) -> Iterator[Ask]:
        """What a module certainly asks while it loads, with nothing that catches a failure."""
        located = self._search.find(name)
        if located.kind != "source":
            return
        for ask in self._facts(located).asks:
            if ask.moment is Moment.LOADING and not (
                ask.caught_by or ask.fallback_of or ask.unless_failed or ask.conditional
            ):
                yield ask


def _with_parents(module: str) -> list[str]:
    """``a.b.c`` as ``a``, ``a.b``, ``a.b.c``: what importing it loads, in order."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _names(text: bytes) -> Iterator[str]:
    for part in _COMMENT.sub(b"", text.strip(b"()")).replace(b"\\", b" ").split(b","):
        words = part.split()
        if words and words[0] != b"*":
            yield words[0].decode("ascii", "replace")


def _absolute(written: str, module: str, is_package: bool) -> str | None:
    name = written.lstrip(".")
    level = len(written) - len(name)
    if not level:
        return name
    parts = module.split(".")
    climbs = level - 1 if is_package else level
    if climbs >= len(parts):
        return None
    return ".".join([*parts[: len(parts) - climbs], *([name] if name else [])])
