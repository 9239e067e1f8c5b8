"""The Runtime API's view of one invocation, before an engine makes an outcome of it.

Pure values and the reading of error bodies. This module knows neither sockets nor engines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pytest_lambda_rollback.model.replay import FunctionError


class ReplyKind(StrEnum):
    """The end of an invocation, as the Runtime API saw it."""

    RESPONDED = "responded"
    ERRORED = "errored"
    INIT_ERRORED = "init-errored"
    TIMED_OUT = "timed-out"
    TOO_LARGE = "too-large"
    EXITED = "exited"
    FAILED = "failed"
    """Our own trouble; ``detail`` says which."""


class Phase(StrEnum):
    """The phase in which a runtime was when it timed out or exited."""

    INIT = "init"
    """Before it asked for its first event."""
    INVOKE = "invoke"
    """While it had the event."""
    IDLE = "idle"
    """After an earlier event and before it took this one: nothing is known about this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The end of one invocation. Which fields are set goes by ``kind``."""

    kind: ReplyKind
    payload: bytes = field(default=b"", repr=False)
    """RESPONDED: the body as it was posted."""
    content_type: str = "application/json"
    streamed: bool = False
    error: FunctionError | None = None
    """ERRORED and INIT_ERRORED."""
    phase: Phase = Phase.INVOKE
    """TIMED_OUT and EXITED."""
    status: str = ""
    """EXITED: an exit status as digits, or a predicate such as ``was killed by SIGSEGV``."""
    size_bytes: int = 0
    """TOO_LARGE: what was sent."""
    limit_bytes: int = 0
    """TOO_LARGE: what is allowed."""
    limit_s: float = 0.0
    """TIMED_OUT: the budget that ran out."""
    detail: str = ""
    """FAILED: one sentence without a full stop."""
    duration_s: float = 0.0
    """From the delivery of the event to the result; for INIT, from the opening of the endpoint."""
    cold: bool = False
    """True for the first event of an execution environment."""


def function_error(
    body: bytes, *, header_type: str = "", size_bytes: int | None = None
) -> FunctionError:
    """The error that a runtime posted: Python's, Node's, Java's, Go's and Ruby's bodies.

    ``header_type`` is Lambda-Runtime-Function-Error-Type, used where the body names no type.
    ``size_bytes`` is the size that was sent when the body was too large to keep.
    """
    if size_bytes is not None and size_bytes != len(body):
        return FunctionError(
            type=header_type or "Unknown",
            message=f"(an error body of {size_bytes} bytes, too large to keep)",
        )
    text = body.decode("utf-8", "replace")
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return FunctionError(type=header_type or "Unknown", message=text.strip())
    if not isinstance(document, dict):
        plain = document if isinstance(document, str) else text.strip()
        return FunctionError(type=header_type or "Unknown", message=plain)
    kind = document.get("errorType")
    message = document.get("errorMessage")
    frames = document.get("stackTrace", document.get("trace"))
    return FunctionError(
        type=str(kind) if kind else header_type or "Unknown",
        message="" if message is None else _text(message),
        stack_trace=_frames(frames),
    )


def _frames(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.splitlines())
    if not isinstance(value, list):
        return ()
    return tuple(_frame(item) for item in value)


def _frame(item: Any) -> str:
    if isinstance(item, dict) and "path" in item:  # Go
        return f"{item.get('label', '')} ({item['path']}:{item.get('line', '?')})".strip()
    if isinstance(item, list):  # older Python runtimes: file, line, function, text
        return ", ".join(_text(part) for part in item)
    return _text(item)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
