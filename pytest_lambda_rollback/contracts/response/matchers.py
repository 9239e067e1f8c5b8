"""Matchers: the form of a value, for places where the value itself is meaningless.

A matcher belongs to a place in a response (``response = { matchers = { "/id" = "uuid" } }``).
This module decides what fits it; callers decide where it applies and report a miss.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.contracts.response.clock_times import moment_of
from pytest_lambda_rollback.model.json_values import Json, json_type
from pytest_lambda_rollback.model.settings import Matcher

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A matcher at one place, with the numbers that the current version answers there."""

    matcher: Matcher
    numbers: tuple[float, ...]
    """Sorted; for a tolerance at least one, else none."""
    units: frozenset[str]
    """The units of numbers that are times; none for other matchers."""
    types: frozenset[str]
    """The JSON types that the current version answers there."""

    def takes(self, value: Json) -> bool:
        """True if a value of the target fits."""
        if self.matcher.kind == "timestamp" and json_type(value) == "number":
            # In seconds where it was in milliseconds, it is another time to whoever reads it.
            moment = moment_of(value)
            return moment is not None and (not self.units or moment[0] in self.units)
        if self.matcher.kind != "tolerance":
            return _looks_right(self.matcher, value)
        number = _number(value)
        if number is None:
            return False
        at = bisect_left(self.numbers, number)
        # Rounding of binary fractions does not count: 0.3 is within 0.1 of 0.2.
        reach = self.matcher.tolerance + abs(number) * 1e-12
        return any(abs(number - known) <= reach for known in self.numbers[max(at - 1, 0) : at + 1])

    @property
    def expected(self) -> str:
        """The form that a value must have; follows "is not"."""
        match self.matcher.kind:
            case "uuid":
                return "a UUID"
            case "timestamp":
                return "a timestamp"
            case "regex":
                return f"text that matches {self.matcher.pattern}"
        return f"within {self.matcher.tolerance:g} of the current version's number"


def fit(matcher: Matcher, current: Sequence[Json]) -> Fit | None:
    """The matcher for a place where the current version answers these values, at least one.

    ``None`` if one of them does not fit: then a target need not fit either. Raises ValueError for
    an unknown matcher.
    """
    numbers: tuple[float, ...] = ()
    units: frozenset[str] = frozenset()
    if matcher.kind == "tolerance":
        read = [_number(value) for value in current]
        numbers = tuple(sorted(number for number in read if number is not None))
        if len(numbers) < len(current):
            return None
    elif not all(_looks_right(matcher, value) for value in current):
        return None
    elif matcher.kind == "timestamp":
        moments = [moment_of(value) for value in current if json_type(value) == "number"]
        units = frozenset(moment[0] for moment in moments if moment is not None)
    types = frozenset(map(json_type, current))
    return Fit(matcher=matcher, numbers=numbers, units=units, types=types)


def _looks_right(matcher: Matcher, value: Json) -> bool:
    """``timestamp`` takes ISO 8601, HTTP dates, and numbers of seconds to nanoseconds since 1970.

    Numbers must be times from 2001 to 2100.
    """
    match matcher.kind:
        case "uuid":
            return isinstance(value, str) and UUID.fullmatch(value) is not None
        case "timestamp":
            return moment_of(value) is not None
        case "regex":
            return isinstance(value, str) and re.search(matcher.pattern, value) is not None
    raise ValueError(f"{matcher.kind!r} is not a matcher")


def _number(value: Json) -> float | None:
    if json_type(value) != "number":
        return None
    number = float(str(value))
    return number if math.isfinite(number) else None
