"""Custom resources of AWS CloudFormation.

"Custom resource request and response reference":
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html

The result is uploaded to ``ResponseURL``; nobody reads the answer.

CDK's provider framework calls the user's handler with the event, its ``ResponseURL`` replaced by
``...``, and reads the answer (`answers.custom_resources`):
https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.custom_resources import (
    ProviderAnswers,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, Object, has
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    return has(event, RequestType=str, ResponseURL=str, StackId=str, LogicalResourceId=str)


def _is_read(event: Object) -> bool:
    """True for an event of CDK's provider framework, which withholds the URL."""
    return event.get("ResponseURL") == "..."


def _may_be_read(event: Object) -> bool:
    """True where something else stands for the URL, as in an event that was redacted."""
    return not str(event.get("ResponseURL")).startswith(("http://", "https://"))


CUSTOM_RESOURCE = EventSource(
    name="CloudFormation",
    slug="cloudformation",
    recognises=_recognises,
    topics=(("RequestType",),),
    payload=(("ResourceProperties",),),
    parameters=(("OldResourceProperties",),),
    answer_is_read=_is_read,
    may_be_passed_on=_may_be_read,
    answers=ProviderAnswers(),
)
