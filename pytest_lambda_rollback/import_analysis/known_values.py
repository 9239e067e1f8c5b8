"""Values of expressions in the function's runtime, as far as its stack decides them.

What decides is the Python version and platform, the environment variables of the version, constants
of its code, and the versions of the distributions in its layers. Nothing is run: an expression has
a value here only if it is made of such things by the few operations below, else it is `UNKNOWN`.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from packaging.version import InvalidVersion, Version


class Unknown:
    """The type of `UNKNOWN`."""


UNKNOWN = Unknown()
"""The value of what reading cannot determine."""

PRESENT = object()
"""A value of which nothing is known but that it is neither None nor false."""


class Surroundings(Protocol):
    """The facts about a function version that conditions in its code may ask for."""

    def variable(self, name: str) -> object:
        """An environment variable; ``None`` where it is not set, or `UNKNOWN`."""

    def constant(self, module: str, names: tuple[str, ...]) -> object:
        """The value of a name of a module, or `UNKNOWN`. A last name ``()`` calls it."""

    def unsure(self, module: str, names: tuple[str, ...]) -> bool:
        """True for a name of a module whose value tells what is there."""

    def distribution(self, name: str) -> object:
        """The version of an installed distribution, or `UNKNOWN`."""

    def offers(self, module: str, names: tuple[str, ...]) -> object:
        """True or False for a module, or a name of it, that is there or not; or `UNKNOWN`."""


class NoSurroundings:
    """Nothing but the runtime is known."""

    def variable(self, name: str) -> object:  # noqa: ARG002
        """Unknown."""
        return UNKNOWN

    def constant(self, module: str, names: tuple[str, ...]) -> object:  # noqa: ARG002
        """Unknown."""
        return UNKNOWN

    def unsure(self, module: str, names: tuple[str, ...]) -> bool:  # noqa: ARG002
        """Names in capitals are taken for flags."""
        return names[-1].isupper()

    def distribution(self, name: str) -> object:  # noqa: ARG002
        """Unknown."""
        return UNKNOWN

    def offers(self, module: str, names: tuple[str, ...]) -> object:  # noqa: ARG002
        """Unknown."""
        return UNKNOWN


class PythonVersion(tuple[int, ...]):
    """``sys.version_info`` up to the minor version: the patch version is not known."""

    __slots__ = ()


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

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
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
    "__debug__": True,
}
"""True in every Lambda Python runtime. ``__name__`` is an imported module's."""

_CALLS: dict[str, object] = {
    "platform.system": "Linux",
    "platform.python_implementation": "CPython",
}

_BUILTINS: dict[str, Callable[..., Any]] = {
    "bool": bool, "int": int, "str": str, "float": float, "len": len, "tuple": tuple, "any": any,
    "list": tuple, "set": frozenset, "frozenset": frozenset, "all": all, "min": min, "max": max,
    "sorted": lambda values: tuple(sorted(values)),
}  # fmt: skip

_METHODS = frozenset(
    {"lower", "upper", "strip", "lstrip", "rstrip", "casefold", "title", "split", "rsplit", "get"}
    | {"startswith", "endswith", "partition", "rpartition", "replace", "removeprefix", "isdigit"}
    | {"removesuffix", "count", "find", "index", "keys", "values", "isnumeric", "splitlines"}
)

_VERSION_MAKERS = frozenset({"Version", "parse", "parse_version", "LooseVersion", "StrictVersion"})
_VERSION_PARTS = frozenset({"major", "minor", "micro", "release", "public", "base_version"})

_PLAIN = (str, bytes, int, float, tuple, frozenset, dict, Version, type(None))
_LONG = 10_000


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
    return Values(python).truth(test)


class Values:
    """Evaluates expressions. ``resolve`` gives values of names, calls and items that it knows."""

    def __init__(
        self, python: tuple[int, int], resolve: Callable[[ast.expr], object] | None = None
    ) -> None:
        self._python = python
        self._resolve = resolve

    def truth(self, test: ast.expr) -> bool | None:
        """A condition's value; ``None`` if reading cannot determine it."""
        value = self.value(test)
        return None if value is UNKNOWN else bool(value)

    def value(self, node: ast.expr, loop: Mapping[str, object] | None = None) -> object:
        """The value of an expression, or `UNKNOWN`. ``loop`` has the variables of loops."""
        try:
            return self._value(node, loop or {})
        except Exception:  # whatever an operation on odd values raises
            return UNKNOWN

    def _value(self, node: ast.expr, loop: Mapping[str, object]) -> object:
        if for_type_checkers(node):
            return False
        if isinstance(node, ast.Name) and node.id in loop:
            return loop[node.id]
        if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Compare):
            known = self._resolve(node) if self._resolve is not None else UNKNOWN
            if known is not UNKNOWN:
                return known
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name() | ast.Attribute():
                return self._named(node, loop)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._value(operand, loop)
                return UNKNOWN if inner is UNKNOWN else not inner
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(number))):
                return -number
            case ast.BoolOp(op=op, values=values):
                return self._joined(op, values, loop)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._compared([left, *comparators], ops, loop)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                known = self.truth(test)
                return UNKNOWN if known is None else self._value(body if known else orelse, loop)
            case ast.NamedExpr(value=value):
                return self._value(value, loop)
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                return self._all(elements, loop)
            case ast.Dict(keys=keys, values=values) if all(keys):
                names = self._all([key for key in keys if key is not None], loop)
                known = [self.value(value) for value in values]
                known = [
                    PRESENT if isinstance(v, ast.Lambda) else k
                    for v, k in zip(values, known, strict=True)
                ]
                return dict(zip(names, known, strict=True)) if isinstance(names, tuple) else UNKNOWN
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(left, op, right, loop)
            case ast.Subscript(value=value, slice=index):
                return self._item(self._value(value, loop), index, loop)
            case ast.Call():
                return self._called(node, loop)
            case ast.GeneratorExp() | ast.ListComp():
                return self._looped(node, loop)
        return UNKNOWN

    def _named(self, node: ast.expr, loop: Mapping[str, object]) -> object:
        name = dotted(node)
        if name in {"sys.version_info", "version_info"}:
            return PythonVersion(self._python)
        if name in {"sys.version_info.major", "version_info.major"}:
            return self._python[0]
        if name in {"sys.version_info.minor", "version_info.minor"}:
            return self._python[1]
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if isinstance(node, ast.Attribute) and node.attr in _VERSION_PARTS:
            subject = self._value(node.value, loop)
            if isinstance(subject, Version):
                return getattr(subject, node.attr)
        return UNKNOWN

    def _all(self, nodes: list[ast.expr], loop: Mapping[str, object]) -> object:
        values = tuple(self._value(node, loop) for node in nodes)
        return UNKNOWN if any(value is UNKNOWN for value in values) else values

    def _joined(self, op: ast.boolop, values: list[ast.expr], loop: Mapping[str, object]) -> object:
        """As Python gives it; unknown parts count only where no other part decides."""
        wanted = isinstance(op, ast.Or)
        known = [self.value(value, loop) for value in values]
        for value in known:
            if value is UNKNOWN:
                break
            if bool(value) is wanted:
                return value
        else:
            return known[-1]
        for value in known:
            if value is not UNKNOWN and bool(value) is wanted:
                return wanted
        return UNKNOWN

    def _compared(
        self, nodes: list[ast.expr], ops: list[ast.cmpop], loop: Mapping[str, object]
    ) -> object:
        values = [self._value(node, loop) for node in nodes]
        results = [
            self._pair(left, op, right)
            for left, op, right in zip(values, ops, values[1:], strict=False)
        ]
        if False in results:
            return False
        return UNKNOWN if UNKNOWN in results else True

    @staticmethod
    def _pair(left: object, op: ast.cmpop, right: object) -> object:
        if left is UNKNOWN or right is UNKNOWN:
            return UNKNOWN
        if PRESENT in (left, right):
            if isinstance(op, ast.Is | ast.IsNot) and None in (left, right):
                return isinstance(op, ast.IsNot)
            return UNKNOWN
        if isinstance(left, PythonVersion):
            if not isinstance(right, tuple) or (len(right) > 2 and right[:2] == left):
                return UNKNOWN  # it depends on the patch version
            left = (*left, 1) if len(right) <= 2 else tuple(left)
        if isinstance(left, Version) and isinstance(right, str):
            right = Version(right)
        return bool(_COMPARE[type(op)](left, right))

    def _binary(
        self, left: ast.expr, op: ast.operator, right: ast.expr, loop: Mapping[str, object]
    ) -> object:
        one, two = self._value(left, loop), self._value(right, loop)
        if isinstance(op, ast.Pow) and isinstance(one, int) and isinstance(two, int):
            return one**two if 0 <= two <= 64 else UNKNOWN
        if not isinstance(one, _PLAIN) or not isinstance(two, _PLAIN):
            return UNKNOWN
        return _short(_BINARY[type(op)](one, two))

    def _item(self, subject: object, index: ast.expr, loop: Mapping[str, object]) -> object:
        if not isinstance(subject, str | tuple | dict):
            return UNKNOWN
        if isinstance(index, ast.Slice):
            ends: list[Any] = [
                None if end is None else self._value(end, loop)
                for end in (index.lower, index.upper, index.step)
            ]
            if UNKNOWN in ends or isinstance(subject, dict):
                return UNKNOWN
            if isinstance(subject, PythonVersion) and (ends[1] is None or ends[1] not in (1, 2)):
                return UNKNOWN
            return subject[slice(*ends)]
        place: Any = self._value(index, loop)
        if place is UNKNOWN or (isinstance(subject, PythonVersion) and place not in (0, 1)):
            return UNKNOWN
        return subject[place]

    def _called(self, node: ast.Call, loop: Mapping[str, object]) -> object:
        name = dotted(node.func) or ""
        if not node.args and not node.keywords and name in _CALLS:
            return _CALLS[name]
        if node.keywords:
            return UNKNOWN
        if name == "map" and len(node.args) == 2:
            convert, over = dotted(node.args[0]), self._value(node.args[1], loop)
            if convert in _BUILTINS and isinstance(over, tuple):
                return tuple(_BUILTINS[convert](each) for each in over)
            return UNKNOWN
        arguments = self._all(node.args, loop)
        if not isinstance(arguments, tuple) or PRESENT in arguments:
            return UNKNOWN
        if name in _BUILTINS:
            return _short(_BUILTINS[name](*arguments))
        last = node.func.attr if isinstance(node.func, ast.Attribute) else name
        if last in _VERSION_MAKERS and len(arguments) == 1:
            return _version(arguments[0])
        if isinstance(node.func, ast.Attribute) and last in _METHODS:
            subject = self._value(node.func.value, loop)
            if isinstance(subject, PythonVersion) or not isinstance(subject, str | tuple | dict):
                return UNKNOWN
            result = getattr(subject, last)(*arguments)
            return _short(tuple(result) if not isinstance(result, _PLAIN) else result)
        return UNKNOWN

    def _looped(self, node: ast.GeneratorExp | ast.ListComp, loop: Mapping[str, object]) -> object:
        match node.generators:
            case [ast.comprehension(target=ast.Name(id=name), iter=over, ifs=tests)]:
                values = self._value(over, loop)
                if not isinstance(values, tuple) or isinstance(values, PythonVersion):
                    return UNKNOWN
                results: list[object] = []
                for value in values:
                    inner = {**loop, name: value}
                    kept = [self._value(test, inner) for test in tests]
                    if UNKNOWN in kept:
                        return UNKNOWN
                    if all(kept):
                        results.append(self._value(node.elt, inner))
                return UNKNOWN if UNKNOWN in results else tuple(results)
        return UNKNOWN


def _short(value: object) -> object:
    """A value that is not absurdly long, lists as tuples."""
    if isinstance(value, list):
        value = tuple(value)
    return UNKNOWN if isinstance(value, str | bytes | tuple) and len(value) > _LONG else value


def _version(text: object) -> object:
    if not isinstance(text, str):
        return UNKNOWN
    try:
        return Version(text)
    except InvalidVersion:
        return UNKNOWN
