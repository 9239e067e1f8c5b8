"""Sentences about how a replay of the target ended."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_lambda_rollback.model.findings import Detail, Finding
from pytest_lambda_rollback.model.replay import OutcomeKind
from pytest_lambda_rollback.reports.sentences import passes

_ENDINGS = {
    OutcomeKind.RESPONSE: "answers",
    OutcomeKind.FUNCTION_ERROR: "raises {}",
    OutcomeKind.INIT_ERROR: "fails to initialise with {}",
    OutcomeKind.TIMEOUT: "times out",
    OutcomeKind.OUT_OF_MEMORY: "runs out of memory",
    OutcomeKind.RUNTIME_EXIT: "ends its runtime without answering",
    OutcomeKind.RESPONSE_TOO_LARGE: "answers more than Lambda allows",
}


_TOLD = {
    "answered-failure": "answers {target}",
    "logged-failure": "logs {target} and answers as if it had succeeded",
}
"""By kind: a failure that the target tells in an answer or log which nobody reads."""


def predicate(finding: Finding) -> str:
    """``raises KeyError: 'sku' where orders:4 answers``."""
    details = dict(finding.details)
    if finding.kind in _TOLD:
        return _told(finding)
    return _compared(finding, _ending(details, "target"))


def brief(finding: Finding) -> str:
    """``KeyError: 'sku' where orders:4 answers``: an error comes first."""
    details = dict(finding.details)
    if OutcomeKind(str(details["target_outcome"])) is OutcomeKind.FUNCTION_ERROR:
        return _compared(finding, _error(details, "target"))
    return predicate(finding)


def _told(finding: Finding) -> str:
    """``answers {"statusCode": 500}``, then who does not read it."""
    text = _TOLD[finding.kind].format(target=finding.target)
    source = dict(finding.details)["source"]
    return (
        f"{text}{passes.suffix(finding)} where {finding.subject.current_name} succeeds: {source} "
        "takes any answer for success, so the event is lost"
    )


def _compared(finding: Finding, ending: str) -> str:
    details = dict(finding.details)
    current = f"{finding.subject.current_name} {_ending(details, 'current')}"
    text = f"{ending}{passes.suffix(finding)} where {current}"
    return f"{text}, as the fixture expects" if details["expected"] else text


def _ending(details: Mapping[str, Detail], side: str) -> str:
    kind = OutcomeKind(str(details[f"{side}_outcome"]))
    return _ENDINGS[kind].format(_error(details, side))


def _error(details: Mapping[str, Detail], side: str) -> str:
    name, message = details[f"{side}_type"], details[f"{side}_message"]
    error = name or "an error without a name"
    return f"{error}: {message}" if message else str(error)
