"""Values of environment variables: hidden in all output, or made up.

A function may put them into an error, a log line or an answer. Short values are kept:
replacing ``3`` or ``prod`` everywhere would make every text unreadable and hide nothing. If
values are unknown and were made up, a failure that shows one is not the target's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import takewhile
from typing import Any
from urllib.parse import quote

from pytest_lambda_rollback.model.findings import (
    CheckResult,
    Contract,
    Finding,
    Judgement,
    Verdict,
)
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.model.text import listed
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.reports import sentences

SHORTEST = 8
"""Values with fewer characters are shown unchanged."""

_CUT = "…"
"""The end of a shortened text."""


def redacted(result: CheckResult, versions: Iterable[FunctionVersion]) -> CheckResult:
    """A result in which values of the versions' environments are replaced by their names."""
    secrets: dict[str, str] = {}
    # A variable may name a table; a finding must name it too, and that is no secret.
    containers = {
        value
        for finding in (*result.findings, *result.warnings)
        for name, value in finding.details
        if finding.contract == Contract.STATE and name == "container"
    }
    for version in versions:
        for name, value in version.configuration.environment:
            if _is_long(value) and value not in containers:
                for form in filter(_is_long, _forms(value)):
                    secrets.setdefault(form, f"<{name}>")
    if not secrets:
        return result
    # Longer ones first: one value may be a part of another.
    ordered = sorted(secrets.items(), key=lambda pair: -len(pair[0]))

    def clean(text: str) -> str:
        for value, name in ordered:
            if value[:SHORTEST] in text:
                text = _without_beginnings(text.replace(value, name), value, name)
        return text

    return replace(
        result,
        reason=clean(result.reason) if result.reason is not None else None,
        findings=tuple(_finding(finding, clean) for finding in result.findings),
        warnings=tuple(_finding(warning, clean) for warning in result.warnings),
        notes=_cleaned(result.notes, clean),
    )


def _is_long(text: str) -> bool:
    return len(text) >= SHORTEST


def _forms(value: str) -> Iterator[str]:
    """The value as texts may hold it: as it is, in JSON, as Python shows it, line by line."""
    yield value
    for ascii_only in (True, False):
        in_json = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield in_json
        # As the body of an answer is: JSON in JSON.
        yield json.dumps(in_json, ensure_ascii=ascii_only)[1:-1]
    yield repr(value)[1:-1]
    yield from value.splitlines()
    yield value.encode("unicode_escape").decode("ascii")
    yield " ".join(value.split())
    yield quote(value, safe="")


def _without_beginnings(text: str, value: str, name: str) -> str:
    """Also replace the beginning of a value where a text was cut off."""
    begin = 0
    while (at := text.find(value[:SHORTEST], begin)) >= 0:
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(text[at:], value, strict=False))
        end = at + sum(1 for _ in alike)
        if text[end : end + 1] == _CUT:
            text = text[:at] + name + text[end:]
            end = at + len(name)
        begin = end
    return text


def _finding(finding: Finding, clean: Callable[[str], str]) -> Finding:
    """A finding without the values in its texts, except those that name its subject."""
    cleaned: Finding = _cleaned(finding, clean)
    return replace(cleaned, kind=finding.kind, subject=finding.subject)


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if type(value) is str:
        return clean(value)
    if isinstance(value, tuple):
        return tuple(_cleaned(each, clean) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        new = {each.name: _cleaned(getattr(value, each.name), clean) for each in fields(value)}
        return replace(value, **new)
    return value


_OF_PACKAGES = ("ImportModuleError", "HandlerNotFound", "MalformedHandlerName", "CodeSyntaxError")
"""Errors of AWS's runtime client that no variable's value is to blame for."""


def explained(
    judgement: Judgement, version: FunctionVersion, baseline: Iterable[Outcome]
) -> Judgement:
    """A reason why the current version is no baseline, with the placeholders it ran with.

    Advice follows if they may be the reason: an outcome shows one by its name or
    value, or the function does not start for another reason than its packages. Elsewhere they are
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
    return replace(
        judgement,
        findings=(),
        reason=f"{sentences.of_finding(judgement.findings[0])}; but that shows the placeholder of "
        f"{listed(shown)}, so the real value may work. {_advice(target, shown)}",
    )


def _text(outcome: Outcome) -> str:
    parts = [(outcome.payload or b"").decode("utf-8", "replace"), outcome.detail]
    if outcome.error is not None:
        parts += [outcome.error.message, *outcome.error.stack_trace]
    return "\n".join(parts)


def _names(name: str, value: str, text: str) -> bool:
    """True if a text has the placeholder, or the variable's name as a word."""
    return value in text or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _may_need_values(outcome: Outcome) -> bool:
    """True if the function raises an error of its own while it starts."""
    kind = outcome.error.type if outcome.error is not None else ""
    return outcome.kind is OutcomeKind.INIT_ERROR and not kind.endswith(_OF_PACKAGES)


def _advice(version: FunctionVersion, names: Sequence[str]) -> str:
    table = f"functions.{version.function}"
    return (
        f"The values of {listed(names or version.placeholders)} are placeholders: give them under "
        f"{table}.environment, or fetch them at run time with {table}.aws.environment = "
        f'"fetch"'
    )
