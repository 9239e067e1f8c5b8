"""Invoke actions of AWS CodePipeline.

"Invoke an AWS Lambda function in a pipeline in CodePipeline":
https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html

The result is sent by a call of PutJobSuccessResult or PutJobFailureResult; nobody reads the
answer.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, never_read
from pytest_lambda_rollback.model.json_values import Json

_JOB = "CodePipeline.job"


def _recognises(event: Json) -> bool:
    return isinstance(event, dict) and isinstance(event.get(_JOB), dict)


CODEPIPELINE = EventSource(
    name="CodePipeline",
    slug="codepipeline",
    recognises=_recognises,
    payload=((_JOB, "data", "actionConfiguration", "configuration", "UserParameters"),),
    answer_is_read=never_read,
)
