"""Measurements: two or more ways of doing a thing, timed fairly.

Machines differ and are shared, so nothing is judged in seconds: a figure is the ratio of two
things that took turns in one run. Each turn of one and the turn of the other beside it make a
pair; the figure is the median of the pairs' ratios, which a few disturbed turns cannot move. This
module does not know what is timed.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

PROGRESS_INTERVAL_S = 1.5

Say = Callable[[str], None]
"""Receives one line of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """The number of rounds, or the smallest run there is."""

    rounds: int | None = None
    """In place of the measurement's own number."""
    smallest: bool = False
    """One round without a warm-up on the smallest input: shows that it works, measures nothing."""

    @property
    def fixed(self) -> bool:
        """True if a measurement must not end early, or go on, by what it has seen."""
        return self.smallest or self.rounds is not None

    def rounds_of(self, default: int) -> int:
        """The number of turns each way takes."""
        return 1 if self.smallest else self.rounds or default

    def warm_up_of(self, default: int) -> int:
        """Rounds that come first and are dropped."""
        return 0 if self.smallest else default


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One thing against another; both tuples are in seconds and in the order of the pairs."""

    name: str
    what: str
    """Both things, as in ``one warm replay / the same call through the emulator``."""
    subject_s: tuple[float, ...]
    reference_s: tuple[float, ...]
    goal: float | None = None
    """The largest ratio that is good enough; ``None`` for information."""

    @property
    def ratios(self) -> tuple[float, ...]:
        """The ratio of each pair."""
        return tuple(
            ours / theirs for ours, theirs in zip(self.subject_s, self.reference_s, strict=True)
        )

    @property
    def ratio(self) -> float:
        """The figure: the median of the pairs' ratios."""
        return statistics.median(self.ratios)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the median, whatever the noise looks like."""
        return median_interval(self.ratios)

    @property
    def missed(self) -> bool:
        """True when there is a goal and the figure is above it."""
        return self.goal is not None and self.ratio > self.goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """One thing that is timed for information."""

    name: str
    what: str
    samples_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The median of the samples."""
        return statistics.median(self.samples_s)


Result = Ratio | Duration


def median_interval(samples: Sequence[float]) -> tuple[float, float]:
    """95 % confidence interval of the median, from the order of the samples alone.

    With fewer than six samples it is their whole range, which says less.
    """
    ordered = sorted(samples)
    count = len(ordered)
    reach = 1.96 * math.sqrt(count) / 2
    lowest = max(0, math.floor(count / 2 - reach))
    highest = min(count - 1, math.ceil(count / 2 + reach) - 1)
    return ordered[lowest], ordered[highest]


def take_turns(
    ways: Sequence[Callable[[], float]],
    *,
    rounds: int,
    warm_up: int,
    say: Say,
    enough: Callable[[Sequence[Sequence[float]]], bool] | None = None,
) -> tuple[tuple[float, ...], ...]:
    """Have each way measure itself once a round; returns each way's samples.

    Every second round goes through the ways in the reverse order, so that none always profits
    from its place. ``warm_up`` rounds come first and are dropped. ``enough`` may end it early: it
    gets the samples so far after every round.
    """
    samples: list[list[float]] = [[] for _ in ways]
    places = list(range(len(ways)))
    said = time.monotonic()
    with without_gc():
        for number in range(-warm_up, rounds):
            for place in places if number % 2 else reversed(places):
                taken = ways[place]()
                if number >= 0:
                    samples[place].append(taken)
            if time.monotonic() - said > PROGRESS_INTERVAL_S:
                said = time.monotonic()
                say(f"round {max(0, number + 1)} of at most {rounds}")
            if enough is not None and number >= 0 and enough(samples):
                break
    return tuple(tuple(each) for each in samples)


@contextmanager
def without_gc() -> Iterator[None]:
    """No garbage collection within, so that none falls on one side alone."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
