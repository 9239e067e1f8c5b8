"""Comparing what was sent with what was recorded: JSON values, forms, other bodies.

Some values differ each time although the request is the same: generated ids, times, tokens. They
are known by their form, so that a difference between two of the same form does not count.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

FORM: Final = "application/x-www-form-urlencoded"
MOST_BYTES: Final = 64 * 1024 * 1024
"""What a compressed body may unpack to."""

_BOUNDARY: Final = re.compile(rb"--([^\r\n]{1,70})\r?\n")
_CHANGING: Final = (
    ("id", re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")),
    (
        "time",
        re.compile(
            r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
            r"|\d{8}T\d{6}(?:\.\d{1,9})?Z?"
            r"|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
        ),
    ),
    ("time", re.compile(r"1[0-9]{9}(?:[0-9]{3}|[0-9]{6}|[0-9]{9})?(?:\.[0-9]{1,9})?")),
    ("id", re.compile(r"(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{12,128}")),
    ("id", re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")),
    (
        "id",
        re.compile(
            r"(?=[^0-9]*[0-9])(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])[A-Za-z0-9_+/-]{16,128}={0,2}"
        ),
    ),
)
"""(kind, form) of values that a program makes anew each time. Times count from 2001 to 2033."""
_AFFIXED: Final = re.compile(r"^([A-Za-z][A-Za-z]{0,15}[_:-])(.+)$")
"""A prefix before such a value, as in ``ord_…`` and ``req-…``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where two values differ."""

    pointer: str
    """JSON Pointer; empty for the value as a whole."""
    recorded: object
    sent: object
    """`ABSENT` on either side for a member that is not there."""

    @property
    def changing(self) -> bool:
        """Whether both are of one form that programs make anew each time."""
        kind = changing_kind(self.recorded)
        return bool(kind) and kind == changing_kind(self.sent)

    @property
    def same_type(self) -> bool:
        """Whether both are plain values of one type."""
        return _type(self.recorded) == _type(self.sent) and _type(self.sent) in _PLAIN


class Absent:
    """Stands for a member that is not there."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()
_PLAIN: Final = frozenset(("text", "number", "bytes"))


def changing_kind(value: object) -> str:
    """``id`` or ``time`` for a value of such a form, with its prefix if it has one; else empty."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    text = str(value)
    if len(text) > 200:
        return ""
    for kind, form in _CHANGING:
        if form.fullmatch(text):
            return kind
    affixed = _AFFIXED.match(text)
    if affixed is not None:
        for kind, form in _CHANGING:
            if form.fullmatch(affixed[2]):
                return affixed[1] + kind
    return ""


def differences(recorded: object, sent: object, pointer: str = "") -> Iterator[Difference]:
    """Places where two values differ, in the order of the recorded one.

    JSON within text is compared as JSON. Raises RecursionError for values nested too deeply.
    """
    if isinstance(recorded, dict) and isinstance(sent, dict):
        for key, value in recorded.items():
            below = f"{pointer}/{_token(key)}"
            if key in sent:
                yield from differences(value, sent[key], below)
            else:
                yield Difference(pointer=below, recorded=value, sent=ABSENT)
        for key, value in sent.items():
            if key not in recorded:
                below = f"{pointer}/{_token(key)}"
                yield Difference(pointer=below, recorded=ABSENT, sent=value)
        return
    if isinstance(recorded, list) and isinstance(sent, list):
        for number, (one, other) in enumerate(zip(recorded, sent, strict=False)):
            yield from differences(one, other, f"{pointer}/{number}")
        for number in range(min(len(recorded), len(sent)), max(len(recorded), len(sent))):
            yield Difference(
                pointer=f"{pointer}/{number}",
                recorded=recorded[number] if number < len(recorded) else ABSENT,
                sent=sent[number] if number < len(sent) else ABSENT,
            )
        return
    if _type(recorded) == _type(sent) and recorded == sent:
        return
    if isinstance(recorded, str) and isinstance(sent, str):
        one, other = _document(recorded), _document(sent)
        if one is not None and other is not None:
            yield from differences(one, other, pointer)
            return
    yield Difference(pointer=pointer, recorded=recorded, sent=sent)


def body_value(body: bytes, *, encoding: str = "", content_type: str = "") -> object:
    """A body as what it is: a JSON value, a form as ``{name: [values]}``, text, or bytes.

    ``encoding`` and ``content_type`` are the headers' values. What is not as they say is bytes.
    """
    body = unpacked(body, encoding)
    if not body:
        return None
    start = body.lstrip()[:1]
    if start in (b"{", b"[", b'"') or "json" in media_type(content_type):
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            pass
    if media_type(content_type) == FORM:  # Python's urllib says so of JSON too
        return form_value(body)
    body = _without_boundary(body)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body


def form_value(body: bytes) -> object:
    """A form or a query by names; the order counts only among values of one name."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=10_000, errors="strict"
        )
    except ValueError:
        return body
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def json_ready(value: object) -> object:
    """The value as JSON can hold it: bytes as ``{"$bytes": base64}``, infinity as text."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, dict):
        return {key: json_ready(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_ready(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "text"
    return type(value).__name__


def _token(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _document(text: str) -> object:
    if text[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def media_type(content_type: str) -> str:
    """The type without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body without gzip or deflate, if it really is packed so; bounded."""
    kind = encoding.strip().lower()
    try:
        if kind in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
                content = packed.read(MOST_BYTES + 1)
        elif kind == "deflate":
            content = zlib.decompressobj().decompress(body, MOST_BYTES + 1)
        else:
            return body
    except (OSError, EOFError, zlib.error):
        return body
    return content if len(content) <= MOST_BYTES else body


def _without_boundary(body: bytes) -> bytes:
    """A multipart body with a fixed boundary, because clients draw another one each time."""
    match = _BOUNDARY.match(body)
    if match is None or b"--" + match[1] + b"--" not in body:
        return body
    return body.replace(b"--" + match[1], b"--boundary")
