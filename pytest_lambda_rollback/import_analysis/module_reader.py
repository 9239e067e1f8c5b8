"""Reads the modules and names that the code of a function version needs, and the answers.

The own code is what the handler reaches in /var/task by imports; scripts and tests that are only
in the package are not. Of the layers only those modules are parsed that the code names. Whether an
answer breaks a rollback is judged elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pytest_lambda_rollback.aws_lambda import stdlib
from pytest_lambda_rollback.aws_lambda.runtimes import minor_version, python_version
from pytest_lambda_rollback.aws_lambda.search_path import TASK
from pytest_lambda_rollback.import_analysis.answers import Failure, LoadScan, NameLookup, statements
from pytest_lambda_rollback.import_analysis.module_cache import ModuleCache, SourceFacts
from pytest_lambda_rollback.import_analysis.module_search import Located, ModuleSearch
from pytest_lambda_rollback.import_analysis.python_source import ModuleFacts
from pytest_lambda_rollback.import_analysis.reachability import Reachability
from pytest_lambda_rollback.import_analysis.stack_facts import StackFacts
from pytest_lambda_rollback.model.modules import (
    Answer,
    Answered,
    Ask,
    CodeFile,
    Form,
    ModuleView,
    Moment,
    State,
)
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.packages.trees import Tables, TarTree

_LARGE_PACKAGE_BYTES = 200 * 1024
"""Source bytes of one top-level package in the code, above which not all of it is parsed."""

_LIBRARY_BYTES = 1024 * 1024
"""Above this a package without metadata is a library that somebody unpacked into the code."""

_NEEDS_PARSING = (b"import_module", b"__import__", b"sys.path", b"sys.modules", b"meta_path")

_HANDLER = "handler"
"""The file name of what the configuration asks, in place of a source."""

_HANDLER_VARIABLE = re.compile(r"[A-Z_]*_HANDLER")
"""Wrappers name the handler that they call in such a variable."""


class ModuleReader:
    """Reads versions; what it read is kept in ``<root>/modules``, or nowhere with ``None``."""

    def __init__(self, root: Path | None) -> None:
        self._cache = ModuleCache(root)
        self._same: dict[tuple[object, ...], ModuleFacts] = {}
        self._views: dict[FunctionVersion, ModuleView] = {}
        self._tables: Tables = {}

    def view(self, version: FunctionVersion) -> ModuleView:
        """The asks of the version's code with their answers; empty unless the runtime is Python.

        Raises SourceError for a package that cannot be read.
        """
        if version not in self._views:
            self._views[version] = self._view(version)
        return self._views[version]

    def _view(self, version: FunctionVersion) -> ModuleView:
        python = python_of(version)
        if python is None:
            return ModuleView(version=version.name, runtime=version.configuration.runtime)
        key = view_key(version)
        kept = self._cache.load(ModuleView, *key)
        if kept is not None:
            return replace(kept, version=version.name)
        with open_trees(version, self._tables) as trees:
            view = _Reading(version, trees, python, self._cache, self._same).view()
        # Versions of equal content share an entry, so it bears the name of none.
        self._cache.save(replace(view, version=""), *key)
        return view


def python_of(version: FunctionVersion) -> tuple[int, int] | None:
    """(3, 12) of the runtime python3.12; ``None`` for a runtime that is not Python."""
    python = python_version(version.configuration.runtime)
    return None if python is None else minor_version(python)


def view_key(version: FunctionVersion) -> tuple[str, ...]:
    """All that a view depends on, as texts."""
    variables = [(name, value) for name, value in version.configuration.environment]
    layers = [(layer.name, layer.version, layer.artifact.digest) for layer in version.layers]
    parts = [
        version.configuration.runtime,
        version.configuration.architecture,
        version.configuration.handler,
        sorted(variables),
        sorted(version.placeholders),
        layers,
    ]
    return ("view", version.code.digest, json.dumps(parts))


@contextlib.contextmanager
def open_trees(
    version: FunctionVersion, known: Tables | None = None
) -> Iterator[tuple[TarTree, ...]]:
    """The packages of a version, its code first. Raises SourceError."""
    with contextlib.ExitStack() as stack:
        yield tuple(
            stack.enter_context(TarTree(artifact.tar, label=artifact.label, known=known))
            for artifact in (version.code, *(layer.artifact for layer in version.layers))
        )


class _Reading:
    """One version while it is read."""

    def __init__(
        self,
        version: FunctionVersion,
        trees: tuple[TarTree, ...],
        python: tuple[int, int],
        cache: ModuleCache,
        same: dict[tuple[object, ...], ModuleFacts],
    ) -> None:
        self._version = version
        self._search = ModuleSearch(version, trees, python)
        self._sources = SourceFacts(version, self._search, cache, same)
        plain = NameLookup(self._search, self._sources.of_layer)
        self._stack = StackFacts(
            version,
            self._search,
            self._search.own_sources(),
            lambda module, names: plain.state(module, names),
        )
        self._sources.decide_by(self._stack)
        self._code: dict[str, tuple[Located, ModuleFacts]] = {}
        self._libraries: set[str] = set()

    def view(self) -> ModuleView:
        """Reach the code, ask, answer."""
        roots = list(self._root_asks())
        self._reach(ask.module for ask in roots)
        asks = [(_HANDLER, ask) for ask in roots]
        reached = Reachability(
            {name: facts for name, (_, facts) in self._code.items()},
            [(ask.module, "".join(ask.names)) for ask in roots],
            lambda name: _shown(self._code[name][0].path),
        )
        for name, (located, _) in self._code.items():
            asks += [(_shown(located.path), ask) for ask in reached.asks(name)]
        answered = tuple(self._answers(asks))
        self._sources.save()
        return ModuleView(
            version=self._version.name,
            runtime=self._version.configuration.runtime,
            handler=roots[0].module if roots else "",
            changes_path=self._changes_path(),
            files=tuple(
                CodeFile(file=_shown(located.path), tries=facts.tries)
                for located, facts in self._code.values()
                if facts.tries
            ),
            asks=tuple(each for each in answered if _tells(each.answer)),
            vendored=tuple(each for each in answered if _is_vendored(each.answer)),
            layers=self._search.layers,
            distributions=self._search.distributions(),
            notes=tuple(self._notes()),
        )

    def _root_asks(self) -> Iterator[Ask]:
        """The handler, and the handlers that a wrapper's variables name, where they are there."""
        module, _, name = self._version.configuration.handler.rpartition(".")
        module = module.replace("/", ".")
        if module:
            yield Ask(
                form=Form.HANDLER, module=module, names=(name,), line=0, moment=Moment.LOADING
            )
        for variable, value in self._version.configuration.environment:
            module = value.rpartition(".")[0].replace("/", ".")
            if not _HANDLER_VARIABLE.fullmatch(variable) or not module:
                continue
            if re.fullmatch(r"[\w.]+", module) and self._search.find(module).kind == "source":
                yield Ask(form=Form.HANDLER, module=module, line=0, moment=Moment.LOADING)

    # --- the own code ------------------------------------------------------------------------

    def _reach(self, roots: Iterable[str]) -> None:
        """Read the modules of /var/task that the handler reaches, each once."""
        pending = list(roots)
        first = set(pending)
        while pending:
            name = pending.pop()
            if name in self._code:
                continue
            located = self._search.find(name)
            if located.kind != "source" or not (name in first or self._is_own(located)):
                continue
            plain = self._plain_imports(located) if name not in first else None
            if plain is not None:
                self._code[name] = (located, ModuleFacts())
                pending += [*plain, *_parents(name)]
                continue
            facts = self._sources.of_code(located)
            self._code[name] = (located, facts)
            for ask in facts.asks:
                pending += self._named(ask)
            for module in facts.bindings.values():
                pending += _parents(module[0])
            for star in facts.stars:
                pending += _parents(star)
            for prefix in facts.prefixes:
                pending += [*_parents(prefix), *self._search.own_modules(prefix)]
            pending += _parents(name)

    def _plain_imports(self, located: Located) -> list[str] | None:
        """The imports of a source that asks nothing of layers, unparsed; only for large packages.

        That is how a library looks that was unpacked into the code without its metadata.
        """
        top = located.name.partition(".")[0]
        if self._search.source_bytes(top) < _LARGE_PACKAGE_BYTES:
            return None
        source = self._search.read(located.path)
        if source is None or any(word in source for word in _NEEDS_PARSING):
            return None
        modules: dict[str, None] = {}
        for statement in statements(
            source, module=located.name, is_package=located.is_package, anywhere=True
        ):
            modules.update(dict.fromkeys(_parents(statement.module)))
            if statement.name:
                modules[f"{statement.module}.{statement.name}"] = None
        tops = {module.partition(".")[0] for module in modules}
        return None if any(self._matters(other, source) for other in tops) else list(modules)

    def _matters(self, top: str, source: bytes) -> bool:
        """True if the answers of a top-level package may depend on layers or the Python version."""
        provider = self._search.find(top).provider
        if provider is None or provider.kind == "layer":
            return True
        return provider.kind == "python" and stdlib.may_matter(top, source, self._search.python)

    def _is_own(self, located: Located) -> bool:
        if not located.path.startswith(f"{TASK}/") or self._search.installed(located.path):
            return False
        top = located.name.partition(".")[0]
        if self._search.source_bytes(top) <= _LIBRARY_BYTES:
            return True
        self._libraries.add(top)
        return False

    def _notes(self) -> Iterator[str]:
        for top in sorted(self._libraries):
            yield (
                f"{top} in the code has {self._search.source_bytes(top) / 1024**2:.1f} MB"
                " of source code and was treated as a library: only the imports that run when it "
                "loads were checked"
            )

    @staticmethod
    def _named(ask: Ask) -> list[str]:
        """The modules that an ask may lead to."""
        modules = _parents(ask.module)
        if ask.form is Form.FROM:
            modules.append(f"{ask.module}.{ask.names[0]}")
        return modules

    # --- answers -----------------------------------------------------------------------------

    def _answers(self, asks: list[tuple[str, Ask]]) -> Iterator[Answered]:
        lookup = self._lookup(path_changes=self._changes_path())
        scan = LoadScan(self._search, lookup, self._sources.of_layer)
        scan.follow(self._foreign(asks))
        if scan.changes_path and not self._changes_path():
            lookup = self._lookup(path_changes=True)
        lookup.note_loaded(scan.modules)
        for file, ask in asks:
            answer = lookup.answer(ask)
            if answer.state is State.OFFERED and ask.form in (Form.IMPORT, Form.FROM, Form.HANDLER):
                answer = self._loaded(ask, answer, scan)
            yield Answered(file=file, ask=ask, answer=answer)

    def _lookup(self, *, path_changes: bool) -> NameLookup:
        facts = [facts for _, facts in self._code.values()]
        hooks = any(
            facts.hooks and name.partition(".")[0] != "six"
            for name, (_, facts) in self._code.items()
        )
        return NameLookup(
            self._search,
            self._sources.of_layer,
            patched=(patch for one in facts for patch in one.patches),
            made=(name for one in facts for name in one.makes),
            path_changes=path_changes,
            anything_may_appear=hooks or self._search.anything_may_appear,
        )

    def _changes_path(self) -> bool:
        """True if a wrapper or the code may make Python search elsewhere."""
        return "AWS_LAMBDA_EXEC_WRAPPER" in dict(self._version.configuration.environment) or any(
            facts.changes_path for _, facts in self._code.values()
        )

    def _foreign(self, asks: list[tuple[str, Ask]]) -> list[str]:
        """The modules that the code loads and that are not part of it."""
        named: dict[str, None] = {}
        for _, ask in asks:
            named.update(dict.fromkeys(self._named(ask)))
        return [
            name
            for name in named
            if name not in self._code and self._search.find(name).kind == "source"
        ]

    def _loaded(self, ask: Ask, answer: Answer, scan: LoadScan) -> Answer:
        """The answer for a module that was found, or why it does not load."""
        if ask.module in self._code:
            return answer
        failure: Failure | None = None
        for module in (ask.module, *self._named(ask)[-1:]):
            if failure is None and self._search.find(module).kind == "source":
                failure = scan.failure(module)
        if failure is None:
            return answer
        return replace(
            answer,
            state=State.MISSING,
            module=failure.module,
            name=failure.name,
            provider=failure.provider if failure.name else answer.provider,
            definition=None,
            needed_by=tuple(_shown(step) for step in failure.chain),
        )


def _tells(answer: Answer) -> bool:
    """False for an answer that is the same on any layers."""
    if answer.state is State.OFFERED:
        return answer.provider is not None and answer.provider.kind in {"layer", "runtime"}
    return True


def _is_vendored(answer: Answer) -> bool:
    """True for an answer of a distribution that the code carries."""
    provider = answer.provider
    return (
        answer.state is State.OFFERED
        and provider is not None
        and provider.kind == "code"
        and provider.distribution is not None
    )


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _shown(path: str) -> str:
    """A path as messages name it: relative to /var/task, or absolute below /opt."""
    return path.replace(f"{TASK}/", "", 1)
