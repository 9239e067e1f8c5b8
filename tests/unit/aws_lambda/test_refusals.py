"""Answers by which a function only turns an event away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_lambda_rollback.aws_lambda.event_sources.answers.refusals import refusal
from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN

HTTP_API = {
    "version": "2.0",
    "routeKey": "GET /orders",
    "rawPath": "/orders",
    "headers": {},
    "requestContext": {"http": {"method": "GET", "path": "/orders"}, "domainName": "a.b"},
}
LOAD_BALANCER = {
    "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:t/x"}},
    "httpMethod": "GET",
    "path": "/",
    "headers": {},
    "body": "",
}
AUTHORIZER = {
    "type": "TOKEN",
    "authorizationToken": "t",
    "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc/prod/GET/orders",
}
VIEWER_REQUEST = {
    "Records": [
        {"cf": {"config": {"eventType": "viewer-request"}, "request": {"uri": "/", "headers": {}}}}
    ]
}
S3 = {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}}}]}


def policy(*effects: str) -> Any:
    statements = [
        {"Action": "execute-api:Invoke", "Effect": effect, "Resource": "*"} for effect in effects
    ]
    return {"principalId": "p", "policyDocument": {"Statement": statements}}


@pytest.mark.parametrize(
    ("event", "answer", "found"),
    [
        (HTTP_API, {"statusCode": 401, "body": "{}"}, "401"),
        (HTTP_API, {"statusCode": 403}, "403"),
        (HTTP_API, {"statusCode": "404", "body": ""}, "404"),
        (HTTP_API, {"statusCode": 401.0}, "401"),
        (LOAD_BALANCER, {"statusCode": 401, "statusDescription": "401 Unauthorized"}, "401"),
        ({"order": 1}, {"statusCode": 403, "body": "no"}, "403"),
        (VIEWER_REQUEST, {"status": "403", "statusDescription": "Forbidden"}, "403"),
        (VIEWER_REQUEST, {"uri": "/", "headers": {}}, None),
        # Other errors of the client are what a function found out by looking at the event.
        (HTTP_API, {"statusCode": 400, "body": "no total"}, None),
        (HTTP_API, {"statusCode": 409}, None),
        (HTTP_API, {"statusCode": 200, "body": "401"}, None),
        (HTTP_API, {"message": "Unauthorized"}, None),
        (HTTP_API, "401", None),
        (HTTP_API, {"statusCode": True}, None),
        # A status of its own making, in a direct answer.
        ({"order": 1}, {"status": "404"}, None),
        # Nobody reads what is returned for an event of S3.
        (S3, {"statusCode": 404}, None),
        (AUTHORIZER, policy("Deny"), "a denial"),
        (AUTHORIZER, policy("Deny", "Deny"), "a denial"),
        (AUTHORIZER, policy("Allow"), None),
        (AUTHORIZER, policy("Deny", "Allow"), None),
        (AUTHORIZER, {"policyDocument": {"Statement": {"Effect": "Deny"}}}, "a denial"),
        (AUTHORIZER, {"policyDocument": {"Statement": []}}, None),
        (HTTP_API, {"isAuthorized": False}, "a denial"),
        (HTTP_API, {"isAuthorized": True}, None),
        (HTTP_API, {"isAuthorized": 0}, None),
    ],
)  # fmt: skip
def test_refusals(event: Any, answer: Any, found: str | None) -> None:
    assert refusal(BUILT_IN.recognise(json.dumps(event).encode()), answer) == found
