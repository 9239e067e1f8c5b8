"""What in a Python source makes names, submodules or whole modules that no statement shows. Pure.

Everything here errs to one side: what only looks dynamic counts as dynamic, and then nothing is
said about the names concerned.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from pytest_lambda_rollback.import_analysis.conditions import dotted
from pytest_lambda_rollback.import_analysis.scopes import Scope

_MODULE_MAKERS = re.compile(
    r"lazy|deprecat|attach|export|install|patch|register_module|wrap_module"
)
"""Callees that may change the module whose ``__name__`` they get."""

_NAMES_MADE = frozenset({"global_enum", "_convert_", "f_globals", "initpkg"})


_READERS = frozenset({"copy", "get", "items", "keys", "values"})
_COPIERS = frozenset({"dict", "frozenset", "len", "list", "set", "sorted", "tuple"})


@dataclass(slots=True)
class Dynamics:
    """What was found."""

    names: bool = False
    """The module may have names that no statement binds."""
    path: bool = False
    """It may have submodules that do not lie beside it."""
    search_path: bool = False
    hooks: bool = False
    lists_submodules: bool = False
    """It imports whatever lies beside it."""
    made: list[str] = field(default_factory=list)
    set_on: set[str] = field(default_factory=set)
    """Names in the module that ``setattr`` or ``__dict__`` is used on."""

    @property
    def makes(self) -> tuple[str, ...]:
        """Modules that are put into ``sys.modules`` by literal names."""
        return tuple(sorted(set(self.made)))


def find_dynamics(tree: ast.Module, source: bytes, scope: Scope) -> Dynamics:
    """Look through one module; ``scope`` is its outermost scope."""
    found = Dynamics()
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                _look_at_call(node, found)
            case ast.Attribute(attr=attribute):
                _look_at_attribute(node, attribute, found)
            case ast.Name(id="__path__"):
                found.path = True
            case ast.Name(id=name) if name in _NAMES_MADE:
                found.names = True
            case ast.ImportFrom(module="sys", names=names):
                _look_at_sys({alias.name for alias in names}, found)
            case ast.ImportFrom(module="site" | "pkgutil", names=names):
                _look_at_sys({alias.name for alias in names}, found)
            case ast.Assign(targets=targets):
                for target in targets:
                    _look_at_target(target, found)
    if b"globals" in source or b"modules" in source:
        _look_at_tables(tree, found)
    if b"locals" in source or b"__name__" in source:
        _look_at_top(tree, found)
    if "__path__" in scope.bindings:
        found.path = True
    return found


def _look_at_sys(names: set[str], found: Dynamics) -> None:
    if "modules" in names:
        found.names = found.path = True
    if names & {"path", "addsitedir"}:
        found.search_path = True
    if names & {"meta_path", "path_hooks"}:
        found.hooks = True
    if "extend_path" in names:
        found.path = True


def _look_at_attribute(node: ast.Attribute, attribute: str, found: Dynamics) -> None:
    if attribute in _NAMES_MADE:
        found.names = True
    elif attribute == "__path__":
        found.path = True
    elif attribute == "__dict__" and isinstance(node.value, ast.Name):
        found.set_on.add(node.value.id)
    name = dotted(node)
    if name in {"sys.path", "site.addsitedir"}:
        found.search_path = True
    elif name in {"sys.meta_path", "sys.path_hooks"}:
        found.hooks = True
    elif name == "pkgutil.extend_path":
        found.path = True


def _look_at_tables(tree: ast.Module, found: Dynamics) -> None:
    """``globals()`` and ``sys.modules``: what only reads them makes no names."""
    read: set[ast.expr] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=table, attr=attribute) if attribute in _READERS:
                read.add(table)
            case ast.Subscript(value=ast.Call() as table, ctx=ast.Load()):
                read.add(table)
            case ast.Subscript(value=table, slice=ast.Constant(), ctx=ast.Load()):
                read.add(table)
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[table]):
                read.add(table)
            case ast.Call(func=ast.Name(id=name), args=[table]) if name in _COPIERS:
                read.add(table)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node) == "sys.modules":
            if node not in read:
                found.names = found.path = True
        elif isinstance(node, ast.Call) and dotted(node.func) == "globals" and node not in read:
            found.names = True


def _look_at_call(node: ast.Call, found: Dynamics) -> None:
    name = dotted(node.func) or ""
    last = name.rpartition(".")[2]
    if name == "exec" or (name == "vars" and not node.args):
        found.names = True
    elif name in {"setattr", "delattr"} and node.args:
        subject = node.args[0]
        if isinstance(subject, ast.Name):
            found.set_on.add(subject.id)
            if subject.id not in {"self", "cls", "instance", "obj"}:
                found.names = found.names or subject.id in {"module", "mod", "this"}
        elif isinstance(subject, ast.Call | ast.Subscript):
            found.names = True
    elif last in {"iter_modules", "walk_packages"}:
        found.lists_submodules = True
    own_name = any(
        isinstance(argument, ast.Name) and argument.id == "__name__"
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]
    )
    if own_name and (
        _MODULE_MAKERS.search(name.lower()) or last in {"import_module", "__import__"}
    ):
        found.names = True


def _look_at_target(target: ast.expr, found: Dynamics) -> None:
    """An assignment to ``sys.modules["a"]``."""
    if isinstance(target, ast.Subscript) and dotted(target.value) == "sys.modules":
        match target.slice:
            case ast.Constant(value=str(module)):
                found.made.append(module)


def _look_at_top(tree: ast.Module, found: Dynamics) -> None:
    """What matters outside of functions only: ``locals()``, and calls that get ``__name__``."""
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and dotted(node.func) == "locals":
                found.names = True
        match statement:
            case ast.Expr(value=ast.Call(args=arguments)) if any(
                isinstance(argument, ast.Name) and argument.id == "__name__"
                for argument in arguments
            ):
                found.names = True
