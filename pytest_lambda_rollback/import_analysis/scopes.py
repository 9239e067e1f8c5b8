"""Names that the scopes of a Python source bind, and their targets.

A binding is followed only if it is certain: a name that is bound by anything but import
statements of one and the same thing means nothing that can be looked up.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pytest_lambda_rollback.import_analysis.known_values import for_type_checkers, truth

Target = tuple[str, str | None]
"""A module, or a name in a module, that a binding means."""


@dataclass(slots=True)
class Scope:
    """One module, class or function body."""

    kind: str
    """``module``, ``class`` or ``function``."""
    parent: Scope | None = None
    bindings: dict[str, list[Target | None]] = field(default_factory=dict)
    """The targets of each name; ``None`` for anything but an import."""
    stars: list[str] = field(default_factory=list)
    uncertain: set[str] = field(default_factory=set)
    """Names that are bound within a ``try``."""
    maybe: set[str] = field(default_factory=set)
    """Names that are bound for type checkers only, or are deleted."""
    globals: set[str] = field(default_factory=set)
    values: dict[str, list[ast.expr]] = field(default_factory=dict)
    """The expressions that plain assignments give each name."""

    def bind(self, name: str, target: Target | None, *, in_try: bool) -> None:
        """Note one binding."""
        self.bindings.setdefault(name, []).append(target)
        if in_try:
            self.uncertain.add(name)

    def sole(self, name: str) -> Target | None:
        """The one imported thing that a name means in this very scope, if any."""
        targets = self.bindings.get(name, [])
        if targets and all(target == targets[0] for target in targets):
            return targets[0]
        return None

    def sole_value(self, name: str) -> ast.expr | None:
        """The expression of the one statement that binds a name, if it is a plain assignment."""
        values = self.values.get(name, [])
        if len(values) == 1 and len(self.bindings.get(name, ())) == 1 and name not in self.maybe:
            return values[0] if name not in self.uncertain else None
        return None


def owner(scope: Scope, name: str) -> Scope | None:
    """The scope whose binding a name in ``scope`` means; ``None`` for builtins and unbound ones."""
    here: Scope | None = scope
    while here is not None:
        if name in here.globals:
            while here.parent is not None:
                here = here.parent
            return here if name in here.bindings else None
        if name in here.bindings and (here is scope or here.kind != "class"):
            return here
        here = here.parent
    return None


class Binder:
    """Notes what the statements of one body bind, in all branches that this Python may take."""

    def __init__(self, *, module: str, is_package: bool, python: tuple[int, int]) -> None:
        self._module = module
        self._is_package = is_package
        self._python = python

    def absolute(self, node: ast.ImportFrom) -> str | None:
        """The module of ``from … import``; ``None`` for one above the top-level package."""
        if not node.level:
            return node.module
        parts = self._module.split(".")
        climbs = node.level - 1 if self._is_package else node.level
        if climbs >= len(parts):
            return None
        package = parts[: len(parts) - climbs]
        return ".".join([*package, node.module] if node.module else package)

    def bind_body(self, body: Iterable[ast.AST], scope: Scope, *, in_try: bool = False) -> None:
        """Note the bindings of these nodes, without those of functions and classes in them."""
        for node in body:
            self._bind(node, scope, in_try)

    def _bind(self, node: ast.AST, scope: Scope, in_try: bool) -> None:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                scope.bind(name, None, in_try=in_try)
            case ast.ClassDef(name=name):
                scope.bind(name, None, in_try=in_try)
            case ast.Lambda():
                pass
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                scope.values.setdefault(name, []).append(value)
                self.bind_body(ast.iter_child_nodes(node), scope, in_try=in_try)
            case ast.Import(names=names):
                for alias in names:
                    if alias.asname:
                        scope.bind(alias.asname, (alias.name, None), in_try=in_try)
                    else:
                        top = alias.name.partition(".")[0]
                        scope.bind(top, (top, None), in_try=in_try)
            case ast.ImportFrom(names=names):
                self._bind_from(node, names, scope, in_try)
            case ast.If(test=test, body=body, orelse=orelse):
                self._bind_if(test, body, orelse, scope, in_try)
            case ast.Try() | ast.TryStar():
                parts = (node.body, node.handlers, node.orelse, node.finalbody)
                for part in parts:
                    self.bind_body(part, scope, in_try=True)
            case ast.ExceptHandler(name=name, body=body):
                if name:
                    scope.bind(name, None, in_try=True)
                    scope.maybe.add(name)
                self.bind_body(body, scope, in_try=True)
            case ast.Global(names=names):
                scope.globals.update(names)
            case ast.Nonlocal(names=names):
                for name in names:
                    scope.bind(name, None, in_try=in_try)
            case ast.Name(id=name, ctx=ast.Store()):
                scope.bind(name, None, in_try=in_try)
            case ast.Name(id=name, ctx=ast.Del()):
                scope.bind(name, None, in_try=in_try)
                scope.maybe.add(name)
            case ast.MatchAs(name=name) | ast.MatchStar(name=name) if name:
                scope.bind(name, None, in_try=in_try)
                self.bind_body(ast.iter_child_nodes(node), scope, in_try=in_try)
            case ast.MatchMapping(rest=name) if name:
                scope.bind(name, None, in_try=in_try)
                self.bind_body(ast.iter_child_nodes(node), scope, in_try=in_try)
            case _:
                self.bind_body(ast.iter_child_nodes(node), scope, in_try=in_try)

    def _bind_from(
        self, node: ast.ImportFrom, names: Sequence[ast.alias], scope: Scope, in_try: bool
    ) -> None:
        module = self.absolute(node)
        for alias in names:
            if alias.name == "*":
                if module:
                    scope.stars.append(module)
                continue
            target = (module, alias.name) if module else None
            scope.bind(alias.asname or alias.name, target, in_try=in_try)

    def _bind_if(
        self,
        test: ast.expr,
        body: Sequence[ast.stmt],
        orelse: Sequence[ast.stmt],
        scope: Scope,
        in_try: bool,
    ) -> None:
        self._bind(test, scope, in_try)
        known = truth(test, self._python)
        if known is not False:
            self.bind_body(body, scope, in_try=in_try)
        elif for_type_checkers(test):
            aside = Scope(kind=scope.kind)
            self.bind_body(body, aside, in_try=in_try)
            scope.maybe.update(aside.bindings)
        if known is not True:
            self.bind_body(orelse, scope, in_try=in_try)


def function_scope(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, parent: Scope, binder: Binder
) -> Scope:
    """The scope of a function's body, its parameters bound."""
    scope = Scope(kind="function", parent=parent)
    arguments = node.args
    for argument in (
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        *filter(None, (arguments.vararg, arguments.kwarg)),
    ):
        scope.bind(argument.arg, None, in_try=False)
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    binder.bind_body(body, scope)
    for name in scope.globals:
        scope.bindings.pop(name, None)
    return scope
