"""Answers for modules that code asks for: does one have a name, and does it load.

`NameLookup` walks over modules, re-exports and star imports. It answers ``unknown`` wherever a
name may have been made in a way that reading does not show. `LoadScan` finds failures while a
layer's modules load, without parsing them all: a layer has thousands of modules that the code
loads and never names. A regular expression finds the imports at their left margin; what seems
missing is then looked up in the syntax tree, and counts only if nothing catches any import on the
way.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from pytest_lambda_rollback.aws_lambda import stdlib
from pytest_lambda_rollback.import_analysis.class_members import (
    ClassMembers,
    builtin_members,
    class_members,
)
from pytest_lambda_rollback.import_analysis.dynamics import literal_table, mentioned_names
from pytest_lambda_rollback.import_analysis.module_search import Located, ModuleSearch
from pytest_lambda_rollback.import_analysis.python_source import ModuleFacts
from pytest_lambda_rollback.model.modules import (
    Answer,
    Ask,
    Definition,
    Form,
    Moment,
    Provider,
    State,
)

_EVERY_MODULE = frozenset(dir(types.ModuleType)) | {
    "__all__", "__annotations__", "__author__", "__builtins__", "__cached__", "__file__",
    "__loader__", "__name__", "__package__", "__path__", "__spec__", "__version__",
}  # fmt: skip
"""Names that are never missed: every module has them, or code looks at them with care."""

_HOPS = 40

_UNKNOWN = Answer(state=State.UNKNOWN)


class NameLookup:
    """Answers for one version. ``facts`` gives those of a located source."""

    def __init__(
        self,
        search: ModuleSearch,
        facts: Callable[[Located], ModuleFacts],
        *,
        patched: Iterable[tuple[str, str]] = (),
        made: Iterable[str] = (),
        path_changes: bool = False,
        anything_may_appear: bool = False,
    ) -> None:
        self._search = search
        self._facts = facts
        self._patched = frozenset(patched)
        self._loaded: tuple[str, ...] = ()
        self._importable: frozenset[str] | None = None
        self._importing = True
        self._classes: dict[str, dict[str, ClassMembers]] = {}
        self._made = frozenset(made)
        self._path_changes = path_changes
        self._anything_may_appear = anything_may_appear

    def note_loaded(self, modules: Iterable[str]) -> None:
        """Tell which modules the code loads: they may set names on one another."""
        self._loaded = tuple(modules)

    def answer(self, ask: Ask) -> Answer:
        """The version's answer to one ask."""
        self._importing = ask.form not in (Form.ATTRIBUTE, Form.CALL)
        try:
            return self._answer(ask)
        finally:
            self._importing = True

    def _answer(self, ask: Ask) -> Answer:
        module = self.module(ask.module)
        if not ask.names:
            return module
        if module.state is State.MISSING and ask.form in (Form.ATTRIBUTE, Form.CALL):
            return replace(module, state=State.UNREACHED)
        if module.state is not State.OFFERED:
            return module
        return self._walk(ask.module, ask.names, hops=0)

    def state(self, module: str, names: tuple[str, ...]) -> State:
        """The state of a module or of a dotted path in it."""
        found = self.module(module)
        if not names or found.state is not State.OFFERED:
            return found.state
        return self._walk(module, names, hops=0).state

    def module(self, name: str) -> Answer:
        """Answer whether a module can be found."""
        if any(name == made or name.startswith(f"{made}.") for made in self._made):
            return _UNKNOWN
        top = name.partition(".")[0]
        if self._path_changes and self._search.elsewhere(top):
            return _UNKNOWN  # which of the two is found first depends on what the code does
        located = self._search.find(name)
        if located.there:
            return Answer(state=State.OFFERED, module=name, provider=located.provider)
        if located.kind == "unknown" or self._submodule_may_appear(name):
            return _UNKNOWN
        if self._anything_may_appear and not self._search.find(top).there:
            return _UNKNOWN
        missing = name
        while "." in missing and not self._search.find(missing.rpartition(".")[0]).there:
            missing = missing.rpartition(".")[0]
        return Answer(state=State.MISSING, module=missing, provider=located.provider)

    def name(self, module: str, name: str) -> Answer:
        """Answer whether an existing module has a name."""
        return self._walk(module, (name,), hops=0)

    def _submodule_may_appear(self, name: str) -> bool:
        """True if a package on the way may make submodules that are not in its folder."""
        parts = name.split(".")
        for count in range(1, len(parts)):
            parent = ".".join(parts[:count])
            if (parent, "*") in self._patched or (parent, parts[count]) in self._patched:
                return True
            located = self._search.find(parent)
            if located.kind == "source":
                facts = self._facts(located)
                if facts.opens_path or facts.hooks or not facts.readable:
                    return True
        return False

    def _walk(self, module: str, names: tuple[str, ...], *, hops: int) -> Answer:
        """Follow a dotted path that begins in a module that is there."""
        if hops > _HOPS:
            return _UNKNOWN
        located = self._search.find(module)
        offered = Answer(state=State.OFFERED, module=module, provider=located.provider)
        if not names:
            return offered
        name, rest = names[0], names[1:]
        if name in _EVERY_MODULE or {(module, name), (module, "*")} & self._patched:
            return _UNKNOWN
        submodule = f"{module}.{name}"
        if located.kind == "opaque":
            return self._opaque(located, name, rest, hops)
        facts = self._facts(located) if located.kind == "source" else ModuleFacts()
        if name in facts.bindings:
            return self._follow(name, facts.bindings[name], rest, hops, offered)
        if rest and "__getattr__" in facts.names and self._is_lazy_submodule(located, name):
            return self._walk(submodule, rest, hops=hops + 1)
        if name in facts.names:
            if rest and located.kind == "source" and not located.compiled:
                return self._of_class(located, name, rest, offered)
            definition = self._definition(located, name) if not rest else None
            return replace(offered, definition=definition)
        if self._search.find(submodule).there:
            if (
                facts.dynamic
                or facts.opens_path
                or "__getattr__" in facts.names
                or (self._is_loaded(located, submodule))
            ):
                return self._walk(submodule, rest, hops=hops + 1)
            return self._missing(located, facts, name)
        if self._set_by_another(module, name):
            return offered
        if self._refuses(facts, name):
            return self._missing(located, facts, name)
        through_stars = self._through_stars(facts, names, hops)
        if through_stars is not None:
            return through_stars
        if name in facts.maybe or any(re.fullmatch(made, name) for made in facts.made):
            return _UNKNOWN
        if facts.dynamic and facts.exported is not None and self._unmentioned(located, name):
            # What a package lists is not all that it may have, but most of it.
            return replace(self._missing(located, facts, name), state=State.UNKNOWN)
        if facts.dynamic or located.compiled or self.module(submodule).state is State.UNKNOWN:
            return _UNKNOWN
        return self._missing(located, facts, name)

    def _is_lazy_submodule(self, package: Located, name: str) -> bool:
        """True for a submodule that a module's ``__getattr__`` imports, and no statement binds."""
        if not self._search.find(f"{package.name}.{name}").there:
            return False
        word = re.escape(name.encode())
        source = self._search.read(package.path) or b""
        return re.search(_BINDS % {b"name": word}, source, re.MULTILINE) is None

    # --- classes -----------------------------------------------------------------------------

    def _of_class(
        self, located: Located, name: str, rest: tuple[str, ...], offered: Answer
    ) -> Answer:
        """An attribute of a class, or of what a call of it gives (``()`` in the path)."""
        instance = rest[0] == "()"
        attribute = rest[1:2] if instance else rest[:1]
        if not attribute or attribute[0] == "()" or attribute[0].startswith("__"):
            return offered
        has = self._has_member(located, name, attribute[0], instance=instance, hops=0)
        if has is not False:
            return offered if has else replace(_UNKNOWN, provider=located.provider)
        written = f"{name}{'()' if instance else ''}.{attribute[0]}"
        return Answer(
            state=State.MISSING, module=located.name, name=written, provider=located.provider
        )

    def _has_member(
        self, located: Located, name: str, attribute: str, *, instance: bool, hops: int
    ) -> bool | None:
        """True or False where a class and all its bases are read; ``None`` else."""
        members = self._classes_of(located).get(name)
        if members is None:
            if name in self._facts(located).names and located.kind == "source":
                return True if hops == 0 else None  # a function, a variable: nothing is known
            return None
        if attribute in members.names or (instance and attribute in members.of_instances):
            return True
        unknown = members.instances_open if instance else members.open
        if self._set_by_another(f"{located.name}.{name}", attribute) or hops > _HOPS:
            unknown = True
        for base in members.bases:
            inherited = self._base_has(located, base, attribute, instance=instance, hops=hops + 1)
            if inherited:
                return True
            unknown = unknown or inherited is None
        return None if unknown else False

    def _base_has(
        self, located: Located, base: str, attribute: str, *, instance: bool, hops: int
    ) -> bool | None:
        root, *path = base.split(".")
        facts = self._facts(located)
        if root not in facts.names and root not in facts.bindings:
            builtin = builtin_members(base)
            return None if builtin is None else attribute in builtin
        target = facts.bindings.get(root)
        where, names = (located.name, (root, *path))
        if target is not None:
            where, names = target[0], (*((target[1],) if target[1] else ()), *path)
        for _ in range(_HOPS):
            while len(names) > 1 and self._search.find(f"{where}.{names[0]}").there:
                where, names = f"{where}.{names[0]}", names[1:]
            there = self._search.find(where)
            if there.kind != "source" or there.compiled or len(names) != 1:
                return None
            onward = self._facts(there).bindings.get(names[0])
            if onward is None:
                return self._has_member(there, names[0], attribute, instance=instance, hops=hops)
            where, names = onward[0], (onward[1],) if onward[1] else ()
        return None

    def _classes_of(self, located: Located) -> dict[str, ClassMembers]:
        if located.name not in self._classes:
            self._classes[located.name] = class_members(
                self._search.read(located.path) or b"",
                module=located.name,
                is_package=located.is_package,
                python=self._search.python,
            )
        return self._classes[located.name]

    # --- submodules --------------------------------------------------------------------------

    def _is_loaded(self, package: Located, submodule: str) -> bool:
        """False if no import in anything that the code loads leads to a submodule."""
        if self._importing or not self._loaded or package.kind != "source":
            return True
        if self._importable is None:
            self._importable = self._all_imports()
        return submodule in self._importable

    def _all_imports(self) -> frozenset[str]:
        """All modules that an import leads to, be it in a function; all others stay unloaded."""
        pending = list(self._loaded)
        seen = set(pending)
        for name in pending:  # grows while it is walked
            located = self._search.find(name)
            source = self._search.read(located.path) if located.kind == "source" else None
            for one in statements(
                source or b"", module=name, is_package=located.is_package, anywhere=True
            ):
                inner = f"{one.module}.{one.name}" if one.name else one.module
                for each in (*_with_parents(one.module), inner):
                    if each not in seen and self._search.find(each).kind == "source":
                        seen.add(each)
                        pending.append(each)
            if source and re.search(rb"import_module|__import__|load_module", source):
                top = name.partition(".")[0]
                seen.update(self._search.all_below(top))
        return frozenset(seen)

    def _opaque(self, located: Located, name: str, rest: tuple[str, ...], hops: int) -> Answer:
        provider = located.provider
        if provider is None or provider.kind != "python":
            return replace(_UNKNOWN, provider=provider)
        if stdlib.lacks_name(located.name, name, self._search.python):
            return Answer(state=State.MISSING, module=located.name, name=name, provider=provider)
        submodule = f"{located.name}.{name}"
        if rest and stdlib.has_names(submodule) and self._search.find(submodule).there:
            return self._walk(submodule, rest, hops=hops + 1)
        return Answer(state=State.OFFERED, module=located.name, provider=provider)

    def _follow(
        self,
        name: str,
        target: tuple[str, str | None],
        rest: tuple[str, ...],
        hops: int,
        offered: Answer,
    ) -> Answer:
        """A name that is bound by an import: it is there; the rest of the path is asked there."""
        module, inner = target
        if inner and (module, inner) == (offered.module, name):
            # ``from . import x`` in the package itself: the name is the submodule.
            module, inner = f"{module}.{inner}", None
        names = (*((inner,) if inner else ()), *rest)
        if self.module(module).state is not State.OFFERED:
            return offered if not rest else _UNKNOWN
        if inner and not rest and self._defines(module, inner):
            definition = self._definition(self._search.find(module), inner)
            return replace(offered, definition=definition)
        answer = self._walk(module, names, hops=hops + 1)
        if not rest and answer.state is not State.OFFERED:
            return offered  # the module would not load; that is another ask's answer
        if answer.state is State.MISSING and (answer.module, answer.name) == (module, inner):
            return _UNKNOWN
        return answer if rest else replace(offered, definition=answer.definition)

    def _defines(self, module: str, name: str) -> bool:
        """True for a definition at the left margin of a source, found without parsing."""
        located = self._search.find(module)
        if located.kind != "source" or (module, name) in self._patched:
            return False
        pattern = rb"^(?:class|def|async[ \t]+def)[ \t]+%s\b" % re.escape(name.encode())
        return re.search(pattern, self._search.read(located.path) or b"", re.MULTILINE) is not None

    def _through_stars(
        self, facts: ModuleFacts, names: tuple[str, ...], hops: int
    ) -> Answer | None:
        """The answer by way of ``from m import *``; ``None`` if none of them brings the name."""
        unknown = False
        for star in facts.stars:
            located = self._search.find(star)
            if self.module(star).state is not State.OFFERED or located.kind != "source":
                unknown = True  # also where it is missing: that is another ask's answer
                continue
            source = self._facts(located)
            if source.exported is not None:
                hidden = names[0] not in source.exported
            else:
                hidden = names[0].startswith("_") and not source.computed_all
            listed = source.exported is not None
            if hidden and not located.compiled and (listed or not source.dynamic):
                continue
            answer = self._walk(star, names, hops=hops + 1)
            if answer.state is State.OFFERED:
                return answer
            unknown = unknown or answer.state is State.UNKNOWN
            if answer.state is State.MISSING and answer.name != names[0]:
                return answer
        return _UNKNOWN if unknown else None

    def _set_by_another(self, module: str, name: str) -> bool:
        """True if a package above the module, or another loaded module, sets the name on it."""
        setting = re.compile(rb"\.%s\b[^=\n]{,80}=(?!=)|setattr\(" % re.escape(name.encode()))
        for other in dict.fromkeys((*_with_parents(module)[:-1], *self._loaded)):
            located = self._search.find(other)
            if located.kind != "source" or other == module:
                continue
            source = self._search.read(located.path) or b""
            if name.encode() not in source and b"setattr(" not in source:
                continue
            if setting.search(source) is None:
                continue
            for where, what in self._facts(located).patches:
                if what in (name, "*") and self._same_module(where, module):
                    return True
        return False

    def _same_module(self, written: str, module: str) -> bool:
        """True if ``package.name`` means the module, also by way of what the package binds."""
        if written == module:
            return True
        package, _, name = written.rpartition(".")
        located = self._search.find(package) if package else None
        if located is None or located.kind != "source":
            return False
        target = self._facts(located).bindings.get(name)
        return target is not None and ".".join(filter(None, target)) == module

    def _refuses(self, facts: ModuleFacts, name: str) -> bool:
        """True if ``__getattr__`` raises for this very name."""
        for module, table in facts.refused_in:
            located = self._search.find(module)
            source = self._search.read(located.path) if located.kind == "source" else None
            if source is not None and table and name in literal_table(source, table):
                return True
        return name in facts.refused

    def _unmentioned(self, located: Located, name: str) -> bool:
        source = self._search.read(located.path)
        if name.startswith("_") or source is None:
            return False
        return name.encode() not in source or name not in mentioned_names(source)

    def _missing(self, located: Located, facts: ModuleFacts, name: str) -> Answer:
        stars = [star for star in facts.stars if self._search.find(star).there]
        if len(stars) == 1 and stars[0].partition(".")[0] != located.name.partition(".")[0]:
            located = self._search.find(stars[0])
        return Answer(
            state=State.MISSING, module=located.name, name=name, provider=located.provider
        )

    def _definition(self, located: Located, name: str) -> Definition:
        return Definition(
            module=located.name,
            name=name,
            digest=self._search.digest(located.path),
            provider=located.provider,
        )


# --- what fails while modules load ---------------------------------------------------------


_MODULES_LIMIT = 20_000
"""Modules that are followed for one version; bounds the time that absurd input takes."""

_STATEMENT = (
    rb"(?:import[ \t]+(?P<modules>[\w., \t]+)"
    rb"|from[ \t]+(?P<module>[.\w]+)[ \t]+import[ \t]*"
    rb"(?P<names>\([^)]*\)|[\w, \t]+(?:\\\r?\n[\w, \t]+)*|\*))"
)
_AT_MARGIN = re.compile(rb"^" + _STATEMENT, re.MULTILINE)
_ANYWHERE = re.compile(rb"^[ \t]*" + _STATEMENT, re.MULTILINE)
_BINDS = (
    rb"^(?:class|def|async def) %(name)s\b|^%(name)s(?: *=(?!=)|:)"
    rb"|^(?:from|import) [^#\n]*\b%(name)s\b|^ +(?:\w+ as )?%(name)s(?: as %(name)s)?,$"
)
"""How nearly all names are bound. Of what it does not find the syntax tree is read."""
_COMMENT = re.compile(rb"#[^\n]*")


@dataclass(frozen=True, slots=True)
class Statement:
    """One import at the left margin: a module, or a name of one."""

    module: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a module cannot be loaded."""

    module: str
    name: str | None
    provider: Provider | None
    chain: tuple[str, ...]
    """``module (file:line)`` of every import on the way, the asked module's first."""


def statements(
    source: bytes, *, module: str, is_package: bool, anywhere: bool = False
) -> Iterator[Statement]:
    """The imports at the left margin (or anywhere), absolute. Some may be in a string."""
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
    """Failures while the modules of one version load."""

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

    @property
    def modules(self) -> tuple[str, ...]:
        """What was followed so far."""
        return tuple(self._edges)

    def follow(self, modules: Iterable[str]) -> None:
        """Read everything that loading these modules loads."""
        pending = [name for module in modules for name in _with_parents(module)]
        while pending and len(self._edges) < _MODULES_LIMIT:
            name = pending.pop()
            if name not in self._edges:
                self._read(name)
                pending.extend(self._edges[name])

    def failure(self, module: str) -> Failure | None:
        """The certain failure of a module that was followed; ``None`` if there is none."""
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
        """Answer for another package's name; parse only where the text does not show it."""
        if target.kind == "source":
            text = self._search.read(target.path)
            word = re.escape(name.encode())
            if text is None or re.search(_BINDS % {b"name": word}, text, re.MULTILINE):
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
        """The asks that certainly happen while a module loads and whose failure nothing catches."""
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
