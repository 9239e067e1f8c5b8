"""Answers that an HTTP front end refuses, so that its client gets a server error.

A fault is noted only where the current version's answers have none. Each front end has rules of
its own; what one of them tolerates says nothing about another.

REST APIs: "Output format of a Lambda function for proxy integration" in
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
and https://repost.aws/knowledge-center/malformed-502-api-gateway
HTTP APIs:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
Function URLs: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
Load balancers: "Respond to the load balancer" and the limit of 1 MB in
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
What they refuse beyond the documented form is reported, for a status code as text in
https://github.com/adamchainz/apig-wsgi/issues/52, for values of headers that are not text in
https://github.com/jeremydaly/lambda-api/issues/117, for null members in
https://github.com/aws/aws-lambda-dotnet/issues/507,
https://github.com/awsdocs/elb-application-load-balancers-user-guide/issues/33 and
https://github.com/aws-powertools/powertools-lambda-python/issues/4671
VPC Lattice: "Respond to the VPC Lattice service" in
https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import (
    HEADER_OBJECTS,
    status_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Object, member
from pytest_lambda_rollback.model.json_values import Json, Path, json_type, one_line

_DOCUMENTED = frozenset((*HEADER_OBJECTS, "statusCode", "body", "isBase64Encoded"))
_MEMBERS = ("statusDescription", "isBase64Encoded", "body")

MAX_ALB_BYTES = 1024 * 1024
"""The largest response that a load balancer takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One reason why an answer is refused."""

    path: Path
    says: str
    """Follows "answers"."""
    is_certain: bool = True
    """False where neither AWS's documentation nor a report says that it is refused."""


def object_fault(value: Json, _event: Object) -> Fault | None:
    """The fault for a front end that takes nothing but an object with a status."""
    if not isinstance(value, dict):
        return Fault(path=(), says=f"with {_a(value)} instead of an object")
    return status_fault(value) or _member_fault(value)


def rest_fault(value: Json, event: Object) -> Fault | None:
    """The fault for REST APIs, which refuse undocumented members and types of headers too."""
    fault = object_fault(value, event)
    return fault or (_undocumented(value) if isinstance(value, dict) else None)


def inferring_fault(value: Json, _event: Object) -> Fault | None:
    """The fault for a front end that infers an answer from what has no status."""
    return status_fault(value) if isinstance(value, dict) and "statusCode" in value else None


def load_balancer_fault(value: Json, event: Object) -> Fault | None:
    """The fault for load balancers, which take each member in its documented type alone."""
    fault = object_fault(value, event)
    if fault is not None or not isinstance(value, dict):
        return fault
    return _strict_fault(value, event) or _size_fault(value)


def lattice_fault(value: Json, event: Object) -> Fault | None:
    """The fault for VPC Lattice, whose documentation gives the form, and no word on others."""
    fault = object_fault(value, event)
    if fault is not None or not isinstance(value, dict):
        return fault
    fault = _strict_fault(value, event)
    return None if fault is None else replace(fault, is_certain=False)


def websocket_fault(value: Json, event: Object) -> Fault | None:
    """The fault for WebSocket APIs: a handshake needs a status, messages are not documented."""
    fault = object_fault(value, event)
    if fault is None or member(event, "requestContext").get("eventType") == "CONNECT":
        return fault
    return replace(fault, is_certain=False)


def status_fault(value: Object) -> Fault | None:
    """A status code that is missing or cannot be read."""
    if "statusCode" not in value:
        return Fault(path=("statusCode",), says="without statusCode")
    status = status_of(value)
    if status is None:
        says = f"{_a(value['statusCode'])} for statusCode that is not a whole number"
        return Fault(path=("statusCode",), says=says)
    if not 100 <= status <= 999:
        return Fault(path=("statusCode",), says=f"status {status}")
    return None


def alb_header_object(event: Object) -> str:
    """The header object that a load balancer reads, by its event.

    With multi-value headers enabled, which the event shows, that is ``multiValueHeaders``.
    """
    return "multiValueHeaders" if "multiValueHeaders" in event else "headers"


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


def _strict_fault(value: Object, event: Object) -> Fault | None:
    """Members of another type than the documented one, null included."""
    if isinstance(value["statusCode"], str):
        return Fault(path=("statusCode",), says="a string as statusCode, which must be a number")
    place = alb_header_object(event)
    for name in (*_MEMBERS, place):
        if name in value and value[name] is None:
            return Fault(path=(name,), says=f"null as {name}")
    for name, kind in (("body", "string"), ("statusDescription", "string"),
                       ("isBase64Encoded", "boolean")):  # fmt: skip
        if name in value and json_type(value[name]) != kind:
            says = f"{_a(value[name])} as {name}, which must be a {kind}"
            return Fault(path=(name,), says=says)
    headers = value.get(place)
    for key, header in headers.items() if isinstance(headers, dict) else ():
        wrong = _header_fault(header, is_list=place != "headers")
        if wrong:
            return Fault(path=(place, key), says=f"{wrong} as {one_line(key)} in {place}")
    return None


def _header_fault(header: Json, *, is_list: bool) -> str:
    """The type of a header's value, where it is neither text nor, if it must be, a list of it."""
    if not is_list:
        return "" if isinstance(header, str) else _a(header)
    if not isinstance(header, list):
        return _a(header)
    return next((f"a list with {_a(each)}" for each in header if not isinstance(each, str)), "")


def _size_fault(value: Object) -> Fault | None:
    body = value.get("body")
    if not isinstance(body, str) or len(body) * 6 < MAX_ALB_BYTES:
        return None
    size = len(json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
    if size <= MAX_ALB_BYTES:
        return None
    return Fault(path=("body",), says=f"{size} bytes, over the limit of 1 MB")


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
