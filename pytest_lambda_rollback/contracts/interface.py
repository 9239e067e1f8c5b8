"""The interface of contracts: what they are asked, and how those of plugins plug in.

A contract judges a target. One that needs no replay is asked once for each target and strategy,
and has a check of its own, ``…::3-alias::NAME``. One that needs replays is asked for each event,
after the contracts before it hold, and shares the event's check. Findings of a plugin's contract
bring their sentence in `Finding.text`. Nothing here knows how outcomes and packages are obtained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from pytest_lambda_rollback.aws_lambda.event_sources.interface import Event
from pytest_lambda_rollback.model.findings import Judgement, Subject
from pytest_lambda_rollback.model.published import PublishedFunction
from pytest_lambda_rollback.model.replay import EventFixture, Outcome
from pytest_lambda_rollback.model.settings import ResponseRule, Strategy
from pytest_lambda_rollback.model.versions import FunctionVersion, TargetRef


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticCase:
    """One target by one strategy, without events. Fields are only ever added."""

    target: FunctionVersion
    """As the strategy would run it; its packages are tars in the artefact store."""
    published: FunctionVersion
    """As it was published."""
    current: FunctionVersion
    redeployed: FunctionVersion
    """Its code on the current version's layers, whatever the strategy is."""
    strategy: Strategy
    requires: tuple[str, ...] = ()
    facts: PublishedFunction | None = None
    """AWS's facts about the current version's function, for the platform contract."""
    target_facts: PublishedFunction | None = None
    """And of the target's."""
    alias: str | None = None
    """The alias that the current version was named by."""
    unread: str | None = None
    """Why the packages of these versions could not be read, where they are empty for that."""

    @property
    def subject(self) -> Subject:
        """The subject of the findings."""
        return Subject(
            target=TargetRef(function=self.published.function, version=self.published.version),
            current=TargetRef(function=self.current.function, version=self.current.version),
            strategy=self.strategy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayCase:
    """One event, replayed on a target and on the current version. Fields are only ever added."""

    subject: Subject
    """The subject of the findings."""
    fixture: EventFixture
    baseline: tuple[Outcome, ...]
    """The current version's outcomes, two or more of one kind."""
    outcome: Outcome
    """The target's."""
    response: ResponseRule
    """How the configuration wants responses of the function compared."""
    event: Event | None = None
    """The event with its source; ``None`` if not every outcome is a response."""


class StaticContract(Protocol):
    """A contract that needs no replay."""

    @property
    def name(self) -> str:
        """The last part of ids, and what ``accept`` names."""
        ...

    @property
    def needs_replays(self) -> Literal[False]:
        """Tells the two kinds of contracts apart."""
        ...

    def judge(self, case: StaticCase) -> Judgement:
        """Judge one target. Raises SourceError for packages that cannot be read."""
        ...


class ReplayContract(Protocol):
    """A contract on how a target handles an event."""

    @property
    def name(self) -> str:
        """The name in findings."""
        ...

    @property
    def needs_replays(self) -> Literal[True]:
        """Tells the two kinds of contracts apart."""
        ...

    def judge(self, case: ReplayCase) -> Judgement:
        """Judge one replay. It may be asked again of other replays of the same event."""
        ...
