"""The order of the steps: from a check of the plan to its result, one check after the other."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN, EventSources
from pytest_lambda_rollback.contracts.interface import ReplayContract, StaticContract
from pytest_lambda_rollback.engines.interface import Engine, Progress
from pytest_lambda_rollback.errors import RollbackError, SourceError
from pytest_lambda_rollback.model.coverage import EventCoverage
from pytest_lambda_rollback.model.findings import (
    Check,
    CheckResult,
    Contract,
    Judgement,
    Subject,
    Verdict,
)
from pytest_lambda_rollback.model.replay import EngineDescription, EventFixture
from pytest_lambda_rollback.model.settings import FunctionSettings, Settings, Strategy
from pytest_lambda_rollback.model.versions import FunctionVersion, TargetRef
from pytest_lambda_rollback.session import verdicts
from pytest_lambda_rollback.session.causes import Broken, Diagnosis
from pytest_lambda_rollback.session.environment_values import redacted
from pytest_lambda_rollback.session.environments import Engines, Environments
from pytest_lambda_rollback.session.loaded_versions import Packages, Versions
from pytest_lambda_rollback.session.replays import CoverageReplays, Replayed, Replays
from pytest_lambda_rollback.session.static_checks import StaticContracts, static_case
from pytest_lambda_rollback.session.work import Work
from pytest_lambda_rollback.sources import events


@dataclass(slots=True)
class _Function:
    """One function while its checks run."""

    settings: FunctionSettings
    versions: Versions
    environments: Environments
    targets: dict[TargetRef, None] = field(default_factory=dict)
    """The targets of the selection, in its order."""
    replays: Replays | None = None
    diagnosis: Diagnosis | None = None


class Session:
    """Checks rollback targets one after the other and keeps environments warm between them.

    ``make_engine`` is asked once for each distinct engine setting, when the first event is
    replayed; ``announce`` gets each engine once its base images are known. Both
    ``announce`` and ``progress`` are called from the thread that calls `run` only. ``eager`` gets
    everything ready that the selection needs; a worker of a distributed run, which makes only
    some of the checks, is not eager. ``cache`` keeps what was read from packages. ``coverage`` is
    the folder for the agent's package, if coverage was requested.
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
        eager: bool = True,
        cache: Path | None = None,
        coverage: Path | None = None,
        event_sources: EventSources = BUILT_IN,
        contracts: Collection[StaticContract | ReplayContract] = (),
        today: Callable[[], date] = date.today,
    ) -> None:
        self._eager = eager
        self._today = today
        # Two baseline replays and one start ahead must never wait for one another.
        self._work = Work(threads=max(3, workers + 1), progress=progress)
        self._engines = Engines(make_engine, work=self._work, announce=announce)
        self._statics = StaticContracts(
            cache, today=today, others=[each for each in contracts if not each.needs_replays]
        )
        self._replay_contracts = [each for each in contracts if each.needs_replays]
        self._event_sources = event_sources
        self._coverage = CoverageReplays(coverage, event_sources) if coverage is not None else None
        self._evidence: dict[tuple[Path, str, str, str], EventCoverage] = {}
        self._functions: dict[tuple[Path, str], _Function] = {}
        for settings, check in selected:
            function = self._function(settings, check.function, packages)
            function.environments.expect(check)
            if check.target is not None:
                function.targets[check.target] = None

    def _function(self, settings: Settings, name: str, packages: Packages) -> _Function:
        key = (settings.path, name)
        if key not in self._functions:
            own = settings.function(name)
            versions = Versions(settings=settings, function=own, packages=packages, work=self._work)
            self._functions[key] = _Function(
                settings=own,
                versions=versions,
                environments=Environments(
                    versions=versions,
                    function=name,
                    engines=self._engines,
                    work=self._work,
                    eager=self._eager,
                ),
            )
        return self._functions[key]

    # --- the public side ---------------------------------------------------------------------

    def run(self, settings: Settings, check: Check) -> CheckResult:
        """Make one check. Never raises for what a function, a source or an engine does."""
        function = self._functions[settings.path, check.function]
        started_at = time.time()
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
        """End every environment and remove what the engines made. Safe to call twice."""
        self._engines.close()

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
        version = function.environments.target(check.group)
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
            duration_s=replayed.outcome.duration_s if replayed.outcome is not None else 0.0,
            engine=replays.engine.name,
        )

    def _replays(self, settings: Settings, function: _Function) -> Replays:
        """Choose the engine, prepare what the selection needs, start the current version.

        Raises RollbackError if that fails, for each check of the function.
        """
        if function.replays is None:
            running = self._engines.of(settings)
            self._read_ahead(function)
            current = function.environments.start(running)
            function.replays = Replays(
                function=function.settings,
                current=current,
                engine=running.engine,
                pool=running.pool,
                work=self._work,
                event_sources=self._event_sources,
                contracts=self._replay_contracts,
            )
            if current.image is None:
                function.diagnosis = self._diagnosis(function.replays, function.settings)
        return function.replays

    def _explained(
        self,
        function: _Function,
        version: FunctionVersion,
        subject: Subject,
        fixture: EventFixture,
        replayed: Replayed,
    ) -> Judgement:
        """The judgement, with the causes of a break."""
        judgement, diagnosis, outcome = replayed.judgement, function.diagnosis, replayed.outcome
        # Layers can be swapped below code alone: a container image is all in one.
        if diagnosis is None or version.image is not None:
            return judgement
        diagnosis.note(version, fixture, judgement.verdict)
        if not judgement.findings or subject.strategy is None or outcome is None:
            return judgement
        try:
            own = function.versions.published(subject.target)
        except SourceError:  # redeployed without its own layers, with which nothing can be compared
            return judgement
        broken = Broken(
            strategy=subject.strategy,
            subject=judgement.findings[0].subject,
            own=own,
            redeployed=function.versions.rolled_back(subject.target, Strategy.REDEPLOY),
            fixture=fixture,
            outcome=outcome,
            findings=judgement.findings,
        )
        return replace(judgement, findings=diagnosis.explained(broken))

    def _diagnosis(self, replays: Replays, own: FunctionSettings) -> Diagnosis:
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
        function.environments.release(check)
        if check.event is None or function.replays is None:
            return
        if not function.environments.needs(check.group):
            function.replays.end_probes()
        if not function.environments.needs():
            function.replays.forget()


def _unknown(check: Check, reason: str) -> CheckResult:
    return CheckResult(check=check, verdict=Verdict.UNKNOWN, reason=reason)
