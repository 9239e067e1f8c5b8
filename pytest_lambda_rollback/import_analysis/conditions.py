"""The meaning of ``if`` and ``except`` for imports, read without running anything.

Conditions are decided where the function's runtime decides them (its Python version, its
platform); conditions that find out whether something exists are distinguished from others, and
``except`` clauses that have an alternative for a failed import from those that only report it.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pytest_lambda_rollback.model.modules import TryBlock

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}

_CONSTANTS: dict[str, object] = {
    "sys.platform": "linux",
    "os.name": "posix",
    "sys.implementation.name": "cpython",
    "sys.byteorder": "little",
    "sys.maxsize": 2**63 - 1,
    "__name__": "",
    "PY2": False,
    "PY3": True,
    "six.PY2": False,
    "six.PY3": True,
}
"""True in every Lambda Python runtime. ``__name__`` is an imported module's."""

_CALLS: dict[str, object] = {
    "platform.system": "Linux",
    "platform.python_implementation": "CPython",
}

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


def dotted(node: ast.expr) -> str | None:
    """``a.b.c`` for such an expression, ``None`` for any other."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    parts.append(node.id)
    return ".".join(reversed(parts))


def for_type_checkers(test: ast.expr) -> bool:
    """True for ``if TYPE_CHECKING`` in any of its spellings."""
    return (dotted(test) or "").rpartition(".")[2] in {"TYPE_CHECKING", "MYPY"}


def truth(test: ast.expr, python: tuple[int, int]) -> bool | None:
    """A condition's value in the function's runtime; ``None`` if reading cannot determine it."""
    if for_type_checkers(test):
        return False
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = truth(operand, python)
            return None if inner is None else not inner
        case ast.BoolOp(op=op, values=values):
            wanted = isinstance(op, ast.Or)
            known = [truth(value, python) for value in values]
            if wanted in known:
                return wanted
            return None if None in known else not wanted
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(left, op, right, python)
        case ast.Call(func=ast.Attribute(value=value, attr="startswith"), args=[argument]):
            text, prefix = _value(value, python), _value(argument, python)
            if isinstance(text, str) and isinstance(prefix, str | tuple):
                return text.startswith(prefix)
            return None
    result = _value(test, python)
    return None if result is _UNKNOWN else bool(result)


class _Unknown:
    pass


_UNKNOWN = _Unknown()


def _compared(
    left: ast.expr, op: ast.cmpop, right: ast.expr, python: tuple[int, int]
) -> bool | None:
    values = (_value(left, python), _value(right, python))
    compare = _COMPARE[type(op)]
    if _UNKNOWN in values:
        return None
    if dotted(left) in {"sys.version_info", "version_info"}:
        limit = values[1]
        if not isinstance(limit, tuple) or (len(limit) > 2 and limit[:2] == python):
            return None  # it depends on the patch version
        values = ((*python, 1) if len(limit) <= 2 else python, limit)
    try:
        return bool(compare(*values))
    except TypeError:
        return None


def _value(node: ast.expr, python: tuple[int, int]) -> object:
    name = dotted(node)
    if name is not None:
        if name in {"sys.version_info", "version_info"}:
            return python
        if name in {"sys.version_info.major", "version_info.major"}:
            return python[0]
        if name in {"sys.version_info.minor", "version_info.minor"}:
            return python[1]
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        return _UNKNOWN
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            values = tuple(_value(element, python) for element in elements)
            return _UNKNOWN if _UNKNOWN in values else values
        case ast.Call(func=func, args=[], keywords=[]):
            return _CALLS.get(dotted(func) or "", _UNKNOWN)
        case ast.BinOp(left=ast.Constant(value=int(a)), op=op, right=ast.Constant(value=int(b))):
            if isinstance(op, ast.Pow) and 0 <= b <= 64:
                return int(a**b)
        case ast.Subscript(value=value, slice=index) if dotted(value) in {
            "sys.version_info",
            "version_info",
        }:
            match index:
                case ast.Constant(value=int(place)) if place in (0, 1):
                    return python[place]
                case ast.Slice(
                    lower=None | ast.Constant(value=0), upper=ast.Constant(value=int(end))
                ) if end in (1, 2):
                    return python[:end]
    return _UNKNOWN


def probes(test: ast.expr, uncertain: Collection[str]) -> bool:
    """True for a test that finds out whether something is there.

    ``uncertain`` are names whose value tells so: ``if HAS_X``, ``if yaml is None``. A test of data
    (``if order["gift"]``) does not count.
    """
    return finds_out(test) or any(
        isinstance(node, ast.Name) and node.id in uncertain for node in ast.walk(test)
    )


def finds_out(value: ast.expr) -> bool:
    """True for an expression that looks whether something is there, or which version it is."""
    for node in ast.walk(value):
        if isinstance(node, ast.Name):
            if _PROBE.fullmatch(node.id) or (node.id.isupper() and "VERSION" in node.id):
                return True
        elif isinstance(node, ast.Attribute):
            if _PROBE.fullmatch(node.attr) or (node.attr.isupper() and dotted(node)):
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
