"""Lambda function URLs.

"Invoking Lambda function URLs" (the events are those of payload format 2.0; the domain is
``ID.lambda-url.REGION.on.aws``): https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http import HttpAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.malformed_http import (
    inferring_fault,
)
from pytest_lambda_rollback.aws_lambda.event_sources.api_gateway_http import (
    PARAMETERS,
    is_format_2,
    only_headers,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, member
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    domain = str(member(event, "requestContext").get("domainName"))
    return is_format_2(event) and ".lambda-url." in domain


FUNCTION_URL = EventSource(
    name="the function URL",
    slug="http",
    recognises=_recognises,
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
        default_type="application/json",
    ),
)
