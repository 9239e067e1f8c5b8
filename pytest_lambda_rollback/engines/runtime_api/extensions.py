"""The Extensions API of one execution environment: registration, events and errors of extensions.

The API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html and, for
subscriptions to telemetry, https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html. Status
codes and error types are those of AWS's own server (aws-lambda-runtime-interface-emulator,
package rapid). A subscription to telemetry is accepted, but no telemetry is sent.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from pytest_lambda_rollback.engines.runtime_api.connection import JSON, Connection
from pytest_lambda_rollback.engines.runtime_api.replies import function_error
from pytest_lambda_rollback.http_wire import messages as http
from pytest_lambda_rollback.model.replay import FunctionError
from pytest_lambda_rollback.model.versions import FunctionVersion

ROOT = "/2020-01-01/extension/"
_TELEMETRY = ("/2022-07-01/telemetry", "/2020-08-15/logs")
FOLDER = "/opt/extensions"

_NAME = "lambda-extension-name"
_IDENTIFIER = "lambda-extension-identifier"
_ERROR_TYPE = "lambda-extension-function-error-type"
_FEATURES = "lambda-extension-accept-feature"
_EVENTS = ("INVOKE", "SHUTDOWN")
_MOST = 10
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_OK = b'{"status":"OK"}\n'


class _State(Enum):
    STARTED = "started"
    """An external extension's process was started; it has not registered yet."""
    REGISTERED = "registered"
    WAITING = "waiting"
    """It asked for its next event."""
    BUSY = "busy"
    """It has an event."""
    ENDED = "ended"


@dataclass(slots=True, eq=False)
class Extension:
    """One extension. Those with a ``process`` are external, a file in /opt/extensions."""

    name: str
    process: int | None = None
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    events: tuple[str, ...] = ()
    state: _State = _State.STARTED
    connection: Connection | None = None
    subscribed: bool = False
    """It waits for telemetry, which is never sent here."""

    @property
    def is_ready(self) -> bool:
        """True if it has finished what it was given."""
        done = self.state in (_State.WAITING, _State.ENDED)
        return done or (self.subscribed and self.state is _State.BUSY)


class Extensions:
    """The extensions of one environment, from its start to its end.

    ``failed`` is called with the error that ends the environment; ``changed`` after each step
    that may let an event be handed out.
    """

    def __init__(
        self,
        version: FunctionVersion,
        *,
        failed: Callable[[FunctionError], None],
        changed: Callable[[], None],
    ) -> None:
        self._version = version
        self._failed = failed
        self._changed = changed
        self._all: list[Extension] = []
        self._open = True
        self._shutdown: dict[str, object] | None = None

    def start(self, processes: Iterable[tuple[int, str]]) -> None:
        """Expect external extensions, given as (process id, file name)."""
        self._all += (Extension(name=name, process=process) for process, name in processes)

    def close_registration(self) -> None:
        """Refuse registrations from now on: the initialisation is over."""
        self._open = False

    @property
    def registered(self) -> bool:
        """True once every external extension has registered, so that the runtime may start."""
        return all(each.state is not _State.STARTED for each in self._all)

    @property
    def ready(self) -> bool:
        """True while no extension works on anything."""
        return all(each.is_ready for each in self._all)

    @property
    def wants_shutdown(self) -> bool:
        """True if an extension registered for the end of its environment."""
        return any("SHUTDOWN" in each.events and each.process is not None for each in self._all)

    def late(self) -> str:
        """Names of the extensions that are not ready, for a message."""
        return ", ".join(each.name for each in self._all if not each.is_ready)

    @property
    def shutting_down(self) -> bool:
        """True while an extension that was told of the end has not ended."""
        return any(
            each.process is not None
            and "SHUTDOWN" in each.events
            and each.state is not _State.ENDED
            for each in self._all
        )

    def invoke(self, *, request_id: str, trace_id: str, deadline_ms: int) -> None:
        """Give an invocation to every extension that registered for it."""
        if not self._all:
            return
        document = {
            "eventType": "INVOKE",
            "deadlineMs": deadline_ms,
            "requestId": request_id,
            "invokedFunctionArn": self._version.invoked_arn,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": trace_id},
        }
        self._send("INVOKE", document)

    def shut_down(self, *, reason: str, deadline_ms: int) -> None:
        """Tell the extensions that registered for it that the environment ends."""
        self._shutdown = {
            "eventType": "SHUTDOWN",
            "shutdownReason": reason,
            "deadlineMs": deadline_ms,
        }
        self._send("SHUTDOWN", self._shutdown)

    def exited(self, process: int, status: str) -> None:
        """An external extension's process has ended, which ends the environment."""
        for each in self._all:
            if each.process == process and each.state is not _State.ENDED:
                each.state = _State.ENDED
                if self._shutdown is not None:
                    return
                self._failed(
                    FunctionError(
                        type="Extension.Crash", message=f"the extension {each.name} {status}"
                    )
                )

    def not_started(self, process: int, why: str) -> None:
        """An external extension could not be executed, which ends the environment."""
        for each in self._all:
            if each.process == process:
                each.state = _State.ENDED
                self._failed(
                    FunctionError(
                        type="Extension.LaunchError",
                        message=f"{FOLDER}/{each.name} could not be started: {why}",
                    )
                )

    def disconnected(self, connection: Connection) -> None:
        """Forget a connection that ended."""
        for each in self._all:
            if each.connection is connection:
                each.connection = None

    # --- requests ---------------------------------------------------------------------------

    def handles(self, path: str) -> bool:
        """True for a path of this API."""
        return path.startswith(ROOT) or path in _TELEMETRY

    def handle(self, connection: Connection, request: http.Request) -> None:
        """Answer one request, at once or (for ``event/next``) when there is an event."""
        method, path = request.head.method, request.head.path
        if path == f"{ROOT}register" and method == "POST":
            self._register(connection, request)
            return
        if path in _TELEMETRY:
            allowed = method == "PUT"
        else:
            allowed = (method, path.removeprefix(ROOT)) in (
                ("GET", "event/next"),
                ("POST", "init/error"),
                ("POST", "exit/error"),
            )
        if not allowed:
            connection.refuse(404, "NotFound", "no such path in the Extensions API")
            return
        identifier = request.head.headers.get(_IDENTIFIER, "")
        if not identifier:
            connection.refuse(
                403, "Extension.MissingExtensionIdentifier", "no Lambda-Extension-Identifier"
            )
            return
        extension = next((e for e in self._all if e.identifier == identifier), None)
        if extension is None or extension.state is _State.STARTED:
            connection.refuse(
                403, "Extension.UnknownExtensionIdentifier", "no extension has this identifier"
            )
        elif path in _TELEMETRY:
            self._subscribe(connection, extension)
        elif path.endswith("next"):
            self._next(connection, extension)
        else:
            self._error(connection, extension, request)

    def _register(self, connection: Connection, request: http.Request) -> None:
        headers = request.head.headers
        name = headers.get(_NAME, "")
        if not name:
            connection.refuse(403, "Extension.InvalidExtensionName", "no Lambda-Extension-Name")
            return
        events = _events(request.body)
        if events is None:
            connection.refuse(403, "InvalidRequestFormat", "the body is not a JSON object")
            return
        known = next((each for each in self._all if each.name == name), None)
        allowed = _EVENTS if known is not None and known.process is not None else _EVENTS[:1]
        wrong = next((each for each in events if each not in allowed), None)
        if wrong is not None:
            connection.refuse(403, "Extension.InvalidEventType", f"{wrong}: not allowed here")
        elif known is not None and known.state is not _State.STARTED:
            connection.refuse(
                403, "Extension.InvalidExtensionState", f"{name} has registered already"
            )
        elif known is None and not self._open:
            connection.refuse(
                403, "Extension.RegistrationClosed", "the initialisation of the runtime is over"
            )
        elif known is None and len(self._all) >= _MOST:
            connection.refuse(403, "Extension.TooManyExtensions", f"at most {_MOST} extensions")
        else:
            if known is None:
                known = Extension(name=name)
                self._all.append(known)
            known.state, known.events = _State.REGISTERED, events
            self._registered(connection, known, headers.get(_FEATURES, ""))

    def _registered(self, connection: Connection, extension: Extension, features: str) -> None:
        document = {
            "functionName": self._version.function,
            "functionVersion": self._version.version,
            "handler": self._version.configuration.handler,
        }
        if "accountId" in {each.strip() for each in features.split(",")}:
            document["accountId"] = self._version.account
        headers = (*JSON, ("Lambda-Extension-Identifier", extension.identifier))
        connection.reply(200, json.dumps(document).encode(), headers=headers)
        self._changed()

    def _next(self, connection: Connection, extension: Extension) -> None:
        if extension.state is _State.ENDED or extension.connection is not None:
            connection.refuse(403, "Extension.InvalidExtensionState", "not allowed in this state")
            return
        extension.state, extension.connection = _State.WAITING, connection
        if self._shutdown is not None:  # it was still busy with its last event
            self._send("SHUTDOWN", self._shutdown)
        else:
            self._changed()

    def _subscribe(self, connection: Connection, extension: Extension) -> None:
        extension.subscribed = True
        connection.reply(200, b'"OK"\n', headers=JSON)

    def _error(self, connection: Connection, extension: Extension, request: http.Request) -> None:
        kind = request.head.headers.get(_ERROR_TYPE, "")
        if not kind:
            connection.refuse(
                403, "Extension.MissingHeader", "no Lambda-Extension-Function-Error-Type"
            )
            return
        error = function_error(request.body, header_type=kind, size_bytes=request.size_bytes)
        extension.state = _State.ENDED
        connection.reply(202, _OK, headers=JSON)
        self._failed(
            FunctionError(
                type=kind,
                message=f"the extension {extension.name} reported an error: {error.message}",
                stack_trace=error.stack_trace,
            )
        )

    def _send(self, event: str, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        for each in self._all:
            if event not in each.events or each.connection is None:
                continue
            connection, each.connection = each.connection, None
            each.state = _State.BUSY
            headers = (*JSON, ("Lambda-Extension-Event-Identifier", str(uuid.uuid4())))
            connection.reply(200, body, headers=headers)


def _events(body: bytes) -> tuple[str, ...] | None:
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
    events = document.get("events", []) if isinstance(document, dict) else None
    if not isinstance(events, list) or not all(isinstance(each, str) for each in events):
        return None
    return tuple(events)
