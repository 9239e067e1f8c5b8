"""Distinguishing the time of a replay from a value that must stay equal.

A value counts as the clock's, and so as noise, if it looks like a time on both sides and the
times are within one day of each other. Two replays of the current version may agree on a coarse
time by luck (whole seconds, a date), so agreement does not by itself make a time a constant. Times
further apart (an order's date, an expiry) are values like any other.

UUIDs have no such rule. Random ones differ between replays, which already makes them noise; one
that two execution environments agree on is an identity, and a different one is a different
answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pytest_lambda_rollback.model.json_values import Json

NEAR_S = 86_400.0

_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d:?\d\d)?)?")
_HTTP_DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d")
_EPOCH_S = (1_000_000_000, 4_102_444_800)
"""2001 to 2100; other numbers of seconds are unlikely to be the clock's."""


def near_times(values: Iterable[Json], target: Json) -> bool:
    """True if all values and the target are times of one form within a day of one another."""
    moment = moment_of(target)
    if moment is None:
        return False
    form, at_s = moment
    for value in values:
        other = moment_of(value)
        if other is None or other[0] != form or abs(other[1] - at_s) > NEAR_S:
            return False
    return True


def moment_of(value: Json) -> tuple[str, float] | None:
    """The form of a time and its seconds since the epoch; ``None`` for what is not a time."""
    if isinstance(value, str):
        return _text_moment(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # Seconds, milliseconds, microseconds, nanoseconds.
        for form, unit in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
            if _EPOCH_S[0] * unit <= value < _EPOCH_S[1] * unit:
                return form, value / unit
    return None


def _text_moment(text: str) -> tuple[str, float] | None:
    if not 10 <= len(text) <= 40:
        return None
    try:
        if _ISO.fullmatch(text):
            at = datetime.fromisoformat(text.replace(" Z", "Z").replace(",", "."))
        elif _HTTP_DATE.match(text):
            at = parsedate_to_datetime(text)
        else:
            return None
        return "text", (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
