"""Triggers of AWS CodeCommit repositories.

"Using AWS Lambda with AWS CodeCommit":
https://docs.aws.amazon.com/lambda/latest/dg/services-codecommit.html

CodeCommit invokes functions asynchronously; nobody reads the answer.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    never_read,
    records_of,
)

CODECOMMIT = EventSource(
    name="CodeCommit",
    slug="codecommit",
    recognises=records_of("aws:codecommit"),
    topics=(("Records", "*", "eventName"),),
    payload=(("Records", "*", "codecommit"),),
    parameters=(("Records", "*", "customData"),),
    answer_is_read=never_read,
)
