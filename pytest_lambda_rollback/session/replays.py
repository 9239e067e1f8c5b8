"""Judging one function's events in both passes, and confirming breaks.

Knows the passes of versions and the contracts that compare outcomes; it does not know where
versions come from or how results are shown.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

from pytest_lambda_rollback.aws_lambda.event_sources.registry import EventSources
from pytest_lambda_rollback.contracts import invocation, response
from pytest_lambda_rollback.contracts.downstream import Document, DownstreamContract
from pytest_lambda_rollback.contracts.interface import ReplayCase, ReplayContract
from pytest_lambda_rollback.engines.interface import Engine
from pytest_lambda_rollback.model.findings import Finding, Judgement, Note, Subject, Verdict
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind, ReplayPass
from pytest_lambda_rollback.model.settings import FunctionSettings
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.session import environment_values, refusals, verdicts
from pytest_lambda_rollback.session.cold_selection import affordable, most_different_first
from pytest_lambda_rollback.session.confirmation import Confirmation, Event, Seen, answers
from pytest_lambda_rollback.session.passes import (
    OpenPass,
    Step,
    VersionPasses,
    no_services,
    replay_after,
)
from pytest_lambda_rollback.session.pool import EnvironmentPool
from pytest_lambda_rollback.session.schedule import URGENT, Schedule, Turn
from pytest_lambda_rollback.session.work import Work

T = TypeVar("T")

_BUILT_IN: tuple[ReplayContract, ...] = (
    invocation.InvocationContract(),
    response.ResponseContract(),
)
_SAMPLES = 2
"""The current version goes through both passes in so many environments each, so that values of
one of them show as noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A judgement with the replays that it rests on."""

    judgement: Judgement
    cold: Outcome | None = None
    """The target's first replay in each pass; ``None`` if it was not made."""
    warm: Outcome | None = None

    @property
    def outcome(self) -> Outcome | None:
        """The target's first replay; ``None`` if the target was not replayed."""
        return self.cold or self.warm

    @property
    def passes(self) -> tuple[ReplayPass, ...]:
        """The passes that the target was tried in."""
        tried = ((ReplayPass.COLD, self.cold), (ReplayPass.WARM, self.warm))
        return tuple(each for each, outcome in tried if outcome is not None)

    def outcome_of(self, finding: Finding) -> Outcome | None:
        """The replay that a finding is about."""
        return self.warm if finding.replay_pass == ReplayPass.WARM else self.outcome


class Replays:
    """All replays of one function on one engine.

    ``current`` holds the contracts. ``events`` are all fixtures of the function in their order,
    ``None`` for those that cannot be read; warm passes go up to number ``last`` without being
    asked to. ``openapi`` are documents by host. Every method raises EngineError when no environment
    can be started.
    """

    def __init__(
        self,
        *,
        function: FunctionSettings,
        current: FunctionVersion,
        events: Sequence[EventFixture | None],
        last: int,
        engine: Engine,
        pool: EnvironmentPool,
        schedule: Schedule,
        work: Work,
        event_sources: EventSources,
        contracts: Iterable[ReplayContract] = (),
        openapi: Mapping[str, Document] | None = None,
        open_pass: OpenPass = no_services,
        stateful: bool = False,
    ) -> None:
        self.engine = engine
        self._open_pass = open_pass
        self._stateful = stateful
        self.current = current
        downstream = DownstreamContract(documents=openapi or {})
        self._contracts = (*_BUILT_IN, downstream, *contracts)
        self._event_sources = event_sources
        self._function = function
        self._events = events
        self._last = last
        self._numbers = {each.path: n for n, each in enumerate(events) if each is not None}
        self._pool = pool
        self._schedule = schedule
        self._work = work
        self._lock = threading.Lock()
        self._passes: dict[tuple[object, ...], VersionPasses] = {}
        self._order: tuple[int, ...] | None = None
        self._probed: dict[tuple[object, ...], FunctionVersion] = {}
        self._confirmation = Confirmation(
            current=current,
            step=self._step,
            named_like=self._named_like,
            wait=self._wait,
            compare=lambda baseline, outcome, event: self._compare(
                baseline, outcome, event.fixture, event.subject
            ),
        )

    @property
    def readable(self) -> tuple[EventFixture, ...]:
        """The events that can be read, in their order."""
        return tuple(each for each in self._events if each is not None)

    # --- one event on one target -------------------------------------------------------------

    def judge(self, target: FunctionVersion, subject: Subject, fixture: EventFixture) -> Replayed:
        """Replay one event in both passes on the current version and on a target, and compare.

        A break is confirmed in a fresh environment; one that does not repeat is unknown.
        """
        number = self._numbers[fixture.path]
        passes = self.passes(target)
        tried = self._tried_cold(passes)
        kinds = self._kinds(number, tried)
        self._begin(kinds, number, target)
        seen = [self._baseline(kind, fixture, number) for kind in kinds]
        if all(each.usable.reason is not None for each in seen):
            return Replayed(judgement=seen[0].usable)
        seen = [
            self._seen(each, answers(seen, but=each), target, subject, fixture) for each in seen
        ]
        if any(each.breaks for each in seen):
            event = Event(number=number, fixture=fixture, target=target, subject=subject)
            seen = self._confirmation.confirmed(seen, event)
        after = self._enough(seen, target, subject, fixture)
        steps = {each.replay_pass: each.step for each in seen}
        cold, warm = steps.get(ReplayPass.COLD), steps.get(ReplayPass.WARM)
        judgement = verdicts.of_passes(
            cold=_judgement(seen, ReplayPass.COLD),
            warm=_judgement(seen, ReplayPass.WARM),
            after=after,
        )
        judgement = self._weighed(judgement, seen, subject, fixture)
        if ReplayPass.COLD not in kinds:
            judgement = replace(judgement, notes=(*judgement.notes, self._too_costly(tried)))
        outcome = cold.outcome if cold is not None else None
        return Replayed(
            judgement=judgement,
            cold=outcome,
            # The first event of the warm pass is its own cold replay.
            warm=warm.outcome if warm is not None else outcome,
        )

    def handles(self, target: FunctionVersion, subject: Subject, fixture: EventFixture) -> bool:
        """True if a target handles an event in the warm pass, as one unconfirmed replay shows."""
        number = self._numbers[fixture.path]
        self._begin((ReplayPass.WARM,), number, target)
        baseline = self._baseline(ReplayPass.WARM, fixture, number)
        if baseline.usable.reason is not None:
            return False
        seen = self._seen(baseline, (), target, subject, fixture)
        if seen.differs and seen.step is not None:
            # Two answers may agree by luck, on the second of the clock above all.
            more = self._step(self.current, ReplayPass.WARM, number, _SAMPLES)
            activity = f"replaying {fixture.name} on the current version once more"
            three = (*baseline.baseline, self._wait(more, activity).outcome)
            seen = replace(
                seen, judgement=self._compare(three, seen.step.outcome, fixture, subject)
            )
        return seen.judgement.verdict is Verdict.SAFE

    def probe(
        self,
        version: FunctionVersion,
        subject: Subject,
        fixture: EventFixture,
        after: tuple[str, ...] = (),
    ) -> Judgement:
        """Judge one unconfirmed replay on any version, in a fresh environment.

        ``after`` names events that the environment handles before.
        """
        number = self._numbers[fixture.path]
        before = tuple(n for n, each in enumerate(self._events) if each and each.name in after)
        kind = ReplayPass.WARM if before else ReplayPass.COLD
        baseline = self._baseline(kind, fixture, number)
        if baseline.usable.reason is not None:
            return baseline.usable
        known = self._confirmation.sampled(kind, number) or baseline.baseline
        activity = f"{fixture.name} on {subject.target_name} with other layers"
        self._prepare(version, activity)
        key = version.stack
        with self._lock:
            if key not in self._passes:
                self._probed[key] = version
        passes = self.passes(version, samples=0)
        if before:
            outcome = self._wait(passes.after(before, number), f"replaying {activity}")
        else:
            outcome = self._wait(passes.cold(number), f"replaying {activity}").outcome
        return self._compare(known, outcome, fixture, subject)

    def prepare_probe(self, version: FunctionVersion, activity: str) -> None:
        """Prepare a version that is replayed elsewhere; `end_probes` ends its environments."""
        self._prepare(version, activity)
        with self._lock:
            if version.stack not in self._passes:
                self._probed[version.stack] = version

    def measure(self, version: FunctionVersion, fixture: EventFixture) -> Outcome:
        """Replay in a fresh environment of a version that measures coverage."""
        activity = f"{fixture.name} on {version.name} for coverage"
        self._prepare(version, activity)
        self._probed[version.stack] = version
        number = self._numbers[fixture.path] if self._stateful else 0
        before = tuple(each for each in self._events[:number] if each is not None)
        replay = self._schedule.submit(
            lambda: replay_after(self._pool, version, before, fixture, self._open_pass)
        )
        return self._wait(replay.future, f"replaying {activity}")

    def compare(
        self,
        baseline: tuple[Outcome, ...],
        outcome: Outcome,
        fixture: EventFixture,
        subject: Subject,
    ) -> Judgement:
        """Judge an outcome by the contracts that need replays, without any replay."""
        return self._compare(baseline, outcome, fixture, subject)

    # --- ahead of the checks -----------------------------------------------------------------

    def warm_ahead(self, version: FunctionVersion, last: int, turn: Turn) -> None:
        """Begin the warm pass of a version, up to an event that will be asked for."""
        passes = self.passes(version)
        for sample in range(self._samples(passes)):
            passes.warm(last, sample, turn)

    def cold_ahead(self, version: FunctionVersion, numbers: Collection[int], turn: Turn) -> None:
        """Begin the cold pass of a version, for events that will be asked for.

        Waits for the first event, by whose cost those to try cold are chosen.
        """
        passes = self.passes(version)
        for number in self._tried_cold(passes, turn):
            for sample in range(self._samples(passes)):
                if number in numbers:
                    passes.cold(number, sample, turn)

    def _samples(self, passes: VersionPasses) -> int:
        return _SAMPLES if passes is self.passes(self.current) else 1

    def passes(self, version: FunctionVersion, samples: int = 1) -> VersionPasses:
        """The passes of a version; versions of an equal stack share theirs."""
        key = version.stack
        if key == self.current.stack:
            samples = _SAMPLES
        with self._lock:
            if key not in self._passes:
                self._passes[key] = VersionPasses(
                    version=version,
                    events=self._events,
                    pool=self._pool,
                    schedule=self._schedule,
                    last=self._last,
                    samples=samples,
                    open_pass=self._open_pass,
                    stateful=self._stateful,
                )
            return self._passes[key]

    def end_probes(self) -> None:
        """End the environments that were started for probes and for coverage."""
        with self._lock:
            probed, self._probed = self._probed, {}
        for version in probed.values():
            self._work.submit(self._pool.release, version)

    def forget(self, version: FunctionVersion | None = None) -> None:
        """Drop the outcomes of a version, or of all: they will not be asked for any more."""
        with self._lock:
            if version is None:
                self._passes.clear()
            else:
                self._passes.pop(version.stack, None)

    def can_read(self, number: int) -> bool:
        """True for an event whose fixture can be read."""
        return self._events[number] is not None

    # --- which events are tried cold ---------------------------------------------------------

    def _tried_cold(self, passes: VersionPasses, turn: Turn = URGENT) -> tuple[int, ...]:
        """The numbers of the events that a version is tried on in fresh environments.

        What one costs is measured on the first event of the warm pass, which is always made.
        """
        current = self.passes(self.current)
        first = current.first
        firsts = [current.warm(first, sample, turn) for sample in range(_SAMPLES)]
        activity = f"starting {self.current.name}, the current version"
        cost_s = min(self._wait(each, activity).took_s for each in firsts)
        cost_s += self._pool.start_s(self.current)
        if passes is not current:
            step = self._wait(passes.warm(first, 0, turn), f"starting {passes.version.name}")
            cost_s = max(cost_s, step.took_s + self._pool.start_s(passes.version))
        budget_s = self._function.cold_budget_s
        known = len(self._numbers)
        number = affordable(known, cost_s=cost_s, budget_s=budget_s)
        if number >= known:
            return tuple(self._numbers.values())
        chosen = self._by_difference()[:number]
        passes.tried = frozenset(chosen)
        return chosen

    def _by_difference(self) -> tuple[int, ...]:
        if self._order is None:
            numbers = tuple(self._numbers.values())
            payloads = [each.payload for each in self._events if each is not None]
            order = most_different_first(payloads, self._event_sources)
            self._order = tuple(numbers[each] for each in order)
        return self._order

    def _too_costly(self, tried: Sequence[int]) -> Note:
        return Note(
            kind="cold-budget",
            details=(
                ("tried", len(tried)),
                ("events", len(self._numbers)),
                ("budget_s", self._function.cold_budget_s),
            ),
        )

    def _kinds(self, number: int, tried: Sequence[int]) -> tuple[ReplayPass, ...]:
        if number == self.passes(self.current).first:
            return (ReplayPass.COLD,)
        return (ReplayPass.COLD, ReplayPass.WARM) if number in tried else (ReplayPass.WARM,)

    # --- one pass ----------------------------------------------------------------------------

    def _begin(self, kinds: Iterable[ReplayPass], number: int, target: FunctionVersion) -> None:
        for kind in kinds:
            for sample in range(_SAMPLES):
                self._step(self.current, kind, number, sample)
            self._step(target, kind, number)

    def _step(
        self, version: FunctionVersion, kind: ReplayPass, number: int, sample: int = 0
    ) -> Future[Step]:
        passes = self.passes(version)
        made = passes.cold if kind is ReplayPass.COLD else passes.warm
        return made(number, sample)

    def _baseline(self, kind: ReplayPass, fixture: EventFixture, number: int) -> Seen:
        """The current version's outcomes of an event in one pass."""
        steps = [self._step(self.current, kind, number, each) for each in range(_SAMPLES)]
        activity = f"replaying {fixture.name} on the current version, {self.current.name}"
        outcomes = tuple(self._wait(step, activity).outcome for step in steps)
        usable = invocation.judge_baseline(
            outcomes, fixture.expect, version_name=self.current.name, event=fixture.payload
        )
        if usable.reason is not None:
            usable = environment_values.explained(usable, self.current, outcomes)
        return Seen(replay_pass=kind, baseline=outcomes, usable=usable)

    def _seen(
        self,
        seen: Seen,
        also: tuple[Outcome, ...],
        target: FunctionVersion,
        subject: Subject,
        fixture: EventFixture,
    ) -> Seen:
        """The target's outcome of an event in one pass, compared with the current version's."""
        future = self._step(target, seen.replay_pass, self._numbers[fixture.path])
        step = self._wait(future, f"replaying {fixture.name} on {subject.name}")
        if seen.usable.reason is not None:
            judgement = verdicts.without_baseline(
                seen.usable, seen.baseline, step.outcome, event=fixture.name, kind=seen.replay_pass
            )
            return replace(seen, step=step, judgement=judgement)
        judgement = self._compare((*seen.baseline, *also), step.outcome, fixture, subject)
        judgement = environment_values.without_made_up(judgement, step.outcome, target)
        return replace(seen, also=also, step=step, judgement=judgement)

    def _compare(
        self,
        baseline: tuple[Outcome, ...],
        outcome: Outcome,
        fixture: EventFixture,
        subject: Subject,
    ) -> Judgement:
        """Judge one outcome by each contract in turn; the first violated one decides.

        Warnings and notes are those of every contract that was asked.
        """
        doubtful = verdicts.doubted(baseline, outcome, subject)
        if doubtful is not None:
            return doubtful
        answered = {each.kind for each in (*baseline, outcome)} == {OutcomeKind.RESPONSE}
        case = ReplayCase(
            subject=subject,
            fixture=fixture,
            baseline=baseline,
            outcome=outcome,
            response=self._function.response,
            event=self._event_sources.recognise(fixture.payload, self._function.invoked_by)
            if answered
            else None,
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
        return verdicts.with_log(judgement, invocation.explaining_log(baseline, outcome))

    def _weighed(
        self, judgement: Judgement, seen: Sequence[Seen], subject: Subject, fixture: EventFixture
    ) -> Judgement:
        """The judgement, weighed by what it rests on if the current version did not do its work.

        It may only have refused the event, or have answered without a service that it called.
        """
        event = self._event_sources.recognise(fixture.payload)
        baseline = tuple(each for one in seen for each in one.baseline)
        current = f"{self.current.name}, the current version,"
        outcomes = [(current, each) for each in baseline]
        outcomes += [(subject.name, each.step.outcome) for each in seen if each.step]
        fallback = invocation.fallback(outcomes, fixture.payload, function=subject.current.function)
        if fallback is not None:
            judgement = verdicts.after_fallback(judgement, fallback)
        refusal = refusals.refused(event, fixture, baseline)
        if refusal is None:
            return judgement
        past = self._got_past(refusals.route(event), but=fixture)
        return refusals.weighed(judgement, refusal, subject, fixture.name, past=past)

    def _got_past(self, route: tuple[str, str], *, but: EventFixture) -> Iterator[bool]:
        """For each other event of a route: True if the current version got past a refusal."""
        for number, other in enumerate(self._events):
            if other is None or other is but or other.path == but.path:
                continue
            event = self._event_sources.recognise(other.payload)
            if refusals.route(event) == route:
                step = self._step(self.current, ReplayPass.WARM, number)
                outcome = self._wait(step, f"replaying {other.name} on {self.current.name}").outcome
                yield refusals.got_past(event, other, outcome)

    # --- confirmation ------------------------------------------------------------------------

    def _named_like(
        self, target: FunctionVersion, kind: ReplayPass, number: int
    ) -> Future[Step] | None:
        """A replay of the current version with a target's name, number and limits.

        ``None`` where these are its own. They are what the context object and the environment show
        of a version, see
        https://docs.aws.amazon.com/lambda/latest/dg/python-context.html and
        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        """
        named = replace(
            self.current,
            function=target.function,
            version=target.version,
            alias=target.alias,
            region=target.region,
            account=target.account,
            configuration=replace(
                self.current.configuration,
                memory_mb=target.configuration.memory_mb,
                timeout_s=target.configuration.timeout_s,
            ),
        )
        if named.stack == self.current.stack:
            return None
        self._prepare(named, f"{self.current.name} as {target.name}")
        passes = self.passes(named, samples=0)
        with self._lock:
            self._probed[named.stack] = named
        return passes.cold(number) if kind is ReplayPass.COLD else passes.warm(number)

    def _enough(
        self,
        seen: Sequence[Seen],
        target: FunctionVersion,
        subject: Subject,
        fixture: EventFixture,
    ) -> tuple[str, ...]:
        """The events after which the target breaks in the same environment, as few as are known.

        The event just before is tried alone.
        """
        warm = next((each for each in seen if each.replay_pass is ReplayPass.WARM), None)
        if warm is None or warm.step is None or not warm.breaks:
            return ()
        before = warm.step.after
        cold = _judgement(seen, ReplayPass.COLD)
        if len(before) > 1 and cold is not None and not verdicts.alike(cold, warm.judgement):
            number = self._numbers[fixture.path]
            future = self.passes(target).after(before[-1:], number)
            outcome = self._wait(future, f"finding out what breaks {fixture.name} when warm")
            found = self._compare((*warm.baseline, *warm.also), outcome, fixture, subject)
            if verdicts.alike(found, warm.judgement):
                before = before[-1:]
        return tuple(each.name for n in before if (each := self._events[n]) is not None)

    def _prepare(self, version: FunctionVersion, activity: str) -> None:
        prepare = self._work.submit(self.engine.prepare, version, self._work.say)
        self._work.wait(prepare, f"preparing {activity}")

    def _wait(self, future: Future[T], activity: str) -> T:
        return self._work.wait(future, activity)


def _judgement(seen: Iterable[Seen], kind: ReplayPass) -> Judgement | None:
    return next((each.judgement for each in seen if each.replay_pass is kind), None)
