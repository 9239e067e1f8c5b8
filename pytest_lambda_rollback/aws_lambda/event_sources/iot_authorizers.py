"""Custom authorizers of AWS IoT Core.

"Defining your Lambda function": ``isAuthenticated`` decides on the connection, and
``policyDocuments`` (objects, or their JSON text) on all that its client may do; ``principalId``,
``disconnectAfterInSeconds`` and ``refreshAfterInSeconds`` are to be there.
https://docs.aws.amazon.com/iot/latest/developerguide/custom-auth-lambda.html
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lambda_rollback.aws_lambda.event_sources.answers.decisions import (
    Decision,
    DecisionAnswers,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.policies import (
    Statement,
    matches,
    statements_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    EventSource,
    has,
)
from pytest_lambda_rollback.model.json_values import Json, Path, parse, short_text

_POLICIES: Path = ("policyDocuments",)
_CONNECTION = DecisionAnswers(
    decisions=(Decision(path=("isAuthenticated",), values=(True, False), needed=True),),
    consequence="the connection is refused",
    documented=("principalId", "disconnectAfterInSeconds", "refreshAfterInSeconds"),
)


class IotAuthorizerAnswers:
    """How AWS IoT reads an answer."""

    __slots__ = ()

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        """Note another decision, and actions that only one of the versions allows."""
        before = len(differences)
        compared = _CONNECTION.read(current, target, differences, event=event, exact=exact)
        if len(differences) > before or exact:
            return compared
        authenticated = [isinstance(v, dict) and v.get("isAuthenticated") for v in current]
        if not all(each is True for each in authenticated):
            return Compared(current=compared.current, target=compared.target, settled=True)
        found = _allowed(target)
        for run in current:
            known = _allowed(run)
            if known is None:
                return compared
            if found is None or not found:
                kind = "authorizer-denies" if found is not None else "malformed-response"
                says = "TARGET answers no policy at PLACE that allows anything, CURRENT does"
                _note(differences, kind, says, run, target)
            else:
                _note_actions(known, found, run, target, differences)
        return compared


def _note_actions(
    known: Sequence[Statement],
    found: Sequence[Statement],
    run: Json,
    target: Json,
    differences: Differences,
) -> None:
    lost = sorted({each.action for each in known if not _has_action(each.action, found)})
    if lost:
        says = "TARGET refuses actions at PLACE that CURRENT allows: "
        _note(differences, "authorizer-denies", says, run, target, ", ".join(lost))
    new = sorted({each.action for each in found if not _has_action(each.action, known)})
    if new:
        says = "TARGET allows actions at PLACE that CURRENT refuses: "
        _note(differences, "authorizer-allows", says, run, target, ", ".join(new))
    elif not lost and any(not _covered(each, found) for each in known):
        differences.warn(
            _POLICIES,
            "authorizer-narrower",
            "TARGET allows fewer resources at PLACE than CURRENT",
            short_text(_policies(run)),
            short_text(_policies(target)),
        )


def _note(
    differences: Differences, kind: str, says: str, run: Json, target: Json, note: str = ""
) -> None:
    known, found = short_text(_policies(run)), short_text(_policies(target))
    differences.rule(_POLICIES, kind, says, known, found, note=note)


def _has_action(action: str, statements: Sequence[Statement]) -> bool:
    return any(matches(each.action, action) for each in statements)


def _covered(statement: Statement, others: Sequence[Statement]) -> bool:
    return any(
        matches(each.action, statement.action) and matches(each.resource, statement.resource)
        for each in others
    )


def _policies(value: Json) -> Json:
    return value.get("policyDocuments") if isinstance(value, dict) else None


def _allowed(value: Json) -> tuple[Statement, ...] | None:
    """What the policies of an answer allow; ``None`` if they cannot be read."""
    listed = _policies(value)
    if not isinstance(listed, list):
        return None
    found: list[Statement] = []
    for document in listed:
        try:
            policy = parse(document) if isinstance(document, str) else document
        except ValueError:
            return None
        statements = statements_of(policy)
        if statements is None:
            return None
        found += [each for each in statements if each.effect == "Allow"]
    return tuple(found)


def _recognises(event: Json) -> bool:
    return has(event, protocols=list, protocolData=dict)


IOT_AUTHORIZER = EventSource(
    name="AWS IoT's authorizer",
    slug="authorizer",
    recognises=_recognises,
    answers=IotAuthorizerAnswers(),
)
