"""A few threads that do not keep their process alive.

Python waits for the threads of its own pools before it exits. A request that hangs would
otherwise delay the end of the run after Ctrl-C until it times out. What the calls do is not known
here.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")

_Call = tuple[Future[Any], Callable[[], Any]]


class DaemonThreads:
    """Makes calls in the order of their submission, at most ``number`` at a time."""

    def __init__(self, number: int, *, name: str) -> None:
        self._number = max(1, number)
        self._name = name
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._guard = threading.Lock()
        self._closed = False

    def submit(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a call; it is cancelled at once where the threads were told to start no more."""
        future: Future[T] = Future()
        with self._guard:
            if self._closed:
                future.cancel()
                future.set_running_or_notify_cancel()
                return future
            self._calls.put((future, lambda: call(*args, **kwargs)))
            if len(self._threads) < self._number:
                self._threads.append(
                    threading.Thread(
                        target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True
                    )
                )
                self._threads[-1].start()
        return future

    def map(self, call: Callable[[A], T], arguments: Iterable[A]) -> Iterator[T]:
        """The results in the order of the arguments, all of which are submitted now."""
        futures = [self.submit(call, each) for each in arguments]
        return (future.result() for future in futures)

    def cancel(self) -> None:
        """Start nothing more; running calls continue."""
        with self._guard:
            self._closed = True
            with contextlib.suppress(queue.Empty):
                while True:
                    waiting = self._calls.get_nowait()
                    if waiting is not None and waiting[0].cancel():
                        waiting[0].set_running_or_notify_cancel()
            for _ in self._threads:
                self._calls.put(None)

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for what was submitted, and start nothing more; False if some still runs."""
        with self._guard:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._calls.put(None)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (taken := self._calls.get()) is not None:
            future, call = taken
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del future, call, taken


@contextlib.contextmanager
def daemon_threads(number: int, *, name: str, patience_s: float) -> Iterator[DaemonThreads]:
    """Threads for a while; what still runs after a failure is waited for no longer than that."""
    threads = DaemonThreads(number, name=name)
    try:
        yield threads
    except BaseException:
        threads.cancel()
        threads.join(patience_s)
        raise
    threads.join()
