"""The two passes of one version: every event in a fresh environment, and all in one.

In the cold pass each event gets an execution environment of its own. In the warm pass all events
of the function, in recorded order, go through one environment; one that ends on the way is
replaced, as Lambda does. Each replay is made once, when it is first asked for, in a thread of the
schedule. Which events are asked for, and what outcomes mean, is decided elsewhere.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from pytest_lambda_rollback.engines.interface import ExecutionEnvironment
from pytest_lambda_rollback.model.replay import EventFixture, Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.services.interface import ServicePass
from pytest_lambda_rollback.session.pool import EnvironmentPool
from pytest_lambda_rollback.session.schedule import URGENT, Job, Schedule, Turn, cancel

OpenPass = Callable[[], ServicePass | None]
"""Opens the services of one pass, with a state of their own; ``None`` if nothing is served.

Raises RollbackError.
"""


def no_services() -> ServicePass | None:
    """Of a function that may reach nothing."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One replay of a pass."""

    outcome: Outcome
    after: tuple[int, ...] = ()
    """The numbers of the events that the environment had handled before."""
    took_s: float = 0.0
    """With the initialisation, where the environment was fresh."""


class WarmSequence:
    """All events in order in one environment, as far as they are asked for.

    Safe to use from several threads. The environment is given back after event ``last``; an event
    beyond it is replayed in a new environment, after the same events. Events that are ``fresh``
    get an environment that has handled nothing, on the state that the events before them made.
    """

    def __init__(
        self,
        *,
        version: FunctionVersion,
        events: Sequence[EventFixture | None],
        pool: EnvironmentPool,
        schedule: Schedule,
        last: int,
        of: object,
        open_pass: OpenPass = no_services,
        fresh: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._version = version
        self._events = events
        self._pool = pool
        self._schedule = schedule
        self._of = of
        self._fresh = fresh
        self._open_pass = open_pass
        self._lock = threading.Lock()
        self._steps: list[Future[Step]] = [Future() for _ in events]
        self._goal = -1
        self._last = last
        self._job: Job[None] | None = None
        # What follows is used by the one job that runs.
        self._next = 0
        self._before: list[int] = []
        """The events since the environment was fresh."""
        self._environment: ExecutionEnvironment | None = None
        self._begun = False
        """Whether there is a pass that goes on."""
        self._services: ServicePass | None = None
        self._served: list[int] = []
        """The events since the services were fresh: their state is what these made of it."""

    def step(self, index: int, turn: Turn = URGENT) -> Future[Step]:
        """The replay of an event that can be read. The future may hold an EngineError."""
        with self._lock:
            self._goal = max(self._goal, index, self._last)
            if self._job is not None:
                self._schedule.hasten(self._job, turn)
            elif self._next <= self._goal:
                self._job = self._schedule.submit(self._advance, turn, of=self._of)
                self._job.future.add_done_callback(self._cancelled)
            return self._steps[index]

    def _cancelled(self, job: Future[None]) -> None:
        """Let nobody wait for what will not be made."""
        if job.cancelled():
            for future in self._steps:
                cancel(future)

    def _advance(self) -> None:
        while True:
            with self._lock:
                if self._next > self._goal:
                    self._job = None
                    environment, self._environment = self._environment, None
                    services, self._services = self._services, None
                    self._begun = False
                    break
                index, self._next = self._next, self._next + 1
            fixture = self._events[index]
            if fixture is None:
                continue
            try:
                step = self._replayed(index, fixture)
            except BaseException as error:
                self._steps[index].set_exception(error)
            else:
                self._steps[index].set_result(step)
        try:
            if environment is not None:
                self._pool.give(self._version, environment)
        finally:
            if services is not None:
                services.close()

    def _replayed(self, index: int, fixture: EventFixture) -> Step:
        started = time.monotonic()
        if not self._begun:
            self._rebuild(index, fixture)
        elif self._fresh(index):
            self._retire()
        outcome = self._invoke(fixture)
        if outcome.kind is OutcomeKind.HARNESS_FAILURE:
            self._drop()
            self._rebuild(index, fixture)
            outcome = self._invoke(fixture)
        took_s = time.monotonic() - started
        step = Step(outcome=outcome, after=tuple(self._before), took_s=took_s)
        if outcome.kind is OutcomeKind.HARNESS_FAILURE:
            self._drop()
            self._begun = False
        elif self._environment is not None and not self._environment.alive:
            # Lambda starts another environment, which has handled nothing.
            self._drop()
            self._before = []
        else:
            self._before.append(index)
        self._served.append(index)
        return step

    def _rebuild(self, index: int, following: EventFixture) -> None:
        """A fresh environment with the events in it that the former one had handled.

        Where services keep a state, that is fresh too, and made again by all events so far.
        """
        if self._services is not None:
            self._services.close()
        self._services = self._open_pass()
        numbers = self._before if self._services is None else self._served
        before = [each for number in numbers if (each := self._events[number]) is not None]
        self._take((*before, following)[0])
        self._begun = True
        for fixture in before:
            self._invoke(fixture)
        if self._fresh(index):
            self._retire()

    def _retire(self) -> None:
        """Go on in another environment, which has handled nothing, on the same state."""
        environment, self._environment = self._environment, None
        if environment is not None and self._before:
            self._pool.give(self._version, environment)
        else:
            self._environment = environment
        self._before = []

    def _take(self, fixture: EventFixture) -> None:
        if self._services is not None:
            self._services.begin(fixture)
        self._environment = self._pool.take(self._version, self._services)

    def _invoke(self, fixture: EventFixture) -> Outcome:
        if self._environment is not None and not self._environment.alive:
            self._drop()
        if self._environment is None:
            self._take(fixture)
        assert self._environment is not None  # noqa: S101 - taken just now
        return invoked(self._environment, fixture, self._services)

    def _drop(self) -> None:
        environment, self._environment = self._environment, None
        if environment is not None:
            self._pool.end(self._version, environment)


class VersionPasses:
    """The passes of one version, each as often as it is asked for. Safe for several threads.

    ``sample`` numbers the repetitions, each in environments of its own; the first ``samples`` go
    through all events up to ``last``, later ones no further than they are asked for. The first
    event of a warm pass is in a fresh environment, and is the cold replay of that event too.
    """

    def __init__(
        self,
        *,
        version: FunctionVersion,
        events: Sequence[EventFixture | None],
        pool: EnvironmentPool,
        schedule: Schedule,
        last: int,
        samples: int,
        open_pass: OpenPass = no_services,
        stateful: bool = False,
    ) -> None:
        self.version = version
        self._events = events
        self._pool = pool
        self._schedule = schedule
        self._last = last
        self._samples = samples
        self._open_pass = open_pass
        self._stateful = stateful
        self.tried: frozenset[int] | None = None
        """The events that are tried cold; ``None`` for all. Others only make state for them."""
        self._lock = threading.Lock()
        self._cold_sequences: dict[int, WarmSequence] = {}
        self._sequences: dict[int, WarmSequence] = {}
        self._cold: dict[tuple[int, int], Job[Step]] = {}
        self._repeated: dict[tuple[tuple[int, ...], int], Job[Outcome]] = {}
        self.first = next((n for n, fixture in enumerate(events) if fixture is not None), 0)
        """The first event that can be read."""

    def warm(self, index: int, sample: int = 0, turn: Turn = URGENT) -> Future[Step]:
        """An event after those before it, in one environment."""
        with self._lock:
            if sample not in self._sequences:
                self._sequences[sample] = WarmSequence(
                    version=self.version,
                    events=self._events,
                    pool=self._pool,
                    schedule=self._schedule,
                    last=self._last if sample < self._samples else -1,
                    of=self._of(sample),
                    open_pass=self._open_pass,
                )
            return self._sequences[sample].step(index, turn)

    def cold(self, index: int, sample: int = 0, turn: Turn = URGENT) -> Future[Step]:
        """An event in a fresh environment, on the state that the events before it made."""
        if index == self.first:
            return self.warm(index, sample, turn)
        with self._lock:
            if self._stateful:
                if sample not in self._cold_sequences:
                    self._cold_sequences[sample] = WarmSequence(
                        version=self.version,
                        events=self._events,
                        pool=self._pool,
                        schedule=self._schedule,
                        last=-1,
                        of=self._of(sample),
                        open_pass=self._open_pass,
                        fresh=self._is_cold,
                    )
                return self._cold_sequences[sample].step(index, turn)
            key = (index, sample)
            if key not in self._cold:
                self._cold[key] = self._schedule.submit(
                    lambda: self._replayed(index), turn, of=self._of(sample)
                )
            else:
                self._schedule.hasten(self._cold[key], turn)
            return self._cold[key].future

    def after(self, before: tuple[int, ...], index: int) -> Future[Outcome]:
        """An event after chosen ones in a fresh environment."""
        with self._lock:
            key = (before, index)
            if key not in self._repeated:
                self._repeated[key] = self._schedule.submit(
                    lambda: replay_after(
                        self._pool,
                        self.version,
                        [each for n in before if (each := self._events[n]) is not None],
                        self._fixture(index),
                        self._open_pass,
                    ),
                    of=self._of(0),
                )
            return self._repeated[key].future

    def _is_cold(self, index: int) -> bool:
        return self.tried is None or index in self.tried

    def _of(self, sample: int) -> object:
        """Replays side by side in one environment after the other start fewer of them."""
        return id(self), sample if sample < self._samples else 0

    def _replayed(self, index: int) -> Step:
        started = time.monotonic()
        fixture = self._fixture(index)
        outcome = replay_after(self._pool, self.version, (), fixture, self._open_pass)
        return Step(outcome=outcome, took_s=time.monotonic() - started)

    def _fixture(self, index: int) -> EventFixture:
        fixture = self._events[index]
        if fixture is None:  # pragma: no cover - such an event has no check that gets here
            raise ValueError(f"event {index} cannot be read")
        return fixture


def replay_after(
    pool: EnvironmentPool,
    version: FunctionVersion,
    before: Sequence[EventFixture],
    fixture: EventFixture,
    open_pass: OpenPass = no_services,
) -> Outcome:
    """Replay an event in a fresh environment after others, with fresh services.

    An event alone is replayed once more where our own trouble kept it from an outcome. Raises
    EngineError.
    """
    outcome = _replayed_after(pool, version, before, fixture, open_pass)
    if outcome.kind is OutcomeKind.HARNESS_FAILURE and not before:
        outcome = _replayed_after(pool, version, before, fixture, open_pass)
    return outcome


def _replayed_after(
    pool: EnvironmentPool,
    version: FunctionVersion,
    before: Sequence[EventFixture],
    fixture: EventFixture,
    open_pass: OpenPass,
) -> Outcome:
    services = open_pass()
    environment = outcome = None
    try:
        if services is not None:
            services.begin((*before, fixture)[0])
        environment = pool.take(version, services)
        for each in before:
            invoked(environment, each, services)
        outcome = invoked(environment, fixture, services)
        return outcome
    finally:
        if environment is not None:
            lost = outcome is None or outcome.kind is OutcomeKind.HARNESS_FAILURE
            (pool.end if lost else pool.give)(version, environment)
        if services is not None:
            services.close()


def invoked(
    environment: ExecutionEnvironment, fixture: EventFixture, services: ServicePass | None
) -> Outcome:
    """Replay an event; the outcome has what the function asked of services meanwhile."""
    if services is None:
        return environment.invoke(invocation_of(fixture))
    services.begin(fixture)
    outcome = environment.invoke(invocation_of(fixture))
    return replace(outcome, requests=services.requests())


def invocation_of(fixture: EventFixture) -> Invocation:
    """An invocation of an event, with ids of its own as Lambda gives them."""
    number = uuid.uuid4().hex
    root = f"1-{int(time.time()):08x}-{number[:24]}"
    return Invocation(
        request_id=str(uuid.uuid4()),
        event=fixture.payload,
        trace_id=f"Root={root};Parent={number[16:]};Sampled=0",
        client_context=fixture.client_context,
        cognito_identity=fixture.cognito_identity,
    )
