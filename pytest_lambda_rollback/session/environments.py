"""Execution environments: engines, and the versions that a function's checks run.

Versions are prepared once, ahead of their first replay, and their environments end with the last
check that needs them. Replays and the order of checks are decided elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from pytest_lambda_rollback.engines.interface import Engine, MeasuredEngine, Progress
from pytest_lambda_rollback.errors import EngineError, RollbackError
from pytest_lambda_rollback.model.findings import Check
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.settings import Settings, Strategy
from pytest_lambda_rollback.model.versions import FunctionVersion, TargetRef
from pytest_lambda_rollback.session.loaded_versions import Versions
from pytest_lambda_rollback.session.pool import EnvironmentPool
from pytest_lambda_rollback.session.work import Work

_RELEASE_S = 10.0
"""How long the end of a run waits for environments that are being ended."""
_MEMORY_SHARE = 0.75
"""The part of a machine's memory that environments may have together."""


@dataclass(slots=True)
class RunningEngine:
    """An engine and the environments that it started."""

    engine: Engine
    pool: EnvironmentPool
    announced: bool = False


class Engines:
    """One engine for each distinct engine setting, made when it is first needed.

    ``announce`` gets each engine once its base images are known. ``sharing`` processes share the
    machine. Safe to use from several threads.
    """

    def __init__(
        self,
        make_engine: Callable[[Settings, Progress], Engine],
        *,
        work: Work,
        announce: Callable[[EngineDescription], None],
        sharing: int = 1,
    ) -> None:
        self._make_engine = make_engine
        self._work = work
        self._announce = announce
        self._sharing = max(1, sharing)
        self._lock = threading.Lock()
        self._making: dict[tuple[object, ...], Future[RunningEngine]] = {}
        self._releases: list[Future[None]] = []

    def of(self, settings: Settings) -> RunningEngine:
        """The engine of a configuration. Raises EngineError, each time where it once failed."""
        key = (settings.engine, settings.base_images)
        with self._lock:
            if key not in self._making:
                self._making[key] = self._work.submit(self._made, settings)
            making = self._making[key]
        try:
            return self._work.wait(making, "looking for an engine")
        except EngineError as error:
            raise error.with_traceback(None)  # noqa: B904 - it is the very error, once more

    def _made(self, settings: Settings) -> RunningEngine:
        engine = self._make_engine(settings, self._work.say)
        memory_mb = memory_of(engine)
        if memory_mb is not None:
            memory_mb = int(memory_mb * _MEMORY_SHARE) // self._sharing
        return RunningEngine(engine=engine, pool=EnvironmentPool(engine, memory_mb=memory_mb))

    def announce(self, running: RunningEngine) -> None:
        """Announce an engine the first time."""
        if not running.announced:
            running.announced = True
            self._announce(running.engine.describe())

    def descriptions(self) -> tuple[EngineDescription, ...]:
        """The engines that were made so far."""
        return tuple(running.engine.describe() for running in self._running())

    def release(self, running: RunningEngine, version: FunctionVersion) -> None:
        """End the environments of a version, in another thread."""
        self._releases.append(self._work.submit(running.pool.release, version))

    def close(self) -> None:
        """End every environment and remove what the engines made. Safe to call twice.

        Raises EngineError for the first engine that did not end, after all others have.
        """
        self._work.cancel()
        for running in self._running():
            running.pool.close()
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
        with self._lock:
            made = [each for each in self._making.values() if each.done() and not each.cancelled()]
        return tuple(each.result() for each in made if each.exception() is None)


@dataclass(slots=True)
class _Target:
    """One target by one strategy, and how many of its events are still to be replayed."""

    ref: TargetRef
    strategy: Strategy
    replays_left: int = 0
    version: FunctionVersion | None = None
    """The version that the strategy would run, once it is read."""
    error: RollbackError | None = None
    """Why it cannot be run."""


class Environments:
    """The versions that one function's checks run: its current version and its targets.

    Safe to use from several threads.
    """

    def __init__(self, *, versions: Versions, function: str, engines: Engines, work: Work) -> None:
        self._versions = versions
        self._function = function
        self._engines = engines
        self._work = work
        self._lock = threading.Lock()
        self._targets: dict[str, _Target] = {}
        self._stacks: dict[tuple[object, ...], FunctionVersion] = {}
        self._preparing: dict[FunctionVersion, Future[None]] = {}
        self._running: RunningEngine | None = None
        self._current: FunctionVersion | None = None
        self._error: RollbackError | None = None

    def expect(self, check: Check) -> None:
        """Count a check of the selection."""
        if check.target is not None and check.strategy is not None:
            target = self._targets.setdefault(
                check.group, _Target(ref=check.target, strategy=check.strategy)
            )
            target.replays_left += check.replays

    def start(self, running: RunningEngine) -> FunctionVersion:
        """Prepare the current version, which is returned.

        Raises RollbackError if it cannot be run, each time with the same message.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        try:
            current = self._versions.current()
            self._running = running
            self._prepared(current)
        except RollbackError as error:
            self._error = EngineError(
                f"the current version of {self._function} cannot be run",
                why=str(error).removesuffix("."),
            )
            raise self._error from error
        self._current = current
        return current

    def begin(self) -> None:
        """Begin to prepare all targets of the selection, beside one another."""
        for target in self._targets.values():
            if target.replays_left:
                version = self._version(target)
                if version is not None:
                    self._begun(version)

    def target(self, group: str) -> FunctionVersion:
        """The prepared version that a group of checks runs. Raises RollbackError if it fails.

        Groups whose stacks are equal have the very same one.
        """
        target = self._targets[group]
        version = self._version(target)
        if version is not None:
            try:
                self._prepared(version)
            except EngineError as error:
                target.error = error
        if target.error is not None:
            raise target.error.with_traceback(None)
        if version is None:  # pragma: no cover - it has an error then
            raise EngineError(f"{target.ref.function}:{target.ref.version} was not prepared")
        return version

    def is_ready(self, group: str) -> bool:
        """True if the version of a group is prepared, or cannot be."""
        target = self._targets[group]
        with self._lock:
            preparing = self._preparing.get(target.version) if target.version else None
        return target.error is not None or (preparing is not None and preparing.done())

    def release(self, check: Check) -> tuple[FunctionVersion, ...]:
        """Count a check that was made; returned are the versions that no later one needs.

        Their environments are ended.
        """
        target = self._targets.get(check.group)
        if target is None or not check.replays:
            return ()
        target.replays_left -= 1
        if target.replays_left > 0 or self._running is None:
            return ()
        needed = {each.version for each in self._targets.values() if each.replays_left > 0}
        unneeded = [each for each in (target.version,) if each is not None and each not in needed]
        if self._current is not None and not needed:
            unneeded.append(self._current)
        for version in unneeded:
            self._engines.release(self._running, version)
        return tuple(unneeded)

    def needs(self, group: str | None = None) -> bool:
        """True while events are still to be replayed, on one target or on any."""
        targets = self._targets.values() if group is None else (self._targets[group],)
        return any(target.replays_left > 0 for target in targets)

    def groups(self) -> tuple[str, ...]:
        """The groups of checks that replay events, in the order of the selection."""
        return tuple(name for name, target in self._targets.items() if target.replays_left > 0)

    def _version(self, target: _Target) -> FunctionVersion | None:
        """The version of a target; ``None`` where it has an error."""
        if target.version is None and target.error is None:
            try:
                version = self._versions.runnable(target.ref, target.strategy)
            except RollbackError as error:
                name = f"{target.ref.function}:{target.ref.version}"
                target.error = EngineError(
                    f"{name} cannot be run", why=str(error).removesuffix(".")
                )
            else:
                with self._lock:
                    target.version = self._stacks.setdefault(version.stack, version)
        return target.version

    def _prepared(self, version: FunctionVersion) -> None:
        self._work.wait(self._begun(version), f"preparing {version.name}")

    def _begun(self, version: FunctionVersion) -> Future[None]:
        with self._lock:
            if version not in self._preparing:
                if self._running is None:
                    raise EngineError(f"there is no engine for {version.name}")
                engine = self._running.engine
                self._preparing[version] = self._work.submit(
                    engine.prepare, version, self._work.say
                )
            return self._preparing[version]


def memory_of(engine: Engine) -> int | None:
    """Memory in MB of the machine that an engine's environments run on, if it can be told."""
    if isinstance(engine, MeasuredEngine):
        return engine.memory_mb
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    return None
