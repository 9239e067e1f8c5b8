"""Custom rules of AWS Config.

"Example Events for AWS Config Rules":
https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html

The result is sent by a call of PutEvaluations; nobody reads the answer.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has, never_read

CONFIG = EventSource(
    name="AWS Config",
    slug="config",
    recognises=lambda event: has(event, invokingEvent=str, resultToken=str),
    topics=(("invokingEvent", "messageType"),),
    payload=(("invokingEvent",),),
    parameters=(("ruleParameters",),),
    answer_is_read=never_read,
)
