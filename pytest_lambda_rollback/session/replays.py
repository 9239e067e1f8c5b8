"""Replaying one function's events: the baseline, the target, and the confirmation of a break.

Knows the pool of environments and the contracts that compare outcomes; it does not know where
versions come from or how results are shown.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.event_sources.interface import UNKNOWN
from pytest_lambda_rollback.aws_lambda.event_sources.registry import EventSources
from pytest_lambda_rollback.contracts import invocation, response
from pytest_lambda_rollback.contracts.interface import ReplayCase, ReplayContract
from pytest_lambda_rollback.coverage.agent_layer import coverage_version, not_measurable
from pytest_lambda_rollback.engines.interface import Engine
from pytest_lambda_rollback.errors import RollbackError
from pytest_lambda_rollback.model.coverage import EventCoverage, event_coverage
from pytest_lambda_rollback.model.findings import Judgement, Subject, Verdict
from pytest_lambda_rollback.model.replay import EventFixture, Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import FunctionSettings
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.session import environment_values, verdicts
from pytest_lambda_rollback.session.pool import (
    BASELINE_SLOTS,
    PROBE_SLOT,
    EnvironmentPool,
    Slot,
)
from pytest_lambda_rollback.session.work import Work

_BUILT_IN: tuple[ReplayContract, ...] = (
    invocation.InvocationContract(),
    response.ResponseContract(),
)

_ENDS_IN_CODE = (OutcomeKind.RESPONSE, OutcomeKind.FUNCTION_ERROR, OutcomeKind.INIT_ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A judgement with the replays that it rests on."""

    judgement: Judgement
    outcome: Outcome | None = None
    """The target's first replay; ``None`` if the target was not replayed."""


class Replays:
    """All replays of one function on one engine.

    ``current`` holds the contracts. Every method raises EngineError when no environment can be
    started.
    """

    def __init__(
        self,
        *,
        function: FunctionSettings,
        current: FunctionVersion,
        engine: Engine,
        pool: EnvironmentPool,
        work: Work,
        event_sources: EventSources,
        contracts: Iterable[ReplayContract] = (),
    ) -> None:
        self.engine = engine
        self._contracts = (*_BUILT_IN, *contracts)
        self._event_sources = event_sources
        self.current = current
        self._function = function
        self._pool = pool
        self._work = work
        self._baselines: dict[Path, tuple[Outcome, ...]] = {}
        self._probes: set[Slot] = set()

    def judge(self, target: FunctionVersion, subject: Subject, fixture: EventFixture) -> Replayed:
        """Replay one event on the current version and on a target, and compare.

        A break is confirmed in a fresh environment; one that does not repeat is unknown.
        """
        baseline = self._baseline(fixture)
        usable = invocation.judge_baseline(baseline, fixture.expect, version_name=self.current.name)
        if usable.reason is not None:
            return Replayed(judgement=environment_values.explained(usable, self.current, baseline))
        first = self.replay(Slot(version=target), fixture, f"{fixture.name} on {subject.name}")
        judgement = self.compare(baseline, first, fixture, subject)
        judgement = environment_values.without_made_up(judgement, first, target)
        if judgement.verdict is not Verdict.BREAKS:
            return Replayed(judgement=judgement, outcome=first)
        again = self.replay_fresh(target, fixture, subject.name)
        if first.kind is OutcomeKind.RESPONSE:
            # What differs by itself may show only now: look at the current version once more.
            baseline = self._baseline_again(fixture)
            judgement = self.compare(baseline, first, fixture, subject)
            if judgement.verdict is not Verdict.BREAKS:
                return Replayed(judgement=judgement, outcome=first)
        second = self.compare(baseline, again, fixture, subject)
        confirmed = verdicts.confirmed(judgement, second, first, again)
        return Replayed(judgement=confirmed, outcome=first)

    def compare(
        self,
        baseline: tuple[Outcome, ...],
        outcome: Outcome,
        fixture: EventFixture,
        subject: Subject,
    ) -> Judgement:
        """Judge one outcome by each contract in turn; the first violated one decides.

        Warnings and notes are those of every contract that was asked.
        """
        answered = {each.kind for each in (*baseline, outcome)} == {OutcomeKind.RESPONSE}
        case = ReplayCase(
            subject=subject,
            fixture=fixture,
            baseline=baseline,
            outcome=outcome,
            response=self._function.response,
            event=self._event_sources.recognise(fixture.payload) if answered else None,
        )
        judgement = Judgement()
        for contract in self._contracts:
            found = contract.judge(case)
            judgement = replace(
                found,
                warnings=judgement.warnings + found.warnings,
                notes=judgement.notes + found.notes,
            )
            if judgement.verdict is not Verdict.SAFE:
                break
        return judgement

    def probe(self, version: FunctionVersion, subject: Subject, fixture: EventFixture) -> Judgement:
        """Judge one unconfirmed replay on any version, in an environment kept for probes."""
        baseline = self._baseline(fixture)
        usable = invocation.judge_baseline(baseline, fixture.expect, version_name=self.current.name)
        if usable.reason is not None:
            return usable
        activity = f"{fixture.name} on {subject.target_name} with other layers"
        outcome = self._probe(version, fixture, activity)
        return self.compare(baseline, outcome, fixture, subject)

    def measure(self, version: FunctionVersion, fixture: EventFixture) -> Outcome:
        """Replay on a version that measures coverage, in an environment kept for that."""
        return self._probe(version, fixture, f"{fixture.name} on {version.name} for coverage")

    def _probe(self, version: FunctionVersion, fixture: EventFixture, activity: str) -> Outcome:
        prepare = self._work.submit(self.engine.prepare, version, self._work.say)
        self._work.wait(prepare, f"preparing {activity}")
        slot = Slot(version=version, number=PROBE_SLOT)
        self._probes.add(slot)
        return self.replay(slot, fixture, activity)

    def end_probes(self) -> None:
        """End the environments that were started for probes."""
        while self._probes:
            self._work.submit(self._pool.release, self._probes.pop())

    def replay(self, slot: Slot, fixture: EventFixture, activity: str) -> Outcome:
        """Replay in a slot's warm environment."""
        replay = self._work.submit(self._pool.replay, slot, _invocations(fixture))
        return self._work.wait(replay, f"replaying {activity}")

    def replay_fresh(self, version: FunctionVersion, fixture: EventFixture, name: str) -> Outcome:
        """Replay in an environment of its own."""
        make = _invocations(fixture)
        return self._work.wait(
            self._work.submit(self._pool.replay_fresh, version, make()),
            f"confirming {fixture.name} on {name} in a fresh environment",
        )

    def forget(self) -> None:
        """Drop the baselines; no event will be replayed any more."""
        self._baselines.clear()

    def _baseline(self, fixture: EventFixture) -> tuple[Outcome, ...]:
        if fixture.path not in self._baselines:
            make = _invocations(fixture)
            replays = [
                self._work.submit(
                    self._pool.replay, Slot(version=self.current, number=number), make
                )
                for number in BASELINE_SLOTS
            ]
            activity = f"replaying {fixture.name} on the current version, {self.current.name}"
            self._baselines[fixture.path] = tuple(
                self._work.wait(replay, activity) for replay in replays
            )
        return self._baselines[fixture.path]

    def _baseline_again(self, fixture: EventFixture) -> tuple[Outcome, ...]:
        slot = Slot(version=self.current, number=BASELINE_SLOTS[0])
        outcome = self.replay(slot, fixture, f"{fixture.name} on the current version once more")
        if outcome.kind is OutcomeKind.RESPONSE:
            self._baselines[fixture.path] += (outcome,)
        return self._baselines[fixture.path]


@dataclass(slots=True)
class CoverageReplays:
    """One more replay of an event, on a version with the coverage agent.

    It is never the replay that is judged and never changes a verdict: a failure here is
    only a reason for unknown lines. ``artifacts`` is the folder for the agent's
    package.
    """

    artifacts: Path
    event_sources: EventSources
    _versions: dict[FunctionVersion, FunctionVersion] = field(default_factory=dict)

    def of(
        self,
        replays: Replays,
        version: FunctionVersion,
        fixture: EventFixture,
        judged: Outcome | None,
    ) -> EventCoverage:
        """One event's part in the evidence. ``judged`` is how its judged replay ended."""
        recognised = self.event_sources.recognise(fixture.payload).source
        source = "" if recognised is UNKNOWN else recognised.name
        reason = not_measurable(version)
        if judged is None:
            reason = "it was not replayed on the target"
        elif judged.kind not in _ENDS_IN_CODE:
            reason = judged.detail
        if reason is not None:
            return EventCoverage(event=fixture.name, source=source, reason=reason)
        try:
            if version not in self._versions:
                self._versions[version] = coverage_version(version, self.artifacts)
            outcome = replays.measure(self._versions[version], fixture)
        except RollbackError as error:
            return EventCoverage(event=fixture.name, source=source, reason=str(error))
        return event_coverage(outcome, event=fixture.name, source=source)


def _invocations(fixture: EventFixture) -> Callable[[], Invocation]:
    """Make invocations of an event, each with ids of its own as Lambda gives them."""

    def make() -> Invocation:
        number = uuid.uuid4().hex
        root = f"1-{int(time.time()):08x}-{number[:24]}"
        return Invocation(
            request_id=str(uuid.uuid4()),
            event=fixture.payload,
            trace_id=f"Root={root};Parent={number[16:]};Sampled=0",
            client_context=fixture.client_context,
            cognito_identity=fixture.cognito_identity,
        )

    return make
