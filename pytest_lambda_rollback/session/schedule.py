"""Replays in threads: urgent ones first, and no more at a time than there are lanes.

A replay that a check waits for goes before those that are made ahead, which keep the order in
which checks will ask for them. What the calls do is not known here.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Turn = tuple[int, ...]
"""The place of a call in the queue; lower ones come first."""
URGENT: Turn = (0,)
AHEAD = 1
"""The first number of a turn of what nobody waits for yet."""


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """A call that was submitted; it is made once, however often it is moved in the queue."""

    call: Callable[[], T]
    of: object = None
    """What it works on; calls on the same are made side by side only where there is no other."""
    future: Future[T] = field(default_factory=Future)
    turn: Turn = URGENT


class Schedule:
    """Makes calls by their turn, at most ``lanes`` at a time. Safe to use from several threads."""

    def __init__(self, lanes: int) -> None:
        self._lanes = max(1, lanes)
        self._queue: list[tuple[Turn, int, Job[Any]]] = []
        self._numbers = itertools.count()
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._waiting = 0
        self._running: Counter[object] = Counter()
        self._closed = False

    def submit(self, call: Callable[[], T], turn: Turn = URGENT, *, of: object = None) -> Job[T]:
        """Queue a call; it is cancelled at once after `cancel`."""
        job = Job(call=call, turn=turn, of=of)
        with self._changed:
            if self._closed:
                cancel(job.future)
                return job
            self._push(job)
            if self._waiting == 0 and len(self._threads) < self._lanes:
                name = f"lambda-rollback-replay-{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
                self._threads[-1].start()
        return job

    def hasten(self, job: Job[Any], turn: Turn = URGENT) -> None:
        """Move a call that did not begin yet to an earlier turn."""
        with self._changed:
            if turn < job.turn and not self._closed and not job.future.running():
                job.turn = turn
                self._push(job)

    def cancel(self) -> None:
        """Begin nothing more; running calls continue."""
        with self._changed:
            self._closed = True
            for _, _, job in self._queue:
                cancel(job.future)
            self._queue.clear()
            self._changed.notify_all()

    def join(self, timeout_s: float) -> bool:
        """Wait for what runs, after `cancel`; False if some still does."""
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _push(self, job: Job[Any]) -> None:
        heapq.heappush(self._queue, (job.turn, next(self._numbers), job))
        self._changed.notify()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                result = job.call()
            except BaseException as error:
                job.future.set_exception(error)
            else:
                job.future.set_result(result)
            with self._changed:
                self._running[job.of] -= 1
            del job

    def _next(self) -> Job[Any] | None:
        """The next call, as begun; ``None`` once nothing more is to begin."""
        with self._changed:
            while not self._closed:
                job = self._chosen()
                if job is not None:
                    job.future.set_running_or_notify_cancel()
                    self._running[job.of] += 1
                    return job
                self._waiting += 1
                self._changed.wait()
                self._waiting -= 1
        return None

    def _chosen(self) -> Job[Any] | None:
        """Take the first call in the queue, before it one on what no other lane works on."""
        passed = []
        chosen = None
        while self._queue and chosen is None:
            entry = heapq.heappop(self._queue)
            job = entry[2]
            # A call that was moved stands in the queue twice.
            if job.future.running() or job.future.done():
                continue
            if job.of is None or not self._running[job.of]:
                chosen = job
            else:
                passed.append(entry)
        if chosen is None and passed:
            chosen = passed.pop(0)[2]
        for entry in passed:
            heapq.heappush(self._queue, entry)
        return chosen


def cancel(future: Future[Any]) -> None:
    """Cancel what did not begin, and let nobody wait for it."""
    if not future.done() and future.cancel():
        future.set_running_or_notify_cancel()


def lanes(workers: int, *, sharing: int = 1) -> int:
    """How many replays run side by side: by the configuration and the cores of this machine.

    ``sharing`` processes share the cores. More replays than cores would make some time out.
    """
    return max(1, min(workers, (os.cpu_count() or 1) // max(1, sharing)))
