"""Which names a module's ``__getattr__`` gives, where its source says so. Pure.

Many packages have one for a single old name, or for a table of them, and raise AttributeError for
all others. Reading these keeps the whole module from being a thing that nothing is known of.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence


class _Undecided(Exception):
    """The function may give any name."""


def given_names(tree: ast.Module) -> frozenset[str] | None:
    """The names that ``__getattr__`` gives; ``None`` where it may give any."""
    function = _getattr(tree)
    if function is None:
        return None
    names: set[str] = set()
    try:
        raises = _Function(function.args.args[0].arg, _tables(tree)).read(function.body, names)
    except _Undecided:
        return None
    return frozenset(names) if raises else None  # without a raise it gives None for all others


def refused_names(tree: ast.Module) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names that ``__getattr__`` raises for by name, and the tables in which it looks them up.

    A package that refuses a name in so many words does not have it, whatever else it does. The
    tables are names of the module: `literal_table` reads one, wherever it was imported from.
    """
    function = _getattr(tree)
    if function is None:
        return frozenset(), ()
    reading = _Function(function.args.args[0].arg, {})
    names: set[str] = set()
    given: set[str] = set()
    tables: list[str] = []
    for branch in _branches(function.body):
        literal = reading.names_of(branch.test, ast.In, ast.Eq)
        if not _ends_by_raising(branch.body):
            given |= literal or set()
        elif literal is not None:
            names |= literal
        else:
            match branch.test:
                case ast.Compare(ops=[ast.In()], comparators=[ast.Name(id=table)]):
                    tables.append(table)
    return frozenset(names - given), tuple(tables)


def literal_table(source: bytes, name: str) -> frozenset[str]:
    """The texts in a literal table of a module, empty for anything else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _tables(ast.parse(source)).get(name, frozenset())


def _getattr(tree: ast.Module) -> ast.FunctionDef | None:
    """The one plain ``__getattr__`` of a module, if there is just one."""
    pending: list[ast.stmt] = list(tree.body)
    found: list[ast.FunctionDef] = []
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            found.append(node)
        elif isinstance(node, ast.If):
            pending += [*node.body, *node.orelse]
    if len(found) != 1 or len(found[0].args.args) != 1 or found[0].decorator_list:
        return None
    return found[0]


def _branches(body: Sequence[ast.stmt]) -> Iterator[ast.If]:
    for statement in body:
        if isinstance(statement, ast.If):
            yield statement
            yield from _branches(statement.orelse)


class _Function:
    def __init__(self, parameter: str, tables: dict[str, frozenset[str]]) -> None:
        self._parameter = parameter
        self._tables = tables

    def read(self, body: Sequence[ast.stmt], names: set[str]) -> bool:
        """Add what these statements give; True where what comes after them does not run."""
        for statement in body:
            if isinstance(statement, ast.Raise):
                return True
            if isinstance(statement, ast.If):
                if self._branch(statement, names):
                    return True
            elif _gives(statement) or self._rebinds(statement):
                raise _Undecided
        return False

    def _branch(self, node: ast.If, names: set[str]) -> bool:
        unless = self.names_of(node.test, ast.NotIn, ast.NotEq)
        if unless is not None and not node.orelse and _ends_by_raising(node.body):
            names |= unless  # what comes after it is for these alone
            return True
        if _gives_any(node.body):
            only = self.names_of(node.test, ast.In, ast.Eq)
            if only is None:
                raise _Undecided
            names |= only
        elif any(self._rebinds(statement) for statement in node.body):
            raise _Undecided
        return self.read(node.orelse, names) and _ends_by_raising(node.body)

    def names_of(
        self, test: ast.expr, among: type[ast.cmpop], equal: type[ast.cmpop]
    ) -> frozenset[str] | None:
        """The literal names that a test compares the parameter with."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) and among is ast.In:
            parts = [self.names_of(value, among, equal) for value in test.values]
            known = [part for part in parts if part is not None]
            return frozenset[str]().union(*known) if len(known) == len(parts) else None
        match test:
            case ast.Compare(left=ast.Name(id=left), ops=[op], comparators=[right]):
                if left != self._parameter:
                    return None
                if isinstance(op, equal):
                    return _strings(right) if isinstance(right, ast.Constant) else None
                if isinstance(op, among):
                    if isinstance(right, ast.Name):
                        return self._tables.get(right.id)
                    return _strings(right)
        return None

    def _rebinds(self, statement: ast.stmt) -> bool:
        return any(
            isinstance(node, ast.Name)
            and node.id == self._parameter
            and not isinstance(node.ctx, ast.Load)
            for node in ast.walk(statement)
        )


def _tables(tree: ast.Module) -> dict[str, frozenset[str]]:
    """Module-level names that are assigned one literal table of strings, and never touched."""
    tables: dict[str, frozenset[str]] = {}
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                literal = _strings(value)
                if literal is not None:
                    tables[name] = literal
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                if attribute not in {"get", "items", "keys", "values"}:
                    tables.pop(name, None)
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                tables.pop(name, None)
            case ast.AugAssign(target=ast.Name(id=name)):
                tables.pop(name, None)
    stored = [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return {name: table for name, table in tables.items() if stored.count(name) == 1}


def _strings(node: ast.expr) -> frozenset[str] | None:
    match node:
        case ast.Constant(value=str(text)):
            return frozenset({text})
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            pass
        case ast.Dict(keys=keys):
            elements = [key for key in keys if key is not None]
            if len(elements) != len(keys):
                return None
        case ast.Call(func=ast.Name(id="frozenset" | "set" | "dict"), args=[inner], keywords=[]):
            return None if isinstance(inner, ast.Constant) else _strings(inner)
        case _:
            return None
    texts = [e.value for e in elements if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    return frozenset(texts) if len(texts) == len(elements) else None


def _gives_any(body: Sequence[ast.stmt]) -> bool:
    return any(_gives(statement) for statement in body)


def _gives(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Return | ast.Yield) for node in ast.walk(statement))


def _ends_by_raising(body: Sequence[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Raise) and not _gives_any(body)
