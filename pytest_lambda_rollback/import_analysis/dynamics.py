"""Names, submodules and modules that a source makes or takes without a statement that shows them.

Dynamic names, ``__all__``, a module's ``__getattr__`` and computed imports are read here, all as
far as the source shows them. Code that only looks dynamic counts as dynamic, which makes answers
about its names ``unknown``.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pytest_lambda_rollback.import_analysis.known_values import dotted
from pytest_lambda_rollback.import_analysis.made_names import made_names
from pytest_lambda_rollback.import_analysis.scopes import Scope
from pytest_lambda_rollback.packages import syntax

_MODULE_MAKERS = re.compile(
    r"lazy|deprecat|attach|export|install|patch|register_module|wrap_module"
)
"""Callees that may change the module whose ``__name__`` they get."""

_TABLE_WORDS = (b"globals", b"locals", b"vars", b"modules", b"import_module", b"__dict__")

_NAMES_MADE = frozenset({"global_enum", "_convert_", "f_globals", "initpkg"})


_READERS = frozenset({"copy", "get", "items", "keys", "values"})
_COPIERS = frozenset({"dict", "frozenset", "len", "list", "set", "sorted", "tuple"})


@dataclass(slots=True)
class Dynamics:
    """The findings in one module."""

    names: bool = False
    """The module may have any names that no statement binds."""
    made_names: frozenset[str] = frozenset()
    """Regular expressions for names that it may make beside its statements."""
    path: bool = False
    """It may have submodules that are not in its folder."""
    search_path: bool = False
    hooks: bool = False
    lists_submodules: bool = False
    """It imports whatever is in its folder."""
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
    if b"modules" in source:
        _look_at_modules(tree, found)
    if any(word in source for word in _TABLE_WORDS):
        tables = _tables(tree)
        exported, _ = exported_names(tree, frozenset(scope.bindings))
        if exported is not None:
            tables["__all__"] = frozenset(exported)
        made = made_names(tree, tables)
        found.names = found.names or made.any
        found.made_names = frozenset(made.patterns)
    if b"__name__" in source:
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


def _look_at_modules(tree: ast.Module, found: Dynamics) -> None:
    """``sys.modules``: reading it makes no names."""
    read: set[ast.expr] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=table, attr=attribute) if attribute in _READERS:
                read.add(table)
            case ast.Subscript(value=table, slice=ast.Constant(), ctx=ast.Load()):
                read.add(table)
            case ast.Subscript(value=table, slice=ast.Name(id="__name__"), ctx=ast.Load()):
                read.add(table)  # what is done with it is read elsewhere
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[table]):
                read.add(table)
            case ast.Call(func=ast.Name(id=name), args=[table]) if name in _COPIERS:
                read.add(table)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node) == "sys.modules" and node not in read:
            found.names = found.path = True


def _look_at_call(node: ast.Call, found: Dynamics) -> None:
    name = dotted(node.func) or ""
    last = name.rpartition(".")[2]
    if name == "exec":
        found.names = True
    elif name in {"setattr", "delattr"} and node.args:
        subject = node.args[0]
        if isinstance(subject, ast.Name):
            found.set_on.add(subject.id)
            if subject.id not in {"self", "cls", "instance", "obj"}:
                found.names = found.names or subject.id in {"module", "mod", "this"}
        elif isinstance(subject, ast.Call) and not _own_module(subject):
            found.names = True
    elif last in {"iter_modules", "walk_packages"}:
        found.lists_submodules = True
    own_name = any(
        isinstance(argument, ast.Name) and argument.id == "__name__"
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]
    )
    if own_name and (_MODULE_MAKERS.search(name.lower()) or last == "__import__"):
        found.names = True


def _own_module(node: ast.Call) -> bool:
    """True for ``import_module(__name__)``; what is done with it is read elsewhere."""
    match node.args:
        case [ast.Name(id="__name__")]:
            return (dotted(node.func) or "").endswith("import_module")
    return False


def _look_at_target(target: ast.expr, found: Dynamics) -> None:
    """An assignment to ``sys.modules["a"]``."""
    if isinstance(target, ast.Subscript) and dotted(target.value) == "sys.modules":
        match target.slice:
            case ast.Constant(value=str(module)):
                found.made.append(module)


def _look_at_top(tree: ast.Module, found: Dynamics) -> None:
    """Look at calls that get ``__name__``; inside functions they do not matter."""
    for statement in tree.body:
        match statement:
            case ast.Expr(value=ast.Call(args=arguments)) if any(
                isinstance(argument, ast.Name) and argument.id == "__name__"
                for argument in arguments
            ):
                found.names = True


# --- __all__ -----------------------------------------------------------------------------------


def exported_names(tree: ast.Module, names: frozenset[str]) -> tuple[tuple[str, ...] | None, bool]:
    """A literal ``__all__``, and whether there is one that cannot be read."""
    if "__all__" not in names:
        return None, False
    exported: list[str] = []
    read = 0
    for node in ast.walk(tree):
        match node:
            case ast.Name(id="__all__", ctx=ast.Load()):
                read += 1
            case ast.Attribute(value=ast.Name(id="__all__"), attr=attribute):
                if attribute not in {"count", "copy", "index"}:
                    return None, True
    stored = sum(isinstance(node, ast.Name) and node.id == "__all__" for node in ast.walk(tree))
    stored -= read
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AugAssign(target=ast.Name(id="__all__"), op=ast.Add(), value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                literal = _texts(value)
                if literal is None:
                    return None, True
                exported += literal
                stored -= 1
    return (tuple(exported), False) if exported and not stored else (None, True)


def _texts(node: ast.expr) -> list[str] | None:
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    values = [e.value if isinstance(e, ast.Constant) else None for e in node.elts]
    texts = [value for value in values if isinstance(value, str)]
    return texts if len(texts) == len(values) else None


# --- computed imports --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Named:
    """The module or package that one call names; both empty where its argument does not say."""

    module: str = ""
    """A module by its whole name."""
    package: str = ""
    """A package with an imported module."""


def computed_import(node: ast.Call, *, module: str, is_package: bool) -> Named:
    """Read the first argument of a call in ``module``, which has at least one."""
    own = module if is_package else module.rpartition(".")[0]
    match node.args[0]:
        case ast.Constant(value=str(name)) if name and not name.startswith("."):
            return Named(module=name)
        case ast.Constant(value=str(name)) if name.strip("."):
            return Named(module=_relative(name, _anchor(node, module=module, package=own)))
        case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), *_]):
            return Named(package=_package(prefix, own))
        case ast.BinOp(left=ast.Constant(value=str(prefix)), op=ast.Add() | ast.Mod()):
            return Named(package=_package(prefix.partition("%")[0], own))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return Named(package=_package(text.partition("{")[0], own))
    return Named()


def _relative(name: str, anchor: str) -> str:
    level = len(name) - len(name.lstrip("."))
    parts = anchor.split(".") if anchor else []
    if len(parts) < level:
        return ""
    return ".".join([*parts[: len(parts) - level + 1], name[level:]])


def _anchor(node: ast.Call, *, module: str, package: str) -> str:
    """The package that a relative name begins at; empty if it is computed."""
    given = [*node.args[1:], *(k.value for k in node.keywords if k.arg == "package")]
    match given[:1]:
        case [ast.Constant(value=str(anchor))]:
            return anchor
        case [ast.Name(id="__package__")]:
            return package
        case [ast.Name(id="__name__")]:
            return module
    return ""


def _package(prefix: str, own: str) -> str:
    package = prefix.lstrip(".").rpartition(".")[0]
    return ".".join(filter(None, (own, package))) if prefix.startswith(".") else package


# --- __getattr__ -------------------------------------------------------------------------------


class _Undecided(Exception):
    """The function may give any name."""


def given_names(tree: ast.Module) -> frozenset[str] | None:
    """The names that ``__getattr__`` gives; ``None`` if it may give any."""
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
        return _tables(syntax.parse(source)).get(name, frozenset())


def mentioned_names(source: bytes) -> frozenset[str]:
    """All words of a source but those in comments and docstrings. Raises SyntaxError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = syntax.parse(source)
    words: set[str] = set()
    prose: set[ast.AST] = {n.value for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if node not in prose:
                words.update(re.findall(r"\w+", text))
            case ast.Constant(value=bytes(text)):
                words.update(re.findall(r"\w+", text.decode("ascii", "replace")))
            case ast.Name(id=name) | ast.alias(name=name) | ast.ClassDef(name=name):
                words.update(name.split("."))
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                words.add(name)
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.arg(arg=name):
                words.add(name)
        if isinstance(node, ast.alias) and node.asname:
            words.add(node.asname)
    return frozenset(words)


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
        """Add what these statements give; True if what comes after them does not run."""
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
