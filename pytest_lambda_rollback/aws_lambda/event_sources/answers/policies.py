"""Statements of IAM policies, one action and resource each.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_lambda_rollback.model.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a policy says of one action and one resource; both may have wildcards."""

    effect: str
    action: str
    resource: str


def statements_of(policy: Json) -> tuple[Statement, ...] | None:
    """The statements of a policy document, one by one; ``None`` for what is no policy."""
    found = policy.get("Statement") if isinstance(policy, dict) else None
    listed = [found] if isinstance(found, dict) else found
    if not isinstance(listed, list):
        return None
    statements: list[Statement] = []
    for each in listed:
        if not isinstance(each, dict):
            return None
        statements += [
            Statement(effect=str(each.get("Effect")), action=action, resource=resource)
            for action in texts(each.get("Action"))
            for resource in texts(each.get("Resource"))
        ]
    return tuple(statements)


def texts(value: Json) -> list[str]:
    """One text or a list of them, as a list."""
    return [
        each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)
    ]


def matches(pattern: str, text: str, flags: re.RegexFlag = re.NOFLAG) -> bool:
    """True if an IAM pattern (``*``, ``?``) covers the whole text.

    Runs of ``*`` are one, so that it stays linear.
    """
    parts = re.split(r"(\*+|\?)", pattern)
    regex = "".join(
        ".*" if part.startswith("*") else "." if part == "?" else re.escape(part) for part in parts
    )
    return re.fullmatch(regex, text, flags) is not None
