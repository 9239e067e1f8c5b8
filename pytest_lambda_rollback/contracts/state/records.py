"""Passes over one state as they went: who handled which event, and what it changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pytest_lambda_rollback.contracts.state.changes import Changes, Key, items_of
from pytest_lambda_rollback.model.json_values import parse
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.model.services import StoredState


class Side(StrEnum):
    """Who handled an event."""

    CURRENT = "current"
    TARGET = "target"


class StatePass(StrEnum):
    """What a round of a pass is like in production."""

    ROLLBACK = "rollback"
    """The target works on what the current version stored."""
    RETURN = "return"
    """The current version works on what the target stored after it."""
    MIXED = "mixed"
    """Both work on one state, as while an alias has weights."""


_NONE = Changes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event of a round."""

    event: int
    """Its number among the events."""
    side: Side
    outcome: Outcome
    changes: Changes = _NONE

    @property
    def answered(self) -> bool:
        """True for a response."""
        return self.outcome.kind is OutcomeKind.RESPONSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One pass: rounds of all events on one state, which had an equal start in every pass."""

    start: StoredState = field(repr=False)
    rounds: tuple[tuple[Step, ...], ...]
    passes: tuple[StatePass | None, ...] = ()
    """What each round shows; ``None`` for one that only prepares another, none for controls."""
    left_out: tuple[str, ...] = ()
    """What could not be read out, one clause each."""

    def created(self, event: int) -> frozenset[Key]:
        """What an event created in the first round."""
        return frozenset(
            change.key
            for step in self.rounds[0]
            if step.event == event
            for change in step.changes.items
            if change.before is None
        )


@dataclass(slots=True)
class Cursor:
    """The state of a record as it was before a step, from step to step."""

    record: Record
    items: dict[Key, str] = field(init=False)
    writers: dict[Key, Side] = field(default_factory=dict)
    """Who wrote an item last; not there for one that was there from the start."""

    def __post_init__(self) -> None:
        self.items = items_of(self.record.start)

    def advance(self, step: Step) -> None:
        """Go behind a step."""
        for change in step.changes.items:
            if change.after is None:
                self.items.pop(change.key, None)
                self.writers.pop(change.key, None)
            else:
                self.items[change.key] = change.after
                self.writers[change.key] = step.side


def later_order(record: Record) -> tuple[int, ...]:
    """The order of events in every round but the first.

    Events that create something come last, else in recorded order: what they write over would
    never have been read by the other version.
    """
    steps = record.rounds[0]
    creating = {
        step.event for step in steps if any(each.before is None for each in step.changes.items)
    }
    return tuple(
        step.event
        for creates in (False, True)
        for step in steps
        if (step.event in creating) is creates
    )


def mixed_sides(
    events: int, weights: tuple[int, int], *, run: int = 1
) -> tuple[tuple[Side, ...], tuple[Side, ...]]:
    """Who handles each event of the first and the second round of a mixed pass.

    ``weights`` are those of the current version and the target, which take turns by them, ``run``
    events at a time. In the second round each event goes to the other one. Both get an event.
    """
    current, target = (max(0, each) for each in weights)
    first: list[Side] = []
    due = 0
    for number in range(events):
        if number % run == 0:
            due += target
            goes_back = due >= current + target
            due -= (current + target) * goes_back
        first.append(Side.TARGET if goes_back else Side.CURRENT)
    if len(set(first)) == 1 and events > 1:
        first[-1] = _OTHER[first[-1]]
    return tuple(first), tuple(_OTHER[each] for each in first)


_OTHER = {Side.CURRENT: Side.TARGET, Side.TARGET: Side.CURRENT}


def expiry_attributes(state: StoredState) -> Mapping[str, str]:
    """By table, the attribute by which DynamoDB deletes items.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html
    """
    found = {}
    for item in state.items:
        if item.service == "dynamodb" and item.key == "":
            try:
                described = parse(item.value)
            except ValueError:
                continue
            ttl = described.get("ttl") if isinstance(described, dict) else None
            if isinstance(ttl, str) and ttl:
                found[item.container] = ttl
    return found
