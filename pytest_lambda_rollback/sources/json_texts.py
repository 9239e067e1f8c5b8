"""JSON text: cut into its members, and read and written with every number as it stands.

Python's floats would turn 1.10 into 1.1 and 1e400 into infinity, and a function sees such
differences. Nothing here reads or writes a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NoReturn

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_TOKEN: Final = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\n\r]+')
_LONGEST_INT: Final = 4300
"""Digits that ``int`` takes from text (sys.int_info.default_max_str_digits)."""


class Number(float):
    """A number that is written back as it was read, 1.10 as 1.10."""

    text: str

    def __new__(cls, text: str) -> Number:
        """Keep the text."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self) -> str:
        """The text of the number."""
        return self.text


def parse(text: str) -> object:
    """The value of a JSON text, its decimals as `Number`.

    Raises ValueError for what is not JSON by its standard (RFC 8259), has a key twice in an
    object, or is nested too deeply.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=Number,
            parse_constant=_refuse,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def text_of(value: object, *, indent: int = 2, level: int = 0) -> str:
    """JSON text of a value, its keys in their order, indented by ``indent`` (0: in one line).

    A float that has a ``text``, as `Number` does, is written as that.
    """
    if isinstance(value, float) and isinstance(text := getattr(value, "text", None), str):
        return text
    if not isinstance(value, dict | list) or not value:
        return _scalar(value)
    gap = "\n" + " " * (indent * (level + 1)) if indent else ""
    end = "\n" + " " * (indent * level) if indent else ""
    colon = ": " if indent else ":"
    if isinstance(value, dict):
        members = [
            f"{gap}{_scalar(str(key))}{colon}{text_of(each, indent=indent, level=level + 1)}"
            for key, each in value.items()
        ]
        return "{" + ",".join(members) + end + "}"
    items = [gap + text_of(each, indent=indent, level=level + 1) for each in value]
    return "[" + ",".join(items) + end + "]"


def _scalar(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate can only be written escaped
        return json.dumps(value, allow_nan=False)
    return text


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _integer(digits: str) -> int | Number:
    return int(digits) if len(digits) <= _LONGEST_INT else Number(digits)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


# --- text that is known to be valid ---------------------------------------------------------------


def members(text: str) -> Iterator[tuple[str, str]]:
    """The keys of the object that a valid text is, with the text of their values."""
    decoder = json.JSONDecoder(parse_int=float)
    at = _after_space(text, _after_space(text, 0) + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        value_at = _after_space(text, _after_space(text, at) + 1)
        _, at = decoder.raw_decode(text, value_at)
        yield key, text[value_at:at]
        at = _after_space(text, at)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def compact(text: str) -> str:
    """The same valid text without the white space between its tokens."""
    return _TOKEN.sub(lambda match: match.group(1) or "", text)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
