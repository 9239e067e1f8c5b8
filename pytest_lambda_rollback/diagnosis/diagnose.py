"""The cause of a break, out of all possible ones, by the known facts of the case.

The order: a break on any stack comes from the event, or else from the code. A break that the
other stack fixes comes from the stack: from the changes that were shown to flip it, or else from
what the error points at. Where it was not tried, only an error that names a module decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from pytest_lambda_rollback.aws_lambda import stack_traces
from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN, EventSources
from pytest_lambda_rollback.diagnosis import error_origins
from pytest_lambda_rollback.diagnosis.distribution_changes import Evidence
from pytest_lambda_rollback.diagnosis.event_causes import event_cause
from pytest_lambda_rollback.diagnosis.stack_causes import (
    Break,
    cause_from_flip,
    cause_from_frames,
    code_cause,
)
from pytest_lambda_rollback.diagnosis.stack_changes import Change, changes
from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.findings import Finding
from pytest_lambda_rollback.model.packages import VersionView
from pytest_lambda_rollback.model.replay import FunctionError
from pytest_lambda_rollback.model.settings import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakCase:
    """One break, with all known evidence."""

    finding: Finding
    strategy: Strategy
    own: VersionView
    """The target on its own stack: what ``alias`` runs."""
    current: VersionView
    """The target's code on the current version's stack: what ``redeploy`` runs."""
    error: FunctionError | None = None
    """The error that the target raised; ``None`` if it answered or ended otherwise."""
    heals: bool | None = None
    """The result of the same event on the stack that the strategy does not use: true if it is
    safe there, false where it ends in the same break, ``None`` if it breaks in another way or
    was not tried, which shows nothing about this break."""
    flip: AbstractSet[Change] | None = None
    """The changes that `smallest_flip` found, where ``heals`` is true."""
    imported: tuple[str, ...] = ()
    """Modules that the target's own code imports, dotted."""
    event: bytes | None = field(default=None, repr=False)
    """``None`` for a break without an event."""
    passing: tuple[bytes, ...] = field(default=(), repr=False)
    """Events that the target handles by the same strategy."""
    event_sources: EventSources = field(default=BUILT_IN, repr=False)


def diagnose(case: BreakCase) -> Cause | None:
    """The cause, or ``None`` if none can be shown.

    A finding that has its cause already keeps it.
    """
    if case.finding.cause is not None:
        return case.finding.cause
    working, breaking = case.own, case.current
    if case.strategy is Strategy.ALIAS:
        working, breaking = breaking, working
    differing = changes(working.version, breaking.version)
    location = case.finding.code_location
    if location is None and case.error is not None:
        location = stack_traces.own_location(case.error.stack_trace)
    broken = Break(strategy=case.strategy, error=case.error, location=location)
    if not differing or case.heals is False:
        same_stack = not differing
        return _of_event(case) or code_cause(broken, same_stack=same_stack)
    if case.heals:
        flip = case.flip or (frozenset(differing) if len(differing) == 1 else None)
        if flip:
            evidence = Evidence(error=case.error, imported=case.imported)
            return cause_from_flip(flip, case.own, case.current, evidence, broken)
        return _of_frames(case, broken)
    if case.error is not None and (
        error_origins.modules_named(case.error) or error_origins.module_missing(case.error)
    ):
        return _of_frames(case, broken)
    return _of_event(case, keys_only=True)


def same_break(one: Sequence[Finding], other: Sequence[Finding]) -> bool:
    """True if two judgements of one event find the same break.

    They do where they share a finding of the same contract, kind and, for an answer, place; an
    error must be of the same type and quote the same names. So a hybrid that fails because
    another layer is missing is not evidence for this break.
    """
    return bool({_mark(each) for each in one} & {_mark(each) for each in other})


def _of_event(case: BreakCase, *, keys_only: bool = False) -> Cause | None:
    if case.event is None:
        return None
    return event_cause(
        case.error,
        case.finding,
        case.event,
        case.passing,
        target=case.finding.subject.label,
        event_sources=case.event_sources,
        keys_only=keys_only,
    )


def _of_frames(case: BreakCase, broken: Break) -> Cause | None:
    if case.error is None:
        return None
    return cause_from_frames(
        case.error,
        case.own,
        case.current,
        strategy=case.strategy,
        location=broken.location,
    )


def _mark(finding: Finding) -> tuple[str, ...]:
    if finding.pointer is not None:
        return finding.contract, finding.kind, finding.pointer
    details = dict(finding.details)
    kind, message = details.get("target_type"), details.get("target_message")
    if kind is None:
        return finding.contract, finding.kind, str(details.get("about", ""))
    error = FunctionError(type=str(kind), message=str(message or ""))
    return finding.contract, finding.kind, *error_origins.gist(error)
