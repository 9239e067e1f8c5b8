"""Keeping values of environment variables out of everything that is shown.

A function may put them into an error, a log line or an answer. Short values are left alone:
replacing ``3`` or ``prod`` everywhere would make every text unreadable and hide nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import takewhile
from typing import Any
from urllib.parse import quote

from pytest_lambda_rollback.model.findings import CheckResult, Finding
from pytest_lambda_rollback.model.versions import FunctionVersion

SHORTEST = 8
"""Values with fewer characters are shown as they are."""

_CUT = "…"
"""The end of a shortened text."""


def redacted(result: CheckResult, versions: Iterable[FunctionVersion]) -> CheckResult:
    """A result in which values of the versions' environments are replaced by their names."""
    secrets: dict[str, str] = {}
    for version in versions:
        for name, value in version.configuration.environment:
            if _is_long(value):
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
    """Replace also what a text that was cut off holds of a value."""
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
    """A finding without the values: all of its texts but those that name what it is about."""
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
