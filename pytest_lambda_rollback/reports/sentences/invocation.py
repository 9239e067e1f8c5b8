"""Sentences about how a replay of the target ended."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_lambda_rollback.model.findings import Detail, Finding
from pytest_lambda_rollback.model.replay import OutcomeKind

_ENDINGS = {
    OutcomeKind.RESPONSE: "answers",
    OutcomeKind.FUNCTION_ERROR: "raises {}",
    OutcomeKind.INIT_ERROR: "fails to initialise with {}",
    OutcomeKind.TIMEOUT: "times out",
    OutcomeKind.OUT_OF_MEMORY: "runs out of memory",
    OutcomeKind.RUNTIME_EXIT: "ends its runtime without answering",
    OutcomeKind.RESPONSE_TOO_LARGE: "answers more than Lambda allows",
}


def predicate(finding: Finding) -> str:
    """``raises KeyError: 'sku' where orders:4 answers``."""
    details = dict(finding.details)
    text = f"{_ending(details, 'target')} where {finding.subject.current_name}"
    text += f" {_ending(details, 'current')}"
    return f"{text}, as the fixture expects" if details["expected"] else text


def _ending(details: Mapping[str, Detail], side: str) -> str:
    kind = OutcomeKind(str(details[f"{side}_outcome"]))
    name, message = details[f"{side}_type"], details[f"{side}_message"]
    error = name or "an error without a name"
    return _ENDINGS[kind].format(f"{error}: {message}" if message else error)
