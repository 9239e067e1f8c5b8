"""What each service has stored, as boto3 wrote it."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Callable
from typing import Any

from helpers.aws_bridge import Bridge
from pytest_lambda_rollback.model.settings import AwsService
from pytest_lambda_rollback.services.aws import contents
from pytest_lambda_rollback.services.aws.private_aws import AwsPass

Open = Callable[..., tuple[AwsPass, Bridge]]
Seed = Callable[..., AwsService]


def stored(opened_pass: AwsPass) -> list[tuple[str, str, str, Any]]:
    state = opened_pass.stored()
    assert state.left_out == ()
    return [
        (each.service, each.container, each.key, json.loads(each.value)) for each in state.items
    ]


def test_items_of_a_table(opened: Open) -> None:
    opened_pass, bridge = opened()
    client = bridge.client("dynamodb")
    client.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "line", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "line", "AttributeType": "N"},
        ],
    )
    client.put_item(
        TableName="orders",
        Item={
            "id": {"S": "o-1"},
            "line": {"N": "2"},
            "price": {"N": "1.50"},
            "tags": {"SS": ["b", "a"]},
            "raw": {"B": b"\x00\x01"},
            "deep": {"M": {"z": {"L": [{"N": "1e2"}, {"NULL": True}]}, "a": {"BOOL": False}}},
        },
    )
    assert stored(opened_pass) == [
        ("dynamodb", "orders", "", {"keys": ["id", "line"], "ttl": None}),
        (
            "dynamodb",
            "orders",
            '{"id": "o-1", "line": 2}',
            {
                "deep": {"M": {"a": {"BOOL": False}, "z": {"L": [{"N": "100"}, {"NULL": True}]}}},
                "id": {"S": "o-1"},
                "line": {"N": "2"},
                "price": {"N": "1.5"},
                "raw": {"B": "AAE="},
                "tags": {"SS": ["a", "b"]},
            },
        ),
    ]


def test_objects_of_a_bucket(opened: Open) -> None:
    opened_pass, bridge = opened()
    s3 = bridge.client("s3", region="us-east-1")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(
        Bucket="bucket",
        Key="json",
        Body=b'{"a": 1}',
        ContentType="application/json",
        Metadata={"version": "4"},
    )
    s3.put_object(
        Bucket="bucket", Key="gzip", Body=gzip.compress(b'{"a": 1}'), ContentEncoding="gzip"
    )
    s3.put_object(Bucket="bucket", Key="pickle", Body=pickle.dumps({"a": 1}))
    s3.put_object(Bucket="bucket", Key="binary", Body=b"\xff\xfe\x00")
    s3.put_object(Bucket="bucket", Key="text", Body="grün".encode())
    s3.put_object(Bucket="bucket", Key="gone", Body=b"")
    s3.delete_object(Bucket="bucket", Key="gone")
    found = {key: value for _, _, key, value in stored(opened_pass)}
    assert found["json"] == {
        "json": {"a": 1},
        "content_type": "application/json",
        "metadata": {"version": "4"},
    }
    assert (found["gzip"]["kind"], found["gzip"]["holds"]) == ("gzip", {"json": {"a": 1}})
    assert found["gzip"]["content_encoding"] == "gzip"
    size = len(pickle.dumps({"a": 1}))
    assert (found["pickle"]["bytes"], found["pickle"]["kind"]) == (size, "pickle")
    assert (found["binary"]["bytes"], found["binary"]["kind"]) == (3, "binary")
    assert found["text"]["text"] == "grün"
    assert "gone" not in found


def test_messages_events_and_values(opened: Open) -> None:
    opened_pass, bridge = opened()
    sqs, sns = bridge.client("sqs"), bridge.client("sns")
    queue = sqs.create_queue(QueueName="jobs.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for body in ("one", "two"):
        sqs.send_message(
            QueueUrl=queue, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body
        )
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.publish(
        TopicArn=topic,
        Message="sold",
        Subject="shop",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "order"}},
    )
    events = bridge.client("events")
    events.create_event_bus(Name="shop")
    entry = {"Source": "shop", "DetailType": "sold", "Detail": '{"id": 1}'}
    events.put_events(Entries=[{**entry, "EventBusName": "shop"}, entry, {"Source": "x"}])
    kinesis = bridge.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    kinesis.put_record(StreamName="clicks", Data=b'{"x": 1}', PartitionKey="p")
    bridge.client("ssm").put_parameter(Name="/shop/key", Value="secret", Type="SecureString")
    bridge.client("secretsmanager").create_secret(Name="password", SecretString='{"p": 1}')
    states = bridge.client("stepfunctions")
    machine = states.create_state_machine(
        name="flow",
        definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::111122223333:role/flow",
    )["stateMachineArn"]
    states.start_execution(stateMachineArn=machine, name="run-1", input='{"id": 1}')
    assert stored(opened_pass) == [
        (
            "events",
            "default",
            "1",
            {"body": '{"id": 1}', "source": "shop", "detail_type": "sold"},
        ),
        ("events", "shop", "1", {"body": '{"id": 1}', "source": "shop", "detail_type": "sold"}),
        ("kinesis", "clicks", "1", {"body": '{"x": 1}', "partition_key": "p"}),
        ("secretsmanager", "", "password", {"value": '{"p": 1}'}),
        (
            "sns",
            "news",
            "1",
            {
                "body": "sold",
                "attributes": {"kind": {"type": "String", "value": "order"}},
                "subject": "shop",
            },
        ),
        (
            "sqs",
            "jobs.fifo",
            "1",
            {"body": "one", "attributes": {}, "group": "g", "deduplication": "one"},
        ),
        (
            "sqs",
            "jobs.fifo",
            "2",
            {"body": "two", "attributes": {}, "group": "g", "deduplication": "two"},
        ),
        ("ssm", "", "/shop/key", {"value": "secret", "type": "SecureString"}),
        ("stepfunctions", "flow", "1", {"body": '{"id": 1}', "name": "run-1"}),
    ]
    (received,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=received["ReceiptHandle"])
    left = [
        (key, value["body"]) for service, _, key, value in stored(opened_pass) if service == "sqs"
    ]
    assert left == [("1", "two")]


def test_another_region_is_told(opened: Open) -> None:
    opened_pass, bridge = opened()
    bridge.client("ssm", region="us-east-1").put_parameter(Name="a", Value="1", Type="String")
    assert stored(opened_pass) == [("ssm", "us-east-1/", "a", {"value": "1", "type": "String"})]


def test_too_much_is_left_out_and_said(opened: Open, seed_file: Seed) -> None:
    content = seed_file(
        's3 = session.client("s3")',
        's3.create_bucket(Bucket="bucket",'
        ' CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})',
        'for n in range(40): s3.put_object(Bucket="bucket", Key=f"{n:02}", Body=b"x" * 120_000)',
    )
    opened_pass, _ = opened(content)
    state = opened_pass.stored()
    assert 20 < len(state.items) < 40
    assert state.left_out == (f"{40 - len(state.items)} more of s3 bucket",)


def test_a_gzip_that_never_ends_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert contents.described(bomb) == {"bytes": len(bomb), "kind": "gzip"}
    assert contents.described(b"\x1f\x8b\x08broken") == {"bytes": 9, "kind": "gzip"}
