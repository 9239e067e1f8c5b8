"""Values of names in one source, and the flags among them that tell what is there.

A name has a value if one plain assignment binds it, or an import of a constant does. Local
variables, constants of other modules of the code, class attributes, and functions that only return
an expression are followed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from pytest_lambda_rollback.import_analysis.conditions import finds_out, from_environment
from pytest_lambda_rollback.import_analysis.known_values import (
    PRESENT,
    UNKNOWN,
    Surroundings,
    Values,
    dotted,
)
from pytest_lambda_rollback.import_analysis.scopes import Binder, Scope, function_scope, owner

Path = tuple[str, tuple[str, ...]]
"""A module, and a dotted path in it."""

_HOPS = 12
_GET_VARIABLE = frozenset({"os.environ.get", "os.getenv"})
_FIND_SPEC = frozenset({"importlib.util.find_spec", "pkgutil.find_loader", "importlib.find_loader"})
_VERSION_OF = frozenset({"importlib.metadata.version", "importlib_metadata.version"})


class NameValues:
    """What the names of one module mean in the stack of one version."""

    def __init__(
        self,
        tree: ast.Module,
        scope: Scope,
        binder: Binder,
        python: tuple[int, int],
        surroundings: Surroundings,
    ) -> None:
        self._scope = scope
        self._binder = binder
        self._python = python
        self._around = surroundings
        self._hops = 0
        self._known: dict[tuple[int, str], object] = {}
        self._told: dict[tuple[int, str], bool] = {}
        self._kept: list[Scope] = []
        """Scopes by whose identity something is known, so that no other one takes it."""
        self._functions = {
            node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)
        }
        self._classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self._set = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            for name in [dotted(node)]
            if name is not None
        }
        self._changed = set(_changed_tables(tree))
        self._flags = set(self._find_flags(tree))

    # --- paths -------------------------------------------------------------------------------

    def path(self, node: ast.expr, scope: Scope) -> Path | None:
        """The imported thing that an expression names; ``()`` in its path stands for a call.

        ``client.get`` is ``("lib", ("Client", "()", "get"))`` after ``client = lib.Client()``.
        """
        return self._path(node, scope, 0)

    def _path(self, node: ast.expr, scope: Scope, hops: int) -> Path | None:
        steps: list[str] = []
        while not isinstance(node, ast.Name):
            match node:
                case ast.Attribute(value=value, attr=attribute):
                    steps.append(attribute)
                case ast.Call(func=value):
                    steps.append("()")
                case _:
                    return None
            node = value
        where = owner(scope, node.id)
        if where is None or hops > _HOPS:
            return None
        target = where.sole(node.id)
        if target is None:
            given = where.sole_value(node.id)
            root = self._path(given, where, hops + 1) if given is not None else None
        else:
            root = (target[0], (target[1],) if target[1] else ())
        return None if root is None else (root[0], (*root[1], *reversed(steps)))

    def canonical(self, node: ast.expr, scope: Scope) -> str:
        """``os.environ.get`` however it was imported; empty for what no import brings."""
        path = self.path(node, scope)
        return "" if path is None else ".".join((path[0], *path[1]))

    # --- values ------------------------------------------------------------------------------

    def truth(self, test: ast.expr, scope: Scope) -> bool | None:
        """A condition's value, ``None`` if reading cannot determine it."""
        return self._values(scope).truth(test)

    def value(self, node: ast.expr, scope: Scope) -> object:
        """The value of an expression, or `UNKNOWN`."""
        return self._values(scope).value(node)

    def _values(self, scope: Scope) -> Values:
        return Values(self._python, lambda node: self._resolve(node, scope))

    def constant(self, names: tuple[str, ...]) -> object:
        """The value of a name of this module; ``UNKNOWN`` where it is bound by an import."""
        match names:
            case (name,):
                return self._of_name(name, self._scope)
            case (name, "()"):
                return self._of_call(name)
            case (name, attribute):
                return self._of_attribute(name, attribute)
        return UNKNOWN

    def _resolve(self, node: ast.expr, scope: Scope) -> object:
        if self._hops > _HOPS:
            return UNKNOWN
        self._hops += 1
        try:
            match node:
                case ast.Call():
                    return self._call(node, scope)
                case ast.Compare(left=key, ops=[ast.In() | ast.NotIn() as op], comparators=[table]):
                    if self.canonical(table, scope) != "os.environ":
                        return UNKNOWN
                    value = self._variable(self.value(key, scope))
                    return (
                        UNKNOWN
                        if value is UNKNOWN
                        else (value is None) is isinstance(op, ast.NotIn)
                    )
                case ast.Subscript(value=table, slice=key):
                    if self.canonical(table, scope) != "os.environ":
                        return UNKNOWN
                    value = self._variable(self.value(key, scope))
                    return UNKNOWN if value is None else value
                case ast.Name(id=name):
                    where = owner(scope, name)
                    return UNKNOWN if where is None else self._of_name(name, where)
                case ast.Attribute():
                    return self._attribute(node, scope)
        finally:
            self._hops -= 1
        return UNKNOWN

    def _of_name(self, name: str, where: Scope) -> object:
        target = where.sole(name)
        if target is not None:
            module, inner = target
            return self._around.constant(module, (inner,)) if inner else UNKNOWN
        value = where.sole_value(name)
        if value is None or (isinstance(value, ast.Dict) and name in self._changed):
            return UNKNOWN
        key = (id(where), name)
        if key not in self._known:
            self._kept.append(where)
            self._known[key] = UNKNOWN  # while it is looked at
            self._known[key] = self.value(value, where)
        return self._known[key]

    def _attribute(self, node: ast.Attribute, scope: Scope) -> object:
        path = self.path(node, scope)
        if path is not None and "()" not in path[1]:
            return self._around.constant(*path)
        if isinstance(node.value, ast.Name) and owner(scope, node.value.id) is self._scope:
            return self._of_attribute(node.value.id, node.attr)
        return UNKNOWN

    def _of_attribute(self, name: str, attribute: str) -> object:
        """An attribute of a class, or of the one instance of a class that computes nothing."""
        if f"{name}.{attribute}" in self._set:
            return UNKNOWN
        made = self._scope.sole_value(name)
        if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and not made.args:
            name = made.func.id if not made.keywords else ""
        found = self._classes.get(name)
        if found is None or found.bases or found.keywords or found.decorator_list:
            return UNKNOWN
        inner = Scope(kind="class", parent=self._scope)
        self._binder.bind_body(found.body, inner)
        if "__init__" in inner.bindings and made is not None:
            return UNKNOWN
        value = inner.sole_value(attribute)
        return UNKNOWN if value is None else self.value(value, inner)

    def _call(self, node: ast.Call, scope: Scope) -> object:
        name = self.canonical(node.func, scope)
        match node.args:
            case [key] if name in _GET_VARIABLE and not node.keywords:
                return self._variable(self.value(key, scope))
            case [key, default] if name in _GET_VARIABLE:
                value = self._variable(self.value(key, scope))
                return self.value(default, scope) if value is None else value
            case [ast.Constant(value=str(module))] if name in _FIND_SPEC:
                there = self._around.offers(module, ())
                return there if there is UNKNOWN else (PRESENT if there else None)
            case [ast.Constant(value=str(distribution))] if name in _VERSION_OF:
                return self._around.distribution(distribution)
            case [subject, ast.Constant(value=str(attribute))] if dotted(node.func) == "hasattr":
                path = self.path(subject, scope)
                return (
                    UNKNOWN if path is None else self._around.offers(path[0], (*path[1], attribute))
                )
            case [value] if name == "distutils.util.strtobool":
                text = self.value(value, scope)
                return (
                    str(text).lower() in {"y", "yes", "t", "true", "on", "1"}
                    if text is not UNKNOWN
                    else text
                )
            case []:
                return self._plain_call(node, scope)
        return UNKNOWN

    def _plain_call(self, node: ast.Call, scope: Scope) -> object:
        if isinstance(node.func, ast.Name) and node.func.id in self._functions:
            if owner(scope, node.func.id) is not self._scope:
                return UNKNOWN
            return self._of_call(node.func.id)
        path = self.path(node.func, scope)
        return UNKNOWN if path is None else self._around.constant(path[0], (*path[1], "()"))

    def _of_call(self, name: str) -> object:
        """What a function without parameters returns, if it does nothing else."""
        function = self._functions.get(name)
        if function is None or len(self._scope.bindings.get(name, ())) != 1:
            return UNKNOWN
        body = [s for s in function.body if not _is_docstring(s)]
        if function.decorator_list or ast.unparse(function.args) or len(body) != 1:
            return UNKNOWN
        match body[0]:
            case ast.Return(value=ast.expr() as value):
                return self.value(value, function_scope(function, self._scope, self._binder))
        return UNKNOWN

    def _variable(self, name: object) -> object:
        return self._around.variable(name) if isinstance(name, str) else UNKNOWN

    # --- flags -------------------------------------------------------------------------------

    def probes(self, test: ast.expr, scope: Scope) -> bool:
        """True for a test that finds out whether something is there, or which version it is."""
        return self._probes(test, scope, 0)

    def unsure(self, name: str) -> bool:
        """True for a name of the module whose value tells what is there."""
        return name in self._scope.uncertain or name in self._flags

    def _probes(self, test: ast.expr, scope: Scope, hops: int) -> bool:
        if finds_out(test, is_setting=lambda node: self._is_setting(node, scope)):
            return True
        return hops < _HOPS and any(
            self._tells(node.id, scope, hops + 1)
            for node in ast.walk(test)
            if isinstance(node, ast.Name)
        )

    def _tells(self, name: str, scope: Scope, hops: int) -> bool:
        where = owner(scope, name)
        if where is None:
            return False
        key = (id(where), name)
        if key not in self._told:
            self._kept.append(where)
            self._told[key] = False  # while it is looked at
            self._told[key] = self._tells_there(name, where, hops)
        return self._told[key]

    def _tells_there(self, name: str, where: Scope, hops: int) -> bool:
        if where is self._scope and self.unsure(name):
            return True
        if where is self._scope and name in self._functions:
            return self._function_tells(self._functions[name], hops)
        if where is not self._scope and name in where.uncertain:
            targets = where.bindings.get(name, [])
            if any(target is not None for target in targets):
                return True
        return any(self._probes(value, where, hops) for value in where.values.get(name, ()))

    def _function_tells(self, function: ast.FunctionDef, hops: int) -> bool:
        inner = function_scope(function, self._scope, self._binder)
        return any(
            self._probes(node.value, inner, hops)
            or (
                isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, bool)
                and any(
                    isinstance(each, ast.Import | ast.ImportFrom) for each in ast.walk(function)
                )
            )
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        )

    def _is_setting(self, node: ast.expr, scope: Scope) -> bool:
        """True for an attribute of the function's own that does not tell what is there."""
        path = self.path(node, scope)
        if path is None:
            return isinstance(node, ast.Attribute) and not self._is_flag_of_class(node)
        return len(path[1]) > 0 and not self._around.unsure(*path)

    def _is_flag_of_class(self, node: ast.Attribute) -> bool:
        found = self._classes.get(dotted(node.value) or "")
        return found is not None and any(
            isinstance(statement, ast.Assign)
            and dotted(statement.targets[0]) == node.attr
            and finds_out(statement.value)
            for statement in found.body
        )

    def _find_flags(self, tree: ast.Module) -> Iterator[str]:
        """Names that tell what is there: imported constants, and those computed from versions."""
        for name, targets in self._scope.bindings.items():
            if name.isupper() and None not in targets:
                module, inner = targets[0] or ("", None)
                if not inner or self._around.unsure(module, (inner,)):
                    yield name
        for statement in tree.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    if finds_out(value, is_setting=lambda n: self._is_setting(n, self._scope)):
                        yield name
                    elif not name.isupper() or from_environment(value):
                        continue
                    elif self.value(value, self._scope) is UNKNOWN:
                        yield name


def _changed_tables(tree: ast.Module) -> Iterator[str]:
    """Names whose value some statement may change."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
                if method not in {"get", "items", "keys", "values", "copy"}:
                    yield name


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
