"""Answers of downstream services that were recorded with an event, frozen.

In a fixture's envelope they are the list ``downstream``; a file ``NAME.downstream.json`` beside
the fixture ``NAME.json`` holds ``{"lambda_rollback_downstream": 1, "downstream": […]}`` with the
same entries. An entry is one of

    {"service": "dynamodb", "operation": "GetItem", "parameters": {…}, "result": {…}}
    {"service": "dynamodb", "operation": "PutItem", "parameters": {…},
     "error": {"code": "ConditionalCheckFailedException", "message": "…", "status": 400}}
    {"method": "POST", "url": "https://api.example.com/v1/charges?x=1", "headers": {…},
     "body": …, "response": {"status": 200, "headers": {…}, "body": …}}

Names and values of AWS's operations are botocore's. Bytes are ``{"$text": "…"}`` where they are
UTF-8 and ``{"$bytes": "base64"}`` elsewhere, also for streaming bodies; times are
``{"$time": "2026-01-31T12:00:00Z"}``. A body of HTTP is its JSON value if it is JSON, else as
bytes are. ``headers`` of a request are only what tells requests apart, usually none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

FILE_SUFFIX: Final = ".downstream.json"
"""The end of the name of a file of recorded answers, which is never an event fixture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsExchange:
    """One call of an AWS operation and its answer."""

    service: str
    """botocore's name, ``dynamodb``."""
    operation: str
    parameters: str = field(default="{}", repr=False)
    """JSON text as in the file."""
    result: str = field(default="{}", repr=False)
    """JSON text as in the file; not used for an error."""
    error_code: str = ""
    error_message: str = field(default="", repr=False)
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpExchange:
    """One HTTP request and its answer."""

    method: str
    url: str
    """Absolute, with the query."""
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: bytes = field(default=b"", repr=False)
    status: int = 200
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


Exchange = AwsExchange | HttpExchange
