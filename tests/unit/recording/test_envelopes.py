"""Events out of invocation records, messages and notifications."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_lambda_rollback.model.recorded import QueueFacts
from pytest_lambda_rollback.recording.envelopes import from_message, unwrap

EVENT = {"order": 7}
QUEUE = QueueFacts(
    url="https://sqs.example/orders",
    arn="arn:aws:sqs:eu-west-1:123456789012:orders",
    region="eu-west-1",
)
RECORD: dict[str, Any] = {
    "version": "1.0",
    "timestamp": "2026-11-23T09:00:00.000Z",
    "requestContext": {
        "requestId": "r",
        "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:orders:4",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    },
    "requestPayload": EVENT,
    "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
    "responsePayload": {"errorMessage": "boom"},
}


def through_events(detail: object) -> dict[str, object]:
    return {
        "detail-type": "Lambda Function Invocation Result - Failure",
        "source": "lambda",
        "detail": detail,
    }


def through_topic(message: object, attributes: object = None) -> dict[str, object]:
    return {
        "Type": "Notification",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:failures",
        "Message": json.dumps(message),
        "MessageAttributes": attributes or {},
    }


@pytest.mark.parametrize(
    "document",
    [RECORD, through_events(RECORD), through_topic(RECORD), through_topic(through_events(RECORD))],
)
def test_a_record_gives_event_function_version_and_time(document: object) -> None:
    found = unwrap(document)
    assert found is not None
    assert (found.event, found.function, found.version) == (EVENT, "orders", "4")
    assert found.time == "2026-11-23T09:00:00.000Z"


@pytest.mark.parametrize("qualifier", ["live", None])
def test_an_alias_is_no_version(qualifier: str | None) -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
    arn = f"{arn}:{qualifier}" if qualifier else arn
    found = unwrap(RECORD | {"requestContext": {"condition": "x", "functionArn": arn}})
    assert found is not None
    assert (found.function, found.version) == ("orders", None)


def test_a_null_event_is_an_event() -> None:
    found = unwrap(RECORD | {"requestPayload": None})
    assert found is not None
    assert found.event is None
    assert not found.only_pointers


def test_records_of_stream_mappings_hold_the_event_or_only_point_to_it() -> None:
    base = {key: RECORD[key] for key in ("version", "timestamp", "requestContext")}
    pointers = unwrap(base | {"KinesisBatchInfo": {"shardId": "s", "startSequenceNumber": "1"}})
    assert pointers is not None
    assert pointers.only_pointers
    whole = unwrap(base | {"payload": json.dumps(EVENT), "KinesisBatchInfo": {}})
    assert whole is not None
    assert whole.event == EVENT


@pytest.mark.parametrize(
    "document",
    [
        EVENT,
        None,
        [RECORD],
        {"requestContext": {"http": {}}, "routeKey": "GET /"},
        {"detail-type": "order", "source": "shop", "detail": {}},
        through_topic({"order": 7}),
    ],
)
def test_what_is_no_wrapper_stays_an_event(document: object) -> None:
    assert unwrap(document) is None


def message(body: object, attributes: dict[str, object] | None = None) -> dict[str, Any]:
    return {
        "MessageId": "m-1",
        "ReceiptHandle": "a-real-handle",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "MD5OfBody": "0" * 32,
        "Attributes": {"SentTimestamp": "1795424400000", "ApproximateReceiveCount": "1"},
        **({"MessageAttributes": attributes} if attributes else {}),
    }


def test_a_message_becomes_the_event_that_lambda_would_deliver() -> None:
    attributes: dict[str, object] = {
        "Kind": {"StringValue": "order", "DataType": "String"},
        "Seal": {"BinaryValue": b"\x00\xff", "DataType": "Binary"},
    }
    found = from_message(message("plain text", attributes), QUEUE)
    assert found.time == "2026-11-23T09:00:00.000Z"
    assert found.event == {
        "Records": [
            {
                "messageId": "m-1",
                "receiptHandle": "recorded-receipt-handle",
                "body": "plain text",
                "attributes": {"SentTimestamp": "1795424400000", "ApproximateReceiveCount": "1"},
                "messageAttributes": {
                    "Kind": {"stringValue": "order", "stringListValues": [],
                             "binaryListValues": [], "dataType": "String"},
                    "Seal": {"binaryValue": "AP8=", "stringListValues": [],
                             "binaryListValues": [], "dataType": "Binary"},
                },
                "md5OfBody": "0" * 32,
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
                "awsRegion": "eu-west-1",
            }
        ]
    }  # fmt: skip


def test_a_dead_letter_holds_the_event_itself() -> None:
    failure = {
        name: {"StringValue": "x", "DataType": "String"}
        for name in ("RequestID", "ErrorCode", "ErrorMessage")
    }
    assert from_message(message(EVENT, failure), QUEUE).event == EVENT  # type: ignore[arg-type]
    assert from_message(message(through_topic(EVENT, failure)), QUEUE).event == EVENT


def test_a_record_in_a_message_is_unwrapped() -> None:
    assert from_message(message(RECORD), QUEUE).event == EVENT
    assert from_message(message(through_topic(RECORD)), QUEUE).version == "4"


def test_a_notification_that_a_function_consumes_from_a_queue_stays_whole() -> None:
    event = from_message(message(through_topic({"order": 7})), QUEUE).event
    assert isinstance(event, dict)
    assert json.loads(event["Records"][0]["body"])["Type"] == "Notification"
