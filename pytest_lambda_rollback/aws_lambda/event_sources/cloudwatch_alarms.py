"""Lambda actions of Amazon CloudWatch alarms.

"Invoke a Lambda function from an alarm" (``alarmArn``, ``alarmData``); the function is invoked
asynchronously, and nobody reads the answer:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    has,
    never_read,
)

CLOUDWATCH_ALARM = EventSource(
    name="CloudWatch alarms",
    slug="alarm",
    recognises=lambda event: has(event, source=str, alarmArn=str, alarmData=dict),
    topics=(("alarmData", "alarmName"),),
    payload=(("alarmData",),),
    answer_is_read=never_read,
)
