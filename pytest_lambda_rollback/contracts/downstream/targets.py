"""The thing that a request is about: a table, a bucket, a path of a host.

Two requests to the same thing may differ in everything else. It reads requests and judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_lambda_rollback.model.json_values import Json, one_line, parse
from pytest_lambda_rollback.model.services import ServiceRequest

_RESOURCE_PARAMETERS = (
    "TableName", "TableArn", "Bucket", "QueueUrl", "QueueName", "TopicArn", "TargetArn",
    "StreamName", "StreamARN", "SecretId", "stateMachineArn", "FunctionName", "EventBusName",
    "DeliveryStreamName", "KeyId", "Name", "Path", "Names",
)  # fmt: skip
"""Names of parameters that name what an AWS operation works on, the most telling one first."""

_VERSION_SEGMENT = re.compile(r"v\d+(?:\.\d+)*|\d{4}-\d{2}-\d{2}")
"""A segment of a path that is the same for all requests, though it has digits."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RequestTarget:
    """A service, its operation, and the thing that the operation works on."""

    service: str
    operation: str
    resource: str = ""
    """The table, queue, …; empty where nothing names it, and for HTTP."""

    @property
    def text(self) -> str:
        """``dynamodb GetItem on orders``, ``POST /v1/charges to api.example.com``."""
        if not self.operation:
            return f"bytes to {self.service}"
        if " " in self.operation:
            return f"{one_line(self.operation)} to {self.service}"
        on = f" on {one_line(self.resource)}" if self.resource else ""
        return f"{self.service} {self.operation}{on}"


def is_aws(request: ServiceRequest) -> bool:
    """True for an operation of AWS, false for other HTTP and for bytes that nobody reads."""
    return bool(request.operation) and " " not in request.operation


def target_of(request: ServiceRequest) -> RequestTarget:
    """The thing that a request is about."""
    if is_aws(request):
        resource = next(_resources(parameters(request)), "")
        return RequestTarget(
            service=request.service, operation=request.operation, resource=resource
        )
    return RequestTarget(service=request.service, operation=request.operation)


def kind_of(request: ServiceRequest) -> RequestTarget:
    """The same for all requests of one kind: numbers and ids in a path do not matter."""
    target = target_of(request)
    method, _, path = target.operation.partition(" ")
    if not path:
        return target
    segments = (_general(each) for each in path.partition("?")[0].split("/"))
    return RequestTarget(service=target.service, operation=f"{method} {'/'.join(segments)}")


def parameters(request: ServiceRequest) -> Json:
    """The parameters as a value; ``None`` where they are not known, or too large to be kept."""
    try:
        value = parse(request.parameters) if request.parameters else None
    except ValueError:
        return None
    too_large = isinstance(value, dict) and any(name.startswith("$") for name in value)
    return None if too_large else value


def _general(segment: str) -> str:
    has_digit = any(char.isdigit() for char in segment)
    return "*" if has_digit and not _VERSION_SEGMENT.fullmatch(segment) else segment


def _resources(value: Json) -> Iterator[str]:
    """Names of what an operation works on, those of the outermost parameters first."""
    if not isinstance(value, dict):
        return
    for name in _RESOURCE_PARAMETERS:
        found = value.get(name)
        if isinstance(found, list) and found:
            found = found[0]
        if isinstance(found, str) and found:
            yield _short(found, is_secret_path=name in ("Name", "Path", "Names", "SecretId"))
    items = value.get("RequestItems")  # of DynamoDB's batches: requests by table
    if isinstance(items, dict):
        yield from map(_short, items)
    for member in value.values():
        for each in member if isinstance(member, list) else [member]:
            if isinstance(each, dict):
                yield from _resources(each)


def _short(name: str, *, is_secret_path: bool = False) -> str:
    """The name in an ARN or a queue's URL: ``arn:aws:sns:eu-west-1:123456789012:sold`` is sold."""
    if name.startswith("arn:"):
        name = name.split(":", 5)[-1]
        if is_secret_path:
            return name
        return name.rpartition("/")[2] if "/" in name else name.rpartition(":")[2]
    return name.rpartition("/")[2] if name.startswith(("http://", "https://")) else name
