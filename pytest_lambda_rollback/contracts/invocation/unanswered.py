"""Requests that a replay's services could not answer: never the function's fault.

A replay with such a request shows nothing of what the function does with an answer. The first one
is told, with what to do about it. What only receives reports of a function does not count.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lambda_rollback.contracts.downstream import aws_models
from pytest_lambda_rollback.contracts.downstream.targets import (
    is_aws,
    kind_of,
    parameters,
    target_of,
)
from pytest_lambda_rollback.contracts.invocation.service_settings import record, table
from pytest_lambda_rollback.contracts.invocation.services import takes_reports
from pytest_lambda_rollback.model.json_values import one_line
from pytest_lambda_rollback.model.replay import Outcome
from pytest_lambda_rollback.model.services import Answer, ServiceRequest


def unanswered(outcome: Outcome) -> ServiceRequest | None:
    """The first request of a replay that had no answer, or ``None``."""
    for request in outcome.requests:
        named = f"{request.service} {request.operation}"
        if request.answer is not Answer.ANSWERED and not takes_reports(named):
            return request
    return None


def fits_no_model(outcome: Outcome) -> bool:
    """True if the private AWS could not do a request because AWS itself would not take it."""
    return any(
        request.answer is Answer.UNSUPPORTED
        and is_aws(request)
        and bool(aws_models.issues(request.service, request.operation, parameters(request)))
        for request in outcome.requests
    )


def reason(
    name: str,
    request: ServiceRequest,
    *,
    function: str,
    current: str = "",
    asked: Sequence[ServiceRequest] = (),
) -> str:
    """Why a check is unknown, and what to do.

    ``name`` is how messages name the version that sent the request, ``function`` the table of the
    configuration. For a target, ``current`` is the current version's name and ``asked`` are its
    requests.
    """
    what = target_of(request).text
    sends = f"{name} sends {what}"
    why = one_line(request.message)
    match request.answer:
        case Answer.UNSUPPORTED:
            more = f" ({why})" if why else ""
            return (
                f"{sends}, which the private AWS does not do{more}: what the function does with "
                "an answer was not compared. Use an event that does without it, or remove aws "
                f"from {table(function)} and record the answers with {record(function)}"
            )
        case Answer.USED_UP:
            return (
                f"{sends} more often than answers to it are recorded, and each is given once. "
                f"{_again(request, function)}"
            )
        case Answer.UNREACHABLE:
            more = f" ({why})" if why else ""
            return (
                f"{name} needs {request.service}, which could not be reached{more}. Start the "
                f"service that its entry under {table(function)} leads to, and run the check again"
            )
    nearest = one_line(request.nearest)
    more = f" (the nearest is {nearest})" if nearest else f" ({why})" if why else ""
    text = f"{sends}, to which no answer is recorded{more}"
    if current and kind_of(request) not in {kind_of(each) for each in asked}:
        return (
            f"{text}, and which {current} never sends: what the function does with an answer was "
            "not compared. Add the answer to the event's downstream by hand, in its envelope or in "
            "NAME.downstream.json beside it"
        )
    return f"{text}. {_again(request, function)}"


def _again(request: ServiceRequest, function: str) -> str:
    allow = "" if is_aws(request) else request.service.partition(":")[0]
    return f"Record it with {record(function, allow=allow)}"
