"""Runs checks: the only room that knows the order of the steps.

Settings become versions (sources), versions become environments (engines, through the pool),
replays become outcomes, outcomes become judgements (contracts), judgements become results. How a
step is done is each room's own business; nothing here knows pytest, Docker or AWS clients.
"""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol, TypeVar

from pytest_lambda_rollback import verdicts
from pytest_lambda_rollback.contracts import invocation, response
from pytest_lambda_rollback.engines.interface import Engine, Progress
from pytest_lambda_rollback.errors import EngineError, RollbackError, SourceError
from pytest_lambda_rollback.model import (
    Artifact,
    Check,
    CheckResult,
    Contract,
    EngineDescription,
    EventFixture,
    FunctionSettings,
    FunctionVersion,
    Invocation,
    Judgement,
    LocalVersion,
    Outcome,
    OutcomeKind,
    Settings,
    Strategy,
    TargetRef,
    Verdict,
)
from pytest_lambda_rollback.pool import EnvironmentPool, Slot
from pytest_lambda_rollback.sources import events, local
from pytest_lambda_rollback.sources.artifacts import check_total

_RELEASE_S = 10.0
HEARTBEAT_S = 1.5
"""A line of progress at least this often while somebody waits."""

T = TypeVar("T")


class ArtifactLoader(Protocol):
    """What the session needs of the artefact store."""

    def load(self, path: Path, *, label: str, root_dir: str) -> Artifact:
        """Return the normalised artefact. Raises SourceError."""
        ...


@dataclass(slots=True)
class _Running:
    """One engine with what lives as long as it does."""

    engine: Engine
    pool: EnvironmentPool
    announced: bool = False


@dataclass(slots=True)
class _Function:
    """What is known of one function while its checks run."""

    settings: FunctionSettings
    running: _Running | None = None
    current: FunctionVersion | None = None
    reason: str | None = None
    """Why none of the function's checks can be made."""
    targets: dict[str, FunctionVersion | str] = field(default_factory=dict)
    """By group: the version to run, or why it cannot be run."""
    baselines: dict[Path, tuple[Outcome, ...]] = field(default_factory=dict)
    remaining: Counter[str] = field(default_factory=Counter)
    """By group: checks that are still to be made."""
    order: list[str] = field(default_factory=list)


class Session:
    """Checks rollback targets one after the other and keeps environments warm between them.

    ``make_engine`` is asked once for each distinct engine setting, ``announce`` is told of each
    engine once its base images are known. Both ``announce`` and ``progress`` are called from the
    thread that calls `run` only. ``eager`` gets everything ready that the selection needs; a
    worker of a distributed run, which makes only some of the checks, is not eager. `close` must
    be called, whatever happened.
    """

    def __init__(
        self,
        *,
        selected: Iterable[tuple[Settings, Check]],
        make_engine: Callable[[Settings, Progress], Engine],
        artifacts: ArtifactLoader,
        progress: Progress,
        announce: Callable[[EngineDescription], None],
        workers: int = 2,
        eager: bool = True,
        today: Callable[[], date] = date.today,
    ) -> None:
        self._make_engine = make_engine
        self._artifacts = artifacts
        self._progress = progress
        self._announce = announce
        self._eager = eager
        self._today = today
        self._releases: list[Future[None]] = []
        self._messages: queue.SimpleQueue[str] = queue.SimpleQueue()
        # Two baseline replays and one start ahead must never wait for one another.
        self._executor = ThreadPoolExecutor(max_workers=max(3, workers + 1))
        self._running: dict[tuple[object, ...], _Running | str] = {}
        self._functions: dict[tuple[Path, str], _Function] = {}
        for settings, check in selected:
            function = self._functions.setdefault(
                (settings.path, check.function),
                _Function(settings=settings.function(check.function)),
            )
            if check.group not in function.remaining:
                function.order.append(check.group)
            function.remaining[check.group] += 1

    # --- the public side ---------------------------------------------------------------------

    def run(self, settings: Settings, check: Check) -> CheckResult:
        """Make one check. Never raises for what a function, a source or an engine does."""
        function = self._functions[settings.path, check.function]
        try:
            result = self._check(settings, function, check)
        finally:
            self._release(function, check)
        return verdicts.with_acceptance(result, self._today())

    def descriptions(self) -> tuple[EngineDescription, ...]:
        """The engines that were used so far."""
        return tuple(
            running.engine.describe()
            for running in self._running.values()
            if isinstance(running, _Running)
        )

    def close(self) -> None:
        """End every environment and remove what the engines made. Safe to call twice."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        # An environment that is being ended is not ended a second time beside that.
        wait([each for each in self._releases if not each.cancelled()], timeout=_RELEASE_S)
        running = [r for r in self._running.values() if isinstance(r, _Running)]
        # Once to end replays that are under way, once more for what a start ahead left behind.
        for each in running:
            each.engine.close()
        self._executor.shutdown(wait=True)
        for each in running:
            each.engine.close()

    # --- one check ---------------------------------------------------------------------------

    def _check(self, settings: Settings, function: _Function, check: Check) -> CheckResult:
        if check.reason is not None or check.event is None:
            return _unknown(check, check.reason or "there is no event to replay")
        if function.current is None and function.reason is None:
            self._make_ready(settings, function)
        if function.reason is not None or function.running is None or function.current is None:
            return _unknown(check, function.reason or "the current version is not known")
        self._add_targets(settings, function, (check.group,))
        target = function.targets[check.group]
        if isinstance(target, str):
            return _unknown(check, target)
        if self._eager:
            self._warm_next(function, check.group)
        engine = function.running.engine.describe().name
        try:
            fixture = events.load(check.event, name=check.name)
            judgement, duration_s = self._judge(function, function.running, target, fixture, check)
        except RollbackError as error:
            return _unknown(check, str(error))
        contract = judgement.findings[0].contract if judgement.findings else Contract.INVOCATION
        return CheckResult(
            check=check,
            verdict=judgement.verdict,
            contract=contract,
            reason=judgement.reason,
            findings=judgement.findings,
            duration_s=duration_s,
            engine=engine,
        )

    def _judge(
        self,
        function: _Function,
        running: _Running,
        target: FunctionVersion,
        fixture: EventFixture,
        check: Check,
    ) -> tuple[Judgement, float]:
        current = function.current
        if current is None:  # pragma: no cover - _check does not let this pass
            raise EngineError("the current version is not known")
        baseline = self._baseline(function, running, current, fixture)
        usable = invocation.judge_baseline(baseline, fixture.expect, version_name=current.name)
        if usable.reason is not None:
            return usable, 0.0
        names = _Names(current=current.name, target=_spoken(check, target))
        pool = running.pool

        def compare(runs: tuple[Outcome, ...], outcome: Outcome) -> Judgement:
            return _compare(runs, outcome, fixture, function.settings, names)

        first = self._wait(
            self._executor.submit(pool.replay, Slot(version=target), lambda: _invocation(fixture)),
            f"replaying {check.name} on {names.target}",
        )
        judgement = compare(baseline, first)
        if judgement.verdict is not Verdict.BREAKS:
            return judgement, first.duration_s
        again = self._wait(
            self._executor.submit(pool.replay_fresh, target, _invocation(fixture)),
            f"confirming {check.name} on {names.target} in a fresh environment",
        )
        if first.kind is OutcomeKind.RESPONSE:
            # What differs by itself may show only now: look at the current version once more.
            baseline = self._baseline_again(function, running, current, fixture)
            judgement = compare(baseline, first)
            if judgement.verdict is not Verdict.BREAKS:
                return judgement, first.duration_s
        return verdicts.confirmed(
            judgement, compare(baseline, again), first, again
        ), first.duration_s

    def _baseline(
        self,
        function: _Function,
        running: _Running,
        current: FunctionVersion,
        fixture: EventFixture,
    ) -> tuple[Outcome, ...]:
        if fixture.path not in function.baselines:
            replays = [
                self._executor.submit(
                    running.pool.replay,
                    Slot(version=current, number=number),
                    lambda: _invocation(fixture),
                )
                for number in (1, 2)
            ]
            activity = f"replaying {fixture.name} on the current version, {current.name}"
            function.baselines[fixture.path] = tuple(
                self._wait(replay, activity) for replay in replays
            )
        return function.baselines[fixture.path]

    def _baseline_again(
        self,
        function: _Function,
        running: _Running,
        current: FunctionVersion,
        fixture: EventFixture,
    ) -> tuple[Outcome, ...]:
        outcome = self._wait(
            self._executor.submit(
                running.pool.replay, Slot(version=current, number=1), lambda: _invocation(fixture)
            ),
            f"replaying {fixture.name} on the current version once more",
        )
        if outcome.kind is OutcomeKind.RESPONSE:
            function.baselines[fixture.path] += (outcome,)
        return function.baselines[fixture.path]

    # --- getting ready -----------------------------------------------------------------------

    def _make_ready(self, settings: Settings, function: _Function) -> None:
        """Load, build and start what the function's selected checks need."""
        running = self._engine_of(settings)
        if isinstance(running, str):
            function.reason = running
            return
        own = function.settings
        try:
            current = self._wait(
                self._loading(own, own.current),
                f"reading code and layers of {own.name}:{own.current.version}",
            )
            check_total(_packages(current))
            preparing = self._preparing(running, current)
            function.running, function.current = running, current
            self._add_targets(settings, function, function.order if self._eager else ())
            self._wait(preparing, f"preparing {current.name}")
        except RollbackError as error:
            function.reason = f"the current version of {own.name} cannot be run: {error}"
            return
        if not running.announced:
            running.announced = True
            self._announce(running.engine.describe())
        for number in (1, 2):
            self._executor.submit(running.pool.warm, Slot(version=current, number=number))

    def _add_targets(self, settings: Settings, function: _Function, groups: Iterable[str]) -> None:
        """Load and prepare the targets of these groups, side by side; known ones are kept."""
        current, running = function.current, function.running
        missing = [group for group in groups if group not in function.targets]
        if current is None or running is None or not missing:
            return
        loading = {
            ref: self._loading(of, _declared(of, ref.version))
            for ref in dict.fromkeys(_target_of(function, group) for group in missing)
            for of in (settings.function(ref.function),)
        }
        preparing: dict[str, Future[None]] = {}
        for group in missing:
            ref = _target_of(function, group)
            try:
                version = self._wait(
                    loading[ref], f"reading code and layers of {ref.function}:{ref.version}"
                )
                if group.endswith(f"-{Strategy.REDEPLOY}"):
                    version = local.redeployed(version, current)
                check_total(_packages(version))
            except RollbackError as error:
                function.targets[group] = f"{ref.function}:{ref.version} cannot be run: {error}"
            else:
                function.targets[group] = version
                preparing[group] = self._preparing(running, version)
        for group, future in preparing.items():
            ref = _target_of(function, group)
            try:
                self._wait(future, f"preparing {ref.function}:{ref.version}")
            except EngineError as error:
                function.targets[group] = str(error)

    def _loading(self, of: FunctionSettings, declared: LocalVersion) -> Future[FunctionVersion]:
        return self._executor.submit(local.function_version, of, declared, self._artifacts.load)

    def _preparing(self, running: _Running, version: FunctionVersion) -> Future[None]:
        return self._executor.submit(running.engine.prepare, version, self._messages.put)

    def _engine_of(self, settings: Settings) -> _Running | str:
        key = (settings.engine, settings.base_images)
        if key not in self._running:
            try:
                engine = self._wait(
                    self._executor.submit(self._make_engine, settings, self._messages.put),
                    "looking for an engine",
                )
                self._running[key] = _Running(engine=engine, pool=EnvironmentPool(engine))
            except EngineError as error:
                self._running[key] = str(error)
        return self._running[key]

    # --- keeping pace ------------------------------------------------------------------------

    def _warm_next(self, function: _Function, group: str) -> None:
        """Start the environment of the group after this one while this one is replayed."""
        running = function.running
        later = function.order[function.order.index(group) + 1 :][:1]
        for each in later:
            version = function.targets.get(each)
            if running is not None and isinstance(version, FunctionVersion):
                slot = Slot(version=version)
                if not running.pool.holds(slot):
                    self._executor.submit(running.pool.warm, slot)

    def _release(self, function: _Function, check: Check) -> None:
        """End environments that no later check of the selection needs."""
        function.remaining[check.group] -= 1
        if function.remaining[check.group] > 0 or function.running is None:
            return
        pool = function.running.pool
        version = function.targets.get(check.group)
        needed = {
            function.targets.get(group) for group, left in function.remaining.items() if left > 0
        }
        if isinstance(version, FunctionVersion) and version not in needed:
            self._releases.append(self._executor.submit(pool.release, Slot(version=version)))
        if not needed and function.current is not None:
            function.baselines.clear()
            self._releases += [
                self._executor.submit(pool.release, Slot(version=function.current, number=number))
                for number in (1, 2)
            ]

    def _wait(self, future: Future[T], activity: str) -> T:
        """Wait in the calling thread, passing progress on and never silent for long."""
        started = last = time.monotonic()
        while True:
            done = wait((future,), timeout=0.2).done
            with contextlib.suppress(queue.Empty):
                while True:
                    self._progress(self._messages.get_nowait())
                    last = time.monotonic()
            if done:
                return future.result()
            now = time.monotonic()
            if now - last >= HEARTBEAT_S:
                self._progress(f"{activity} ({now - started:.0f} s)")
                last = now


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    current: str
    target: str


def _spoken(check: Check, target: FunctionVersion) -> str:
    """How messages name what was run: ``orders:2 by redeploy``."""
    if check.target is None or check.strategy is None:
        return target.name
    return f"{check.target.function}:{check.target.version} by {check.strategy}"


def _packages(version: FunctionVersion) -> tuple[Artifact, ...]:
    return (version.code, *(layer.artifact for layer in version.layers))


def _declared(function: FunctionSettings, version: str) -> LocalVersion:
    if version == function.current.version:
        return function.current
    for declared in function.versions:
        if declared.version == version:
            return declared
    raise SourceError(f"{function.name}:{version} is not declared")


def _target_of(function: _Function, group: str) -> TargetRef:
    label = group.rpartition("-")[0]
    for target in function.settings.targets:
        if target.label(function.settings.name) == label:
            return target
    raise SourceError(f"{label} is not a target of {function.settings.name}")


def _invocation(fixture: EventFixture) -> Invocation:
    number = uuid.uuid4().hex
    return Invocation(
        request_id=str(uuid.uuid4()),
        event=fixture.payload,
        trace_id=f"Root=1-{int(time.time()):08x}-{number[:24]};Parent={number[16:]};Sampled=0",
        client_context=fixture.client_context,
        cognito_identity=fixture.cognito_identity,
    )


def _compare(
    baseline: tuple[Outcome, ...],
    outcome: Outcome,
    fixture: EventFixture,
    function: FunctionSettings,
    names: _Names,
) -> Judgement:
    judgement = invocation.judge(
        baseline,
        outcome,
        fixture.expect,
        current_name=names.current,
        target_name=names.target,
    )
    kinds = {each.kind for each in (*baseline, outcome)}
    if judgement.verdict is Verdict.SAFE and kinds == {OutcomeKind.RESPONSE}:
        return response.judge(
            baseline,
            outcome,
            function.response,
            current_name=names.current,
            target_name=names.target,
        )
    return judgement


def _unknown(check: Check, reason: str) -> CheckResult:
    return CheckResult(check=check, verdict=Verdict.UNKNOWN, reason=reason)
