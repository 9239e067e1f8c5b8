"""Threads that end with their process, and do what they are told before."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError

import pytest

from pytest_lambda_rollback.sources.daemon_threads import DaemonThreads, daemon_threads


def test_results_come_in_order_and_no_more_run_at_once_than_said() -> None:
    running, most, guard = 0, 0, threading.Lock()

    def call(number: int) -> int:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with guard:
            running -= 1
        return number * number

    with daemon_threads(3, name="test", patience_s=1) as threads:
        assert list(threads.map(call, range(40))) == [number**2 for number in range(40)]
    assert most == 3


def test_an_error_is_the_callers() -> None:
    threads = DaemonThreads(1, name="test")
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 / 0).result(timeout=5)
    assert threads.submit(lambda: 1).result(timeout=5) == 1
    assert threads.join(5)


def test_what_waits_is_cancelled_and_what_runs_goes_on() -> None:
    threads, begun, end = DaemonThreads(1, name="test"), threading.Event(), threading.Event()

    def call() -> str:
        begun.set()
        end.wait(10)
        return "done"

    first, second = threads.submit(call), threads.submit(call)
    assert begun.wait(5)
    threads.cancel()
    assert second.cancelled()
    with pytest.raises(CancelledError):
        threads.submit(call).result(timeout=5)
    assert not threads.join(0.05)
    end.set()
    assert first.result(timeout=5) == "done"
    assert threads.join(5)


def test_a_failure_waits_for_what_hangs_no_longer_than_said() -> None:
    def failing() -> None:
        with daemon_threads(1, name="test", patience_s=0.05) as threads:
            threads.submit(time.sleep, 30)
            raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        failing()
    assert time.monotonic() - begun < 10


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    code = (
        "import time\n"
        "from pytest_lambda_rollback.sources.daemon_threads import DaemonThreads\n"
        "DaemonThreads(1, name='test').submit(time.sleep, 60)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
