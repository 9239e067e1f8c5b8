"""How API Gateway and AppSync read an authorizer's answer: let the request through, or refuse it.

A request that the current version lets through and the target refuses breaks its caller. The
other way round is a break of its own kind: a rollback would open what is closed today. Only the
request of the event is judged, and only where its policy can be read with certainty: an explicit
deny wins, what is not allowed is denied, ``*`` and ``?`` are wildcards.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

A cached policy decides on other methods of the API, too:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from pytest_lambda_rollback.aws_lambda.event_sources.answers.policies import matches, texts
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    Object,
)
from pytest_lambda_rollback.model.json_values import Json, Path, canonical, short_text

_INVOKE = "execute-api:Invoke"
_PATH_POLICY: Path = ("policyDocument",)
_PATH_SIMPLE: Path = ("isAuthorized",)
_SIMPLE = ("context", "resolverContext")
"""What is read of a simple answer besides its decision; ``ttlOverride`` changes no answer."""
_POLICY = ("principalId", "context", "usageIdentifierKey")
"""What is read along with a policy."""
_FIELD_ARN = re.compile(r"arn:[\w-]+:appsync:.*/types/([^/]+)/fields/([^/]+)")


class _Decision(Enum):
    """The meaning of an authorizer's answer for the request of the event."""

    ALLOW = auto()
    DENY = auto()
    UNMATCHED = auto()
    """No statement is about this request, so it is denied."""
    UNCERTAIN = auto()
    """Conditions decide, which are not evaluated."""
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
    writes_context: bool = False
    """Numbers and booleans in ``context`` are handed on as text."""
    flat_context: str = ""
    """The member that hands values to the backend, if it must not have nested ones."""

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
        can be written in many ways. Where a service takes a policy or a boolean, it is configured
        for one of them, and the current version's answers show for which.
        """
        form = self._form(current)
        decisions = [form.decision(value, event) for value in current]
        found = form.decision(target, event)
        if all(each is _Decision.UNMATCHED for each in decisions):
            # The event's ARN and the policy's are of different APIs, as in samples.
            decisions = [_by_effects(value) for value in current]
            found = _by_effects(target) if found is not _Decision.UNREADABLE else found
        allows = all(each is _Decision.ALLOW for each in decisions)
        refuses = all(each in _DENIED for each in decisions)
        as_is = Compared(current=tuple(current), target=target)
        before = len(differences)
        if allows and (found in _DENIED or found is _Decision.UNREADABLE):
            _note_refusal(current, target, found, differences, event)
        elif refuses and found is _Decision.ALLOW:
            path = _place(target)
            differences.rule(
                path, "authorizer-allows", "TARGET lets a request through that CURRENT refuses",
                short_text(_at(current[0], path)), short_text(_at(target, path)),
            )  # fmt: skip
        elif _Decision.UNCERTAIN in (*decisions, found):
            _warn_of_conditions(current, target, differences)
        if self.takes_simple and self.takes_policy and all(map(_has_both, current)):
            _warn_of_form(current, target, differences)
        if len(differences) > before or (refuses and not exact):
            return Compared(current=tuple(current), target=target, settled=True)
        if allows and found is _Decision.ALLOW:
            _note_denied_fields(current, target, differences)
            _warn_of_other_methods(current, target, differences)
            _note_context(self.flat_context, current, target, differences)
        is_readable = found is not _Decision.UNREADABLE and _Decision.UNREADABLE not in decisions
        if exact or not is_readable:
            return as_is
        is_simple = all(_has(run, "isAuthorized") for run in current)
        left = _documented(as_is, _SIMPLE if is_simple and self.takes_simple else _POLICY)
        return _written(left) if self.writes_context else left

    def _form(self, current: Sequence[Json]) -> _Form:
        simple = self.takes_simple and all(_has(run, "isAuthorized") for run in current)
        policy = self.takes_policy and all(_statements(run) is not None for run in current)
        return _Form(
            takes_simple=simple or (not policy and self.takes_simple),
            takes_policy=policy or (not simple and self.takes_policy),
            needs_principal=not self.takes_simple
            and all(_has(run, "principalId") for run in current),
            arn=self.arn,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """The form of the answers that an authorizer is configured for."""

    takes_simple: bool
    takes_policy: bool
    needs_principal: bool
    """Of a policy: it must say whom it is about (``principalId``)."""
    arn: str

    def decision(self, value: Json, event: Event) -> _Decision:
        """The meaning of one answer for the request of the event."""
        if not isinstance(value, dict):
            return _Decision.UNREADABLE
        if self.takes_simple and "isAuthorized" in value:
            simple = value["isAuthorized"]
            if not isinstance(simple, bool):
                return _Decision.UNREADABLE
            return _Decision.ALLOW if simple else _Decision.DENY
        statements = _statements(value) if self.takes_policy else None
        if statements is None or (self.needs_principal and not value.get("principalId")):
            return _Decision.UNREADABLE
        return _by_policy(statements, str(event.value.get(self.arn)))


def _has(value: Json, name: str) -> bool:
    return isinstance(value, dict) and name in value


def _has_both(value: Json) -> bool:
    return _has(value, "isAuthorized") and _statements(value) is not None


def _warn_of_form(current: Sequence[Json], target: Json, differences: Differences) -> None:
    """Warn of one form where the current version's answers do not show which one is read."""
    if not _has_both(target):
        path = _place(target)
        differences.warn(
            path,
            "authorizer-form",
            "TARGET answers either a policy or isAuthorized, CURRENT both: requests fail if the "
            "authorizer is configured for the one that is missing",
            short_text(_at(current[0], path)),
            short_text(_at(target, path)),
        )


def _by_policy(statements: Sequence[Object], arn: str) -> _Decision:
    """An explicit deny wins over any other statement, whatever the order."""
    if any(statement.get("Effect") not in ("Allow", "Deny") for statement in statements):
        return _Decision.UNREADABLE
    if _effects(statements) == {"Deny"}:
        return _Decision.DENY  # whatever the statements are about: nothing is allowed
    about = [statement for statement in statements if _is_about(statement, arn)]
    certain = _effects([each for each in about if not each.get("Condition")])
    possible = _effects(about)
    if "Deny" in certain:
        return _Decision.DENY
    if "Allow" not in possible:
        return _Decision.UNMATCHED
    if "Deny" in possible or "Allow" not in certain:
        return _Decision.UNCERTAIN
    return _Decision.ALLOW


def _is_about(statement: Object, arn: str) -> bool:
    """True if the statement's action and resource match a request for this ARN."""
    if "NotAction" in statement:
        action = not _any_matches(statement["NotAction"], _INVOKE, re.IGNORECASE)
    else:
        action = _any_matches(statement.get("Action"), _INVOKE, re.IGNORECASE)
    if "NotResource" in statement:
        return action and not _any_matches(statement["NotResource"], arn)
    return action and _any_matches(statement.get("Resource"), arn)


def _warn_of_conditions(current: Sequence[Json], target: Json, differences: Differences) -> None:
    """Warn of a policy whose conditions decide, unless it is the current version's."""
    known = {canonical(_at(run, _PATH_POLICY)) for run in current}
    if canonical(_at(target, _PATH_POLICY)) in known:
        return
    differences.warn(
        _PATH_POLICY,
        "authorizer-condition",
        "TARGET answers a policy with other conditions or statements at PLACE than CURRENT, and "
        "conditions are not evaluated",
        short_text(_at(current[0], _PATH_POLICY)),
        short_text(_at(target, _PATH_POLICY)),
    )


def _warn_of_other_methods(current: Sequence[Json], target: Json, differences: Differences) -> None:
    """Warn of a policy that says otherwise than the current version's on other methods.

    API Gateway caches a policy, and uses it for all methods of the stage that the same identity
    calls within the time to live.
    """
    theirs = _statements(target)
    if theirs is None or _has_exceptions(theirs):
        return
    for run in current:
        ours = _statements(run)
        if ours is None or _has_exceptions(ours):
            return
        for kind, wide, narrow, verb in (
            ("authorizer-narrower", ours, theirs, "fewer"),
            ("authorizer-broader", theirs, ours, "more"),
        ):
            if _covers(narrow, wide, "Allow") and _covers(wide, narrow, "Deny"):
                continue
            differences.warn(
                _PATH_POLICY,
                kind,
                f"TARGET allows {verb} methods at PLACE than CURRENT: where the authorizer's "
                "answers are cached, the policy decides on requests to those, too",
                short_text(_at(run, _PATH_POLICY)),
                short_text(_at(target, _PATH_POLICY)),
            )


def _has_exceptions(statements: Sequence[Object]) -> bool:
    return any({"NotAction", "NotResource"} & statement.keys() for statement in statements)


def _covers(wide: Sequence[Object], narrow: Sequence[Object], effect: str) -> bool:
    """True if every resource with the effect in the one policy has it in the other, too."""
    outer = _resources(wide, effect)
    return all(_any_matches(list(outer), each) for each in _resources(narrow, effect))


def _resources(statements: Sequence[Object], effect: str) -> tuple[str, ...]:
    listed = [each.get("Resource") for each in statements if each.get("Effect") == effect]
    return tuple(resource for each in listed for resource in texts(each))


def _note_denied_fields(current: Sequence[Json], target: Json, differences: Differences) -> None:
    """Note fields that AppSync refuses although the request is authorized (``deniedFields``)."""
    runs = [_denied_fields(run) for run in current]
    found = _denied_fields(target)
    newly = found.difference(*runs)
    no_longer = set.intersection(*runs) - found
    path: Path = ("deniedFields",)
    values = short_text(_at(current[0], path)), short_text(_at(target, path))
    if newly:
        says = "TARGET refuses fields at PLACE that CURRENT lets through: "
        differences.rule(path, "authorizer-denies", says, *values, note=", ".join(sorted(newly)))
    if no_longer:
        says = "TARGET lets fields through that CURRENT refuses at PLACE: "
        differences.rule(
            path, "authorizer-allows", says, *values, note=", ".join(sorted(no_longer))
        )


def _denied_fields(value: Json) -> set[str]:
    """Names as ``Mutation.createEvent``, also of fields that are named by their ARN."""
    listed = _at(value, ("deniedFields",))
    found: set[str] = set()
    for name in listed if isinstance(listed, list) else ():
        match = _FIELD_ARN.fullmatch(name) if isinstance(name, str) else None
        found.add(f"{match[1]}.{match[2]}" if match is not None else str(name))
    return found


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


def _note_context(
    name: str, current: Sequence[Json], target: Json, differences: Differences
) -> None:
    """Note nested values where the service takes only a string, number or boolean."""
    for key, value in _context(target, name).items():
        if isinstance(value, (dict, list)) and not any(
            isinstance(_context(run, name).get(key), (dict, list)) for run in current
        ):
            differences.rule(
                (name, key),
                "malformed-response",
                "TARGET answers with a nested value at PLACE, but only a string, number or "
                "boolean is accepted: requests fail that CURRENT lets through",
                short_text(_context(current[0], name).get(key)),
                short_text(value),
            )


def _context(value: Json, name: str) -> Object:
    context = value.get(name) if isinstance(value, dict) else None
    return context if isinstance(context, dict) else {}


def _documented(compared: Compared, names: tuple[str, ...]) -> Compared:
    """The responses with nothing but the members that are read besides the decision."""

    def kept(value: Json) -> Json:
        if not isinstance(value, dict):
            return value
        return {name: value[name] for name in names if name in value}

    return Compared(
        current=tuple(kept(value) for value in compared.current), target=kept(compared.target)
    )


def _written(compared: Compared) -> Compared:
    """The responses with the values of their context as the backend gets them."""

    def written(value: Json) -> Json:
        if not isinstance(value, dict) or not _context(value, "context"):
            return value
        return {
            **value, "context": {k: _as_text(v) for k, v in _context(value, "context").items()}
        }  # fmt: skip

    return Compared(
        current=tuple(written(value) for value in compared.current),
        target=written(compared.target),
    )


def _as_text(value: Json) -> Json:
    return json.dumps(value) if isinstance(value, (bool, int, float)) else value


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
    return any(matches(pattern, text, flags) for pattern in texts(patterns))
