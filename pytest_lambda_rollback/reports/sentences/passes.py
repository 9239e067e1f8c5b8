"""The state of the execution environment in which a target breaks, as the end of a clause."""

from __future__ import annotations

from pytest_lambda_rollback.model.findings import Finding
from pytest_lambda_rollback.model.replay import ReplayPass

COLD = "on a cold start"


def suffix(finding: Finding) -> str:
    """`` on a cold start``, `` after create_order in the same environment``; empty for both."""
    if finding.replay_pass == ReplayPass.COLD:
        return f" {COLD}"
    if finding.replay_pass == ReplayPass.WARM and finding.after:
        return f" after {_events(finding.after)} in the same environment"
    return ""


def where(replay_pass: str) -> str:
    """The state that a whole pass is about."""
    if replay_pass == ReplayPass.COLD:
        return COLD
    return "after other events in the same environment"


def _events(names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{len(names)} events, the last of them {names[-1]},"
