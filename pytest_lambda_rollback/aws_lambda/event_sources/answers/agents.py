"""How Amazon Bedrock agents read the answers of action groups.

``messageVersion`` and ``response`` are read, and the attributes of session and prompt. The names
of the action group and of its operation or function are to be the event's. A body is text that
usually holds JSON. ``httpStatusCode`` and ``responseState`` (``FAILURE`` ends the session with an
error, ``REPROMPT`` asks the model again) tell the agent that the action failed.
"Configure Lambda functions to send information that an agent elicits from the user":
https://docs.aws.amazon.com/bedrock/latest/userguide/agents-lambda.html
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lambda_rollback.aws_lambda.event_sources.answers.decisions import at
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import status_of
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    Object,
)
from pytest_lambda_rollback.model.json_values import Json, Path, TooDeepError, parse, short_text

_RESPONSE = "response"
_DOCUMENTED = (
    "messageVersion",
    _RESPONSE,
    "sessionAttributes",
    "promptSessionAttributes",
    "knowledgeBasesConfiguration",
)
_ECHOES = ("actionGroup", "apiPath", "httpMethod", "function")
_STATUS: Path = (_RESPONSE, "httpStatusCode")
_STATE: Path = (_RESPONSE, "functionResponse", "responseState")
_BODIES: tuple[Path, ...] = (
    (_RESPONSE, "responseBody"),
    (_RESPONSE, "functionResponse", "responseBody"),
)


class AgentAnswers:
    """How an agent reads an answer."""

    __slots__ = ()

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,  # noqa: ARG002
        exact: bool,
    ) -> Compared:
        """Note another status, state or name; leave what is documented, JSON bodies parsed."""
        as_is = Compared(current=tuple(current), target=target)
        if not all(isinstance(at(run, (_RESPONSE,)), dict) for run in current):
            return as_is
        before = len(differences)
        if not isinstance(at(target, (_RESPONSE,)), dict):
            differences.rule(
                (_RESPONSE,),
                "malformed-response",
                "TARGET answers without an object at PLACE, so the agent's request fails",
                short_text(at(current[0], (_RESPONSE,))),
                short_text(at(target, (_RESPONSE,))),
            )
            return Compared(current=as_is.current, target=target, settled=True)
        _note_names(current, target, differences)
        _note_failure(current, target, differences)
        if len(differences) > before:
            return Compared(current=as_is.current, target=target, settled=True)
        if exact:
            return as_is
        runs = [_documented(run) for run in current]
        other = _documented(target)
        for place in _BODIES:
            _parse_bodies(runs, other, place)
        return Compared(current=tuple(runs), target=other)


def _note_names(current: Sequence[Json], target: Json, differences: Differences) -> None:
    for name in _ECHOES:
        path: Path = (_RESPONSE, name)
        known, found = {str(at(run, path)) for run in current}, at(target, path)
        if found is not None and len(known) == 1 and str(found) not in known:
            differences.rule(
                path,
                "malformed-response",
                "TARGET answers for another action at PLACE than CURRENT, so the agent's request "
                "fails",
                short_text(at(current[0], path)),
                short_text(found),
            )


def _note_failure(current: Sequence[Json], target: Json, differences: Differences) -> None:
    codes = [_status(run) for run in current]
    code = _status(target)
    if code // 100 not in {known // 100 for known in codes}:
        differences.rule(
            _STATUS,
            "status-code",
            f"TARGET answers with status {code} at PLACE where CURRENT answers {codes[0]}",
            short_text(at(current[0], _STATUS)),
            short_text(at(target, _STATUS)),
        )
    states = {str(at(run, _STATE)) for run in current}
    state = at(target, _STATE)
    if state is not None and str(state) not in states:
        differences.rule(
            _STATE,
            "other-decision",
            "TARGET tells the agent at PLACE that the action failed, CURRENT does not",
            short_text(at(current[0], _STATE)),
            short_text(state),
        )


def _status(value: Json) -> int:
    """The status; 200 for a missing one, as of functions without an API."""
    return status_of({"statusCode": at(value, _STATUS)}) or 200


def _documented(value: Json) -> Object:
    if not isinstance(value, dict):
        return {}
    return {name: _copied(value[name]) for name in _DOCUMENTED if value.get(name) is not None}


def _copied(value: Json) -> Json:
    return {k: _copied(v) for k, v in value.items()} if isinstance(value, dict) else value


def _parse_bodies(runs: Sequence[Object], other: Object, place: Path) -> None:
    """Replace bodies by their JSON where each of them is text with a JSON object or array."""
    for content_type in list(_object(at(other, place))):
        holders = [_object(at(value, (*place, content_type))) for value in (*runs, other)]
        parsed = [_container(holder.get("body")) for holder in holders]
        if all(document is not None for document in parsed):
            for holder, document in zip(holders, parsed, strict=True):
                holder["body"] = document


def _object(value: Json) -> Object:
    return value if isinstance(value, dict) else {}


def _container(body: Json) -> Json:
    if not isinstance(body, str) or body.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return parse(body)
    except TooDeepError:
        raise
    except ValueError:
        return None
