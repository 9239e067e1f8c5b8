"""The meaning of ``if`` and ``except`` for imports, read without running anything.

Conditions are decided where the function's runtime decides them (its Python version, its
platform); conditions that find out whether something exists are distinguished from others, and
``except`` clauses that have an alternative for a failed import from those that only report it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Sequence

from pytest_lambda_rollback.import_analysis.known_values import dotted
from pytest_lambda_rollback.model.modules import TryBlock

_PROBE = re.compile(
    r"hasattr|getattr|find_spec|find_loader|find_module|"
    r"_?(has|have|had|no|missing)_\w+|.*(available|installed|importable|supported)",
    re.IGNORECASE,
)
"""Names in a test that finds out whether a module or a name is there."""

_MODULE = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_NAME = frozenset({"ImportError", "Exception", "BaseException"})
_ATTRIBUTE = frozenset({"AttributeError", "Exception", "BaseException"})
_BROAD = frozenset({"Exception", "BaseException"})


def finds_out(value: ast.expr, *, is_setting: Callable[[ast.expr], bool] = lambda _: False) -> bool:
    """True for an expression that looks whether something is there, or which version it is.

    ``is_setting`` tells which attributes in capitals are the function's own settings: a test of
    data or of a setting (``if order["gift"]``) finds nothing out.
    """
    for node in ast.walk(value):
        if isinstance(node, ast.Name):
            if _PROBE.fullmatch(node.id) or (node.id.isupper() and "VERSION" in node.id):
                return True
        elif isinstance(node, ast.Attribute):
            if _PROBE.fullmatch(node.attr):
                return True
            if node.attr.isupper() and dotted(node) and not is_setting(node):
                return True
            if node.attr in {"__version__", "version_info"} or dotted(node) == "sys.modules":
                return True
        elif isinstance(node, ast.Call) and (
            "version" in (dotted(node.func) or "").rpartition(".")[2].lower()
        ):
            return True
    return False


def from_environment(value: ast.expr) -> bool:
    """True for a value that is configuration: it does not show what is there."""
    return any(
        isinstance(node, ast.Name | ast.Attribute)
        and (dotted(node) or "").rpartition(".")[2] in {"environ", "getenv"}
        for node in ast.walk(value)
    )


def leaves(body: Sequence[ast.stmt]) -> bool:
    """True if what comes after these statements does not run."""
    return bool(body) and isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def alternatives(
    handlers: Sequence[ast.ExceptHandler], *, running: bool, assigned: Collection[str]
) -> TryBlock:
    """The failures for which the clauses of one ``try`` have an alternative.

    A clause that raises does not. In a function (``running``), a clause for any exception that
    answers with an error is error handling, not an alternative. ``assigned`` are names that the
    module assigns, which may stand for several exceptions.
    """
    seen: set[str] = set()
    module = name = attribute = False
    for handler in handlers:
        caught = _caught(handler.type, assigned) - seen
        seen |= caught
        if _raises(handler.body):
            if caught & _BROAD:
                break
            continue
        if running and not caught - _BROAD and _answers_with_an_error(handler.body):
            break
        module = module or bool(caught & _MODULE)
        name = name or bool(caught & _NAME)
        attribute = attribute or bool(caught & _ATTRIBUTE)
        if caught & _BROAD:
            break
    return TryBlock(module=module, name=name, attribute=attribute)


def suppressed(call: ast.expr, assigned: Collection[str]) -> TryBlock | None:
    """The same for ``contextlib.suppress(ImportError)``; ``None`` for any other expression."""
    if not isinstance(call, ast.Call):
        return None
    if (dotted(call.func) or "").rpartition(".")[2] != "suppress":
        return None
    caught: frozenset[str] = frozenset()
    for argument in call.args:
        caught |= _caught(argument, assigned)
    return TryBlock(
        module=bool(caught & _MODULE),
        name=bool(caught & _NAME),
        attribute=bool(caught & _ATTRIBUTE),
    )


def _caught(node: ast.expr | None, assigned: Collection[str]) -> frozenset[str]:
    if node is None:
        return frozenset({"BaseException"})
    if isinstance(node, ast.Tuple):
        return frozenset[str]().union(*(_caught(element, assigned) for element in node.elts))
    name = dotted(node)
    if name is None or name in assigned:
        return frozenset({"BaseException"})  # it may be anything
    return frozenset({name.rpartition(".")[2]})


def _raises(body: Sequence[ast.stmt]) -> bool:
    """True for a clause that ends by raising, or by leaving the process."""
    if not body:
        return False
    match body[-1]:
        case ast.Raise():
            return True
        case ast.Expr(value=ast.Call(func=func)):
            return dotted(func) in {"sys.exit", "exit", "os._exit"}
        case ast.If(body=first, orelse=second):
            return _raises(first) and _raises(second)
    return False


def _answers_with_an_error(body: Sequence[ast.stmt]) -> bool:
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Raise):
                return True
            if isinstance(node, ast.Constant) and (
                node.value in ("itemIdentifier", "batchItemFailures")
                or (type(node.value) is int and 400 <= node.value <= 599)
            ):
                return True
    return False
