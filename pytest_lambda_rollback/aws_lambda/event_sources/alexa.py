"""Alexa skills.

"Request and Response JSON Reference" (of an answer, ``version``, ``sessionAttributes`` and
``response`` are read):
https://developer.amazon.com/en-US/docs/alexa/custom-skills/request-and-response-json-reference.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.decisions import (
    Decision,
    DecisionAnswers,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has, member
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    is_request = has(event, version=str) and has(member(event, "request"), type=str)
    return is_request and has(member(event, "context"), System=dict)


ALEXA = EventSource(
    name="Alexa",
    slug="alexa",
    recognises=_recognises,
    topics=(("request", "type"), ("request", "intent", "name")),
    answers=DecisionAnswers(
        decisions=(Decision(path=("response", "shouldEndSession")),),
        consequence="the skill fails",
        documented=("version", "sessionAttributes", "response"),
    ),
    payload=(("request",),),
)
