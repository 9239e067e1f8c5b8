"""Custom resources of AWS CloudFormation.

"Custom resource request and response reference":
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html

The result is uploaded to ``ResponseURL``; nobody reads the answer.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has, never_read
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    return has(event, RequestType=str, ResponseURL=str, StackId=str, LogicalResourceId=str)


CUSTOM_RESOURCE = EventSource(
    name="CloudFormation",
    slug="cloudformation",
    recognises=_recognises,
    topics=(("RequestType",),),
    payload=(("ResourceProperties",),),
    parameters=(("OldResourceProperties",),),
    answer_is_read=never_read,
)
