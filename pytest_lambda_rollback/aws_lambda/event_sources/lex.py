"""Amazon Lex, versions 2 and 1.

"AWS Lambda input event format for Lex V2":
https://docs.aws.amazon.com/lexv2/latest/dg/lambda-input-format.html
"Lambda Function Input Event and Response Format" of Lex V1:
https://docs.aws.amazon.com/lex/latest/dg/lambda-input-response-format.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has

LEX = EventSource(
    name="Lex",
    slug="lex",
    recognises=lambda event: has(event, sessionState=dict, bot=dict, inputTranscript=str),
    topics=(("sessionState", "intent", "name"),),
    payload=(("sessionState",),),
    parameters=(("inputTranscript",), ("interpretations",), ("requestAttributes",)),
)
LEX_V1 = EventSource(
    name="Lex (V1)",
    slug="lex",
    recognises=lambda event: has(event, currentIntent=dict, bot=dict, inputTranscript=str),
    topics=(("currentIntent", "name"),),
    payload=(("currentIntent",),),
    parameters=(("inputTranscript",), ("sessionAttributes",), ("requestAttributes",)),
)
