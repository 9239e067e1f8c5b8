"""Events as places and values, so that equal places of several events can be compared.

A place is a path of keys and indexes; its pattern has ``*`` for every index, so that the lines of
one order match those of another. JSON in a string (an SQS or API Gateway body, an SNS message)
and JSON in base64 (Kinesis data, Kafka values, base64 bodies) is part of the document.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, covers
from pytest_lambda_rollback.aws_lambda.event_sources.registry import EventSources

Path: TypeAlias = tuple[str | int, ...]

_MOST_PLACES = 50_000
_DEEPEST = 60
_BASE64_KEYS = frozenset({"data", "body", "value"})
_KINDS = {dict: "an object", list: "an array", str: "text", bool: "true or false"}
_ENVELOPES = frozenset(
    {"headers", "multiValueHeaders", "requestContext", "attributes", "messageAttributes"}
)


@dataclass(frozen=True, slots=True)
class Document:
    """One event; ``places`` has every value by its path, the root first."""

    places: Mapping[Path, Any]
    source: EventSource
    topic: str
    """One of the source's routes, types or triggers."""


def read(event: bytes, event_sources: EventSources) -> Document | None:
    """Read an event; ``None`` if it is not JSON, or too large or deep."""
    try:
        value = json.loads(event)
        places = dict(_walk(value))
    except (ValueError, RecursionError):
        return None
    source = event_sources.source_of(value)
    return Document(places=places, source=source, topic=source.topic(value))


def pattern_of(path: Path) -> Path:
    """The path with ``*`` for every index."""
    return tuple("*" if isinstance(step, int) else step for step in path)


def kind_of(value: Any) -> str:
    """The JSON type in words."""
    if value is None:
        return "null"
    return _KINDS.get(type(value), "a number")


def is_payload(path: Path, source: EventSource) -> bool:
    """True for a place that the sender filled; false for what AWS puts around it."""
    if source.payload:
        return source.is_payload(path)
    return not (path and path[0] in _ENVELOPES)


def roots(document: Document) -> list[Path]:
    """The outermost places where the payload begins."""
    found = [
        path
        for path in document.places
        if any(covers(place, path) for place in document.source.payload)
    ]
    return found or [()]


def _walk(root: Any) -> Iterator[tuple[Path, Any]]:
    stack: list[tuple[Path, Any]] = [((), root)]
    count = 0
    while stack:
        path, value = stack.pop()
        count += 1
        if count > _MOST_PLACES or len(path) > _DEEPEST:
            raise ValueError("too large to search")
        if isinstance(value, str):
            value = _embedded(path, value)
        yield path, value
        if isinstance(value, dict):
            stack.extend(((*path, key), each) for key, each in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend(((*path, at), value[at]) for at in reversed(range(len(value))))


def _embedded(path: Path, text: str) -> Any:
    """The object or array that a string holds as JSON, else the string."""
    candidate = text
    if path and path[-1] in _BASE64_KEYS and text[:1] not in ("{", "["):
        try:
            candidate = base64.b64decode(text, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return text
    if candidate.lstrip()[:1] not in ("{", "["):
        return text
    try:
        value = json.loads(candidate)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict | list) else text
