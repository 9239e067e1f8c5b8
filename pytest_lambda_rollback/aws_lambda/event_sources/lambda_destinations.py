"""Destinations of asynchronous invocations: the record that another function gets.

"Capturing records of Lambda asynchronous invocations" (``requestContext.condition``,
``requestPayload``, ``responsePayload``). Destinations are invoked asynchronously, and nobody reads
the answer:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    has,
    member,
    never_read,
)
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    context = member(event, "requestContext")
    return has(event, version=str, timestamp=str) and has(context, functionArn=str, condition=str)


DESTINATION = EventSource(
    name="a destination",
    slug="destination",
    recognises=_recognises,
    topics=(("requestContext", "condition"),),
    payload=(("requestPayload",), ("responsePayload",)),
    answer_is_read=never_read,
)
