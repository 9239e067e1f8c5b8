"""The order of replays, and how many run side by side."""

from __future__ import annotations

import threading

import pytest

from pytest_lambda_rollback.session.schedule import AHEAD, Schedule, lanes


class Gate:
    """Holds the only lane until it is opened."""

    def __init__(self, schedule: Schedule) -> None:
        self._open = threading.Event()
        entered = threading.Event()

        def hold() -> None:
            entered.set()
            self._open.wait(10)

        self.job = schedule.submit(hold)
        assert entered.wait(10)

    def open(self) -> None:
        self._open.set()


def test_urgent_calls_come_first_and_others_by_their_turn() -> None:
    schedule, made = Schedule(1), []
    gate = Gate(schedule)
    jobs = [
        schedule.submit(lambda name=name: made.append(name), turn)
        for name, turn in (("c", (AHEAD, 1, 0)), ("b", (AHEAD, 0, 2)), ("late", (AHEAD, 9)))
    ]
    jobs.append(schedule.submit(lambda: made.append("a")))
    schedule.hasten(jobs[2])
    gate.open()
    for job in jobs:
        job.future.result(10)
    assert made == ["a", "late", "b", "c"]
    schedule.cancel()
    assert schedule.join(10)


def test_a_lane_works_on_what_no_other_does_if_it_can() -> None:
    schedule, made = Schedule(2), []
    first, second = threading.Event(), threading.Event()
    entered = threading.Semaphore(0)

    def hold(event: threading.Event) -> None:
        entered.release()
        event.wait(10)

    held = [schedule.submit(lambda e=e: hold(e), of=of) for e, of in ((first, "a"), (second, "b"))]
    assert all(entered.acquire(timeout=10) for _ in held)
    jobs = [
        schedule.submit(lambda name=name: made.append(name), of=of)
        for name, of in (("a1", "a"), ("b1", "b"), ("c1", "c"), ("a2", "a"))
    ]
    second.set()
    # With nothing else to do, it goes on where another lane is at work.
    for job in jobs:
        job.future.result(10)
    assert made == ["b1", "c1", "a1", "a2"]
    first.set()
    schedule.cancel()
    assert schedule.join(10)


def test_no_more_calls_than_lanes_run_side_by_side() -> None:
    schedule = Schedule(2)
    together, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def call() -> None:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        both.wait(10)
        with lock:
            together -= 1

    for job in [schedule.submit(call) for _ in range(6)]:
        job.future.result(10)
    assert most == 2
    schedule.cancel()
    assert schedule.join(10)


def test_cancel_begins_nothing_more_and_nobody_waits_for_ever() -> None:
    schedule, made = Schedule(1), []
    gate = Gate(schedule)
    waiting = schedule.submit(lambda: made.append("waiting"))
    schedule.cancel()
    late = schedule.submit(lambda: made.append("late"))
    gate.open()
    assert schedule.join(10)
    assert gate.job.future.done()
    assert waiting.future.cancelled()
    assert late.future.cancelled()
    assert made == []


def test_an_error_is_the_one_of_the_call() -> None:
    schedule = Schedule(1)

    def fail() -> None:
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        schedule.submit(fail).future.result(10)
    schedule.cancel()


def test_lanes_by_workers_and_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert [lanes(2), lanes(16), lanes(2, sharing=4), lanes(2, sharing=9)] == [2, 4, 1, 1]
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert lanes(8) == 1
