"""Receipt rules of Amazon SES.

"Event data for the Lambda action":
https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda-event.html

A rule invokes its function asynchronously (``invocationType`` of the receipt's action is
``Event``), or synchronously (``RequestResponse``) to read nothing but a ``disposition``:
``STOP_RULE``, ``STOP_RULE_SET`` or ``CONTINUE``, which a missing one counts for:
https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda.html
https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda-example-functions.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.decisions import (
    Decision,
    DecisionAnswers,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    Object,
    member,
    records,
    records_of,
)


def _invocation_types(event: Object) -> set[str]:
    receipts = (member(member(record, "ses"), "receipt") for record in records(event))
    return {str(member(receipt, "action").get("invocationType")) for receipt in receipts}


def _is_read(event: Object) -> bool:
    return _invocation_types(event) == {"RequestResponse"}


def _may_be_read(event: Object) -> bool:
    return "Event" not in _invocation_types(event)


SES = EventSource(
    name="SES",
    slug="ses",
    recognises=records_of("aws:ses"),
    answer_is_read=_is_read,
    may_be_passed_on=_may_be_read,
    answers=DecisionAnswers(
        decisions=(Decision(path=("disposition",), default="CONTINUE"),),
        needs_object=False,
        documented=(),
    ),
    payload=(("Records", "*", "ses", "mail"),),
)
