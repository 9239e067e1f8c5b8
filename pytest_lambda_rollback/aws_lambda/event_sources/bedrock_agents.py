"""Action groups of Amazon Bedrock agents.

"Configure Lambda functions to send information that an agent elicits from the user":
https://docs.aws.amazon.com/bedrock/latest/userguide/agents-lambda.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.agents import AgentAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has

BEDROCK_AGENT = EventSource(
    name="Bedrock",
    slug="bedrock",
    recognises=lambda event: has(event, messageVersion=str, actionGroup=str, agent=dict),
    topics=(("actionGroup",), ("httpMethod",), ("apiPath",), ("function",)),
    payload=(("parameters",), ("requestBody",)),
    answers=AgentAnswers(),
    parameters=(("inputText",), ("sessionAttributes",), ("promptSessionAttributes",)),
)
