"""Requests of real clients: how each protocol is answered, named and logged."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from helpers.aws_bridge import Bridge
from pytest_lambda_rollback.model.services import Answer, ServiceRequest
from pytest_lambda_rollback.services.aws.private_aws import AwsPass

Open = Callable[..., tuple[AwsPass, Bridge]]


def names(requests: tuple[ServiceRequest, ...]) -> list[str]:
    return [f"{each.service} {each.operation}" for each in requests]


def parameters(request: ServiceRequest) -> Any:
    return json.loads(request.parameters)


def sent(opened_pass: AwsPass, *head: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and body of the answer to a request that is written by hand."""
    with opened_pass.connect() as connection:
        lines = [*head, f"Content-Length: {len(body)}", "Connection: close", "", ""]
        connection.sendall("\r\n".join(lines).encode() + body)
        answer = b""
        while content := connection.recv(65536):
            answer += content
    head_of_answer, _, content = answer.partition(b"\r\n\r\n")
    return int(head_of_answer.split(b" ", 2)[1]), content


@pytest.mark.parametrize("style", ["virtual", "path", "plain"])
def test_s3_in_every_style(opened: Open, style: str) -> None:
    opened_pass, bridge = opened()
    if style == "plain":
        s3 = bridge.plain_client("s3")
    else:
        s3 = bridge.client("s3", config=Config(s3={"addressing_style": style}))
    s3.create_bucket(
        Bucket="invoices", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    s3.put_object(Bucket="invoices", Key="a b/1.json", Body=b'{"total": 5}', Metadata={"by": "x"})
    s3.upload_fileobj(io.BytesIO(b"streamed"), "invoices", "2")
    assert s3.get_object(Bucket="invoices", Key="a b/1.json")["Body"].read() == b'{"total": 5}'
    assert s3.head_object(Bucket="invoices", Key="2")["ContentLength"] == 8
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="invoices")["Contents"]] == [
        "2",
        "a b/1.json",
    ]
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket="invoices", Key="nothing")
    assert raised.value.response["Error"]["Code"] == "NoSuchKey"
    with pytest.raises(ClientError) as raised:
        s3.head_object(Bucket="invoices", Key="nothing")
    assert raised.value.response["Error"]["Code"] == "404"
    s3.delete_object(Bucket="invoices", Key="2")

    requests = opened_pass.requests()
    assert names(requests) == [
        "s3 CreateBucket",
        "s3 PutObject",
        "s3 PutObject",
        "s3 GetObject",
        "s3 HeadObject",
        "s3 ListObjectsV2",
        "s3 GetObject",
        "s3 HeadObject",
        "s3 DeleteObject",
    ]
    put = parameters(requests[1])
    assert (put["Bucket"], put["Key"]) == ("invoices", "a b/1.json")
    assert (put["Body"], put["Metadata"]) == ({"$text": '{"total": 5}'}, {"by": "x"})
    assert parameters(requests[2])["Body"] == {"$text": "streamed"}
    assert (requests[6].status, requests[6].error) == (404, "NoSuchKey")
    assert requests[6].message == "The specified key does not exist."
    assert (requests[7].status, requests[7].error) == (404, "404")
    assert {each.answer for each in requests} == {Answer.ANSWERED}


def test_a_large_object_in_parts(opened: Open) -> None:
    opened_pass, bridge = opened()
    s3 = bridge.client("s3", region="us-east-1")
    s3.create_bucket(Bucket="films")
    content = bytes(range(256)) * 65536  # 16 MB
    s3.upload_fileobj(io.BytesIO(content), "films", "film")
    assert s3.get_object(Bucket="films", Key="film")["Body"].read() == content
    part = next(each for each in opened_pass.requests() if each.operation == "UploadPart")
    assert parameters(part)["Body"]["$large"] == 8 * 1024 * 1024
    (stored,) = opened_pass.stored().items
    value = json.loads(stored.value)
    assert (value["bytes"], value["kind"]) == (len(content), "large")


def test_a_presigned_url(opened: Open) -> None:
    opened_pass, bridge = opened()
    s3 = bridge.client("s3", region="us-east-1")
    s3.create_bucket(Bucket="invoices")
    s3.put_object(Bucket="invoices", Key="1", Body=b"hello")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "invoices", "Key": "1"})
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{bridge.port}"})
    )
    with opener.open(url.replace("https:", "http:"), timeout=10) as answer:
        assert answer.read() == b"hello"
    assert names(opened_pass.requests())[-1] == "s3 GetObject"


def test_queues_by_json(opened: Open) -> None:
    opened_pass, bridge = opened()
    sqs = bridge.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.send_message(
        QueueUrl=url,
        MessageBody="{}",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "order"}},
    )
    with pytest.raises(ClientError) as raised:
        sqs.send_message(QueueUrl=url + "x", MessageBody="{}")
    assert raised.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    _, send, failed = opened_pass.requests()
    assert (send.service, send.operation) == ("sqs", "SendMessage")
    assert parameters(send)["MessageAttributes"]["kind"]["StringValue"] == "order"
    assert failed.error == "AWS.SimpleQueueService.NonExistentQueue"
    (message,) = opened_pass.stored().items
    assert (message.container, message.key) == ("jobs", "1")
    assert json.loads(message.value) == {
        "body": "{}",
        "attributes": {"kind": {"type": "String", "value": "order"}},
    }


def test_queues_by_the_query_protocol_of_older_clients(opened: Open) -> None:
    opened_pass, bridge = opened()
    url = bridge.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    body = urlencode(
        {
            "Action": "SendMessage",
            "Version": "2012-11-05",
            "QueueUrl": url,
            "MessageBody": '{"a": 1}',
            "MessageAttribute.1.Name": "kind",
            "MessageAttribute.1.Value.DataType": "String",
            "MessageAttribute.1.Value.StringValue": "order",
        }
    ).encode()
    status, answer = sent(
        opened_pass,
        f"POST {urlsplit(url).path} HTTP/1.1",
        "Host: eu-west-1.queue.amazonaws.com",
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8",
        body=body,
    )
    assert status == 200
    assert b"<MessageId>" in answer
    request = opened_pass.requests()[-1]
    assert (request.service, request.operation) == ("sqs", "SendMessage")
    assert parameters(request) == {
        "QueueUrl": url,
        "MessageBody": '{"a": 1}',
        "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "order"}},
    }
    assert len(opened_pass.stored().items) == 1


@pytest.mark.parametrize(
    "host",
    [
        "aws.lambda-rollback.internal",
        "aws.lambda-rollback.internal:80",
        "dynamodb.eu-west-1.amazonaws.com",
        "dynamodb-fips.eu-west-1.amazonaws.com",
        "dynamodb.eu-west-1.api.aws",
        "111122223333.ddb.eu-west-1.amazonaws.com",
        "dynamodb.eu-west-1.amazonaws.com:443",
    ],
)
def test_hosts_of_one_service(opened: Open, host: str) -> None:
    opened_pass, _ = opened()
    scope = "key/20260101/eu-west-1/dynamodb/aws4_request"
    status, answer = sent(
        opened_pass,
        "POST / HTTP/1.1",
        f"Host: {host}",
        "X-Amz-Target: DynamoDB_20120810.ListTables",
        "Content-Type: application/x-amz-json-1.0",
        f"Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        body=b"{}",
    )
    assert (status, json.loads(answer)) == (200, {"TableNames": []})
    assert names(opened_pass.requests()) == ["dynamodb ListTables"]


def test_services_that_are_named_otherwise_in_their_hosts(opened: Open) -> None:
    opened_pass, bridge = opened()
    bridge.plain_client("stepfunctions").list_state_machines()
    bridge.plain_client("cloudwatch").list_metrics()
    bridge.plain_client("ses").list_identities()
    bridge.plain_client("events").list_rules()
    bridge.plain_client("lambda").list_functions()
    requests = opened_pass.requests()
    assert names(requests) == [
        "stepfunctions ListStateMachines",
        "cloudwatch ListMetrics",
        "ses ListIdentities",
        "events ListRules",
        "lambda ListFunctions",
    ]
    assert {each.answer for each in requests} == {Answer.ANSWERED}


def test_what_moto_does_not_do_is_said_by_name(opened: Open) -> None:
    opened_pass, bridge = opened()
    calls: list[tuple[Callable[[], Any], str]] = [
        (
            lambda: bridge.client("dynamodb").describe_contributor_insights(TableName="orders"),
            "dynamodb DescribeContributorInsights",
        ),
        (
            lambda: bridge.client("lambda").invoke(FunctionName="prices"),
            "lambda Invoke",
        ),
        (
            lambda: bridge.client("translate").list_languages(),
            "translate ListLanguages",
        ),
        (
            lambda: bridge.client("sqs").cancel_message_move_task(TaskHandle="x"),
            "sqs CancelMessageMoveTask",
        ),
        (
            lambda: bridge.client("sns").create_sms_sandbox_phone_number(PhoneNumber="+4912345"),
            "sns CreateSMSSandboxPhoneNumber",
        ),
    ]
    for call, _ in calls:
        with pytest.raises(ClientError) as raised:
            call()
        assert raised.value.response["Error"]["Code"] == "NotImplemented"
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    requests = opened_pass.requests()
    assert names(requests) == [name for _, name in calls]
    for request in requests:
        assert (request.answer, request.status) == (Answer.UNSUPPORTED, 501)
        assert request.message


def test_an_operation_of_no_model_and_a_service_of_no_name(opened: Open) -> None:
    opened_pass, _ = opened()
    json_kind = "Content-Type: application/x-amz-json-1.0"
    for host in ("dynamodb.eu-west-1.amazonaws.com", "newservice.eu-west-1.amazonaws.com"):
        target = "X-Amz-Target: DynamoDB_20120810.TeleportItem"
        status, _ = sent(
            opened_pass, "POST / HTTP/1.1", f"Host: {host}", target, json_kind, body=b"{}"
        )
        assert status == 501
    first, second = opened_pass.requests()
    assert (first.service, first.operation) == ("dynamodb", "TeleportItem")
    assert (second.service, second.operation) == (
        "newservice.eu-west-1.amazonaws.com",
        "TeleportItem",
    )
    assert {first.answer, second.answer} == {Answer.UNSUPPORTED}


def test_a_mistake_of_motos_own_is_not_the_functions(opened: Open) -> None:
    opened_pass, _ = opened()
    status, answer = sent(
        opened_pass,
        "POST / HTTP/1.1",
        "Host: dynamodb.eu-west-1.amazonaws.com",
        "X-Amz-Target: DynamoDB_20120810.GetItem",
        "Content-Type: application/x-amz-json-1.0",
        body=b"[1, 2]",
    )
    assert status == 501
    assert b"Traceback" not in answer
    assert b"/site-packages/" not in answer
    (request,) = opened_pass.requests()
    assert (request.service, request.operation) == ("dynamodb", "GetItem")
    assert request.answer is Answer.UNSUPPORTED
    assert request.message.startswith("moto failed with ")


def test_each_request_is_told_once(opened: Open) -> None:
    opened_pass, bridge = opened()
    assert opened_pass.requests() == ()
    sts = bridge.client("sts")
    sts.get_caller_identity()
    assert names(opened_pass.requests()) == ["sts GetCallerIdentity"]
    assert opened_pass.requests() == ()
    sts.get_session_token()
    assert names(opened_pass.requests()) == ["sts GetSessionToken"]


@pytest.mark.parametrize(
    "host", ["[::1", "127.0.0.1", "a", "..", "x/../y.example.com", "\u00e4.com", ""]
)
@pytest.mark.parametrize("target", ["/", "//[", "http://[::1", "/?X-Amz-Credential=%ff/[", "*"])
def test_hosts_and_targets_that_are_none_harm_nobody(opened: Open, host: str, target: str) -> None:
    opened_pass, _ = opened()
    status, answer = sent(opened_pass, f"GET {target} HTTP/1.1", f"Host: {host}")
    assert status >= 200
    assert b"Traceback" not in answer
    assert len(opened_pass.requests()) <= 1
    assert opened_pass.stored().items == ()


def test_json_that_is_nested_without_end(opened: Open) -> None:
    opened_pass, _ = opened()
    status, _ = sent(
        opened_pass,
        "POST / HTTP/1.1",
        "Host: dynamodb.eu-west-1.amazonaws.com",
        "X-Amz-Target: DynamoDB_20120810.PutItem",
        "Content-Type: application/x-amz-json-1.0",
        body=b'{"Item": ' + b"[" * 200_000,
    )
    assert status == 501
    (request,) = opened_pass.requests()
    assert request.answer is Answer.UNSUPPORTED
