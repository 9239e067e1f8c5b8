"""The invocation contract: the target must answer where the current version answers.

The current version's outcomes come first: they must be a usable baseline, or nothing can be
said. What is our own trouble, and what only lacks a service that replays do not have, is never
called a break. It reads outcomes and knows no engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import status_of
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Event
from pytest_lambda_rollback.aws_lambda.stack_traces import location
from pytest_lambda_rollback.contracts.downstream.contract import DownstreamContract
from pytest_lambda_rollback.contracts.downstream.refused_requests import missing_thing
from pytest_lambda_rollback.contracts.downstream.targets import target_of
from pytest_lambda_rollback.contracts.interface import ReplayCase
from pytest_lambda_rollback.contracts.invocation.client_errors import says_failure
from pytest_lambda_rollback.contracts.invocation.service_settings import table, way_to
from pytest_lambda_rollback.contracts.invocation.services import (
    FailedCall,
    call_without_answer,
    failed_call,
)
from pytest_lambda_rollback.contracts.invocation.told_failures import told_failure
from pytest_lambda_rollback.contracts.invocation.unanswered import fits_no_model, unanswered
from pytest_lambda_rollback.contracts.invocation.unanswered import reason as no_answer
from pytest_lambda_rollback.model.findings import (
    Contract,
    Details,
    Finding,
    Judgement,
    Subject,
)
from pytest_lambda_rollback.model.json_values import one_line, parse
from pytest_lambda_rollback.model.replay import ExpectedError, Outcome, OutcomeKind

_WHERE_IMPORTED = re.compile(r" \(/[^()]*\)$")
"""The file that Python adds to "cannot import name": shown with the value, not in the sentence."""


class InvocationContract:
    """`judge` as the interface of contracts has it."""

    name = Contract.INVOCATION
    needs_replays: Literal[True] = True

    def judge(self, case: ReplayCase) -> Judgement:
        """Judge one replay."""
        fixture = case.fixture
        if fits_no_model(case.outcome):
            # What the private AWS says to such a request explains nothing.
            misfits = DownstreamContract().judge(case).findings
            if misfits:
                return Judgement(findings=misfits)
        return judge(
            case.baseline,
            case.outcome,
            fixture.expect,
            subject=case.subject,
            event=fixture.payload,
            recognised=case.event,
        )


def judge_baseline(
    runs: tuple[Outcome, ...],
    expect: ExpectedError | None,
    *,
    version_name: str,
    event: bytes = b"",
) -> Judgement:
    """Judge whether the current version's outcomes of one event are a usable baseline.

    No reason means yes. It takes that nothing of our own went wrong, that the replays end alike,
    that no outgoing service was missing, and that the current version ends as the fixture says:
    with the error that it expects, or else with an answer that is not a server error. An expected
    error may also be an answer with a status from 400, named by its status ("404").
    """
    current = f"{version_name}, the current version,"
    if not runs:
        return Judgement(reason=f"{current} was not replayed on this event")
    for run in runs:
        if run.kind is OutcomeKind.HARNESS_FAILURE:
            return Judgement(reason=_harness(version_name, run))
    # 1. The replays end alike.
    first = runs[0]
    function = version_name.rpartition(":")[0]
    lacking = next((each for run in runs if (each := unanswered(run)) is not None), None)
    for run in runs[1:]:
        if not same_failure(first, run):
            if lacking is not None:
                return Judgement(reason=no_answer(current, lacking, function=function))
            return Judgement(
                reason=(
                    f"flaky: {current} {_did(first)} the first time and {_did(run)} another "
                    "time on the same event. Make the event or the function repeatable"
                )
            )
    # 2. The very error that is expected by name came about.
    wrong = max((s for s in map(_status, runs) if s is not None and s >= 400), default=None)
    failing = wrong if wrong is not None and wrong >= 500 else None
    failed = first.kind is OutcomeKind.FUNCTION_ERROR or wrong is not None
    if expect is not None and failed and expect.type in (*_types(first), str(wrong)):
        return Judgement()
    # 3. No outgoing service was missing; an error expected without a name is none of that sort.
    if lacking is not None and (first.kind is not OutcomeKind.RESPONSE or says_failure(first)):
        return Judgement(reason=no_answer(current, lacking, function=function))
    for run in runs:
        call = failed_call(run, event)
        if call is not None:
            return Judgement(reason=_missing_service(current, call, function))
    # 4. It starts: else no event is to blame, and nothing that a fixture expects.
    seed = _seed(first, function)
    if first.kind is OutcomeKind.INIT_ERROR:
        return Judgement(reason=_does_not_start(current, first) + seed)
    # 5. It ends as the fixture says.
    if expect is not None and failed and expect.type is None:
        return Judgement()
    if expect is not None:
        error = f"raise {expect.type}" if expect.type else "raise an error"
        return Judgement(
            reason=(
                f"{current} {_did(first)}, but the event's fixture expects it to {error}. "
                'Correct "expect" in the fixture, or omit it if the function answers'
            )
        )
    if failing is not None:
        return Judgement(reason=_server_error(current, failing, first) + seed)
    if first.kind is not OutcomeKind.RESPONSE:
        return Judgement(reason=_raises(current, first) + seed)
    return Judgement()


def judge(
    baseline: tuple[Outcome, ...],
    target: Outcome,
    expect: ExpectedError | None,
    *,
    subject: Subject,
    event: bytes = b"",
    recognised: Event | None = None,
) -> Judgement:
    """Compare how a target ended with how the current version did.

    ``baseline`` has passed `judge_baseline` with the same ``expect``. A target that answers
    where the current version raises is not a finding; neither is the same error on both sides.
    Where nobody learns of a failure from the answer to the event, a target that tells one is a
    finding: the event counts as processed and is lost. Raises ValueError for an empty baseline.
    """
    if not baseline:
        raise ValueError("the invocation contract needs at least one replay to compare with")
    current = baseline[0]
    if target.kind is OutcomeKind.HARNESS_FAILURE:
        return Judgement(reason=_harness(subject.name, target))
    if current.kind is not OutcomeKind.RESPONSE and same_failure(current, target):
        return Judgement()
    lacking = _lacking(baseline, target, subject)
    if lacking is not None:
        return Judgement(reason=lacking)
    call = failed_call(target, event)
    if call is not None and failed_call(current, event) is None:
        return Judgement(reason=_missing_service(subject.name, call, subject.current.function))
    if target.kind is OutcomeKind.RESPONSE:
        if recognised is None or not recognised.failure_is_lost:
            return Judgement()
        return _lost(baseline, target, subject, recognised)
    kind = target.kind.value
    if current.kind is not OutcomeKind.RESPONSE and target.kind is OutcomeKind.FUNCTION_ERROR:
        kind = "different-error"
    expected = current.kind is not OutcomeKind.RESPONSE and expect is not None
    return Judgement(
        findings=(
            Finding(
                contract=Contract.INVOCATION,
                kind=kind,
                subject=subject,
                location=location(target.error.stack_trace) if target.error else None,
                current=_shown(current),
                target=_shown(target),
                details=(
                    *_ending("target", target),
                    *_ending("current", current),
                    ("expected", expected),
                ),
                stack_trace=target.error.stack_trace if target.error else (),
                logs=target.logs,
            ),
        )
    )


def _lost(
    baseline: tuple[Outcome, ...], target: Outcome, subject: Subject, event: Event
) -> Judgement:
    told = told_failure(baseline, target)
    if told is None:
        return Judgement()
    finding = Finding(
        contract=Contract.INVOCATION,
        kind=told.kind,
        subject=subject,
        current=_shown(baseline[0]),
        target=told.evidence,
        details=(
            *_ending("target", target),
            *_ending("current", baseline[0]),
            ("expected", False),
            ("source", event.source.name),
        ),
        logs=target.logs,
    )
    if told.is_certain:
        return Judgement(findings=(finding,))
    return Judgement(warnings=(finding,))


def _lacking(baseline: tuple[Outcome, ...], target: Outcome, subject: Subject) -> str | None:
    """Why a request without an answer makes it unknown, or ``None``.

    A target that fails with all of its requests answered fails whatever the current version got.
    """
    function = subject.current.function
    request = unanswered(target)
    if request is not None:
        asked = [each for run in baseline for each in run.requests]
        return no_answer(
            subject.name, request, function=function, current=subject.current_name, asked=asked
        )
    if target.kind is not OutcomeKind.RESPONSE:
        return None
    current = f"{subject.current_name}, the current version,"
    requests = (unanswered(run) for run in baseline)
    found = next((each for each in requests if each is not None), None)
    return None if found is None else no_answer(current, found, function=function)


def fallback(
    outcomes: Iterable[tuple[str, Outcome]], event: bytes, *, function: str = ""
) -> Judgement | None:
    """``unknown`` where a version answered after a call that nothing answered.

    ``outcomes`` come with the name that messages have for their version; ``function`` is the
    name of its table in the configuration.
    """
    for name, outcome in outcomes:
        call = call_without_answer(outcome, event)
        if call is not None:
            evidence = f" ({call.evidence})" if call.evidence else ""
            return Judgement(
                reason=(
                    f"{name} called {call.named}, which does not answer in a replay, and answered "
                    f"without it{evidence}: what it answers with that service was not compared. "
                    f"{way_to(call.service, function)}"
                )
            )
    return None


def same_failure(a: Outcome, b: Outcome) -> bool:
    """True if two replays ended alike: the same kind, and the same type of error."""
    return a.kind is b.kind and _error_type(a) == _error_type(b)


def _error_type(outcome: Outcome) -> str | None:
    return outcome.error.type if outcome.error else None


def _types(outcome: Outcome) -> tuple[str, ...]:
    """The names by which a fixture may expect the error: as it is posted, and without module."""
    name = _error_type(outcome)
    return (name, name.rpartition(".")[2]) if name else ()


def _status(outcome: Outcome) -> int | None:
    if outcome.kind is not OutcomeKind.RESPONSE or not outcome.payload:
        return None
    try:
        return status_of(parse(outcome.payload))
    except ValueError:
        return None


def _ending(side: str, outcome: Outcome) -> Details:
    """How one side ended, for the sentence about a finding."""
    error = outcome.error
    message = None if error is None else one_line(error.message)
    if message is not None and outcome.kind is OutcomeKind.INIT_ERROR:
        message = _WHERE_IMPORTED.sub("", message)
    return (
        (f"{side}_outcome", outcome.kind.value),
        (f"{side}_type", None if error is None else error.type),
        (f"{side}_message", message),
    )


# --- words ----------------------------------------------------------------------------------


def _does(outcome: Outcome) -> str:
    """The ending of a replay in the present tense, to be said after the version's name."""
    match outcome.kind:
        case OutcomeKind.RESPONSE:
            return "answers"
        case OutcomeKind.FUNCTION_ERROR:
            return f"raises {_error(outcome)}"
        case OutcomeKind.INIT_ERROR:
            return f"fails to initialise with {_without_place(outcome)}"
        case OutcomeKind.TIMEOUT:
            return "times out"
        case OutcomeKind.OUT_OF_MEMORY:
            return "runs out of memory"
        case OutcomeKind.RUNTIME_EXIT:
            return "ends its runtime without answering"
        case OutcomeKind.RESPONSE_TOO_LARGE:
            return "answers more than Lambda allows"
        case _:
            return "could not be replayed"


def _did(outcome: Outcome) -> str:
    if outcome.kind is OutcomeKind.RESPONSE:
        return "answered"
    if outcome.error is not None:
        verb = "raised" if outcome.kind is OutcomeKind.FUNCTION_ERROR else "failed to start with"
        return f"{verb} {_error(outcome)}"
    return one_line(outcome.detail) or f"ended with {outcome.kind}"


def _error(outcome: Outcome) -> str:
    if outcome.error is None:
        return "an error without a name"
    message = one_line(outcome.error.message)
    return f"{outcome.error.type}: {message}" if message else outcome.error.type


def _without_place(outcome: Outcome) -> str:
    return _WHERE_IMPORTED.sub("", _error(outcome))


def _shown(outcome: Outcome) -> str:
    if outcome.kind is OutcomeKind.RESPONSE:
        return one_line((outcome.payload or b"").decode("utf-8", "replace"))
    return _error(outcome) if outcome.error else one_line(outcome.detail) or outcome.kind.value


def _harness(name: str, outcome: Outcome) -> str:
    why = one_line(outcome.detail) or "the engine gave no reason"
    return (
        f"{name} could not be replayed: {why}. The engine is at fault, not the "
        "function: run the check again, and check the engine if this persists"
    )


def _missing_service(name: str, call: FailedCall, function: str) -> str:
    return (
        f"{name} needs {call.named}, which does not answer in a replay ({call.evidence}). "
        f"{way_to(call.service, function)}"
    )


def _seed(outcome: Outcome, function: str) -> str:
    """What the template or seed of a private AWS may lack, as one more sentence; or nothing."""
    request = missing_thing(outcome.requests)
    if request is None:
        return ""
    return (
        f". Before, {target_of(request).text} was refused ({request.error}): if AWS has it today, "
        f"add it to the template or seed under {table(function)}"
    )


def _server_error(current: str, status: int, outcome: Outcome) -> str:
    return (
        f"{current} answers this event with status {status} itself, so there is nothing to "
        f"compare with: {_shown(outcome)}. Use an event that it handles, or, if this answer is "
        f'correct, set "expect": {{"error": "{status}"}} in the fixture envelope'
    )


def _does_not_start(current: str, outcome: Outcome) -> str:
    do = "Fix it, or set its environment variables to values that it can start with"
    kind = outcome.error.type.rpartition(".")[2] if outcome.error is not None else ""
    if kind == "ImportModuleError":
        do = "Check that its code is the right folder or zip and its layers have what it imports"
    elif kind in ("HandlerNotFound", "MalformedHandlerName"):
        do = "Correct its handler, or check that its code is the right folder or zip"
    elif kind == "UserCodeSyntaxError":
        do = "Fix its code, or check that it is written for this runtime"
    return (
        f"{current} does not start with any event: {_without_place(outcome)}. So there is "
        f"nothing to compare with. {do}"
    )


def _raises(current: str, outcome: Outcome) -> str:
    reason = f"{current} {_does(outcome)} on this event, so there is nothing to compare with"
    if outcome.error is None and outcome.detail:
        reason += f" ({one_line(outcome.detail)})"
    if outcome.kind is not OutcomeKind.FUNCTION_ERROR or outcome.error is None:
        return f"{reason}. Use an event that it handles, or fix the current version"
    return (
        f"{reason}. Use an event that it handles, or, if this error is correct, set "
        f'"expect": {{"error": "{outcome.error.type}"}} in the fixture envelope'
    )
