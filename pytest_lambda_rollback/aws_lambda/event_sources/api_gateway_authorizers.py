"""API Gateway's Lambda authorizers, of REST, WebSocket and HTTP APIs.

"Input to an API Gateway Lambda authorizer":
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
"Output from an API Gateway Lambda authorizer":
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"Control access to HTTP APIs with AWS Lambda authorizers" (formats 1.0 and 2.0):
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.authorizers import AuthorizerAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has
from pytest_lambda_rollback.model.json_values import Json


def _has_method_arn(event: Json) -> bool:
    return has(event, methodArn=str) and event.get("type") in ("TOKEN", "REQUEST")


def _has_route_arn(event: Json) -> bool:
    return has(event, routeArn=str, version=str) and event.get("type") == "REQUEST"


API_GATEWAY_AUTHORIZER = EventSource(
    name="API Gateway's authorizer",
    slug="authorizer",
    recognises=_has_method_arn,
    topics=(("type",), ("httpMethod",), ("resource",)),
    answers=AuthorizerAnswers(
        takes_simple=False, arn="methodArn", flat_context="context", writes_context=True
    ),
)
"""TOKEN or REQUEST, answered by an IAM policy; also the format 1.0 of HTTP APIs."""

HTTP_API_AUTHORIZER = EventSource(
    name="API Gateway's authorizer (format 2.0)",
    slug="authorizer",
    recognises=_has_route_arn,
    topics=(("type",), ("routeKey",)),
    answers=AuthorizerAnswers(arn="routeArn"),
)
"""Answered by a simple response if the authorizer has them enabled, else by an IAM policy."""
