"""Execution environments of one engine: fresh ones, as many at a time as memory allows.

An environment that was used is kept to be made fresh in place where the engine can do that;
otherwise it ends and another one starts. The pool knows engines by their interface only, and does
not use events, contracts or verdicts.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pytest_lambda_rollback.engines.interface import (
    Engine,
    ExecutionEnvironment,
    RenewableEnvironment,
    ServedEnvironment,
    Services,
    ServingEngine,
)
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionVersion

_REFUSALS = 3
"""After so many in a row, environments are not kept to be renewed any more."""


class EnvironmentPool:
    """Starts, renews and ends environments. Safe to use from several threads.

    ``memory_mb`` is what the environments that live at the same time may have together; ``None``
    sets no limit. One environment may always run, however large it is.
    """

    def __init__(self, engine: Engine, *, memory_mb: int | None = None) -> None:
        self._engine = engine
        self._memory_mb = memory_mb
        self._changed = threading.Condition()
        self._kept: dict[FunctionVersion, list[ExecutionEnvironment]] = {}
        """Used environments that can be renewed, those of the version used longest ago first."""
        self._ended: set[FunctionVersion] = set()
        self._starts: dict[FunctionVersion, float] = {}
        self._refusals = 0
        self._live_mb = 0
        self._taken = 0
        self._closed = False
        self._several = threading.Lock()

    @contextmanager
    def several(self) -> Iterator[None]:
        """Take more than one environment at a time: one caller may, others wait for it to end.

        Else two callers could wait for ever for the memory that the other one has.
        """
        with self._several:
            yield

    def take(
        self, version: FunctionVersion, services: Services | None = None, *, held: int = 0
    ) -> ExecutionEnvironment:
        """A fresh environment, for the caller alone until it is given back.

        Its processes reach ``services`` and nothing else. Waits while there is no memory for one,
        but not for that of the ``held`` ones that the caller has already, see `several`. Raises
        EngineError when none can be started, or the engine cannot serve anything.
        """
        if services is not None and not isinstance(self._engine, ServingEngine):
            raise EngineError(
                f"{version.name} needs services, which the engine {self._engine.name} cannot serve",
                do="Use the engine docker or sandbox",
            )
        used = self._reserve(version, held)
        started = time.monotonic()
        try:
            if used is not None:
                if _renewed(used, services):
                    self._refusals = 0
                    return used
                self._refusals += 1
                _close(used)
            if services is not None and isinstance(self._engine, ServingEngine):
                return self._engine.start_serving(version, services)
            return self._engine.start(version)
        except BaseException:
            self._free(version, taken=True)
            raise
        finally:
            took_s = time.monotonic() - started
            self._starts[version] = min(self._starts.get(version, took_s), took_s)

    def start_s(self, version: FunctionVersion) -> float:
        """How long a fresh environment of a version takes, without its initialisation."""
        return self._starts.get(version, 0.0)

    def give(self, version: FunctionVersion, environment: ExecutionEnvironment) -> None:
        """Return an environment that was taken: it is kept to be renewed, or ended."""
        with self._changed:
            keep = (
                isinstance(environment, RenewableEnvironment)
                and self._refusals < _REFUSALS
                and version not in self._ended
                and not self._closed
            )
            if keep:
                # Put last: the version used longest ago is ended first.
                self._kept[version] = [*self._kept.pop(version, ()), environment]
                self._taken -= 1
                self._changed.notify_all()
        if not keep:
            self.end(version, environment)

    def end(self, version: FunctionVersion, environment: ExecutionEnvironment) -> None:
        """End an environment that was taken."""
        _close(environment)
        self._free(version, taken=True)

    @contextmanager
    def fresh(
        self, version: FunctionVersion, services: Services | None = None
    ) -> Iterator[ExecutionEnvironment]:
        """A fresh environment that is given back afterwards, if it lives. Raises EngineError."""
        environment = self.take(version, services)
        try:
            yield environment
        except BaseException:
            self.end(version, environment)
            raise
        self.give(version, environment)

    def replay(
        self, version: FunctionVersion, make_invocation: Callable[[], Invocation]
    ) -> Outcome:
        """Replay in a fresh environment. Raises EngineError.

        A harness failure is tried once more in another one; the second one is returned.
        """
        outcome = self._once(version, make_invocation())
        if outcome.kind is OutcomeKind.HARNESS_FAILURE:
            outcome = self._once(version, make_invocation())
        return outcome

    def release(self, version: FunctionVersion) -> None:
        """End the environments of a version, of which no fresh one is needed any more."""
        with self._changed:
            self._ended.add(version)
            kept = self._kept.pop(version, [])
        for environment in kept:
            _close(environment)
            self._free(version, taken=False)

    def close(self) -> None:
        """Start nothing more: who waits for an environment gets an EngineError."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _once(self, version: FunctionVersion, invocation: Invocation) -> Outcome:
        environment = self.take(version)
        outcome = None
        try:
            outcome = environment.invoke(invocation)
        finally:
            if outcome is None or outcome.kind is OutcomeKind.HARNESS_FAILURE:
                self.end(version, environment)
            else:
                self.give(version, environment)
        return outcome

    def _reserve(self, version: FunctionVersion, held: int) -> ExecutionEnvironment | None:
        """Wait for memory; a used environment of the version brings its own."""
        while True:
            with self._changed:
                self._ended.discard(version)
                while True:
                    if self._closed:
                        raise EngineError("no environment is started", why="the run is ending")
                    kept = self._kept.get(version)
                    if kept:
                        self._taken += 1
                        return kept.pop()
                    other = next((each for each, kept in self._kept.items() if kept), None)
                    if self._fits(version) or (other is None and self._taken <= held):
                        self._taken += 1
                        self._live_mb += version.configuration.memory_mb
                        return None
                    if other is not None:
                        environment = self._kept[other].pop()
                        break
                    self._changed.wait()
            _close(environment)
            self._free(other, taken=False)

    def _fits(self, version: FunctionVersion) -> bool:
        needed = self._live_mb + version.configuration.memory_mb
        return self._memory_mb is None or needed <= self._memory_mb

    def _free(self, version: FunctionVersion, *, taken: bool) -> None:
        with self._changed:
            self._live_mb -= version.configuration.memory_mb
            self._taken -= taken
            self._changed.notify_all()


def _renewed(environment: ExecutionEnvironment, services: Services | None) -> bool:
    """Make a used environment fresh, with other services; False if that is not possible."""
    if isinstance(environment, ServedEnvironment):
        environment.serve(services)
    elif services is not None:
        return False
    return isinstance(environment, RenewableEnvironment) and environment.renew()


def _close(environment: ExecutionEnvironment) -> None:
    """End an environment; what is left of it, the end of its engine reports."""
    with contextlib.suppress(EngineError):
        environment.close()
