"""What moto's backends hold, read out as stored items, within the process that holds it.

Only what a function can have written is read: ids and times of moto's own are no part of it.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pytest_lambda_rollback.services.aws import contents

ITEMS_LIMIT: Final = 10_000
SIZE_LIMIT_BYTES: Final = 4 * 1024 * 1024

Item = tuple[str, str, str]
"""(container, key, value), the fields of a `StoredItem` beside the service."""

_EVENTS: Final = "lambda_rollback_events"
"""The attribute of moto's EventBridge backends in which accepted events are kept."""


def keep_events() -> None:
    """Have moto keep the events that are put on a bus; by itself it only sends them on."""
    from moto.events.models import EventsBackend

    put_events: Any = EventsBackend.put_events

    def put_and_keep(self: Any, events: list[dict[str, Any]]) -> Any:
        entries = put_events(self, events)
        kept = self.__dict__.setdefault(_EVENTS, [])
        kept += [each for each, entry in zip(events, entries, strict=True) if "EventId" in entry]
        return entries

    EventsBackend.put_events = put_and_keep  # type: ignore[method-assign]


def read(*, region: str, account: str) -> tuple[list[list[str]], list[str]]:
    """([service, container, key, value] of each item, what was left out as clauses)."""
    items: list[list[str]] = []
    size = 0
    over: dict[tuple[str, str], int] = {}
    left_out: list[str] = []
    for service, reader in sorted(_READERS.items()):
        try:
            for backend, prefix in _backends(service, account=account, region=region):
                for container, key, value in reader(backend):
                    size += len(value) + len(key)
                    name = f"{prefix}{container}"
                    if len(items) >= ITEMS_LIMIT or size > SIZE_LIMIT_BYTES:
                        over[service, name] = over.get((service, name), 0) + 1
                    else:
                        items.append([service, name, key, value])
        except Exception as error:  # another version of moto keeps it in another way
            left_out.append(f"{service} cannot be read ({type(error).__name__}: {error})"[:300])
    left_out += [
        f"{count} more of {service} {container}".strip()
        for (service, container), count in over.items()
    ]
    return items, left_out


def _backends(service: str, *, account: str, region: str) -> Iterator[tuple[Any, str]]:
    """The backends that were used, and what names in them begin with: another region's name."""
    module = sys.modules.get(f"moto.{service}.models")
    regions = getattr(module, f"{service}_backends", {})
    if account not in regions:
        return
    for name, backend in sorted(regions[account].items()):
        # S3 has one backend for each partition: "aws".
        yield backend, "" if name == region or "-" not in name else f"{name}/"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tables(backend: Any) -> Iterator[Item]:
    for table in sorted(backend.tables.values(), key=lambda each: str(each.name)):
        keys = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
        ttl = table.ttl.get("AttributeName") if table.ttl else None
        yield table.name, "", _text({"keys": keys, "ttl": ttl or None})
        for item in table.all_items():
            attributes = {name: _attribute(value) for name, value in item.attrs.items()}
            key = {name: _key(attributes[name]) for name in keys}
            yield table.name, _text(key), _text(dict(sorted(attributes.items())))


def _attribute(value: Any) -> Any:
    """A value of DynamoDB as its JSON has it, in one form for equal sets and numbers."""
    kind: str
    content: Any
    if isinstance(value, dict):  # within maps and lists of some of moto's versions
        ((kind, content),) = value.items()
    else:
        kind, content = value.type, value.value
    if kind == "M":
        content = {name: _attribute(each) for name, each in sorted(content.items())}
    elif kind == "L":
        content = [_attribute(each) for each in content]
    elif kind == "N":
        content = _number(content)
    elif kind == "NS":
        content = sorted(_number(each) for each in content)
    elif kind in ("SS", "BS"):
        content = sorted(_binary(each) for each in content)
    elif kind == "B":
        content = _binary(content)
    return {kind: content}


def _number(stored: Any) -> str:
    """A number without zeros that say nothing, as DynamoDB gives it back.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
    """
    text = str(stored)
    if text.isdigit() and (text == "0" or text[0] != "0"):
        return text
    try:
        number = Decimal(text).normalize()
        return format(number, "f") if -150 < number.adjusted() < 150 else str(number)
    except InvalidOperation:
        return text


def _binary(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _key(attribute: dict[str, Any]) -> Any:
    """A key attribute's value as plain JSON where that is exact."""
    ((kind, content),) = attribute.items()
    if kind == "S":
        return content
    if kind == "N" and content.lstrip("-").isdigit():
        return int(content)
    return attribute


def _buckets(backend: Any) -> Iterator[Item]:
    for bucket in sorted(backend.buckets.values(), key=lambda each: str(each.name)):
        for name in sorted(bucket.keys):
            stored = bucket.keys[name]
            if not hasattr(stored, "metadata"):
                continue  # the mark of a deleted object
            headers = {str(key).lower(): value for key, value in stored.metadata.items()}
            metadata = {
                key.removeprefix("x-amz-meta-"): value
                for key, value in sorted(headers.items())
                if key.startswith("x-amz-meta-")
            }
            content = contents.described(stored.value)
            content["content_type"] = headers.get("content-type", "")
            if encoding := headers.get("content-encoding"):
                content["content_encoding"] = encoding
            yield bucket.name, name, _text(content | {"metadata": metadata})


def _queues(backend: Any) -> Iterator[Item]:
    for queue in sorted(backend.queues.values(), key=lambda each: str(each.name)):
        for number, message in enumerate(list(queue._messages), start=1):
            value = {
                "body": message.body,
                "attributes": _message_attributes(message.message_attributes),
            }
            if message.group_id:
                value["group"] = message.group_id
            if message.deduplication_id:
                value["deduplication"] = message.deduplication_id
            yield queue.name, str(number), _text(value)


def _message_attributes(attributes: Any) -> dict[str, Any]:
    """Of SQS or SNS: the type and the value of each by name."""
    plain: dict[str, Any] = {}
    for name, given in sorted((attributes or {}).items()):
        kinds = {key.lower().replace("_", ""): value for key, value in given.items()}
        value = next(
            (kinds[key] for key in ("stringvalue", "binaryvalue", "value") if kinds.get(key)), ""
        )
        kind = kinds.get("datatype") or kinds.get("type") or ""
        plain[name] = {"type": kind, "value": _binary(value)}
    return plain


def _topics(backend: Any) -> Iterator[Item]:
    for topic in sorted(backend.topics.values(), key=lambda each: str(each.name)):
        for number, sent in enumerate(topic.sent_notifications, start=1):
            _, message, subject, attributes, group = (*sent, None)[:5]
            value = {"body": message, "attributes": _message_attributes(attributes)}
            if subject:
                value["subject"] = subject
            if group:
                value["group"] = group
            yield topic.name, str(number), _text(value)


def _buses(backend: Any) -> Iterator[Item]:
    events: dict[str, list[Any]] = {}
    for event in getattr(backend, _EVENTS, ()):
        bus = str(event.get("EventBusName") or "default").rpartition("/")[2]
        events.setdefault(bus, []).append(event)
    for bus in sorted(events):
        for number, event in enumerate(events[bus], start=1):
            value = {
                "body": event.get("Detail", ""),
                "source": event.get("Source", ""),
                "detail_type": event.get("DetailType", ""),
            }
            if resources := event.get("Resources"):
                value["resources"] = resources
            yield bus, str(number), _text(value)


def _streams(backend: Any) -> Iterator[Item]:
    for stream in sorted(backend.streams.values(), key=lambda each: str(each.stream_name)):
        records = [each for shard in stream.shards.values() for each in shard.records.values()]
        records.sort(key=lambda each: (each.created_at, each.sequence_number))
        for number, record in enumerate(records, start=1):
            content = record.data
            content = base64.b64decode(content) if isinstance(content, str) else content
            value = {"partition_key": record.partition_key}
            try:
                value = {"body": content.decode(), **value}
            except UnicodeDecodeError:
                value = {**contents.described(content), **value}
            yield stream.stream_name, str(number), _text(value)


def _parameters(backend: Any) -> Iterator[Item]:
    stored = backend._parameters
    for name in sorted(stored):
        if name.startswith("/aws/service/"):
            continue  # moto's own
        versions = stored.get(name)
        if versions:
            newest = versions[-1]
            value = newest.decrypt(newest.value)
            yield "", name, _text({"value": value, "type": newest.parameter_type})


def _secrets(backend: Any) -> Iterator[Item]:
    for secret in sorted(dict.values(backend.secrets), key=lambda each: str(each.name)):
        if getattr(secret, "deleted_date", None):
            continue
        version = secret.versions.get(secret.default_version_id) or {}
        if "secret_binary" in version and version["secret_binary"] is not None:
            yield "", secret.name, _text({"binary": _binary(version["secret_binary"])})
        else:
            yield "", secret.name, _text({"value": version.get("secret_string")})


def _machines(backend: Any) -> Iterator[Item]:
    for machine in sorted(backend.state_machines, key=lambda each: str(each.name)):
        for number, execution in enumerate(machine.executions, start=1):
            value = {"body": execution.execution_input, "name": execution.name}
            yield machine.name, str(number), _text(value)


_READERS: Final[dict[str, Callable[[Any], Iterator[Item]]]] = {
    "dynamodb": _tables,
    "events": _buses,
    "kinesis": _streams,
    "s3": _buckets,
    "secretsmanager": _secrets,
    "sns": _topics,
    "sqs": _queues,
    "ssm": _parameters,
    "stepfunctions": _machines,
}
"""How each of moto's packages is read."""
