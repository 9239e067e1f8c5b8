"""What a verdict is worth where values of environment variables were made up. Pure.

A placeholder is no value that the function was written for. A failure that shows one is a failure
of the placeholder, so nothing is known of the rollback.
"""

from __future__ import annotations

from dataclasses import replace

from pytest_lambda_rollback.model import FunctionVersion, Judgement, Outcome, Verdict
from pytest_lambda_rollback.tables import listed


def explained(judgement: Judgement, version: FunctionVersion) -> Judgement:
    """A reason why the current version is no baseline, with the placeholders it ran with."""
    if judgement.reason is None or not version.placeholders:
        return judgement
    return replace(judgement, reason=f"{judgement.reason.rstrip('.')}. {_advice(version)}")


def without_made_up(judgement: Judgement, outcome: Outcome, target: FunctionVersion) -> Judgement:
    """``unknown`` instead of a break that shows a placeholder."""
    if judgement.verdict is not Verdict.BREAKS or not target.placeholders:
        return judgement
    values = dict(target.environment)
    text = _text(outcome)
    shown = [name for name in target.placeholders if values[name] in text]
    if not shown:
        return judgement
    return Judgement(
        reason=f"{judgement.findings[0].message}; but that shows the placeholder of "
        f"{listed(shown)}, so the real value may work. {_advice(target)}"
    )


def _text(outcome: Outcome) -> str:
    parts = [(outcome.payload or b"").decode("utf-8", "replace"), outcome.detail]
    if outcome.error is not None:
        parts += [outcome.error.message, *outcome.error.stack_trace]
    return "\n".join(parts)


def _advice(version: FunctionVersion) -> str:
    table = f"functions.{version.function}"
    return (
        f"The values of {listed(version.placeholders)} are placeholders: give them under "
        f"{table}.environment, or let them be fetched at run time by {table}.aws.environment = "
        f'"fetch"'
    )
