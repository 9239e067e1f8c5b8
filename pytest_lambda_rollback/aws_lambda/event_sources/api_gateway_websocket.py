"""WebSocket APIs of API Gateway.

The context of an event (``connectionId``, ``eventType``, ``routeKey``):
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
``$disconnect`` is sent when the connection is already closed, so nobody reads its answer:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
The answer to ``$connect`` accepts or refuses the handshake, and its body reaches nobody. One to
another route reaches the client if the route has a response:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http import HttpAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.malformed_http import websocket_fault
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    Object,
    has,
    member,
)
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    return has(member(event, "requestContext"), connectionId=str, eventType=str)


def _is_read(event: Object) -> bool:
    return member(event, "requestContext").get("eventType") != "DISCONNECT"


def _has_body(event: Object) -> bool:
    return member(event, "requestContext").get("eventType") != "CONNECT"


WEBSOCKET = EventSource(
    name="API Gateway (WebSocket)",
    slug="websocket",
    recognises=_recognises,
    topics=(("requestContext", "routeKey"),),
    payload=(("body",),),
    parameters=(("queryStringParameters",), ("multiValueQueryStringParameters",)),
    answer_is_read=_is_read,
    answers=HttpAnswers(
        refuses=websocket_fault, merges_headers=True, reads_body=_has_body, drops_others=False
    ),
)
