"""Members of the classes that a source defines, as far as its statements show them."""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_lambda_rollback.import_analysis.known_values import dotted
from pytest_lambda_rollback.import_analysis.scopes import Binder, Scope
from pytest_lambda_rollback.packages import syntax

_PLAIN_DECORATORS = frozenset(
    {"dataclass", "total_ordering", "final", "runtime_checkable", "unique", "deprecated"}
)
_PLAIN_BASES = frozenset({"object", "ABC", "Generic", "Protocol"})
_LOOKED_UP = frozenset({"__getattr__", "__getattribute__"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMembers:
    """What one class has itself."""

    names: frozenset[str]
    """Bound in its body: the class has them, and its instances."""
    of_instances: frozenset[str]
    """Set on ``self``, or only annotated."""
    bases: tuple[str, ...]
    """Dotted names as written, without those that bring nothing."""
    open: bool
    """It may have more."""
    instances_open: bool
    """Its instances may have more."""


def class_members(
    source: bytes, *, module: str, is_package: bool, python: tuple[int, int]
) -> dict[str, ClassMembers]:
    """The classes that one statement at the left margin defines, by name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = syntax.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    binder = Binder(module=module, is_package=is_package, python=python)
    scope = Scope(kind="module")
    binder.bind_body(tree.body, scope)
    changed = _changed(tree)
    return {
        node.name: _members(node, binder, scope, changed=node.name in changed)
        for node in tree.body
        if isinstance(node, ast.ClassDef) and len(scope.bindings[node.name]) == 1
    }


def builtin_members(name: str) -> frozenset[str] | None:
    """The members of a builtin class; ``None`` for any other name."""
    found = getattr(builtins, name, None)
    return frozenset(dir(found)) if isinstance(found, type) else None


def _members(node: ast.ClassDef, binder: Binder, outer: Scope, *, changed: bool) -> ClassMembers:
    scope = Scope(kind="class", parent=outer)
    binder.bind_body(node.body, scope)
    annotated = {
        statement.target.id
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
        and statement.value is None
        and isinstance(statement.target, ast.Name)
    }
    decorators = {
        (dotted(d.func if isinstance(d, ast.Call) else d) or "").rpartition(".")[2]
        for d in node.decorator_list
    }
    bases = [dotted(b.value if isinstance(b, ast.Subscript) else b) for b in node.bases]
    is_open = (
        changed
        or bool(node.keywords)
        or bool(decorators - _PLAIN_DECORATORS)
        or None in bases
        or any(isinstance(each, ast.Call) and dotted(each.func) in {"locals", "vars", "exec"}
               for statement in node.body if not isinstance(statement, ast.FunctionDef)
               for each in ast.walk(statement))
    )  # fmt: skip
    return ClassMembers(
        names=frozenset(scope.bindings) - annotated,
        of_instances=frozenset({*annotated, *_set_on_self(node)}),
        bases=tuple(base for base in bases if base and base.rpartition(".")[2] not in _PLAIN_BASES),
        open=is_open,
        instances_open=is_open or bool(_LOOKED_UP & set(scope.bindings)) or _sets_any(node),
    )


def _set_on_self(node: ast.ClassDef) -> Iterator[str]:
    for each in ast.walk(node):
        match each:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                yield name
            case ast.Assign(targets=[ast.Name(id="__slots__")], value=value):
                for text in ast.walk(value):
                    if isinstance(text, ast.Constant) and isinstance(text.value, str):
                        yield text.value


def _sets_any(node: ast.ClassDef) -> bool:
    """True if the instances may get attributes by computed names."""
    for each in ast.walk(node):
        match each:
            case ast.Attribute(attr="__dict__" | "__setattr__" | "__setstate__"):
                return True
            case ast.Call(func=ast.Name(id="setattr" | "vars" | "exec")):
                return True
    return False


def _changed(tree: ast.Module) -> set[str]:
    """Classes that other statements set attributes on, or hand to something."""
    changed: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), ctx=ast.Store()):
                changed.add(name)
            case ast.Call(func=ast.Name(id="setattr"), args=[ast.Name(id=name), *_]):
                changed.add(name)
    for statement in tree.body:
        match statement:
            case ast.Expr(value=ast.Call(args=arguments)):
                changed.update(one.id for one in arguments if isinstance(one, ast.Name))
    return changed
