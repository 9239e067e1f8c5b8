"""Contact flows of Amazon Connect.

"Grant Amazon Connect access to your AWS Lambda functions" (invocation event and response):
https://docs.aws.amazon.com/connect/latest/adminguide/connect-lambda-functions.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has, member
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    return has(event, Name=str) and has(member(event, "Details"), ContactData=dict)


CONNECT = EventSource(
    name="Connect",
    slug="connect",
    recognises=_recognises,
    topics=(("Details", "ContactData", "Channel"),),
    payload=(("Details", "Parameters"),),
    parameters=(("Details", "ContactData", "Attributes"),),
)
