"""Reading times: what text and which numbers may be moments.

That a value looks like a time does not make it the clock's: 1,500,000,000 is a balance as well. The
clock's are those that follow it from replay to replay, which the comparison sees as it sees any
other noise. Whole seconds may agree by luck, so samples are taken a second apart before a
difference is believed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pytest_lambda_rollback.model.json_values import Json

_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d:?\d\d)?)?")
_HTTP_DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d")
_EPOCH_S = (1_000_000_000, 4_102_444_800)
"""2001 to 2100; other numbers of seconds are unlikely to be the clock's."""


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
