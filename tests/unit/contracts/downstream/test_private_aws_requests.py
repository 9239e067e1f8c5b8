"""Requests that boto3 really sends to a private AWS, as the contract judges them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.aws_bridge import Bridge, bridged
from helpers.subjects import subject, worded
from pytest_lambda_rollback.contracts.downstream import DownstreamContract
from pytest_lambda_rollback.contracts.interface import ReplayCase
from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind
from pytest_lambda_rollback.model.services import ServiceRequest
from pytest_lambda_rollback.model.settings import AwsService, ResponseRule
from pytest_lambda_rollback.services.aws.private_aws import AwsPass, PrivateAws

SEED = """
def seed(session):
    session.client("dynamodb").create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    session.client("s3").create_bucket(
        Bucket="receipts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    session.client("sqs").create_queue(QueueName="sold")
    session.client("sns").create_topic(Name="sold")
"""
QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:"
MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:ship"
KEY = {"id": {"S": "o-1"}}


@dataclass
class Pass:
    """A pass that all tests share, with one client for each service."""

    opened: AwsPass
    bridge: Bridge
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = self.bridge.client(service)
        return self.clients[service]

    def sent(self, use: Use) -> tuple[ServiceRequest, ...]:
        """The requests that a use sends, whether they are refused or not."""
        with suppress(ClientError):
            use(self)
        return tuple(self.opened.requests())


Use = Callable[[Pass], Any]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pass]:
    seed = tmp_path_factory.mktemp("aws") / "seed.py"
    seed.write_text(SEED)
    private = PrivateAws()
    seeded = private.seeded(AwsService(seed=seed), region="eu-west-1", account="111122223333")
    opened = seeded.open()
    with bridged(opened.connect) as bridge:
        yield Pass(opened, bridge)
    opened.close()
    private.close()


def judged(current: tuple[ServiceRequest, ...], target: tuple[ServiceRequest, ...]) -> Judgement:
    def outcome(requests: tuple[ServiceRequest, ...]) -> Outcome:
        return Outcome(kind=OutcomeKind.RESPONSE, payload=b"{}", requests=requests)

    case = ReplayCase(
        subject=subject("2"),
        fixture=EventFixture(name="create", path=Path("create.json"), payload=b"{}"),
        baseline=(outcome(current), outcome(current)),
        outcome=outcome(target),
        response=ResponseRule(),
    )
    return worded(DownstreamContract().judge(case))


def work(aws: Pass) -> None:
    """Calls of each protocol with bytes, times, numbers, lists and streams among them."""
    db = aws.client("dynamodb")
    item = {**KEY, "n": {"N": "1"}, "b": {"B": b"\xff"}, "m": {"M": {"l": {"L": [{"NULL": True}]}}}}
    db.put_item(TableName="orders", Item=item)
    db.update_item(
        TableName="orders",
        Key=KEY,
        UpdateExpression="SET n = n + :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    db.query(
        TableName="orders",
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": KEY["id"]},
        Limit=5,
    )
    db.batch_write_item(RequestItems={"orders": [{"PutRequest": {"Item": item}}]})
    db.transact_write_items(TransactItems=[{"Delete": {"TableName": "orders", "Key": KEY}}])
    s3 = aws.client("s3")
    s3.put_object(Bucket="receipts", Key="a/b c.json", Body=b"{}", Metadata={"by": "x"})
    s3.get_object(Bucket="receipts", Key="a/b c.json", Range="bytes=0-0")
    s3.list_objects_v2(Bucket="receipts", Prefix="a/", MaxKeys=5)
    sqs = aws.client("sqs")
    attribute = {"kind": {"DataType": "Binary", "BinaryValue": b"\xff"}}
    sqs.send_message(QueueUrl=f"{QUEUE}sold", MessageBody="x", MessageAttributes=attribute)
    sqs.receive_message(QueueUrl=f"{QUEUE}sold", MaxNumberOfMessages=1, WaitTimeSeconds=0)
    aws.client("sns").publish(
        TopicArn=f"{TOPIC}sold",
        Message="x",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "a"}},
    )
    aws.client("events").put_events(
        Entries=[{"Source": "shop", "DetailType": "sold", "Detail": "{}", "Resources": ["a"]}]
    )
    aws.client("ssm").put_parameter(Name="/shop/limit", Value="5", Type="String")
    aws.client("secretsmanager").create_secret(Name="shop/db", SecretBinary=b"\xff\x00")
    kinesis = aws.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    kinesis.put_record(StreamName="clicks", Data=b"\xff", PartitionKey="1")
    aws.client("sts").get_caller_identity()


def test_valid_requests_fit_the_models(aws: Pass) -> None:
    requests = aws.sent(work)
    assert {each.service for each in requests} >= {
        "dynamodb", "s3", "sqs", "sns", "events", "ssm", "secretsmanager", "kinesis", "sts",
    }  # fmt: skip
    assert [each for each in requests if each.status >= 400] == []
    judgement = judged((), requests)
    assert judgement.findings == ()
    assert [each.kind for each in judgement.warnings] == ["other-requests"]
    assert judged(requests, requests) == Judgement()


@pytest.mark.parametrize(
    ("sends", "body", "kinds"),
    [
        ("DynamoDB_20120810.ListTables", {"Sauce": 1}, ["unknown-parameter"]),
        ("DynamoDB_20120810.GetItem",
         {"TableName": "orders", "Key": {"id": {"S": "a", "STR": "b"}}}, ["unknown-parameter"]),
        ("DynamoDB_20120810.ListTables", {"Limit": "many"}, ["parameter-type"]),
        ("DynamoDB_20120810.FetchItem", {"TableName": "orders"}, ["unknown-operation"]),
        ("AmazonSQS.SendMessage", {"QueueUrl": f"{QUEUE}sold", "MessageBody": "x", "Delay": 5},
         ["unknown-parameter"]),
        ("DynamoDB_20120810.ListTables", {"Limit": 5, "ExclusiveStartTableName": None}, []),
    ],
)  # fmt: skip
def test_a_request_that_does_not_fit_the_model_is_seen(
    aws: Pass, sends: str, body: Any, kinds: list[str]
) -> None:
    host = "sqs" if sends.startswith("AmazonSQS") else "dynamodb"
    connection = HTTPConnection(f"{host}.eu-west-1.amazonaws.com")
    connection.sock = aws.opened.connect()
    signed = f"Credential=x/20260101/eu-west-1/{host}/aws4_request, SignedHeaders=host"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {signed}, Signature=00",
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": sends,
    }
    try:
        connection.request("POST", "/", json.dumps(body), headers)
        connection.getresponse().read()
    finally:
        connection.close()
    requests = tuple(aws.opened.requests())
    assert [each.kind for each in judged((), requests).findings if each.kind != "refused"] == kinds


@pytest.mark.parametrize(
    ("use", "on"),
    [
        (lambda aws: aws.client("dynamodb").get_item(TableName="old", Key=KEY),
         "dynamodb GetItem on old"),
        (lambda aws: aws.client("dynamodb").query(
            TableName="orders", IndexName="by-day", KeyConditionExpression="d = :d",
            ExpressionAttributeValues={":d": {"S": "x"}}), "dynamodb Query on orders"),
        (lambda aws: aws.client("dynamodb").put_item(TableName="orders", Item={"n": {"N": "1"}}),
         "dynamodb PutItem on orders"),
        (lambda aws: aws.client("s3").get_object(Bucket="old", Key="k"), "s3 GetObject on old"),
        (lambda aws: aws.client("sqs").send_message(QueueUrl=f"{QUEUE}old", MessageBody="x"),
         "sqs SendMessage on old"),
        (lambda aws: aws.client("sns").publish(TopicArn=f"{TOPIC}old", Message="x"),
         "sns Publish on old"),
        (lambda aws: aws.client("ssm").get_parameter(Name="/old"), "ssm GetParameter on /old"),
        (lambda aws: aws.client("secretsmanager").get_secret_value(SecretId="old"),
         "secretsmanager GetSecretValue on old"),
        (lambda aws: aws.client("kinesis").put_record(
            StreamName="old", Data=b"x", PartitionKey="1"), "kinesis PutRecord on old"),
        (lambda aws: aws.client("stepfunctions").start_execution(stateMachineArn=MACHINE),
         "stepfunctions StartExecution on ship"),
    ],
)  # fmt: skip
def test_what_a_private_aws_refuses_for_the_request_itself(aws: Pass, use: Use, on: str) -> None:
    requests = aws.sent(use)
    judgement = judged((), requests)
    found = [(each.kind, each.detail("request")) for each in judgement.findings]
    assert found == [("refused", on)]
    assert judged(requests, requests).findings == ()


@pytest.mark.parametrize(
    "use",
    [
        lambda aws: aws.client("dynamodb").put_item(
            TableName="orders", Item=KEY, ConditionExpression="attribute_exists(id)"
        ),
        lambda aws: aws.client("s3").get_object(Bucket="receipts", Key="none"),
        lambda aws: aws.client("s3").head_object(Bucket="receipts", Key="none"),
    ],
)
def test_what_may_be_an_answer_to_a_question_warns(aws: Pass, use: Use) -> None:
    judgement = judged((), aws.sent(use))
    assert judgement.findings == ()
    assert [each.kind for each in judgement.warnings] == ["refused"]
