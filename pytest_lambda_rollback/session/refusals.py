"""Events on which the current version only refuses, and what they prove.

Behind a refusal neither version was seen. It is a check of the refusal where the fixture expects
it by name, and where another event of the same route got past it; else the check is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pytest_lambda_rollback.aws_lambda.event_sources.answers import refusals
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Event
from pytest_lambda_rollback.model.findings import Judgement, Note, Subject, Verdict
from pytest_lambda_rollback.model.json_values import parse
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind

EXPECTED_ERROR = "an expected error"


def refused(event: Event, fixture: EventFixture, baseline: Sequence[Outcome]) -> str | None:
    """The current version's refusal of an event, as ``401`` or ``an expected error``.

    ``None`` where a replay of ``baseline`` got further, or where the fixture expects that very
    error by its name or status.
    """
    if fixture.expect is not None:
        return EXPECTED_ERROR if fixture.expect.type is None else None
    found = [_refusal(event, outcome) for outcome in baseline]
    return found[0] if found and None not in found else None


def got_past(event: Event, fixture: EventFixture, outcome: Outcome) -> bool:
    """True if the current version did its work on an event of the same route."""
    answered = outcome.kind is OutcomeKind.RESPONSE and fixture.expect is None
    return answered and _refusal(event, outcome) is None


def route(event: Event) -> tuple[str, str]:
    """What events have in common that reach the same work of a function."""
    return event.source.name, event.source.topic(event.value)


def weighed(
    judgement: Judgement, refusal: str, subject: Subject, event: str, *, past: Iterable[bool]
) -> Judgement:
    """A safe judgement that rests on a refusal.

    ``past`` says of each other event of the route whether the current version got past it.
    """
    if judgement.verdict is not Verdict.SAFE:
        return judgement
    if any(past):
        note = Note(
            kind="only-refused",
            about=(("current", subject.current_name),),
            details=(("event", event), ("refusal", refusal)),
        )
        return replace(judgement, notes=(*judgement.notes, note))
    return replace(judgement, reason=_reason(refusal, subject))


def _reason(refusal: str, subject: Subject) -> str:
    current = f"{subject.current_name}, the current version,"
    if refusal == EXPECTED_ERROR:
        return (
            f"{current} only fails here, as the fixture expects without naming the error, and no "
            "other event of this route gets past it: what the versions do otherwise was not "
            "compared. Add an event that it handles, or name the error in the fixture's "
            '"expect" if failing is all that this event is about'
        )
    shown = "denies access" if refusal == refusals.DENIED else f"answers {refusal}"
    named = "" if refusal == refusals.DENIED else refusal
    reason = (
        f"{current} only refuses this event ({shown}), and no other event of this route gets past "
        "the refusal: what lies behind it was not compared. Recordings hold no real tokens: use "
        "an event that it accepts"
    )
    if refusal == refusals.DENIED or refusal != "404":
        reason += (
            ", keep a token made for tests with [redact] keep, or have a version's environment "
            "accept the recorded one"
        )
    if named:
        reason += (
            f'; if refusing is all that this event is about, set "expect": {{"error": "{named}"}} '
            "in the fixture envelope"
        )
    return reason


def _refusal(event: Event, outcome: Outcome) -> str | None:
    if outcome.kind is not OutcomeKind.RESPONSE or not outcome.payload:
        return None
    try:
        return refusals.refusal(event, parse(outcome.payload))
    except ValueError:
        return None
