"""Recognising a replay that failed because it called a service, and naming that service.

Execution environments have no way out, so a call to a service fails in the client library, which
says so in its own words. Those words are known here, each taken from the library itself. Nothing
is guessed: an error counts only by its type or message, a log line only when it has a network
failure in it, an error about data (a KeyError, a TypeError) never counts by itself, and words that
the event brought along say nothing about the function.
"""

from __future__ import annotations

import base64
import contextlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pytest_lambda_rollback.aws_lambda.event_sources.answers.batches import FAILURES
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import status_of
from pytest_lambda_rollback.aws_lambda.stack_traces import without_frames
from pytest_lambda_rollback.model.json_values import Json, one_line, parse
from pytest_lambda_rollback.model.replay import FunctionError, Outcome, OutcomeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCall:
    """An outgoing call that a function made and that nothing answered."""

    service: str | None
    """Host, with the port unless it is HTTP's; ``None`` if nothing names it."""
    evidence: str
    """The error or log line that shows it, on one line."""
    words: str = ""
    """The words in it that say so."""

    @property
    def is_inside(self) -> bool:
        """True for a service in the execution environment itself, as an extension's."""
        return bool(_INSIDE.match(self.service or ""))

    @property
    def named(self) -> str:
        """The service as messages name it."""
        return self.service or "a host that the error does not name"


_INSIDE = re.compile(r"(?:localhost|127\.[\d.]+|\[?::1\]?)(?::|$)")

_HOST = r"(?P<host>[\w.\-]+)"
_PORT = r"(?P<port>\d+)"
_QUOTE = r"\\?[\"']"

_NAMING = tuple(
    re.compile(pattern)
    for pattern in (
        # botocore
        r"(?:Could not connect to the endpoint URL|[Cc]onnect timeout on endpoint URL"
        r"|[Rr]ead timeout on endpoint URL|Failed to connect to proxy URL|Connection was closed "
        rf"before we received a valid response from endpoint URL): {_QUOTE}"
        rf"(?:[a-z]+://)?(?:[^@/\"'\s]*@)?{_HOST}(?::{_PORT})?",
        r"\((?:UnrecognizedClientException|InvalidClientTokenId|InvalidAccessKeyId|AuthFailure)\)"
        r" when calling the (?P<operation>\w+) operation",
        # urllib3, requests
        rf"HTTPS?Connection(?:Pool)?\(host={_QUOTE}{_HOST}{_QUOTE}, port={_PORT}\)[^\n]*?"
        r"(?:Max retries exceeded|Failed to resolve|Failed to establish|timed out)",
        # aiohttp
        rf"Cannot connect to host {_HOST}:{_PORT}",
        # Node.js
        rf"getaddrinfo E\w+ {_HOST}",
        rf"\bquery\w* (?:ENOTFOUND|ECONNREFUSED|ETIMEOUT|ESERVFAIL|EAI_AGAIN) {_HOST}",
        r"\bconnect (?:ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|EADDRNOTAVAIL) "
        rf"(?P<host>[\w.:\-]+):{_PORT}",
        # redis
        rf"Error -?\d+ connecting to {_HOST}:{_PORT}",
        # PostgreSQL: libpq, psycopg, pg8000
        rf"could not translate host name {_QUOTE}{_HOST}{_QUOTE}",
        rf"failed to resolve host {_QUOTE}{_HOST}{_QUOTE}",
        rf"connection to server at {_QUOTE}{_HOST}{_QUOTE}(?: \([^)]*\))?, port {_PORT} failed",
        rf"could not connect to server: [^\n]*\s+Is the server running on host {_QUOTE}{_HOST}",
        rf"Can't create a connection to host {_HOST} and port {_PORT}",
        # MySQL: pymysql, mysqlclient, mysql-connector
        rf"Can't connect to (?:\w+ )?server on {_QUOTE}{_HOST}(?::{_PORT})?{_QUOTE}",
        rf"Unknown \w+ server host {_QUOTE}{_HOST}{_QUOTE}",
        # pymongo
        rf"{_HOST}:{_PORT}: (?:\[Errno -?\d+\]|timed out|connection closed)",
        # gRPC
        rf"DNS resolution failed for {_HOST}(?::{_PORT})?",
    )
)  # fmt: skip

_NAMELESS = re.compile(
    r"\[Errno (?:-2|-3|-5|99|101|110|111|113)\]"
    r"|Name or service not known|Temporary failure in name resolution"
    r"|No address associated with hostname|Network is unreachable|No route to host"
    r"|Connection refused|All connection attempts failed|Timeout connecting to server"
    r"|failed to connect to all addresses|TypeError: fetch failed|<urlopen error timed out>"
    r"|\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT)\b"
    r"|The security token included in the request is invalid"
)

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

# Host literals in source lines and logs; not where an f-string goes on.
_LITERALS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b[a-z][a-z0-9+.\-]*://(?:[^\s/@\"']*@)?(?P<host>(?>[\w.\-]+))(?!\{{)(?::{_PORT})?",
        rf"\([\"'](?P<host>[\w\-]+(?:\.[\w\-]+)+|localhost)[\"'],\s*{_PORT}\b",
        rf"(?:\bhost(?:name)?=|HTTPS?Connection\()[\"']{_HOST}[\"']",
    )
)

_ENDS_WITHOUT_ERROR = (OutcomeKind.TIMEOUT, OutcomeKind.RUNTIME_EXIT)
_ENDS_WITH_ERROR = (OutcomeKind.FUNCTION_ERROR, OutcomeKind.INIT_ERROR)


def failed_call(outcome: Outcome, event: bytes = b"") -> FailedCall | None:
    """The outgoing call that made a replay of an event fail, or ``None``.

    Evidence is the error's type and message, then the logs of the replay (an error raised
    ``from`` a network failure reaches us without it, but is usually logged with it). A response
    counts when it says failure itself: an HTTP status from 500, or failed batch items. Words alone
    are no call: where the carrier would have seen one, there must be one.
    """
    found = _failed_call(outcome)
    if found is None or (event and _is_quoted(found.words, event)):
        return None
    if outcome.calls is not None and not found.is_inside:
        if not outcome.calls:
            return None
        if found.service is None:
            return replace(found, service=outcome.calls[0])
    return found


_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_MOST_UNPACKED = 8 * 1024 * 1024


def _is_quoted(words: str, event: bytes) -> bool:
    """True if the event holds the words that would show a failed call, as a line of a log does."""
    try:
        return any(words in text for text in _texts(parse(event)))
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


def _unescaped(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace")


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


def _failed_call(outcome: Outcome) -> FailedCall | None:
    logs = "\n".join(outcome.logs)
    if outcome.kind in _ENDS_WITH_ERROR and outcome.error is not None:
        return _by_error(outcome.error, logs)
    if outcome.kind in _ENDS_WITHOUT_ERROR:
        return _by_text(logs, logs)
    if outcome.kind is OutcomeKind.RESPONSE and outcome.payload:
        return _by_response(outcome.payload, logs)
    return None


def _by_error(error: FunctionError, logs: str) -> FailedCall | None:
    trace = "\n".join(error.stack_trace)
    name = error.type.rpartition(".")[2]
    text = f"{name}: {error.message}"
    if error.type.startswith("Runtime.") or name in _DATA_TYPES:
        if text != "TypeError: fetch failed":
            return _by_text(_before_last_chain(logs, name), logs, trace)
    elif name == "AggregateError":  # Node's, for several addresses: the code is in the stack
        text = f"{text} {error.stack_trace[0] if error.stack_trace else ''}"
    found = _by_text(text, logs, trace)
    if found is None and name in _NETWORK_TYPES:
        service = _named_elsewhere(logs, trace)
        return FailedCall(service=service, evidence=one_line(text), words=name)
    return found or _by_text(logs, logs, trace)


def _by_response(payload: bytes, logs: str) -> FailedCall | None:
    try:
        value = parse(payload)
    except ValueError:
        return None
    if not _says_failure(value):
        return None
    body = value.get("body") if isinstance(value, dict) else None
    text = body if isinstance(body, str) else payload.decode("utf-8", "replace")
    # An answer may say anything: only a client library's whole sentence, with its host, counts.
    named = _naming(text)
    if named is not None:
        match, service = named
        return FailedCall(service=service, evidence=_line(text, match), words=match.group())
    return _by_text(logs, logs)


def call_without_answer(outcome: Outcome, event: bytes = b"") -> FailedCall | None:
    """The outgoing call that nothing answered in a replay that answered all the same, or ``None``.

    The carrier has seen it. Where it cannot, only a log shows it, by a client library's whole
    sentence with its host. What only receives reports of a function changes no answer, and does
    not count.
    """
    if outcome.kind is not OutcomeKind.RESPONSE:
        return None
    if outcome.calls is not None:
        called = [each for each in outcome.calls if not _REPORTS.search(each)]
        return FailedCall(service=called[0], evidence="") if called else None
    for line in outcome.logs:
        named = _naming(line)
        if named is None:
            continue
        match, service = named
        if _REPORTS.search(service) or (event and _is_quoted(match.group(), event)):
            continue
        return FailedCall(service=service, evidence=one_line(line.strip()), words=match.group())
    return None


_REPORTS = re.compile(
    r"sentry|datadog|newrelic|nr-data|honeycomb|signalfx|dynatrace|lumigo|statsd|otlp|otel|xray"
    r"|telemetry|metrics|monitoring|(?:^|[.-])logs?\b|segment\.io|amplitude|mixpanel|PutMetricData",
    re.IGNORECASE,
)
"""Hosts that take metrics, traces, logs and errors."""


def _says_failure(value: Json) -> bool:
    status = status_of(value)
    return (status is not None and status >= 500) or (
        isinstance(value, dict) and bool(value.get(FAILURES))
    )


def _by_text(text: str, logs: str, trace: str = "") -> FailedCall | None:
    """A network failure in a text, named from the text or else from logs and source lines."""
    named = _naming(text)
    if named is not None:
        match, service = named
        return FailedCall(service=service, evidence=_line(text, match), words=match.group())
    nameless = _NAMELESS.search(text)
    if nameless is None:
        return None
    return FailedCall(
        service=_named_elsewhere(logs, trace),
        evidence=_line(text, nameless),
        words=nameless.group(),
    )


def _naming(text: str) -> tuple[re.Match[str], str] | None:
    for pattern in _NAMING:
        match = pattern.search(text)
        if match is not None:
            return match, _service(match)
    return None


def _service(match: re.Match[str]) -> str:
    parts = match.groupdict()
    if parts.get("operation"):
        return f"the AWS operation {parts['operation']}"
    host, port = str(parts["host"]).strip("."), parts.get("port")
    return f"{host}:{port}" if port and port not in ("80", "443") else host


def _named_elsewhere(logs: str, trace: str) -> str | None:
    """A host that another message names, else a literal in the innermost source or log line."""
    named = _naming(logs)
    if named is not None:
        return named[1]
    for line in (*reversed(without_frames(trace)), *reversed(logs.splitlines())):
        for pattern in _LITERALS:
            match = pattern.search(line)
            if match is not None:
                return _service(match)
    return None


def _before_last_chain(logs: str, error_type: str) -> str:
    """The error that led to one of this type, by Python's chained tracebacks in the logs."""
    chains = list(_CHAINS.finditer(logs))
    if not chains or f"{error_type}:" not in logs[chains[-1].end() :]:
        return ""
    return logs[: chains[-1].start()]


def _line(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    return one_line(text[start : end if end >= 0 else len(text)].strip())
