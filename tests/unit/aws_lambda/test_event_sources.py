"""Which service sent an event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers import made_events as made
from pytest_lambda_rollback.aws_lambda.event_sources.recognition import Event, Source, recognise


def websocket(event_type: str) -> dict[str, Any]:
    return {"requestContext": {"connectionId": "c", "eventType": event_type, "routeKey": "$x"}}


@pytest.mark.parametrize(
    ("event", "source", "is_read"),
    [
        (made.REST_API, Source.REST_API, True),
        (made.HTTP_API_1, Source.HTTP_API_1, True),
        (made.HTTP_API_2, Source.HTTP_API_2, True),
        (made.FUNCTION_URL, Source.FUNCTION_URL, True),
        (made.LOAD_BALANCER, Source.LOAD_BALANCER, True),
        (websocket("CONNECT"), Source.WEBSOCKET, True),
        (websocket("MESSAGE"), Source.WEBSOCKET, True),
        (websocket("DISCONNECT"), Source.WEBSOCKET, False),
        (made.TOKEN_AUTHORIZER, Source.AUTHORIZER, True),
        (made.REQUEST_AUTHORIZER, Source.AUTHORIZER, True),
        (made.HTTP_AUTHORIZER, Source.AUTHORIZER_2, True),
        (made.APPSYNC_AUTHORIZER, Source.APPSYNC_AUTHORIZER, True),
        (made.sqs("m1"), Source.SQS, True),
        (made.kinesis("1"), Source.KINESIS, True),
        (made.dynamodb("1"), Source.DYNAMODB, True),
        (made.KAFKA, Source.KAFKA, True),
        (made.FIREHOSE, Source.FIREHOSE, True),
        (made.S3_BATCH, Source.S3_BATCH, True),
        (made.cognito("PreSignUp_SignUp"), Source.COGNITO, True),
        (made.cognito("CustomMessage_SignUp"), Source.COGNITO, True),
        (made.cognito("CustomEmailSender_SignUp"), Source.COGNITO, False),
        (made.SNS, Source.SNS, False),
        (made.S3, Source.S3, False),
        (made.EVENTBRIDGE, Source.EVENTBRIDGE, False),
        (made.SCHEDULED, Source.EVENTBRIDGE, False),
        (made.LOGS, Source.LOGS, False),
        (made.CUSTOM_RESOURCE, Source.CLOUDFORMATION, False),
        (made.MQ, Source.QUEUE_BROKER, False),
        # what could be anybody's: a state of Step Functions, another function, an SDK
        ({}, Source.UNKNOWN, True),
        ({"order": 1}, Source.UNKNOWN, True),
        ({"Records": []}, Source.UNKNOWN, True),
        ({"Records": ["aws:sqs"]}, Source.UNKNOWN, True),
        ({"Records": [{"eventSource": "aws:ses"}]}, Source.UNKNOWN, True),
        ({"Records": made.S3["Records"] + made.sqs("m1")["Records"]}, Source.UNKNOWN, True),
        ({"Records": [{"cf": {"request": {}}}]}, Source.UNKNOWN, True),
        ({"version": "2.0", "requestContext": {"serviceNetworkArn": "x"}}, Source.UNKNOWN, True),
        ({"detail-type": "x", "detail": {}}, Source.UNKNOWN, True),
        ({"type": "TOKEN"}, Source.UNKNOWN, True),
        ({"eventSource": ["aws:kafka"]}, Source.UNKNOWN, True),
        ([made.sqs("m1")], Source.UNKNOWN, True),
        (None, Source.UNKNOWN, True),
    ],
)
def test_source(event: object, source: Source, is_read: bool) -> None:
    found = recognise(json.dumps(event).encode())
    assert found.source is source
    assert found.response_is_read is is_read


@pytest.mark.parametrize("event", [None, b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_event_is_of_an_unknown_source(event: bytes | None) -> None:
    assert recognise(event) == Event()
