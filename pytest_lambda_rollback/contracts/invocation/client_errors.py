"""Network failures in the words of client libraries, where nothing else shows a call.

Where no carrier sees the calls of a function, a call shows only in what the client library says of
its failure. Nothing is guessed: an error counts only by its type or message, a log line only when
it has a network failure in it, an error about data (a KeyError, a TypeError) never counts by
itself, and words that the event brought along say nothing about the function.
"""

from __future__ import annotations

import base64
import contextlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers.batches import FAILURES
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import status_of
from pytest_lambda_rollback.aws_lambda.stack_traces import without_frames
from pytest_lambda_rollback.model.json_values import Json, one_line, parse
from pytest_lambda_rollback.model.replay import FunctionError, Outcome, OutcomeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFailure:
    """A network failure that an error, an answer or a log tells of."""

    service: str | None
    """Host, with the port unless it is HTTP's; ``None`` if nothing names it."""
    evidence: str
    """The error or log line that shows it, on one line."""
    words: str
    """The words in it that say so."""


_FAILURE = re.compile(
    # botocore, urllib3, aiohttp
    r"(?:connect to the|timeout on|response from) endpoint URL|connect to proxy URL"
    r"|\((?:UnrecognizedClientException|InvalidClientTokenId|InvalidAccessKeyId|AuthFailure)\)"
    r"|The security token included in the request is invalid"
    r"|HTTPS?Connection(?:Pool)?\(host=[^\n]*?(?:Max retries exceeded|Failed to \w+|timed out)"
    r"|Cannot connect to host|All connection attempts failed|<urlopen error timed out>"
    # Node.js
    r"|getaddrinfo E[A-Z]+|TypeError: fetch failed|\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED"
    r"|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ETIMEOUT|ESERVFAIL|EADDRNOTAVAIL)\b"
    # redis, PostgreSQL, MySQL, pymongo, gRPC
    r"|Error -?\d+ connecting to|Timeout connecting to server|could not translate host name"
    r"|failed to resolve host|connection to server at|Is the server running on host"
    r"|Can't (?:create a connection to host|connect to (?:\w+ )?server on)|Unknown \w+ server host"
    r"|:\d+: (?:timed out|connection closed)|DNS resolution failed for"
    r"|failed to connect to all addresses"
    # the C library's
    r"|\[Errno (?:-2|-3|-5|99|101|110|111|113)\]|Name or service not known"
    r"|Temporary failure in name resolution|No address associated with hostname"
    r"|Network is unreachable|No route to host|Connection refused"
)

_HOST = r"(?P<host>[\w.\-]+)"
_PORT = r"(?P<port>\d+)"
_PLACES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"when calling the (?P<operation>\w+) operation|[a-z]://(?:[^@/\"'\s]*@)?{_HOST}(?::{_PORT})?",
        rf"\bhost=\\?[\"']{_HOST}\\?[\"'](?:, port={_PORT})?",
        rf"\bconnect E[A-Z]+ (?P<host>[\w.:\-]+):{_PORT}",
        rf"connecting to {_HOST}:{_PORT}",
        r"(?:\bhost name|\bhost|\bserver (?:at|on|host)|failed for|E[A-Z_]+) \\?[\"']?"
        rf"{_HOST}(?::{_PORT})?\\?[\"']?(?: \([^)]*\))?(?:,| and)?(?: port (?P<port2>\d+))?",
        rf"{_HOST}:{_PORT}: ",
    )
)
"""Where a failure's own line names the host."""

_LITERALS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b[a-z][a-z0-9+.\-]*://(?:[^\s/@\"']*@)?(?P<host>(?>[\w.\-]+))(?!\{{)(?::{_PORT})?",
        rf"\([\"'](?P<host>[\w\-]+(?:\.[\w\-]+)+|localhost)[\"'],\s*{_PORT}\b",
        rf"(?:\bhost(?:name)?=|HTTPS?Connection\()[\"']{_HOST}[\"']",
    )
)
"""Hosts in source lines and logs; not where an f-string goes on."""

_NETWORK_TYPES = frozenset(
    (
        "ClientConnectorDNSError", "ClientConnectorError", "ConnectError", "ConnectTimeout",
        "ConnectTimeoutError", "ConnectionRefusedError", "EndpointConnectionError",
        "MaxRetryError", "MongoServerSelectionError", "NameResolutionError",
        "NewConnectionError", "NoBrokersAvailable", "ProxyConnectionError",
        "ServerSelectionTimeoutError", "gaierror",
    )
)  # fmt: skip
"""Error types that say it all, whatever the message."""

_DATA_TYPES = frozenset(
    (
        "AssertionError", "AttributeError", "ImportError", "IndexError", "JSONDecodeError",
        "KeyError", "ModuleNotFoundError", "NameError", "RangeError", "RecursionError",
        "ReferenceError", "SyntaxError", "TypeError", "UnboundLocalError", "UnicodeDecodeError",
        "ValidationError", "ZeroDivisionError",
    )
)  # fmt: skip
"""Error types that are about code and data: a network failure in the same logs is another story,
unless Python's traceback says that the one led to the other."""

_CHAINS = re.compile(
    r"During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:"
)

ENDS_WITHOUT_ERROR = (OutcomeKind.TIMEOUT, OutcomeKind.RUNTIME_EXIT)
ENDS_WITH_ERROR = (OutcomeKind.FUNCTION_ERROR, OutcomeKind.INIT_ERROR)


def network_failure(outcome: Outcome, event: bytes = b"") -> NetworkFailure | None:
    """The network failure that made a replay of an event fail, or ``None``.

    Evidence is the error's type and message, then the logs of the replay (an error raised
    ``from`` a network failure reaches us without it, but is usually logged with it). A response
    counts when it says failure itself.
    """
    logs = "\n".join(outcome.logs)
    found = None
    if outcome.kind in ENDS_WITH_ERROR and outcome.error is not None:
        found = _by_error(outcome.error, logs)
    elif outcome.kind in ENDS_WITHOUT_ERROR:
        found = _by_text(logs, logs)
    elif says_failure(outcome):
        found = _by_answer(outcome.payload or b"", logs)
    return None if found is None or _is_quoted(found.words, event) else found


def logged_failure(line: str, event: bytes = b"") -> NetworkFailure | None:
    """A network failure that a line of a log tells of, with its host; else ``None``."""
    found = _by_text(line, "")
    if found is None or found.service is None or _is_quoted(found.words, event):
        return None
    return found


def is_about_data(error: FunctionError) -> bool:
    """True for an error about code and data, which no service makes by itself."""
    return error.type.startswith("Runtime.") or _name(error) in _DATA_TYPES


def says_failure(outcome: Outcome) -> bool:
    """True for an answer that says failure: an HTTP status from 500, or failed batch items."""
    try:
        value = parse(outcome.payload) if outcome.payload else None
    except ValueError:
        return False
    status = status_of(value)
    return (status is not None and status >= 500) or (
        isinstance(value, dict) and bool(value.get(FAILURES))
    )


def _by_error(error: FunctionError, logs: str) -> NetworkFailure | None:
    trace = "\n".join(error.stack_trace)
    text = f"{_name(error)}: {error.message}"
    if is_about_data(error) and text != "TypeError: fetch failed":
        return _by_text(_before_last_chain(logs, _name(error)), logs, trace)
    if _name(error) == "AggregateError":  # Node's, for several addresses: the stack has the code
        text = f"{text} {error.stack_trace[0] if error.stack_trace else ''}"
    found = _by_text(text, logs, trace)
    if found is None and _name(error) in _NETWORK_TYPES:
        service = _named_elsewhere(logs, trace)
        return NetworkFailure(service=service, evidence=one_line(text), words=_name(error))
    return found or _by_text(logs, logs, trace)


def _by_answer(payload: bytes, logs: str) -> NetworkFailure | None:
    value = parse(payload)
    body = value.get("body") if isinstance(value, dict) else None
    found = _by_text(body if isinstance(body, str) else payload.decode("utf-8", "replace"), "")
    # An answer may say anything: only a client library's whole sentence, with its host, counts.
    return found if found is not None and found.service else _by_text(logs, logs)


def _by_text(text: str, logs: str, trace: str = "") -> NetworkFailure | None:
    """A network failure in a text, named from its line or else from logs and source lines."""
    matches = list(_FAILURE.finditer(text))
    if not matches:
        return None
    named = ((each, _named(text, each)) for each in matches)
    match, service = next((each for each in named if each[1]), (matches[0], None))
    line = _line(text, match)
    if service is None:
        service = _named_elsewhere(logs, trace)
    return NetworkFailure(service=service, evidence=one_line(line.strip()), words=match.group())


def _named(text: str, match: re.Match[str]) -> str | None:
    line = _line(text, match)
    after = line[max(0, match.start() - text.rfind("\n", 0, match.start()) - 1) :]
    for part in (after, line):
        for pattern in _PLACES:
            place = pattern.search(part)
            if place is not None:
                return _service(place)
    return None


def _named_elsewhere(logs: str, trace: str) -> str | None:
    """A host that another message names, else a literal in the innermost source or log line."""
    for match in _FAILURE.finditer(logs):
        service = _named(logs, match)
        if service is not None:
            return service
    for line in (*reversed(without_frames(trace)), *reversed(logs.splitlines())):
        for pattern in _LITERALS:
            place = pattern.search(line)
            if place is not None:
                return _service(place)
    return None


def _service(place: re.Match[str]) -> str:
    parts = place.groupdict()
    if parts.get("operation"):
        return f"the AWS operation {parts['operation']}"
    host, port = str(parts["host"]).strip("."), parts.get("port") or parts.get("port2")
    return f"{host}:{port}" if port and port not in ("80", "443") else host


def _name(error: FunctionError) -> str:
    return error.type.rpartition(".")[2]


def _before_last_chain(logs: str, error_type: str) -> str:
    """The error that led to one of this type, by Python's chained tracebacks in the logs."""
    chains = list(_CHAINS.finditer(logs))
    if not chains or f"{error_type}:" not in logs[chains[-1].end() :]:
        return ""
    return logs[: chains[-1].start()]


def _line(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    return text[start : end if end >= 0 else len(text)]


# --- words of the event ---------------------------------------------------------------------

_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_MOST_UNPACKED = 8 * 1024 * 1024


def _is_quoted(words: str, event: bytes) -> bool:
    """True if the event holds the words that would show a failure, as a line of a log does."""
    try:
        return bool(event) and any(words in text for text in _texts(parse(event)))
    except ValueError:
        return words in event.decode("utf-8", "replace")


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        value = [*value.values()]
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value
        inner = _inside(value)
        if inner is not None:
            yield from _texts(inner)


def _inside(text: str) -> Json:
    """What a text carries: JSON, a form, or base64 of text, packed or not; else ``None``.

    Records of Kinesis and Kafka are base64, the log lines of CloudWatch are packed besides:
    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-example.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html
    """
    with contextlib.suppress(ValueError):
        inner = parse(text)
        return None if isinstance(inner, str) else inner
    if _BASE64.fullmatch(text):
        with contextlib.suppress(ValueError, EOFError, OSError, zlib.error):
            content = base64.b64decode(text, validate=True)
            if content.startswith(b"\x1f\x8b"):
                content = zlib.decompressobj(wbits=31).decompress(content, _MOST_UNPACKED)
            return content.decode("utf-8")
    plain = _ESCAPES.sub(_unescaped, text.replace("+", " "))
    return plain if plain != text else None


def _unescaped(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace")
