"""Events as AWS services send them, shortened to what tells one source from another."""

from __future__ import annotations

import json
from typing import Any

from pytest_lambda_rollback.aws_lambda.event_sources.interface import Event
from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN

ARN = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3/prod/GET/orders"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:orders"

REST_API: dict[str, Any] = {
    "resource": "/orders", "path": "/orders", "httpMethod": "GET", "headers": {},
    "multiValueHeaders": {}, "requestContext": {"apiId": "a1b2c3", "stage": "prod"}, "body": None,
}  # fmt: skip
HTTP_API_1 = {"version": "1.0", **REST_API}
HTTP_API_2: dict[str, Any] = {
    "version": "2.0", "routeKey": "GET /orders", "rawPath": "/orders",
    "requestContext": {"domainName": "api.example.com", "http": {"method": "GET"}},
}  # fmt: skip
FUNCTION_URL: dict[str, Any] = {
    **HTTP_API_2,
    "requestContext": {
        "domainName": "abc.lambda-url.us-east-1.on.aws", "http": {"method": "GET"},
    },
}  # fmt: skip
LOAD_BALANCER: dict[str, Any] = {
    "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:x"}},
    "httpMethod": "GET", "path": "/orders", "headers": {}, "body": "",
}  # fmt: skip
TOKEN_AUTHORIZER = {"type": "TOKEN", "methodArn": ARN, "authorizationToken": "secret"}
REQUEST_AUTHORIZER = {"type": "REQUEST", "methodArn": ARN, "headers": {}, "httpMethod": "GET",
                      "path": "/orders", "resource": "/orders",
                      "requestContext": {"apiId": "a1b2c3"}}  # fmt: skip
HTTP_AUTHORIZER = {"version": "2.0", "type": "REQUEST", "routeArn": ARN,
                   "requestContext": {"http": {"method": "GET"}}}  # fmt: skip
APPSYNC_AUTHORIZER = {
    "authorizationToken": "secret",
    "requestContext": {"apiId": "a1b2c3", "queryString": "query { orders }"},
}
SNS = {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": "hi"}}]}
S3 = {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "a"}}}]}
EVENTBRIDGE: dict[str, Any] = {
    "version": "0", "id": "1", "detail-type": "Order placed", "source": "shop",
    "account": "123456789012", "time": "2026-03-12T19:03:58Z", "region": "us-east-1",
    "resources": [], "detail": {},
}  # fmt: skip
SCHEDULED = {**EVENTBRIDGE, "detail-type": "Scheduled Event", "source": "aws.events"}
LOGS = {"awslogs": {"data": "H4sIAAAA"}}
CUSTOM_RESOURCE = {
    "RequestType": "Create", "ResponseURL": "https://example.com/presigned",
    "StackId": "arn:aws:cloudformation:x", "RequestId": "1", "LogicalResourceId": "Database",
    "ResourceType": "Custom::Database", "ResourceProperties": {},
}  # fmt: skip
KAFKA = {"eventSource": "aws:kafka", "eventSourceArn": "arn:aws:kafka:x",
         "records": {"orders-0": [{"topic": "orders", "partition": 0, "offset": 15}]}}  # fmt: skip
MQ = {"eventSource": "aws:mq", "eventSourceArn": "arn:aws:mq:x", "messages": []}
S3_BATCH = {"invocationSchemaVersion": "1.0", "invocationId": "i", "job": {"id": "j"},
            "tasks": [{"taskId": "t1", "s3Key": "a"}, {"taskId": "t2", "s3Key": "b"}]}  # fmt: skip
FIREHOSE = {
    "invocationId": "i", "deliveryStreamArn": "arn:aws:firehose:x", "region": "us-east-1",
    "records": [{"recordId": "r1", "data": "e30="}, {"recordId": "r2", "data": "e30="}],
}  # fmt: skip
PROVISIONING = {
    "claimCertificateId": "c", "certificateId": "d", "templateArn": "arn:aws:iot:x",
    "clientId": "1", "parameters": {"SerialNumber": "1"},
}  # fmt: skip
CLIENT_VPN = {
    "connection-id": "cvpn-connection-1", "endpoint-id": "cvpn-endpoint-1", "username": "ann",
    "platform": "Linux", "schema-version": "v3",
}  # fmt: skip
PREPROCESSING = {
    "invocationId": "i", "applicationArn": "arn:aws:kinesisanalytics:x",
    "streamArn": "arn:aws:kinesis:x", "records": [{"recordId": "r1", "data": "e30="}],
}  # fmt: skip
DELIVERY = {
    "invocationId": "i", "applicationArn": "arn:aws:kinesisanalytics:x",
    "records": [{"recordId": "r1", "data": "e30=", "lambdaDeliveryRecordMetadata": {}}],
}  # fmt: skip


def recognised(event: object) -> Event:
    """The event with its source."""
    return BUILT_IN.recognise(json.dumps(event).encode())


def sqs(*names: str, group: str | None = None) -> dict[str, Any]:
    """Messages of a queue; of a FIFO queue when they are of a group."""
    attributes = {} if group is None else {"MessageGroupId": group}
    arn = QUEUE if group is None else f"{QUEUE}.fifo"
    return {
        "Records": [
            {"messageId": name, "body": "{}", "eventSource": "aws:sqs", "eventSourceARN": arn,
             "attributes": attributes}
            for name in names
        ]
    }  # fmt: skip


def kinesis(*numbers: str) -> dict[str, Any]:
    return {
        "Records": [
            {"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": number, "data": "e30="}}
            for number in numbers
        ]
    }


def dynamodb(*numbers: str) -> dict[str, Any]:
    return {
        "Records": [
            {"eventSource": "aws:dynamodb", "eventName": "INSERT",
             "dynamodb": {"SequenceNumber": number, "Keys": {}}}
            for number in numbers
        ]
    }  # fmt: skip


def cognito(trigger: str, **response: Any) -> dict[str, Any]:
    """A trigger's event; handed back with ``response`` filled in it is the answer as well."""
    return {
        "version": "1", "triggerSource": trigger, "region": "us-east-1",
        "userPoolId": "us-east-1_EXAMPLE", "userName": "ann", "callerContext": {},
        "request": {"userAttributes": {"sub": "1"}}, "response": response,
    }  # fmt: skip
