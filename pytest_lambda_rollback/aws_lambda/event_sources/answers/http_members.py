"""Status and headers of HTTP answers as they are written, and the request that they answer.

Names of headers ignore case. A header's values are joined as they are on one line (RFC 9110,
section 5.3): https://www.rfc-editor.org/rfc/rfc9110.html#section-5.3
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.interface import Object, member
from pytest_lambda_rollback.model.json_values import Json, Path

HEADER_OBJECTS = ("headers", "multiValueHeaders")
"""The objects that front ends read headers from; header names ignore case."""


def status_of(value: Json) -> int | None:
    """The HTTP status of an answer, which API Gateway also takes as text ("200")."""
    status = value.get("statusCode") if isinstance(value, dict) else None
    if isinstance(status, bool):
        return None
    if isinstance(status, str):
        return int(status) if status.isascii() and status.isdigit() and len(status) < 5 else None
    if isinstance(status, float):
        return int(status) if status.is_integer() else None
    return status if isinstance(status, int) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One header of an answer."""

    path: Path
    """Where the answer has it, spelt as it is there."""
    values: tuple[str, ...]
    """As they are sent; at least one."""

    @property
    def line(self) -> str:
        """The values on one line."""
        return ", ".join(self.values)


Headers = dict[str, Header]
"""By name in lower case; where the objects are not merged, the name follows the object's."""


def headers_of(answer: Object, places: Sequence[str], *, merged: bool) -> Headers:
    """The headers in these objects of an answer; what has no value is not sent.

    ``merged``: API Gateway merges both objects, and the values of ``multiValueHeaders`` come
    first: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    found: Headers = {}
    for place in sorted(places, reverse=merged):
        written = answer.get(place)
        for name, value in written.items() if isinstance(written, dict) else ():
            key = name.lower() if merged or len(places) == 1 else f"{place}/{name.lower()}"
            sent = tuple(_as_sent(value))
            known = found.get(key)
            if known is not None:
                sent = (*known.values, *(each for each in sent if each not in known.values))
            if sent:
                found[key] = Header(path=known.path if known else (place, name), values=sent)
    return found


def _as_sent(value: Json) -> Iterator[str]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, bool):
            yield "true" if each else "false"
        elif isinstance(each, str):
            yield each.strip()
        elif each is not None:
            yield str(each)


def named(headers: Headers, name: str) -> Header | None:
    """A header by its name in lower case, whichever object it is in."""
    found = (headers.get(key) for key in (name, *(f"{place}/{name}" for place in HEADER_OBJECTS)))
    return next((header for header in found if header is not None), None)


# --- the request ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an event shows of its HTTP request; empty text for what it does not show."""

    method: str = ""
    path: str = ""
    """As the client sees it, with the stage of a REST API."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case."""

    def header(self, name: str) -> str:
        """The value of a header, by its name in lower case."""
        return next((value for known, value in self.headers if known == name), "")


def request_of(event: Object) -> Request:
    """The request that a front end's event carries."""
    context = member(event, "requestContext")
    http = member(context, "http")
    methods = (http.get("method"), event.get("httpMethod"), event.get("method"))
    paths = (context.get("path"), event.get("rawPath"), event.get("raw_path"), event.get("path"))
    fields: dict[str, str] = {}
    for place in HEADER_OBJECTS:
        for name, value in member(event, place).items():
            sent = tuple(_as_sent(value))
            if sent:
                fields.setdefault(name.lower(), ", ".join(sent))
    return Request(
        method=next((each.upper() for each in methods if isinstance(each, str)), ""),
        path=next((each for each in paths if isinstance(each, str)), ""),
        headers=tuple(fields.items()),
    )
