"""Responses that an HTTP front end refuses, so that its client gets a server error. Pure.

A fault is noted only where the current version's answers have none. What a front end may or may
not tolerate (a number for a body, text for a boolean) is left to the general comparison.

The forms are those of "Output format of a Lambda function for proxy integration" and of the
knowledge center's "HTTP 502 Malformed Lambda proxy response errors" (REST), of "Create AWS Lambda
proxy integrations for HTTP APIs", "Invoking Lambda function URLs", and of "Respond to the load
balancer" in "Use Lambda functions as targets".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.recognition import (
    Event,
    Object,
    Source,
    status_of,
)
from pytest_lambda_rollback.contracts.response.differences import Differences
from pytest_lambda_rollback.model.json_values import Json, Path, json_type, one_line, short_text

_STRICT = frozenset((Source.REST_API, Source.HTTP_API_1, Source.LOAD_BALANCER))
"""They take nothing but the documented object; the others infer an answer from any JSON."""

_INFERRING = frozenset((Source.HTTP_API_2, Source.FUNCTION_URL))

_REST_KEYS = frozenset(("statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    path: Path
    says: str
    """Follows "answers"."""


def note_malformed(
    current: Sequence[Json], target: Json, differences: Differences, *, event: Event
) -> bool:
    """Note a response that the front end refuses; True when there is one.

    Nothing is noted where one of the current version's own responses would be refused.
    """
    fault = _fault(target, event.source)
    if fault is None or any(_fault(value, event.source) for value in current):
        return False
    if differences.ignored(fault.path):
        return False
    differences.other(
        fault.path,
        "malformed-response",
        "TARGET answers ",
        short_text(_at(current[0], fault.path)),
        short_text(_at(target, fault.path)),
        note=f"{fault.says}, which {event.source} refuses: its client gets a server error",
    )
    return True


def _at(value: Json, path: Path) -> Json:
    for token in path:
        value = value.get(str(token)) if isinstance(value, dict) else None
    return value


def _fault(value: Json, source: Source) -> _Fault | None:
    if source in _STRICT:
        if not isinstance(value, dict):
            return _Fault(path=(), says=f"with {_a(value)} instead of an object")
        return _status_fault(value) or _member_fault(value) or _rest_fault(value, source)
    if source in _INFERRING and isinstance(value, dict) and "statusCode" in value:
        return _status_fault(value)
    return None


def _status_fault(value: Object) -> _Fault | None:
    if "statusCode" not in value:
        return _Fault(path=("statusCode",), says="without statusCode")
    if status_of(value) is None:
        says = f"{_a(value['statusCode'])} for statusCode that is no whole number"
        return _Fault(path=("statusCode",), says=says)
    return None


def _member_fault(value: Object) -> _Fault | None:
    """Members of a type that cannot be taken for another."""
    body = value.get("body")
    if isinstance(body, (dict, list)):
        return _Fault(path=("body",), says=f"{_a(body)} as body, which has to be text")
    for name in ("headers", "multiValueHeaders"):
        headers = value.get(name)
        if headers is not None and not isinstance(headers, dict):
            return _Fault(path=(name,), says=f"{_a(headers)} as {name}, which have to be an object")
    encoded = value.get("isBase64Encoded")
    if isinstance(encoded, (dict, list)):
        says = f"{_a(encoded)} as isBase64Encoded, which has to be a boolean"
        return _Fault(path=("isBase64Encoded",), says=says)
    return None


def _rest_fault(value: Object, source: Source) -> _Fault | None:
    """REST APIs alone: no member but the documented ones, and headers of the documented type."""
    if source is not Source.REST_API:
        return None
    for name in value:
        if name not in _REST_KEYS:
            says = f"with {one_line(name)} at the top level"
            return _Fault(path=(name,), says=says)
    for name, is_list in (("headers", False), ("multiValueHeaders", True)):
        headers = value.get(name)
        for key, header in headers.items() if isinstance(headers, dict) else ():
            fits = header is None or isinstance(header, list) == is_list
            if not fits or isinstance(header, dict):
                says = f"{_a(header)} as {one_line(key)} in {name}"
                return _Fault(path=(name, key), says=says)
    return None


def _a(value: Json) -> str:
    kind = json_type(value)
    if kind == "null":
        return kind
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
