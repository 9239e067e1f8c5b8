"""The removal of containers in threads of its own: nobody waits for Docker's housekeeping."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from pytest_lambda_rollback.engines.docker.attachment import Attachment
from pytest_lambda_rollback.engines.docker.owners import remove_container
from pytest_lambda_rollback.errors import EngineError

if TYPE_CHECKING:
    from docker.client import DockerClient

_THREADS: Final = 2


class Removals:
    """Containers to remove, and the removals that failed."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._queue: queue.SimpleQueue[tuple[str, Attachment] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._failures: list[EngineError] = []

    def add(self, container: str, wire: Attachment) -> None:
        """Have a container removed soon, whatever runs in it, and its wire, which is closed."""
        with self._lock:
            if len(self._threads) < _THREADS:
                thread = threading.Thread(
                    target=self._run, name="lambda-rollback-removals", daemon=True
                )
                self._threads.append(thread)
                thread.start()
        self._queue.put((container, wire))

    def finish(self, timeout_s: float) -> tuple[EngineError, ...]:
        """Wait for all removals and give those that failed; nothing may be added any more."""
        deadline = time.monotonic() + timeout_s
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
        return tuple(self._failures)

    def _run(self) -> None:
        while (found := self._queue.get()) is not None:
            container, wire = found
            try:
                try:
                    remove_container(self._client, container)
                finally:
                    wire.release()
            except EngineError as error:
                self._failures.append(error)
            except Exception as error:  # this thread must live for the containers after it
                what = f"the container {container[:40]} could not be removed"
                self._failures.append(EngineError(what, why=f"{type(error).__name__}: {error}"))
