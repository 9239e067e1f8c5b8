"""Event fixtures from a few words: the envelope that each AWS event source puts around them.

A case writes ``sqs = [{ order = 1 }]`` and gets the event that Lambda's poller would send. The
shapes are those of the samples in the AWS Lambda Developer Guide, shortened where no function
looks. Pure; knows nothing of cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

_ACCOUNT = "123456789012"
_REGION = "us-east-1"


def fixture_text(table: Mapping[str, Any]) -> str:
    """Text of a fixture file; one key of ``table`` names the source.

    ``json`` holds the whole file instead, and ``expect`` the error that the current version is
    meant to raise. Raises ValueError for no or several sources, TypeError for a wrong value.
    """
    keys = [key for key in table if key != "expect"]
    if len(keys) != 1 or keys[0] not in {"json", *_SOURCES}:
        raise ValueError(f"expected one of json, {', '.join(sorted(_SOURCES))}; got {keys}")
    value = table[keys[0]]
    event = json.loads(value) if keys[0] == "json" else _SOURCES[keys[0]](value)
    if "expect" in table:
        event = {"lambda_rollback": 1, "event": event, "expect": {"error": table["expect"]}}
    return json.dumps(event, indent=2) + "\n"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _request(value: Mapping[str, Any]) -> tuple[str, str, dict[str, str], str | None]:
    """Method, path, headers and body of a request."""
    headers = {"content-type": "application/json", "host": "api.example.com"}
    headers |= value.get("headers", {})
    body = _text(value["body"]) if "body" in value else None
    return value.get("method", "POST"), value.get("path", "/"), headers, body


def _http_api(value: Mapping[str, Any]) -> dict[str, Any]:
    """API Gateway HTTP API, payload format 2.0."""
    method, path, headers, body = _request(value)
    route = value.get("route", f"{method} {path}")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": "a1b2c3d4e5",
            "domainName": "api.example.com",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1", "userAgent": "agent",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1773342238000,
        },
        "isBase64Encoded": False,
    }  # fmt: skip
    if "parameters" in value:
        event["pathParameters"] = value["parameters"]
    return event if body is None else event | {"body": body}


def _function_url(value: Mapping[str, Any]) -> dict[str, Any]:
    """A function URL: as an HTTP API, by another domain and without a route."""
    event = _http_api(value)
    domain = "abcdefghij.lambda-url.us-east-1.on.aws"
    event["routeKey"] = "$default"
    event["headers"]["host"] = domain
    event["requestContext"] |= {
        "domainName": domain, "apiId": "abcdefghij", "routeKey": "$default",
    }  # fmt: skip
    return event


def _rest_api(value: Mapping[str, Any]) -> dict[str, Any]:
    """API Gateway REST API with proxy integration."""
    method, path, headers, body = _request(value)
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [header] for name, header in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": _ACCOUNT, "apiId": "a1b2c3d4e5", "httpMethod": method,
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "agent"},
            "path": f"/prod{path}", "protocol": "HTTP/1.1", "requestId": "c6af9ac6-7b61-11e6",
            "resourceId": "123456", "resourcePath": path, "stage": "prod",
        },
        "body": body,
        "isBase64Encoded": False,
    }  # fmt: skip


def _authorizer(value: Mapping[str, Any]) -> dict[str, Any]:
    """API Gateway Lambda authorizer of type TOKEN."""
    return {
        "type": "TOKEN",
        "methodArn": f"arn:aws:execute-api:{_REGION}:{_ACCOUNT}:a1b2c3d4e5/prod/GET/orders",
        "authorizationToken": value["token"],
    }


def _sqs(value: list[Any]) -> dict[str, Any]:
    """One record for each body; the n-th has the message id ``message-n``, from 1."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"AQEB{number}",
                "body": _text(body),
                "attributes": {
                    "ApproximateReceiveCount": "1", "SentTimestamp": "1773342238000",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1773342238001",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{_REGION}:{_ACCOUNT}:orders",
                "awsRegion": _REGION,
            }
            for number, body in enumerate(value, start=1)
        ]
    }  # fmt: skip


def _eventbridge(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": value["detail-type"],
        "source": value.get("source", "com.example.orders"),
        "account": _ACCOUNT,
        "time": "2026-03-12T19:03:58Z",
        "region": _REGION,
        "resources": [],
        "detail": value["detail"],
    }


def _s3(value: list[str]) -> dict[str, Any]:
    """One object-created record for each key."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": _REGION,
                "eventTime": "2026-03-12T19:03:58.000Z",
                "eventName": "ObjectCreated:Put",
                "userIdentity": {"principalId": "EXAMPLE"},
                "requestParameters": {"sourceIPAddress": "192.0.2.1"},
                "responseElements": {"x-amz-request-id": "EXAMPLE123456789"},
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "uploads",
                    "bucket": {"name": "uploads", "arn": "arn:aws:s3:::uploads",
                               "ownerIdentity": {"principalId": "EXAMPLE"}},
                    "object": {"key": key, "size": 1024, "sequencer": "0A1B2C3D4E5F678901",
                               "eTag": "0123456789abcdef0123456789abcdef"},
                },
            }
            for key in value
        ]
    }  # fmt: skip


def _dynamodb(value: list[Mapping[str, Any]]) -> dict[str, Any]:
    """One INSERT record for each new image, which is in DynamoDB's own JSON; numbers from 1."""
    return {
        "Records": [
            {
                "eventID": f"event-{number}",
                "eventVersion": "1.1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1773342238.0,
                    "Keys": {"id": image["id"]}, "NewImage": image,
                    "SequenceNumber": str(number), "SizeBytes": 26,
                    "StreamViewType": "NEW_IMAGE",
                },
                "awsRegion": _REGION,
                "eventName": "INSERT",
                "eventSource": "aws:dynamodb",
                "eventSourceARN": f"arn:aws:dynamodb:{_REGION}:{_ACCOUNT}:table/orders/stream/1",
            }
            for number, image in enumerate(value, start=1)
        ]
    }  # fmt: skip


def _cognito(value: Mapping[str, Any]) -> dict[str, Any]:
    """A user pool trigger: its source, and what its ``request`` holds beside the attributes."""
    attributes = {"sub": "4b8a-11", "email": "ann@example.com", **value.get("attributes", {})}
    return {
        "version": "1",
        "triggerSource": value["trigger"],
        "region": _REGION,
        "userPoolId": "us-east-1_EXAMPLE",
        "userName": "ann",
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
        "request": {"userAttributes": attributes, **value.get("request", {})},
        "response": value.get("response", {}),
    }


_SOURCES: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "http-api": _http_api,
    "function-url": _function_url,
    "rest-api": _rest_api,
    "authorizer": _authorizer,
    "sqs": _sqs,
    "eventbridge": _eventbridge,
    "s3": _s3,
    "dynamodb": _dynamodb,
    "cognito": _cognito,
}
