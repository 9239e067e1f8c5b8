"""Sentences about findings and their causes, made here and nowhere else.

No sentence ends with a full stop, and none shows the value of an environment variable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pytest_lambda_rollback.model.causes import Cause, CauseKind
from pytest_lambda_rollback.model.findings import Contract, Finding, Note, Subject
from pytest_lambda_rollback.reports.sentences import (
    causes,
    dependencies,
    downstream,
    imports,
    invocation,
    notes,
    passes,
    platform,
    response,
    state,
)

_PREDICATES: Mapping[str, Callable[[Finding], str]] = {
    Contract.DEPENDENCIES: dependencies.predicate,
    Contract.DOWNSTREAM: downstream.predicate,
    Contract.IMPORTS: imports.predicate,
    Contract.INVOCATION: invocation.predicate,
    Contract.PLATFORM: platform.predicate,
    Contract.RESPONSE: response.predicate,
}
"""By contract: the target's failure, to follow its name."""


def of_finding(finding: Finding) -> str:
    """``orders:2 by redeploy raises KeyError: 'sku' where orders:4 answers``."""
    if finding.text is not None:
        return f"{finding.text}{passes.suffix(finding)}"
    return f"{finding.subject.name} {_predicate(finding)}"


def brief(finding: Finding) -> str:
    """The same for readers who know the target: ``KeyError: 'sku' where orders:4 answers``."""
    if finding.contract is Contract.INVOCATION and finding.text is None:
        return invocation.brief(finding)
    if finding.text is not None:
        return f"{finding.text}{passes.suffix(finding)}"
    return _predicate(finding)


def of_cause(cause: Cause | None, subject: Subject) -> str | None:
    """``redeploying 2: layer third-party 2 has PyJWT 2.10.1 but 2 was built against 1.7.1``.

    ``None`` for a cause that is told by its layer and distribution alone.
    """
    return None if cause is None else causes.sentence(cause, subject)


def in_pass(finding: Finding) -> str:
    """`` on a cold start``, where a finding is of one pass only; else empty."""
    return passes.suffix(finding)


def of_note(note: Note) -> str:
    """The sentence about something that was not checked."""
    return notes.of_note(note)


def why(finding: Finding) -> str:
    """The cause if it is known, else the finding, for readers who know target and strategy."""
    cause = finding.cause
    reason = None if cause is None else causes.reason(cause, finding.subject)
    if cause is None or reason is None:
        return brief(finding)
    if finding.contract == Contract.STATE:  # The event and the item are as much to be told.
        return f"{brief(finding)}; {reason}"
    # That the code is at fault says nothing of what it does, where it raises no error.
    if cause.kind is CauseKind.CODE and cause.error is None:
        return f"{brief(finding)}; {reason}"
    return f"{reason}{passes.suffix(finding)}"


def _predicate(finding: Finding) -> str:
    if finding.contract == Contract.STATE:
        return _of_state(finding)
    known = _PREDICATES.get(finding.contract)
    if known is None:  # of a plugin that gave no text
        return f"violates the contract {finding.contract}: {finding.kind}"
    if finding.contract == Contract.INVOCATION:  # which says it before it compares
        return known(finding)
    return f"{known(finding)}{passes.suffix(finding)}"


def _of_state(finding: Finding) -> str:
    """What another contract found on shared state has that contract's words."""
    details = dict(finding.details)
    rule = details.get("rule")
    if rule is None:
        return state.predicate(finding)
    own = finding.details[: [name for name, _ in finding.details].index("rule")]
    subject = finding.subject
    if details.get("by") == "current":
        subject = replace(subject, target=subject.current, strategy=None)
    pointer = details.get("pointer")
    judged = replace(
        finding,
        contract=str(rule),
        subject=subject,
        location=finding.location if pointer is None else str(pointer),
        replay_pass=None,
        details=own,
    )
    return state.judged_by(finding, _predicate(judged))
