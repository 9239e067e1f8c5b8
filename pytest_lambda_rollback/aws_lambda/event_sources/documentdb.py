"""Change streams of Amazon DocumentDB.

"Using AWS Lambda with Amazon DocumentDB":
https://docs.aws.amazon.com/lambda/latest/dg/with-documentdb.html

Partial batch responses are not available ("CreateEventSourceMapping", FunctionResponseTypes:
https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html): only an error
fails a batch.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has, never_read
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    return has(event, events=list) and event.get("eventSource") == "aws:docdb"


DOCUMENTDB = EventSource(
    name="DocumentDB",
    slug="documentdb",
    recognises=_recognises,
    topics=(("events", "*", "event", "operationType"),),
    payload=(("events", "*", "event"),),
    answer_is_read=never_read,
)
