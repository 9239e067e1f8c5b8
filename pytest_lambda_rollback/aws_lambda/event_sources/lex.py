"""Amazon Lex, versions 2 and 1.

"AWS Lambda input event format for Lex V2":
https://docs.aws.amazon.com/lexv2/latest/dg/lambda-input-format.html
"AWS Lambda response format for Lex V2" (``dialogAction.type`` is required, and what the bot does
next; ``intent.state`` says if the intent was fulfilled):
https://docs.aws.amazon.com/lexv2/latest/dg/lambda-response-format.html
"Lambda Function Input Event and Response Format" of Lex V1:
https://docs.aws.amazon.com/lex/latest/dg/lambda-input-response-format.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.decisions import (
    Decision,
    DecisionAnswers,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has

_ACTIONS = ("Close", "ConfirmIntent", "Delegate", "ElicitIntent", "ElicitSlot")

LEX = EventSource(
    name="Lex",
    slug="lex",
    recognises=lambda event: has(event, sessionState=dict, bot=dict, inputTranscript=str),
    topics=(("sessionState", "intent", "name"),),
    payload=(("sessionState",),),
    answers=DecisionAnswers(
        decisions=(
            Decision(path=("sessionState", "dialogAction", "type"), values=_ACTIONS, needed=True),
            Decision(path=("sessionState", "dialogAction", "slotToElicit")),
            Decision(path=("sessionState", "intent", "name")),
            Decision(path=("sessionState", "intent", "state")),
            Decision(path=("sessionState", "intent", "confirmationState")),
        ),
        consequence="the conversation fails",
        filled=(("messages",),),
        documented=("sessionState", "messages", "requestAttributes"),
    ),
    parameters=(("inputTranscript",), ("interpretations",), ("requestAttributes",)),
)
LEX_V1 = EventSource(
    name="Lex (V1)",
    slug="lex",
    recognises=lambda event: has(event, currentIntent=dict, bot=dict, inputTranscript=str),
    topics=(("currentIntent", "name"),),
    payload=(("currentIntent",),),
    answers=DecisionAnswers(
        decisions=(
            Decision(path=("dialogAction", "type"), values=_ACTIONS, needed=True),
            Decision(path=("dialogAction", "fulfillmentState")),
            Decision(path=("dialogAction", "slotToElicit")),
            Decision(path=("dialogAction", "intentName")),
        ),
        consequence="the conversation fails",
        documented=("dialogAction", "sessionAttributes", "recentIntentSummaryView"),
    ),
    parameters=(("inputTranscript",), ("sessionAttributes",), ("requestAttributes",)),
)
