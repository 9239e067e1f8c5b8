"""The meaning of one line of a function's log: an invocation begins or ends, or an event.

Lambda writes lines of its own, as text or as JSON ("Log formats" in Lambda's developer guide);
the function's are text, text with the prefix of Python's or Node.js's runtime, or JSON objects of
a structured logger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from pytest_lambda_rollback.recording import json_text

KEY: Final = "lambda_rollback_record"
"""The key that makes an object a line of the recorder."""
CUT: Final = "an event was cut off by the size limit of log lines"
NO_JSON: Final = "a logged event is neither JSON nor a Python dictionary"

_CUT_CHARS: Final = 255_000
"""Lines are cut at 256 KB, or at 1 MB since 2025 ("CloudWatch Logs quotas")."""
_MAX_LABEL_CHARS: Final = 120

_START = re.compile(r"START RequestId: (\S+)(?: Version: (\S+))?")
_END = re.compile(r"(?:END|REPORT) RequestId: (\S+)")
_LAMBDAS_OWN = re.compile(r"(?:INIT_START|INIT_REPORT|EXTENSION|TELEMETRY|LOGS|XRAY|RESTORE_)\b")
_TIME = r"\d{4}-\d\d-\d\dT[\d:.]+Z"
_ID = r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"
_PYTHON = re.compile(rf"\[[A-Z]+\]\t{_TIME}\t({_ID})?\t")
_NODE = re.compile(rf"{_TIME}\t({_ID}|undefined)\t[A-Z]+\t")
_DICTIONARY = re.compile(r"\{['\"]")
_EVENT_WORD = re.compile(r"\b(?:lambda_?)?event\b", re.IGNORECASE)
_OTHER_EVENT = re.compile(
    r"\b(?:send|sent|sending|publish\w*|put|putting|emit\w*|dispatch\w*|forward\w*|enqueu\w*|"
    r"produc\w*|deliver\w*|outgoing|response|respond\w*|result|output|return\w*|reply|creat\w+|"
    r"transform\w*|processed|parsed|error|failed|context)\b",
    re.IGNORECASE,
)
_INPUT_WORD = re.compile(
    r"\b(?:received?|incoming|request|input|payload|message|invoked|invocation|called|start\w*)\b",
    re.IGNORECASE,
)
_EVENT_KEYS: Final = ("event", "lambda_event", "lambdaEvent", "input_event", "inputEvent")
_RESPONSE: Final = frozenset(
    {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"}
)
_LEVELS: Final = frozenset({"level", "severity", "levelname", "log_level", "lvl"})
_TEXTS: Final = frozenset({"message", "msg", "event"})
_REQUEST_KEYS: Final = ("requestId", "function_request_id", "aws_request_id", "awsRequestId")


class Certainty(IntEnum):
    """The certainty that an object is the event."""

    GUESS = 0
    """It is beside words that do not refer to input: it is counted and not taken."""
    IF_FIRST = 1
    """Taken only if it is the first thing that an invocation logged."""
    LIKELY = 2
    """It is beside the word event, or an event source is known to send such events."""
    SURE = 3
    """A known logger logged it as the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """An invocation begins."""

    request_id: str
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """An invocation ended."""

    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderLine:
    """A line of the recorder inside the function."""

    line: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An object that may be the event."""

    event: Mapping[str, object] = field(repr=False)
    certainty: Certainty
    request_id: str | None = None
    chars: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The first line of an object that is printed over several lines."""

    prefix: str = field(repr=False)
    """All before its brace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """An event that this line does not hold in full, or not as JSON."""

    reason: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Something else that the function logged."""

    request_id: str | None = None


Line = Start | End | RecorderLine | Candidate | Opening | Unusable | Other | None


def read_line(text: str) -> Line:
    """The meaning of the line; ``None`` for Lambda's own lines about anything but invocations."""
    text = text.strip()
    if match := _START.match(text):
        return Start(request_id=match.group(1), version=match.group(2))
    if match := _END.match(text):
        return End(request_id=match.group(1))
    if not text or _LAMBDAS_OWN.match(text):
        return None
    if text.startswith("{"):
        return _object(text)
    match = _PYTHON.match(text) or _NODE.match(text)
    if match is None:
        return _labelled(text, None)
    request_id = match.group(1)
    return _labelled(text[match.end() :], None if request_id == "undefined" else request_id)


# --- JSON lines -----------------------------------------------------------------------------


def _object(text: str) -> Line:
    try:
        value = json_text.parse(text)
    except ValueError:
        return _labelled(text, None)
    if not isinstance(value, dict):
        return Other()
    kind = value.get("type")
    if isinstance(kind, str) and kind.startswith("platform.") and "record" in value:
        return _platform(kind, value["record"])
    if _is_log_record(value):
        return _record(value, len(text))
    return _bare(value, None, len(text), label="")


def _platform(kind: str, record: object) -> Line:
    """Lambda's own line in its JSON log format."""
    request_id = record.get("requestId") if isinstance(record, dict) else None
    if not isinstance(record, dict) or not isinstance(request_id, str):
        return None
    if kind == "platform.start":
        version = record.get("version")
        return Start(request_id=request_id, version=version if isinstance(version, str) else None)
    if kind in ("platform.report", "platform.runtimeDone"):
        return End(request_id=request_id)
    return None


def _record(record: Mapping[str, object], chars: int) -> Line:
    """The event in a structured logger's record, if there is one."""
    request_id = next((r for k in _REQUEST_KEYS if isinstance(r := record.get(k), str)), None)
    message = record.get("message", record.get("msg"))
    if isinstance(message, dict):
        # Powertools for Python logs from its own decorator: nothing else has this location.
        location = record.get("location")
        if isinstance(location, str) and location.startswith("decorate:"):
            return Candidate(
                event=message, certainty=Certainty.SURE, request_id=request_id, chars=chars
            )
        if KEY in message:
            return RecorderLine(line=message)
        return _bare(message, request_id, chars, label="")
    words = message if isinstance(message, str) else ""
    for key in _EVENT_KEYS:
        event = record.get(key)
        if isinstance(event, dict) and not _OTHER_EVENT.search(words):
            # Powertools for TypeScript says so in these words.
            sure = words == "Lambda invocation event"
            certainty = Certainty.SURE if sure else Certainty.LIKELY
            return Candidate(event=event, certainty=certainty, request_id=request_id, chars=chars)
        if isinstance(event, str) and not words:  # structlog's message
            words = event
    return _labelled(words, request_id)


# --- text -----------------------------------------------------------------------------------


def _labelled(text: str, request_id: str | None) -> Line:
    """``Received event: {…}``, or ``{…}`` alone."""
    brace = text.find("{")
    if brace < 0:
        return Other(request_id=request_id)
    label, body = text[:brace], text[brace:]
    if len(label) > _MAX_LABEL_CHARS:
        return Other(request_id=request_id)
    if body == "{":
        return Opening(prefix=label)
    value = _value(body)
    if isinstance(value, dict):
        if KEY in value:
            return RecorderLine(line=value)
        if not label and _is_log_record(value):
            return _record(value, len(text))
        return _bare(value, request_id, len(text), label=label)
    if len(text) >= _CUT_CHARS:
        return Unusable(reason=CUT, request_id=request_id)
    if _names_the_event(label):
        return Unusable(reason=NO_JSON, request_id=request_id)
    return Other(request_id=request_id)


def _value(body: str) -> object:
    """The object that the text is, or begins with; ``None`` if it is none."""
    try:
        return json_text.parse_first(body)[0]
    except ValueError:
        pass
    if not _DICTIONARY.match(body):
        return None
    try:
        return json_text.parse_literal(body)
    except ValueError:
        return None


def _bare(value: Mapping[str, object], request_id: str | None, chars: int, *, label: str) -> Line:
    if KEY in value:
        return RecorderLine(line=value)
    if _names_the_event(label):
        certainty = Certainty.LIKELY
    elif _is_surely_no_event(value) or _OTHER_EVENT.search(label):
        return Other(request_id=request_id)
    elif not label.strip() or _INPUT_WORD.search(label):
        certainty = Certainty.IF_FIRST
    else:
        certainty = Certainty.GUESS
    return Candidate(event=value, certainty=certainty, request_id=request_id, chars=chars)


def _names_the_event(label: str) -> bool:
    return bool(_EVENT_WORD.search(label)) and not _OTHER_EVENT.search(label)


def _is_log_record(value: Mapping[str, object]) -> bool:
    """True for what a structured logger writes: a level and a message."""
    return bool(_LEVELS & value.keys()) and bool(_TEXTS & value.keys())


def _is_surely_no_event(value: Mapping[str, object]) -> bool:
    """True for other objects that functions print: metrics, answers, errors, log records."""
    return (
        not value
        or "_aws" in value  # embedded metric format
        or _is_log_record(value)
        or ("statusCode" in value and value.keys() <= _RESPONSE)
        or {"errorMessage", "errorType"} <= value.keys()
    )
