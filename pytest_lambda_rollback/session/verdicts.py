"""How judgements become verdicts: confirmation and acceptance.

A break that rests on a replay counts when it repeats in a fresh execution environment. A break
that the configuration accepts counts as accepted while it really breaks and its date has not
passed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pytest_lambda_rollback.model.findings import CheckResult, Finding, Judgement, Verdict
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.reports import sentences


def confirmed(
    judgement: Judgement, second: Judgement, first_run: Outcome, second_run: Outcome
) -> Judgement:
    """A break that repeats in a fresh environment is a break; one that does not is unknown."""
    if second.verdict is Verdict.UNKNOWN:
        return second
    repeated = {(finding.kind, finding.location) for finding in second.findings}
    findings = tuple(f for f in judgement.findings if (f.kind, f.location) in repeated)
    if findings:
        return replace(judgement, findings=findings)
    return replace(
        judgement,
        findings=(),
        reason=(
            "flaky: the break did not repeat in a fresh execution environment. "
            f"First, {_state(first_run)}, {_seen(judgement.findings, first_run)}; "
            f"then, {_state(second_run)}, {_seen(second.findings, second_run)}. "
            + (
                "Replay it again; if it stays flaky, look for what differs between starts"
                if first_run.cold
                else "It may break only once an environment is warm: look for state that one "
                "event leaves for the next"
            )
        ),
    )


def _state(outcome: Outcome) -> str:
    return "cold" if outcome.cold else "warm"


def _seen(findings: tuple[Finding, ...], outcome: Outcome) -> str:
    if findings:
        return sentences.of_finding(findings[0])
    if outcome.kind is OutcomeKind.RESPONSE:
        return "it answered as the current version does"
    if outcome.error is not None:
        return f"it raised {outcome.error.type}: {outcome.error.message}"
    return f"it ended with {outcome.kind}: {outcome.detail}"


def with_acceptance(result: CheckResult, today: date) -> CheckResult:
    """Apply the configuration's acceptance: it must really break, and not be past its date.

    An acceptance that covers several checks needs only one of them to break; whether any did is
    known only at the end of the run.
    """
    accept = result.check.accept
    if accept is None or result.verdict is Verdict.UNKNOWN:
        return result
    stale = None
    if result.verdict is Verdict.SAFE:
        if result.check.accept_covers > 1:
            return result
        stale = (
            f"the configuration accepts a break here ({accept.reason!r}), but it does not break "
            f"any more. Remove the acceptance of {accept.check!r} on {accept.target}"
        )
    elif today > accept.until:
        stale = f"the acceptance of {accept.check!r} on {accept.target} ended on {accept.until}"
    return replace(
        result,
        verdict=Verdict.ACCEPTED if stale is None else result.verdict,
        reason=stale or f"{accept.reason} (accepted until {accept.until})",
        stale_accept=stale,
    )
