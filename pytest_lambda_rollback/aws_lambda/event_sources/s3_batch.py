"""Amazon S3 Batch Operations.

"Invoke AWS Lambda function" (``taskId`` and ``resultCode``: ``Succeeded``, ``TemporaryFailure``
or ``PermanentFailure``; ``treatMissingKeysAs`` counts for a task without a result):
https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.results import ResultAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    return has(event, invocationSchemaVersion=str, invocationId=str, tasks=list)


S3_BATCH = EventSource(
    name="S3 Batch Operations",
    slug="s3-batch",
    recognises=_recognises,
    payload=(("tasks",),),
    answers=ResultAnswers(
        sent="tasks",
        answered="results",
        identity="taskId",
        result="resultCode",
        good=("Succeeded",),
        needed=("invocationSchemaVersion", "invocationId"),
        for_missing="treatMissingKeysAs",
    ),
)
