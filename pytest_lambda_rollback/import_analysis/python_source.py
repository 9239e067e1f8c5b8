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

from pytest_lambda_rollback.import_analysis.conditions import (
    alternatives,
    dotted,
    finds_out,
    from_environment,
    leaves,
    probes,
    suppressed,
    truth,
)
from pytest_lambda_rollback.import_analysis.dynamics import (
    Dynamics,
    computed_import,
    exported_names,
    find_dynamics,
    given_names,
    refused_names,
)
from pytest_lambda_rollback.import_analysis.scopes import (
    Binder,
    Scope,
    Target,
    function_scope,
    owner,
)
from pytest_lambda_rollback.model.modules import Ask, Call, Form, Moment, TryBlock


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


UNREADABLE = ModuleFacts(readable=False, dynamic=True, opens_path=True)


# --- reading --------------------------------------------------------------------------------

_BUILTINS = frozenset(dir(builtins)) | {"__file__", "__path__", "__class__", "WindowsError"}

_IMPORTERS = {("importlib", ("import_module",)), ("importlib", ("__import__",))}


def read_facts(
    source: bytes, *, module: str, is_package: bool, python: tuple[int, int], code: bool
) -> ModuleFacts:
    """The facts of one source, as the given Python sees it.

    ``code`` is for the function's own files: of others it is not read which attributes they use.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a package's escapes are not this run's business
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return UNREADABLE
    try:
        return _Reader(tree, source, module, is_package, python, code=code).facts()
    except RecursionError:
        return UNREADABLE


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


class _Reader:
    def __init__(
        self,
        tree: ast.Module,
        source: bytes,
        module: str,
        is_package: bool,
        python: tuple[int, int],
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
        self._unsure = self._module.uncertain | set(self._flags())

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
                if (target := self._module.sole(name)) is not None
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
        )

    def _flags(self) -> Iterator[str]:
        """Names that tell what is there: imported constants, and those computed from versions."""
        for name, targets in self._module.bindings.items():
            if name.isupper() and None not in targets:
                yield name
        for statement in self._tree.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    constant = name.isupper() and not isinstance(value, ast.Constant)
                    if finds_out(value) or (constant and not from_environment(value)):
                        yield name

    def _own_submodules(self, dynamics: Dynamics) -> tuple[str, ...]:
        return (self._name,) if dynamics.lists_submodules and self._is_package else ()

    # --- statements --------------------------------------------------------------------------

    def _body(self, body: Iterable[ast.stmt], place: _Place) -> None:
        for statement in body:
            place = self._statement(statement, place)

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
                self._body(node.body, replace(place, scope=inner))
            case ast.If():
                return self._if(node, place)
            case ast.Try() | ast.TryStar():
                self._try(node, place)
            case ast.With() | ast.AsyncWith():
                self._with(node, place)
            case ast.For() | ast.AsyncFor() | ast.While() | ast.Match():
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
        known = truth(node.test, self._python)
        probing = known is None and probes(node.test, self._unsure)
        inner = place
        if known is None:
            inner = replace(place, guarded=place.guarded or probing, conditional=True)
        if known is not False:
            self._body(node.body, inner)
        if known is not True:
            self._body(node.orelse, inner)
        return inner if known is None and (leaves(node.body) or leaves(node.orelse)) else place

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
        scope = function_scope(node, place.scope, self._binder)
        self._body(node.body, _later(place, scope))

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
                if not self._chain(node, place):
                    self._expression(node.value, place)
            case ast.Name(id=name, ctx=ast.Load()):
                if self._code and self._module.stars:
                    self._bare_name(name, node, place)
            case ast.Lambda():
                self._expressions(
                    [*node.args.defaults, *filter(None, node.args.kw_defaults)], place
                )
                scope = function_scope(node, place.scope, self._binder)
                self._expression(node.body, _later(place, scope))
            case ast.IfExp():
                self._expression(node.test, place)
                known = truth(node.test, self._python)
                if known is None:
                    probing = probes(node.test, self._unsure)
                    place = replace(place, guarded=place.guarded or probing, conditional=True)
                self._expressions([node.body] if known is not False else [], place)
                self._expressions([node.orelse] if known is not True else [], place)
            case ast.BoolOp(values=values):
                probing = any(probes(value, self._unsure) for value in values)
                self._expressions(
                    values,
                    replace(place, guarded=place.guarded or probing, conditional=True),
                )
            case _:
                self._children(node, place)

    def _call(self, node: ast.Call, place: _Place) -> None:
        self._importer(node, place)
        call = Call(
            positional=sum(not isinstance(argument, ast.Starred) for argument in node.args),
            keywords=tuple(keyword.arg for keyword in node.keywords if keyword.arg),
            open=any(isinstance(argument, ast.Starred) for argument in node.args)
            or any(keyword.arg is None for keyword in node.keywords),
        )
        if not self._chain(node.func, place, call):
            self._expression(node.func, place)
        self._expressions([*node.args, *(keyword.value for keyword in node.keywords)], place)

    def _chain(self, node: ast.expr, place: _Place, call: Call | None = None) -> bool:
        """Read ``a.b.c`` where ``a`` is an import; False for any other expression."""
        name = dotted(node)
        if name is None:
            return False
        root, *attributes = name.split(".")
        target = self._target(root, place.scope)
        if target is None:
            return False
        module, inner = target
        names = (*((inner,) if inner else ()), *attributes)
        context = getattr(node, "ctx", None)
        if isinstance(context, ast.Store | ast.Del):
            self._patches.append((".".join((module, *names[:-1])), names[-1]))
        elif not self._code:
            return True
        elif attributes:
            self._ask(Form.ATTRIBUTE, module, names, node, place, call)
        elif call is not None and names:
            self._ask(Form.CALL, module, names, node, place, call)
        return True

    def _target(self, name: str, scope: Scope) -> Target | None:
        where = owner(scope, name)
        return where.sole(name) if where is not None else None

    def _bare_name(self, name: str, node: ast.Name, place: _Place) -> None:
        if name not in _BUILTINS and owner(place.scope, name) is None:
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
        if named.package:
            self._prefixes.append(named.package)


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
