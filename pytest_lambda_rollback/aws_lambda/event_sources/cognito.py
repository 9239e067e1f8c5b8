"""User pool triggers of Amazon Cognito.

A trigger hands back the event with its ``response`` filled in; Cognito reads nothing else of it
and fails the user's request with "Unrecognizable lambda output" for what is not an object. So
only ``response`` is compared. Of members that decide (may this user sign in, is the answer
correct) the value counts too, in both directions: a user who is refused, and one who would be let
through.

"Customizing user pool workflows with Lambda triggers", and the page of each trigger, whose
response parameters are named below:
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    EventSource,
    Object,
    has,
    member,
)
from pytest_lambda_rollback.model.json_values import Json, Path, short_text

_RESPONSE = "response"

_SILENT = ("PreAuthentication_", "PostAuthentication_", "PostConfirmation_")
"""Triggers without information to return: they may leave ``response`` out."""

_DECIDES: dict[str, Json] = {
    # "Pre sign-up Lambda trigger"
    "autoConfirmUser": False,
    "autoVerifyEmail": False,
    "autoVerifyPhone": False,
    # "Define Auth challenge Lambda trigger"
    "challengeName": None,
    "issueTokens": False,
    "failAuthentication": False,
    # "Verify Auth challenge response Lambda trigger"
    "answerCorrect": False,
    # "Migrate user Lambda trigger"
    "finalUserStatus": None,
    "messageAction": None,
    "forceAliasCreation": False,
}
"""Response parameters that decide, with the value that stands for a missing one."""

_LISTS = frozenset(
    (
        # "Pre token generation Lambda trigger"
        "claimsToSuppress", "scopesToAdd", "scopesToSuppress", "groupsToOverride",
        "iamRolesToOverride",
        # "Migrate user Lambda trigger"
        "desiredDeliveryMediums",
    )
)  # fmt: skip
"""Response parameters that are sets of names."""


_MESSAGES = ("smsMessage", "emailMessage", "emailSubject")
_PLACEHOLDERS = ("codeParameter", "linkParameter", "usernameParameter")
"""Members of the request with the text that a message must have ("Custom message Lambda trigger":
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-message.html)."""


class TriggerAnswers:
    """How Cognito reads the answer of a user pool trigger."""

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
        """Note what Cognito cannot read, and other decisions; leave ``response`` to compare.

        A null member counts as a missing one, because the event itself has such. Where values
        are compared (``exact``), the whole response is left to compare, with its decisions.
        """
        as_is = Compared(current=tuple(current), target=target)
        needs_response = not _trigger(event.value).startswith(_SILENT)
        if not all(_is_readable(value, needs_response=needs_response) for value in current):
            return as_is
        if not _is_readable(target, needs_response=needs_response):
            lacks = "the event" if not isinstance(target, dict) else "its response object"
            path: Path = (_RESPONSE,) if isinstance(target, dict) else ()
            differences.rule(
                path,
                "malformed-response",
                f"TARGET does not hand back {lacks}, so Cognito fails the user's request",
                short_text(_response(current[0]) if path else current[0]),
                short_text(_member(target, _RESPONSE) if path else target),
            )
            return Compared(current=as_is.current, target=target, settled=True)
        if exact:
            return as_is
        runs, other = [_response(value) for value in current], _response(target)
        decided = _note_decisions(runs, other, differences)
        _note_lost_placeholders(runs, other, event.value, differences)
        _note_lost_names(runs, other, (_RESPONSE,), differences)
        return Compared(
            current=tuple({_RESPONSE: _stated(run, decided)} for run in runs),
            target={_RESPONSE: _stated(other, decided)},
        )


def _is_readable(value: Json, *, needs_response: bool) -> bool:
    if not isinstance(value, dict):
        return False
    return isinstance(value.get(_RESPONSE), dict) or not needs_response


def _member(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, dict) else None


def _response(value: Json) -> Object:
    found = _member(value, _RESPONSE)
    return found if isinstance(found, dict) else {}


def _stated(response: Object, decided: set[str]) -> Object:
    """The members that say something and were not judged."""
    return {k: v for k, v in response.items() if v is not None and k not in decided}


def _note_decisions(runs: Sequence[Object], other: Object, differences: Differences) -> set[str]:
    """Note decisions that differ; the names of all that were judged."""
    judged: set[str] = set()
    for name, missing in _DECIDES.items():
        known = [missing if run.get(name) is None else run[name] for run in runs]
        found = missing if other.get(name) is None else other[name]
        if not isinstance(found, bool | str | None) or any(each != known[0] for each in known):
            continue
        if isinstance(known[0], bool) and not isinstance(found, bool):
            continue
        judged.add(name)
        if found != known[0]:
            differences.rule(
                (_RESPONSE, name),
                "trigger-decision",
                "TARGET decides differently from CURRENT at PLACE",
                short_text(known[0]),
                short_text(found),
            )
    return judged


def _note_lost_placeholders(
    runs: Sequence[Object], other: Object, event: Object, differences: Differences
) -> None:
    """Note messages without the placeholder that Cognito puts the code or user name in for."""
    request = member(event, "request")
    for name in _MESSAGES:
        found = other.get(name)
        for parameter in _PLACEHOLDERS:
            placeholder = request.get(parameter)
            if not isinstance(found, str) or not isinstance(placeholder, str) or not placeholder:
                continue
            known = [str(run.get(name) or "") for run in runs]
            if placeholder not in found and all(placeholder in text for text in known):
                differences.rule(
                    (_RESPONSE, name),
                    "lost-placeholder",
                    f"TARGET answers a message at PLACE without {placeholder}, in whose place "
                    "Cognito writes the code or user name",
                    short_text(known[0]),
                    short_text(found),
                )


def _note_lost_names(
    runs: Sequence[Json], other: Json, path: Path, differences: Differences
) -> None:
    """Note names that the current version always lists and the target does not."""
    objects = [run for run in runs if isinstance(run, dict)]
    if len(objects) != len(runs) or not isinstance(other, dict):
        return
    for name, value in other.items():
        known = [run.get(name) for run in objects]
        if name in _LISTS and isinstance(value, list):
            always = set.intersection(*(_texts(each) for each in known))
            lost = sorted(always - _texts(value))
            if lost:
                differences.other(
                    (*path, name), "lost-item",
                    "TARGET does not list at PLACE what CURRENT always does: ",
                    short_text(known[0]), short_text(value), note=", ".join(lost),
                )  # fmt: skip
        else:
            _note_lost_names(known, value, (*path, name), differences)


def _texts(value: Json) -> set[str]:
    return {each for each in value if isinstance(each, str)} if isinstance(value, list) else set()


def _trigger(event: Object) -> str:
    return str(event.get("triggerSource"))


def _recognises(event: Json) -> bool:
    return has(event, triggerSource=str, userPoolId=str, request=dict)


def _is_read(event: Object) -> bool:
    """False for "Custom sender Lambda triggers": Cognito expects no information in return."""
    return not _trigger(event).startswith(("CustomEmailSender_", "CustomSMSSender_"))


COGNITO = EventSource(
    name="Cognito",
    slug="cognito",
    recognises=_recognises,
    topics=(("triggerSource",),),
    payload=(("request",),),
    answer_is_read=_is_read,
    answers=TriggerAnswers(),
)
