"""How judgements become verdicts: both passes, confirmation and acceptance.

A break that rests on a replay counts when it repeats in a fresh execution environment. A break
that the configuration accepts counts as accepted while it really breaks and its date has not
passed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from pytest_lambda_rollback.contracts import invocation
from pytest_lambda_rollback.model.findings import (
    CheckResult,
    Contract,
    Finding,
    Judgement,
    Note,
    Subject,
    Verdict,
)
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind, ReplayPass
from pytest_lambda_rollback.reports import sentences


def confirmed(
    judgement: Judgement, first_run: Outcome, repeats: Sequence[tuple[Judgement, Outcome]]
) -> Judgement:
    """A break that repeats in fresh environments is a break; one that does not is unknown.

    ``repeats`` are the target's other replays, at least one, each with its judgement.
    """
    unknown = next((each for each, _ in repeats if each.verdict is Verdict.UNKNOWN), None)
    if unknown is not None:
        return unknown
    again = repeated(judgement, [each for each, _ in repeats])
    if again.findings:
        return again
    marks_of = {_place(each) for each in judgement.findings}
    second, second_run = next(
        (each for each in repeats if not marks_of & {_place(f) for f in each[0].findings}),
        repeats[0],
    )
    return replace(
        judgement,
        findings=(),
        reason=(
            "flaky: the break did not repeat in a fresh execution environment. "
            f"First, {_state(first_run)}, {_seen(judgement.findings, first_run)}; "
            f"then, {_state(second_run)}, {_seen(second.findings, second_run)}. "
            "Replay it again; if it stays flaky, look for what differs between starts"
        ),
    )


def repeated(judgement: Judgement, again: Sequence[Judgement]) -> Judgement:
    """The judgement with those findings alone that another one has too.

    One is enough: a target that answers by chance may hit on the right answer between two others.
    """
    places = {_place(each) for other in again for each in other.findings}
    return replace(
        judgement, findings=tuple(each for each in judgement.findings if _place(each) in places)
    )


def doubted(baseline: Iterable[Outcome], outcome: Outcome, subject: Subject) -> Judgement | None:
    """``unknown`` where Lambda might have given another outcome; ``None`` without such a doubt."""
    current = f"{subject.current_name}, the current version,"
    named = ((subject.name, outcome), *((current, each) for each in baseline))
    for name, each in named:
        if each.doubt:
            return Judgement(reason=f"it is not certain how {name} ends on Lambda: {each.doubt}")
    return None


def with_log(judgement: Judgement, log: tuple[str, ...]) -> Judgement:
    """The log that explains a judgement, with its first finding if none shows it yet."""
    if not log or not judgement.findings or any(each.logs for each in judgement.findings):
        return judgement
    first, *others = judgement.findings
    return replace(judgement, findings=(replace(first, logs=log), *others))


def after_fallback(judgement: Judgement, fallback: Judgement) -> Judgement:
    """``unknown``, as ``fallback`` says, unless the target fails where any answer would do."""
    if judgement.verdict is Verdict.UNKNOWN:
        return judgement
    if any(each.contract == Contract.INVOCATION for each in judgement.findings):
        return judgement
    return replace(judgement, findings=(), reason=fallback.reason)


def without_baseline(
    usable: Judgement,
    baseline: Sequence[Outcome],
    outcome: Outcome,
    *,
    event: str,
    kind: ReplayPass,
) -> Judgement:
    """The judgement on a pass in which the current version fails, while it does not in the other.

    ``usable`` has the reason. A target that fails alike, or answers, loses nothing. It is unknown
    where the target fails in another way, and where the current version does not always fail.
    """
    steady = all(
        each.kind is not OutcomeKind.HARNESS_FAILURE and invocation.same_failure(baseline[0], each)
        for each in baseline
    )
    answers = outcome.kind is OutcomeKind.RESPONSE
    if not steady or not (answers or invocation.same_failure(baseline[0], outcome)):
        return Judgement(reason=usable.reason)
    note = Note(
        kind="pass-not-compared",
        about=(("event", event),),
        details=(("replay_pass", kind.value), ("reason", usable.reason)),
    )
    return Judgement(notes=(note,))


def alike(one: Judgement, other: Judgement) -> bool:
    """True if two replays break, and in the same ways."""
    return bool(one.findings) and marks(one) == marks(other)


def of_passes(
    *, cold: Judgement | None, warm: Judgement | None, after: tuple[str, ...]
) -> Judgement:
    """One judgement from those of the passes that an event was tried in, of which one may be all.

    A break in either decides, and is one finding where both have it. ``after`` are the events
    before it in the warm pass.
    """
    found = [each for each in (cold, warm) if each is not None]
    findings = _labelled(cold, warm, after)
    reasons = [each.reason for each in found if each.reason is not None]
    return Judgement(
        findings=findings,
        reason=reasons[0] if reasons and not findings else None,
        warnings=_once(each for judgement in found for each in judgement.warnings),
        notes=tuple(dict.fromkeys(each for judgement in found for each in judgement.notes)),
    )


def _labelled(
    cold: Judgement | None, warm: Judgement | None, after: tuple[str, ...]
) -> tuple[Finding, ...]:
    """The findings of both passes, each with the pass that it is of, if it is not of both."""
    if cold is None or warm is None:
        only = cold or warm or Judgement()
        return only.findings if not after else tuple(_warm(each, after) for each in only.findings)
    in_cold, in_warm = ({_mark(each) for each in one.findings} for one in (cold, warm))
    return (
        *(
            each if _mark(each) in in_warm else replace(each, replay_pass=ReplayPass.COLD)
            for each in cold.findings
        ),
        *(_warm(each, after) for each in warm.findings if _mark(each) not in in_cold),
    )


def _warm(finding: Finding, after: tuple[str, ...]) -> Finding:
    # Where the environment was replaced just before, it was as fresh as in the cold pass.
    return replace(finding, replay_pass=ReplayPass.WARM, after=after) if after else finding


def _once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings of which two passes have the same."""
    return tuple({(_mark(each), each.text): each for each in reversed([*findings])}.values())[::-1]


def marks(judgement: Judgement) -> frozenset[tuple[object, ...]]:
    """What tells the breaks of one judgement from other breaks."""
    return frozenset(map(_mark, judgement.findings))


def _mark(finding: Finding) -> tuple[object, ...]:
    error = dict(finding.details).get("target_type")
    return (finding.contract, *_place(finding), error)


def _place(finding: Finding) -> tuple[str, str | None]:
    """Kind and place; items of a list are one place, as their order may differ by itself."""
    location = finding.location
    if finding.contract == Contract.DOWNSTREAM:
        return finding.kind, str(finding.detail("about"))
    if location is None or finding.contract is not Contract.RESPONSE:
        return finding.kind, location
    return finding.kind, re.sub(r"(?<=/)\d+(?=/|$)", "*", location)


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
