"""Stored values by type: items of a table, objects, messages, parameters, all in one form.

What a reader relies on is the type of a value, as the store or the JSON in it has it: DynamoDB's
own types (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html),
JSON's, text that holds JSON, bytes by what they begin with. Nothing is known here of passes.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from pytest_lambda_rollback.model.json_values import Json, bounded, one_line, parse, short_text
from pytest_lambda_rollback.model.services import StoredItem

ANY: Final = "*"
"""In a path: any element of a list."""

CONTENT: Final = "content"
"""In the value of an object: what is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """A value that is not compared itself: bytes, or a set."""

    kind: str
    text: str = ""
    within: Value = None
    """What was unpacked of it, if anything."""


Value: TypeAlias = (
    "bool | int | float | Decimal | str | Opaque | list[Value] | dict[str, Value] | None"
)
Place: TypeAlias = "tuple[str | int, ...]"
"""Names of attributes and numbers of elements, from the outermost."""

_SETS: Final = {"SS": "set of texts", "NS": "set of numbers", "BS": "set of bytes"}
_MAGIC: Final = (
    (b"\x1f\x8b", "gzip bytes"),
    (b"PK\x03\x04", "zip bytes"),
    (b"\x28\xb5\x2f\xfd", "zstandard bytes"),
    *((bytes((0x80, protocol)), "pickle") for protocol in range(2, 6)),
    *((bytes((0x78, level)), "zlib bytes") for level in (0x01, 0x5E, 0x9C, 0xDA)),
)


def value_of(item: StoredItem) -> Value:
    """The value of a stored item; the text itself where it is not JSON."""
    return value_of_text(item.service, item.value)


def value_of_text(service: str, text: str) -> Value:
    """The same, of a value of `StoredItem` as text."""
    try:
        value = parse(text)
    except ValueError:
        return text
    if service == "dynamodb" and isinstance(value, dict):
        return {name: _attribute(each) for name, each in value.items()}
    if service == "s3" and isinstance(value, dict):
        return _object(value)
    return _plain(value)


def kind_of(value: Value) -> str:
    """The type in words: ``number``, ``text``, ``JSON text``, ``gzip bytes`` and others."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return _kind_of_text(value)
    if isinstance(value, Opaque):
        return value.kind
    if isinstance(value, dict):
        return "map"
    return "list" if isinstance(value, list) else "number"


def inside(text: str) -> Value:
    """The JSON object or array that a text holds; ``None`` for any other text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value = parse(text)
    except ValueError:
        return None
    return _plain(value) if isinstance(value, (dict, list)) else None


def unpacked(value: Value) -> Value:
    """The value that one holds packed, or the value itself."""
    if isinstance(value, Opaque):
        return value if value.within is None else value.within
    within = inside(value) if isinstance(value, str) else None
    return value if within is None else within


def at(value: Value, place: Place) -> Iterator[Value]:
    """The values at a place, with JSON in texts looked into; none if it is not there."""
    if not place:
        yield value
        return
    head, rest = place[0], place[1:]
    within = unpacked(value)
    if isinstance(within, dict) and isinstance(head, str) and head in within:
        yield from at(within[head], rest)
    elif isinstance(within, list) and head == ANY:
        for each in within:
            yield from at(each, rest)
    elif isinstance(within, list) and isinstance(head, int) and head < len(within):
        yield from at(within[head], rest)


def place_text(place: Place) -> str:
    """``lines[0].sku``."""
    text = ""
    for each in place:
        text += f"[{each}]" if isinstance(each, int) or each == ANY else f".{each}"
    return one_line(text.removeprefix("."))


def shown(value: Value) -> str:
    """The value in a few words."""
    if isinstance(value, Opaque):
        return bounded(f"{value.kind} {value.text}".rstrip())
    return short_text(_json(value))


def shown_key(item: StoredItem) -> str:
    """``{"id": "o-1"}``: a key's types are left out."""
    try:
        key = parse(item.key)
    except ValueError:
        return one_line(item.key)
    if not isinstance(key, dict):
        return one_line(item.key)
    typed = all(isinstance(each, dict) and len(each) == 1 for each in key.values())
    return short_text(_json({k: _attribute(v) for k, v in key.items()}) if typed else key)


def scalars(value: Value) -> Iterator[str]:
    """The texts and numbers in a value, as text."""
    if isinstance(value, dict):
        for each in value.values():
            yield from scalars(each)
    elif isinstance(value, list):
        for each in value:
            yield from scalars(each)
    elif isinstance(value, Opaque):
        yield value.text
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def key_scalars(item: StoredItem) -> tuple[str, ...]:
    """The values of a key's attributes as text, or the key itself."""
    try:
        key = parse(item.key)
    except ValueError:
        return (item.key,)
    return tuple(scalars(_plain(key))) if isinstance(key, dict) else (item.key,)


# --- reading --------------------------------------------------------------------------------


def _attribute(value: Json) -> Value:
    """A value of DynamoDB, which comes under the name of its type."""
    if not isinstance(value, dict) or len(value) != 1:
        return _plain(value)
    ((kind, inner),) = value.items()
    if kind == "N" and isinstance(inner, str):
        return _number(inner)
    if kind == "M" and isinstance(inner, dict):
        return {name: _attribute(each) for name, each in inner.items()}
    if kind == "L" and isinstance(inner, list):
        return [_attribute(each) for each in inner]
    if kind == "NULL":
        return None
    if kind == "B" and isinstance(inner, str):
        return _bytes(inner)
    if kind in _SETS:
        return Opaque(kind=_SETS[kind], text=short_text(inner))
    return _plain(inner) if kind in ("S", "BOOL") else _plain(value)


def _number(text: str) -> Value:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text


def _bytes(encoded: str) -> Value:
    try:
        content = base64.b64decode(encoded[:64] + "=" * (-len(encoded[:64]) % 4))
    except (binascii.Error, ValueError):
        content = b""
    return Opaque(kind=_kind_of_bytes(content), text=f"of {len(encoded) * 3 // 4} bytes")


def _kind_of_bytes(content: bytes) -> str:
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), "bytes")


def _kind_of_text(text: str) -> str:
    if inside(text) is not None:
        return "JSON text"
    # Text of another kind seldom is base64 of something that begins as compressed data does.
    if len(text) >= 24 and len(text) % 4 == 0 and text.isascii() and " " not in text:
        try:
            kind = _kind_of_bytes(base64.b64decode(text[:64], validate=True))
        except (binascii.Error, ValueError):
            return "text"
        if kind != "bytes":
            return f"base64 of {kind}"
    return "text"


def _object(value: dict[str, Json]) -> Value:
    """An object of S3: its content under one name, whatever it is."""
    rest = {name: _plain(each) for name, each in value.items() if name == "metadata"}
    return {CONTENT: _content(value), **rest}


def _content(value: dict[str, Json]) -> Value:
    for form in ("json", "text"):
        if form in value:
            return _plain(value[form])
    kind = str(value.get("kind", ""))
    held = value.get("holds")
    return Opaque(
        kind={"gzip": "gzip bytes", "pickle": "pickle"}.get(kind, "bytes"),
        text=f"of {value.get('bytes', 0)} bytes",
        within=_content(held) if isinstance(held, dict) else None,
    )


def _plain(value: Json) -> Value:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _json(value: Value) -> Json:
    if isinstance(value, dict):
        return {name: _json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_json(each) for each in value]
    if isinstance(value, Opaque):
        return value.kind
    if isinstance(value, Decimal) and value == value.to_integral_value() and abs(value) < 10**18:
        return int(value)
    if isinstance(value, Decimal):
        number = float(value)
        return number if math.isfinite(number) else str(value)
    return value
