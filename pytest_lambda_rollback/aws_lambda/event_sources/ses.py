"""Receipt rules of Amazon SES.

"Event data for the Lambda action":
https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda-event.html

A rule invokes its function asynchronously, or synchronously to read a ``disposition``; the event
does not show which:
https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, records_of

SES = EventSource(
    name="SES",
    slug="ses",
    recognises=records_of("aws:ses"),
    payload=(("Records", "*", "ses", "mail"),),
)
