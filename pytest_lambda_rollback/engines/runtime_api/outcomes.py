"""The outcome of a replay, from what the Runtime API saw.

This module words the details that reports show; it starts nothing and reads no file.
"""

from __future__ import annotations

import base64
import json
import re

from pytest_lambda_rollback.engines.runtime_api.linux_numbers import signal_name
from pytest_lambda_rollback.engines.runtime_api.replies import Phase, Reply, ReplyKind
from pytest_lambda_rollback.model.replay import FunctionError, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionVersion

HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response"
"""Content type of a streamed response that begins with a JSON prelude of status and headers."""

_PRELUDE_END = b"\x00" * 8


def outcome_of(
    reply: Reply,
    *,
    version: FunctionVersion,
    logs: tuple[str, ...] = (),
    out_of_memory: bool = False,
    peak_memory_bytes: int | None = None,
    doubt: str = "",
    calls: tuple[str, ...] | None = None,
) -> Outcome:
    """The outcome of a replay, in words that a person likes.

    ``out_of_memory`` is what the engine knows of a runtime that ended silently. A runtime
    that ended while idle never had the event: that is a harness failure, so that the replay is
    made again in a fresh environment, as Lambda does.
    """
    if reply.kind is ReplyKind.RESPONDED:
        payload, content_type = reply.payload, reply.content_type
        if content_type.partition(";")[0].strip().lower() == HTTP_INTEGRATION:
            payload, content_type = http_integration_payload(payload), "application/json"
        return Outcome(
            kind=OutcomeKind.RESPONSE,
            payload=payload,
            content_type=content_type,
            streamed=reply.streamed,
            logs=logs,
            duration_s=reply.duration_s,
            cold=reply.cold,
            peak_memory_bytes=peak_memory_bytes,
            doubt=doubt,
            calls=calls,
        )
    kind, detail = _kind_and_detail(reply, version=version, out_of_memory=out_of_memory)
    return Outcome(
        kind=kind,
        streamed=reply.streamed,
        error=reply.error,
        detail=detail,
        logs=logs,
        duration_s=reply.duration_s,
        cold=reply.cold,
        peak_memory_bytes=peak_memory_bytes,
        doubt=doubt,
        calls=calls,
    )


def http_integration_payload(body: bytes) -> bytes:
    """A streamed HTTP response as the JSON that a buffered one would have been.

    ``body`` is a JSON prelude, eight NUL bytes and the HTTP body. What is not of that form is
    given back as it is.
    """
    prelude, separator, content = body.partition(_PRELUDE_END)
    if not separator:
        return body
    try:
        head = json.loads(prelude)
    except ValueError:
        return body
    if not isinstance(head, dict):
        return body
    document = {
        "statusCode": head.get("statusCode", 200),
        "headers": head.get("headers", {}),
        "cookies": head.get("cookies", []),
    }
    try:
        document["body"] = content.decode("utf-8")
    except UnicodeDecodeError:
        document["body"] = base64.b64encode(content).decode("ascii")
        document["isBase64Encoded"] = True
    return json.dumps(document).encode()


def _kind_and_detail(
    reply: Reply, *, version: FunctionVersion, out_of_memory: bool
) -> tuple[OutcomeKind, str]:
    if reply.phase is Phase.IDLE:
        what = _timeout_text(reply) if reply.kind is ReplyKind.TIMED_OUT else _exit_text(reply)
        return OutcomeKind.HARNESS_FAILURE, f"the runtime {what}"
    if out_of_memory and reply.kind in (ReplyKind.EXITED, ReplyKind.TIMED_OUT):
        return (
            OutcomeKind.OUT_OF_MEMORY,
            f"ran out of memory (limit {version.configuration.memory_mb} MB)",
        )
    match reply.kind:
        case ReplyKind.ERRORED:
            return OutcomeKind.FUNCTION_ERROR, f"raised {_error_text(reply.error)}"
        case ReplyKind.INIT_ERRORED:
            return OutcomeKind.INIT_ERROR, f"failed to initialise: {_error_text(reply.error)}"
        case ReplyKind.TIMED_OUT:
            return OutcomeKind.TIMEOUT, _timeout_text(reply)
        case ReplyKind.TOO_LARGE:
            return (
                OutcomeKind.RESPONSE_TOO_LARGE,
                f"answered {reply.size_bytes:,} bytes, more than Lambda's limit of "
                f"{reply.limit_bytes:,}",
            )
        case ReplyKind.EXITED:
            return OutcomeKind.RUNTIME_EXIT, f"the runtime {_exit_text(reply)}"
        case _:
            return OutcomeKind.HARNESS_FAILURE, reply.detail or "the replay gave no result"


def _timeout_text(reply: Reply) -> str:
    limit = f"{reply.limit_s:g} s"
    if reply.phase is Phase.INIT:
        return f"did not finish its initialisation within {limit}"
    if reply.phase is Phase.IDLE:
        return f"did not ask for the next event within {limit} of answering an earlier one"
    return f"timed out after {limit}"


def _exit_text(reply: Reply) -> str:
    when = {
        Phase.INIT: "during the initialisation",
        Phase.INVOKE: "during the invocation",
        Phase.IDLE: "while it was idle, before it received this event",
    }[reply.phase]
    return f"{_status_text(reply.status)} {when}"


def _status_text(status: str) -> str:
    if not status.isdigit():
        return status or "ended"
    name = signal_name(int(status) - 128)
    return f"exited with status {status}" + (f" (killed by {name})" if name else "")


def _error_text(error: FunctionError | None) -> str:
    if error is None:
        return "an unknown error"
    first_line = error.message.strip().partition("\n")[0]
    return f"{error.type}: {first_line}" if first_line else error.type


LINES = 50
"""Number of last lines that are kept."""
BYTES = 16 * 1024
"""Size of the end of a log that is read."""

_CLIENT_REMARK = "LAMBDA_WARNING: Unhandled exception."
_CLIENT_ERROR = "[ERROR]"
_NODE_CLIENT_ERROR = re.compile(
    r"\S+\t\S+\tERROR\t(?:Invoke Error|Uncaught Exception|Unhandled Promise Rejection) \t\{"
)


def log_tail(raw: bytes) -> tuple[str, ...]:
    """The function's own last lines, at most `LINES` of the last `BYTES` of a log.

    What AWS's runtime client logs of an error is left out: the error is told apart from the log.
    Python's client joins the lines of one message by carriage returns, which no other line holds,
    and indents them with no-break spaces.
    """
    text = raw[-BYTES:].decode("utf-8", "replace")
    lines: list[str] = []
    for message in text.split("\n"):
        is_clients = message.startswith(_CLIENT_ERROR) and "\r" in message
        if is_clients or _CLIENT_REMARK in message or _NODE_CLIENT_ERROR.match(message):
            continue
        lines += message.replace("\u00a0", " ").splitlines()
    return tuple(lines[-LINES:])
