"""Where recorded events come from, against AWS on loopback."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from helpers.account_content import client_of, publish_function
from helpers.aws_emulator.server import AwsServer
from pytest_lambda_rollback.aws import buckets, queues
from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.logs import stretches
from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.recorded import RecordedEvent
from pytest_lambda_rollback.recording.origins.interface import Budget, Origin, OriginAccess
from pytest_lambda_rollback.recording.origins.logs import LogsOrigin
from pytest_lambda_rollback.recording.origins.objects import ObjectsOrigin
from pytest_lambda_rollback.recording.origins.queues import QueueOrigin
from pytest_lambda_rollback.recording.origins.registry import read
from pytest_lambda_rollback.recording.origins.shareable_events import TestEventsOrigin

Read = Callable[..., list[Any]]
STREAM = "2026/11/23/[4]0f1e2d3c4b5a69788796a5b4c3d2e1f0"


@pytest.fixture
def recorded(aws_environment: AwsServer) -> Read:
    """Read an origin of the function ``orders``."""
    account = Account(region=None, profile=None, role_arn=None)

    def origin_read(origin: Origin, *, budget: Budget | None = None, said: Any = None) -> list[Any]:
        budget = budget or Budget(events=1000, seconds=60)
        progress = said.append if said is not None else lambda _: None
        access = OriginAccess(function="orders", clients=account, budget=budget, progress=progress)
        return list(read(origin, access))

    return origin_read


def events_of(readings: list[Any]) -> list[object]:
    return [each.event for each in readings if isinstance(each, RecordedEvent)]


# --- logs -----------------------------------------------------------------------------------


def log(server: AwsServer, *invocations: object, group: str = "/aws/lambda/orders",
        ages_s: tuple[float, ...] = (), stream: str = STREAM) -> None:  # fmt: skip
    """Let the function log invocations, the last one now unless ``ages_s`` says when."""
    client = client_of(server, "logs")
    for make, arguments in (
        (client.create_log_group, {"logGroupName": group}),
        (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
    ):
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            make(**arguments)
    now_ms = int(time.time() * 1000)
    lines: list[dict[str, Any]] = []
    for number, event in enumerate(invocations):
        age_s = ages_s[number] if ages_s else (len(invocations) - number) * 0.01
        at = now_ms - int(age_s * 1000)
        request = f"8f5d7f2e-94d5-4a4e-8a0f-{number:012d}"
        for text in (f"START RequestId: {request} Version: 4", json.dumps(event),
                     f"END RequestId: {request}"):  # fmt: skip
            lines.append({"timestamp": at, "message": text})
    client.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=sorted(lines, key=lambda line: line["timestamp"]),
    )


def test_events_come_from_the_group_that_the_function_logs_to(
    aws_environment: AwsServer, recorded: Read
) -> None:
    publish_function(client_of(aws_environment), "orders")
    log(aws_environment, {"order": 1}, {"order": 2})
    readings = recorded(LogsOrigin())
    assert events_of(readings) == [{"order": 1}, {"order": 2}]
    assert {each.version for each in readings} == {"4"}


def test_a_group_can_be_named(aws_environment: AwsServer, recorded: Read) -> None:
    log(aws_environment, {"order": 1}, group="/shop/all", stream="2026/11/23/orders[4]0f1e2d3c")
    log(aws_environment, {"bill": 1}, group="/shop/all", stream="2026/11/23/billing[4]0f1e2d3c")
    assert events_of(recorded(LogsOrigin(group="/shop/all"))) == [{"order": 1}]


def test_the_newest_events_come_first_and_old_ones_not_at_all(
    aws_environment: AwsServer, recorded: Read
) -> None:
    log(
        aws_environment, {"age": "weeks"}, {"age": "days"}, {"age": "hours"}, {"age": "minutes"},
        ages_s=(8 * 86_400.0, 2 * 86_400.0, 2 * 3_600.0, 60.0),
    )  # fmt: skip
    group = LogsOrigin(group="/aws/lambda/orders")
    assert events_of(recorded(group)) == [{"age": "minutes"}, {"age": "hours"}, {"age": "days"}]
    budget = Budget(events=1, seconds=60)
    assert events_of(recorded(group, budget=budget)) == [{"age": "minutes"}]
    assert budget.cut


def test_no_moment_is_read_twice_and_none_is_left_out() -> None:
    found = list(stretches(1_000, 100_000_000))
    assert found[0][1] == 100_000_000
    assert found[-1][0] == 1_000
    assert all(later[0] == earlier[1] + 1 for later, earlier in pairwise(found))


def test_many_pages_are_read_and_reported(aws_environment: AwsServer, recorded: Read) -> None:
    log(aws_environment, *({"order": n} for n in range(2_400)))
    log(aws_environment, *({"order": n} for n in range(2_400, 4_800)), stream=STREAM + "f")
    log(aws_environment, *({"order": n} for n in range(4_800, 7_200)), stream=STREAM + "e")
    said: list[str] = []
    budget = Budget(events=7_200, seconds=120)
    readings = recorded(LogsOrigin(group="/aws/lambda/orders"), said=said, budget=budget)
    orders = [event["order"] for event in events_of(readings)]  # type: ignore[index]
    assert sorted(orders) == list(range(7_200))
    assert said == ["20,000 lines of log group /aws/lambda/orders read"]
    assert aws_environment.requests("FilterLogEvents") >= 3


def test_a_group_that_is_not_there_is_said(recorded: Read) -> None:
    with pytest.raises(SourceError, match="there is no log group /aws/lambda/none"):
        recorded(LogsOrigin(group="/aws/lambda/none"))


def test_a_missing_permission_is_named(aws_environment: AwsServer, recorded: Read) -> None:
    log(aws_environment, {"order": 1})
    aws_environment.fail("FilterLogEvents", "access-denied")
    with pytest.raises(SourceError, match="logs:FilterLogEvents"):
        recorded(LogsOrigin(group="/aws/lambda/orders"))


# --- queues ---------------------------------------------------------------------------------


def queue(server: AwsServer, name: str, **attributes: str) -> Any:
    client = client_of(server, "sqs")
    return client, client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def visible(client: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages"]
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(attributes[names[0]])


@pytest.mark.parametrize("named", ["url", "arn", "name"])
def test_messages_become_events_and_stay_in_the_queue(
    aws_environment: AwsServer, recorded: Read, named: str
) -> None:
    client, url = queue(aws_environment, "orders")
    for number in range(25):
        client.send_message(
            QueueUrl=url,
            MessageBody=json.dumps({"order": number}),
            MessageAttributes={"Kind": {"StringValue": "new", "DataType": "String"}},
        )
    name = {"url": url, "arn": "arn:aws:sqs:eu-west-1:123456789012:orders", "name": "orders"}
    said: list[str] = []
    readings = recorded(QueueOrigin(queue=name[named]), said=said)
    records = [event["Records"][0] for event in events_of(readings)]  # type: ignore[index]
    assert sorted(json.loads(record["body"])["order"] for record in records) == list(range(25))
    assert {record["eventSourceARN"] for record in records} == {name["arn"]}
    assert records[0]["messageAttributes"]["Kind"]["stringValue"] == "new"
    assert records[0]["receiptHandle"] == "recorded-receipt-handle"
    assert visible(client, url) == 25
    assert aws_environment.requests("DeleteMessage") == 0
    assert said == [
        "25 messages of queue orders read; all stay in it, and the receive count of each grew "
        "by one"
    ]


def test_reading_ends_at_the_number_asked_for_and_gives_messages_back(
    aws_environment: AwsServer, recorded: Read
) -> None:
    client, url = queue(aws_environment, "orders")
    for number in range(25):
        client.send_message(QueueUrl=url, MessageBody=str(number))
    budget = Budget(events=7, seconds=60)
    assert len(recorded(QueueOrigin(queue=url), budget=budget)) == 7
    assert budget.cut
    assert visible(client, url) == 25


def test_a_queue_is_never_read_to_its_end(aws_environment: AwsServer, recorded: Read) -> None:
    client, url = queue(aws_environment, "orders")
    client.send_message(QueueUrl=url, MessageBody="1")
    budget = Budget(events=1000, seconds=60)
    assert len(recorded(QueueOrigin(queue=url), budget=budget)) == 1
    assert budget.cut


def test_messages_are_given_back_when_reading_is_broken_off(aws_environment: AwsServer) -> None:
    client, url = queue(aws_environment, "orders")
    for number in range(5):
        client.send_message(QueueUrl=url, MessageBody=str(number))
    messages = queues.messages(client, queues.facts(client, url), at_most=100)
    next(messages)
    assert visible(client, url) == 0
    messages.close()
    assert visible(client, url) == 5


def test_a_queue_that_would_move_messages_is_not_read_unless_it_is_wanted(
    aws_environment: AwsServer, recorded: Read
) -> None:
    client, _ = queue(aws_environment, "orders-dead")
    arn = "arn:aws:sqs:eu-west-1:123456789012:orders-dead"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    _, url = queue(aws_environment, "orders", RedrivePolicy=policy)
    client.send_message(QueueUrl=url, MessageBody="{}")
    with pytest.raises(ConfigError, match="3 receives after which SQS moves a message to") as error:
        recorded(QueueOrigin(queue=url))
    assert "orders-dead" in str(error.value)
    assert "--accept-risks" in str(error.value)
    assert aws_environment.requests("ReceiveMessage") == 0
    assert len(recorded(QueueOrigin(queue=url, accept_risks=True))) == 1


def test_a_fifo_queue_is_not_read_unless_it_is_wanted(
    aws_environment: AwsServer, recorded: Read
) -> None:
    _, url = queue(aws_environment, "orders.fifo", FifoQueue="true")
    with pytest.raises(ConfigError, match="message group"):
        recorded(QueueOrigin(queue=url))


def test_a_dead_letter_queue_gives_the_events_themselves(
    aws_environment: AwsServer, recorded: Read
) -> None:
    client, url = queue(aws_environment, "orders-dead")
    text = {"StringValue": "x", "DataType": "String"}
    client.send_message(
        QueueUrl=url,
        MessageBody='{"order": 7}',
        MessageAttributes={"RequestID": text, "ErrorCode": text, "ErrorMessage": text},
    )
    assert events_of(recorded(QueueOrigin(queue=url))) == [{"order": 7}]


def test_a_queue_that_is_not_there_is_said(recorded: Read) -> None:
    with pytest.raises(SourceError, match="queue none"):
        recorded(QueueOrigin(queue="none"))


# --- objects and test events ----------------------------------------------------------------


def record(function: str, event: object) -> str:
    arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{function}:4"
    context = {"functionArn": arn, "condition": "RetriesExhausted"}
    return json.dumps({"requestContext": context, "requestPayload": event})


def test_objects_below_a_prefix(aws_environment: AwsServer, recorded: Read) -> None:
    client = client_of(aws_environment, "s3")
    client.create_bucket(
        Bucket="events", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    below = "aws/lambda/async/orders/2026/11/23/"
    for key, body in (
        (f"{below}one.json", record("orders", {"order": 1}).encode()),
        (f"{below}other.json", record("billing", {"bill": 1}).encode()),
        (f"{below}lines.jsonl.gz", gzip.compress(b'{"order": 2}\n{"order": 3}\n')),
        ("elsewhere/four.json", b'{"order": 4}'),
        (f"{below}folder/", b""),
    ):
        client.put_object(Bucket="events", Key=key, Body=body)
    readings = recorded(ObjectsOrigin(bucket="events", prefix="aws/lambda/"))
    orders = sorted(event["order"] for event in events_of(readings))  # type: ignore[index]
    assert orders == [1, 2, 3]
    skipped = [each.reason for each in readings if not isinstance(each, RecordedEvent)]
    assert skipped == ["an invocation record of another function"]


@pytest.mark.parametrize(("listed", "cut"), [(2, True), (3, False), (4, False)])
def test_a_listing_that_ends_early_is_not_the_end(
    aws_environment: AwsServer,
    recorded: Read,
    monkeypatch: pytest.MonkeyPatch,
    listed: int,
    cut: bool,
) -> None:
    client = client_of(aws_environment, "s3")
    client.create_bucket(
        Bucket="events", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    for number in range(3):
        client.put_object(Bucket="events", Key=f"{number}.json", Body=b'{"order": 1}')
    monkeypatch.setattr(buckets, "MAX_LISTED", listed)
    budget = Budget(events=1000, seconds=60)
    readings = recorded(ObjectsOrigin(bucket="events"), budget=budget)
    assert len(readings) == min(listed, 3)
    assert budget.cut is cut


def test_a_bucket_that_is_not_there_is_said(recorded: Read) -> None:
    with pytest.raises(SourceError, match="bucket no-such-bucket"):
        recorded(ObjectsOrigin(bucket="no-such-bucket"))


def test_shareable_test_events(aws_environment: AwsServer, recorded: Read) -> None:
    assert recorded(TestEventsOrigin()) == []
    client = client_of(aws_environment, "schemas")
    client.create_registry(RegistryName="lambda-testevent-schemas")
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Event", "version": "1.0.0"},
        "paths": {},
        "components": {
            "schemas": {"Event": {"type": "object"}},
            "examples": {"first": {"value": {"order": 1}}, "second": {"value": {"order": 2}}},
        },
    }
    client.create_schema(
        RegistryName="lambda-testevent-schemas",
        SchemaName="_orders-schema",
        Type="OpenApi3",
        Content=json.dumps(document),
    )
    assert events_of(recorded(TestEventsOrigin())) == [{"order": 1}, {"order": 2}]
