"""Events in the content of a file or object: one JSON document, or one on each line, also gzipped.

A document is a bare event, an envelope of this project, or a wrapper of AWS.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import Final

from pytest_lambda_rollback.model.recorded import RecordedEvent, Skipped, StoredObject
from pytest_lambda_rollback.recording import json_text
from pytest_lambda_rollback.recording.envelopes import ANOTHER_FUNCTION, ONLY_POINTERS, unwrap

TOO_LARGE: Final = "a file or object is too large"
NO_JSON: Final = "a file, an object or one of its lines is not JSON"

_MAX_CHARS: Final = 64 * 1_048_576
_GZIP: Final = b"\x1f\x8b"


def events(
    stored: StoredObject, *, source: str, function: str
) -> Iterator[RecordedEvent | Skipped]:
    """The events in one file or object."""
    if stored.too_large:
        yield Skipped(reason=TOO_LARGE)
        return
    try:
        text = _text(stored.content)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        yield Skipped(reason=NO_JSON)
        return
    if text is None:
        yield Skipped(reason=TOO_LARGE)
        return
    for document in _documents(text):
        if isinstance(document, Skipped):
            yield document
        else:
            yield _event(document[0], stored, source, function)


def _text(content: bytes) -> str | None:
    if content.startswith(_GZIP):
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            content = file.read(_MAX_CHARS + 1)
        if len(content) > _MAX_CHARS:
            return None
    return content.decode("utf-8-sig")


def _documents(text: str) -> Iterator[tuple[object] | Skipped]:
    """Each document in a tuple, since a document may be anything."""
    try:
        yield (json_text.parse(text),)
        return
    except ValueError:
        pass
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or lines[0].strip() in ("{", "["):
        yield Skipped(reason=NO_JSON)
        return
    for line in lines:
        try:
            yield (json_text.parse(line),)
        except ValueError:
            yield Skipped(reason=NO_JSON)


def _event(
    document: object, stored: StoredObject, source: str, function: str
) -> RecordedEvent | Skipped:
    if isinstance(document, dict) and "lambda_rollback" in document and "event" in document:
        return _from_envelope(document, stored, source, function)
    found = unwrap(document)
    if found is None:
        return RecordedEvent(
            event=document, source=source, function=function, time=stored.time, origin=stored.name
        )
    if found.only_pointers:
        return Skipped(reason=ONLY_POINTERS)
    if found.function not in (None, function):
        return Skipped(reason=ANOTHER_FUNCTION)
    return RecordedEvent(
        event=found.event,
        source=source,
        function=function,
        version=found.version,
        time=found.time or stored.time,
        origin=stored.name,
    )


def _from_envelope(
    document: dict[str, object], stored: StoredObject, source: str, function: str
) -> RecordedEvent:
    context, recorded = document.get("context"), document.get("recorded")
    context = context if isinstance(context, dict) else {}
    recorded = recorded if isinstance(recorded, dict) else {}
    texts = {key: value for key, value in recorded.items() if isinstance(value, str)}
    return RecordedEvent(
        event=document["event"],
        client_context=context.get("client_context"),
        identity=context.get("identity"),
        downstream=document.get("downstream"),
        source=texts.get("source", source),
        function=function,
        version=texts.get("version"),
        time=texts.get("time", stored.time),
        origin=stored.name,
    )
