"""Amazon Kinesis Data Analytics for SQL: preprocessing, and a function as destination.

"Data Preprocessing Event Input Data Model / Record Response Model" (``recordId``, ``result``:
``Ok``, ``Dropped`` or ``ProcessingFailed``, and base64 ``data``):
https://docs.aws.amazon.com/kinesisanalytics/latest/dev/lambda-preprocessing-data-model.html
"Lambda Destination for Output Records" (``Ok`` or ``DeliveryFailed``, which is retried):
https://docs.aws.amazon.com/kinesisanalytics/latest/dev/how-it-works-output-lambda.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.results import ResultAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has
from pytest_lambda_rollback.model.json_values import Json


def _is_of_application(event: Json) -> bool:
    return has(event, applicationArn=str, invocationId=str, records=list)


def _is_preprocessing(event: Json) -> bool:
    return _is_of_application(event) and has(event, streamArn=str)


PREPROCESSING = EventSource(
    name="Kinesis Data Analytics",
    slug="analytics",
    recognises=_is_preprocessing,
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
DELIVERY = EventSource(
    name="Kinesis Data Analytics",
    slug="analytics",
    recognises=_is_of_application,
    payload=(("records", "*", "data"),),
    answers=ResultAnswers(
        sent="records",
        answered="records",
        identity="recordId",
        result="result",
        good=("Ok",),
    ),
)
"""Recognised after `PREPROCESSING`, whose events name a stream as well."""
