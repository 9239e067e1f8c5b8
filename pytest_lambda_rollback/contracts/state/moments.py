"""One event of a pass beside the same event of the controls, and findings about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pytest_lambda_rollback.contracts.state.changes import Key
from pytest_lambda_rollback.contracts.state.records import Side, StatePass, Step
from pytest_lambda_rollback.contracts.state.values import Place, place_text, shown_key
from pytest_lambda_rollback.model.findings import Contract, Detail, Details, Finding, Subject
from pytest_lambda_rollback.model.json_values import one_line
from pytest_lambda_rollback.model.services import StoredItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A step of a pass and what surrounds it."""

    subject: Subject
    replay_pass: StatePass
    event: str
    """The event's name."""
    step: Step
    controls: tuple[Step, ...]
    """The current version's steps on a state of its own alone: same round, same place, ≥ 2."""
    before: Mapping[Key, str]
    """What was stored before the step."""
    control_before: tuple[Mapping[Key, str], ...]
    writers: Mapping[Key, Side]
    """Who wrote what was stored; not there for what was there from the start."""
    created: frozenset[Key]
    """What the event created in the first round of the controls."""
    expiry: Mapping[str, str]
    """By table, the attribute by which DynamoDB deletes items."""
    alone: Callable[[], Step | None] = field(repr=False)
    """The target's step on a state of its own alone."""

    @property
    def by_target(self) -> bool:
        """True if the target handled the event."""
        return self.step.side is Side.TARGET

    @property
    def failed(self) -> bool:
        """True if it failed where the current version alone answers: it did not get to the end."""
        return not self.step.answered and all(each.answered for each in self.controls)

    def finding(
        self,
        kind: str,
        item: StoredItem,
        *,
        place: Place = (),
        current: str | None = None,
        target: str | None = None,
        details: Details = (),
    ) -> Finding:
        """A finding about something stored or sent."""
        return Finding(
            contract=Contract.STATE,
            kind=kind,
            subject=self.subject,
            replay_pass=self.replay_pass.value,
            current=current,
            target=target,
            details=(*self.details(item), *_attribute(item, place), *details),
        )

    def details(self, item: StoredItem | None) -> Details:
        """The event and the item."""
        about: tuple[tuple[str, Detail], ...] = (
            ("event", self.event),
            ("by", self.step.side.value),
        )
        if item is None:
            return (*about, ("service", None), ("container", None), ("key", None))
        return (
            *about,
            ("service", item.service),
            ("container", one_line(item.container)),
            ("key", shown_key(item)),
        )


def _attribute(item: StoredItem, place: Place) -> Details:
    """The place in the item, and in which part of it that is: a table's item has but one."""
    part = None
    if item.service != "dynamodb" and place and place[0] in PARTS:
        part, place = str(place[0]), place[1:]
    return (("part", part), ("attribute", place_text(place)))


PARTS: Final = frozenset({"attributes", "binary", "body", "content", "metadata", "value"})
"""What objects, messages, parameters and secrets consist of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A finding, or what may be the version's own way of storing."""

    finding: Finding
    is_certain: bool = True
