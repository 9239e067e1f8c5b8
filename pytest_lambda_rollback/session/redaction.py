"""Keeping values of environment variables out of everything that is shown. Pure.

A function may put them into an error, a log line or an answer. Short values are left alone:
replacing ``3`` or ``prod`` everywhere would make every text unreadable and hide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pytest_lambda_rollback.model import Cause, CheckResult, Finding, FunctionVersion

SHORTEST = 8
"""Values with fewer characters are shown as they are."""


def redacted(result: CheckResult, versions: Iterable[FunctionVersion]) -> CheckResult:
    """A result in which values of the versions' environments are replaced by their names."""
    secrets: dict[str, str] = {}
    for version in versions:
        for name, value in version.environment:
            if len(value) >= SHORTEST:
                secrets.setdefault(value, f"<{name}>")
    if not secrets:
        return result
    # Longer ones first: one value may be a part of another.
    ordered = sorted(secrets.items(), key=lambda pair: -len(pair[0]))

    def clean(text: str) -> str:
        for value, name in ordered:
            text = text.replace(value, name)
        return text

    return replace(
        result,
        reason=clean(result.reason) if result.reason is not None else None,
        findings=tuple(_finding(finding, clean) for finding in result.findings),
        warnings=tuple(_finding(warning, clean) for warning in result.warnings),
    )


def _finding(finding: Finding, clean: Callable[[str], str]) -> Finding:
    def maybe(text: str | None) -> str | None:
        return clean(text) if text is not None else None

    cause: Cause | None = finding.cause
    if cause is not None:
        cause = replace(cause, sentence=maybe(cause.sentence))
    return replace(
        finding,
        message=clean(finding.message),
        current=maybe(finding.current),
        target=maybe(finding.target),
        cause=cause,
        stack_trace=tuple(clean(frame) for frame in finding.stack_trace),
        logs=tuple(clean(line) for line in finding.logs),
    )
