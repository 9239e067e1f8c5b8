"""The data that failing code expected and did not get, by the error that it raised.

The messages are those of CPython and Node.js, and of the common validation packages (pydantic,
marshmallow, jsonschema, voluptuous). A message that none of them writes asks for nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pytest_lambda_rollback.aws_lambda import stack_traces
from pytest_lambda_rollback.model.replay import FunctionError


class Wanted(StrEnum):
    """The mismatch between the data and the code."""

    KEY = "key"
    """An object lacks the last of ``names``; the ones before it lead there."""
    KEY_OF_NOTHING = "key of nothing"
    """The object that should have this key is missing or null."""
    NO_KEY = "no key"
    """An object has a key that the code does not accept."""
    TYPE = "type"
    """Some value has one of the JSON types in ``names``."""
    ELEMENT = "element"
    """An array is too short."""
    FIELD = "field"
    """The value of the last of ``names`` was refused."""
    VALUE = "value"
    """A value was refused; ``names`` are the values that the message quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing that the code expected and did not get."""

    wanted: Wanted
    names: tuple[str, ...] = ()
    certain: bool = True
    """False if the code may have asked something else than the event."""


_QUOTED = re.compile(r"'((?:[^'\\]|\\.)+)'|\"((?:[^\"\\]|\\.)+)\"")
_INSIDE = r"['\"`]?(?P<name>[\w.$-]+)['\"`]?"
_KEY = tuple(
    re.compile(pattern)
    for pattern in (
        r"'(?P<name>[^']+)' is a required property",
        rf"(?i:missing (?:required )?(?:key|field|property|parameter|attribute)):? {_INSIDE}",
        rf"(?i:required (?:key|field|property|parameter)):? {_INSIDE} (?:is )?(?i:missing|not)",
        r"['\"`](?P<name>[\w.$-]+)['\"`] is (?:required|missing)",
        r"'(?P<name>[\w.$-]+)': \['Missing data for required field",
        r"required key not provided @ data\[(?:.*\[)?'(?P<name>[^']+)'\]",
    )
)
_MISSING_ARGUMENTS = re.compile(
    r"missing \d+ required (?:positional|keyword-only) arguments?: (?P<names>.+)"
)
_NO_KEY = tuple(
    re.compile(pattern)
    for pattern in (
        r"got an unexpected keyword argument '(?P<name>[^']+)'",
        r"\('(?P<name>[^']+)' (?:was|were) unexpected\)",
        r"'(?P<name>[\w.$-]+)': \['Unknown field",
        r"extra keys not allowed @ data\[(?:.*\[)?'(?P<name>[^']+)'\]",
    )
)
_OF_NOTHING = re.compile(
    r"Cannot read propert(?:y|ies) (?:of (?:undefined|null) \(reading '(?P<new>[^']+)'\)"
    r"|'(?P<old>[^']+)' of (?:undefined|null))"
)
_PYDANTIC = re.compile(r"^\d+ validation errors? for ")
_BLOCK = re.compile(r"^(?P<where>\S.*)\n[ \t]+(?P<says>.+)$", re.MULTILINE)
_JSON_TYPES = {
    "NoneType": "null", "str": "text", "dict": "an object", "list": "an array",
    "int": "a number", "float": "a number", "bool": "true or false",
}  # fmt: skip
_TYPE_MESSAGES = tuple(
    re.compile(pattern)
    for pattern in (
        r"^'(?P<a>\w+)' object (?:is not|has no|does not|doesn't|cannot|can't)",
        r"^argument of type '(?P<a>\w+)' is not iterable",
        r"^argument of type '(?P<a>\w+)' is not a container",
        r"^(?P<a>string|list|tuple) indices must be",
        r"argument must be .*, not '?(?P<a>\w+)'?$",
        r"unsupported operand type\(s\) for [^:]+: '(?P<a>\w+)' and '(?P<b>\w+)'",
        r"'[^']+' not supported between instances of '(?P<a>\w+)' and '(?P<b>\w+)'",
        r"can only concatenate \w+ \(not \"(?P<a>\w+)\"\) to",
        r"must be \w+, not (?P<a>\w+)$",
        r"expected [\w -]+, got '?(?P<a>\w+)'?",
    )
)
_NAMES_OF_TYPES = {"string": "str", "tuple": "list"}


def asked(error: FunctionError) -> tuple[Ask, ...]:
    """Everything that the error shows was expected, the most specific first; may be empty."""
    return tuple(dict.fromkeys(_asked(error)))


def _asked(error: FunctionError) -> Iterator[Ask]:
    kind, message = error.type.rpartition(".")[2], error.message.strip()
    if _PYDANTIC.match(message):
        yield from _validation(message)
        return
    if kind == "KeyError":
        yield from _of_key_error(next(_quoted(message), message), error)
        return
    for pattern in _KEY:
        for match in pattern.finditer(message):
            yield Ask(wanted=Wanted.KEY, names=(match["name"],))
    if (missing := _MISSING_ARGUMENTS.search(message)) is not None:
        for name in _quoted(missing["names"]):
            yield Ask(wanted=Wanted.KEY, names=(name,))
    for pattern in _NO_KEY:
        for match in pattern.finditer(message):
            yield Ask(wanted=Wanted.NO_KEY, names=(match["name"],))
    if (nothing := _OF_NOTHING.search(message)) is not None:
        yield Ask(wanted=Wanted.KEY_OF_NOTHING, names=(nothing["new"] or nothing["old"],))
    if kind == "IndexError":
        yield Ask(wanted=Wanted.ELEMENT)
    if kind in ("TypeError", "AttributeError"):
        yield from _types(message)
    else:
        values = tuple(_quoted(message))
        if values:
            yield Ask(wanted=Wanted.VALUE, names=values)


def _of_key_error(name: str, error: FunctionError) -> Iterator[Ask]:
    """A key that some object lacks, or else a value that some table of the code lacks.

    The line that raised it tells which, as far as it shows where the key comes from: a table of
    the code has the name of a constant or class, and a key that is written there is no value of
    the event.
    """
    lookups = [each for each in _lookups(error) if each.key in (None, name)]
    written = [each for each in lookups if each.key is not None]
    lookups = written or lookups
    if not (lookups and all(each.in_table for each in lookups)):
        yield Ask(wanted=Wanted.KEY, names=(name,), certain=not lookups or bool(written))
    if not written:
        yield Ask(wanted=Wanted.VALUE, names=(name,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lookup:
    """One ``x[key]`` in a line of code."""

    key: str | None
    """As it is written; ``None`` for one that is computed."""
    in_table: bool
    """``x`` is named like a constant or a class."""


def _lookups(error: FunctionError) -> Iterator[_Lookup]:
    """The subscripts in the line that raised; none where the line is not shown or not whole."""
    innermost = next(iter(stack_traces.frames(error.stack_trace)), None)
    source = innermost.source if innermost is not None else ""
    for text in (source, f"{source}\n    pass", f"{source})"):
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, SystemError):  # the last: packages.syntax
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                key = node.slice.value if isinstance(node.slice, ast.Constant) else None
                yield _Lookup(key=None if key is None else str(key), in_table=_is_table(node.value))
        return


def _is_table(node: ast.expr) -> bool:
    """True for ``RATES``, ``self.RATES``, ``settings.RATES["EUR"]`` and ``Colour``."""
    while isinstance(node, ast.Subscript):
        node = node.value
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name[:1].isupper() or name.lstrip("_")[:1].isupper()


def _validation(message: str) -> Iterator[Ask]:
    """Blocks of pydantic: a place and, indented below it, what is wrong there."""
    for match in _BLOCK.finditer(message):
        names = tuple(
            step for step in re.split(r"\.| -> ", match["where"].strip()) if not step.isdigit()
        )
        says = match["says"].lower()
        if not names or names[-1] in ("__root__",) or _PYDANTIC.match(match["where"]):
            continue
        if "field required" in says or "type=missing" in says:
            yield Ask(wanted=Wanted.KEY, names=names)
        elif "extra inputs are not" in says or "extra fields not" in says:
            yield Ask(wanted=Wanted.NO_KEY, names=names)
        else:
            yield Ask(wanted=Wanted.FIELD, names=names)


def _types(message: str) -> Iterator[Ask]:
    for pattern in _TYPE_MESSAGES:
        match = pattern.search(message)
        if match is None:
            continue
        named = (_NAMES_OF_TYPES.get(name, name) for name in match.groups() if name)
        types = tuple(dict.fromkeys(_JSON_TYPES[name] for name in named if name in _JSON_TYPES))
        if types:
            yield Ask(wanted=Wanted.TYPE, names=types)
        return


def _quoted(text: str) -> Iterator[str]:
    for match in _QUOTED.finditer(text):
        yield match[1] or match[2]
