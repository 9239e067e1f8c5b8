"""Warm execution environments, one for each slot, reused from replay to replay as Lambda does.

A slot is a function version and a number: the baseline uses two slots of the current version, so
that a value of one environment (an id made at import, a cache) shows as noise. The pool
knows engines by their interface only, and does not use events, contracts or verdicts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_lambda_rollback.engines.interface import Engine, ExecutionEnvironment
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionVersion

BASELINE_SLOTS = (1, 2)
"""The current version runs in two environments, so that values of one of them show as noise."""
PROBE_SLOT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The place of one warm execution environment."""

    version: FunctionVersion
    number: int = 0


@dataclass(slots=True)
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    environment: ExecutionEnvironment | None = None
    released: bool = False


class EnvironmentPool:
    """Starts, reuses and ends execution environments. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._places: dict[Slot, _Place] = {}

    def warm(self, slot: Slot) -> None:
        """Start the slot's environment ahead of its first replay.

        A failure is left for the replay, which meets it again and can report it.
        """
        place = self._place(slot)
        with place.lock:
            if place.environment is None and not place.released:
                try:
                    place.environment = self._engine.start(slot.version)
                except EngineError:
                    return

    def replay(self, slot: Slot, make_invocation: Callable[[], Invocation]) -> Outcome:
        """Replay in the slot's warm environment, starting one if none is alive.

        A harness failure is tried once more in a fresh environment; the second one is returned.
        Raises EngineError when no environment can be started.
        """
        place = self._place(slot)
        with place.lock:
            outcome = self._once(place, slot, make_invocation())
            if outcome.kind is OutcomeKind.HARNESS_FAILURE:
                self._drop(place)
                outcome = self._once(place, slot, make_invocation())
            return outcome

    def replay_fresh(self, version: FunctionVersion, invocation: Invocation) -> Outcome:
        """Replay in an environment of its own that is ended afterwards. Raises EngineError."""
        environment = self._engine.start(version)
        try:
            return environment.invoke(invocation)
        finally:
            environment.close()

    def holds(self, slot: Slot) -> bool:
        """True if the slot has, or is about to have, an environment."""
        with self._lock:
            return slot in self._places

    def release(self, slot: Slot) -> None:
        """End the slot's environment; nothing will be replayed in it any more."""
        with self._lock:
            place = self._places.pop(slot, None)
        if place is not None:
            with place.lock:
                place.released = True
                self._drop(place)

    def _place(self, slot: Slot) -> _Place:
        with self._lock:
            return self._places.setdefault(slot, _Place())

    def _once(self, place: _Place, slot: Slot, invocation: Invocation) -> Outcome:
        if place.environment is not None and not place.environment.alive:
            self._drop(place)
        if place.environment is None:
            place.environment = self._engine.start(slot.version)
        outcome = place.environment.invoke(invocation)
        if not place.environment.alive:
            self._drop(place)
        return outcome

    @staticmethod
    def _drop(place: _Place) -> None:
        environment, place.environment = place.environment, None
        if environment is not None:
            environment.close()
