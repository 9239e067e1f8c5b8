"""The Lambda Runtime API, served to every execution environment that an engine starts.

One asyncio loop in one daemon thread serves all environments of an engine; each has a listener
of its own, so none can reach another's events. `former_endpoint` implements the protocol.
"""

from __future__ import annotations

import asyncio
import socket
import threading

from pytest_lambda_rollback.engines.runtime_api.former_endpoint import (
    Endpoint,
)
from pytest_lambda_rollback.engines.runtime_api.replies import Phase, Reply, ReplyKind
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import FunctionVersion

__all__ = [
    "Endpoint",
    "Phase",
    "Reply",
    "ReplyKind",
    "RuntimeApi",
]


class RuntimeApi:
    """The Runtime API of one engine; its thread starts with the first endpoint.

    Make one per engine and close it; ``open`` and ``close`` may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._endpoints: set[Endpoint] = set()  # the loop's thread only

    def open(
        self,
        *,
        host: str,
        version: FunctionVersion,
        init_timeout_s: float = 10.0,
        peer: str | None = None,
    ) -> Endpoint:
        """Listen on a free port of ``host`` for one execution environment of ``version``.

        The initialisation may last ``init_timeout_s`` and the function's timeout together: if
        it is late, Lambda does it once more as part of the first invocation. The clock starts
        now. Without ``peer`` all connections are held until ``Endpoint.allow``.

        Raises EngineError when the host cannot be listened on, or after ``close``.
        """
        try:
            listener = socket.create_server((host, 0), backlog=64)
        except OSError as error:
            raise EngineError(
                f"cannot serve the Lambda Runtime API on {host}",
                why=str(error),
                do="Check that this machine has that address",
            ) from error
        try:
            with self._lock:
                loop = self._running_loop()
                endpoint = Endpoint(
                    loop=loop,
                    version=version,
                    init_budget_s=init_timeout_s + version.configuration.timeout_s,
                    peer=peer,
                    address=f"{host}:{listener.getsockname()[1]}",
                    forget=self._endpoints.discard,
                )
                asyncio.run_coroutine_threadsafe(self._add(endpoint, listener), loop).result()
        except EngineError:
            listener.close()
            raise
        return endpoint

    def close(self) -> None:
        """Close every endpoint and end the thread. Safe to call twice."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._shut(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise EngineError("cannot serve the Lambda Runtime API", why="it was closed")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="lambda-runtime-api", daemon=True
            )
            self._thread.start()
        return self._loop

    async def _add(self, endpoint: Endpoint, listener: socket.socket) -> None:
        self._endpoints.add(endpoint)
        endpoint.listen(listener)

    async def _shut(self) -> None:
        for endpoint in tuple(self._endpoints):
            endpoint.shut()
        accepting = asyncio.all_tasks() - {asyncio.current_task()}
        if accepting:
            await asyncio.wait(accepting, timeout=1)
        for _ in range(3):  # transports that were dropped say goodbye in the next rounds
            await asyncio.sleep(0)
