"""Amazon MQ: ActiveMQ and RabbitMQ.

"Using Lambda with Amazon MQ": https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html

Partial batch responses are not available ("CreateEventSourceMapping", FunctionResponseTypes:
https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html): only an error
fails a batch. Events of ActiveMQ name their source ``aws:mq``, in older examples ``aws:amq``.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has, never_read
from pytest_lambda_rollback.model.json_values import Json


def _is_activemq(event: Json) -> bool:
    return has(event, messages=list) and event.get("eventSource") in ("aws:mq", "aws:amq")


def _is_rabbitmq(event: Json) -> bool:
    return has(event, rmqMessagesByQueue=dict) and event.get("eventSource") == "aws:rmq"


ACTIVEMQ = EventSource(
    name="Amazon MQ",
    slug="mq",
    recognises=_is_activemq,
    payload=(("messages", "*", "data"),),
    parameters=(("messages", "*", "properties"),),
    answer_is_read=never_read,
)
RABBITMQ = EventSource(
    name="Amazon MQ",
    slug="mq",
    recognises=_is_rabbitmq,
    payload=(("rmqMessagesByQueue", "*", "*", "data"),),
    parameters=(("rmqMessagesByQueue", "*", "*", "basicProperties", "headers"),),
    answer_is_read=never_read,
)
