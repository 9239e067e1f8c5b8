"""Application Load Balancers.

"Use Lambda functions as targets of an Application Load Balancer":
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html

With multi-value headers enabled, which the event shows, the load balancer reads
``multiValueHeaders``, else ``headers``.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http import HttpAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.malformed_http import (
    alb_header_object,
    load_balancer_fault,
)
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


def _reads_headers(event: Object) -> tuple[str, ...]:
    return (alb_header_object(event),)


LOAD_BALANCER = EventSource(
    name="the load balancer",
    slug="alb",
    recognises=_recognises,
    topics=(("httpMethod",), ("path",)),
    request_path="path",
    named_by_topics=True,
    payload=(("body",),),
    parameters=PARAMETERS,
    answers=HttpAnswers(
        refuses=load_balancer_fault,
        reads_headers=_reads_headers,
        default_type="application/octet-stream",
    ),
)
