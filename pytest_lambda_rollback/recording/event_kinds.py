"""Whether an object has the structure of an event that AWS sends to functions.

Used where nothing else says that something is an event; it knows event sources by keys that only
they have. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_KEYS: Final[tuple[frozenset[str], ...]] = tuple(
    frozenset(keys)
    for keys in (
        ("httpMethod", "requestContext", "headers"),  # REST API, load balancer
        ("routeKey", "requestContext"),  # HTTP API, function URL
        ("requestContext", "rawPath"),
        ("detail-type", "detail", "source"),  # EventBridge
        ("triggerSource", "userPoolId"),  # Cognito
        ("methodArn", "type"),  # authorizers
        ("records", "deliveryStreamArn"),  # Firehose
        ("records", "eventSource"),  # Kafka
        ("rmqMessagesByQueue", "eventSource"),
        ("messages", "eventSource"),  # ActiveMQ
        ("RequestType", "ResponseURL", "StackId"),  # CloudFormation custom resources
        ("awslogs",),  # CloudWatch Logs
        ("invokingEvent", "configRuleName"),  # Config
        ("CodePipeline.job",),
        ("invocationSchemaVersion", "tasks"),  # S3 batch operations
        ("xAmzRequestId", "getObjectContext"),  # S3 Object Lambda
        ("sessionState", "bot", "inputTranscript"),  # Lex
        ("session", "request", "context"),  # Alexa
        ("Details", "Name"),  # Connect
        ("arguments", "identity", "request"),  # AppSync
        ("Step", "SecretId", "ClientRequestToken"),  # Secrets Manager rotation
        ("messageVersion", "actionGroup"),  # Bedrock agents
    )
)
_RESPONSE: Final = frozenset(
    {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"}
)
_LEVELS: Final = frozenset({"level", "severity", "levelname", "log_level", "lvl"})
_TEXTS: Final = frozenset({"message", "msg", "event"})


def from_aws(event: Mapping[str, object]) -> bool:
    """True for the structure of an event source's event."""
    records = event.get("Records")
    if isinstance(records, list) and records:
        return all(
            isinstance(record, dict)
            and any(key in record for key in ("eventSource", "EventSource", "cf"))
            for record in records
        )
    return any(keys <= event.keys() for keys in _KEYS)


def log_record(value: Mapping[str, object]) -> bool:
    """True for what a structured logger writes: a level and a message."""
    return bool(_LEVELS & value.keys()) and bool(_TEXTS & value.keys())


def surely_no_event(value: Mapping[str, object]) -> bool:
    """True for what functions print besides their event: metrics, answers, errors, records."""
    return (
        not value
        or "_aws" in value  # embedded metric format
        or log_record(value)
        or ("statusCode" in value and value.keys() <= _RESPONSE)
        or {"errorMessage", "errorType"} <= value.keys()
    )
