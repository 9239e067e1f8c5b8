"""The merged shape of JSON values: what callers may rely on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pytest_lambda_rollback.model.json_values import Json, json_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One key that was seen in an object."""

    shape: Shape
    required: bool
    """True when every object at this place had the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Everything that was seen at one place, merged over replays and over array elements."""

    types: frozenset[str]
    """JSON types, at least one."""
    values: tuple[Json, ...]
    """The values themselves, at least one."""
    sample: Json
    """One of the values, preferably not null: for messages."""
    members: Mapping[str, Member]
    """By key; empty when no object was seen."""
    element: Shape | None
    """The merged shape of all elements; ``None`` when no element was seen."""


def shape_of(values: Iterable[Json]) -> Shape:
    """Merge the values seen at one place. Raises ValueError for no values at all."""
    seen = list(values)
    if not seen:
        raise ValueError("a shape needs at least one value")
    collected: dict[str, list[Json]] = {}
    elements: list[Json] = []
    objects = 0
    for value in seen:
        if isinstance(value, dict):
            objects += 1
            for key, member in value.items():
                collected.setdefault(key, []).append(member)
        elif isinstance(value, list):
            elements.extend(value)
    members: dict[str, Member] = {}
    for key, found in collected.items():
        members[key] = Member(shape=shape_of(found), required=len(found) == objects)
    return Shape(
        types=frozenset(map(json_type, seen)),
        values=tuple(seen),
        sample=next((value for value in seen if value is not None), None),
        members=members,
        element=shape_of(elements) if elements else None,
    )
