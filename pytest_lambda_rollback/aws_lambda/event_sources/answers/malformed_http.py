"""Answers that an HTTP front end refuses, so that its client gets a server error.

A fault is noted only where the current version's answers have none. What a front end may or may
not tolerate (a number for a body, text for a boolean) is left to the general comparison.

REST APIs: "Output format of a Lambda function for proxy integration" in
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
and https://repost.aws/knowledge-center/malformed-502-api-gateway
HTTP APIs:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
Function URLs: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
Load balancers: "Respond to the load balancer" in
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import (
    HEADER_OBJECTS,
    status_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Object
from pytest_lambda_rollback.model.json_values import Json, Path, json_type, one_line

_DOCUMENTED = frozenset((*HEADER_OBJECTS, "statusCode", "body", "isBase64Encoded"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One reason why an answer is refused."""

    path: Path
    says: str
    """Follows "answers"."""


def object_fault(value: Json, *, only_documented: bool) -> Fault | None:
    """The fault for a front end that takes nothing but the documented object.

    With ``only_documented``, other members and other types of headers are refused too.
    """
    if not isinstance(value, dict):
        return Fault(path=(), says=f"with {_a(value)} instead of an object")
    fault = status_fault(value) or _member_fault(value)
    return fault or (_undocumented(value) if only_documented else None)


def status_fault(value: Object) -> Fault | None:
    """A status code that is missing or cannot be read."""
    if "statusCode" not in value:
        return Fault(path=("statusCode",), says="without statusCode")
    if status_of(value) is None:
        says = f"{_a(value['statusCode'])} for statusCode that is not a whole number"
        return Fault(path=("statusCode",), says=says)
    return None


def _member_fault(value: Object) -> Fault | None:
    """Members of a type that cannot be taken for another."""
    body = value.get("body")
    if isinstance(body, (dict, list)):
        return Fault(path=("body",), says=f"{_a(body)} as body, which must be text")
    for name in HEADER_OBJECTS:
        headers = value.get(name)
        if headers is not None and not isinstance(headers, dict):
            return Fault(path=(name,), says=f"{_a(headers)} as {name}, which must be an object")
    encoded = value.get("isBase64Encoded")
    if isinstance(encoded, (dict, list)):
        says = f"{_a(encoded)} as isBase64Encoded, which must be a boolean"
        return Fault(path=("isBase64Encoded",), says=says)
    return None


def _undocumented(value: Object) -> Fault | None:
    for name in value:
        if name not in _DOCUMENTED:
            says = f"with {one_line(name)} at the top level"
            return Fault(path=(name,), says=says)
    for name, is_list in zip(HEADER_OBJECTS, (False, True), strict=True):
        headers = value.get(name)
        for key, header in headers.items() if isinstance(headers, dict) else ():
            fits = header is None or isinstance(header, list) == is_list
            if not fits or isinstance(header, dict):
                says = f"{_a(header)} as {one_line(key)} in {name}"
                return Fault(path=(name, key), says=says)
    return None


def _a(value: Json) -> str:
    kind = json_type(value)
    if kind == "null":
        return kind
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
