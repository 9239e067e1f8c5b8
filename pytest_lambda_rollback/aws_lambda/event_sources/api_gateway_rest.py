"""REST APIs of API Gateway with Lambda proxy integration.

"Lambda proxy integrations in API Gateway" (input and output format):
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
Base64 is decoded only for the API's binary media types ("Return binary media from a Lambda proxy
integration"):
https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http import HttpAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.malformed_http import (
    rest_fault,
)
from pytest_lambda_rollback.aws_lambda.event_sources.api_gateway_http import PARAMETERS, is_format_1
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource

REST_API = EventSource(
    name="API Gateway",
    slug="rest",
    recognises=is_format_1,
    topics=(("httpMethod",), ("resource",)),
    request_path="path",
    named_by_topics=True,
    payload=(("body",),),
    parameters=PARAMETERS,
    answers=HttpAnswers(
        refuses=rest_fault,
        merges_headers=True,
        default_type="application/json",
        decodes_always=False,
    ),
)
"""Recognised after payload format 1.0 of HTTP APIs, which says its version."""
