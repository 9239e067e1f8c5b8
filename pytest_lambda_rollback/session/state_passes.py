"""Replaying events on one state that two versions share, for the state contract.

Each pass begins with services in their first state. A round is all events once, in a fresh
execution environment of each version that takes part; outcomes and what each event changed are
kept, whole states are not. What they mean is judged in `contracts.state`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol, TypeVar

from pytest_lambda_rollback.contracts import state
from pytest_lambda_rollback.contracts.state import Record, Side, StateCase, StatePass
from pytest_lambda_rollback.contracts.state.outcomes import Compare
from pytest_lambda_rollback.engines.interface import ExecutionEnvironment
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.findings import Contract, Finding, Judgement, Note, Subject
from pytest_lambda_rollback.model.replay import EventFixture, FunctionError, Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import COLD_BUDGET_S
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.services.interface import ServicePass
from pytest_lambda_rollback.session.passes import OpenPass, invoked
from pytest_lambda_rollback.session.pool import EnvironmentPool
from pytest_lambda_rollback.session.schedule import Schedule

T = TypeVar("T")

_CONTROLS: Final = 2
_CONTROLS_OF_ERRORS: Final = 3
_CONTROLS_OF_DIFFERENCES: Final = 4
"""An attribute that comes and goes shows in so many."""
_ROUNDS: Final = 15
"""Rounds that a check makes on both versions together, by which its time is reckoned."""
_MOST_EVENTS: Final = 300


class Wait(Protocol):
    """Waits for a call in another thread, and shows what it is waited for."""

    def __call__(self, future: Future[T], activity: str, /) -> T:
        """Return the result of the call."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """One pass to make: who handles the events of each round."""

    rounds: tuple[tuple[Side, ...], ...]
    """Of each round, by number of the event."""
    passes: tuple[StatePass | None, ...] = ()

    @property
    def is_mixed(self) -> bool:
        """True if both versions live at the same time."""
        return StatePass.MIXED in self.passes


class StatePasses:
    """The state checks of one function. Safe for several threads; checks go one after the other.

    ``current`` holds the contracts. ``events`` are those that can be read, in recorded order.
    ``compare`` judges an outcome by those of the controls. ``weights`` are the shares of the
    current version and a target in mixed passes. ``serial`` is for services that have one state
    for all passes: then no two of them run side by side. Events beyond ``budget_s`` of replays
    are left out, with a note.
    """

    def __init__(
        self,
        *,
        current: FunctionVersion,
        pool: EnvironmentPool,
        open_pass: OpenPass,
        events: Iterable[EventFixture],
        compare: Compare,
        schedule: Schedule,
        wait: Wait,
        weights: tuple[int, int] = (1, 1),
        serial: bool = False,
        budget_s: float = COLD_BUDGET_S,
    ) -> None:
        self._current = current
        self._pool = pool
        self._open_pass = open_pass
        self._all = tuple(events)
        self._compare = compare
        self._schedule = schedule
        self._wait = wait
        self._weights = weights
        self._serial = threading.Lock() if serial else None
        self._budget_s = budget_s
        self._checking = threading.Lock()
        self._order: Future[tuple[int, ...]] = Future()
        """The order of later rounds, once the first control has begun them."""
        self._events: tuple[EventFixture, ...] = ()
        """Those that are tried, once that is known."""
        self._controls: list[Future[Record]] = []
        self._made: dict[tuple[object, ...], list[Future[Record]]] = {}
        self._alone: dict[tuple[object, ...], Future[Record]] = {}
        self._repeated: dict[tuple[tuple[object, ...], _Plan], Future[Record]] = {}

    def judge(self, target: FunctionVersion, subject: Subject) -> Judgement:
        """Judge a target. A break is confirmed by the same passes from a fresh start.

        Raises RollbackError where no environment or service can be had.
        """
        with self._checking:
            if not self._all:
                return Judgement(reason="there is no event that can be read")
            activity = f"replaying events on shared state on {subject.name}"
            self._begin_controls()
            note = state.untouched(self._wait(self._controls[0], activity), subject)
            if note is not None:
                return Judgement(notes=(note,))
            passes = self._passes(target)
            case = self._case(target, subject, passes, activity)
            judged = state.judge(case, self._compare)
            if judged.findings:
                judged = self._confirmed(judged, target, case, activity)
            if len(self._events) < len(self._all):
                judged = replace(judged, notes=(*judged.notes, self._too_many()))
            return judged

    def probe(self, version: FunctionVersion, subject: Subject) -> Judgement:
        """Judge any version once, without confirmation. Raises RollbackError."""
        with self._checking:
            activity = f"replaying events on shared state on {version.name} with other layers"
            self._begin_controls()
            case = self._case(version, subject, self._passes(version), activity)
            return state.judge(case, self._compare)

    def forget(self) -> None:
        """Drop all replays: they are made again when they are asked for."""
        with self._checking:
            self._controls.clear()
            self._made.clear()
            self._alone.clear()
            self._repeated.clear()
            self._order = Future()

    # --- which passes ------------------------------------------------------------------------

    def _begin_controls(self) -> None:
        if self._controls:
            return
        first = self._schedule.submit(self._first_control).future
        first.add_done_callback(self._settle_order)
        self._controls = [first, *(self._another_control() for _ in range(_CONTROLS - 1))]

    def _another_control(self) -> Future[Record]:
        rounds = ((Side.CURRENT,) * len(self._all),) * 3
        return self._begin(self._current, _Plan(rounds=rounds))

    def _passes(self, target: FunctionVersion) -> list[Future[Record]]:
        """The passes of a target; targets that no code could tell apart share theirs."""
        if target.stack not in self._made:
            self._made[target.stack] = [self._begin(target, each) for each in self._plans()]
        return self._made[target.stack]

    def _plans(self) -> tuple[_Plan, ...]:
        number = len(self._all)
        current, target = (Side.CURRENT,) * number, (Side.TARGET,) * number
        equal = self._weights[0] == self._weights[1]
        # A second way of taking turns brings together what the first one keeps apart.
        turns = [
            state.mixed_sides(number, self._weights),
            state.mixed_sides(number, (1, 1), run=2 if equal else 1),
        ]
        return (
            _Plan(
                rounds=(current, target, current),
                passes=(None, StatePass.ROLLBACK, StatePass.RETURN),
            ),
            # What is done only once is done by the target here.
            _Plan(rounds=(target, current), passes=(StatePass.ROLLBACK, StatePass.RETURN)),
            *(
                _Plan(rounds=each, passes=(StatePass.MIXED, StatePass.MIXED))
                for each in dict.fromkeys(turns)
            ),
        )

    def _case(
        self,
        target: FunctionVersion,
        subject: Subject,
        passes: Sequence[Future[Record]],
        activity: str,
    ) -> StateCase:
        controls = tuple(self._wait(each, activity) for each in self._controls)
        return StateCase(
            subject=subject,
            events=self._events,
            controls=controls,
            passes=tuple(self._wait(each, activity) for each in passes),
            alone=partial(self._target_alone, target, activity),
        )

    def _target_alone(self, target: FunctionVersion, activity: str) -> Record:
        if target.stack not in self._alone:
            rounds = ((Side.TARGET,) * len(self._all),) * 2
            self._alone[target.stack] = self._begin(target, _Plan(rounds=rounds))
        return self._wait(self._alone[target.stack], activity)

    def _confirmed(
        self, judged: Judgement, target: FunctionVersion, case: StateCase, activity: str
    ) -> Judgement:
        """The judgement, with what a second run of its passes shows too.

        More controls are made for it, so that what differs by chance is seen.
        """
        broken = {each.replay_pass for each in judged.findings}
        plans = [each for each in self._plans() if broken.intersection(filter(None, each.passes))]
        again = [self._again(target, each) for each in plans]
        raised = all(
            dict(each.details).get("rule") == Contract.INVOCATION for each in judged.findings
        )
        wanted = _CONTROLS_OF_ERRORS if raised else _CONTROLS_OF_DIFFERENCES
        while len(self._controls) < wanted:
            self._controls.append(self._another_control())
        second = self._case(target, case.subject, again, activity)
        first = state.judge(replace(case, controls=second.controls), self._compare)
        return state.confirmed(first, state.judge(second, self._compare))

    def _again(self, target: FunctionVersion, plan: _Plan) -> Future[Record]:
        key = (target.stack, plan)
        if key not in self._repeated:
            self._repeated[key] = self._begin(target, plan)
        return self._repeated[key]

    def _too_many(self) -> Note:
        return Note(
            kind="state-budget",
            details=(
                ("tried", len(self._events)),
                ("events", len(self._all)),
                ("budget_s", self._budget_s),
            ),
        )

    # --- one pass ----------------------------------------------------------------------------

    def _begin(self, target: FunctionVersion, plan: _Plan) -> Future[Record]:
        return self._schedule.submit(partial(self._record, target, plan)).future

    def _first_control(self) -> Record:
        """The control by which the events that are tried and their later order are chosen."""
        rounds = ((Side.CURRENT,) * len(self._all),) * 3
        return self._record(self._current, _Plan(rounds=rounds), is_first=True)

    def _settle_order(self, first: Future[Record]) -> None:
        """Let nobody wait for an order that will not be known."""
        if self._order.done():
            return
        if first.cancelled():
            self._order.set_exception(
                EngineError("events were not replayed on shared state", why="the run is ending")
            )
        elif (error := first.exception()) is not None:
            self._order.set_exception(error)

    def _record(self, target: FunctionVersion, plan: _Plan, *, is_first: bool = False) -> Record:
        """Make a pass; once more where our own trouble spoilt it, for its state is not known."""
        record = self._once(target, plan, is_first=is_first)
        if any(
            step.outcome.kind is OutcomeKind.HARNESS_FAILURE
            for steps in record.rounds
            for step in steps
        ):
            record = self._once(target, plan, is_first=is_first and not self._order.done())
        if is_first and not self._order.done():
            self._order.set_result(state.later_order(record))
        return record

    def _once(self, target: FunctionVersion, plan: _Plan, *, is_first: bool) -> Record:
        if not is_first:
            self._order.result()
        if self._serial is None:
            return self._replayed(target, plan, is_first=is_first)
        with self._serial:
            return self._replayed(target, plan, is_first=is_first)

    def _replayed(self, target: FunctionVersion, plan: _Plan, *, is_first: bool) -> Record:
        services = self._open_pass()
        if services is None:
            raise EngineError(
                "there is no state to share", why="no service of this function keeps any"
            )
        try:
            replays = _Replays(
                versions={Side.CURRENT: self._current, Side.TARGET: target},
                pool=self._pool,
                services=services,
            )
            with self._pool.several() if plan.is_mixed else nullcontext():
                self._replay_rounds(replays, plan, is_first=is_first)
            return replays.record(plan.passes)
        finally:
            services.close()

    def _replay_rounds(self, replays: _Replays, plan: _Plan, *, is_first: bool) -> None:
        order: Sequence[int] = range(len(self._all) if is_first else len(self._events))
        try:
            for number, sides in enumerate(plan.rounds):
                if number == 1 and is_first:
                    self._order.set_result(state.later_order(replays.record(())))
                if number == 1:
                    order = self._order.result()
                budget_s = self._budget_s / _ROUNDS if number == 0 and is_first else None
                replays.round([(each, self._all[each], sides[each]) for each in order], budget_s)
                if number == 0 and is_first:
                    self._events = self._all[: len(replays.rounds[0])]
                if not plan.is_mixed:
                    replays.give()
        finally:
            replays.give()


class StateProbes:
    """State checks of versions with other layers, by which a cause is found."""

    def __init__(
        self, checks: StatePasses, prepare: Callable[[FunctionVersion, str], None]
    ) -> None:
        self._checks = checks
        self._prepare = prepare

    def probe(
        self,
        version: FunctionVersion,
        subject: Subject,
        fixture: EventFixture,
        after: tuple[str, ...] = (),
    ) -> Judgement:
        """Judge a version on all events, whichever showed the break. Raises RollbackError."""
        del fixture, after
        self._prepare(version, f"{subject.target_name} with other layers")
        return self._checks.probe(version, subject)

    def handles(self, target: FunctionVersion, subject: Subject, fixture: EventFixture) -> bool:
        """False: an event alone says nothing of what is stored."""
        del target, subject, fixture
        return False


class _Replays:
    """The rounds of one pass, as far as they were made."""

    def __init__(
        self,
        *,
        versions: dict[Side, FunctionVersion],
        pool: EnvironmentPool,
        services: ServicePass,
    ) -> None:
        self.rounds: list[tuple[state.Step, ...]] = []
        self._versions = versions
        self._pool = pool
        self._services = services
        self._environments: dict[Side, ExecutionEnvironment] = {}
        self._start = self._stored = services.stored()
        self._left_out = dict.fromkeys(self._stored.left_out)

    def record(self, passes: tuple[StatePass | None, ...]) -> Record:
        """What was made."""
        return Record(
            start=self._start,
            rounds=tuple(self.rounds),
            passes=passes,
            left_out=tuple(self._left_out),
        )

    def round(
        self, events: Iterable[tuple[int, EventFixture, Side]], budget_s: float | None
    ) -> None:
        """Replay events in order: with a budget only as many as it allows after the first one."""
        steps: list[state.Step] = []
        began = 0.0
        for number, fixture, side in events:
            spent_s = time.monotonic() - began
            if steps and budget_s is not None and not _affords(len(steps), spent_s, budget_s):
                break
            outcome = self._outcome(side, fixture)
            steps.append(self._step(number, side, outcome))
            began = began or time.monotonic()
        self.rounds.append(tuple(steps))

    def give(self) -> None:
        """Give the environments back: what comes next has fresh ones."""
        while self._environments:
            side, environment = self._environments.popitem()
            if environment.alive:
                self._pool.give(self._versions[side], environment)
            else:
                self._pool.end(self._versions[side], environment)

    def _outcome(self, side: Side, fixture: EventFixture) -> Outcome:
        environments = self._environments
        environment = environments.get(side)
        if environment is not None and not environment.alive:
            # Lambda starts another environment, which has handled nothing.
            self._pool.end(self._versions[side], environments.pop(side))
            environment = None
        if environment is None:
            self._services.begin(fixture)  # Initialisation may ask for something too.
            environment = self._pool.take(
                self._versions[side], self._services, held=len(environments)
            )
            environments[side] = environment
        return invoked(environment, fixture, self._services)

    def _step(self, number: int, side: Side, outcome: Outcome) -> state.Step:
        stored = self._services.stored()
        changed = state.changes(self._stored, stored)
        self._stored = stored
        self._left_out.update(dict.fromkeys(stored.left_out))
        return state.Step(event=number, side=side, outcome=outcome, changes=changed)


def _affords(events: int, spent_s: float, budget_s: float) -> bool:
    return events < _MOST_EVENTS and spent_s <= budget_s


def failure_of(finding: Finding) -> Outcome | None:
    """How the target failed on what was stored; ``None`` for a finding about anything else."""
    details = dict(finding.details)
    of_target = details.get("by") == Side.TARGET.value
    if details.get("rule") != Contract.INVOCATION or not of_target:
        return None
    error = None
    if details.get("target_type") is not None:
        error = FunctionError(
            type=str(details["target_type"]),
            message=str(details.get("target_message") or ""),
            stack_trace=finding.stack_trace,
        )
    return Outcome(kind=OutcomeKind(str(details["target_outcome"])), error=error)
