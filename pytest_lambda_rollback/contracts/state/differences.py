"""Comparing one stored value with what the current version stores there.

Types count, not values. What the current version's own samples do not agree on is noise. One
difference of value is a difference of type in truth: the same time in seconds and in
milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from pytest_lambda_rollback.contracts.state.values import ANY, Place, Value, kind_of, unpacked

_EARLIEST_S, _LATEST_S = 978_307_200, 4_102_444_800
"""2001 and 2100: numbers between them are taken for times in seconds."""


class DifferenceKind(StrEnum):
    """How a value differs in type."""

    LOST = "lost"
    """An attribute is not there that the current version always has."""
    RETYPED = "retyped"
    UNIT = "unit"
    """Seconds in place of milliseconds, or the reverse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference of a target's value."""

    kind: DifferenceKind
    place: Place
    current: Value
    target: Value = None
    """``None`` for what is lost."""


def differences(samples: Sequence[Value], target: Value, place: Place = ()) -> Iterator[Difference]:
    """The differences of a value from samples of the current version, of which there is one."""
    kind = kind_of(target)
    alike = [each for each in samples if kind_of(each) == kind]
    if not alike:
        # That nothing was stored says nothing of the type of what may be.
        if any(each is not None for each in samples):
            yield Difference(
                kind=DifferenceKind.RETYPED, place=place, current=samples[0], target=target
            )
        return
    if len(alike) < len(samples):
        return
    within = unpacked(target)
    if within is not target:
        yield from differences([unpacked(each) for each in alike], within, place)
    elif isinstance(target, dict):
        yield from _of_maps([each for each in alike if isinstance(each, dict)], target, place)
    elif isinstance(target, list):
        yield from _of_lists([each for each in alike if isinstance(each, list)], target, place)
    elif _other_unit(alike, target):
        yield Difference(kind=DifferenceKind.UNIT, place=place, current=samples[0], target=target)


def _of_maps(
    samples: Sequence[dict[str, Value]], target: dict[str, Value], place: Place
) -> Iterator[Difference]:
    for name in dict.fromkeys(name for each in samples for name in each):
        values = [each[name] for each in samples if name in each]
        if name in target:
            yield from differences(values, target[name], (*place, name))
        elif len(values) == len(samples):
            yield Difference(kind=DifferenceKind.LOST, place=(*place, name), current=values[0])


def _of_lists(
    samples: Sequence[list[Value]], target: list[Value], place: Place
) -> Iterator[Difference]:
    shapes = [[_shape(each) for each in sample] for sample in samples]
    own = [_shape(each) for each in target]
    # An order that varies is none to compare by.
    if all(Counter(each) == Counter(own) for each in shapes) and all(
        each != own for each in shapes
    ):
        return
    if all(each == shapes[0] for each in shapes) and len(target) == len(samples[0]):
        for number, element in enumerate(target):
            yield from differences([each[number] for each in samples], element, (*place, number))
        return
    elements = [each for sample in samples for each in sample]
    if not elements:
        return
    seen = set()
    for element in target:
        for each in differences(_like(elements, element), element, (*place, ANY)):
            if (each.kind, each.place) not in seen:
                seen.add((each.kind, each.place))
                yield each


def _like(elements: Sequence[Value], element: Value) -> Sequence[Value]:
    """The elements of the type that one has, or all if none has it."""
    return [each for each in elements if kind_of(each) == kind_of(element)] or elements


def _shape(value: Value) -> str:
    """A text that is equal for values whose types are equal all through."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{name!r}:{_shape(value[name])}' for name in sorted(value))}}}"
    if isinstance(value, list):
        return f"[{','.join(sorted({_shape(each) for each in value}))}]"
    within = unpacked(value)
    return kind_of(value) if within is value else f"{kind_of(value)} of {_shape(within)}"


def _other_unit(samples: Sequence[Value], target: Value) -> bool:
    number = _number(target)
    numbers = [_number(each) for each in samples]
    if number is None or None in numbers:
        return False
    return all(each is not None and _thousandfold(each, number) for each in numbers)


def _thousandfold(one: float, other: float) -> bool:
    low, high = sorted((one, other))
    dates = _EARLIEST_S <= low <= _LATEST_S and _EARLIEST_S <= high / 1000 <= _LATEST_S
    return dates and 500 <= high / low <= 2000


def _number(value: Value) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
