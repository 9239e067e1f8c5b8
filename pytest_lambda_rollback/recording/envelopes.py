"""Events inside what AWS wraps around them: invocation records, messages, notifications.

A destination gets a record with the event in ``requestPayload`` ("Capturing records of Lambda
asynchronous invocations" in Lambda's developer guide), a dead-letter queue the bare event with
attributes, an S3 destination of an event source mapping the event in ``payload``; any of them may
come through SNS or EventBridge.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pytest_lambda_rollback.model.recorded import QueueFacts
from pytest_lambda_rollback.recording import json_text

ANOTHER_FUNCTION: Final = "an invocation record of another function"
ONLY_POINTERS: Final = "an invocation record refers to stream records without including them"

RECEIPT_HANDLE: Final = "recorded-receipt-handle"

_MAX_WRAPPERS: Final = 4
_RESULT: Final = "Lambda Function Invocation Result - "
_BATCH_INFO: Final = ("KinesisBatchInfo", "DDBStreamBatchInfo", "KafkaBatchInfo", "batchInfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwrapped:
    """An event, and what its wrapper says about the invocation."""

    event: object = field(repr=False)
    function: str | None = None
    version: str | None = None
    time: str | None = None
    only_pointers: bool = False
    """True if the wrapper refers to stream records without including them."""


def unwrap(document: object) -> Unwrapped | None:
    """The event in a wrapper; None for a document that is not a wrapper, and so may be an event."""
    for _ in range(_MAX_WRAPPERS):
        if not isinstance(document, dict):
            return None
        found = _invocation_record(document)
        if found is not None:
            return found
        inner = _inner(document)
        if inner is None:
            return None
        document = inner
    return None


def from_message(message: Mapping[str, Any], queue: QueueFacts) -> Unwrapped:
    """The event of a message as SQS returns it: the one inside, or what Lambda would deliver."""
    body = str(message.get("Body", ""))
    document = _parsed(body)
    found = unwrap(document)
    if found is not None:
        return found
    if _dead_letter(message.get("MessageAttributes")) and document is not None:
        return Unwrapped(event=document, time=_sent(message))
    if isinstance(document, dict) and _notification(document):
        attributes = document.get("MessageAttributes")
        event = _parsed(str(document.get("Message", "")))
        if _dead_letter(attributes) and event is not None:
            return Unwrapped(event=event, time=_sent(message))
    return Unwrapped(event={"Records": [_sqs_record(message, queue)]}, time=_sent(message))


# --- invocation records ---------------------------------------------------------------------


def _invocation_record(document: Mapping[str, object]) -> Unwrapped | None:
    context = document.get("requestContext")
    if not isinstance(context, dict) or "condition" not in context:
        return None
    arn = context.get("functionArn")
    if not isinstance(arn, str):
        return None
    name, version = _function(arn)
    time = document.get("timestamp")
    known: dict[str, Any] = {
        "function": name,
        "version": version,
        "time": time if isinstance(time, str) else None,
    }
    if "requestPayload" in document:
        return Unwrapped(event=document["requestPayload"], **known)
    payload = document.get("payload")
    if payload is not None:
        event = _parsed(payload) if isinstance(payload, str) else payload
        if event is not None:
            return Unwrapped(event=event, **known)
    if payload is not None or any(key in document for key in _BATCH_INFO):
        return Unwrapped(event=None, only_pointers=True, **known)
    return None


def _function(arn: str) -> tuple[str | None, str | None]:
    """(name, version) of a function ARN that may be qualified; an alias is not a version."""
    parts = arn.split(":")
    if len(parts) < 7 or parts[5] != "function":
        return None, None
    qualifier = parts[7] if len(parts) > 7 else None
    is_version = qualifier is not None and (qualifier.isdigit() or qualifier == "$LATEST")
    return parts[6], qualifier if is_version else None


def _inner(document: Mapping[str, object]) -> object | None:
    """The content of a message of SNS, EventBridge or SQS, if it may be a record."""
    if _notification(document):
        return _parsed(str(document.get("Message", "")))
    kind = document.get("detail-type")
    if isinstance(kind, str) and kind.startswith(_RESULT):
        return document.get("detail")
    return None


def _notification(document: Mapping[str, object]) -> bool:
    return document.get("Type") == "Notification" and {"Message", "TopicArn"} <= document.keys()


def _dead_letter(attributes: object) -> bool:
    """True for the attributes that Lambda gives to an event it puts in a dead-letter queue."""
    return isinstance(attributes, dict) and {"RequestID", "ErrorCode"} <= attributes.keys()


# --- messages -------------------------------------------------------------------------------


def _sqs_record(message: Mapping[str, Any], queue: QueueFacts) -> dict[str, object]:
    """A record as Lambda hands it to a function ("Using Lambda with Amazon SQS")."""
    attributes = message.get("MessageAttributes") or {}
    record: dict[str, object] = {
        "messageId": message.get("MessageId", ""),
        # The real one would let its reader delete the message.
        "receiptHandle": RECEIPT_HANDLE,
        "body": message.get("Body", ""),
        "attributes": dict(message.get("Attributes") or {}),
        "messageAttributes": {key: _attribute(value) for key, value in attributes.items()},
    }
    if attributes and "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    record |= {
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": queue.region,
    }
    return record


def _attribute(value: Mapping[str, Any]) -> dict[str, object]:
    found: dict[str, object] = {}
    if "StringValue" in value:
        found["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        found["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode("ascii")
    return found | {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value.get("DataType", "String"),
    }


def _sent(message: Mapping[str, Any]) -> str | None:
    sent = (message.get("Attributes") or {}).get("SentTimestamp")
    return iso(int(sent)) if isinstance(sent, str) and sent.isdigit() else None


def _parsed(text: str) -> object | None:
    try:
        return json_text.parse(text)
    except ValueError:
        return None


def iso(time_ms: int) -> str:
    """ISO 8601 in UTC of milliseconds since 1970, as ``2026-11-23T09:10:11.123Z``."""
    moment = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- digests and handles of messages --------------------------------------------------------------


def renew_digests(event: object) -> object:
    """The event, its SQS records with the digests of what they hold after redaction.

    A message's MD5 would tell whoever guesses its body that the guess is right, and would no longer
    be the body's; a receipt handle lets its holder delete the message. Both are replaced.
    """
    if isinstance(event, list):  # as EventBridge Pipes send them
        return [_renewed(each) for each in event]
    if not isinstance(event, dict) or not isinstance(event.get("Records"), list):
        return event
    return event | {"Records": [_renewed(each) for each in event["Records"]]}


def _renewed(record: object) -> object:
    if not isinstance(record, dict) or record.get("eventSource") != "aws:sqs":
        return record
    made = {key: value for key, value in record.items() if key != "md5OfMessageAttributes"}
    if "receiptHandle" in made:
        made["receiptHandle"] = RECEIPT_HANDLE
    if "md5OfBody" in made:
        body = str(made.get("body", "")).encode("utf-8", "surrogatepass")
        made["md5OfBody"] = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return made
