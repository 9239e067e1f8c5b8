"""Facts of one Python source file: the names it binds, and its asks of other modules.

It reads the syntax tree and runs nothing. It knows no search path: which file answers is not its
business. Where only running would show the answer (names made at run time,
computed imports), it notes that, and nothing is reported about it.
"""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pytest_lambda_rollback.import_analysis.conditions import alternatives, leaves, suppressed
from pytest_lambda_rollback.import_analysis.dynamics import (
    Dynamics,
    computed_import,
    exported_names,
    find_dynamics,
    given_names,
    refused_names,
)
from pytest_lambda_rollback.import_analysis.known_values import (
    UNKNOWN,
    NoSurroundings,
    Surroundings,
    dotted,
    truth,
)
from pytest_lambda_rollback.import_analysis.name_values import NameValues
from pytest_lambda_rollback.import_analysis.scopes import (
    Binder,
    Scope,
    Target,
    function_scope,
    owner,
)
from pytest_lambda_rollback.model.modules import Ask, Call, Form, Moment, TryBlock
from pytest_lambda_rollback.packages import syntax


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFacts:
    """The names of one module, certain and uncertain, and its asks of other modules."""

    readable: bool = True
    """False for a source that cannot be parsed: then nothing is known."""
    names: frozenset[str] = frozenset()
    """Names that some statement of the module binds."""
    maybe: frozenset[str] = frozenset()
    """Names that may be there: bound for type checkers only, deleted, only in ``__all__``."""
    bindings: dict[str, Target] = field(default_factory=dict)
    """Names bound to one imported module or name, and to nothing else."""
    stars: tuple[str, ...] = ()
    """Modules of ``from m import *``."""
    exported: tuple[str, ...] | None = None
    """A literal ``__all__``; ``None`` without one."""
    computed_all: bool = False
    """There is an ``__all__`` that cannot be read."""
    dynamic: bool = False
    """It may have any names that no statement shows."""
    made: tuple[str, ...] = ()
    """Regular expressions for names that it may make."""
    refused: frozenset[str] = frozenset()
    """Names that its ``__getattr__`` raises for by name."""
    refused_in: tuple[Target, ...] = ()
    """Tables of such names."""
    opens_path: bool = False
    """It may have submodules that are not in its folder."""
    changes_path: bool = False
    """It touches ``sys.path``."""
    hooks: bool = False
    """It touches ``sys.meta_path`` or ``sys.path_hooks``."""
    makes: tuple[str, ...] = ()
    """Modules that it puts into ``sys.modules`` by literal names."""
    patches: tuple[tuple[str, str], ...] = ()
    """(module, name) that it sets on other modules; the name ``*`` stands for any."""
    prefixes: tuple[str, ...] = ()
    """Packages below which it imports modules by computed names."""
    asks: tuple[Ask, ...] = ()
    tries: tuple[TryBlock, ...] = ()
    functions: tuple[str, ...] = ()
    """Functions of the module and methods of its classes, ``f`` and ``C.m``."""
    references: tuple[Reference, ...] = ()
    """The places that use functions, variables and modules of the function's own code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One use of something that the code may define itself."""

    module: str
    """Empty for an attribute of anything: then ``names`` is that attribute."""
    names: tuple[str, ...] = ()
    caller: str = ""
    """The function it stands in; empty for the module's body."""
    tries: tuple[int, ...] = ()
    guarded: bool = False
    dead: bool = False
    """It stands where the runtime never gets to."""
    loads: bool = False
    """It is an import, which runs modules and calls nothing."""
    by_decorator: str = ""
    """It is the use by a decorator of this name, which stands for whoever calls the function."""


UNREADABLE = ModuleFacts(readable=False, dynamic=True, opens_path=True)


# --- reading --------------------------------------------------------------------------------

_BUILTINS = frozenset(dir(builtins)) | {"__file__", "__path__", "__class__", "WindowsError"}

_IMPORTERS = {("importlib", ("import_module",)), ("importlib", ("__import__",))}


def read_facts(
    source: bytes,
    *,
    module: str,
    is_package: bool,
    python: tuple[int, int],
    code: bool,
    surroundings: Surroundings | None = None,
) -> ModuleFacts:
    """The facts of one source, as the given Python sees it.

    ``code`` is for the function's own files: of others it is not read which attributes they use.
    ``surroundings`` decides conditions.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a package's escapes are not this run's business
            tree = syntax.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return UNREADABLE
    try:
        reader = _Reader(
            tree, source, module, is_package, python, surroundings or NoSurroundings(), code=code
        )
        return reader.facts()
    except RecursionError:
        return UNREADABLE


def read_values(
    source: bytes,
    *,
    module: str,
    is_package: bool,
    python: tuple[int, int],
    surroundings: Surroundings,
) -> NameValues | None:
    """The values of a module's names; ``None`` for a source that cannot be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = syntax.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    binder = Binder(module=module, is_package=is_package, python=python)
    scope = Scope(kind="module")
    binder.bind_body(tree.body, scope)
    for name in _global_names(tree):
        scope.bind(name, None, in_try=False)
    return NameValues(tree, scope, binder, python, surroundings)


@dataclass(frozen=True, slots=True)
class _Place:
    """The surroundings of a statement."""

    scope: Scope
    moment: Moment = Moment.LOADING
    caught_by: tuple[int, ...] = ()
    fallback_of: tuple[int, ...] = ()
    unless_failed: tuple[int, ...] = ()
    guarded: bool = False
    conditional: bool = False
    function: str = ""
    """``f`` or ``C.m``; functions in it count as part of it."""
    in_class: str = ""
    dead: bool = False


_WRAPPERS = frozenset(
    {"property", "staticmethod", "classmethod", "cached_property", "cache", "lru_cache", "wraps"}
    | {"contextmanager", "asynccontextmanager", "abstractmethod", "override", "typechecked"}
)
"""Decorators that call a function only where somebody uses its name."""

_COROUTINE_RUNNERS = frozenset(
    {"run_until_complete", "create_task", "ensure_future", "async_to_sync", "start_soon"}
)

_COMMAND_LINE = frozenset({"click", "typer"})
"""Their decorators leave it to others to call a function, too."""


class _Reader:
    def __init__(
        self,
        tree: ast.Module,
        source: bytes,
        module: str,
        is_package: bool,
        python: tuple[int, int],
        surroundings: Surroundings,
        *,
        code: bool,
    ) -> None:
        self._tree = tree
        self._source = source
        self._name = module
        self._is_package = is_package
        self._python = python
        self._code = code
        self._binder = Binder(module=module, is_package=is_package, python=python)
        self._module = Scope(kind="module")
        self._binder.bind_body(tree.body, self._module)
        for name in _global_names(tree) if b"global" in source else ():
            self._module.bind(name, None, in_try=False)
        self._asks: list[Ask] = []
        self._tries: list[TryBlock] = []
        self._patches: list[tuple[str, str]] = []
        self._prefixes: list[str] = []
        self._lazy_annotations = python >= (3, 14) or any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(alias.name == "annotations" for alias in node.names)
            for node in tree.body
        )
        self._assigned = {name for name, to in self._module.bindings.items() if None in to}
        self._values = NameValues(tree, self._module, self._binder, python, surroundings)
        self._chosen = self._choices() if code else {}
        self._awaited: set[int] = set()
        self._functions: list[str] = []
        self._references: list[Reference] = []

    def facts(self) -> ModuleFacts:
        dynamics = find_dynamics(self._tree, self._source, self._module)
        self._body(self._tree.body, _Place(scope=self._module))
        names = frozenset(self._module.bindings)
        given: frozenset[str] | None = frozenset()
        refused: frozenset[str] = frozenset()
        tables: tuple[str, ...] = ()
        if "__getattr__" in names:
            given = given_names(self._tree)
            refused, tables = refused_names(self._tree)
        exported, computed = exported_names(self._tree, names)
        return ModuleFacts(
            names=(names - self._module.maybe) | (given or frozenset()),
            maybe=frozenset(self._module.maybe) | (frozenset(exported or ()) - names),
            bindings={
                name: target
                for name in sorted(names - self._module.maybe)
                if (target := self._module.sole(name) or self._alias(name)) is not None
            },
            stars=tuple(self._module.stars),
            exported=exported,
            computed_all=computed,
            dynamic=dynamics.names or given is None,
            made=tuple(sorted(dynamics.made_names)),
            refused=refused,
            refused_in=tuple(self._module.sole(table) or (self._name, table) for table in tables),
            opens_path=dynamics.path,
            changes_path=dynamics.search_path,
            hooks=dynamics.hooks,
            makes=dynamics.makes,
            patches=tuple(sorted({*self._patches, *_any_name(dynamics, self._module)})),
            prefixes=tuple(sorted({*self._prefixes, *self._own_submodules(dynamics)})),
            asks=tuple(self._asks),
            tries=tuple(self._tries),
            functions=tuple(self._functions),
            references=tuple(self._references),
        )

    def _alias(self, name: str) -> Target | None:
        """``old = new``: another name for what a statement of the module defines or imports."""
        value = self._module.sole_value(name)
        if not isinstance(value, ast.Name) or value.id == name:
            return None
        if value.id not in self._module.bindings or value.id in self._module.maybe:
            return None
        return self._module.sole(value.id) or (self._name, value.id)

    def _choices(self) -> dict[str, tuple[ast.expr, Scope]]:
        """Tables of the module that are used in one way: an entry is taken by a version or flag."""
        tables = {
            name
            for name in self._module.values
            if isinstance(self._module.sole_value(name), ast.Dict)
        }
        if not tables:
            return {}
        keys: dict[str, list[tuple[ast.expr, Scope]]] = {}
        reads: dict[str, int] = {}
        for node, scope in self._scoped(self._tree, self._module):
            match node:
                case ast.Name(id=name, ctx=ast.Load()) if name in tables:
                    reads[name] = reads.get(name, 0) + 1
                case (
                    ast.Subscript(value=ast.Name(id=name), slice=key)
                    | ast.Call(
                        func=ast.Attribute(value=ast.Name(id=name), attr="get"), args=[key, *_]
                    )
                ) if name in tables:
                    keys.setdefault(name, []).append((key, scope))
        return {
            name: found[0]
            for name, found in keys.items()
            if len(found) == reads.get(name)
            and all(self._values.probes(key, scope) for key, scope in found)
            and len({ast.dump(key) for key, _ in found}) == 1
        }

    def _scoped(self, node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
        """All nodes below one, each with its scope; classes are not told apart."""
        for child in ast.iter_child_nodes(node):
            yield child, scope
            inner = scope
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                inner = function_scope(child, scope, self._binder)
            yield from self._scoped(child, inner)

    def _own_submodules(self, dynamics: Dynamics) -> tuple[str, ...]:
        return (self._name,) if dynamics.lists_submodules and self._is_package else ()

    # --- statements --------------------------------------------------------------------------

    def _body(self, body: Iterable[ast.stmt], place: _Place) -> None:
        for statement in body:
            place = self._statement(statement, place)
            if leaves([statement]) and place.scope.kind == "function":
                place = replace(place, dead=True)

    def _statement(self, node: ast.stmt, place: _Place) -> _Place:
        """Read one statement; where the ones after it stand."""
        match node:
            case ast.Import():
                for alias in node.names:
                    self._ask(Form.IMPORT, alias.name, (), node, place)
            case ast.ImportFrom():
                self._import_from(node, place)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, place)
            case ast.ClassDef():
                self._expressions(
                    [*node.decorator_list, *node.bases, *(k.value for k in node.keywords)], place
                )
                inner = Scope(kind="class", parent=place.scope)
                self._binder.bind_body(node.body, inner)
                name = "" if place.function else node.name
                self._body(node.body, replace(place, scope=inner, in_class=name))
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as table) if (
                place.scope is self._module and name in self._chosen
            ):
                self._table(table, self._chosen[name][0], place, self._chosen[name][1])
            case ast.If():
                return self._if(node, place)
            case ast.Try() | ast.TryStar():
                self._try(node, place)
            case ast.With() | ast.AsyncWith():
                self._with(node, place)
            case ast.Match():
                self._match(node, place)
            case ast.For() | ast.AsyncFor() | ast.While():
                self._children(node, replace(place, conditional=True))
            case ast.AnnAssign():
                evaluated = place.scope.kind != "function" and not self._lazy_annotations
                self._expressions([node.annotation] if evaluated else [], place)
                self._expressions([node.target, *([node.value] if node.value else [])], place)
            case _:
                self._children(node, place)
        return place

    def _children(self, node: ast.AST, place: _Place) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(child, place)
            elif isinstance(child, ast.expr):
                self._expression(child, place)
            else:
                self._children(child, place)

    def _if(self, node: ast.If, place: _Place) -> _Place:
        self._expression(node.test, place)
        yes, no = self._branches(node.test, place)
        self._body(node.body, yes)
        self._body(node.orelse, no)
        left = leaves(node.body), leaves(node.orelse)
        if all(left):
            return replace(place, dead=True)
        if any(left):
            return no if left[0] else yes
        return place

    def _branches(self, test: ast.expr, place: _Place) -> tuple[_Place, _Place]:
        """Where the two branches of a condition stand.

        The one that is not taken is dead, but what a test for something being there leaves out is
        only guarded: that the code does without is worth a word.
        """
        probing = self._values.probes(test, place.scope)
        inner = replace(place, guarded=place.guarded or probing, conditional=True)
        known = truth(test, self._python)
        off = replace(place, dead=True)
        if known is None and self._code:
            known, off = self._values.truth(test, place.scope), inner if probing else off
        if known is None:
            return inner, inner
        return (place, off) if known else (off, place)

    def _truth(self, test: ast.expr, place: _Place) -> bool | None:
        if not self._code:
            return truth(test, self._python)
        return self._values.truth(test, place.scope)

    def _match(self, node: ast.Match, place: _Place) -> None:
        self._expression(node.subject, place)
        value = self._values.value(node.subject, place.scope) if self._code else UNKNOWN
        probing = self._values.probes(node.subject, place.scope)
        inner = replace(place, guarded=place.guarded or probing, conditional=True)
        taken = False
        for case in node.cases:
            fits = _fits(case.pattern, value) if value is not UNKNOWN else None
            here = inner
            if taken or fits is False:
                here = inner if probing else replace(inner, dead=True)
            elif fits and case.guard is None:
                here, taken = place, True
            self._children(case.pattern, here)
            self._expressions([case.guard] if case.guard else [], here)
            self._body(case.body, here)

    def _try(self, node: ast.Try | ast.TryStar, place: _Place) -> None:
        running = place.moment is Moment.RUNNING
        block = alternatives(node.handlers, running=running, assigned=self._assigned)
        if not (block.module or block.name or block.attribute):
            self._body(node.body, place)
            self._clauses(node.handlers, place)
            for handler in node.handlers:
                self._body(handler.body, replace(place, conditional=True))
            self._body([*node.orelse, *node.finalbody], place)
            return
        number = self._new_try(block)
        self._body(node.body, replace(place, caught_by=(*place.caught_by, number)))
        fallback = replace(place, fallback_of=(*place.fallback_of, number))
        self._clauses(node.handlers, place)
        for handler in node.handlers:
            one = alternatives([handler], running=running, assigned=self._assigned)
            taken = one.module or one.name or one.attribute
            self._body(handler.body, fallback if taken else replace(place, conditional=True))
        self._body(node.orelse, replace(place, unless_failed=(*place.unless_failed, number)))
        self._body(node.finalbody, place)

    def _clauses(self, handlers: Sequence[ast.ExceptHandler], place: _Place) -> None:
        """Read what the clauses name: Python looks it up where an exception gets to them.

        No exception that a program means to handle gets past a clause for all of them.
        """
        for handler in handlers:
            if handler.type is None:
                break
            self._expression(handler.type, replace(place, conditional=True))
            if (dotted(handler.type) or "").rpartition(".")[2] in {"Exception", "BaseException"}:
                break

    def _with(self, node: ast.With | ast.AsyncWith, place: _Place) -> None:
        inner = place
        for item in node.items:
            self._expression(item.context_expr, place)
            block = suppressed(item.context_expr, self._assigned)
            if block is not None:
                inner = replace(inner, caught_by=(*inner.caught_by, self._new_try(block)))
        self._body(node.body, inner)

    def _new_try(self, block: TryBlock) -> int:
        self._tries.append(block)
        return len(self._tries) - 1

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, place: _Place) -> None:
        arguments = node.args
        self._expressions(
            [*node.decorator_list, *arguments.defaults, *filter(None, arguments.kw_defaults)], place
        )
        if not self._lazy_annotations:
            annotated = (
                *arguments.posonlyargs,
                *arguments.args,
                *arguments.kwonlyargs,
                *filter(None, (arguments.vararg, arguments.kwarg)),
            )
            annotations = [argument.annotation for argument in annotated]
            self._expressions(filter(None, [*annotations, node.returns]), place)
        later = _later(place, function_scope(node, place.scope, self._binder))
        if not place.function:
            name = ".".join(filter(None, (place.in_class, node.name)))
            self._functions.append(name)
            later = replace(later, function=name)
            self._decorated(name, node, place)
        self._body(node.body, later)

    def _decorated(
        self, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef, place: _Place
    ) -> None:
        """A decorator may hand the function to somebody who calls it."""
        for decorator in node.decorator_list:
            inner = decorator.func if isinstance(decorator, ast.Call) else decorator
            written = dotted(inner) or ""
            root = written.partition(".")[0]
            target = self._target(root, place.scope)
            if written.rpartition(".")[2] in {*_WRAPPERS, "setter", "deleter", "getter"}:
                continue
            if target is not None and target[0].partition(".")[0] in _COMMAND_LINE:
                continue
            self._refer(self._name, tuple(name.split(".")), place, by=root if not target else "*")

    # --- imports -----------------------------------------------------------------------------

    def _import_from(self, node: ast.ImportFrom, place: _Place) -> None:
        module = self._binder.absolute(node)
        if module is None or module == "__future__":
            return
        for alias in node.names:
            if alias.name == "*":
                self._ask(Form.IMPORT, module, (), node, place)
            else:
                self._ask(Form.FROM, module, (alias.name,), node, place)

    def _ask(
        self,
        form: Form,
        module: str,
        names: tuple[str, ...],
        node: ast.AST,
        place: _Place,
        call: Call | None = None,
    ) -> None:
        if form in (Form.IMPORT, Form.FROM):
            self._refer(module, names, place, loads=True)
        if place.dead:
            return
        self._asks.append(
            Ask(
                form=form,
                module=module,
                names=names,
                line=getattr(node, "lineno", 0),
                moment=place.moment,
                caught_by=place.caught_by,
                fallback_of=place.fallback_of,
                unless_failed=place.unless_failed,
                guarded=place.guarded,
                conditional=place.conditional,
                call=call,
                function=place.function,
            )
        )

    def _refer(
        self,
        module: str,
        names: tuple[str, ...],
        place: _Place,
        *,
        loads: bool = False,
        by: str = "",
    ) -> None:
        if self._code:
            self._references.append(
                Reference(
                    module=module,
                    names=names,
                    caller=place.function,
                    tries=place.caught_by,
                    guarded=place.guarded,
                    dead=place.dead,
                    loads=loads,
                    by_decorator=by,
                )
            )

    # --- expressions -------------------------------------------------------------------------

    def _expressions(self, nodes: Iterable[ast.expr], place: _Place) -> None:
        for node in nodes:
            self._expression(node, place)

    def _expression(self, node: ast.expr, place: _Place) -> None:
        match node:
            case ast.Call():
                self._call(node, place)
            case ast.Attribute():
                self._refer("", (node.attr,), place)
                if not self._chain(node, place):
                    self._expression(node.value, place)
            case ast.Name(id=name, ctx=ast.Load()):
                if self._code:
                    self._name_read(name, node, place)
            case ast.Lambda():
                self._expressions(
                    [*node.args.defaults, *filter(None, node.args.kw_defaults)], place
                )
                scope = function_scope(node, place.scope, self._binder)
                self._expression(node.body, _later(place, scope))
            case ast.IfExp():
                self._expression(node.test, place)
                yes, no = self._branches(node.test, place)
                self._expression(node.body, yes)
                self._expression(node.orelse, no)
            case ast.BoolOp(op=op, values=values):
                self._joined(op, values, place)
            case ast.Await(value=value):
                self._awaited.add(id(value))
                self._expression(value, place)
            case ast.Subscript(value=ast.Dict() as table, slice=key):
                self._expression(key, place)
                self._table(table, key, place)
            case ast.Call(
                func=ast.Attribute(value=ast.Dict() as table, attr="get"), args=[key, *_]
            ):
                self._expressions(node.args, place)
                self._table(table, key, place)
            case _:
                self._children(node, place)

    def _joined(self, op: ast.boolop, values: Sequence[ast.expr], place: _Place) -> None:
        """``a and b``: the second is evaluated only where the first lets it."""
        probing = any(self._values.probes(value, place.scope) for value in values)
        place = replace(place, guarded=place.guarded or probing, conditional=True)
        for value in values:
            self._expression(value, place)
            if self._truth(value, place) is isinstance(op, ast.Or) and not probing:
                place = replace(place, dead=True)

    def _table(
        self, table: ast.Dict, key: ast.expr, place: _Place, scope: Scope | None = None
    ) -> None:
        """``{1: old, 2: new}[MAJOR]``: of what is to be called later, one entry is chosen.

        ``scope`` is that of the key, if it stands elsewhere.
        """
        value = self._values.value(key, scope or place.scope)
        probing = self._values.probes(key, scope or place.scope)
        self._expressions([name for name in table.keys if name is not None], place)
        for name, entry in zip(table.keys, table.values, strict=True):
            here = place
            if isinstance(entry, ast.Lambda | ast.Name):
                own = UNKNOWN if name is None else self._values.value(name, place.scope)
                other = UNKNOWN not in (value, own) and own != value
                if other and not probing:
                    here = replace(place, dead=True)
                elif other or value is UNKNOWN:
                    here = replace(place, guarded=place.guarded or probing)
            self._expression(entry, here)

    def _call(self, node: ast.Call, place: _Place) -> None:
        self._importer(node, place)
        if self._runs_coroutines(node.func, place):
            self._awaited.update(id(argument) for argument in node.args)
        call = Call(
            positional=sum(not isinstance(argument, ast.Starred) for argument in node.args),
            keywords=tuple(keyword.arg for keyword in node.keywords if keyword.arg),
            awaited=id(node) in self._awaited,
            open=any(isinstance(argument, ast.Starred) for argument in node.args)
            or any(keyword.arg is None for keyword in node.keywords),
        )
        if not self._chain(node.func, place, call):
            self._expression(node.func, place)
        elif isinstance(node.func, ast.Attribute):
            self._refer("", (node.func.attr,), place)
        self._expressions([*node.args, *(keyword.value for keyword in node.keywords)], place)

    def _runs_coroutines(self, callee: ast.expr, place: _Place) -> bool:
        name = self._values.canonical(callee, place.scope) or (dotted(callee) or "")
        last = name.rpartition(".")[2]
        return name.startswith(("asyncio.", "anyio.", "trio.")) or last in _COROUTINE_RUNNERS

    def _chain(self, node: ast.expr, place: _Place, call: Call | None = None) -> bool:
        """Read ``a.b.c`` where ``a`` is an import; False for any other expression."""
        name = dotted(node)
        context = getattr(node, "ctx", None)
        if not self._code or isinstance(context, ast.Store | ast.Del):
            return name is not None and self._set_or_known(name, context, place)
        path = self._values.path(node, place.scope)
        if path is None:
            return False
        module, names = path
        if name is not None:
            self._refer(module, names, place)
        if isinstance(node, ast.Attribute):
            self._ask(Form.ATTRIBUTE, module, names, node, place, call)
        elif call is not None and names and names[-1] != "()":
            self._ask(Form.CALL, module, names, node, place, call)
        return name is not None

    def _set_or_known(self, name: str, context: object, place: _Place) -> bool:
        """``a.b.c = …`` where ``a`` is an import; False for any other name."""
        root, *attributes = name.split(".")
        target = self._target(root, place.scope)
        if target is None:
            return False
        names = (*((target[1],) if target[1] else ()), *attributes)
        if isinstance(context, ast.Store | ast.Del) and not place.dead:
            self._patches.append((".".join((target[0], *names[:-1])), names[-1]))
        return True

    def _target(self, name: str, scope: Scope) -> Target | None:
        where = owner(scope, name)
        return where.sole(name) if where is not None else None

    def _name_read(self, name: str, node: ast.Name, place: _Place) -> None:
        where = owner(place.scope, name)
        if where is self._module:
            target = where.sole(name)
            if target is None:
                self._refer(self._name, (name,), place)
            elif target[1] is not None:
                self._refer(target[0], (target[1],), place)
        if where is None and self._module.stars and name not in _BUILTINS:
            for star in self._module.stars:
                self._refer(star, (name,), place)
            self._ask(Form.STAR, self._name, (name,), node, place)

    def _importer(self, node: ast.Call, place: _Place) -> None:
        """``importlib.import_module(…)`` and ``__import__(…)``."""
        name = dotted(node.func)
        if name is None or not node.args:
            return
        root, *attributes = name.split(".")
        target = self._target(root, place.scope)
        if target is None:
            if name != "__import__" or owner(place.scope, root) is not None:
                return
        elif (target[0], (*filter(None, (target[1],)), *attributes)) not in _IMPORTERS:
            return
        named = computed_import(node, module=self._name, is_package=self._is_package)
        if named.module:
            self._ask(Form.IMPORT, named.module, (), node, place)
        if named.package and not place.dead:
            self._prefixes.append(named.package)


def _fits(pattern: ast.pattern, value: object) -> bool | None:
    """True or False where a pattern certainly fits a known value or does not."""
    match pattern:
        case ast.MatchValue(value=ast.Constant(value=wanted)):
            return bool(wanted == value)
        case ast.MatchSingleton(value=wanted):
            return wanted is value
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _fits(inner, value)
        case ast.MatchOr(patterns=patterns):
            known = [_fits(inner, value) for inner in patterns]
            if True in known:
                return True
            return None if None in known else False
        case ast.MatchSequence(patterns=patterns):
            if not isinstance(value, tuple):
                return False
            star = [i for i, inner in enumerate(patterns) if isinstance(inner, ast.MatchStar)]
            if star and star[0] != len(patterns) - 1:
                return None
            inner_patterns = patterns[: star[0]] if star else patterns
            if len(value) < len(inner_patterns) or (not star and len(value) > len(patterns)):
                return False
            known = [_fits(i, v) for i, v in zip(inner_patterns, value, strict=False)]
            if False in known:
                return False
            return None if None in known else True
    return None


def _later(place: _Place, scope: Scope) -> _Place:
    """The place of a function's body, where nothing around its ``def`` catches a failure."""
    return replace(place, scope=scope, moment=Moment.RUNNING, caught_by=())


def _global_names(tree: ast.Module) -> set[str]:
    return {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}


def _any_name(dynamics: Dynamics, scope: Scope) -> Iterable[tuple[str, str]]:
    """Imported modules that some ``setattr`` or ``__dict__`` may give any name."""
    for name in dynamics.set_on:
        target = scope.sole(name)
        if target is not None:
            yield ".".join(filter(None, target)), "*"
