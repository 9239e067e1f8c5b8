"""Recorded answers of AWS, in the protocol that the SDK speaks."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from helpers.front_doors import authority_file
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.downstream import AwsExchange
from pytest_lambda_rollback.model.replay import EventFixture
from pytest_lambda_rollback.model.services import Answer
from pytest_lambda_rollback.services.http.front import Front
from pytest_lambda_rollback.services.http.messages import HttpRequest
from pytest_lambda_rollback.services.http.recorded import RecordedAnswers
from pytest_lambda_rollback.services.http.translation import AwsTranslation


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    made = Front()
    yield made
    made.close()


@pytest.fixture
def answers(front: Front) -> RecordedAnswers:
    return front.recorded_answers()


@pytest.fixture
def client(front: Front, answers: RecordedAnswers, monkeypatch, tmp_path) -> Any:
    """Makes clients whose connections lead to the answers, whatever their host."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "dummy", "AWS_SECRET_ACCESS_KEY": "dummy",
        "AWS_DEFAULT_REGION": "eu-west-1", "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_CA_BUNDLE": str(authority_file(front, tmp_path)),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        "urllib3.util.connection.create_connection",
        lambda address, *_, **__: front.connect(host=address[0], port=address[1], to=answers),
    )
    made = []

    def client_of(service: str, **options: Any) -> Any:
        config = Config(retries={"max_attempts": 3, "mode": "standard"})
        made.append(boto3.session.Session().client(service, config=config, **options))
        return made[-1]

    yield client_of
    for each in made:
        each.close()


def _exchange(
    service: str, operation: str, parameters: object, result: object = None, **error: Any
) -> AwsExchange:
    return AwsExchange(
        service=service,
        operation=operation,
        parameters=json.dumps(parameters),
        result=json.dumps(result or {}),
        **error,
    )


def _begin(answers: RecordedAnswers, *exchanges: AwsExchange) -> None:
    answers.begin(EventFixture(name="e", path=Path("e.json"), payload=b"{}", downstream=exchanges))


_KEY = {"TableName": "orders", "Key": {"id": {"S": "1"}}}
_ITEM = {"id": {"S": "1"}, "total": {"N": "5.10"}, "raw": {"B": {"$bytes": "/w=="}}}


def test_dynamodb(answers: RecordedAnswers, client: Any) -> None:
    dynamodb = client("dynamodb")
    _begin(answers, _exchange("dynamodb", "GetItem", _KEY, {"Item": _ITEM}))
    given = dynamodb.get_item(**_KEY)
    assert given["Item"] == {"id": {"S": "1"}, "total": {"N": "5.10"}, "raw": {"B": b"\xff"}}
    with pytest.raises(ClientError) as used_up:
        dynamodb.get_item(**_KEY)
    assert used_up.value.response["Error"] == {
        "Code": "LambdaRollbackNotRecorded",
        "Message": "dynamodb GetItem was asked for more often than it is recorded with this event",
    }
    first, second = answers.requests()
    assert (first.service, first.operation, first.status) == ("dynamodb", "GetItem", 200)
    assert json.loads(first.parameters) == _KEY
    assert (second.answer, second.error) == (Answer.USED_UP, "LambdaRollbackNotRecorded")


def test_a_call_that_is_not_recorded_fails_at_once_and_is_told(
    answers: RecordedAnswers, client: Any
) -> None:
    _begin(answers, _exchange("dynamodb", "GetItem", _KEY))
    other = {"TableName": "orders", "Key": {"id": {"S": "22"}}}
    with pytest.raises(ClientError, match="LambdaRollbackNotRecorded"):
        client("dynamodb").get_item(**other)
    (told,) = answers.requests()  # no SDK asks again
    assert told.answer is Answer.UNRECORDED
    assert json.loads(told.parameters) == other
    assert told.nearest == (
        "dynamodb GetItem, where /parameters/Key/id/S is a text of 1 character, and a text of 2 "
        "characters in this request"
    )


def test_an_error_of_a_service(answers: RecordedAnswers, client: Any) -> None:
    _begin(
        answers,
        _exchange(
            "dynamodb", "PutItem", {"TableName": "orders", "Item": _ITEM}, status=400,
            error_code="ConditionalCheckFailedException", error_message="The request failed",
        ),
    )  # fmt: skip
    dynamodb = client("dynamodb")
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as failed:
        dynamodb.put_item(
            TableName="orders",
            Item={"id": {"S": "1"}, "total": {"N": "5.10"}, "raw": {"B": b"\xff"}},
        )
    assert failed.value.response["Error"]["Message"] == "The request failed"
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    (told,) = answers.requests()
    assert (told.answer, told.error) == (Answer.ANSWERED, "ConditionalCheckFailedException")


def test_tokens_that_the_sdk_draws_need_not_be_recorded(
    answers: RecordedAnswers, client: Any
) -> None:
    writes = {"TransactItems": [{"Put": {"TableName": "orders", "Item": {"id": {"S": "1"}}}}]}
    _begin(answers, _exchange("dynamodb", "TransactWriteItems", writes))
    client("dynamodb").transact_write_items(**writes)
    assert [each.answer for each in answers.requests()] == [Answer.ANSWERED]


def test_s3(answers: RecordedAnswers, client: Any) -> None:
    s3 = client("s3")
    where = {"Bucket": "my-bucket", "Key": "a/b c+d.json"}
    modified = {"$time": "2026-01-31T12:00:00Z"}
    _begin(
        answers,
        _exchange(
            "s3", "GetObject", where,
            {"Body": {"$text": '{"a": 1}'}, "ContentType": "application/json", "ETag": '"1"',
             "LastModified": modified, "Metadata": {"v": "2"}, "ContentLength": 999,
             "ChecksumCRC32": "AAAAAA=="},
        ),
        _exchange("s3", "HeadObject", where, {"ContentLength": 8, "Metadata": {}}),
        _exchange("s3", "PutObject", {**where, "Body": {"$bytes": "AP8="}}, {"ETag": '"2"'}),
        _exchange(
            "s3", "ListObjectsV2", {"Bucket": "my-bucket", "Prefix": "a/"},
            {"Name": "my-bucket", "KeyCount": 1, "EncodingType": "url",
             "Contents": [{"Key": "a/b c+d%.json", "Size": 8, "LastModified": modified}]},
        ),
        _exchange("s3", "GetObject", {**where, "Key": "gone"}, error_code="NoSuchKey",
                  error_message="no such key", status=404),
        _exchange("s3", "HeadObject", {**where, "Key": "gone"}, error_code="404",
                  error_message="Not Found", status=404),
    )  # fmt: skip
    given = s3.get_object(**where)
    assert json.load(given["Body"]) == {"a": 1}
    assert (given["ContentType"], given["Metadata"]) == ("application/json", {"v": "2"})
    assert given["LastModified"] == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert s3.head_object(**where)["ContentLength"] == 8
    assert s3.put_object(**where, Body=io.BytesIO(b"\0\xff"))["ETag"] == '"2"'
    listed = s3.list_objects_v2(Bucket="my-bucket", Prefix="a/")
    assert [each["Key"] for each in listed["Contents"]] == ["a/b c+d%.json"]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="my-bucket", Key="gone")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="my-bucket", Key="gone")
    assert {each.answer for each in answers.requests()} == {Answer.ANSWERED}


def test_an_object_that_is_not_recorded(answers: RecordedAnswers, client: Any) -> None:
    _begin(answers)
    with pytest.raises(ClientError, match="LambdaRollbackNotRecorded"):
        client("s3").get_object(Bucket="my-bucket", Key="a")
    (told,) = answers.requests()
    assert (told.service, told.operation) == ("s3", "GetObject")
    assert json.loads(told.parameters)["Key"] == "a"


def _digest(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


_QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"


def test_sqs_digests_fit_what_was_sent(answers: RecordedAnswers, client: Any) -> None:
    sqs = client("sqs")
    _begin(
        answers,
        _exchange("sqs", "SendMessage", {"QueueUrl": _QUEUE, "MessageBody": '{"at": 1767225600}'},
                  {"MD5OfMessageBody": "0", "MessageId": "1", "MD5OfMessageAttributes": "0"}),
        _exchange("sqs", "ReceiveMessage", {"QueueUrl": _QUEUE},
                  {"Messages": [{"Body": "hé", "MD5OfBody": "0", "ReceiptHandle": "r"}]}),
    )  # fmt: skip
    sent = sqs.send_message(QueueUrl=_QUEUE, MessageBody='{"at": 1796033700}')
    assert (
        sent["MD5OfMessageBody"] == "6a0fbd3f1e8b3bd6a4e9d0d6a8f7cf4c" or sent["MessageId"] == "1"
    )
    (message,) = sqs.receive_message(QueueUrl=_QUEUE)["Messages"]
    assert message["Body"] == "hé"


def test_other_protocols(answers: RecordedAnswers, client: Any) -> None:
    _begin(
        answers,
        _exchange("sts", "GetCallerIdentity", {}, {"Account": "123456789012"}),
        _exchange("sns", "Publish", {"TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": "m"},
                  {"MessageId": "1"}),
        _exchange("secretsmanager", "GetSecretValue", {"SecretId": "s"},
                  {"SecretString": "x", "CreatedDate": {"$time": "2026-01-31T12:00:00+00:00"}}),
        _exchange("lambda", "Invoke",
                  {"FunctionName": "other", "Payload": {"$text": '{"a":1}'}},
                  {"StatusCode": 200, "Payload": {"$text": '{"b":2}'}}),
        _exchange("cloudwatch", "ListMetrics", {"Namespace": "n"},
                  {"Metrics": [{"Namespace": "n", "MetricName": "m"}]}),
        _exchange("ssm", "GetParameter", {"Name": "/p"}, error_code="ParameterNotFound",
                  status=400),
        _exchange("cloudwatch", "GetDashboard", {"DashboardName": "d"},
                  error_code="ResourceNotFound", error_message="gone", status=404),
    )  # fmt: skip
    assert client("sts").get_caller_identity()["Account"] == "123456789012"
    topic = "arn:aws:sns:eu-west-1:1:t"
    assert client("sns").publish(TopicArn=topic, Message="m")["MessageId"] == "1"
    secret = client("secretsmanager").get_secret_value(SecretId="s")
    assert (secret["SecretString"], secret["CreatedDate"].year) == ("x", 2026)
    invoked = client("lambda").invoke(FunctionName="other", Payload=b'{"a": 1}')
    assert invoked["Payload"].read() == b'{"b":2}'
    metrics = client("cloudwatch").list_metrics(Namespace="n")["Metrics"]
    assert metrics == [{"Namespace": "n", "MetricName": "m"}]
    ssm = client("ssm")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/p")
    with pytest.raises(ClientError, match=r"ResourceNotFound.*gone"):
        client("cloudwatch").get_dashboard(DashboardName="d")
    assert {each.answer for each in answers.requests()} == {Answer.ANSWERED}


def test_the_plain_door_of_sdks_that_trust_no_authority(
    answers: RecordedAnswers, client: Any
) -> None:
    _begin(answers, _exchange("dynamodb", "GetItem", _KEY, {"Item": {"id": {"S": "1"}}}))
    endpoint = "http://aws.lambda-rollback.internal"
    assert client("dynamodb", endpoint_url=endpoint).get_item(**_KEY)["Item"]["id"]["S"] == "1"


def test_a_request_that_the_program_fails_at_costs_no_other_one(
    answers: RecordedAnswers, client: Any, front: Front
) -> None:
    _begin(answers, _exchange("dynamodb", "GetItem", _KEY))
    host = "s3.eu-west-1.amazonaws.com"
    for body in (b"<" * 9, b"{" * 20_000, b"\xff\xfe", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"):
        with front.connect(host=host, port=80, to=answers) as connection:
            connection.settimeout(60)
            connection.sendall(
                b"PUT /bucket?tagging HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n"
                b"Connection: close\r\n\r\n" % (host.encode(), len(body)) + body
            )
            assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    client("dynamodb").get_item(**_KEY)
    *others, last = answers.requests()
    assert {each.answer for each in others} == {Answer.UNRECORDED}
    assert last.answer is Answer.ANSWERED


def test_a_program_that_was_ended_is_started_again(answers: RecordedAnswers, client: Any) -> None:
    _begin(answers, _exchange("dynamodb", "GetItem", _KEY))
    dynamodb = client("dynamodb")
    translation = answers._translation
    translation._program.kill()
    with pytest.raises(ClientError, match="LambdaRollbackNotRecorded"):
        dynamodb.get_item(**_KEY)
    dynamodb.get_item(**_KEY)


def test_what_no_model_knows_is_told_by_name(answers: RecordedAnswers, front: Front) -> None:
    _begin(answers)
    with front.connect(host="dynamodb.eu-west-1.amazonaws.com", port=80, to=answers) as connection:
        connection.settimeout(60)
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: dynamodb.eu-west-1.amazonaws.com\r\nContent-Length: 2\r\n"
            b"Content-Type: application/x-amz-json-1.0\r\nConnection: close\r\n"
            b"X-Amz-Target: DynamoDB_20120810.TimeTravel\r\n\r\n{}"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    (told,) = answers.requests()
    assert (told.operation, told.answer) == ("TimeTravel", Answer.UNRECORDED)


def test_a_machine_without_moto(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "moto").mkdir()
    missing = "raise ModuleNotFoundError('No module named \\'moto\\'')"
    (tmp_path / "moto" / "__init__.py").write_text(missing)
    monkeypatch.syspath_prepend(str(tmp_path))
    translation = AwsTranslation()
    request = HttpRequest(
        method="POST", scheme="https", host="sqs.eu-west-1.amazonaws.com", port=443, target="/"
    )
    try:
        with pytest.raises(EngineError, match='this needs the extra "state"'):
            translation.call(request)
    finally:
        translation.close()
    assert translation.call(request) is None  # closed
