"""How many answers a difference must stand before it is a break.

Two replays of the current version may agree by luck where it answers by chance: an optional key,
a set's order, a flag. A difference is believed when the current version never shows what the
target answers, and the target always differs, over so many samples of both that the same chance
on both sides would hardly do that: a key that is there in 9 of 10 answers is absent from
`LAST.target` answers of the target once in 10⁵ times, one that is there in half of them is in
`LAST.current` answers of the current version once in 4,096. Pure: whoever replays asks here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.model.findings import Contract, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Answers of both versions to one event in one pass, all in environments of their own."""

    current: int
    target: int


FIRST = Samples(current=3, target=2)
LAST = Samples(current=12, target=5)
WAVERING = Samples(current=40, target=LAST.target)
"""Where the target itself does not always differ, the current version may not either."""

CLOCK_S = 1.1
"""Whole seconds differ between samples that are so far apart."""

_BUDGET_S = 10.0
"""What samples beyond the first of a slow function may take, in replays one after the other."""


def rounds(cost_s: float, *, known: bool) -> Iterator[Samples]:
    """The samples to have had after each round, when all samples so far differ.

    ``cost_s`` is what one replay takes. A break that is ``known`` from another event of the same
    target needs no more than the first round.
    """
    yield FIRST
    if known:
        return
    for wanted in (Samples(current=6, target=3), LAST):
        yield _affordable(wanted, cost_s)


def wavering(cost_s: float) -> Samples:
    """The samples to have had where the target does not always differ."""
    return _affordable(WAVERING, cost_s)


def _affordable(wanted: Samples, cost_s: float) -> Samples:
    if cost_s <= 0:
        return wanted
    number = int(_BUDGET_S / cost_s)
    return Samples(
        current=min(wanted.current, max(FIRST.current, number)),
        target=min(wanted.target, max(FIRST.target, number // 3)),
    )


def by_chance(findings: Sequence[Finding]) -> bool:
    """True for differences between answers, which chance may make; a raised error is none."""
    return all(finding.contract is Contract.RESPONSE for finding in findings)


def by_clock(findings: Sequence[Finding]) -> bool:
    """True where a difference has digits on both sides, so that time may have made it."""
    return any(
        (finding.kind == "value-changed" and _has_digit(finding.current, finding.target))
        or (finding.kind in ("lost-key", "added-key") and _has_digit(finding.location))
        for finding in findings
    )


def by_name(findings: Sequence[Finding], names: Sequence[str], *, limits: bool) -> bool:
    """True where a difference may be what the context object shows of the versions themselves.

    ``names`` are the current version's own, ``limits`` is true if memory or timeout differ.
    """
    for finding in findings:
        if finding.kind == "value-changed":
            if limits or any(name in (finding.current or "") for name in names):
                return True
        elif finding.kind == "lost-key" and any(name in (finding.location or "") for name in names):
            return True
    return False


def _has_digit(*texts: str | None) -> bool:
    return all(text is not None and any(char.isdigit() for char in text) for text in texts)
