"""Requests that no service answered as AWS would: what follows them shows nothing."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_lambda_rollback.contracts.state.records import Record, Side
from pytest_lambda_rollback.model.findings import Subject
from pytest_lambda_rollback.model.json_values import one_line
from pytest_lambda_rollback.model.replay import EventFixture, OutcomeKind
from pytest_lambda_rollback.model.services import Answer, ServiceRequest


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
                outcome = step.outcome
                if outcome.kind is OutcomeKind.HARNESS_FAILURE:
                    why = one_line(outcome.detail) or "the engine gave no reason"
                    return (
                        f"{name} could not be replayed on {event}: {why}. The engine is at fault, "
                        "not the function: run the check again, and check the engine if this "
                        "persists"
                    )
                for request in outcome.requests:
                    if request.answer is not Answer.ANSWERED:
                        return f"{name} {_asked(request)} on {event}{_why(request)}"
    return None


def _asked(request: ServiceRequest) -> str:
    return f"asked {request.service} for {request.operation or 'a connection'}".replace(
        " for a connection", ""
    )


def _why(request: ServiceRequest) -> str:
    match request.answer:
        case Answer.UNSUPPORTED:
            return (
                ", which the private AWS does not do: what AWS would answer is not known. Use "
                "events that do not ask for it"
            )
        case Answer.UNRECORDED:
            nearest = f" ({one_line(request.nearest)})" if request.nearest else ""
            return f", for which no answer is recorded{nearest}. Record it with the event"
        case Answer.USED_UP:
            return (
                ", more often than answers are recorded. Record the event again with the version "
                "that asks more often"
            )
        case _:
            why = f" ({one_line(request.message)})" if request.message else ""
            return f", which could not be reached{why}. Start the service and run the check again"
