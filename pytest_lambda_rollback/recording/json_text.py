"""JSON text and back, with every number as it was written.

Python's floats would turn 1.10 into 1.1 and 1e400 into infinity; a function sees such differences,
so floats keep their text here. Invalid JSON (NaN, a lone comma) is refused, and so are documents
nested deeper than any event.
"""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from typing import Final, NoReturn

from pytest_lambda_rollback.redaction.documents import NumberText

MAX_DEPTH: Final = 200
"""Levels of nesting; later steps walk through events recursively."""
MAX_LITERAL_CHARS: Final = 524_288
"""Of a Python literal, whose syntax tree needs two hundred times as much memory."""

_SIGNS = re.compile(r"[-+~]{4}")


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


_DECODER = json.JSONDecoder(parse_float=NumberText, parse_constant=_refuse)


def parse(text: str) -> object:
    """The value of a JSON text. Raises ValueError for invalid JSON."""
    try:
        return _shallow(_DECODER.decode(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_first(text: str) -> tuple[object, int]:
    """The value at the beginning of a text, and where it ends. Raises ValueError."""
    try:
        value, end = _DECODER.raw_decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return _shallow(value), end


def parse_literal(text: str) -> object:
    """The JSON value that ``print(event)`` wrote as ``text``. Raises ValueError."""
    if len(text) > MAX_LITERAL_CHARS:
        raise ValueError("too long for a Python literal")
    if _nesting(text) > MAX_DEPTH or _SIGNS.search(text):
        raise ValueError("nested too deeply")
    try:
        with warnings.catch_warnings():
            # The compiler's warnings would show what was logged.
            warnings.simplefilter("ignore", SyntaxWarning)
            value = ast.literal_eval(text)
    except (SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise ValueError("not a Python literal") from error
    return _shallow(_json_only(value))


def _shallow(value: object) -> object:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return value
    raise ValueError("nested too deeply")


def _json_only(value: object) -> object:
    """The same value. Raises ValueError if JSON has no such value."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a key that is not text")
        for each in value.values():
            _json_only(each)
    elif isinstance(value, list):
        for each in value:
            _json_only(each)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number that JSON does not have")
    elif value is not None and not isinstance(value, str | int):
        raise ValueError("a value that JSON does not have")
    return value


def _nesting(text: str) -> int:
    """The deepest nesting of brackets, those in strings included."""
    depth = deepest = 0
    for match in re.finditer(r"[\[{(\]})]", text):
        depth += 1 if match.group() in "[{(" else -1
        deepest = max(deepest, depth)
    return deepest
