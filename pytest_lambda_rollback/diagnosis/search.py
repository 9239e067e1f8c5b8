"""The smallest set of changes that makes the difference; the caller reports which sets break.

With few changes every set is tried by size, one at a time first. With many, delta debugging
(Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002) halves them.
Nothing is asked twice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from pytest_lambda_rollback.diagnosis.stack_changes import Change, LayerChange

C = TypeVar("C", bound=Change)

FEW = 4
"""Up to so many changes are tried one at a time; more are halved."""


class _OutOfProbesError(Exception):
    """The cap is reached before there is an answer."""


class _Probes(Generic[C]):
    """Asks each set once, and no more often than the cap says."""

    def __init__(self, breaks: Callable[[frozenset[C]], bool], cap: int) -> None:
        self._breaks = breaks
        self._left = cap
        self._known: dict[frozenset[C], bool] = {}

    def __call__(self, chosen: frozenset[C]) -> bool:
        if chosen not in self._known:
            if self._left <= 0:
                raise _OutOfProbesError
            self._left -= 1
            self._known[chosen] = self._breaks(chosen)
        return self._known[chosen]


def most_probes(count: int) -> int:
    """The most sets of ``count`` changes that are asked about: 2 n log2 n, and the two ends."""
    return 2 * count * max(1, math.ceil(math.log2(count or 1))) + 2


def smallest_flip(
    differences: Sequence[C],
    breaks: Callable[[frozenset[C]], bool],
    *,
    max_probes: int | None = None,
) -> frozenset[C] | None:
    """A smallest set that breaks what works without it.

    ``breaks`` says whether the working stack with a set applied ends in *the same* break; it is
    asked about the empty set and the whole one as well, which the caller knows. It may raise to
    give up. ``None`` if the whole set does not break or the empty one does, if there is
    nothing to choose from, and where ``max_probes`` (default `most_probes`) do not suffice.
    """
    everything = frozenset(differences)
    order = list(dict.fromkeys(differences))
    if not order:
        return None
    probe = _Probes(breaks, most_probes(len(order)) if max_probes is None else max_probes)
    try:
        if not probe(everything) or probe(frozenset()):
            return None
        if len(order) <= FEW:
            return _by_size(order, probe)
        found = _halved(order, probe)
        if len(found) > 1:
            single = next((each for each in order if probe(frozenset({each}))), None)
            found = [single] if single is not None else found
        return frozenset(found)
    except _OutOfProbesError:
        return None


def _by_size(order: Sequence[C], probe: _Probes[C]) -> frozenset[C]:
    everything = frozenset(order)
    for size in range(1, len(order)):
        flipping = []
        for each in itertools.combinations(order, size):
            chosen = frozenset(each)
            if not probe(chosen):
                continue
            # Where taking it back heals as well, there is no other cause beside it.
            if not probe(everything - chosen):
                return chosen
            flipping.append(chosen)
        if flipping:
            # Of several the topmost layer has the last word: it lies over the others.
            layers = [x for x in flipping if all(isinstance(each, LayerChange) for each in x)]
            return layers[-1] if layers else flipping[0]
    return everything


def _halved(order: Sequence[C], probe: _Probes[C]) -> list[C]:
    """A breaking set from which no single change can be removed (ddmin)."""
    found = list(order)
    parts = 2
    while len(found) > 1:
        size = math.ceil(len(found) / parts)
        chunks = [found[at : at + size] for at in range(0, len(found), size)]
        smaller = next((chunk for chunk in chunks if probe(frozenset(chunk))), None)
        if smaller is not None:
            found, parts = smaller, 2
            continue
        rest = next(
            (
                remainder
                for chunk in chunks
                if (remainder := [each for each in found if each not in chunk])
                and probe(frozenset(remainder))
            ),
            None,
        )
        if rest is not None:
            found, parts = rest, max(parts - 1, 2)
        elif parts >= len(found):
            break
        else:
            parts = min(parts * 2, len(found))
    return found
