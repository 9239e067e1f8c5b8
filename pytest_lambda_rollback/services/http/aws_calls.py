"""Requests to AWS as calls of operations, and answers in the protocol of a request.

A `Translation` does the work, because the models of all services belong to it; this module only
knows which requests are for AWS.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final, Protocol
from xml.sax.saxutils import escape

from pytest_lambda_rollback.model.downstream import AwsExchange
from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest

NOT_RECORDED: Final = "LambdaRollbackNotRecorded"
"""The error code of refused calls; no SDK retries it."""
PLAIN_DOOR: Final = "aws.lambda-rollback.internal"
"""The name that AWS_ENDPOINT_URL leads to for SDKs that trust no other authority."""

_AWS: Final = re.compile(
    r"(?:^|\.)(?:amazonaws\.com(?:\.cn)?|api\.aws|c2s\.ic\.gov|sc2s\.sgov\.gov)$"
)
_OWN_APIS: Final = re.compile(r"(?:^|\.)(?:execute-api|appsync-api|lambda-url|elb)\.")
"""Hosts below AWS's domains that are somebody's own service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCall:
    """One call of an operation, as a request asked for it."""

    service: str
    """botocore's name."""
    operation: str
    parameters: str = field(repr=False)
    """JSON text as in `model.downstream`."""
    added: frozenset[str] = frozenset()
    """Parameters that SDKs add by themselves: they need not be recorded."""


class Translation(Protocol):
    """Between HTTP and operations. Safe for several threads; raises EngineError."""

    def call(self, request: HttpRequest) -> AwsCall | None:
        """The call that a request is, or ``None`` if none can be made out."""
        ...

    def answer(self, request: HttpRequest, exchange: AwsExchange) -> HttpAnswer | None:
        """The answer in the protocol of the request; ``None`` if it cannot be expressed in it."""
        ...


def is_for_aws(request: HttpRequest) -> bool:
    """Whether a request is for AWS itself, and not for an API that somebody hosts there."""
    return is_aws_host(request.host)


def is_aws_host(host: str) -> bool:
    """Whether a name is one of AWS's own services."""
    if host == PLAIN_DOOR:
        return True
    return _AWS.search(host) is not None and _OWN_APIS.search(host) is None


def refusal(request: HttpRequest, code: str, message: str, *, status: int = 400) -> HttpAnswer:
    """An error that SDKs of every protocol recognise, and that they do not retry."""
    headers = [("Content-Type", _content_type(request)), ("x-amzn-ErrorType", code)]
    if request.header("x-amzn-query-mode"):
        headers.append(("x-amzn-query-error", f"{code};Sender"))
    return HttpAnswer(
        status=status,
        headers=tuple(headers),
        body=_error_body(request, code, message),
    )


def _content_type(request: HttpRequest) -> str:
    sent = request.header("content-type")
    if sent.startswith("application/x-amz-json"):
        return sent
    return "text/xml" if _speaks_xml(request) else "application/json"


def _speaks_xml(request: HttpRequest) -> bool:
    """The query protocol, and S3's."""
    if request.header("content-type").startswith("application/x-www-form-urlencoded"):
        return True
    return not request.header("x-amz-target") and (
        re.search(r"(?:^|\.)s3(?:[.-]|$)", request.host) is not None
        or "/s3/aws4_request" in request.header("authorization")
    )


def _error_body(request: HttpRequest, code: str, message: str) -> bytes:
    if not _speaks_xml(request):
        return json.dumps({"__type": code, "message": message, "Message": message}).encode()
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
    if request.header("content-type").startswith("application/x-www-form-urlencoded"):
        text = f"<ErrorResponse>{error}</Error><RequestId>0</RequestId></ErrorResponse>"
    else:
        text = f"{error}<RequestId>0</RequestId></Error>"
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + text).encode("utf-8", "replace")
