"""The structure of an event: who sent it, what it is about, and what it has. Pure.

Two events with the same structure exercise a function's reading of them in the same way. What is
different in every event (ids, times, texts, numbers' values, headers, what AWS adds about the
transport) is not part of it. Texts that carry JSON are looked into. Nothing here holds a value,
except of keys that say what kind a thing is, and only where the value is a plain word: so that a
name made of a structure can be shown and be a file's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pytest_lambda_rollback.redaction.documents import Pieces, opened
from pytest_lambda_rollback.redaction.rules import normal

Path = tuple[str, ...]
Feature = tuple[Path, str]
"""A path and what is there: ``text``, ``null``, ``integer``, …, or ``=VALUE``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What an event is and has."""

    source: str
    """A word for who sent it: ``rest``, ``sqs``, ``eventbridge``, … or ``event``."""
    topics: tuple[tuple[Path, str], ...] = ()
    """(path, value) of what an event is about: route, detail type, the message's type."""
    features: frozenset[Feature] = frozenset()


_RECORDS: Final = {
    "aws:sqs": "sqs", "aws:sns": "sns", "aws:s3": "s3", "aws:kinesis": "kinesis",
    "aws:dynamodb": "dynamodb", "aws:codecommit": "codecommit", "aws:ses": "ses",
    "aws:kafka": "kafka", "SelfManagedKafka": "kafka", "aws:mq": "mq", "aws:rmq": "mq",
    "aws:docdb": "documentdb",
}  # fmt: skip
_MARKS: Final = (
    # (keys that only events of this source have, its word)
    (("triggerSource", "userPoolId"), "cognito"),
    (("deliveryStreamArn", "records"), "firehose"),
    (("invocationSchemaVersion", "tasks"), "s3-batch"),
    (("detail-type", "detail"), "eventbridge"),
    (("awslogs",), "logs"),
    (("RequestType", "ResponseURL"), "cloudformation"),
    (("CodePipeline.job",), "codepipeline"),
    (("invokingEvent", "resultToken"), "config"),
    (("methodArn", "type"), "authorizer"),
    (("routeArn", "type"), "authorizer"),
    (("authorizationToken", "requestContext"), "authorizer"),
)
_HTTP: Final = frozenset(("rest", "http", "alb", "websocket"))
_TRANSPORT: Final = frozenset(
    ("headers", "multiValueHeaders", "requestContext", "stageVariables", "cookies", "attributes",
     "multiValueQueryStringParameters", "rawQueryString", "rawPath", "path", "kinesis", "awsRegion",
     "md5OfBody", "md5OfMessageAttributes", "userIdentity", "requestParameters", "responseElements",
     "isBase64Encoded", "context", "callerContext", "eventSourceARN", "SequenceNumber")
)  # fmt: skip
"""What AWS or the client's software adds, at the level of an event or of one of its records."""
_TOPIC: Final = frozenset(
    ("httpmethod", "resource", "routekey", "detailtype", "eventname", "triggersource",
     "requesttype", "type", "kind", "eventtype", "messagetype", "action", "operation", "command")
)  # fmt: skip
_ENUM: Final = re.compile(
    r"(?:type|kind|status|state|action|operation|command|method|category|channel|mode|level|role"
    r"|reason|currency|tier|plan|variant|priority|event|eventname|unit|source)$"
)
_WORD: Final = re.compile(r"[A-Za-z$/][A-Za-z0-9 _.:$/{}+-]{0,60}")
_OTHER: Final = re.compile(r"\d{3}|[0-9a-fA-F]{12}")
"""What a plain word does not have: an id."""
_ID_KEY: Final = re.compile(r"\d{2}|[@:/ ]|^\d|[0-9a-f]{8}|^$|^.{41}|[^\x00-\x7f]")
_MANY_KEYS: Final = 60
ROOTS: Final = (
    (), ("body",), ("detail",), ("Records", "*"), ("Records", "*", "body"),
    ("Records", "*", "Sns"), ("Records", "*", "Sns", "Message"),
    ("Records", "*", "kinesis", "data"), ("Records", "*", "body", "Message"),
    ("Records", "*", "body", "detail"), ("records", "*", "data"),
    ("records", "*", "*", "value"),
)  # fmt: skip
"""Where a key like ``type`` says what the event is, and not what a part of it is."""
ROUTE: Final = ("path",)
"""The place of a path's topic, where the route that AWS names takes any path."""
OPERATIONS: Final = frozenset(
    (("info", "fieldName"), ("*", "info", "fieldName"), ("operationName",),
     ("body", "operationName"), ("sessionState", "intent", "name"), ("currentIntent", "name"),
     ("request", "intent", "name"))
)  # fmt: skip
"""What is asked for, in events of AppSync, GraphQL, Lex and Alexa."""
_ANY_ROUTE: Final = re.compile(r"\$default|.*\{[^{}]+\+\}")
_SEGMENT: Final = re.compile(r"v\d{1,2}|[A-Za-z][A-Za-z_.~-]{0,19}")
"""What names a resource; ids have digits, signs or many letters."""
_MOST_SEGMENTS: Final = 6
_BY_KEY: Final = (("records",), ("rmqMessagesByQueue",))
"""Objects of Kafka and RabbitMQ whose keys are partitions and queues."""
_DEPTH: Final = 40


def structure_of(event: object) -> Structure:
    """The structure of one event, redacted or not: pseudonyms do not change it."""
    source = _source(event)
    features = frozenset(_features(event, (), 0))
    topics = tuple(
        sorted(
            (path, kind[1:])
            for path, kind in features
            if kind.startswith("=")
            and (path in OPERATIONS or (path[:-1] in ROOTS and normal(path[-1]) in _TOPIC))
        )
    )
    places = [path for path, _ in topics]
    if len(places) != len(set(places)):
        # A batch of several kinds of message: that it is mixed is what it tells; what each kind
        # looks like is told by the batches of one.
        features = frozenset((path, f"={value}") for path, value in topics)
    return Structure(source=source, topics=topics + _route(event, source), features=features)


def _route(event: object, source: str) -> tuple[tuple[Path, str], ...]:
    """The path as a topic, where AWS names no route or one for any path: ``/orders/*/lines``."""
    if not isinstance(event, dict):
        return ()
    named = event.get("resource", event.get("routeKey", ""))
    if source != "alb" and not (isinstance(named, str) and _ANY_ROUTE.fullmatch(named)):
        return ()
    path = event.get("rawPath", event.get("path"))
    if not isinstance(path, str):
        return ()
    parts = [part for part in path.split("/") if part][:_MOST_SEGMENTS]
    return ((ROUTE, "/" + "/".join(each if _SEGMENT.fullmatch(each) else "*" for each in parts)),)


def _source(event: object) -> str:
    if not isinstance(event, dict):
        return "event"
    records = event.get("Records")
    if isinstance(records, list) and records and isinstance(records[0], dict):
        name = records[0].get("eventSource", records[0].get("EventSource"))
        return "cloudfront" if "cf" in records[0] else _RECORDS.get(str(name), "records")
    if str(event.get("eventSource")) in _RECORDS:
        return _RECORDS[str(event["eventSource"])]
    for keys, word in _MARKS:
        if all(key in event for key in keys):
            return word
    context = event.get("requestContext")
    if isinstance(context, dict):
        if "elb" in context:
            return "alb"
        if "connectionId" in context:
            return "websocket"
        if "http" in context:
            return "http"
        if "httpMethod" in event:
            return "rest"
    return "event"


def _features(node: object, path: Path, depth: int) -> Iterator[Feature]:
    if depth > _DEPTH:
        return
    if isinstance(node, dict):
        yield path, "object"
        dynamic = len(node) > _MANY_KEYS or path in _BY_KEY
        for key, item in node.items():
            if key in _TRANSPORT and _is_record(path):
                yield from _transport(key, item, path)
            else:
                token = "*" if dynamic or _ID_KEY.search(key) else key
                yield from _features(item, (*path, token), depth + 1)
    elif isinstance(node, list):
        yield path, "list" if node else "empty list"
        for item in node:
            yield from _features(item, (*path, "*"), depth + 1)
    elif isinstance(node, str):
        yield from _text(node, path, depth)
    elif node is None:
        yield path, "null"
    elif isinstance(node, bool):
        yield path, f"={str(node).lower()}"
    elif isinstance(node, int):
        yield path, "integer"
    elif isinstance(node, (float, Decimal)):
        yield path, "decimal"


def _text(text: str, path: Path, depth: int) -> Iterator[Feature]:
    if not text:
        yield path, "empty text"
        return
    inside = opened(text)
    while inside is not None and isinstance(inside[0], str):
        inside = opened(inside[0]) if inside[0] != text else None
    if inside is not None and isinstance(inside[0], Pieces):
        inside = None  # a random text has some by chance
    if inside is not None and isinstance(inside[0], (dict, list)):
        yield path, "JSON text"
        yield from _features(inside[0], path, depth + 1)
        return
    yield path, "text"
    key = normal(path[-1]) if path else ""
    named = key in _TOPIC or path in OPERATIONS or _ENUM.search(key)
    if named and _WORD.fullmatch(text) and not _OTHER.search(text):
        yield path, f"={text}"


def _is_record(path: Path) -> bool:
    return path in ((), ("Records", "*"), ("records", "*"))


def _transport(key: str, item: object, path: Path) -> Iterator[Feature]:
    """The little of the transport that a function's reading depends on."""
    if key == "headers" and isinstance(item, dict):
        for name, value in item.items():
            if str(name).lower() == "content-type" and isinstance(value, str):
                media = value.partition(";")[0].strip().lower()
                if _WORD.fullmatch(media):
                    yield (*path, "headers", "content-type"), f"={media}"
    elif key == "kinesis" and isinstance(item, dict) and isinstance(item.get("data"), str):
        yield from _text(item["data"], (*path, "kinesis", "data"), 3)
    elif key == "requestContext" and isinstance(item, dict):
        http = item.get("http")
        method = http.get("method") if isinstance(http, dict) else None
        for name, value in (("method", method), ("eventType", item.get("eventType"))):
            if isinstance(value, str) and _WORD.fullmatch(value):
                yield (*path, key, name), f"={value}"
        authorizer = item.get("authorizer")
        if isinstance(authorizer, dict):
            yield (*path, key, "authorizer"), "object"
    elif key == "isBase64Encoded" and item is True:
        yield (*path, key), "=true"
