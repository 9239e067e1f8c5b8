"""Differences between the interfaces of two layer sets, limited to those that the code calls.

Only the modules are loaded in which something called is defined and whose source differs, from
their text alone: nothing is imported and nothing runs. What a difference means for a call is
judged elsewhere.
"""

from __future__ import annotations

import builtins
import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lambda_rollback.import_analysis.module_cache import ModuleCache
from pytest_lambda_rollback.import_analysis.module_reader import (
    ModuleReader,
    open_trees,
    python_of,
    view_key,
)
from pytest_lambda_rollback.import_analysis.module_search import ModuleSearch
from pytest_lambda_rollback.model.modules import (
    ApiChange,
    ApiComparison,
    ApiObject,
    Definition,
    ModuleView,
    Parameter,
    Signature,
    State,
)
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.packages import syntax

if TYPE_CHECKING:
    import griffe
import ast

from pytest_lambda_rollback.import_analysis.known_values import dotted
from pytest_lambda_rollback.import_analysis.scopes import Binder, Scope

_TRANSPARENT = frozenset({"functools.cache", "functools.lru_cache", "cache", "lru_cache"})
"""Decorators that leave the parameters as they are."""

_DATACLASS = frozenset({"dataclasses.dataclass", "dataclass"})

_PLAIN_BASES = frozenset({"object", "ABC", "abc.ABC", "Generic", "typing.Generic"}) | {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
"""Base classes whose parameters are those of ``__init__``."""

_Pair = tuple[Definition, Definition]


class ApiReader:
    """Compares versions; what it found is kept in ``<root>/modules``, or nowhere with ``None``.

    ``modules`` is a reader to share, so that no source is read twice.
    """

    def __init__(self, root: Path | None, modules: ModuleReader | None = None) -> None:
        self._cache = ModuleCache(root)
        self._modules = modules or ModuleReader(root)

    def compare(self, own: FunctionVersion, runs_on: FunctionVersion) -> ApiComparison:
        """The interfaces that differ between the two, kept to what the code of both calls.

        Both have the same code; ``runs_on`` has it on other layers. Raises SourceError.
        """
        views = (self._modules.view(own), self._modules.view(runs_on))
        pairs = tuple(_changed(*views))
        if not pairs:
            return ApiComparison()
        key = ("api", *view_key(own), *view_key(runs_on))
        kept = self._cache.load(ApiComparison, *key)
        if kept is not None:
            return kept
        with _sources(own) as old, _sources(runs_on) as new:
            compared = ApiComparison(objects=tuple(_compared(pair, old, new) for pair in pairs))
        self._cache.save(compared, *key)
        return compared


def _changed(own: ModuleView, runs_on: ModuleView) -> Iterator[_Pair]:
    """Pairs of definitions that both sides call and whose sources differ."""
    definitions = {
        (answered.file, answered.ask): answered.answer.definition
        for answered in own.asks
        if answered.ask.call is not None and answered.answer.state is State.OFFERED
    }
    seen: set[_Pair] = set()
    for answered in runs_on.asks:
        if answered.ask.call is None or answered.answer.state is not State.OFFERED:
            continue
        old, new = definitions.get((answered.file, answered.ask)), answered.answer.definition
        if old and new and old.digest != new.digest and (old, new) not in seen:
            seen.add((old, new))
            yield old, new


@contextlib.contextmanager
def _sources(version: FunctionVersion) -> Iterator[Callable[[str], bytes | None]]:
    """A way to read the source of a module of one version."""
    python = python_of(version)
    with open_trees(version) as trees:
        search = ModuleSearch(version, trees, python or (3, 0))

        def read(module: str) -> bytes | None:
            located = search.find(module)
            return search.read(located.path) if located.kind == "source" else None

        yield read


def _compared(
    pair: _Pair, old: Callable[[str], bytes | None], new: Callable[[str], bytes | None]
) -> ApiObject:
    before, after = pair
    ours, theirs = _loaded(old(before.module), before.name), _loaded(new(after.module), after.name)
    if ours is None or theirs is None:
        return ApiObject(own=before, runs_on=after)
    return ApiObject(
        own=before,
        runs_on=after,
        own_signature=_signature(ours, before.name),
        runs_on_signature=_signature(theirs, after.name),
        own_async=_is_async(ours, before.name),
        runs_on_async=_is_async(theirs, after.name),
        changes=_changes(ours, theirs, after.name) if before.name == after.name else (),
    )


def _loaded(source: bytes | None, name: str) -> griffe.Module | None:
    """One definition as griffe reads it, under a fixed module name because it may have moved."""
    import griffe

    if source is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outline = definition_outline(source, name)
            if outline is None:
                return None
            return griffe.visit("module", filepath=Path("module.py"), code=outline)
    except (SyntaxError, ValueError, RecursionError, griffe.GriffeError):
        return None


def _changes(old: griffe.Module, new: griffe.Module, name: str) -> tuple[ApiChange, ...]:
    import griffe

    changes: dict[ApiChange, None] = {}
    places = {f"module.{name}", f"module.{name}.__init__"}
    with contextlib.suppress(griffe.GriffeError):
        for breakage in griffe.find_breaking_changes(old, new):
            if breakage.obj.path not in places or breakage.kind.name == "RETURN_CHANGED_TYPE":
                continue  # griffe reports removed annotations alone, which break nothing
            values = (breakage.old_value, breakage.new_value)
            parameter = next((v.name for v in values if isinstance(v, griffe.Parameter)), None)
            change = ApiChange(
                kind=breakage.kind.name, parameter=parameter, detail=_detail(*values)
            )
            changes[change] = None
    changes.update(dict.fromkeys(_returned(old, new, name)))
    return tuple(changes)


def _returned(old: griffe.Module, new: griffe.Module, name: str) -> Iterator[ApiChange]:
    """Another return annotation."""
    members: list[Any] = [module.members.get(name) for module in (old, new)]
    if all(member is not None and not member.is_alias and member.is_function for member in members):
        before, after = (str(member.returns) for member in members)
        if "None" not in (before, after) and _spelling(before) != _spelling(after):
            detail = f"{before} -> {after}"
            yield ApiChange(kind="RETURN_CHANGED_TYPE", parameter=None, detail=detail)


def _spelling(annotation: str) -> str:
    """An annotation in one spelling for all that mean the same."""
    plain = re.sub(r"[\"' ]|\b[a-z_]+\.", "", annotation)
    return re.sub(r"^Optional\[(.*)\]$", r"\1|None", plain).lower()


def _detail(old: Any, new: Any) -> str:
    if old is None or new is None:
        return ""
    if hasattr(old, "default"):
        return f"{old.default} -> {new.default}" if str(old.default) != str(new.default) else ""
    return f"{old} -> {new}"


# --- signatures -----------------------------------------------------------------------------


def _signature(module: griffe.Module, name: str) -> Signature | None:
    """The signature of a function or class; ``None`` if reading is not certain of it."""
    found = module.members.get(name)
    if found is None or found.is_alias:
        return None
    if found.is_function:
        return _of_function(found, drop=0)
    return _of_class(module, found, hops=0) if found.is_class else None


def _is_async(module: griffe.Module, name: str) -> bool | None:
    """True for a coroutine function; ``None`` for a decorated one, or none at all."""
    found: Any = module.members.get(name)
    if found is None or found.is_alias or not found.is_function or found.decorators:
        return None
    return "async" in found.labels


def _of_function(function: Any, *, drop: int) -> Signature | None:
    if any(decorator.callable_path not in _TRANSPARENT for decorator in function.decorators):
        return None
    parameters = [
        Parameter(
            name=parameter.name,
            kind=str(parameter.kind.value) if parameter.kind is not None else "",
            required=bool(parameter.required),
        )
        for parameter in function.parameters
    ]
    if drop and (not parameters or not parameters[0].kind.startswith("positional")):
        return None
    return Signature(parameters=tuple(parameters[drop:]))


def _of_class(module: griffe.Module, found: Any, *, hops: int) -> Signature | None:
    if "__new__" in found.members:
        return None
    bases = [str(base).partition("[")[0] for base in found.bases]
    if found.decorators:
        return _of_dataclass(found) if not bases else None
    init = found.members.get("__init__")
    others = [base for base in bases if base not in _PLAIN_BASES]
    if init is not None:
        if others and not all(_is_plain(module, base, hops) for base in others):
            return None
        return _of_function(init, drop=1) if init.is_function else None
    if not bases:
        return Signature(parameters=())
    if len(bases) == 1 and others and hops < 10:
        base = module.members.get(bases[0])
        if base is not None and not base.is_alias and base.is_class:
            return _of_class(module, base, hops=hops + 1)
    return None


def _is_plain(module: griffe.Module, name: str, hops: int) -> bool:
    """True if a base class of this very module leaves calling to ``__init__``."""
    base: Any = module.members.get(name)
    if base is None or base.is_alias or not base.is_class or hops > 10:
        return False
    if base.decorators or "__new__" in base.members:
        return False
    bases = [str(one).partition("[")[0] for one in getattr(base, "bases", ())]
    return all(one in _PLAIN_BASES or _is_plain(module, one, hops + 1) for one in bases)


def _of_dataclass(found: Any) -> Signature | None:
    """The fields of a plain dataclass without bases, in their order."""
    if len(found.decorators) != 1 or found.decorators[0].callable_path not in _DATACLASS:
        return None
    written = str(found.decorators[0].value)
    if "kw_only" in written or "init" in written or "__init__" in found.members:
        return None
    parameters: list[Parameter] = []
    for member in found.members.values():
        annotation = getattr(member, "annotation", None)
        if not member.is_attribute or annotation is None:
            continue
        if str(annotation).rpartition(".")[2].startswith(("ClassVar", "InitVar", "KW_ONLY")):
            if "ClassVar" in str(annotation):
                continue
            return None
        value = None if member.value is None else str(member.value)
        required = value is None
        if value is not None and value.partition("(")[0].rpartition(".")[2] == "field":
            if "kw_only" in value or "init=" in value:
                return None
            required = "default" not in value
        parameters.append(
            Parameter(name=member.name, kind="positional or keyword", required=required)
        )
    return Signature(parameters=tuple(parameters))


# --- outlines -------------------------------------------------------------------------------


_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definition_outline(source: bytes, name: str) -> str | None:
    """The imports of a module, one definition and its base classes, without bodies.

    ``None`` if it is not certain which statement defines it, or what a class does when it is
    called. Raises SyntaxError and ValueError.
    """
    tree = syntax.parse(source)
    tree.body = [node for node in tree.body if not _is_overload(node)]
    scope = Scope(kind="module")
    # Any Python will do: a definition for one Python alone is in a branch, hence not at the top.
    Binder(module="module", is_package=False, python=(0, 0)).bind_body(tree.body, scope)
    definitions = {
        node.name: node
        for node in tree.body
        if isinstance(node, _Definition)
        and len(scope.bindings[node.name]) == 1
        and node.name not in scope.maybe
    }
    if name not in definitions:
        return None
    wanted = [name]
    for each in wanted:  # grows by the base classes
        node = definitions[each]
        if not isinstance(node, ast.ClassDef):
            continue
        if node.keywords:
            return None  # a metaclass, or what __init_subclass__ does
        for base in node.bases:
            inner = dotted(base.value if isinstance(base, ast.Subscript) else base)
            if inner in definitions and inner not in wanted:
                wanted.append(inner)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    kept = [_without_body(definitions[each]) for each in reversed(wanted)]
    return ast.unparse(ast.Module(body=[*imports, *kept], type_ignores=[]))


def _is_overload(node: ast.stmt) -> bool:
    """True for a signature that is only for type checkers."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        dotted(decorator) in {"overload", "typing.overload"} for decorator in node.decorator_list
    )


def _without_body(node: _Definition) -> _Definition:
    nothing: list[ast.stmt] = [ast.Expr(ast.Constant(...))]
    if not isinstance(node, ast.ClassDef):
        node.body = nothing
        return node
    kept: list[ast.stmt] = []
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            if statement.name in {"__init__", "__new__"}:
                statement.body = nothing
                kept.append(statement)
        elif not isinstance(statement, ast.Expr | ast.ClassDef):
            kept.append(statement)
    node.body = kept or nothing
    return node
