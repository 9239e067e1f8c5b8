"""Work in other threads, and waiting for it with progress lines.

Uses no versions, engines or checks.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from typing import ParamSpec, TypeVar

from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.sources.daemon_threads import DaemonThreads

QUIET_S = (2.0, 3.0, 10.0, 45.0, 60.0)
"""Seconds of silence before each line while a thread waits: lines come after 2, 5, 15 and 60
seconds and then each minute, so that a long wait does not fill a page of a log."""

PATIENCE_S = 5.0
"""How long the end of a run waits for a call that was begun."""

P = ParamSpec("P")
T = TypeVar("T")


class Work:
    """A few threads, and the thread that waits for them and passes progress on.

    ``progress`` is called in the thread that made this only; `say` may be called from any.
    """

    def __init__(self, *, threads: int, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._thread = threading.current_thread()
        self._messages: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._threads = DaemonThreads(threads, name="lambda-rollback")

    def submit(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a call in one of the threads."""
        return self._threads.submit(call, *args, **kwargs)

    def say(self, text: str) -> None:
        """Leave a line of progress for the thread that waits."""
        self._messages.put(text)

    def wait(self, future: Future[T], activity: str) -> T:
        """Wait for a call and return its result; where it takes long, show ``activity``.

        In another thread than the one that shows progress, wait in silence. Raises EngineError if
        the call was cancelled since the run ends.
        """
        try:
            return self._waited(future, activity)
        except CancelledError as error:
            raise EngineError(f"{activity} was not done", why="the run is ending") from error

    def _waited(self, future: Future[T], activity: str) -> T:
        if threading.current_thread() is not self._thread:
            return future.result()
        started = last = time.monotonic()
        said = 0
        while True:
            done = wait((future,), timeout=0.2).done
            with contextlib.suppress(queue.Empty):
                while True:
                    self._progress(self._messages.get_nowait())
                    last = time.monotonic()
            if done:
                return future.result()
            now = time.monotonic()
            if now - last >= QUIET_S[min(said, len(QUIET_S) - 1)]:
                self._progress(f"{activity} ({now - started:.0f} s)")
                last, said = now, said + 1

    def cancel(self) -> None:
        """Start nothing more; running calls continue."""
        self._threads.cancel()

    def join(self) -> None:
        """Wait for what runs, but not for long: a request that hangs ends with the process."""
        self._threads.join(PATIENCE_S)
