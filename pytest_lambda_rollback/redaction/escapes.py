"""Texts with percent-encoded characters (RFC 3986): what they say, and where it stands. Pure.

Looked for is in what a text says; replaced is in the text itself, so that all else of it stays as
it came. What is looked for is not known here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote, unquote

_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_DEPTH: Final = 8
_NO_UTF_8: Final = re.compile(r"[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text with its escapes decoded, once or more often."""

    text: str
    _here: tuple[int, ...]
    """Where in this text a character begins that was escaped, or what follows such ones."""
    _there: tuple[int, ...]
    """The same places in the text that was decoded."""
    _before: Decoded | None
    """That text, where it was decoded itself."""

    def place(self, at: int) -> int:
        """Where in the text as it came a character of this one begins."""
        number = bisect_right(self._here, at) - 1
        at += self._there[number] - self._here[number]
        return at if self._before is None else self._before.place(at)


def levels(text: str) -> Iterator[Decoded]:
    """The text decoded once, twice, and so on while there is something to decode.

    Raises RecursionError where that takes too often.
    """
    level = _decoded(text, None)
    for _ in range(_DEPTH):
        if level is None:
            return
        yield level
        level = _decoded(level.text, level)
    if level is not None:
        raise RecursionError("escapes within escapes")


def plain(text: str) -> str:
    """What a text says at last."""
    for level in levels(text):
        text = level.text
    return text


def encoded(text: str, like: str) -> str:
    """A text with those characters escaped that are so in another one, as often as there."""
    for each in reversed([like, *(level.text for level in levels(like))]):
        escaped = set("".join(map(unquote, _ESCAPES.findall(each))))
        if escaped:
            text = "".join(map(partial(_char, escaped=escaped, literal=set(each)), text))
    return text


def _char(char: str, *, escaped: set[str], literal: set[str]) -> str:
    if char in escaped and not char.isalnum():
        return "".join(f"%{byte:02X}" for byte in char.encode("utf-8"))
    return char if char in literal else quote(char, safe="")


def _decoded(text: str, before: Decoded | None) -> Decoded | None:
    parts: list[str] = []
    here, there = [0], [0]
    at = length = 0
    for match in _ESCAPES.finditer(text):
        parts.append(text[at : match.start()])
        length += match.start() - at
        at = match.start()
        # What is no UTF-8 becomes one character for each byte, so that places stay known.
        for char in unquote(match[0], errors="surrogateescape"):
            here.append(length)
            there.append(at)
            parts.append(char)
            length += 1
            at += 3 * len(char.encode("utf-8", "surrogateescape"))
        here.append(length)
        there.append(at)
    if not at:
        return None
    decoded = _NO_UTF_8.sub("\ufffd", "".join([*parts, text[at:]]))
    return Decoded(decoded, tuple(here), tuple(there), before)
