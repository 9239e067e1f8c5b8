"""Amazon Kinesis Data Streams.

"Using Lambda to process records from Amazon Kinesis Data Streams":
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"Configuring partial batch response with Kinesis Data Streams and Lambda":
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
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
    return member(record, "kinesis").get("sequenceNumber")


KINESIS = EventSource(
    name="Kinesis",
    slug="kinesis",
    recognises=records_of("aws:kinesis"),
    payload=(("Records", "*", "kinesis", "data"),),
    parameters=(("Records", "*", "kinesis", "partitionKey"),),
    record_ids=(("Records", "*", "eventID"), ("Records", "*", "kinesis", "sequenceNumber")),
    is_polled=True,
    answers=BatchAnswers(
        is_polled=True, is_stream=True, item="record", identifier=_sequence_number
    ),
)
