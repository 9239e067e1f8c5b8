"""Apache Kafka: Amazon MSK and self-managed clusters.

"Using Lambda with Amazon MSK" (``records`` by topic and partition, values in base64):
https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html
"Using Lambda with self-managed Apache Kafka":
https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.batches import BatchAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    names = ("aws:kafka", "aws:SelfManagedKafka", "SelfManagedKafka")
    return has(event, records=dict) and event.get("eventSource") in names


KAFKA = EventSource(
    name="Kafka",
    slug="kafka",
    recognises=_recognises,
    payload=(("records", "*", "*", "value"),),
    parameters=(("records", "*", "*", "key"), ("records", "*", "*", "headers")),
    is_polled=True,
    answers=BatchAnswers(is_polled=True, item="record", takes_objects=True),
)
