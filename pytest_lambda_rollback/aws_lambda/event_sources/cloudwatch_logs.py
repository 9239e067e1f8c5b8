"""Subscription filters of Amazon CloudWatch Logs.

"Log group-level subscription filters" (the data is gzipped and base64-encoded):
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html

Logs invokes functions asynchronously; nobody reads the answer:
https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    has,
    member,
    never_read,
)

CLOUDWATCH_LOGS = EventSource(
    name="CloudWatch Logs",
    slug="logs",
    recognises=lambda event: has(member(event, "awslogs"), data=str),
    payload=(("awslogs", "data"),),
    answer_is_read=never_read,
)
