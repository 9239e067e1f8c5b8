"""Verdicts where values of environment variables were made up.

The function was not written for a placeholder. A failure that shows one is a failure of the
placeholder and says nothing about the rollback.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pytest_lambda_rollback.model.findings import Judgement, Verdict
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.model.text import listed
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.reports import sentences

_OF_PACKAGES = ("ImportModuleError", "HandlerNotFound", "MalformedHandlerName", "CodeSyntaxError")
"""Errors of AWS's runtime client that no variable's value is to blame for."""


def explained(
    judgement: Judgement, version: FunctionVersion, baseline: Iterable[Outcome]
) -> Judgement:
    """A reason why the current version is no baseline, with the placeholders it ran with.

    Advice follows where they may be the reason: where an outcome shows one by its name or value,
    or where the function does not start for another reason than its packages. Elsewhere they are
    only mentioned.
    """
    if judgement.reason is None or not version.placeholders:
        return judgement
    outcomes = tuple(baseline)
    values = dict(version.configuration.environment)
    shown = [
        name
        for name in version.placeholders
        if any(_names(name, values[name], _text(outcome)) for outcome in outcomes)
    ]
    reason = judgement.reason.rstrip(".")
    if shown or any(_may_need_values(outcome) for outcome in outcomes):
        return replace(judgement, reason=f"{reason}. {_advice(version, shown)}")
    return replace(
        judgement, reason=f"{reason}. It ran with placeholders for {listed(version.placeholders)}"
    )


def without_made_up(judgement: Judgement, outcome: Outcome, target: FunctionVersion) -> Judgement:
    """``unknown`` instead of a break that shows a placeholder."""
    if judgement.verdict is not Verdict.BREAKS or not target.placeholders:
        return judgement
    values = dict(target.configuration.environment)
    text = _text(outcome)
    shown = [name for name in target.placeholders if values[name] in text]
    if not shown:
        return judgement
    return Judgement(
        reason=f"{sentences.of_finding(judgement.findings[0])}; but that shows the placeholder of "
        f"{listed(shown)}, so the real value may work. {_advice(target, shown)}"
    )


def _text(outcome: Outcome) -> str:
    parts = [(outcome.payload or b"").decode("utf-8", "replace"), outcome.detail]
    if outcome.error is not None:
        parts += [outcome.error.message, *outcome.error.stack_trace]
    return "\n".join(parts)


def _names(name: str, value: str, text: str) -> bool:
    """True where a text has the placeholder, or the variable's name as a word."""
    return value in text or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _may_need_values(outcome: Outcome) -> bool:
    """True where the function raises an error of its own while it starts."""
    kind = outcome.error.type if outcome.error is not None else ""
    return outcome.kind is OutcomeKind.INIT_ERROR and not kind.endswith(_OF_PACKAGES)


def _advice(version: FunctionVersion, names: Sequence[str]) -> str:
    table = f"functions.{version.function}"
    return (
        f"The values of {listed(names or version.placeholders)} are placeholders: give them under "
        f"{table}.environment, or let them be fetched at run time by {table}.aws.environment = "
        f'"fetch"'
    )
