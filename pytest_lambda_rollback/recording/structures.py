"""The structure of an event: its source, its topics and its features.

Two events of one structure exercise a function's parsing in the same way. Everything that differs
in every event (ids, times, texts, numbers, headers, AWS's data about the transport) is left out.
JSON in texts is parsed. A structure holds no values, except plain words under keys that name a
kind, so that a name made from it can be shown and used for a file.

Keys can be data: names of users, ids or search words instead of names of fields. `DataKeys` learns
which ones from many structures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Final, cast

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, values_at
from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN, EventSources
from pytest_lambda_rollback.model.json_values import Json
from pytest_lambda_rollback.redaction.documents import Pieces, open_document
from pytest_lambda_rollback.redaction.rules import normal

Path = tuple[str, ...]
Feature = tuple[Path, str]
"""A path and what is there: ``text``, ``null``, ``integer``, …, or ``=VALUE``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The source, the topics and the features of an event."""

    source: EventSource
    topics: tuple[tuple[Path, str], ...] = ()
    """(path, value) of what an event is about: route, detail type, the message's type."""
    features: frozenset[Feature] = frozenset()


_TRANSPORT: Final = frozenset(
    ("headers", "multiValueHeaders", "requestContext", "stageVariables", "cookies", "attributes",
     "multiValueQueryStringParameters", "rawQueryString", "rawPath", "path", "kinesis", "awsRegion",
     "md5OfBody", "md5OfMessageAttributes", "userIdentity", "requestParameters", "responseElements",
     "isBase64Encoded", "context", "callerContext", "eventSourceARN", "SequenceNumber")
)  # fmt: skip
"""Keys that AWS or the client's software adds to an event or to one of its records."""
_KINDS: Final = frozenset(
    ("type", "kind", "eventtype", "messagetype", "action", "operation", "command", "operationname")
)
"""Keys at the root of a message that name its kind."""
_OPERATION: Final = "operationName"
"""The member of a GraphQL request over HTTP; a schema has more of them than a message has kinds."""
_ENUM: Final = re.compile(
    r"(?:type|kind|status|state|action|operation|command|method|category|channel|mode|level|role"
    r"|reason|currency|tier|plan|variant|priority|event|eventname|unit|source)$"
)
_WORD: Final = re.compile(r"[A-Za-z$/][A-Za-z0-9 _.:$/{}+-]{0,60}")
_OTHER: Final = re.compile(r"\d{3}|[0-9a-fA-F]{12}")
"""An id, which a plain word does not contain."""
_ID_KEY: Final = re.compile(r"\d{2}|[@:/ ]|^\d|[0-9a-f]{8}|^$|^.{41}|[^\x00-\x7f]")
_MANY_KEYS: Final = 60
ROUTE: Final = ("path",)
"""The place of a path's topic, where the route that AWS names takes any path."""
_ANY_ROUTE: Final = re.compile(r"\$default|.*\{[^{}]+\+\}")
_SEGMENT: Final = re.compile(r"v\d{1,2}|[A-Za-z][A-Za-z_.~-]{0,19}")
"""A segment that names a resource; ids have digits, signs or many letters."""
_MOST_SEGMENTS: Final = 6
_INNER: Final = ("Message", "detail")
"""Keys of the inner message, where SNS or EventBridge sends through a queue."""
_DEPTH: Final = 40


def structure_of(event: object, sources: EventSources = BUILT_IN) -> Structure:
    """The structure of one event, redacted or not: pseudonyms do not change it."""
    source = sources.source_of(cast("Json", event))
    features = frozenset(_features(event, (), source, 0))
    beginnings = roots(source)
    topics = tuple(
        sorted(
            (path, kind[1:])
            for path, kind in features
            if kind.startswith("=")
            and (is_route(path, source) or (path[:-1] in beginnings and normal(path[-1]) in _KINDS))
        )
    )
    places = [path for path, _ in topics]
    if len(places) != len(set(places)):
        # A batch of several kinds of message: its feature is the mix; batches of one kind show
        # the features of each.
        features = frozenset((path, f"={value}") for path, value in topics)
    return Structure(source=source, topics=topics + _request(event, source), features=features)


def roots(source: EventSource) -> frozenset[Path]:
    """Paths at which a key like ``type`` names the kind of the event, not of a part of it."""
    return _roots(source.payload)


@cache
def _roots(payload: tuple[Path, ...]) -> frozenset[Path]:
    inner = {(*place, key) for place in payload for key in _INNER}
    above = {place[:length] for place in payload for length in range(len(place) + 1)}
    return frozenset(inner | above | {()})


def is_route(path: Path, source: EventSource) -> bool:
    """True for a path whose value names one of many operations, as AWS's routes do."""
    return path in source.topics or (path[-1:] == (_OPERATION,) and path[:-1] in roots(source))


def _request(event: object, source: EventSource) -> tuple[tuple[Path, str], ...]:
    """The path as a topic, where AWS names no route or one for any path: ``/orders/*/lines``."""
    if not isinstance(event, dict) or source.request_path is None:
        return ()
    named = [
        str(value)
        for place in source.topics
        if place != (source.request_path,)
        for value in values_at(event, place)
    ]
    if any("/" in route and not _ANY_ROUTE.fullmatch(route) for route in named):
        return ()
    path = event.get(source.request_path)
    if not isinstance(path, str):
        return ()
    parts = [part for part in path.split("/") if part][:_MOST_SEGMENTS]
    return ((ROUTE, "/" + "/".join(each if _SEGMENT.fullmatch(each) else "*" for each in parts)),)


def _features(node: object, path: Path, source: EventSource, depth: int) -> Iterator[Feature]:
    if depth > _DEPTH:
        return
    if isinstance(node, dict):
        yield path, "object"
        dynamic = len(node) > _MANY_KEYS or _has_data_keys(path, source)
        for key, item in node.items():
            if key in _TRANSPORT and _is_record(path):
                yield from _transport(key, item, path, source)
            else:
                token = "*" if dynamic or _ID_KEY.search(key) else key
                yield from _features(item, (*path, token), source, depth + 1)
    elif isinstance(node, list):
        yield path, "list" if node else "empty list"
        for item in node:
            yield from _features(item, (*path, "*"), source, depth + 1)
    elif isinstance(node, str):
        yield from _text(node, path, source, depth)
    elif node is None:
        yield path, "null"
    elif isinstance(node, bool):
        yield path, f"={str(node).lower()}"
    elif isinstance(node, int):
        yield path, "integer"
    elif isinstance(node, (float, Decimal)):
        yield path, "decimal"


def _text(text: str, path: Path, source: EventSource, depth: int) -> Iterator[Feature]:
    if not text:
        yield path, "empty text"
        return
    inside = open_document(text)
    while inside is not None and isinstance(inside[0], str):
        inside = open_document(inside[0]) if inside[0] != text else None
    if inside is not None and isinstance(inside[0], Pieces):
        inside = None  # a random text has some by chance
    if inside is not None and isinstance(inside[0], (dict, list)):
        yield path, "JSON text"
        yield from _features(inside[0], path, source, depth + 1)
        return
    yield path, "text"
    key = normal(path[-1]) if path else ""
    named = key in _KINDS or path in source.topics or _ENUM.search(key)
    if named and _WORD.fullmatch(text) and not _OTHER.search(text):
        yield path, f"={text}"


def _has_data_keys(path: Path, source: EventSource) -> bool:
    """True for an object whose keys are data: partitions of Kafka, queues of RabbitMQ."""
    return path != () and any(place[: len(path) + 1] == (*path, "*") for place in source.payload)


def _is_record(path: Path) -> bool:
    return path in ((), ("Records", "*"), ("records", "*"))


def _transport(key: str, item: object, path: Path, source: EventSource) -> Iterator[Feature]:
    """The features of the transport that a function's parsing depends on."""
    if key == "headers" and isinstance(item, dict):
        for name, value in item.items():
            if str(name).lower() == "content-type" and isinstance(value, str):
                media = value.partition(";")[0].strip().lower()
                if _WORD.fullmatch(media):
                    yield (*path, "headers", "content-type"), f"={media}"
    elif key == "kinesis" and isinstance(item, dict) and isinstance(item.get("data"), str):
        yield from _text(item["data"], (*path, "kinesis", "data"), source, 3)
    elif key == "requestContext" and isinstance(item, dict):
        http = item.get("http")
        method = http.get("method") if isinstance(http, dict) else None
        values = {"method": method, "eventType": item.get("eventType")}
        for place in source.topics:
            if place[:-1] == (*path, key):
                values[place[-1]] = item.get(place[-1])
        for name, value in values.items():
            if isinstance(value, str) and _WORD.fullmatch(value):
                yield (*path, key, name), f"={value}"
        authorizer = item.get("authorizer")
        if isinstance(authorizer, dict):
            yield (*path, key, "authorizer"), "object"
    elif key == "isBase64Encoded" and item is True:
        yield (*path, key), "=true"


# --- keys that are data ------------------------------------------------------------------------
#
# Many events are needed to tell them from fields. Fields of one object recur from event to event,
# and one event has a good part of them; data keys are many, and most of them occur once, or one
# event has very few of them. Segments of URL paths are judged in the same way.

MAX_KEYS: Final = 16
"""Of one object, or segments of paths below one segment; more may be data."""
MAX_RESOURCES: Final = 40
"""First segments of paths; an API has more resources than an object has optional keys."""
_SURELY: Final = 100
_PART: Final = 4
"""Of fields, one event has at least one in so many."""
_SELDOM: Final = 16
"""Where one event has fewer than one in so many, even recurring keys are data."""
_ROUTES: Final = "/"
_BEFORE_RESOURCES: Final = re.compile(r"/|api|v\d+")

_Place = tuple[str, Path]
"""(slug of the source, path of the object)"""


@dataclass(slots=True)
class _Keys:
    events: Counter[str] = field(default_factory=Counter)
    """The number of events in which a key was seen."""
    widest: int = 0
    """The most keys that one event had."""


class DataKeys:
    """The keys of each object, learned from the structures of events."""

    def __init__(self) -> None:
        self._keys: dict[_Place, _Keys] = {}
        self._data: set[_Place] = set()

    def learn(self, structure: Structure) -> None:
        """Count the keys of one event, as `folded` gives it."""
        here: dict[Path, set[str]] = {}
        beginnings = roots(structure.source)
        for path in {path for path, _ in structure.features}:
            if path and path[-1] != "*" and path[:-1] not in beginnings:
                here.setdefault(path[:-1], set()).add(path[-1])
        for path, value in structure.topics:
            if path == ROUTE:
                parts = _parts(value)
                for number in range(1, len(parts)):
                    here[parts[:number]] = {parts[number]}
        for path, keys in here.items():
            known = self._keys.setdefault((structure.source.slug, path), _Keys())
            known.events.update(keys)
            known.widest = max(known.widest, len(keys))

    def decide(self, *, routes: bool = True) -> bool:
        """Decide where keys, or segments of routes, are data; True if that is new."""
        found = {
            place
            for place, keys in self._keys.items()
            if (routes or place[1][:1] != (_ROUTES,)) and _are_data(place, keys)
        }
        for place in found:
            del self._keys[place]
        self._data |= found
        return bool(found)

    def folded(self, structure: Structure) -> Structure:
        """The structure with ``*`` in place of keys that are data."""
        if not self._data:
            return structure
        slug = structure.source.slug
        return Structure(
            source=structure.source,
            topics=tuple(
                (path, "/".join(self.path(slug, _parts(value)))[1:] if path == ROUTE else value)
                for path, value in structure.topics
            ),
            features=frozenset((self.path(slug, path), kind) for path, kind in structure.features),
        )

    def path(self, slug: str, path: Path) -> Path:
        """One path with ``*`` in place of keys that are data."""
        done: Path = ()
        for key in path:
            done = (*done, "*" if (slug, done) in self._data else key)
        return done


def _parts(route: str) -> Path:
    return (_ROUTES, *route.strip("/").split("/"))


def _are_data(place: _Place, keys: _Keys) -> bool:
    number = len(keys.events)
    route = place[1][:1] == (_ROUTES,)
    resources = route and all(map(_BEFORE_RESOURCES.fullmatch, place[1]))
    most = MAX_RESOURCES if resources else MAX_KEYS
    if number <= max(most, _PART * keys.widest):
        return False
    once = sum(count == 1 for count in keys.events.values())
    if route:
        surely = _SURELY if resources else MAX_RESOURCES
    else:
        surely = min(_SURELY, max(2 * MAX_KEYS, _SELDOM * keys.widest))
    return 2 * once >= number or number > surely
