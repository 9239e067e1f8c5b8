"""One execution environment over a carrier, in whatever confinement an engine started it.

The thread that waits for a replay moves the bytes itself; until an environment is initialised, a
thread of its own does. Between two events nobody does, and the environment rests, as in Lambda.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from pytest_lambda_rollback.aws_lambda.limits import RESERVED_VARIABLES
from pytest_lambda_rollback.engines.interface import Services
from pytest_lambda_rollback.engines.runtime_api import extensions
from pytest_lambda_rollback.engines.runtime_api.calls import CallsTried
from pytest_lambda_rollback.engines.runtime_api.carrier_link import CarrierLink
from pytest_lambda_rollback.engines.runtime_api.endpoint import Endpoint
from pytest_lambda_rollback.engines.runtime_api.framing import (
    PROTOCOL,
    Frame,
    Kind,
    MalformedFrame,
    doors_payload,
    fields_of,
    start_payload,
)
from pytest_lambda_rollback.engines.runtime_api.linux_numbers import EAGAIN, error_text, signal_name
from pytest_lambda_rollback.engines.runtime_api.logs import LogTail
from pytest_lambda_rollback.engines.runtime_api.outcomes import outcome_of
from pytest_lambda_rollback.engines.runtime_api.replies import Phase, Reply, ReplyKind
from pytest_lambda_rollback.engines.runtime_api.wire import Wire, WireClosed
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import Invocation, Outcome
from pytest_lambda_rollback.model.versions import FunctionVersion

ADDRESS = "127.0.0.1:9001"
"""Where the carrier listens inside every environment: AWS_LAMBDA_RUNTIME_API."""

_RUNTIME = 1
_FIRST_EXTENSION = 2

_HELLO_S = 60.0
"""A carrier that has not said hello by then has not started."""
_ANSWER_S = 10.0
"""A carrier that has not answered a request by then is stuck."""
_MEMORY_FIELDS = ("peak", "anonymous", "oom_kills", "over")
_PUMP_S = 5.0
_SHUTDOWN_S = 2.0
"""https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html, Shutdown phase"""
_JOIN_S = 5.0
_TOO_MANY_NAMES = "the function asked for more host names than an environment has addresses for"
_FASTEST_BYTES_S = 10e9 * (os.cpu_count() or 1)
"""More memory than all processors together can fill in a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why a wire ended that nobody here closed."""

    out_of_memory: bool = False
    failure: str = ""
    """Our own trouble, a sentence without a full stop: makes a harness failure."""


class Confinement(Protocol):
    """A carrier that an engine started, and what only the engine knows of it."""

    @property
    def wire(self) -> Wire:
        """The carrier's standard input, output and error."""
        ...

    def ending(self) -> Ending:
        """Why the wire ended unasked. Asked once."""
        ...

    def end(self) -> None:
        """Kill all that runs in it and remove it; safe to call twice. Raises EngineError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The runtime's process, as the carrier starts it."""

    arguments: tuple[str, ...]
    """The first is the path to execute."""
    directory: str = "/var/task"
    variables: tuple[tuple[str, str], ...] = ()
    """Set over the variables that the carrier itself has."""
    unset: tuple[str, ...] = ()


class CarriedEnvironment:
    """Satisfies engines.interface.ServedEnvironment.

    With ``memory_limit_bytes`` the carrier watches the memory of all processes: for engines whose
    environments have no memory cgroup. ``doubt`` is said of every outcome; ``renamed`` turns paths
    of this machine into Lambda's in all texts. ``forget`` is called once, when this is closed.
    """

    def __init__(
        self,
        *,
        version: FunctionVersion,
        confinement: Confinement,
        start: Start,
        memory_limit_bytes: int | None = None,
        doubt: str = "",
        renamed: Callable[[str], str] | None = None,
        init_timeout_s: float = 10.0,
        services: Services | None = None,
        forget: Callable[[CarriedEnvironment], None] = lambda _: None,
    ) -> None:
        self._version = version
        self._confinement = confinement
        self._start = start
        self._memory_limit = memory_limit_bytes
        self._doubt = doubt
        self._renamed = renamed
        self._init_timeout_s = init_timeout_s
        self._services = services
        self._forget = forget
        self._turn = threading.Lock()
        self._closing = threading.Lock()
        self._closed = False
        self._lost = False
        self._hello: tuple[tuple[str, str], ...] | None = None
        self._log = LogTail()
        self._calls = CallsTried()
        self._reset: tuple[tuple[str, str], ...] | None = None
        self._memory: dict[str, int] = {}
        self._memory_asked = False
        self._memory_told = False
        self._memory_known_at = 0.0
        self._out_of_memory = False
        self._runtime_started = False
        self._initialisation_begun = False
        self._used = False
        self.left: tuple[str, ...] = ()
        """What kept the last `renew` from being sure, one clause each."""
        self._endpoint = self._new_endpoint()
        self._link = CarrierLink(confinement.wire, self._endpoint)
        self._initialising = self._initialise_ahead()

    # --- ExecutionEnvironment ---------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """False once no further event can be replayed here."""
        return not (self._closed or self._lost or self._endpoint.finished)

    def invoke(self, invocation: Invocation) -> Outcome:
        """Replay one event; see `interface.ExecutionEnvironment`."""
        with self._turn:
            if self._used:
                self._log.mark()
            self._used = True
            self._initialise_once()
            endpoint = self._endpoint
            self._guarded(lambda: self._pump(0.0))
            self._calls.mark()
            endpoint.submit(invocation)
            self._guarded(self._link.flush)
            reply = endpoint.take_reply()
            while reply is None:
                self._guarded(lambda: self._pump(_PUMP_S))
                reply = endpoint.take_reply()
            ended = reply.kind is not ReplyKind.RESPONDED and self._memory_limit is not None
            if (self._memory_asked or ended) and not self._out_of_memory:
                self._guarded(self._await_memory)
            return self._outcome(reply)

    def serve(self, services: Services | None) -> None:
        """What the processes may reach from the next `renew` on; ``None`` for nothing."""
        self._services = services

    def renew(self) -> bool:
        """Make this a fresh environment in place; see `interface.RenewableEnvironment`."""
        with self._turn:
            if self._closed or self._lost or self._hello is None:
                return False
            self._shut_down_extensions("spindown")
            self._endpoint.fail("the execution environment was made anew")
            self._guarded(self._reset_carrier)
            if self._lost or self._reset is None:
                return False
            self.left = tuple(value for _, value in self._reset)
            if self.left:
                return False
            self._memory, self._out_of_memory = {}, False
            self._used = False
            self._log = LogTail()
            self._calls = CallsTried(names=self._has_names)
            self._endpoint = self._new_endpoint()
            self._initialising = self._initialise_ahead()
            return True

    def close(self) -> None:
        """End it and remove what was started for it. Safe to call twice. Raises EngineError."""
        with self._closing:
            if self._closed:
                return
            if self._turn.acquire(blocking=False):
                try:
                    if self.alive:
                        self._shut_down_extensions("spindown")
                finally:
                    self._turn.release()
            self._closed = True
        self._confinement.wire.close()
        try:
            self._confinement.end()
        finally:
            self._initialising.join(timeout=_JOIN_S)
            self._link.close_doors()
            self._forget(self)

    # --- life -------------------------------------------------------------------------------

    def _new_endpoint(self) -> Endpoint:
        return Endpoint(
            self._version, init_timeout_s=self._init_timeout_s, answered=self._on_answer
        )

    def _initialise_ahead(self) -> threading.Thread:
        self._link.handler = self._endpoint
        self._runtime_started = False
        self._initialisation_begun = False
        thread = threading.Thread(
            target=self._initialise,
            args=(self._endpoint,),
            name=f"initialise {self._version.name}",
            daemon=True,
        )
        thread.start()
        return thread

    def _initialise(self, endpoint: Endpoint) -> None:
        with self._turn:
            if endpoint is self._endpoint:
                self._initialise_once()

    def _initialise_once(self) -> None:
        """Start the processes and serve them until the environment can take an event.

        Whoever has the turn first does it: the thread for it, or a replay that overtook it.
        """
        if self._initialisation_begun or self._closed:
            return
        self._initialisation_begun = True
        endpoint = self._endpoint
        if self._hello is None:
            self._guarded(self._await_hello)
        self._guarded(self._open_doors)
        endpoint.begin()
        self._guarded(self._start_extensions)
        while not (endpoint.settled or self._closed or self._lost):
            if endpoint.init_is_late:
                self._guarded(self._begin_again)
            self._guarded(lambda: self._pump(_PUMP_S))

    def _guarded(self, step: Callable[[], None]) -> None:
        """Take a step; the end of the wire ends the environment."""
        if self._lost:
            self._endpoint.fail()
            return
        try:
            step()
        except WireClosed:
            self._lost = True
            self._on_lost()
        except MalformedFrame as error:
            self._lost = True
            self._endpoint.fail(str(error))
        except EngineError as error:
            self._lost = True
            self._endpoint.fail(f"{error.what}: {error.why}" if error.why else error.what)

    def _on_lost(self) -> None:
        if self._closed:
            self._endpoint.fail()
            return
        try:
            ending = self._confinement.ending()
        except EngineError as error:
            ending = Ending(failure=f"{error.what}: {error.why}" if error.why else error.what)
        if ending.out_of_memory:
            self._out_of_memory = True
            self._endpoint.runtime_exited("was killed by SIGKILL")
        else:
            self._endpoint.fail(ending.failure or "the carrier ended unexpectedly")

    def _pump(self, most_s: float) -> None:
        """Move what arrives within ``most_s``, or until the next deadline, and act on it."""
        endpoint = self._endpoint
        frames = self._link.receive(endpoint.wait_s(most_s), self._log.add)
        if frames is not None:
            for frame in frames:
                self._act_on(frame)
        self._start_runtime()
        endpoint.tick()

    def _act_on(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.HELLO:
                self._hello = fields_of(frame.payload)
            case Kind.EXIT:
                self._on_exit(frame.id, fields_of(frame.payload))
            case Kind.MEMORY:
                self._take_memory(fields_of(frame.payload))
                self._memory_told = True
                self._memory_known_at = time.monotonic()
            case Kind.CALL:
                self._calls.add(fields_of(frame.payload))
            case Kind.RESET:
                self._reset = fields_of(frame.payload)
            case Kind.FAULT:
                why = frame.payload.decode("utf-8", "replace")
                raise EngineError("the carrier gave up", why=why)

    # --- processes --------------------------------------------------------------------------

    def _await_hello(self) -> None:
        deadline = time.monotonic() + _HELLO_S
        while self._hello is None and not self._closed:
            self._receive_until(deadline, f"the carrier did not start within {_HELLO_S:g} s")
        protocol = dict(self._hello or ()).get("protocol")
        if protocol != PROTOCOL:
            raise EngineError(f"the carrier speaks protocol {protocol}, not {PROTOCOL}")
        self._calls = CallsTried(names=self._has_names)

    def _open_doors(self) -> None:
        """Tell a carrier that has no process what there is to be reached, and write its files."""
        services = self._services
        self._link.services = services
        if services is None:
            return
        doors, files = services.doors, services.files
        if not (doors or files):
            return
        if not self._has_names:
            raise EngineError(
                f"{self._version.name} cannot reach services",
                why="this machine keeps port 53 of its environment from the name server",
            )
        try:
            self._link.send(Kind.NAMES, 0, doors_payload(doors))
            for name, content in files:
                self._link.send(Kind.FILE, 0, name.encode() + b"\0" + content)
        except ValueError as error:
            raise EngineError(
                f"{self._version.name} cannot reach services", why=str(error)
            ) from error

    def _receive_until(self, deadline: float, late: str) -> None:
        """Move what arrives next. Raises EngineError with ``late`` past the deadline."""
        if time.monotonic() > deadline:
            raise EngineError(late)
        wait_s = max(0.0, min(_PUMP_S, deadline - time.monotonic()))
        for frame in self._link.receive(wait_s, self._log.add) or ():
            self._act_on(frame)

    def _start_extensions(self) -> None:
        names = [value for name, value in self._hello or () if name == "extension"]
        numbered = tuple(enumerate(names, start=_FIRST_EXTENSION))
        self._endpoint.extensions.start(numbered)
        if self._memory_limit is not None:
            self._link.send(Kind.LIMIT, 0, self._memory_limit.to_bytes(8, "big"))
        for number, name in numbered:
            self._start_process(number, (f"{extensions.FOLDER}/{name}",), directory="/")
        self._start_runtime()

    def _start_runtime(self) -> None:
        """Start the runtime once every extension has registered."""
        endpoint = self._endpoint
        if self._runtime_started or endpoint.finished or not endpoint.extensions.registered:
            return
        self._runtime_started = True
        self._start_process(_RUNTIME, self._start.arguments, directory=self._start.directory)

    def _start_process(self, number: int, arguments: tuple[str, ...], *, directory: str) -> None:
        try:
            payload = start_payload(
                directory=directory,
                arguments=arguments,
                variables=self._variables(),
                unset=self._start.unset,
            )
            self._link.send(Kind.START, number, payload)
        except ValueError as error:
            raise EngineError(f"{self._version.name} cannot be started", why=str(error)) from error

    def _variables(self) -> tuple[tuple[str, str], ...]:
        """Those of the start, and those of services that are not the function's own."""
        if self._link.services is None:
            return self._start.variables
        own = {name for name, _ in self._version.configuration.environment}
        variables = dict(self._start.variables)
        variables.update(
            (name, value)
            for name, value in self._link.services.variables
            if name not in own and name not in RESERVED_VARIABLES
        )
        return tuple(variables.items())

    def _begin_again(self) -> None:
        """Kill an initialisation that is late and start it once more, as Lambda does."""
        self._reset_carrier()
        self._open_doors()
        self._runtime_started = False
        self._endpoint.begin_again()
        self._start_extensions()

    def _reset_carrier(self) -> None:
        self._reset = None
        self._link.services = None
        self._link.forget_streams()
        self._link.send(Kind.RESET)
        deadline = time.monotonic() + _ANSWER_S
        while self._reset is None and not self._closed:
            self._receive_until(deadline, f"the carrier did not reset within {_ANSWER_S:g} s")
        self._link.forget_streams()  # what was opened before the carrier came to it

    def _on_exit(self, process: int, told: tuple[tuple[str, str], ...]) -> None:
        self._take_memory(told)
        names = dict(told)
        killed = names.get("signalled") == "9"
        if killed and (self._memory.get("oom_kills") or self._memory.get("over")):
            self._out_of_memory = True
        failed = names.get("failed")
        if failed == str(EAGAIN):  # the machine's processes, not the function, are too many
            self._endpoint.fail(f"a process could not be started: {error_text(EAGAIN)}")
        elif process == _RUNTIME:
            path = self._start.arguments[0]
            why = f"could not be started: {path}: {error_text(int(failed))}" if failed else ""
            self._endpoint.runtime_exited(why or _status(names))
        elif failed:
            self._endpoint.extensions.not_started(process, error_text(int(failed)))
        else:
            self._endpoint.extensions.exited(process, f"ended: {_ended(names)}")

    def _shut_down_extensions(self, reason: str) -> None:
        """Tell extensions that asked for it that the end has come, and wait for theirs."""
        api = self._endpoint.extensions
        if self._lost or not api.wants_shutdown:
            return
        deadline = time.monotonic() + _SHUTDOWN_S
        deadline_ms = int((time.time() + _SHUTDOWN_S) * 1000)
        self._guarded(lambda: api.shut_down(reason=reason, deadline_ms=deadline_ms))
        self._guarded(self._link.flush)
        while not self._lost and api.shutting_down and time.monotonic() < deadline:
            with contextlib.suppress(EngineError):
                self._guarded(lambda: self._receive_until(deadline, "late"))

    @property
    def _has_names(self) -> bool:
        return ("names", "1") in (self._hello or ())

    @property
    def _sees_calls(self) -> bool:
        return ("calls", "1") in (self._hello or ())

    # --- memory and words -------------------------------------------------------------------

    def _on_answer(self) -> None:
        """Ask for memory together with what the runtime gets for its answer.

        Unless the limit cannot have been passed: memory is not written faster than so.
        """
        if self._memory_limit is None:
            return
        since_s = time.monotonic() - self._memory_known_at
        most = self._memory.get("anonymous", self._memory_limit) + since_s * _FASTEST_BYTES_S
        if most >= self._memory_limit:
            self._memory_told = False
            self._memory_asked = True
            self._link.queue(Kind.MEMORY)

    def _await_memory(self) -> None:
        if not self._memory_asked:
            self._memory_told = False
            self._link.send(Kind.MEMORY)
        self._memory_asked = False
        deadline = time.monotonic() + _ANSWER_S
        while not self._memory_told and not self._closed:
            self._receive_until(deadline, f"the carrier did not answer within {_ANSWER_S:g} s")
        most = self._memory.get("anonymous", 0)
        if self._memory.get("over") or (self._memory_limit and most > self._memory_limit):
            self._out_of_memory = True
            self._endpoint.fail("the execution environment ran out of memory")

    def _take_memory(self, told: tuple[tuple[str, str], ...]) -> None:
        for name, value in told:
            if name in _MEMORY_FIELDS and value.isdigit():
                self._memory[name] = max(self._memory.get(name, 0), int(value))

    def _outcome(self, reply: Reply) -> Outcome:
        if self._out_of_memory and reply.phase is not Phase.IDLE:
            reply = replace(reply, kind=ReplyKind.EXITED, status="was killed by SIGKILL")
        outcome = outcome_of(
            reply,
            version=self._version,
            logs=self._log.lines(),
            out_of_memory=self._out_of_memory,
            peak_memory_bytes=self._memory.get("peak") or None,
            doubt=self._doubt or (_TOO_MANY_NAMES if self._calls.too_many else ""),
            calls=self._calls.services() if self._sees_calls else None,
        )
        return outcome if self._renamed is None else _renamed(outcome, self._renamed)


def _status(names: dict[str, str]) -> str:
    """A status as `Endpoint.runtime_exited` takes it."""
    if "exited" in names:
        return names["exited"]
    number = int(names.get("signalled", "0") or 0)
    return f"was killed by {signal_name(number) or f'signal {number}'}"


def _ended(names: dict[str, str]) -> str:
    status = _status(names)
    return f"exit status {status}" if status.isdigit() else f"it {status}"


def _renamed(outcome: Outcome, renamed: Callable[[str], str]) -> Outcome:
    error = outcome.error
    if error is not None:
        error = replace(
            error,
            message=renamed(error.message),
            stack_trace=tuple(renamed(frame) for frame in error.stack_trace),
        )
    return replace(
        outcome,
        error=error,
        detail=renamed(outcome.detail),
        logs=tuple(renamed(line) for line in outcome.logs),
    )
