"""The state contract: versions that share one state must be able to live with what each stores.

For each target it is asked whether it can work on what the current version stored (``rollback``),
whether the current version can work on what the target stored after it (``return``), and whether
both can work on one state at once (``mixed``). The control is the current version alone, from an
equal start, with the same events in the same order. How events end is judged by the contracts
that judge events; what they stored and sent is judged here. Nothing is replayed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pytest_lambda_rollback.contracts import invocation
from pytest_lambda_rollback.contracts.state import (
    outcomes,
    sent_messages,
    stored_items,
    unanswered,
)
from pytest_lambda_rollback.contracts.state.moments import Found, Moment
from pytest_lambda_rollback.contracts.state.outcomes import Compare
from pytest_lambda_rollback.contracts.state.records import (
    Cursor,
    Record,
    StatePass,
    Step,
    expiry_attributes,
)
from pytest_lambda_rollback.model.findings import Finding, Judgement, Note, Subject
from pytest_lambda_rollback.model.json_values import one_line
from pytest_lambda_rollback.model.replay import EventFixture, OutcomeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCase:
    """One target by one strategy, with the passes that were made."""

    subject: Subject
    events: tuple[EventFixture, ...]
    controls: tuple[Record, ...] = field(repr=False)
    """The current version alone, two or more of three rounds each."""
    passes: tuple[Record, ...] = field(repr=False)
    """What is judged."""
    alone: Callable[[], Record] = field(repr=False)
    """The target alone, two rounds; asked only where it seems to do something twice."""


@dataclass(slots=True)
class _Collected:
    """Findings, each way of breaking once."""

    findings: dict[tuple[object, ...], Finding] = field(default_factory=dict)
    warnings: dict[tuple[object, ...], Finding] = field(default_factory=dict)
    events: dict[tuple[object, ...], dict[str, None]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    notes: dict[Note, None] = field(default_factory=dict)

    def add(self, found: Found) -> None:
        key = mark(found.finding)
        into = self.findings if found.is_certain else self.warnings
        into.setdefault(key, found.finding)
        self.events.setdefault(key, {})[str(found.finding.detail("event"))] = None


def untouched(control: Record, subject: Subject) -> Note | None:
    """The note that no event stores or asks for anything; ``None`` if one does, or none answers.

    Then nothing that the current version leaves behind can break another one.
    """
    steps = [step for steps in control.rounds for step in steps]
    if any(step.changes or step.outcome.requests for step in steps):
        return None
    if not any(step.outcome.kind is OutcomeKind.RESPONSE for step in steps):
        return None
    return Note(kind="state-untouched", about=(("current", subject.current_name),))


def judge(case: StateCase, compare: Compare) -> Judgement:
    """Judge the passes of a target by the controls. Raises ValueError for less than two of these.

    A request that was not answered as AWS would, and a replay that failed by our own doing, make
    it unknown whatever else was found.
    """
    if len(case.controls) < 2:
        raise ValueError("the state contract needs two controls or more")
    reason = unanswered.reason((*case.controls, *case.passes), case.events, case.subject)
    if reason is not None:
        return Judgement(reason=reason)
    unusable = _unusable(case)
    number = len(case.controls[0].rounds[0])
    if number and len(unusable) == number:
        return Judgement(reason=next(iter(unusable.values())))
    collected = _Collected()
    for event, why in unusable.items():
        about = (("event", case.events[event].name),)
        collected.notes[Note(kind="state-not-judged", about=about, details=(("reason", why),))] = (
            None
        )
    for record in case.passes:
        for moment, step in _moments(case, record):
            if step.event not in unusable:
                _judge(case, moment, compare, collected)
    return _judgement(case, collected)


def mark(finding: Finding) -> tuple[object, ...]:
    """What tells one way of breaking from others, whichever event and pass shows it."""
    details = dict(finding.details)
    names: tuple[str, ...] = ("rule", "by", "pointer", "target_type")
    if "rule" not in details:  # Where one is, which item was read is a guess.
        names = ("by", "service", "container", "part", "attribute")
    return (finding.kind, *(details.get(name) for name in names))


def confirmed(first: Judgement, again: Judgement) -> Judgement:
    """The findings that a second run of the same passes has too; unknown if it has none of them."""
    if again.reason is not None:
        return again
    marks = {mark(each) for each in again.findings}
    kept = tuple(each for each in first.findings if mark(each) in marks)
    if kept or not first.findings:
        return replace(first, findings=kept)
    lost = first.findings[0]
    return replace(
        first,
        findings=(),
        reason=(
            f"flaky: a break ({lost.kind}, on {lost.detail('event')} in the {lost.replay_pass} "
            "pass) did not repeat from an equal start. Run the check again; if it stays flaky, "
            "look for what differs between runs, such as an order that is not fixed"
        ),
    )


# --- one step -------------------------------------------------------------------------------


def _judge(case: StateCase, moment: Moment, compare: Compare, collected: _Collected) -> None:
    fixture = case.events[moment.step.event]
    ended = outcomes.judge(moment, fixture, compare)
    for finding in ended.findings:
        collected.add(Found(finding=finding))
    if ended.reason is not None:
        collected.reasons.append(ended.reason)
    collected.notes.update(dict.fromkeys(ended.notes))
    side = case.subject.name if moment.by_target else case.subject.current_name
    fallback = outcomes.without_services([(side, moment.step.outcome)], fixture)
    if fallback is not None:
        collected.reasons.append(fallback)
    for found in (*stored_items.judge(moment), *sent_messages.judge(moment)):
        collected.add(found)


def _moments(case: StateCase, record: Record) -> Iterator[tuple[Moment, Step]]:
    """Each step of the rounds that are judged, beside those of the controls."""
    cursor = Cursor(record)
    controls = [Cursor(each) for each in case.controls]
    expiry = expiry_attributes(case.controls[0].start)
    for number, steps in enumerate(record.rounds):
        replay_pass = record.passes[number]
        for place, step in enumerate(steps):
            beside = tuple(each.rounds[number][place] for each in case.controls)
            if replay_pass is not None:
                yield (
                    _moment(case, replay_pass, number, step, beside, cursor, controls, expiry),
                    step,
                )
            cursor.advance(step)
            for control, own in zip(controls, beside, strict=True):
                control.advance(own)


def _moment(
    case: StateCase,
    replay_pass: StatePass,
    number: int,
    step: Step,
    beside: tuple[Step, ...],
    cursor: Cursor,
    controls: Iterable[Cursor],
    expiry: Mapping[str, str],
) -> Moment:
    return Moment(
        subject=case.subject,
        replay_pass=replay_pass,
        event=case.events[step.event].name,
        step=step,
        controls=beside,
        before=cursor.items,
        control_before=tuple(each.items for each in controls),
        writers=cursor.writers,
        created=frozenset().union(*(each.created(step.event) for each in case.controls)),
        expiry=expiry,
        alone=lambda: _alone(case.alone(), number, step.event),
    )


def _alone(record: Record, number: int, event: int) -> Step | None:
    steps = record.rounds[min(number, len(record.rounds) - 1)]
    return next((each for each in steps if each.event == event), None)


# --- the whole ------------------------------------------------------------------------------


def _unusable(case: StateCase) -> dict[int, str]:
    """Events on which the current version alone fails from the start, with the reason."""
    found = {}
    for place, step in enumerate(case.controls[0].rounds[0]):
        fixture = case.events[step.event]
        usable = invocation.judge_baseline(
            tuple(each.rounds[0][place].outcome for each in case.controls),
            fixture.expect,
            version_name=case.subject.current_name,
            event=fixture.payload,
        )
        if usable.reason is not None:
            found[step.event] = usable.reason
    return found


def _judgement(case: StateCase, collected: _Collected) -> Judgement:
    findings = tuple(_counted(collected, each) for each in collected.findings.values())
    places = {_place(each) for each in findings}
    warnings = tuple(
        _counted(collected, each)
        for each in collected.warnings.values()
        if _place(each) not in places
    )
    notes = [*collected.notes, *_notes(case)]
    reason = collected.reasons[0] if collected.reasons and not findings else None
    return Judgement(
        findings=findings, reason=reason, warnings=warnings, notes=tuple(dict.fromkeys(notes))
    )


def _counted(collected: _Collected, finding: Finding) -> Finding:
    """The finding with the number of other events that show the same."""
    more = len(collected.events[mark(finding)]) - 1
    return replace(finding, details=(*finding.details, ("more_events", more)))


def _place(finding: Finding) -> tuple[object, ...]:
    details = dict(finding.details)
    return tuple(details.get(name) for name in ("service", "container", "part", "attribute"))


def _notes(case: StateCase) -> Iterator[Note]:
    for clause in dict.fromkeys(
        clause for record in (*case.controls, *case.passes) for clause in record.left_out
    ):
        yield Note(kind="state-left-out", details=(("what", one_line(clause)),))
