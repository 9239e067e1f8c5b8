"""Application Load Balancers.

"Use Lambda functions as targets of an Application Load Balancer":
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html

With multi-value headers enabled, which the event shows, the load balancer reads
``multiValueHeaders``, else ``headers``.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http import HttpAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.api_gateway_http import PARAMETERS
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    Object,
    has,
    member,
)
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    return has(member(event, "requestContext"), elb=dict)


def _unread_headers(event: Object) -> str:
    return "headers" if "multiValueHeaders" in event else "multiValueHeaders"


LOAD_BALANCER = EventSource(
    name="the load balancer",
    slug="alb",
    recognises=_recognises,
    topics=(("httpMethod",), ("path",)),
    request_path="path",
    named_by_topics=True,
    payload=(("body",),),
    parameters=PARAMETERS,
    answers=HttpAnswers(needs_object=True, unread_headers=_unread_headers),
)
