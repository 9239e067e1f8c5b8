"""One check after the other, with environments kept warm between them."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN, EventSources
from pytest_lambda_rollback.engines.interface import Engine, Progress
from pytest_lambda_rollback.errors import EngineError, RollbackError, SourceError
from pytest_lambda_rollback.model.coverage import EventCoverage
from pytest_lambda_rollback.model.findings import (
    Check,
    CheckResult,
    Contract,
    Judgement,
    Subject,
    Verdict,
)
from pytest_lambda_rollback.model.published import PublishedFunction
from pytest_lambda_rollback.model.replay import EngineDescription, EventFixture
from pytest_lambda_rollback.model.settings import FunctionSettings, Settings, Strategy
from pytest_lambda_rollback.model.versions import FunctionVersion, TargetRef
from pytest_lambda_rollback.session import verdicts
from pytest_lambda_rollback.session.causes import Broken, Diagnosis
from pytest_lambda_rollback.session.environment_values import redacted
from pytest_lambda_rollback.session.evidence import Evidence
from pytest_lambda_rollback.session.loaded_versions import Packages, Versions
from pytest_lambda_rollback.session.pool import EnvironmentPool, Slot
from pytest_lambda_rollback.session.replays import BASELINE_SLOTS, Replayed, Replays
from pytest_lambda_rollback.session.static_checks import StaticCase, StaticContracts
from pytest_lambda_rollback.session.work import Work
from pytest_lambda_rollback.sources import events

_RELEASE_S = 10.0


@dataclass(slots=True)
class _Running:
    """One engine with what lives as long as it does."""

    engine: Engine
    pool: EnvironmentPool
    announced: bool = False


@dataclass(slots=True)
class _Group:
    """One target by one strategy, and how many of its checks are still to be made."""

    target: TargetRef | None
    strategy: Strategy | None
    replays_left: int = 0
    version: FunctionVersion | None = None
    """What the strategy would run; set when its image or tree was prepared."""
    reason: str | None = None
    """Why it cannot be run."""


@dataclass(slots=True)
class _Function:
    """What is known of one function while its checks run."""

    settings: FunctionSettings
    versions: Versions
    groups: dict[str, _Group] = field(default_factory=dict)
    replays: Replays | None = None
    diagnosis: Diagnosis | None = None
    running: _Running | None = None
    reason: str | None = None
    """Why nothing of the function can be replayed."""


class Session:
    """Checks rollback targets one after the other and keeps environments warm between them.

    ``make_engine`` is asked once for each distinct engine setting, when the first event is
    replayed; ``announce`` is told of each engine once its base images are known. Both
    ``announce`` and ``progress`` are called from the thread that calls `run` only. ``eager`` gets
    everything ready that the selection needs; a worker of a distributed run, which makes only
    some of the checks, is not eager. ``cache`` keeps what was read from packages. ``coverage`` is
    the folder for the agent's package, where the lines that events reach are asked for.
    ``event_sources`` are those that can be recognised. `close` must be called, whatever happened.
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
        today: Callable[[], date] = date.today,
    ) -> None:
        self._make_engine = make_engine
        self._announce = announce
        self._eager = eager
        self._today = today
        # Two baseline replays and one start ahead must never wait for one another.
        self._work = Work(threads=max(3, workers + 1), progress=progress)
        self._statics = StaticContracts(cache, today=today)
        self._event_sources = event_sources
        self._coverage = Evidence(coverage, event_sources) if coverage is not None else None
        self._evidence: dict[tuple[Path, str, str, str], EventCoverage] = {}
        self._releases: list[Future[None]] = []
        self._running: dict[tuple[object, ...], _Running | str] = {}
        self._functions: dict[tuple[Path, str], _Function] = {}
        for settings, check in selected:
            key = (settings.path, check.function)
            if key not in self._functions:
                own = settings.function(check.function)
                self._functions[key] = _Function(
                    settings=own,
                    versions=Versions(
                        settings=settings, function=own, packages=packages, work=self._work
                    ),
                )
            group = self._functions[key].groups.setdefault(
                check.group, _Group(target=check.target, strategy=check.strategy)
            )
            group.replays_left += check.event is not None

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
        result = redacted(result, self._environments(function, check))
        return verdicts.with_acceptance(result, self._today())

    def coverage_of(self, settings: Settings, check: Check) -> EventCoverage | None:
        """What a check's event reached, once the check was made and where that was asked for."""
        return self._evidence.get((settings.path, check.function, check.group, check.name))

    def descriptions(self) -> tuple[EngineDescription, ...]:
        """The engines that were used so far."""
        return tuple(
            running.engine.describe()
            for running in self._running.values()
            if isinstance(running, _Running)
        )

    def close(self) -> None:
        """End every environment and remove what the engines made. Safe to call twice."""
        self._work.cancel()
        # An environment that is being ended is not ended a second time beside that.
        wait([each for each in self._releases if not each.cancelled()], timeout=_RELEASE_S)
        running = [r for r in self._running.values() if isinstance(r, _Running)]
        # Once to end replays that are under way, once more for what a start ahead left behind.
        for each in running:
            each.engine.close()
        self._work.join()
        for each in running:
            each.engine.close()

    def _environments(self, function: _Function, check: Check) -> Iterator[FunctionVersion]:
        """The versions whose environments a check's texts may show values of."""
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
        return self._replayed(settings, function, check, check.event)

    def _static(
        self,
        function: _Function,
        check: Check,
        contract: Contract,
        target: TargetRef,
        strategy: Strategy,
    ) -> CheckResult:
        case = self._static_case(function, contract, target, strategy)
        found = self._work.wait(
            self._work.submit(self._statics.judge, contract, case),
            f"looking at the {contract} of {target.function}:{target.version}",
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

    def _static_case(
        self, function: _Function, contract: Contract, target: TargetRef, strategy: Strategy
    ) -> StaticCase:
        self._read_ahead(function)
        versions, unread = function.versions, None
        try:
            run, current = versions.rolled_back(target, strategy), versions.current()
        except SourceError as error:
            # What AWS refuses it refuses whatever is in the packages.
            if contract is not Contract.PLATFORM:
                raise
            run, published, current = versions.outlined(target, strategy)
            redeployed, unread = run, str(error)
        else:
            # For `platform` nothing of the target but what is run needs to be read.
            if contract is Contract.PLATFORM:
                _, published, _ = versions.outlined(target, strategy)
                redeployed = run
            else:
                published = versions.published(target)
                redeployed = versions.rolled_back(target, Strategy.REDEPLOY)
        return StaticCase(
            target=run,
            published=published,
            redeployed=redeployed,
            current=current,
            strategy=strategy,
            requires=function.settings.requires,
            facts=self._facts(function, function.settings.name, contract),
            target_facts=self._facts(function, target.function, contract),
            alias=function.settings.alias,
            unread=unread,
        )

    def _facts(self, function: _Function, of: str, contract: Contract) -> PublishedFunction | None:
        """What AWS says of a function and of all its versions that are checked here."""
        if contract is not Contract.PLATFORM:
            return None
        current = function.settings.current
        wanted = [current.version] if current is not None and of == function.settings.name else []
        targets = (group.target for group in function.groups.values())
        wanted += [each.version for each in targets if each is not None and each.function == of]
        return function.versions.facts(of, wanted)

    def _replayed(
        self, settings: Settings, function: _Function, check: Check, event: Path
    ) -> CheckResult:
        if function.replays is None and function.reason is None:
            self._make_ready(settings, function)
        if function.replays is None:
            return _unknown(check, function.reason or "the current version is not known")
        self._prepare(function, (check.group,))
        group = function.groups[check.group]
        if group.version is None or check.target is None:
            return _unknown(check, group.reason or "the target is not known")
        if self._eager:
            self._warm_next(function, check.group)
        fixture = events.load(event, name=check.name)
        replayed = function.replays.judge(
            group.version, _subject(check.target, check.strategy, function.replays.current), fixture
        )
        judgement = self._explained(function, group, fixture, replayed)
        if self._coverage is not None and group.version.image is None:
            key = (settings.path, check.function, check.group, check.name)
            self._evidence[key] = self._coverage.of(
                function.replays, group.version, fixture, replayed.outcome
            )
        contract = judgement.findings[0].contract if judgement.findings else Contract.INVOCATION
        return CheckResult(
            check=check,
            verdict=judgement.verdict,
            contract=contract,
            reason=judgement.reason,
            findings=judgement.findings,
            event_digest=hashlib.sha256(fixture.payload).hexdigest(),
            duration_s=replayed.outcome.duration_s if replayed.outcome is not None else 0.0,
            engine=function.replays.engine.name,
        )

    def _explained(
        self, function: _Function, group: _Group, fixture: EventFixture, replayed: Replayed
    ) -> Judgement:
        """The judgement, with the causes of a break."""
        judgement, diagnosis = replayed.judgement, function.diagnosis
        # Layers can be swapped below code alone: a container image is all in one.
        if diagnosis is None or group.version is None or group.version.image is not None:
            return judgement
        diagnosis.note(group.version, fixture, judgement.verdict)
        target, strategy, outcome = group.target, group.strategy, replayed.outcome
        if not judgement.findings or target is None or strategy is None or outcome is None:
            return judgement
        try:
            own = function.versions.published(target)
        except SourceError:  # redeployed without its own layers, with which nothing can be compared
            return judgement
        broken = Broken(
            strategy=strategy,
            subject=judgement.findings[0].subject,
            own=own,
            redeployed=function.versions.rolled_back(target, Strategy.REDEPLOY),
            fixture=fixture,
            outcome=outcome,
            findings=judgement.findings,
        )
        return Judgement(findings=diagnosis.explained(broken))

    # --- getting ready -----------------------------------------------------------------------

    def _make_ready(self, settings: Settings, function: _Function) -> None:
        """Choose the engine, prepare what the selection needs, start the current version."""
        running = self._engine_of(settings)
        if isinstance(running, str):
            function.reason = running
            return
        self._read_ahead(function)
        own = function.settings
        try:
            current = function.versions.current()
            preparing = self._work.submit(running.engine.prepare, current, self._work.say)
            function.running = running
            if self._eager:
                self._prepare(function, function.groups)
            self._work.wait(preparing, f"preparing {current.name}")
        except RollbackError as error:
            function.reason = f"the current version of {own.name} cannot be run: {error}"
            return
        if not running.announced:
            running.announced = True
            self._announce(running.engine.describe())
        function.replays = Replays(
            function=own,
            current=current,
            engine=running.engine,
            pool=running.pool,
            work=self._work,
            event_sources=self._event_sources,
        )
        if current.image is None:
            function.diagnosis = self._diagnosis(function.replays, own)
        for number in BASELINE_SLOTS:
            self._work.submit(running.pool.warm, Slot(version=current, number=number))

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
            groups = function.groups.values()
            function.versions.read_ahead(g.target for g in groups if g.target is not None)

    def _prepare(self, function: _Function, names: Iterable[str]) -> None:
        """Prepare the targets of these groups, side by side; known ones are kept."""
        running = function.running
        preparing: list[tuple[_Group, FunctionVersion, Future[None]]] = []
        for name in names:
            group = function.groups[name]
            known = group.version is not None or group.reason is not None
            if running is None or known or group.target is None or group.strategy is None:
                continue
            if not group.replays_left:
                continue
            try:
                version = function.versions.runnable(group.target, group.strategy)
            except RollbackError as error:
                group.reason = f"{_name(group.target)} cannot be run: {error}"
                continue
            future = self._work.submit(running.engine.prepare, version, self._work.say)
            preparing.append((group, version, future))
        for group, version, future in preparing:
            try:
                self._work.wait(future, f"preparing {version.name}")
            except EngineError as error:
                group.reason = str(error)
            else:
                group.version = version

    def _engine_of(self, settings: Settings) -> _Running | str:
        key = (settings.engine, settings.base_images)
        if key not in self._running:
            making = self._work.submit(self._make_engine, settings, self._work.say)
            try:
                engine = self._work.wait(making, "looking for an engine")
            except EngineError as error:
                self._running[key] = str(error)
            else:
                self._running[key] = _Running(engine=engine, pool=EnvironmentPool(engine))
        return self._running[key]

    # --- keeping pace ------------------------------------------------------------------------

    def _warm_next(self, function: _Function, name: str) -> None:
        """Start the environment of the group after this one while this one is replayed."""
        names = list(function.groups)
        for later in names[names.index(name) + 1 :][:1]:
            version = function.groups[later].version
            if function.running is not None and version is not None:
                slot = Slot(version=version)
                if not function.running.pool.holds(slot):
                    self._work.submit(function.running.pool.warm, slot)

    def _release(self, function: _Function, check: Check) -> None:
        """End environments that no later check of the selection needs."""
        group = function.groups[check.group]
        group.replays_left -= check.event is not None
        if check.event is None or group.replays_left > 0 or function.running is None:
            return
        needed = {each.version for each in function.groups.values() if each.replays_left > 0}
        if group.version is not None and group.version not in needed:
            self._let_go(function.running, Slot(version=group.version))
        if function.replays is not None:
            function.replays.end_probes()
        if function.replays is not None and not needed:
            function.replays.forget()
            for number in BASELINE_SLOTS:
                slot = Slot(version=function.replays.current, number=number)
                self._let_go(function.running, slot)

    def _let_go(self, running: _Running, slot: Slot) -> None:
        self._releases.append(self._work.submit(running.pool.release, slot))


def _name(target: TargetRef) -> str:
    return f"{target.function}:{target.version}"


def _subject(target: TargetRef, strategy: Strategy | None, current: FunctionVersion) -> Subject:
    """Who the findings of a check are about."""
    return Subject(
        target=target,
        current=TargetRef(function=current.function, version=current.version),
        strategy=strategy,
    )


def _unknown(check: Check, reason: str) -> CheckResult:
    return CheckResult(check=check, verdict=Verdict.UNKNOWN, reason=reason)
