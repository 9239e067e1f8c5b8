"""JSON values (RFC 8259) and JSON Pointer (RFC 6901), and values in the texts of reports."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TypeAlias

from pytest_lambda_rollback.model.text import printable

Json: TypeAlias = "bool | int | float | Decimal | str | list[Json] | dict[str, Json] | None"
"""A parsed JSON value; Decimal only for integers too long for Python's own limit."""

Path: TypeAlias = "tuple[str | int, ...]"
"""Reference tokens from the root: keys as text, array indexes as numbers."""

MAX_DEPTH = 100
"""Levels of nesting that are compared; deeper values are refused, so recursion stays bounded."""

MAX_TEXT = 200
"""Characters of a value that a report shows."""

_LONGEST_INT = 4300
"""Digits that ``int`` takes from text (sys.int_info.default_max_str_digits)."""


class TooDeepError(ValueError):
    """A JSON document nests deeper than MAX_DEPTH."""


def parse(text: str | bytes) -> Json:
    """Read one JSON document; NaN, Infinity and duplicate keys (the last one wins) are tolerated.

    Raises ValueError for what is not JSON in UTF-8, TooDeepError for what nests too deep.
    """
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8")
        value: Json = json.loads(decoded, parse_int=_integer)
    except RecursionError:
        raise TooDeepError from None
    if _deeper_than(value, MAX_DEPTH):
        raise TooDeepError
    return value


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _LONGEST_INT else Decimal(digits)


def _deeper_than(value: Json, limit: int) -> bool:
    """True if a value nests deeper; level by level, so that the check cannot overflow itself."""
    level: list[Json] = [value]
    for _ in range(limit):
        below: list[Json] = []
        for each in level:
            if isinstance(each, dict):
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
        level = below
    return any(isinstance(each, (dict, list)) for each in level)


def json_type(value: Json) -> str:
    """The JSON type: int and float are one ``number``, a bool is never one."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "number"


def scalar_key(value: Json) -> tuple[str, object]:
    """A hashable that is equal for equal scalars: 1 equals 1.0, and True does not equal 1."""
    kind = json_type(value)
    if kind in ("object", "array"):
        return kind, None
    if kind == "number" and value != value:  # NaN, which does not equal itself
        return kind, "NaN"
    return kind, value


def canonical(value: Json) -> str:
    """A text that is equal for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, default=str)


def pointer(path: Path) -> str:
    """The path as a JSON Pointer (RFC 6901)."""
    return "".join(
        "/" + printable(str(t), keep="").replace("~", "~0").replace("/", "~1") for t in path
    )


def pointer_tokens(text: str) -> tuple[str, ...]:
    """The reference tokens of a JSON Pointer. Raises ValueError for other text."""
    if text == "":
        return ()
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not a JSON Pointer: it must begin with a slash")
    return tuple(t.replace("~1", "/").replace("~0", "~") for t in text[1:].split("/"))


def short_text(value: Json, limit: int = MAX_TEXT) -> str:
    """The value as JSON in at most ``limit`` characters, the last one … where it was cut."""
    text = ""
    for chunk in json.JSONEncoder(ensure_ascii=False, default=str).iterencode(value):
        text += chunk
        if len(text) > limit:
            break
    return bounded(printable(text, keep=""), limit)


def bounded(text: str, limit: int = MAX_TEXT) -> str:
    """The text in at most ``limit`` characters, the last one … where it was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def one_line(text: str, limit: int = MAX_TEXT) -> str:
    """The text on one line, white space folded and nothing in it that a terminal obeys."""
    return bounded(printable(" ".join(text[: limit * 20].split()), keep=""), limit)
