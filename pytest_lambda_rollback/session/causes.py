"""Finding the cause of a confirmed break: which replays to make.

A break of the warm pass is looked for after the same events in the same environment.

A break that the other stack fixes is in what differs between the stacks: layers, runtime and
environment are swapped, and the smallest set that flips the break is its cause. A break that it
does not fix is in the event or in the code. This module decides what to try; `diagnosis`
interprets the outcomes.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Protocol

from pytest_lambda_rollback.aws_lambda.event_sources.registry import EventSources
from pytest_lambda_rollback.diagnosis.diagnose import BreakCase, diagnose, same_break
from pytest_lambda_rollback.diagnosis.search import smallest_flip
from pytest_lambda_rollback.diagnosis.stack_changes import Change, changes, hybrid
from pytest_lambda_rollback.errors import EngineError, RollbackError
from pytest_lambda_rollback.model.findings import Finding, Judgement, Subject, Verdict
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.session.static_checks import StaticContracts

_SLOW_S = 10.0
"""A timeout longer than this is not repeated to find its cause."""
_PASSING = 50
"""At most this many other events are replayed to compare with one that breaks."""


class Probes(Protocol):
    """Replays that are made to find a cause."""

    def probe(
        self,
        version: FunctionVersion,
        subject: Subject,
        fixture: EventFixture,
        after: tuple[str, ...] = (),
    ) -> Judgement:
        """Judge any version once, as the target was judged. Raises EngineError."""
        ...

    def handles(self, target: FunctionVersion, subject: Subject, fixture: EventFixture) -> bool:
        """True if a target handles another event."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A confirmed break in one pass or in both alike, with the two versions."""

    subject: Subject
    strategy: Strategy
    own: FunctionVersion
    """The target as it was published."""
    redeployed: FunctionVersion
    """Its code on the current version's stack."""
    fixture: EventFixture
    outcome: Outcome
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Flip:
    heals: bool | None
    changes: AbstractSet[Change] | None = None


_Mark = tuple[FunctionVersion, Finding]


class Diagnosis:
    """Adds causes to the findings of one function's breaks.

    Breaks with the same findings on the same version have the same cause, so layers are swapped
    once for all of them. ``other_events`` are all fixtures of the function; ``say`` takes a line
    of progress.
    """

    def __init__(
        self,
        *,
        replays: Probes,
        statics: StaticContracts,
        other_events: Callable[[], tuple[EventFixture, ...]],
        say: Callable[[str], None],
        event_sources: EventSources,
    ) -> None:
        self._event_sources = event_sources
        self._replays = replays
        self._statics = statics
        self._other_events = other_events
        self._say = say
        self._flips: dict[tuple[_Mark, ...], _Flip] = {}

    def explained(self, broken: Broken) -> tuple[Finding, ...]:
        """The findings with their causes, as far as these can be shown."""
        try:
            flip = self._flip(broken)
            return tuple(self._explained(finding, broken, flip) for finding in broken.findings)
        except RollbackError:
            return broken.findings

    def _explained(self, finding: Finding, broken: Broken, flip: _Flip) -> Finding:
        cause = diagnose(
            BreakCase(
                finding=finding,
                strategy=broken.strategy,
                own=self._statics.view(broken.own),
                current=self._statics.view(broken.redeployed),
                error=broken.outcome.error,
                heals=flip.heals,
                flip=flip.changes,
                imported=self._statics.imported(broken.own),
                # An event that one pass breaks alone, or in another way, is not its cause.
                event=broken.fixture.payload if finding.replay_pass is None else None,
                passing=() if flip.heals else self._handled(broken),
                event_sources=self._event_sources,
            )
        )
        return replace(finding, cause=cause)

    # --- swapping layers ---------------------------------------------------------------------

    def _flip(self, broken: Broken) -> _Flip:
        working, breaking = broken.own, broken.redeployed
        if broken.strategy is Strategy.ALIAS:
            working, breaking = breaking, working
        differing = changes(working, breaking)
        if not differing:
            return _Flip(False)
        slow = (
            broken.outcome.kind is OutcomeKind.TIMEOUT
            and breaking.configuration.timeout_s > _SLOW_S
        )
        if slow:
            return _Flip(None)
        mark = tuple((breaking, replace(each, logs=(), after=())) for each in broken.findings)
        if mark not in self._flips:
            self._say(f"finding out why {broken.fixture.name} breaks {broken.subject.target_name}")
            self._flips[mark] = self._searched(broken, working, breaking, differing)
        return self._flips[mark]

    def _searched(
        self,
        broken: Broken,
        working: FunctionVersion,
        breaking: FunctionVersion,
        differing: tuple[Change, ...],
    ) -> _Flip:
        def breaks(chosen: frozenset[Change]) -> bool:
            version = hybrid(working, breaking, chosen)
            return version == breaking or self._findings_alike(broken, version) is True

        try:
            alike = self._findings_alike(broken, working)
            if alike is None:
                return _Flip(True, smallest_flip(differing, breaks))
        except EngineError:
            return _Flip(None)
        # Where the other stack breaks in another way, it says nothing about this break.
        return _Flip(False if alike else None)

    def _findings_alike(self, broken: Broken, version: FunctionVersion) -> bool | None:
        """True if a version ends in the same break, False in another; ``None`` if it is safe.

        Raises EngineError when that cannot be found out.
        """
        after = broken.findings[0].after
        judgement = self._replays.probe(version, broken.subject, broken.fixture, after)
        if judgement.verdict is Verdict.UNKNOWN:
            raise EngineError(f"{version.name} could not be tried", why=judgement.reason or "")
        if judgement.verdict is Verdict.SAFE:
            return None
        return same_break(judgement.findings, broken.findings)

    # --- other events ------------------------------------------------------------------------

    def _handled(self, broken: Broken) -> tuple[bytes, ...]:
        """Other events that the target handles by the same strategy."""
        if broken.findings[0].replay_pass is not None:
            return ()
        target = broken.own if broken.strategy is Strategy.ALIAS else broken.redeployed
        return tuple(
            fixture.payload
            for fixture in self._other_events()[:_PASSING]
            if fixture.path != broken.fixture.path
            and self._replays.handles(target, broken.subject, fixture)
        )
