"""The recorded request that is most like one that was sent, in a few words.

Values come from a function, which may have put a secret into them, so only those are shown that
cannot be one: names of places, truth values, small numbers. Others are told by kind and length.
"""

from __future__ import annotations

from typing import Final

from pytest_lambda_rollback.model.text import printable
from pytest_lambda_rollback.services.http.values import Absent, Difference, changing_kind

_SHOWN: Final = 120
_NAMES: Final = frozenset(("/method", "/host", "/path", "/service", "/operation"))
_SMALL: Final = 1_000_000


def nearest_words(recorded: str, first: Difference | None) -> str:
    """``GET https://…/a, where /query/x is a text of 4 characters, and a number in this request``.

    Two texts of one length are told as ``another text of 4 characters``.
    """
    name = _cut(recorded)
    if first is None:
        return name
    show = _name if first.pointer in _NAMES else _kind
    if isinstance(first.sent, Absent):
        how = f"is {show(first.recorded)}, and missing in this request"
    elif isinstance(first.recorded, Absent):
        how = f"is missing, and {show(first.sent)} in this request"
    elif show(first.recorded) == show(first.sent):
        how = f"is another {show(first.sent).partition(' ')[2]}"
    else:
        how = f"is {show(first.recorded)}, and {show(first.sent)} in this request"
    return f"{name}, where {_cut(first.pointer)} {how}"


def _name(value: object) -> str:
    return _cut(str(value))


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value) if abs(value) < _SMALL else "a large number"
    if isinstance(value, dict):
        return _sized("an object of {} member", len(value))
    if isinstance(value, list):
        return _sized("a list of {} item", len(value))
    if isinstance(value, bytes):
        return _sized("{} byte", len(value))
    text = str(value)
    kind = changing_kind(text).rpartition("_")[2].rpartition("-")[2].rpartition(":")[2]
    if kind:
        return "an id" if kind == "id" else "a time"
    return _sized("a text of {} character", len(text))


def _sized(form: str, number: int) -> str:
    return form.format(f"{number:,}") + ("" if number == 1 else "s")


def _cut(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
