"""Pairing what has no key in common: messages, and items whose keys are generated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_lambda_rollback.contracts.state.values import Value, kind_of, shown, unpacked

_MOST = 200
"""Pairs are searched for among so many at most; beyond them the order counts."""


def paired(
    samples: Sequence[Sequence[Value]], target: Sequence[Value]
) -> tuple[list[tuple[list[Value], int]], list[int], list[int]]:
    """Pair the values of a target with those of the current version's samples.

    Returns (values of the samples, number in ``target``) of each pair, the numbers of what the
    first sample has and the target has not, and of what the target has beyond every sample.
    """
    first, *others = samples
    number = min(len(each) for each in samples)
    found = dict(_best(first, target))
    also = [dict(_best(first, other)) for other in others]
    pairs = [
        (
            [first[own], *(o[a[own]] for o, a in zip(others, also, strict=True) if own in a)],
            found[own],
        )
        for own in sorted(found)
    ]
    missing = [own for own in range(len(first)) if own not in found]
    missing = missing[: max(0, number - len(target))]
    taken = set(found.values())
    extra = [other for other in range(len(target)) if other not in taken]
    most = max(len(each) for each in samples)
    return pairs, missing, extra[: max(0, len(target) - most)]


def _best(one: Sequence[Value], other: Sequence[Value]) -> Iterator[tuple[int, int]]:
    """The numbers of those that are most alike, each once; in equal ones the order counts."""
    if len(one) == len(other) == 1:
        yield 0, 0
        return
    if len(one) * len(other) > _MOST:
        yield from ((number, number) for number in range(min(len(one), len(other))))
        return
    marks = [_marks(each) for each in one], [_marks(each) for each in other]
    alike = sorted(
        (-_alike(a, b), abs(m - n), m, n)
        for m, a in enumerate(marks[0])
        for n, b in enumerate(marks[1])
    )
    left, right = set(range(len(one))), set(range(len(other)))
    for _, _, m, n in alike:
        if m in left and n in right:
            left.discard(m)
            right.discard(n)
            yield m, n


def _alike(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> float:
    return len(one & other) / (len(one | other) or 1)


def _marks(value: Value, place: str = "") -> frozenset[tuple[str, str]]:
    """What a value is known by: its places, and what stands there."""
    within = unpacked(value)
    if within is not value:
        return _marks(within, place)
    if isinstance(value, dict):
        marks = [_marks(each, f"{place}.{name}") for name, each in value.items()]
        return frozenset().union(*marks) if marks else frozenset({(place, "map")})
    if isinstance(value, list):
        marks = [_marks(each, f"{place}[]") for each in value]
        return frozenset().union(*marks) if marks else frozenset({(place, "list")})
    return frozenset({(place, kind_of(value)), (place, shown(value))})
