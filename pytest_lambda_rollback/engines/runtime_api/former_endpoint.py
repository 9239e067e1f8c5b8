"""The Runtime API of one execution environment: its requests and their effects.

What is known of an environment (is it initialised, which event has it, which deadline runs)
belongs to the loop's thread only, so it needs no locks. Starting and ending a
runtime, listeners and bytes are handled elsewhere.

The API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. Status codes and bodies
are those of AWS's own server (aws-lambda-runtime-interface-emulator, package rapid).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import queue
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from pytest_lambda_rollback.aws_lambda.limits import RESPONSE_BYTES, STREAMED_RESPONSE_BYTES
from pytest_lambda_rollback.engines.runtime_api import http
from pytest_lambda_rollback.engines.runtime_api.former_connection import JSON, Connection
from pytest_lambda_rollback.engines.runtime_api.replies import (
    Phase,
    Reply,
    ReplyKind,
    function_error,
)
from pytest_lambda_rollback.model.replay import Invocation
from pytest_lambda_rollback.model.versions import FunctionVersion

_OTHER_LIMIT_BYTES = 64 * 1024

_ROOT = "/2018-06-01/runtime/"
_NEXT = _ROOT + "invocation/next"
_INVOCATION = _ROOT + "invocation/"
_INIT_ERROR = _ROOT + "init/error"
_RESTORE_NEXT = _ROOT + "restore/next"
_RESTORE_ERROR = _ROOT + "restore/error"

_ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"
_RESPONSE_MODE = "lambda-runtime-function-response-mode"

_OK_BODY = b'{"status":"OK"}\n'

_ACCEPT_GRACE_S = 0.02
"""Seconds that a dead runtime's last connection may take to be accepted."""
_EXIT_GRACE_S = 0.25
"""Seconds that a dead runtime's last bytes may take, where a child still holds its connection."""


@dataclass(slots=True)
class _Pending:
    """One ``invoke`` call that waits for its reply."""

    invocation: Invocation
    replies: queue.SimpleQueue[Reply]
    """Gets one reply. It wakes the waiting thread sooner than a future does."""
    delivered_at: float | None = None
    cold: bool = False


class Endpoint:
    """The Runtime API of one execution environment. Made by RuntimeApi.open.

    Public methods may be called from any thread but the loop's own; all others run in it.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        version: FunctionVersion,
        init_budget_s: float,
        peer: str | None,
        address: str,
        forget: Callable[[Endpoint], None],
    ) -> None:
        self.address = address
        """``host:port``, the value of AWS_LAMBDA_RUNTIME_API."""
        self._loop = loop
        self._version = version
        self._init_budget_s = init_budget_s
        self._peer = peer
        self._forget = forget
        self._turn = threading.Lock()
        self._closed = threading.Event()
        self._opened_at = time.monotonic()
        self._listener: socket.socket | None = None
        self._accepting: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        self._poller: Connection | None = None
        self._pending: _Pending | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._initialised = False
        self._delivered = 0
        self._ended: Reply | None = None
        self._exit_status: str | None = None

    # --- any thread -------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """True once no further event can be replayed here; the runtime should be ended."""
        return self._ended is not None

    def allow(self, peer: str) -> None:
        """Set the only address that may connect.

        Connections that came before it was known were held; those from elsewhere are closed
        without a byte.
        """
        self._call(lambda: self._allow(peer))

    def invoke(self, invocation: Invocation) -> Reply:
        """Hand one event to the runtime and wait for the outcome.

        The first call waits for the initialisation as well. Calls from several threads take
        turns. Never raises for what a function does, nor for a closed endpoint (FAILED).
        """
        with self._turn:
            pending = _Pending(invocation=invocation, replies=queue.SimpleQueue())
            submitted = self._call(lambda: self._submit(pending))
            while submitted:
                try:
                    return pending.replies.get(timeout=1)
                except queue.Empty:  # every state has its deadline; a loop that is gone has none
                    submitted = not self._loop.is_closed()
            return Reply(kind=ReplyKind.FAILED, detail="the Runtime API was closed")

    def runtime_exited(self, status: str) -> None:
        """Report that the runtime's process has ended.

        ``status`` is an exit status as digits or a predicate (``was killed by SIGSEGV``). Anything
        the runtime posted before its end still counts.
        """
        self._call(lambda: self._exited(status))

    def close(self) -> None:
        """Stop listening and drop all connections. Safe to call twice."""
        if self._call(self.shut):
            self._closed.wait(timeout=5)

    def _call(self, function: Callable[[], None]) -> bool:
        """Run a function in the loop's thread; False when the loop has ended."""
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop is closed
            return False
        return True

    # --- the loop's thread: life -------------------------------------------------------------

    def listen(self, listener: socket.socket) -> None:
        """Serve a listening socket; the initialisation's clock starts now."""
        listener.setblocking(False)
        self._listener = listener
        self._loop.add_reader(listener, self._accept)
        self._opened_at = time.monotonic()
        self._timer = self._loop.call_later(self._init_budget_s, self._init_timed_out)

    def _accept(self) -> None:
        # Not asyncio's own server: closed while it accepts, it loses the connection unclosed.
        if self._listener is None:
            return
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # no more file descriptors: try again a little later
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_ACCEPT_GRACE_S, self._accept_again)
            return
        accepted.setblocking(False)
        task = self._loop.create_task(self._talk(accepted))
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)

    def _accept_again(self) -> None:
        if self._listener is not None:
            self._loop.add_reader(self._listener, self._accept)

    async def _talk(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: Connection(self), accepted)
        except OSError:
            accepted.close()

    def shut(self) -> None:
        """Close, from within the loop's thread."""
        if self._closed.is_set():
            return
        self._end(Reply(kind=ReplyKind.FAILED, detail="the Runtime API was closed"))
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for connection in tuple(self._connections):
            connection.abort()
        self._forget(self)
        self._closed.set()

    def _allow(self, peer: str) -> None:
        self._peer = peer
        for connection in tuple(self._connections):
            connection.admit(peer)

    def _submit(self, pending: _Pending) -> None:
        if self._ended is not None:
            pending.replies.put(self._after_the_end(self._ended))
            return
        self._pending = pending
        if self._poller is not None:
            self._deliver()
        elif self._initialised:
            self._restart_timer(self._version.configuration.timeout_s, self._idle_timed_out)

    @staticmethod
    def _after_the_end(ended: Reply) -> Reply:
        """The reply to an invocation that came after the end of its environment."""
        if ended.phase is not Phase.INVOKE or ended.kind is ReplyKind.INIT_ERRORED:
            return ended
        if ended.kind is ReplyKind.FAILED:
            return ended
        return Reply(
            kind=ReplyKind.FAILED,
            detail="the execution environment ended with an earlier event",
        )

    def _deliver(self) -> None:
        pending, poller = self._pending, self._poller
        if pending is None or poller is None:
            return
        self._poller = None
        invocation = pending.invocation
        deadline_ms = int((time.time() + self._version.configuration.timeout_s) * 1000)
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", self._version.invoked_arn),
        ]
        if invocation.trace_id:
            headers.append(("Lambda-Runtime-Trace-Id", invocation.trace_id))
        if invocation.client_context is not None:
            headers.append(("Lambda-Runtime-Client-Context", invocation.client_context))
        if invocation.cognito_identity is not None:
            headers.append(("Lambda-Runtime-Cognito-Identity", invocation.cognito_identity))
        pending.cold = self._delivered == 0
        self._delivered += 1
        pending.delivered_at = time.monotonic()
        self._restart_timer(self._version.configuration.timeout_s, self._invocation_timed_out)
        poller.reply(200, invocation.event, headers=tuple(headers))

    def _resolve(self, reply: Reply) -> None:
        """End the invocation that is pending; the environment lives on."""
        pending, self._pending = self._pending, None
        self._cancel_timer()
        if pending is None:
            return
        began = self._opened_at if pending.delivered_at is None else pending.delivered_at
        if pending.delivered_at is not None or not self._initialised:
            reply = replace(
                reply,
                duration_s=time.monotonic() - began,
                cold=pending.cold or not self._initialised,
            )
        pending.replies.put(reply)

    def _end(self, reply: Reply) -> None:
        """End the environment, and the invocation that is pending with it."""
        if self._ended is None:
            if not self._initialised:
                waited_s = time.monotonic() - self._opened_at
                reply = replace(reply, duration_s=waited_s, cold=True)
            self._ended = reply
        self._resolve(self._ended)

    def _restart_timer(self, delay_s: float, callback: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_later(delay_s, callback)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _init_timed_out(self) -> None:
        self._time_out(Phase.INIT, self._init_budget_s)

    def _idle_timed_out(self) -> None:
        self._time_out(Phase.IDLE, self._version.configuration.timeout_s)

    def _invocation_timed_out(self) -> None:
        self._time_out(Phase.INVOKE, self._version.configuration.timeout_s)

    def _time_out(self, phase: Phase, limit_s: float) -> None:
        self._end(Reply(kind=ReplyKind.TIMED_OUT, phase=phase, limit_s=limit_s))

    def _exited(self, status: str) -> None:
        if self._exit_status is not None:
            return
        self._exit_status = status
        self._loop.call_later(_ACCEPT_GRACE_S, self._await_last_bytes)

    def _await_last_bytes(self) -> None:
        if self._connections:
            self._loop.call_later(_EXIT_GRACE_S, self._conclude_exit)
        else:
            self._conclude_exit()

    def _conclude_exit(self) -> None:
        if not self._initialised:
            phase = Phase.INIT
        elif self._pending is not None and self._pending.delivered_at is not None:
            phase = Phase.INVOKE
        else:
            phase = Phase.IDLE
        self._end(Reply(kind=ReplyKind.EXITED, phase=phase, status=self._exit_status or ""))

    # --- the loop's thread: connections and requests -------------------------------------------

    @property
    def peer(self) -> str | None:
        """The only address that may connect; ``None`` while it is unknown."""
        return self._peer

    def connected(self, connection: Connection) -> None:
        """Count a connection in."""
        self._connections.add(connection)
        if self._closed.is_set():  # it was accepted while the endpoint closed
            connection.abort()

    def disconnected(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        if self._poller is connection:
            self._poller = None
        if self._exit_status is not None and not self._connections:
            self._conclude_exit()

    def limit_of(self, head: http.Head) -> int:
        """Bytes of a request's body that are kept."""
        if head.method != "POST" or not head.path.startswith(_ROOT):
            return _OTHER_LIMIT_BYTES
        if _streams(head) and head.path.endswith("/response"):
            return STREAMED_RESPONSE_BYTES
        return RESPONSE_BYTES

    def handle(self, connection: Connection, request: http.Request) -> None:
        """Answer one request, at once or (for ``/next``) when there is an event."""
        method, path = request.head.method, request.head.path
        if path == _NEXT:
            if method == "GET":
                self._next(connection)
            else:
                connection.refuse(405, "MethodNotAllowed", "use GET")
        elif path.startswith(_INVOCATION) and path.endswith(("/response", "/error")):
            if method == "POST":
                request_id, _, what = path[len(_INVOCATION) :].rpartition("/")
                self._result(connection, request, request_id, is_error=what == "error")
            else:
                connection.refuse(405, "MethodNotAllowed", "use POST")
        elif path in (_INIT_ERROR, _RESTORE_ERROR):
            if method == "POST":
                self._init_error(connection, request)
            else:
                connection.refuse(405, "MethodNotAllowed", "use POST")
        elif path == _RESTORE_NEXT and method == "GET":
            connection.reply(200)
        else:
            connection.refuse(404, "NotFound", "no such path in the Runtime API")

    def _next(self, connection: Connection) -> None:
        if self._ended is not None:
            return  # never answered; the engine ends this runtime
        in_flight = self._pending is not None and self._pending.delivered_at is not None
        if in_flight or self._poller is not None:
            connection.refuse(403, "InvalidStateTransition", "the last event is not answered yet")
            return
        if not self._initialised:
            self._initialised = True
            self._cancel_timer()
        self._poller = connection
        self._deliver()

    def _result(
        self, connection: Connection, request: http.Request, request_id: str, *, is_error: bool
    ) -> None:
        pending = self._pending
        if (
            pending is None
            or pending.delivered_at is None
            or pending.invocation.request_id != request_id
        ):
            connection.refuse(400, "InvalidRequestID", "Invalid request ID")
            return
        headers, trailers = request.head.headers, request.trailers
        if is_error:
            connection.reply(202, _OK_BODY, headers=JSON)
            error = function_error(
                request.body,
                header_type=headers.get(_ERROR_TYPE, ""),
                size_bytes=request.size_bytes,
            )
            self._resolve(Reply(kind=ReplyKind.ERRORED, error=error))
        elif _ERROR_TYPE in trailers or _ERROR_BODY in trailers:
            connection.reply(202, _OK_BODY, headers=JSON)
            error = function_error(
                _unwrapped(trailers.get(_ERROR_BODY, "")),
                header_type=trailers.get(_ERROR_TYPE, ""),
            )
            self._resolve(Reply(kind=ReplyKind.ERRORED, error=error, streamed=True))
        elif request.too_large:
            limit = self.limit_of(request.head)
            connection.refuse(
                413,
                "RequestEntityTooLarge",
                f"Exceeded maximum allowed payload size ({limit} bytes).",
            )
            self._end(
                Reply(kind=ReplyKind.TOO_LARGE, size_bytes=request.size_bytes, limit_bytes=limit)
            )
        else:
            # The caller goes on while the runtime gets its answer.
            self._resolve(
                Reply(
                    kind=ReplyKind.RESPONDED,
                    payload=request.body,
                    content_type=headers.get("content-type", "application/json"),
                    streamed=_streams(request.head),
                )
            )
            connection.reply(202, _OK_BODY, headers=JSON)

    def _init_error(self, connection: Connection, request: http.Request) -> None:
        if self._initialised or self._ended is not None:
            connection.refuse(403, "InvalidStateTransition", "the initialisation is over")
            return
        connection.reply(202, _OK_BODY, headers=JSON)
        error = function_error(
            request.body,
            header_type=request.head.headers.get(_ERROR_TYPE, ""),
            size_bytes=request.size_bytes,
        )
        self._end(Reply(kind=ReplyKind.INIT_ERRORED, error=error))


def _streams(head: http.Head) -> bool:
    return head.headers.get(_RESPONSE_MODE, "").lower() == "streaming"


def _unwrapped(text: str) -> bytes:
    """The body of an error trailer, which is base64; as it is if it is not."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()
