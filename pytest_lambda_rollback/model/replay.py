"""Events, invocations and how a replay ended, frozen. Times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pytest_lambda_rollback.model.downstream import Exchange
from pytest_lambda_rollback.model.services import ServiceRequest


class OutcomeKind(StrEnum):
    """How a replay ended."""

    RESPONSE = "response"
    FUNCTION_ERROR = "function-error"
    INIT_ERROR = "init-error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out-of-memory"
    RUNTIME_EXIT = "runtime-exit"
    RESPONSE_TOO_LARGE = "response-too-large"
    HARNESS_FAILURE = "harness-failure"
    """Our own trouble (the engine, the network of the harness), never the function's."""


class ReplayPass(StrEnum):
    """The state of the execution environment that an event is replayed in."""

    COLD = "cold"
    """A fresh environment."""
    WARM = "warm"
    """One that has handled the events before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedError:
    """A fixture's ``expect = {"error": …}``: the current version is meant to raise."""

    type: str | None = None
    """The error type that must be raised; ``None`` accepts any function error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFixture:
    """One recorded event, as in its JSON file."""

    name: str
    path: Path
    payload: bytes = field(repr=False)
    """The event as JSON text in UTF-8; for a bare event the very bytes of the file."""
    client_context: str | None = field(default=None, repr=False)
    """JSON text for ``context.client_context``, or ``None``."""
    cognito_identity: str | None = field(default=None, repr=False)
    """JSON text for ``context.identity``, or ``None``."""
    recorded: tuple[tuple[str, str], ...] = ()
    expect: ExpectedError | None = None
    downstream: tuple[Exchange, ...] = field(default=(), repr=False)
    """Recorded answers of services, of the envelope and of the file beside the fixture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The input of one replay: the event and the headers of ``/next``."""

    request_id: str
    event: bytes = field(repr=False)
    trace_id: str = ""
    client_context: str | None = field(default=None, repr=False)
    cognito_identity: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionError:
    """The error that a runtime posts when a function or its initialisation raises."""

    type: str
    message: str
    stack_trace: tuple[str, ...] = ()
    """The frames as the runtime formatted them, outermost first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one replay ended, as it was seen from outside the function."""

    kind: OutcomeKind
    payload: bytes | None = field(default=None, repr=False)
    """The response body for ``response``, else ``None``."""
    content_type: str = "application/json"
    streamed: bool = False
    error: FunctionError | None = None
    """For ``function-error`` and ``init-error``; what the runtime posted."""
    detail: str = ""
    """One sentence without a full stop for every kind but ``response``."""
    logs: tuple[str, ...] = field(default=(), repr=False)
    """The last lines the function logged during this replay."""
    duration_s: float = 0.0
    cold: bool = False
    """True when this was the first replay of its execution environment."""
    peak_memory_bytes: int | None = None
    """Most memory that the environment had used by the end of this replay, if that is known."""
    doubt: str = ""
    """Why Lambda might have given another outcome, a clause without a full stop; usually empty.

    A check that rests on an outcome in doubt is unknown.
    """
    calls: tuple[str, ...] | None = None
    """Services outside that the function tried to reach, by name or address; none of them answers.

    Those of the initialisation count for each event of its environment. ``None`` where calls
    cannot be seen.
    """
    requests: tuple[ServiceRequest, ...] = field(default=(), repr=False)
    """What the function asked services for that it may reach, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDescription:
    """The engine that ran the replays, for the header and the report."""

    name: str
    version: str = ""
    base_images: tuple[tuple[str, str, str], ...] = ()
    """(runtime, image reference, image id) of each base image that is used."""
    not_sealed: tuple[str, ...] = ()
    """Things that this engine does not isolate, one fragment each."""
    chosen_because: str = ""
