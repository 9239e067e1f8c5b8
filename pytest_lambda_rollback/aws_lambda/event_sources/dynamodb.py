"""Amazon DynamoDB Streams.

"Using AWS Lambda with Amazon DynamoDB": https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"Configuring partial batch response with DynamoDB and Lambda":
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.batches import BatchAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    Object,
    member,
    records_of,
)
from pytest_lambda_rollback.model.json_values import Json


def _sequence_number(record: Object) -> Json:
    return member(record, "dynamodb").get("SequenceNumber")


DYNAMODB = EventSource(
    name="DynamoDB",
    slug="dynamodb",
    recognises=records_of("aws:dynamodb"),
    topics=(("Records", "*", "eventName"),),
    payload=(("Records", "*", "dynamodb"),),
    record_ids=(("Records", "*", "eventID"), ("Records", "*", "dynamodb", "SequenceNumber")),
    is_polled=True,
    answers=BatchAnswers(
        is_polled=True, is_stream=True, item="record", identifier=_sequence_number
    ),
)
