"""Amazon CloudFront (Lambda@Edge).

"Lambda@Edge event structure":
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-event-structure.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.edge import EdgeAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    has,
    member,
    records,
)
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    found = records(event)
    return bool(found) and all(has(member(record, "cf"), request=dict) for record in found)


CLOUDFRONT = EventSource(
    name="CloudFront",
    slug="cloudfront",
    recognises=_recognises,
    topics=(("Records", "*", "cf", "config", "eventType"),),
    payload=(("Records", "*", "cf", "request"),),
    parameters=(("Records", "*", "cf", "response"),),
    answers=EdgeAnswers(),
)
