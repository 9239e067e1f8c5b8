"""Matching the elements of arrays whose order may be meaningless.

Elements are matched by what does not vary: of all paths inside the elements, those whose values
are the same multiset in every replay of the current version. So a shuffled list of objects that
each carry a fresh UUID is matched by everything but the UUID. Everything here is linear in the
number of values (hashing, no pairwise comparison).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.contracts.response.clock_times import moment_of
from pytest_lambda_rollback.model.json_values import Json, Path, scalar_key

Leaf = tuple[Path, tuple[str, object]]
"""A scalar or an empty container: the path inside its element, and its `scalar_key`."""

Key = frozenset[tuple[Leaf, int]]
"""The identity of an element: its stable leaves, each with its number of occurrences."""

Ignored = Callable[[Path], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementKeys:
    """The keys of all elements, by position."""

    runs: tuple[tuple[Key, ...], ...]
    """For each replay of the current version."""
    target: tuple[Key, ...]

    @property
    def runs_agree(self) -> bool:
        """Every replay has the same keys in the same order."""
        return all(run == self.runs[0] for run in self.runs)

    @property
    def runs_are_shuffled(self) -> bool:
        """Every replay has the same keys, and not in the same order."""
        first = Counter(self.runs[0])
        return not self.runs_agree and all(Counter(run) == first for run in self.runs)

    @property
    def target_is_shuffled(self) -> bool:
        """The target has the current version's keys in another order."""
        first = self.runs[0]
        return self.target != first and Counter(self.target) == Counter(first)


def element_keys(
    runs: Sequence[list[Json]], target: list[Json], path: Path, ignored: Ignored
) -> ElementKeys:
    """Keys of the elements of arrays at ``path``; ignored places have no part in them."""
    leaves = [[_leaves(e, (*path, i), ignored) for i, e in enumerate(run)] for run in runs]
    counts: list[dict[Path, dict[tuple[str, object], int]]] = []
    for run in leaves:
        by_path: dict[Path, dict[tuple[str, object], int]] = {}
        for element in run:
            for where, value in element:
                values = by_path.setdefault(where, {})
                values[value] = values.get(value, 0) + 1
        counts.append(by_path)
    stable = {
        where
        for where, counted in counts[0].items()
        if all(other.get(where) == counted for other in counts[1:])
    }
    return ElementKeys(
        runs=tuple(tuple(_key(element, stable) for element in run) for run in leaves),
        target=tuple(_key(_leaves(e, (*path, i), ignored), stable) for i, e in enumerate(target)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Positions of elements that belong together."""

    together: tuple[tuple[tuple[int, ...], int], ...]
    """(position in each replay of the current version, position in the target)."""
    missing: tuple[tuple[int, ...], ...]
    """Positions in each replay of the current version for which the target has no element."""
    extra: tuple[int, ...]
    """Positions in the target for which the current version has no element."""


def match(keys: ElementKeys) -> Matches:
    """Match elements by key; those with equal keys in order of position.

    A second pass matches the elements left over without regard to times: the caller compares
    what is matched, so a time that is far off is still noticed. Every replay of the current
    version must have the same multiset of keys.
    """
    places = [_places(run) for run in keys.runs]
    together: list[tuple[tuple[int, ...], int]] = []
    extra: list[int] = []
    for position, key in enumerate(keys.target):
        if places[0].get(key):
            together.append((tuple(run[key].popleft() for run in places), position))
        else:
            extra.append(position)
    missing: dict[object, deque[tuple[int, ...]]] = {}
    for key, first in places[0].items():
        for _ in range(len(first)):
            found = tuple(run[key].popleft() for run in places)
            missing.setdefault(_timeless(key), deque()).append(found)
    still_extra: list[int] = []
    for position in extra:
        waiting = missing.get(_timeless(keys.target[position]))
        if waiting:
            together.append((waiting.popleft(), position))
        else:
            still_extra.append(position)
    return Matches(
        together=tuple(sorted(together, key=lambda pair: pair[1])),
        missing=tuple(sorted(found for waiting in missing.values() for found in waiting)),
        extra=tuple(still_extra),
    )


def _places(run: tuple[Key, ...]) -> dict[Key, deque[int]]:
    places: dict[Key, deque[int]] = {}
    for position, key in enumerate(run):
        places.setdefault(key, deque()).append(position)
    return places


def _leaves(value: Json, path: Path, ignored: Ignored) -> list[Leaf]:
    """Every scalar and empty container below a value, by path inside it; indexes are dropped."""
    if not isinstance(value, (dict, list)):
        return [] if ignored(path) else [((), scalar_key(value))]
    found: list[Leaf] = []
    waiting: list[tuple[Json, Path, Path]] = [(value, path, ())]
    while waiting:
        each, full, inner = waiting.pop()
        if ignored(full):
            continue
        if isinstance(each, dict) and each:
            waiting.extend((v, (*full, k), (*inner, k)) for k, v in each.items())
        elif isinstance(each, list) and each:
            waiting.extend((v, (*full, i), (*inner, 0)) for i, v in enumerate(each))
        else:
            found.append((inner, scalar_key(each)))
    return found


def _key(leaves: Iterable[Leaf], stable: set[Path]) -> Key:
    counted: dict[Leaf, int] = {}
    for leaf in leaves:
        if leaf[0] in stable:
            counted[leaf] = counted.get(leaf, 0) + 1
    return frozenset(counted.items())


def _timeless(key: Key) -> object:
    counted: Counter[object] = Counter()
    for (where, (kind, value)), count in key:
        moment = moment_of(value) if isinstance(value, (str, int, float)) else None
        counted[(where, moment[0]) if moment else (where, kind, value)] += count
    return frozenset(counted.items())
