"""Data transformation of Amazon Data Firehose.

"Required parameters for data transformation" (``recordId``, ``result``: ``Ok``, ``Dropped`` or
``ProcessingFailed``, and base64 ``data``; a record without a result counts as failed, and so does
one whose data is not base64):
https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.results import ResultAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    return has(event, deliveryStreamArn=str, invocationId=str, records=list)


FIREHOSE = EventSource(
    name="Firehose",
    slug="firehose",
    recognises=_recognises,
    payload=(("records", "*", "data"),),
    answers=ResultAnswers(
        sent="records",
        answered="records",
        identity="recordId",
        result="result",
        good=("Ok", "Dropped"),
        carries_data=True,
    ),
)
