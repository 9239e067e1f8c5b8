"""HTTP APIs of API Gateway, payload formats 1.0 and 2.0.

"Create AWS Lambda proxy integrations for HTTP APIs":
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from typing import TypeGuard

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http import HttpAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.malformed_http import (
    inferring_fault,
    object_fault,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    Object,
    Place,
    has,
    member,
)
from pytest_lambda_rollback.model.json_values import Json

PARAMETERS: tuple[Place, ...] = (
    ("queryStringParameters",),
    ("multiValueQueryStringParameters",),
    ("pathParameters",),
)
"""Members besides the body that the client of an HTTP front end fills."""


def only_headers(_event: Object) -> tuple[str, ...]:
    """The header object of payload format 2.0, which has no ``multiValueHeaders``."""
    return ("headers",)


def is_format_2(event: Json) -> TypeGuard[Object]:
    """True for payload format 2.0, in which function URLs send events too."""
    is_http = has(member(event, "requestContext"), http=dict)
    return is_http and has(event, version=str) and event["version"] == "2.0"


def is_format_1(event: Json) -> TypeGuard[Object]:
    """True for payload format 1.0, and for the events of REST APIs."""
    is_request = has(event, httpMethod=str, path=str, resource=str)
    return is_request and bool(member(event, "requestContext"))


HTTP_API_1 = EventSource(
    name="API Gateway (payload format 1.0)",
    slug="rest",
    recognises=lambda event: is_format_1(event) and event.get("version") == "1.0",
    topics=(("httpMethod",), ("resource",)),
    request_path="path",
    named_by_topics=True,
    payload=(("body",),),
    parameters=PARAMETERS,
    answers=HttpAnswers(refuses=object_fault, merges_headers=True, default_type="text/plain"),
)
HTTP_API_2 = EventSource(
    name="API Gateway (payload format 2.0)",
    slug="http",
    recognises=is_format_2,
    topics=(("routeKey",),),
    request_path="rawPath",
    named_by_topics=True,
    payload=(("body",),),
    parameters=PARAMETERS,
    answers=HttpAnswers(
        refuses=inferring_fault,
        infers=True,
        reads_headers=only_headers,
        reads_cookies=True,
        default_type="text/plain",
    ),
)
"""Recognised after function URLs, whose events differ in the domain name only."""
