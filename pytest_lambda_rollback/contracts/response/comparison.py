"""Comparing the answers of the current version with those of a target, by shape or by value.

`compare_shape` requires what a caller of the current version may rely on: keys that are always
there and their JSON types; a target may answer more. `compare_values` requires the same values,
except those that differ by themselves. This module knows neither HTTP nor event sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.contracts.response.clock_times import near_times
from pytest_lambda_rollback.contracts.response.differences import ANY_INDEX, Differences
from pytest_lambda_rollback.contracts.response.matching import element_keys, match
from pytest_lambda_rollback.model.json_values import Json, Path, canonical, json_type, scalar_key
from pytest_lambda_rollback.model.text import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One key that was seen in an object."""

    shape: Shape
    required: bool
    """True when every object at this place had the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The JSON shape at one place, merged over replays and over array elements."""

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


def compare_shape(shape: Shape, target: Json, path: Path, differences: Differences) -> None:
    """Note where the target does not offer what the shape promises.

    Policy on null: where the current version never answers null, a null breaks a caller; if
    it has only answered null, a caller cannot rely on any type.
    """
    if differences.ignored(path) or differences.matched(path, shape.values, target):
        return
    kind = json_type(target)
    if kind not in shape.types:
        if shape.types != {"null"}:
            differences.retyped(path, shape.types, shape.sample, target)
        return
    if isinstance(target, dict):
        for key, member in shape.members.items():
            if key in target:
                compare_shape(member.shape, target[key], (*path, key), differences)
            elif member.required:
                differences.lost((*path, key), member.shape.sample)
    elif isinstance(target, list) and shape.element is not None:
        for index, element in enumerate(target):
            compare_shape(shape.element, element, (*path, index), differences)


def compare_values(
    current: Sequence[Json], target: Json, path: Path, differences: Differences
) -> None:
    """Note where the target's values differ; ``current`` has one value of each replay, ≥ 1.

    Left out as noise: leaves that differ between the replays (their JSON types must stay), keys
    that not every replay has, the elements of arrays whose length varies (their shape must stay),
    the order of arrays that are shuffled, times near each other (`clock_times`), and values that
    vary in most elements of an array (`Differences.saw`).
    """
    if differences.ignored(path) or differences.matched(path, current, target):
        return
    objects = [value for value in current if isinstance(value, dict)]
    arrays = [value for value in current if isinstance(value, list)]
    if isinstance(target, dict) and len(objects) == len(current):
        _compare_objects(objects, target, path, differences)
    elif isinstance(target, list) and len(arrays) == len(current):
        _compare_arrays(arrays, target, path, differences)
    else:
        _compare_leaves(current, target, path, differences)


def _compare_leaves(
    current: Sequence[Json], target: Json, path: Path, differences: Differences
) -> None:
    types = {json_type(value) for value in current}
    kind = json_type(target)
    if kind not in types:
        differences.retyped(path, types, current[0], target)
        return
    varies = len({scalar_key(value) for value in current}) > 1
    differences.saw(path, varies=varies)
    if varies:
        return
    if scalar_key(target) != scalar_key(current[0]) and not near_times(current, target):
        differences.changed(path, current[0], target)


def _compare_objects(
    current: Sequence[dict[str, Json]],
    target: dict[str, Json],
    path: Path,
    differences: Differences,
) -> None:
    varies = any(each.keys() != current[0].keys() for each in current)
    for key, value in current[0].items():
        if not all(key in each for each in current):
            continue
        if key in target:
            compare_values([each[key] for each in current], target[key], (*path, key), differences)
        else:
            differences.lost((*path, key), value)
    if not varies:
        for key, value in target.items():
            if key not in current[0]:
                differences.added((*path, key), value)


def _compare_arrays(
    current: Sequence[list[Json]], target: list[Json], path: Path, differences: Differences
) -> None:
    if len({canonical(each) for each in (*current, target)}) == 1:
        return
    lengths = {len(each) for each in current}
    if len(lengths) > 1 or len(target) not in lengths:
        differences.saw(path, varies=len(lengths) > 1)
        if len(lengths) == 1:
            differences.changed(
                path, list(current[0]), target,
                f"TARGET answers {_items(len(target))} at PLACE where CURRENT answers "
                f"{len(current[0])}",
            )  # fmt: skip
        compare_shape(shape_of(current), target, path, differences)
        return
    keys = element_keys(current, target, path, differences.set_aside)
    shuffled = keys.runs_are_shuffled
    differences.saw(path, varies=shuffled)
    if not shuffled and keys.runs_agree and keys.target_is_shuffled:
        differences.reordered(path, list(current[0]), target)
    elif not shuffled:
        for index, element in enumerate(target):
            compare_values([run[index] for run in current], element, (*path, index), differences)
        return
    # No index means anything here, so places are named with the wildcard of the ignore rules.
    inner = (*path, ANY_INDEX)
    found = match(keys)
    for positions, position in found.together:
        runs = [run[at] for run, at in zip(current, positions, strict=True)]
        compare_values(runs, target[position], inner, differences)
    if not found.extra:
        return
    if len(found.extra) == 1:
        left = [run[at] for run, at in zip(current, found.missing[0], strict=True)]
        compare_values(left, target[found.extra[0]], inner, differences)
        return
    before = len(differences)
    shape = shape_of([element for run in current for element in run])
    for position in found.extra:
        compare_shape(shape, target[position], inner, differences)
    if len(differences) == before:
        differences.changed(
            path, current[0][found.missing[0][0]], target[found.extra[0]],
            f"TARGET answers different items at PLACE from CURRENT: {len(found.extra)} of "
            f"{len(target)}, in any order",
        )  # fmt: skip


def _items(count: int) -> str:
    return counted(count, "item")
