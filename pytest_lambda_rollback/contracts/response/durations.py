"""Distinguishing how long a replay took from a number that must stay equal.

Whole milliseconds may agree in every replay of the current version and differ on a target that is
a little slower, so agreement does not make such a number a constant. A value counts as a duration
if its key says so and it is no longer than the replay itself was on either side: so a film's
``duration`` is a value like any other. What remains of the time limit counts too, if it differs by
no more than that: ``get_remaining_time_in_millis`` of the context object, see
https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.model.json_values import Json, Path

_UNITS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "µs": 1e-6, "micros": 1e-6, "microseconds": 1e-6,
    "ns": 1e-9, "nanos": 1e-9, "nanoseconds": 1e-9,
}  # fmt: skip
_TOOK = re.compile(
    r"took|duration|dur|elapsed|latency|runtime|timings?|overhead|spent"
    r"|(response|processing|execution|elapsed|query|run)time"
)
"""Words of keys that speak of a time that something took."""
_DOINGS = re.compile(
    r"response|process|processing|exec|execution|query|request|handler|compute|total|server"
    r"|service|call|billed|init|run|render|parse|db|load|wall|cpu|perf"
)
"""Words that do so together with ``time`` or a unit, as in ``execution_time``."""
_REMAINING = frozenset({"remaining", "left"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|µs|\d+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SPAN = re.compile(
    rf"dur=(\d+(?:\.\d+)?)|\b(\d+(?:\.\d+)?)\s?({'|'.join(sorted(_UNITS, reverse=True))})\b",
    re.IGNORECASE,
)
"""A number with a unit, or in milliseconds as Server-Timing has it (W3C Server Timing, 3)."""
_SAYS = re.compile(r"\b(took|in|after|elapsed|duration|time|spent)\b", re.IGNORECASE)
_SLACK_S = 0.0005
"""Rounding to a whole millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Measured from outside, in seconds, so nothing inside a replay can have taken longer."""

    current_s: float
    """The longest of the current version's replays."""
    target_s: float

    def explain(self, path: Path, current: Sequence[Json], target: Json) -> bool:
        """True if values at a place are durations of the replays that they come from."""
        words = _words(path)
        if not words:
            return False
        units = [_UNITS[word] for word in words if word in _UNITS]
        timed = "time" in words or bool(units)
        if timed and _REMAINING & set(words):
            return self._remain(units, current, target)
        speaks = (
            any(map(_TOOK.fullmatch, words))
            or (timed and any(map(_DOINGS.fullmatch, words)))
            or len(units) == len(words)
        )
        if not speaks and not _tells(current, target):
            return False
        return all(_within(value, units, self.current_s) for value in current) and _within(
            target, units, self.target_s
        )

    def _remain(self, units: Sequence[float], current: Iterable[Json], target: Json) -> bool:
        # Both count down from one limit, and neither by more than the replay took.
        took_s = max(self.current_s, self.target_s) + _SLACK_S
        units = units or (1.0, 1e-3)
        return all(
            any(
                abs(one - other) <= took_s
                for one, other in zip(_seconds(value, units), _seconds(target, units), strict=False)
            )
            for value in current
        )


def _words(path: Path) -> tuple[str, ...]:
    """The words of the key that a value is below, in lower case."""
    keys = [each for each in path if isinstance(each, str) and each != "*"]
    return tuple(word.lower() for word in _WORD.findall(keys[-1])) if keys else ()


def _tells(current: Sequence[Json], target: Json) -> bool:
    """True for text that says how long something took, and the same but for the numbers."""
    texts = [value for value in (*current, target) if isinstance(value, str)]
    return (
        len(texts) == len(current) + 1
        and all(map(_SAYS.search, texts))
        and len({_SPAN.sub("", text) for text in texts}) == 1
    )


def _within(value: Json, units: Sequence[float], took_s: float) -> bool:
    """True if a number, or every number with a unit in a text, is no longer than a replay took."""
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        spans = [
            float(each[1] or each[2]) * _UNITS[(each[3] or "ms").lower()]
            for each in _SPAN.finditer(value)
        ]
        if spans:
            return all(each <= took_s + _SLACK_S for each in spans)
    # A number without a unit is in seconds or milliseconds.
    return any(0 <= each <= took_s + _SLACK_S for each in _seconds(value, units or (1.0, 1e-3)))


def _seconds(value: Json, units: Sequence[float]) -> list[float]:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return []
    return [value * unit for unit in units]
