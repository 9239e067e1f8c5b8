"""Amazon SQS, standard and FIFO queues.

"Using Lambda with Amazon SQS": https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"Handling errors for an SQS event source in Lambda" (partial batch responses; of a FIFO queue, a
function is to report all messages after the first that failed, to keep their order):
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
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


def _message_id(record: Object) -> Json:
    return record.get("messageId")


def _message_group(record: Object) -> str | None:
    group = member(record, "attributes").get("MessageGroupId")
    is_fifo = str(record.get("eventSourceARN")).endswith(".fifo")
    return group if is_fifo and isinstance(group, str) else None


SQS = EventSource(
    name="SQS",
    slug="sqs",
    recognises=records_of("aws:sqs"),
    payload=(("Records", "*", "body"),),
    parameters=(("Records", "*", "messageAttributes"),),
    record_ids=(("Records", "*", "messageId"),),
    is_polled=True,
    answers=BatchAnswers(is_polled=True, identifier=_message_id, group=_message_group),
)
