"""What API Gateway and AppSync make of an authorizer's response: let through, or refuse. Pure.

A request that the current version lets through and the target refuses is a break for its caller.
The other way round is one too, of a kind of its own: a rollback would open what is closed today.
Only the request of the event is judged, and only where its policy can be read with certainty.

The rules are those of "Output from an API Gateway Lambda authorizer", "Control access to HTTP
APIs with AWS Lambda authorizers", the "IAM JSON policy reference" (an explicit deny wins, what is
not allowed is denied, ``*`` and ``?`` are wildcards) and AppSync's "AWS_LAMBDA authorization".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto

from pytest_lambda_rollback.aws_lambda.event_sources.recognition import Event, Object, Source
from pytest_lambda_rollback.contracts.response.comparison import Compared
from pytest_lambda_rollback.contracts.response.differences import Differences
from pytest_lambda_rollback.model.json_values import Json, Path, short_text

_INVOKE = "execute-api:Invoke"
_PATH_POLICY: Path = ("policyDocument",)
_PATH_SIMPLE: Path = ("isAuthorized",)


class Decision(Enum):
    """What an authorizer's response means for the request of the event."""

    ALLOW = auto()
    DENY = auto()
    UNMATCHED = auto()
    """No statement is about this request, which so is denied."""
    UNCERTAIN = auto()
    """The policy has conditions or exceptions that are not looked into."""
    UNREADABLE = auto()
    """Not what the service takes for an answer: the request fails with a server error."""


def read_authorizer(
    current: Sequence[Json], target: Json, differences: Differences, *, event: Event, exact: bool
) -> Compared:
    """Note another decision; where both let the request through, the context is left to compare.

    The policies themselves are compared only where values are (``exact``): the same decision can
    be written in many ways.
    """
    decisions = [_decision(value, event) for value in current]
    found = _decision(target, event)
    if all(each is Decision.UNMATCHED for each in decisions):
        # The event's ARN and the policy's are not of one API, as in samples: go by the effects.
        decisions = [_by_effects(value) for value in current]
        found = _by_effects(target) if found is not Decision.UNREADABLE else found
    denied = (Decision.DENY, Decision.UNMATCHED)
    allows = all(each is Decision.ALLOW for each in decisions)
    refuses = all(each in denied for each in decisions)
    as_is = Compared(current=tuple(current), target=target)
    if not (allows or refuses) or found is Decision.UNCERTAIN:
        return as_is if exact or found is Decision.UNREADABLE else _without_policies(as_is)
    before = len(differences)
    if allows and (found in denied or found is Decision.UNREADABLE):
        _note_refusal(current, target, found, differences, event)
    elif refuses and found is Decision.ALLOW:
        path = _place(target)
        differences.other(
            path, "authorizer-allows", "TARGET lets a request through that CURRENT refuses",
            short_text(_at(current[0], path)), short_text(_at(target, path)),
        )  # fmt: skip
    if len(differences) > before or (refuses and not exact):
        return Compared(current=tuple(current), target=target, settled=True)
    _note_context(current, target, differences, event)
    return as_is if exact else _without_policies(as_is)


def _note_refusal(
    current: Sequence[Json],
    target: Json,
    found: Decision,
    differences: Differences,
    event: Event,
) -> None:
    path = _place(target) or _place(current[0])
    if found is Decision.UNREADABLE:
        kind = "malformed-response"
        says = f"TARGET answers what {event.source} cannot read, so a request fails that CURRENT "
        says += "lets through"
    else:
        kind, says = "authorizer-denies", "TARGET refuses a request that CURRENT lets through"
    differences.other(
        path, kind, says, short_text(_at(current[0], path)), short_text(_at(target, path))
    )


def _note_context(
    current: Sequence[Json], target: Json, differences: Differences, event: Event
) -> None:
    """Note nested values in ``context``, which the IAM policy format has no place for."""
    if event.source is not Source.AUTHORIZER:
        return
    for key, value in _context(target).items():
        if isinstance(value, (dict, list)) and not any(
            isinstance(_context(run).get(key), (dict, list)) for run in current
        ):
            differences.other(
                ("context", key),
                "malformed-response",
                "TARGET answers with a nested value at PLACE, where API Gateway takes a string, "
                "number or boolean alone: requests fail that CURRENT lets through",
                short_text(_context(current[0]).get(key)),
                short_text(value),
            )


def _context(value: Json) -> Object:
    context = value.get("context") if isinstance(value, dict) else None
    return context if isinstance(context, dict) else {}


def _without_policies(compared: Compared) -> Compared:
    """The responses without what their decision was read from."""

    def kept(value: Json) -> Json:
        if not isinstance(value, dict):
            return value
        return {k: v for k, v in value.items() if k not in ("policyDocument", "isAuthorized")}

    return Compared(
        current=tuple(kept(value) for value in compared.current), target=kept(compared.target)
    )


# --- one response ---------------------------------------------------------------------------


def _place(value: Json) -> Path:
    for path in (_PATH_POLICY, _PATH_SIMPLE):
        if isinstance(value, dict) and path[0] in value:
            return path
    return ()


def _at(value: Json, path: Path) -> Json:
    if not path:
        return value
    return value.get(str(path[0])) if isinstance(value, dict) else None


def _decision(value: Json, event: Event) -> Decision:
    if not isinstance(value, dict):
        return Decision.UNREADABLE
    if event.source is not Source.AUTHORIZER and "isAuthorized" in value:
        simple = value["isAuthorized"]
        if not isinstance(simple, bool):
            return Decision.UNREADABLE
        return Decision.ALLOW if simple else Decision.DENY
    if event.source is Source.APPSYNC_AUTHORIZER:
        return Decision.UNREADABLE
    statements = _statements(value)
    if statements is None:
        return Decision.UNREADABLE
    arn = str(event.value.get("methodArn") or event.value.get("routeArn"))
    if _effects(statements) == {"Deny"}:
        return Decision.DENY  # whatever the statements are about: nothing is allowed
    allowed = False
    for statement in statements:
        if {"Condition", "NotAction", "NotResource"} & statement.keys():
            return Decision.UNCERTAIN
        effect = statement.get("Effect")
        if effect not in ("Allow", "Deny"):
            return Decision.UNREADABLE
        is_about = _any_matches(statement.get("Action"), _INVOKE, re.IGNORECASE) and _any_matches(
            statement.get("Resource"), arn
        )
        if is_about and effect == "Deny":
            return Decision.DENY
        allowed = allowed or is_about
    return Decision.ALLOW if allowed else Decision.UNMATCHED


def _by_effects(value: Json) -> Decision:
    effects = _effects(_statements(value) or [])
    if effects == {"Allow"}:
        return Decision.ALLOW
    return Decision.DENY if effects == {"Deny"} else Decision.UNCERTAIN


def _effects(statements: Sequence[Object]) -> set[str]:
    return {str(statement.get("Effect")) for statement in statements}


def _statements(value: Json) -> list[Object] | None:
    policy = value.get("policyDocument") if isinstance(value, dict) else None
    found = policy.get("Statement") if isinstance(policy, dict) else None
    listed = [found] if isinstance(found, dict) else found
    if not isinstance(listed, list):
        return None
    statements = [each for each in listed if isinstance(each, dict)]
    return statements if len(statements) == len(listed) else None


def _any_matches(patterns: Json, text: str, flags: re.RegexFlag = re.NOFLAG) -> bool:
    listed = patterns if isinstance(patterns, list) else [patterns]
    return any(
        isinstance(pattern, str) and re.fullmatch(_regex(pattern), text, flags)
        for pattern in listed
    )


def _regex(pattern: str) -> str:
    """An IAM pattern as a regular expression; runs of ``*`` are one, so that it stays linear."""
    parts = re.split(r"(\*+|\?)", pattern)
    return "".join(
        ".*" if part.startswith("*") else "." if part == "?" else re.escape(part) for part in parts
    )
