"""Requests that a service refused, and whether the request itself is to blame.

A request is to blame if the table, queue, secret, … that it names does not exist, or if the service
does not accept its form. A condition that did not hold, and a key that is not there, are often how
a function asks a question:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.contracts.downstream.targets import (
    RequestTarget,
    is_aws,
    kind_of,
    target_of,
)
from pytest_lambda_rollback.model.json_values import one_line
from pytest_lambda_rollback.model.services import Answer, ServiceRequest

_NOT_THERE = frozenset(
    (
        "AWS.SimpleQueueService.NonExistentQueue", "EventBusNotFoundException", "NoSuchBucket",
        "NotFound", "NotFoundException", "ParameterNotFound", "QueueDoesNotExist",
        "ResourceNotFoundException", "StateMachineDoesNotExist", "TableNotFoundException",
    )
)  # fmt: skip
"""Error codes for a table, queue, topic, … that does not exist."""

_FORM = frozenset(
    (
        "IllegalArgument", "InvalidAction", "InvalidArgument", "InvalidArn", "InvalidAttributeName",
        "InvalidAttributeValue", "InvalidBucketName", "InvalidDefinition", "InvalidExecutionInput",
        "InvalidMessageContents", "InvalidParameter", "InvalidParameterCombination",
        "InvalidParameterException", "InvalidParameterValue", "InvalidParameterValueException",
        "InvalidRequest", "InvalidRequestContentException", "InvalidRequestException",
        "KeyTooLongError", "MalformedQueryString", "MalformedXML", "MissingAction",
        "MissingParameter", "MissingRequiredParameter", "ParameterValueInvalid",
        "SerializationException", "UnknownOperationException", "UnsupportedOperation",
        "UnsupportedOperationException", "ValidationError", "ValidationException",
    )
)  # fmt: skip
"""Error codes for a request whose form the service does not accept."""

_OPTIONAL_THINGS = frozenset(("GetObject", "HeadObject", "GetObjectTagging", "DeleteObject"))
"""Operations of S3 that ask for an object, by which functions find out if there is one."""

_SITUATIONS = frozenset((401, 403, 404, 408, 409, 412, 423, 425, 429))
"""HTTP statuses of another host that depend on its state, or on secrets that a recording lacks:
https://www.rfc-editor.org/rfc/rfc9110#name-client-error-4xx"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request of the target that a service refused, unlike those of the current version."""

    target: RequestTarget
    kind: RequestTarget
    """The same for all requests of one kind."""
    error: str
    """AWS's error code, or the status."""
    message: str
    """The error's own words on one line; may be empty."""
    is_certain: bool
    """True if the request itself is to blame."""
    is_missing: bool
    """True if what an AWS operation names does not exist, in a private AWS at least."""

    @property
    def mark(self) -> tuple[object, ...]:
        """Equal for the same refusal of another replay."""
        return self.kind, self.error


def new_refusals(
    current: Sequence[Sequence[ServiceRequest]], target: Sequence[ServiceRequest]
) -> tuple[Refusal, ...]:
    """The refusals that the target meets and the current version does not, each once."""
    known = {mark for requests in current for each in requests for mark in _marks(each)}
    created = _last_creations(target)
    found: dict[tuple[object, ...], Refusal] = {}
    for number, request in enumerate(target):
        mark = _mark(request)
        if not _is_refused(request) or mark in found or not known.isdisjoint(_marks(request)):
            continue
        # Who creates what was not there only asked for it.
        is_question = request.error not in _FORM and created.get(request.service, -1) > number
        blamed = _is_to_blame(request) and not is_question
        found[mark] = Refusal(
            target=target_of(request),
            kind=kind_of(request),
            error=request.error or str(request.status),
            message=one_line(request.message),
            is_certain=blamed,
            is_missing=blamed and _names_nothing(request),
        )
    return tuple(found.values())


def _last_creations(requests: Sequence[ServiceRequest]) -> dict[str, int]:
    """By service: the number of its last request that created something."""
    return {
        each.service: number
        for number, each in enumerate(requests)
        if each.status < 400
        and (each.operation.startswith("Create") or each.operation == "PutParameter")
    }


def missing_thing(requests: Sequence[ServiceRequest]) -> ServiceRequest | None:
    """The first request that names a table, queue, … which does not exist, or ``None``."""
    return next((each for each in requests if _is_refused(each) and _names_nothing(each)), None)


def _is_refused(request: ServiceRequest) -> bool:
    return request.answer is Answer.ANSWERED and 400 <= request.status < 500


def _mark(request: ServiceRequest) -> tuple[object, ...]:
    """What refusals have in common that are one. Ids of a path and keys do not matter."""
    return kind_of(request), request.error or request.status


def _marks(request: ServiceRequest) -> Iterator[tuple[object, ...]]:
    """Marks of a refusal: a table that is not there is missing for every operation."""
    if _is_refused(request):
        yield _mark(request)
        if _names_nothing(request):
            yield request.service, target_of(request).resource, request.error


def _names_nothing(request: ServiceRequest) -> bool:
    if request.service == "s3" and request.operation in _OPTIONAL_THINGS:
        return request.error == "NoSuchBucket"
    return is_aws(request) and request.error in _NOT_THERE


def _is_to_blame(request: ServiceRequest) -> bool:
    if not is_aws(request):
        return request.status not in _SITUATIONS
    return _names_nothing(request) or request.error in _FORM
