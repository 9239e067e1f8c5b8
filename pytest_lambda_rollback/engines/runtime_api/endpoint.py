"""The Runtime API of one execution environment: its requests and their effects, without any I/O.

It is told of requests, of the ends of processes and of the time, and knows what is known of the
environment: is it initialised, which event has it, which deadline runs. Starting and ending
processes, connections and bytes are handled elsewhere.

The API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. Status codes and bodies
are those of AWS's own server (aws-lambda-runtime-interface-emulator, package rapid).
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from pytest_lambda_rollback.aws_lambda.limits import RESPONSE_BYTES, STREAMED_RESPONSE_BYTES
from pytest_lambda_rollback.engines.runtime_api.connection import JSON, Connection
from pytest_lambda_rollback.engines.runtime_api.extensions import Extensions
from pytest_lambda_rollback.engines.runtime_api.replies import (
    Phase,
    Reply,
    ReplyKind,
    function_error,
)
from pytest_lambda_rollback.http_wire import messages as http
from pytest_lambda_rollback.model.replay import FunctionError, Invocation
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

_CLOSED = "the execution environment was closed"


@dataclass(slots=True)
class _Pending:
    """One event that was handed in and has no reply yet."""

    invocation: Invocation
    delivered_at: float | None = None
    cold: bool = False


class Endpoint:
    """The Runtime API of one execution environment, from its start to its end.

    An initialisation may last ``init_timeout_s``; a later one is begun again with the first
    event, as part of which it may last the function's timeout:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib.
    ``answered`` is called when the runtime has answered an event, before it is told so. ``clock``
    gives seconds, as ``time.monotonic``.
    """

    def __init__(
        self,
        version: FunctionVersion,
        *,
        init_timeout_s: float = 10.0,
        answered: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._version = version
        self._answered = answered
        self._timeout_s = version.configuration.timeout_s
        self._init_timeout_s = init_timeout_s
        self._clock = clock
        self.extensions = Extensions(version, failed=self._extension_failed, changed=self._advance)
        self._began_at = clock()
        self._deadline: float | None = None
        self._phase = Phase.INIT
        self._retried_at: float | None = None
        self._init_spent_s = 0.0
        self._poller: Connection | None = None
        self._answering: Connection | None = None
        self._pending: _Pending | None = None
        self._initialised = False
        self._delivered = 0
        self._ended: Reply | None = None
        self._reply: Reply | None = None

    # --- state ------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """True once no further event can be replayed here."""
        return self._ended is not None

    @property
    def settled(self) -> bool:
        """True once the environment can take an event, or never will."""
        return self.finished or (self._poller is not None and self.extensions.ready)

    @property
    def init_is_late(self) -> bool:
        """True once the first initialisation has had its time: it is to be begun again."""
        late = self._deadline is not None and self._clock() >= self._deadline
        return late and not (self._initialised or self._retried_at is not None or self.finished)

    def wait_s(self, most_s: float) -> float:
        """Seconds until the next deadline, not negative and at most ``most_s``."""
        if self._deadline is None:
            return most_s
        return min(most_s, max(0.0, self._deadline - self._clock()))

    def take_reply(self) -> Reply | None:
        """The reply to the event that was handed in, once it is there."""
        reply, self._reply = self._reply, None
        return reply

    # --- what happens to it -----------------------------------------------------------------

    def begin(self) -> None:
        """Its first process starts now, and with it the clock of the initialisation."""
        self._began_at = self._clock()
        if not self._initialised:
            self._deadline = self._began_at + self._init_timeout_s

    def begin_again(self) -> None:
        """The initialisation starts a second time, as part of the first event."""
        self.extensions = Extensions(
            self._version, failed=self._extension_failed, changed=self._advance
        )
        self._retried_at = self._clock()
        self._poller = None
        self._deadline = self._retried_at + self._timeout_s

    def submit(self, invocation: Invocation) -> None:
        """Hand in one event; `take_reply` gives its reply in the end."""
        self._pending = _Pending(invocation)
        if self._ended is not None:
            self._resolve(self._after_the_end(self._ended))
            return
        if self._initialised:
            self._phase = Phase.IDLE
            self._deadline = self._clock() + self._timeout_s
        self._advance()

    def tick(self) -> None:
        """End what has passed its deadline."""
        if self._deadline is None or self._clock() < self._deadline or self.init_is_late:
            return
        limit_s = self._timeout_s
        if self._phase is Phase.IDLE and self._poller is not None:
            late = self.extensions.late()
            error = FunctionError(
                type="Sandbox.Timedout",
                message=f"the extension {late} was not ready within {limit_s:g} s",
            )
            self._end(Reply(kind=ReplyKind.ERRORED, error=error))
            return
        if self._phase is Phase.INIT:
            limit_s += self._init_timeout_s
        self._end(Reply(kind=ReplyKind.TIMED_OUT, phase=self._phase, limit_s=limit_s))

    def runtime_exited(self, status: str) -> None:
        """The runtime's process has ended, after all that it posted.

        ``status`` is an exit status as digits or a predicate (``was killed by SIGSEGV``).
        """
        if not self._initialised:
            phase = Phase.INIT
        elif self._pending is not None and self._pending.delivered_at is not None:
            phase = Phase.INVOKE
        else:
            phase = Phase.IDLE
        self._end(Reply(kind=ReplyKind.EXITED, phase=phase, status=status))

    def fail(self, detail: str = _CLOSED) -> None:
        """End it for a reason of our own, a sentence without a full stop."""
        self._end(Reply(kind=ReplyKind.FAILED, detail=detail))

    # --- requests ---------------------------------------------------------------------------

    def limit_of(self, connection: Connection, head: http.Head) -> int:
        """Bytes of a request's body that are kept: many only of what is waited for."""
        if head.method != "POST" or not self._is_awaited(head.path):
            return _OTHER_LIMIT_BYTES
        if self._answering not in (None, connection):
            return _OTHER_LIMIT_BYTES
        self._answering = connection
        if _streams(head) and head.path.endswith("/response"):
            return STREAMED_RESPONSE_BYTES
        return RESPONSE_BYTES

    def disconnected(self, connection: Connection) -> None:
        """Forget a connection that ended."""
        self.extensions.disconnected(connection)
        if self._poller is connection:
            self._poller = None
        if self._answering is connection:
            self._answering = None

    def handle(self, connection: Connection, request: http.Request) -> None:
        """Answer one request, at once or (for ``/next``) when there is an event."""
        method, path = request.head.method, request.head.path
        if self._answering is connection:
            self._answering = None
        if self.extensions.handles(path):
            self.extensions.handle(connection, request)
        elif path == _NEXT:
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

    def _is_awaited(self, path: str) -> bool:
        if path in (_INIT_ERROR, _RESTORE_ERROR):
            return not self._initialised and not self.finished
        pending = self._pending
        if pending is None or pending.delivered_at is None:
            return False
        return path.startswith(f"{_INVOCATION}{pending.invocation.request_id}/")

    def _next(self, connection: Connection) -> None:
        if self._ended is not None:
            return  # never answered; the engine ends this runtime
        in_flight = self._pending is not None and self._pending.delivered_at is not None
        if in_flight or self._poller is not None:
            connection.refuse(403, "InvalidStateTransition", "the last event is not answered yet")
            return
        self._poller = connection
        if not self._initialised:
            self._initialised = True
            self.extensions.close_registration()
            if self._retried_at is not None:
                self._init_spent_s = self._clock() - self._retried_at
            if not self.extensions.ready:  # they share the time of the initialisation
                return
            self._deadline = None
        self._advance()

    def _advance(self) -> None:
        """Hand out the event that waits, if the runtime and all extensions are ready for it."""
        if not self._initialised or not self.extensions.ready or self._poller is None:
            return
        pending = self._pending
        if pending is None:
            self._deadline = None
            return
        if pending.delivered_at is None:
            self._deliver(pending, self._poller)

    def _deliver(self, pending: _Pending, poller: Connection) -> None:
        self._poller = None
        invocation = pending.invocation
        now = self._clock()
        self._deadline = now + self._timeout_s
        if self._delivered == 0:  # a second initialisation is part of the first event
            self._deadline -= self._init_spent_s
        deadline_ms = int((time.time() + self._deadline - now) * 1000)
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
        pending.delivered_at = now
        self._phase = Phase.INVOKE
        self.extensions.invoke(
            request_id=invocation.request_id,
            trace_id=invocation.trace_id,
            deadline_ms=deadline_ms,
        )
        poller.reply(200, invocation.event, headers=tuple(headers))

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
            error = function_error(
                request.body,
                header_type=headers.get(_ERROR_TYPE, ""),
                size_bytes=request.size_bytes,
            )
            self._resolve(Reply(kind=ReplyKind.ERRORED, error=error))
            connection.reply(202, _OK_BODY, headers=JSON)
        elif _ERROR_TYPE in trailers or _ERROR_BODY in trailers:
            error = function_error(
                _unwrapped(trailers.get(_ERROR_BODY, "")),
                header_type=trailers.get(_ERROR_TYPE, ""),
            )
            self._resolve(Reply(kind=ReplyKind.ERRORED, error=error, streamed=True))
            connection.reply(202, _OK_BODY, headers=JSON)
        elif request.too_large:
            streams = _streams(request.head)
            limit = STREAMED_RESPONSE_BYTES if streams else RESPONSE_BYTES
            if request.size_bytes <= limit:  # another connection is answering already
                connection.refuse(400, "InvalidRequestID", "another response is being sent")
                return
            connection.refuse(
                413,
                "RequestEntityTooLarge",
                f"Exceeded maximum allowed payload size ({limit} bytes).",
            )
            self._end(
                Reply(kind=ReplyKind.TOO_LARGE, size_bytes=request.size_bytes, limit_bytes=limit)
            )
        else:
            self._pending = self._deadline = None
            self._reply = Reply(
                kind=ReplyKind.RESPONDED,
                payload=request.body,
                content_type=headers.get("content-type", "application/json"),
                streamed=_streams(request.head),
                duration_s=self._clock() - pending.delivered_at,
                cold=pending.cold,
            )
            self._answered()
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

    # --- ends -------------------------------------------------------------------------------

    def _extension_failed(self, error: FunctionError) -> None:
        if not self._initialised:
            self._end(Reply(kind=ReplyKind.INIT_ERRORED, error=error))
        elif self._pending is not None and self._pending.delivered_at is not None:
            self._end(Reply(kind=ReplyKind.ERRORED, error=error))
        else:
            detail = f"{error.type}: {error.message}, between two events"
            self._end(Reply(kind=ReplyKind.FAILED, detail=detail))

    @staticmethod
    def _after_the_end(ended: Reply) -> Reply:
        """The reply to an event that came after the end of its environment."""
        if ended.phase is not Phase.INVOKE or ended.kind is ReplyKind.INIT_ERRORED:
            return ended
        if ended.kind is ReplyKind.FAILED:
            return ended
        return Reply(
            kind=ReplyKind.FAILED,
            detail="the execution environment ended with an earlier event",
        )

    def _resolve(self, reply: Reply) -> None:
        """End the event that is pending; the environment lives on."""
        pending, self._pending = self._pending, None
        self._deadline = None
        if pending is None:
            return
        began = self._began_at if pending.delivered_at is None else pending.delivered_at
        if pending.delivered_at is not None or not self._initialised:
            reply = replace(
                reply,
                duration_s=self._clock() - began,
                cold=pending.cold or not self._initialised,
            )
        self._reply = reply

    def _end(self, reply: Reply) -> None:
        """End the environment, and the event that is pending with it."""
        if self._ended is None:
            if not self._initialised:
                waited_s = self._clock() - self._began_at
                reply = replace(reply, duration_s=waited_s, cold=True)
            self._ended = reply
        self._resolve(self._ended)


def _streams(head: http.Head) -> bool:
    return head.headers.get(_RESPONSE_MODE, "").lower() == "streaming"


def _unwrapped(text: str) -> bytes:
    """The body of an error trailer, which is base64; as it is if it is not."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()
