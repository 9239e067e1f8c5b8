"""What is constant in lists whose items vary.

A list whose length varies has no positions to compare. What its items have in common is compared
all the same: a member that has one value in all of them, a member that another one decides (the
price of an article, whichever articles the replay drew), and an item that no replay lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pytest_lambda_rollback.model.json_values import Json, Path, canonical, json_type, scalar_key

_MOST_MEMBERS = 40
"""Members of an item beyond which none is looked at as deciding others."""
_FEW_RUNS = 4
"""Up to so many replays, what is seen once is suspected to be constant. More replays must show it
twice."""
_SCALARS = ("string", "number", "boolean")
_Value = tuple[str, object]


def lost_item(current: Sequence[Sequence[Json]], target: Sequence[Json]) -> tuple[Json] | None:
    """An item that every replay has and the target lacks, in a tuple as it may be null."""
    always = Counter(map(canonical, current[0]))
    for run in current[1:]:
        always &= Counter(map(canonical, run))
        if not always:
            return None
    missing = always - Counter(map(canonical, target))
    return next(((item,) for item in current[0] if canonical(item) in missing), None)


def other_constants(
    current: Sequence[Sequence[Json]], target: Sequence[Json]
) -> Iterator[tuple[Path, Json, Json]]:
    """Members of the target's items that differ from what is constant in the current version's.

    With few replays, members are suspected on little evidence: who asks brings more replays
    before it believes that. Yields the path inside the item, the constant and the target's value,
    each path once. Values of another JSON type are not among them: those are a matter of shape.
    """
    items = [item for run in current for item in run]
    if len([run for run in current if run]) < 2:
        return
    told: set[Path] = set()
    for path, expected, found in _all_one(items, target):
        if path not in told:
            told.add(path)
            yield path, expected, found
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) == len(items):
        others = [item for item in target if isinstance(item, dict)]
        times = 1 if len(current) <= _FEW_RUNS else 2
        for path, expected, found in _decided(objects, others, times):
            if path not in told:
                told.add(path)
                yield path, expected, found


def _all_one(items: Sequence[Json], target: Sequence[Json]) -> Iterator[tuple[Path, Json, Json]]:
    constants = dict(_leaves(items[0]))
    for item in items[1:]:
        leaves = dict(_leaves(item))
        constants = {
            path: value
            for path, value in constants.items()
            if path in leaves and scalar_key(leaves[path]) == scalar_key(value)
        }
        if not constants:
            return
    for item in target:
        for path, found in _leaves(item):
            expected = constants.get(path, found)
            if _other(expected, found):
                yield path, expected, found


def _decided(
    items: Sequence[Mapping[str, Json]], target: Sequence[Mapping[str, Json]], times: int
) -> Iterator[tuple[Path, Json, Json]]:
    names = [name for name in items[0] if all(name in item for item in items)]
    if len(names) > _MOST_MEMBERS:
        return
    for key in names:
        if not all(json_type(item[key]) in _SCALARS for item in items):
            continue
        known: dict[_Value, list[Mapping[str, Json]]] = {}
        for item in items:
            known.setdefault(scalar_key(item[key]), []).append(item)
        if len(known) < 2 or (times > 1 and len(known) == len(items)):
            continue
        for member in names:
            if member == key or not _decides(known, member):
                continue
            for item in target:
                same = known.get(scalar_key(item[key])) if key in item else None
                if same is None or len(same) < times or member not in item:
                    continue
                if _other(same[0][member], item[member]):
                    yield (member,), same[0][member], item[member]


def _decides(known: Mapping[_Value, Sequence[Mapping[str, Json]]], member: str) -> bool:
    """True if items that share a value of a key share the member, too, and some do share it."""
    return all(len({scalar_key(item[member]) for item in items}) == 1 for items in known.values())


def _other(expected: Json, found: Json) -> bool:
    kind = json_type(expected)
    if kind in ("object", "array") or kind != json_type(found):
        return False
    return scalar_key(expected) != scalar_key(found)


def _leaves(item: Json) -> Iterator[tuple[Path, Json]]:
    """The scalars of an item, inside objects but not inside arrays."""
    waiting: list[tuple[Path, Json]] = [((), item)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif not isinstance(value, list):
            yield path, value
