"""Comparing the values of answers, without those that differ by themselves.

What differs between the replays of the current version is noise, and frees itself alone: the
value, the order of the one list that is shuffled, the length of the one list that grows. What
agrees in all replays must be the same in the target's answer, however much noise surrounds it.
That a coin fell on the same side in two replays proves little, so who asks takes more samples
before it believes a difference. This module knows neither HTTP nor event sources.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lambda_rollback.contracts.response.constants import lost_item, other_constants
from pytest_lambda_rollback.contracts.response.differences import ANY_INDEX, Differences
from pytest_lambda_rollback.contracts.response.forms import lost_form
from pytest_lambda_rollback.contracts.response.matching import element_keys, match
from pytest_lambda_rollback.contracts.response.shapes import compare_shape, shape_of
from pytest_lambda_rollback.model.json_values import Json, Path, canonical, json_type, scalar_key
from pytest_lambda_rollback.model.text import counted


def compare_values(
    current: Sequence[Json], target: Json, path: Path, differences: Differences
) -> None:
    """Note where the target's values differ; ``current`` has one value of each replay, ≥ 1.

    Left out as noise: leaves that differ between the replays (their JSON types and their forms
    must stay), keys that not every replay has, the elements of arrays whose length varies (their
    shape and what is constant in them must stay), the order of arrays that are shuffled, and how
    long replays took (`durations`).
    """
    if differences.ignored(path) or differences.matched(path, current, target):
        return
    kind = json_type(target)
    alike = [value for value in current if json_type(value) == kind]
    if not alike:
        differences.retyped(path, {json_type(value) for value in current}, current[0], target)
    elif len(alike) < len(current) and len(alike) < 2:
        return  # Seen once among other types, it says nothing of what is constant.
    elif isinstance(target, dict):
        objects = [value for value in alike if isinstance(value, dict)]
        _compare_objects(objects, target, path, differences)
    elif isinstance(target, list):
        arrays = [value for value in alike if isinstance(value, list)]
        _compare_arrays(arrays, target, path, differences)
    else:
        _compare_leaves(alike, target, path, differences)


def _compare_leaves(
    current: Sequence[Json], target: Json, path: Path, differences: Differences
) -> None:
    if len({scalar_key(value) for value in current}) > 1:
        lost = lost_form(current, target)
        if lost is not None:
            differences.changed(path, current[0], target, lost)
        return
    if scalar_key(target) == scalar_key(current[0]):
        return
    durations = differences.durations
    if durations is None or not durations.explain(path, current, target):
        differences.changed(path, current[0], target)


def _compare_objects(
    current: Sequence[dict[str, Json]],
    target: dict[str, Json],
    path: Path,
    differences: Differences,
) -> None:
    keys = dict.fromkeys(key for each in current for key in each)
    varies = False
    for key in keys:
        values = [each[key] for each in current if key in each]
        always = len(values) == len(current)
        varies = varies or not always
        if key in target:
            if always or len(values) > 1:
                compare_values(values, target[key], (*path, key), differences)
        elif always:
            differences.lost((*path, key), values[0])
    unknown = [key for key in target if key not in keys]
    if not varies:
        for key in unknown:
            differences.added((*path, key), target[key])
        return
    shape = shape_of(current)
    entries = shape.entries
    if entries is None or any(not shape.members[key].required for key in target if key in keys):
        return
    for key in unknown:
        compare_shape(entries, target[key], (*path, ANY_INDEX), differences)
    others = [[v for k, v in each.items() if not shape.members[k].required] for each in current]
    _compare_constants(others, [target[key] for key in unknown], path, differences)


def _compare_arrays(
    current: Sequence[list[Json]], target: list[Json], path: Path, differences: Differences
) -> None:
    if len({canonical(each) for each in (*current, target)}) == 1:
        return
    lengths = {len(each) for each in current}
    if len(lengths) > 1:
        _compare_varying(current, target, path, differences)
        return
    if len(target) not in lengths:
        differences.changed(
            path, list(current[0]), target,
            f"TARGET answers {_items(len(target))} at PLACE where CURRENT answers "
            f"{len(current[0])}",
        )  # fmt: skip
        compare_shape(shape_of(current), target, path, differences)
        return
    keys = element_keys(current, target, path, differences.set_aside)
    shuffled = keys.runs_are_shuffled
    if not shuffled and keys.runs_agree and keys.target_is_shuffled:
        differences.reordered(path, list(current[0]), target)
    elif not shuffled:
        for index, element in enumerate(target):
            compare_values([run[index] for run in current], element, (*path, index), differences)
        if not keys.runs_agree:
            _compare_constants(current, target, path, differences)
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


def _compare_varying(
    current: Sequence[list[Json]], target: list[Json], path: Path, differences: Differences
) -> None:
    """Compare arrays whose length varies: their shape, and what is constant in them."""
    if not target and all(current):
        differences.changed(
            path, list(current[0]), target,
            "TARGET answers no items at PLACE where CURRENT always answers some",
        )  # fmt: skip
        return
    compare_shape(shape_of(current), target, path, differences)
    if differences.set_aside((*path, ANY_INDEX)):
        return
    missing = lost_item(current, target)
    if missing is not None:
        differences.changed(
            path, missing[0], target,
            "TARGET answers without an item at PLACE that CURRENT always answers",
        )  # fmt: skip
    _compare_constants(current, target, path, differences)


def _compare_constants(
    current: Sequence[list[Json]], target: list[Json], path: Path, differences: Differences
) -> None:
    for inner, expected, found in other_constants(current, target):
        place = (*path, ANY_INDEX, *inner)
        durations = differences.durations
        if differences.set_aside(place) or (
            durations is not None and durations.explain(place, [expected], found)
        ):
            continue
        differences.changed(place, expected, found)


def _items(count: int) -> str:
    return counted(count, "item")
