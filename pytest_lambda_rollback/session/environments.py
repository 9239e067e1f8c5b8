"""Execution environments: engines, and starting and ending the environments of a function's checks.

Environments are started ahead of their first replay and end with the last check that needs them.
Replays and the order of checks are decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from pytest_lambda_rollback.engines.interface import Engine, Progress
from pytest_lambda_rollback.errors import EngineError, RollbackError
from pytest_lambda_rollback.model.findings import Check
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.settings import Settings, Strategy
from pytest_lambda_rollback.model.versions import FunctionVersion, TargetRef
from pytest_lambda_rollback.session.loaded_versions import Versions
from pytest_lambda_rollback.session.pool import BASELINE_SLOTS, EnvironmentPool, Slot
from pytest_lambda_rollback.session.work import Work

_RELEASE_S = 10.0
"""How long the end of a run waits for environments that are being ended."""


@dataclass(slots=True)
class RunningEngine:
    """An engine and the environments that it started."""

    engine: Engine
    pool: EnvironmentPool
    announced: bool = False


class Engines:
    """One engine for each distinct engine setting, made when it is first needed.

    ``announce`` gets each engine once its base images are known.
    """

    def __init__(
        self,
        make_engine: Callable[[Settings, Progress], Engine],
        *,
        work: Work,
        announce: Callable[[EngineDescription], None],
    ) -> None:
        self._make_engine = make_engine
        self._work = work
        self._announce = announce
        self._known: dict[tuple[object, ...], RunningEngine | EngineError] = {}
        self._releases: list[Future[None]] = []

    def of(self, settings: Settings) -> RunningEngine:
        """The engine of a configuration. Raises EngineError, each time where it once failed."""
        key = (settings.engine, settings.base_images)
        if key not in self._known:
            making = self._work.submit(self._make_engine, settings, self._work.say)
            try:
                engine = self._work.wait(making, "looking for an engine")
            except EngineError as error:
                self._known[key] = error
            else:
                self._known[key] = RunningEngine(engine=engine, pool=EnvironmentPool(engine))
        known = self._known[key]
        if isinstance(known, EngineError):
            raise known.with_traceback(None)
        return known

    def announce(self, running: RunningEngine) -> None:
        """Announce an engine the first time."""
        if not running.announced:
            running.announced = True
            self._announce(running.engine.describe())

    def descriptions(self) -> tuple[EngineDescription, ...]:
        """The engines that were made so far."""
        return tuple(running.engine.describe() for running in self._running())

    def release(self, running: RunningEngine, slot: Slot) -> None:
        """End the environment in a slot, in another thread."""
        self._releases.append(self._work.submit(running.pool.release, slot))

    def close(self) -> None:
        """End every environment and remove what the engines made. Safe to call twice.

        Raises EngineError for the first engine that did not end, after all others have.
        """
        self._work.cancel()
        # An environment that is being ended is not ended a second time beside that.
        wait([each for each in self._releases if not each.cancelled()], timeout=_RELEASE_S)
        # Once to end replays that are under way, once more for what a start ahead left behind.
        errors = self._close_each()
        self._work.join()
        errors += self._close_each()
        if errors:
            raise errors[0]

    def _close_each(self) -> list[EngineError]:
        errors = []
        for running in self._running():
            try:
                running.engine.close()
            except EngineError as error:
                errors.append(error)
        return errors

    def _running(self) -> tuple[RunningEngine, ...]:
        return tuple(each for each in self._known.values() if isinstance(each, RunningEngine))


@dataclass(slots=True)
class _Target:
    """One target by one strategy, and how many of its events are still to be replayed."""

    ref: TargetRef
    strategy: Strategy
    replays_left: int = 0
    version: FunctionVersion | None = None
    """The version that the strategy would run; set once it is prepared."""
    error: RollbackError | None = None
    """Why it cannot be run."""


class Environments:
    """The environments of one function: of its current version and of its targets.

    ``eager`` prepares all targets of the selection at once and starts each ahead of its first
    replay.
    """

    def __init__(
        self, *, versions: Versions, function: str, engines: Engines, work: Work, eager: bool
    ) -> None:
        self._versions = versions
        self._function = function
        self._engines = engines
        self._work = work
        self._eager = eager
        self._targets: dict[str, _Target] = {}
        self._running: RunningEngine | None = None
        self._current: FunctionVersion | None = None
        self._error: RollbackError | None = None

    def expect(self, check: Check) -> None:
        """Count a check of the selection."""
        if check.target is not None and check.strategy is not None:
            target = self._targets.setdefault(
                check.group, _Target(ref=check.target, strategy=check.strategy)
            )
            target.replays_left += check.event is not None

    def start(self, running: RunningEngine) -> FunctionVersion:
        """Prepare what the selection needs and start the current version, which is returned.

        Raises RollbackError if the current version cannot be run, each time with the same
        message.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        self._running = running
        try:
            current = self._versions.current()
            preparing = self._work.submit(running.engine.prepare, current, self._work.say)
            if self._eager:
                self._prepare(self._targets.values())
            self._work.wait(preparing, f"preparing {current.name}")
        except RollbackError as error:
            self._running = None
            self._error = EngineError(
                f"the current version of {self._function} cannot be run",
                why=str(error).removesuffix("."),
            )
            raise self._error from error
        self._current = current
        self._engines.announce(running)
        for number in BASELINE_SLOTS:
            self._work.submit(running.pool.warm, Slot(version=current, number=number))
        return current

    def target(self, group: str) -> FunctionVersion:
        """The prepared version that a group of checks runs. Raises RollbackError if it fails."""
        target = self._targets[group]
        self._prepare((target,))
        if target.error is not None:
            raise target.error.with_traceback(None)
        if target.version is None:
            raise EngineError(f"{target.ref.function}:{target.ref.version} was not prepared")
        if self._eager:
            self._warm_next(group)
        return target.version

    def release(self, check: Check) -> None:
        """Count a check that was made, and end the environments that no later one needs."""
        target = self._targets.get(check.group)
        if target is None or check.event is None:
            return
        target.replays_left -= 1
        if target.replays_left > 0 or self._running is None:
            return
        needed = {each.version for each in self._targets.values() if each.replays_left > 0}
        if target.version is not None and target.version not in needed:
            self._engines.release(self._running, Slot(version=target.version))
        if self._current is not None and not needed:
            for number in BASELINE_SLOTS:
                slot = Slot(version=self._current, number=number)
                self._engines.release(self._running, slot)

    def needs(self, group: str | None = None) -> bool:
        """True while events are still to be replayed, on one target or on any."""
        targets = self._targets.values() if group is None else (self._targets[group],)
        return any(target.replays_left > 0 for target in targets)

    def _prepare(self, targets: Iterable[_Target]) -> None:
        """Prepare targets in parallel; those already prepared are kept."""
        preparing: list[tuple[_Target, FunctionVersion, Future[None]]] = []
        for target in targets:
            known = target.version is not None or target.error is not None
            if self._running is None or known or not target.replays_left:
                continue
            try:
                version = self._versions.runnable(target.ref, target.strategy)
            except RollbackError as error:
                name = f"{target.ref.function}:{target.ref.version}"
                target.error = EngineError(
                    f"{name} cannot be run", why=str(error).removesuffix(".")
                )
                continue
            future = self._work.submit(self._running.engine.prepare, version, self._work.say)
            preparing.append((target, version, future))
        for target, version, future in preparing:
            try:
                self._work.wait(future, f"preparing {version.name}")
            except EngineError as error:
                target.error = error
            else:
                target.version = version

    def _warm_next(self, group: str) -> None:
        """Start the environment of the target after this one while this one is replayed."""
        groups = list(self._targets)
        for later in groups[groups.index(group) + 1 :][:1]:
            version = self._targets[later].version
            if self._running is not None and version is not None:
                slot = Slot(version=version)
                if not self._running.pool.holds(slot):
                    self._work.submit(self._running.pool.warm, slot)
