"""Requests that no service answered as AWS would: what follows them shows nothing."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_lambda_rollback.contracts.invocation.unanswered import (
    fits_no_model,
    unanswered,
)
from pytest_lambda_rollback.contracts.invocation.unanswered import reason as why_unanswered
from pytest_lambda_rollback.contracts.state.records import Record, Side
from pytest_lambda_rollback.model.findings import Subject
from pytest_lambda_rollback.model.json_values import one_line
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind


def reason(
    records: Iterable[Record], events: tuple[EventFixture, ...], subject: Subject
) -> str | None:
    """Why passes show nothing; ``None`` if every request was answered."""
    names = {
        Side.CURRENT: f"{subject.current_name}, the current version,",
        Side.TARGET: subject.name,
    }
    for record in records:
        for steps in record.rounds:
            for step in steps:
                name, event = names[step.side], events[step.event].name
                why = _why(name, step.outcome, subject.current.function)
                if why is not None:
                    return f"on {event}, {why}"
    return None


def _why(name: str, outcome: Outcome, function: str) -> str | None:
    if outcome.kind is OutcomeKind.HARNESS_FAILURE:
        why = one_line(outcome.detail) or "the engine gave no reason"
        return (
            f"{name} could not be replayed: {why}. The engine is at fault, not the function: run "
            "the check again, and check the engine if this persists"
        )
    request = unanswered(outcome)
    # What AWS itself would refuse, the contract downstream judges.
    if request is None or fits_no_model(outcome):
        return None
    return why_unanswered(name, request, function=function)
