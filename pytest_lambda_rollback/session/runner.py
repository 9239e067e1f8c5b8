"""The order of the steps: from a check of the plan to its result, one check after the other.

Replays are made ahead in other threads, in the order in which the checks will ask for them.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN, EventSources
from pytest_lambda_rollback.contracts.downstream import Document
from pytest_lambda_rollback.contracts.interface import ReplayContract, StaticContract
from pytest_lambda_rollback.engines.interface import Engine, Progress
from pytest_lambda_rollback.errors import RollbackError, SourceError
from pytest_lambda_rollback.model.causes import CauseKind
from pytest_lambda_rollback.model.coverage import EventCoverage
from pytest_lambda_rollback.model.findings import (
    Check,
    CheckResult,
    Contract,
    Finding,
    Judgement,
    Subject,
    Verdict,
)
from pytest_lambda_rollback.model.replay import EngineDescription, EventFixture
from pytest_lambda_rollback.model.settings import (
    DoorService,
    FunctionSettings,
    Settings,
    Strategy,
)
from pytest_lambda_rollback.model.versions import FunctionVersion, TargetRef
from pytest_lambda_rollback.session import schedule, verdicts
from pytest_lambda_rollback.session.ahead import Ahead
from pytest_lambda_rollback.session.causes import Broken, Diagnosis, Probes
from pytest_lambda_rollback.session.coverage_replays import CoverageReplays
from pytest_lambda_rollback.session.environment_values import redacted
from pytest_lambda_rollback.session.environments import Engines, Environments
from pytest_lambda_rollback.session.loaded_versions import Packages, Versions
from pytest_lambda_rollback.session.replays import Replayed, Replays
from pytest_lambda_rollback.session.serving import FunctionServices, RunningServices, RunServices
from pytest_lambda_rollback.session.state_passes import StatePasses, StateProbes, failure_of
from pytest_lambda_rollback.session.static_checks import StaticContracts, static_case
from pytest_lambda_rollback.session.work import Work
from pytest_lambda_rollback.sources import events

FindServices = Callable[[Path, str, Iterable[DoorService]], RunningServices]
"""Where services of the user's are, by configuration file, function and its doors."""

_PATIENCE_S = 5.0
"""How long the end of a run waits for replays that were begun."""


@dataclass(slots=True)
class _Function:
    """One function while its checks run."""

    number: int
    """Its place in the selection."""
    settings: FunctionSettings
    versions: Versions
    services: FunctionServices
    environments: Environments
    events: set[Path] = field(default_factory=set)
    """The events of the selection."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: set[Check] = field(default_factory=set)
    targets: dict[TargetRef, None] = field(default_factory=dict)
    """The targets of the selection, in its order."""
    replays: Replays | None = None
    states: StatePasses | None = None
    diagnosis: Diagnosis | None = None
    state_diagnosis: Diagnosis | None = None


class Session:
    """Checks rollback targets one after the other, and replays events ahead of their checks.

    ``make_engine`` is asked once for each distinct engine setting, when the first event is
    replayed; ``announce`` gets each engine once its base images are known. Both
    ``announce`` and ``progress`` are called from the thread that calls `run` only. ``eager`` gets
    everything ready that the selection needs; a worker of a distributed run, which makes only
    some of the checks, is not eager. ``sharing`` such processes share this machine. ``cache``
    keeps what was read from packages. ``coverage`` is the folder for the agent's package, if
    coverage was requested.
    ``running`` says where services of the user's are, for one function of a configuration.
    ``event_sources`` are those that can be recognised, ``contracts`` those of plugins. `close`
    must be called, whatever happened.
    """

    def __init__(
        self,
        *,
        selected: Iterable[tuple[Settings, Check]],
        make_engine: Callable[[Settings, Progress], Engine],
        packages: Packages,
        progress: Progress,
        announce: Callable[[EngineDescription], None],
        workers: int = 2,
        sharing: int = 1,
        eager: bool = True,
        cache: Path | None = None,
        coverage: Path | None = None,
        event_sources: EventSources = BUILT_IN,
        contracts: Collection[StaticContract | ReplayContract] = (),
        running: FindServices = lambda _file, _function, _doors: {},
        today: Callable[[], date] = date.today,
    ) -> None:
        self._eager = eager
        self._today = today
        # Reading a package, preparing a version and judging one must not wait for one another.
        self._work = Work(threads=max(3, workers + 1), progress=progress)
        self._schedule = schedule.Schedule(schedule.lanes(workers, sharing=sharing))
        self._engines = Engines(make_engine, work=self._work, announce=announce, sharing=sharing)
        self._statics = StaticContracts(
            cache, today=today, others=[each for each in contracts if not each.needs_replays]
        )
        self._replay_contracts = [each for each in contracts if each.needs_replays]
        self._event_sources = event_sources
        self._coverage = CoverageReplays(coverage, event_sources) if coverage is not None else None
        self._running = running
        self._services = RunServices()
        self._settled = False
        self._evidence: dict[tuple[Path, str, str, str], EventCoverage] = {}
        self._functions: dict[tuple[Path, str], _Function] = {}
        replayed: dict[tuple[Path, str], Settings] = {}
        for settings, check in selected:
            function = self._function(settings, check.function, packages)
            function.environments.expect(check)
            if check.target is not None:
                function.targets[check.target] = None
            if check.event is not None:
                function.events.add(check.event)
                replayed.setdefault((settings.path, check.function), settings)
        self._ahead = Ahead(
            [
                partial(self._make_ahead, each, self._functions[key])
                for key, each in replayed.items()
            ]
        )
        self._steps = {key: number for number, key in enumerate(replayed)}
        self._started = False

    def _function(self, settings: Settings, name: str, packages: Packages) -> _Function:
        key = (settings.path, name)
        if key not in self._functions:
            own = settings.function(name)
            services = FunctionServices(own, self._services)
            versions = Versions(
                settings=settings,
                function=own,
                packages=packages,
                work=self._work,
                filled=services.filled,
            )
            self._functions[key] = _Function(
                number=len(self._functions),
                settings=own,
                versions=versions,
                services=services,
                environments=Environments(
                    versions=versions,
                    function=name,
                    engines=self._engines,
                    work=self._work,
                ),
            )
        return self._functions[key]

    # --- the public side ---------------------------------------------------------------------

    def run(self, settings: Settings, check: Check) -> CheckResult:
        """Make one check. Never raises for what a function, a source or an engine does."""
        function = self._functions[settings.path, check.function]
        started_at = time.time()
        self._settle()
        self._reach(settings, check)
        try:
            result = self._check(settings, function, check)
        except RollbackError as error:
            result = _unknown(check, str(error))
        finally:
            self._release(function, check)
        result = replace(result, started_at=started_at, ended_at=time.time())
        result = redacted(result, self._shown(function, check))
        return verdicts.with_acceptance(result, self._today())

    def coverage_of(self, settings: Settings, check: Check) -> EventCoverage | None:
        """The lines that a check's event reached; ``None`` if that was not measured."""
        return self._evidence.get((settings.path, check.function, check.group, check.name))

    def descriptions(self) -> tuple[EngineDescription, ...]:
        """The engines that were used so far."""
        return self._engines.descriptions()

    def close(self) -> None:
        """End every environment and remove what the engines made. Safe to call twice.

        Nothing new is begun, and replays that run are ended with their environments.
        """
        self._ahead.stop()
        self._schedule.cancel()
        try:
            self._engines.close()
        finally:
            self._services.close()
            self._schedule.join(_PATIENCE_S)
            self._ahead.join(_PATIENCE_S)

    def _settle(self) -> None:
        """Find the services of the user's for all functions, before anything runs elsewhere."""
        if self._settled:
            return
        self._settled = True
        for (path, name), function in self._functions.items():
            if function.events or function.services.have_state:
                function.services.start_ahead()
                function.services.settle(partial(self._running, path, name))

    def _shown(self, function: _Function, check: Check) -> Iterator[FunctionVersion]:
        """The versions whose environment variables a check's texts may show values of."""
        with contextlib.suppress(RollbackError):
            yield function.versions.current()
            if check.target is not None:
                yield function.versions.published(check.target)

    # --- one check ---------------------------------------------------------------------------

    def _check(self, settings: Settings, function: _Function, check: Check) -> CheckResult:
        if check.reason is not None or check.target is None or check.strategy is None:
            return _unknown(check, check.reason or "there is no target")
        if check.contract == Contract.STATE:
            return self._on_one_state(settings, function, check, check.target, check.strategy)
        if check.contract is not None:
            return self._static(function, check, check.contract, check.target, check.strategy)
        if check.event is None:
            return _unknown(check, "there is no event to replay")
        return self._replayed(settings, function, check, check.event, check.target, check.strategy)

    def _static(
        self,
        function: _Function,
        check: Check,
        contract: str,
        target: TargetRef,
        strategy: Strategy,
    ) -> CheckResult:
        self._read_ahead(function)
        case = static_case(
            function.versions,
            function.settings,
            contract,
            target,
            strategy,
            targets=tuple(function.targets),
        )
        found = self._work.wait(
            self._work.submit(self._statics.judge, contract, case),
            f"checking the {contract} of {target.function}:{target.version}",
        )
        return CheckResult(
            check=check,
            verdict=found.verdict,
            contract=contract,
            reason=found.reason,
            findings=found.findings,
            warnings=found.warnings,
            notes=found.notes,
        )

    def _replayed(
        self,
        settings: Settings,
        function: _Function,
        check: Check,
        event: Path,
        target: TargetRef,
        strategy: Strategy,
    ) -> CheckResult:
        replays = self._replays(settings, function)
        self._engines.announce(self._engines.of(settings))
        version = function.environments.target(check.group)
        if check in function.made:
            # It is run again to see whether it ends in another way.
            replays.forget(version)
        function.made.add(check)
        fixture = events.load(event, name=check.name)
        subject = Subject(
            target=target,
            current=TargetRef(function=replays.current.function, version=replays.current.version),
            strategy=strategy,
        )
        replayed = replays.judge(version, subject, fixture)
        judgement = self._explained(function, version, subject, fixture, replayed)
        if self._coverage is not None and version.image is None:
            key = (settings.path, check.function, check.group, check.name)
            self._evidence[key] = self._coverage.of(replays, version, fixture, replayed.outcome)
        contract = judgement.findings[0].contract if judgement.findings else Contract.INVOCATION
        return CheckResult(
            check=check,
            verdict=judgement.verdict,
            contract=contract,
            reason=judgement.reason,
            findings=judgement.findings,
            warnings=judgement.warnings,
            notes=judgement.notes,
            event_digest=hashlib.sha256(fixture.payload).hexdigest(),
            passes=replayed.passes,
            duration_s=replayed.outcome.duration_s if replayed.outcome is not None else 0.0,
            engine=replays.engine.name,
        )

    def _on_one_state(
        self,
        settings: Settings,
        function: _Function,
        check: Check,
        target: TargetRef,
        strategy: Strategy,
    ) -> CheckResult:
        """Replay all events on a state that the current version and a target share."""
        replays = self._replays(settings, function)
        self._engines.announce(running := self._engines.of(settings))
        version = function.environments.target(check.group)
        if function.states is None:
            function.states = StatePasses(
                current=replays.current,
                pool=running.pool,
                open_pass=function.services.open,
                events=replays.readable,
                compare=replays.compare,
                schedule=self._schedule,
                wait=self._work.wait,
                weights=function.settings.weights,
                serial=function.services.in_turn,
                budget_s=function.settings.cold_budget_s,
            )
        if check in function.made:
            # It is run again to see whether it ends in another way.
            function.states.forget()
        function.made.add(check)
        subject = Subject(
            target=target,
            current=TargetRef(function=replays.current.function, version=replays.current.version),
            strategy=strategy,
        )
        judgement = function.states.judge(version, subject)
        judgement = self._explained_state(function, version, subject, judgement)
        return CheckResult(
            check=check,
            verdict=judgement.verdict,
            contract=Contract.STATE,
            reason=judgement.reason,
            findings=judgement.findings,
            warnings=judgement.warnings,
            notes=judgement.notes,
            engine=replays.engine.name,
        )

    def _replays(self, settings: Settings, function: _Function) -> Replays:
        """Choose the engine and prepare the current version.

        Raises RollbackError if that fails, for each check of the function.
        """
        if function.replays is not None:
            return function.replays
        running = self._engines.of(settings)
        self._read_ahead(function)
        current = function.environments.start(running)
        with function.lock:
            if function.replays is None:
                own = function.settings
                fixtures = [_loaded(own, path) for path in own.events]
                function.services.use(each for each in fixtures if each is not None)
                last = len(own.events) - 1
                if self._eager:
                    last = max(
                        (n for n, path in enumerate(own.events) if path in function.events),
                        default=-1,
                    )
                function.replays = Replays(
                    function=own,
                    current=current,
                    events=fixtures,
                    last=last,
                    engine=running.engine,
                    pool=running.pool,
                    schedule=self._schedule,
                    work=self._work,
                    event_sources=self._event_sources,
                    contracts=self._replay_contracts,
                    openapi={host: Document.load(path) for host, path in own.services.openapi},
                    open_pass=function.services.open,
                    stateful=function.services.keep_state,
                )
                if current.image is None:
                    function.diagnosis = self._diagnosis(function.replays, own)
        return function.replays

    # --- ahead of the checks -----------------------------------------------------------------

    def _reach(self, settings: Settings, check: Check) -> None:
        """Let work ahead go on from a check that is made now."""
        step = self._steps.get((settings.path, check.function))
        if not self._eager or step is None:
            return
        self._ahead.reach(step)
        if not self._started:
            self._started = True
            self._ahead.start()

    def _make_ahead(self, settings: Settings, function: _Function) -> None:
        """Prepare one function's versions and begin their replays, target after target."""
        replays = self._replays(settings, function)
        environments = function.environments
        environments.begin()
        own = function.settings
        numbers = [
            number
            for number, path in enumerate(own.events)
            if path in function.events and replays.can_read(number)
        ]
        if not numbers:
            return
        begun: list[tuple[FunctionVersion, schedule.Turn]] = []

        def begin_cold() -> None:
            version, turn = begun.pop(0)
            # A target that cannot be run stops no other one.
            with contextlib.suppress(RollbackError):
                replays.cold_ahead(version, numbers, turn)

        turn = (schedule.AHEAD, function.number, 0)
        replays.warm_ahead(replays.current, numbers[-1], turn)
        begun.append((replays.current, turn))
        for place, group in enumerate(environments.groups(), start=1):
            if self._ahead.stopped:
                return
            # While one version is in its warm pass, another one may begin, if it is prepared.
            while begun and (len(begun) > 1 or not environments.is_ready(group)):
                begin_cold()
            turn = (schedule.AHEAD, function.number, place)
            with contextlib.suppress(RollbackError):
                version = environments.target(group)
                replays.warm_ahead(version, numbers[-1], turn)
                begun.append((version, turn))
        while begun:
            begin_cold()

    def _explained(
        self,
        function: _Function,
        version: FunctionVersion,
        subject: Subject,
        fixture: EventFixture,
        replayed: Replayed,
    ) -> Judgement:
        """The judgement, with the causes of a break."""
        judgement, diagnosis = replayed.judgement, function.diagnosis
        # Layers can be swapped below code alone: a container image is all in one.
        if diagnosis is None or version.image is not None:
            return judgement
        if not judgement.findings or subject.strategy is None:
            return judgement
        try:
            own = function.versions.published(subject.target)
        except SourceError:  # redeployed without its own layers, with which nothing can be compared
            return judgement
        explained: list[Finding] = []
        # Breaks that one pass has alone may have a cause of their own.
        for replay_pass in dict.fromkeys(each.replay_pass for each in judgement.findings):
            findings = tuple(f for f in judgement.findings if f.replay_pass == replay_pass)
            outcome = replayed.outcome_of(findings[0])
            if outcome is None:  # pragma: no cover - a finding is about a replay
                continue
            broken = Broken(
                strategy=subject.strategy,
                subject=findings[0].subject,
                own=own,
                redeployed=function.versions.rolled_back(subject.target, Strategy.REDEPLOY),
                fixture=fixture,
                outcome=outcome,
                findings=findings,
            )
            explained += diagnosis.explained(broken)
        return replace(judgement, findings=tuple(explained))

    def _explained_state(
        self,
        function: _Function,
        version: FunctionVersion,
        subject: Subject,
        judgement: Judgement,
    ) -> Judgement:
        """The judgement, with the layers that make a target fail on what is stored."""
        replays, states, strategy = function.replays, function.states, subject.strategy
        if replays is None or states is None or strategy is None or version.image is not None:
            return judgement
        if not judgement.findings or replays.current.image is not None:
            return judgement
        if function.state_diagnosis is None:
            probes = StateProbes(states, replays.prepare_probe)
            function.state_diagnosis = self._diagnosis(probes, function.settings)
        diagnosis = function.state_diagnosis
        try:
            own = function.versions.published(subject.target)
            redeployed = function.versions.rolled_back(subject.target, Strategy.REDEPLOY)
        except SourceError:
            return judgement
        fixtures = {each.name: each for each in replays.readable}

        def explained(finding: Finding) -> Finding:
            outcome = failure_of(finding)
            if outcome is None:  # What it stores is the code's doing.
                return finding
            broken = Broken(
                strategy=strategy,
                subject=subject,
                own=own,
                redeployed=redeployed,
                fixture=fixtures[str(finding.detail("event"))],
                outcome=outcome,
                findings=(finding,),
            )
            (found,) = diagnosis.explained(broken)
            # That the code is at fault goes without saying: versions differ in what they store.
            by_code = found.cause is not None and found.cause.kind is CauseKind.CODE
            return finding if by_code else found

        return replace(judgement, findings=tuple(map(explained, judgement.findings)))

    def _diagnosis(self, replays: Probes, own: FunctionSettings) -> Diagnosis:
        return Diagnosis(
            replays=replays,
            statics=self._statics,
            other_events=lambda: tuple(
                events.load(path, name=own.event_name(path)) for path in own.events
            ),
            say=self._work.say,
            event_sources=self._event_sources,
        )

    def _read_ahead(self, function: _Function) -> None:
        if self._eager:
            function.versions.read_ahead(iter(function.targets))

    def _release(self, function: _Function, check: Check) -> None:
        """End what no later check of the selection needs."""
        unneeded = function.environments.release(check)
        if not check.replays or function.replays is None:
            return
        for version in unneeded:
            function.replays.forget(version)
        if not function.environments.needs(check.group):
            function.replays.end_probes()
        if not function.environments.needs():
            function.replays.forget()


def _loaded(function: FunctionSettings, path: Path) -> EventFixture | None:
    """A fixture; ``None`` for one that cannot be read, which its own check reports."""
    try:
        return events.load(path, name=function.event_name(path))
    except RollbackError:
        return None


def _unknown(check: Check, reason: str) -> CheckResult:
    return CheckResult(check=check, verdict=Verdict.UNKNOWN, reason=reason)
