"""An SDK of another age than the one that was recorded with: boto3 1.26 and today's recordings.

It ignores AWS_ENDPOINT_URL, and speaks the query protocol to SQS.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.front_doors import FrontDoor, authority_file
from pytest_lambda_rollback.model.downstream import AwsExchange
from pytest_lambda_rollback.model.replay import EventFixture
from pytest_lambda_rollback.model.services import Answer
from pytest_lambda_rollback.services.http.front import Front
from tools.case_scorer.pinned_packages import PackageCache, Pins, default_root

_OLD = Pins(
    pins=(
        "boto3==1.26.165", "botocore==1.29.165", "jmespath==1.0.1", "python-dateutil==2.9.0.post0",
        "s3transfer==0.6.2", "six==1.17.0", "urllib3==1.26.20",
    )
)  # fmt: skip
_QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
_PROGRAM = """
import json, os, socket, sys
import boto3, botocore, urllib3.util.connection
from botocore.config import Config
ports = json.loads(os.environ["PORTS"])
urllib3.util.connection.create_connection = lambda address, *a, **k: socket.create_connection(
    ("127.0.0.1", ports[address[0]]))
def client(name):
    return boto3.client(name, region_name="eu-west-1", config=Config(retries={"max_attempts": 0}))
told = {"botocore": botocore.__version__}
key = {"TableName": "orders", "Key": {"id": {"S": "1"}}}
told["item"] = client("dynamodb").get_item(**key)["Item"]
sqs = client("sqs")
queue = os.environ["QUEUE"]
told["sent"] = sqs.send_message(
    QueueUrl=queue, MessageBody="é<&>",
    MessageAttributes={"kind": {"DataType": "String", "StringValue": "new"}})["MessageId"]
told["received"] = [
    (m["Body"], m["MessageAttributes"]["kind"]["StringValue"])
    for m in sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])["Messages"]]
try:
    sqs.get_queue_url(QueueName="gone")
except Exception as error:
    told["error"] = error.response["Error"]["Code"]
try:
    sqs.purge_queue(QueueUrl=queue)
except Exception as error:
    told["refused"] = error.response["Error"]["Code"]
print(json.dumps(told))
"""


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    yield made
    made.close()


def _exchange(service: str, operation: str, parameters: object, **more: object) -> AwsExchange:
    result = more.pop("result", {})
    return AwsExchange(
        service=service,
        operation=operation,
        parameters=json.dumps(parameters),
        result=json.dumps(result),
        **more,  # type: ignore[arg-type]
    )


def test_boto3_1_26_gets_what_todays_boto3_recorded(front: Front, tmp_path: Path) -> None:
    packages = PackageCache(root=default_root()).installed(_OLD)
    kind = {"kind": {"DataType": "String", "StringValue": "new"}}
    message = {"Body": "é<&>", "ReceiptHandle": "r", "MessageId": "m", "MessageAttributes": kind}
    answers = front.recorded_answers()
    answers.begin(
        EventFixture(
            name="e",
            path=Path("e.json"),
            payload=b"{}",
            downstream=(
                _exchange("dynamodb", "GetItem",
                          {"TableName": "orders", "Key": {"id": {"S": "1"}}},
                          result={"Item": {"id": {"S": "1"}, "n": {"N": "5"}}}),
                _exchange("sqs", "SendMessage",
                          {"QueueUrl": _QUEUE, "MessageBody": "é<&>", "MessageAttributes": kind},
                          result={"MessageId": "m", "MD5OfMessageBody": "0"}),
                _exchange("sqs", "ReceiveMessage",
                          {"QueueUrl": _QUEUE, "MessageAttributeNames": ["All"]},
                          result={"Messages": [message]}),
                _exchange("sqs", "GetQueueUrl", {"QueueName": "gone"}, status=400,
                          error_code="AWS.SimpleQueueService.NonExistentQueue"),
            ),
        )
    )  # fmt: skip
    hosts = ("dynamodb.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com",
             "eu-west-1.queue.amazonaws.com")  # fmt: skip
    doors = {host: FrontDoor(front, answers, host=host, port=443) for host in hosts}
    for door in doors.values():
        door.__enter__()
    try:
        done = subprocess.run(
            [sys.executable, "-S", "-c", _PROGRAM], capture_output=True, text=True, timeout=120,
            env={
                "PATH": os.environ["PATH"], "PYTHONPATH": str(packages), "QUEUE": _QUEUE,
                "PORTS": json.dumps({host: door.port for host, door in doors.items()}),
                "AWS_ACCESS_KEY_ID": "dummy", "AWS_SECRET_ACCESS_KEY": "dummy",
                "AWS_CA_BUNDLE": str(authority_file(front, tmp_path)),
                "AWS_CONFIG_FILE": os.devnull, "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            },
        )  # fmt: skip
    finally:
        for door in doors.values():
            door.__exit__(None, None, None)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "botocore": "1.29.165",
        "item": {"id": {"S": "1"}, "n": {"N": "5"}},
        "sent": "m",
        "received": [["é<&>", "new"]],
        "error": "AWS.SimpleQueueService.NonExistentQueue",
        "refused": "LambdaRollbackNotRecorded",
    }
    told = answers.requests()
    assert [(each.service, each.operation, each.answer) for each in told] == [
        ("dynamodb", "GetItem", Answer.ANSWERED),
        ("sqs", "SendMessage", Answer.ANSWERED),
        ("sqs", "ReceiveMessage", Answer.ANSWERED),
        ("sqs", "GetQueueUrl", Answer.ANSWERED),
        ("sqs", "PurgeQueue", Answer.UNRECORDED),
    ]
