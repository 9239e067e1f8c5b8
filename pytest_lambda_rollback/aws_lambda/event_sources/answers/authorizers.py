"""How API Gateway and AppSync read an authorizer's answer: let the request through, or refuse it.

A request that the current version lets through and the target refuses breaks its caller. The
other way round is a break of its own kind: a rollback would open what is closed today. Only the
request of the event is judged, and only where its policy can be read with certainty: an explicit
deny wins, what is not allowed is denied, ``*`` and ``?`` are wildcards.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    Object,
)
from pytest_lambda_rollback.model.json_values import Json, Path, short_text

_INVOKE = "execute-api:Invoke"
_PATH_POLICY: Path = ("policyDocument",)
_PATH_SIMPLE: Path = ("isAuthorized",)


class _Decision(Enum):
    """The meaning of an authorizer's answer for the request of the event."""

    ALLOW = auto()
    DENY = auto()
    UNMATCHED = auto()
    """No statement is about this request, so it is denied."""
    UNCERTAIN = auto()
    """The policy has conditions or exceptions, which are not evaluated."""
    UNREADABLE = auto()
    """The service cannot read it: the request fails with a server error."""


_DENIED = (_Decision.DENY, _Decision.UNMATCHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizerAnswers:
    """How one service reads the answers of its authorizers."""

    takes_policy: bool = True
    """An IAM policy decides (``policyDocument``)."""
    takes_simple: bool = True
    """A boolean decides (``isAuthorized``)."""
    arn: str = ""
    """The event's member with the ARN that policies are about."""

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        """Note another decision; where both allow the request, leave the context to compare.

        The policies themselves are compared only where values are (``exact``): the same decision
        can be written in many ways.
        """
        decisions = [self._decision(value, event) for value in current]
        found = self._decision(target, event)
        if all(each is _Decision.UNMATCHED for each in decisions):
            # The event's ARN and the policy's are of different APIs, as in samples.
            decisions = [_by_effects(value) for value in current]
            found = _by_effects(target) if found is not _Decision.UNREADABLE else found
        allows = all(each is _Decision.ALLOW for each in decisions)
        refuses = all(each in _DENIED for each in decisions)
        as_is = Compared(current=tuple(current), target=target)
        if not (allows or refuses) or found is _Decision.UNCERTAIN:
            return as_is if exact or found is _Decision.UNREADABLE else _without_policies(as_is)
        before = len(differences)
        if allows and (found in _DENIED or found is _Decision.UNREADABLE):
            _note_refusal(current, target, found, differences, event)
        elif refuses and found is _Decision.ALLOW:
            path = _place(target)
            differences.rule(
                path, "authorizer-allows", "TARGET lets a request through that CURRENT refuses",
                short_text(_at(current[0], path)), short_text(_at(target, path)),
            )  # fmt: skip
        if len(differences) > before or (refuses and not exact):
            return Compared(current=tuple(current), target=target, settled=True)
        if not self.takes_simple:
            _note_context(current, target, differences)
        return as_is if exact else _without_policies(as_is)

    def _decision(self, value: Json, event: Event) -> _Decision:
        if not isinstance(value, dict):
            return _Decision.UNREADABLE
        if self.takes_simple and "isAuthorized" in value:
            simple = value["isAuthorized"]
            if not isinstance(simple, bool):
                return _Decision.UNREADABLE
            return _Decision.ALLOW if simple else _Decision.DENY
        statements = _statements(value) if self.takes_policy else None
        if statements is None:
            return _Decision.UNREADABLE
        return _by_policy(statements, str(event.value.get(self.arn)))


def _by_policy(statements: Sequence[Object], arn: str) -> _Decision:
    if _effects(statements) == {"Deny"}:
        return _Decision.DENY  # whatever the statements are about: nothing is allowed
    allowed = False
    for statement in statements:
        if {"Condition", "NotAction", "NotResource"} & statement.keys():
            return _Decision.UNCERTAIN
        effect = statement.get("Effect")
        if effect not in ("Allow", "Deny"):
            return _Decision.UNREADABLE
        is_about = _any_matches(statement.get("Action"), _INVOKE, re.IGNORECASE) and _any_matches(
            statement.get("Resource"), arn
        )
        if is_about and effect == "Deny":
            return _Decision.DENY
        allowed = allowed or is_about
    return _Decision.ALLOW if allowed else _Decision.UNMATCHED


def _note_refusal(
    current: Sequence[Json],
    target: Json,
    found: _Decision,
    differences: Differences,
    event: Event,
) -> None:
    path = _place(target) or _place(current[0])
    if found is _Decision.UNREADABLE:
        kind = "malformed-response"
        says = f"TARGET answers what {event.source.name} cannot read, so a request fails that "
        says += "CURRENT lets through"
    else:
        kind, says = "authorizer-denies", "TARGET refuses a request that CURRENT lets through"
    differences.rule(
        path, kind, says, short_text(_at(current[0], path)), short_text(_at(target, path))
    )


def _note_context(current: Sequence[Json], target: Json, differences: Differences) -> None:
    """Note nested values in ``context``, which API Gateway does not take with an IAM policy."""
    for key, value in _context(target).items():
        if isinstance(value, (dict, list)) and not any(
            isinstance(_context(run).get(key), (dict, list)) for run in current
        ):
            differences.rule(
                ("context", key),
                "malformed-response",
                "TARGET answers with a nested value at PLACE, but API Gateway accepts only "
                "a string, number or boolean: requests fail that CURRENT lets through",
                short_text(_context(current[0]).get(key)),
                short_text(value),
            )


def _context(value: Json) -> Object:
    context = value.get("context") if isinstance(value, dict) else None
    return context if isinstance(context, dict) else {}


def _without_policies(compared: Compared) -> Compared:
    """The responses without the members that hold the decision."""

    def kept(value: Json) -> Json:
        if not isinstance(value, dict):
            return value
        return {k: v for k, v in value.items() if k not in ("policyDocument", "isAuthorized")}

    return Compared(
        current=tuple(kept(value) for value in compared.current), target=kept(compared.target)
    )


def _place(value: Json) -> Path:
    for path in (_PATH_POLICY, _PATH_SIMPLE):
        if isinstance(value, dict) and path[0] in value:
            return path
    return ()


def _at(value: Json, path: Path) -> Json:
    if not path:
        return value
    return value.get(str(path[0])) if isinstance(value, dict) else None


def _by_effects(value: Json) -> _Decision:
    effects = _effects(_statements(value) or [])
    if effects == {"Allow"}:
        return _Decision.ALLOW
    return _Decision.DENY if effects == {"Deny"} else _Decision.UNCERTAIN


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
