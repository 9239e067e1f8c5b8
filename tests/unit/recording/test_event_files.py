"""Events in the content of files and objects."""

from __future__ import annotations

import gzip
import json

import pytest

from pytest_lambda_rollback.model.recorded import RecordedEvent, Skipped, StoredObject
from pytest_lambda_rollback.recording.envelopes import ANOTHER_FUNCTION, ONLY_POINTERS
from pytest_lambda_rollback.recording.event_files import (
    NO_JSON,
    TOO_LARGE,
    events,
)


def read(content: bytes | str, *, too_large: bool = False) -> list[RecordedEvent | Skipped]:
    data = content.encode() if isinstance(content, str) else content
    stored = StoredObject(name="x", content=data, time="2026-11-23T09:00:00Z", too_large=too_large)
    return list(events(stored, source="s3", function="orders"))


def record(function: str) -> dict[str, object]:
    arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{function}:4"
    return {"requestContext": {"functionArn": arn, "condition": "x"}, "requestPayload": {"a": 1}}


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1}',
        b'\xef\xbb\xbf{\n "a": 1\n}\n',
        gzip.compress(b'{"a": 1}', mtime=0),
        json.dumps(record("orders")).encode(),
        b'{"lambda_rollback": 1, "event": {"a": 1}}',
    ],
)
def test_one_event(content: bytes) -> None:
    (event,) = read(content)
    assert isinstance(event, RecordedEvent)
    assert event.event == {"a": 1}
    assert event.time == "2026-11-23T09:00:00Z"


def test_one_event_on_each_line_and_bad_lines_are_counted() -> None:
    got = read('{"a": 1}\n\n{broken\n{"a": 2}\n')
    assert [each.event if isinstance(each, RecordedEvent) else each for each in got] == [
        {"a": 1},
        Skipped(reason=NO_JSON),
        {"a": 2},
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", NO_JSON),
        (b"\xff\xfe", NO_JSON),
        (b'{\n  "a": 1,\n', NO_JSON),
        (gzip.compress(b'{"a": 1}', mtime=0)[:-6], NO_JSON),
        (gzip.compress(b" " * (65 * 1_048_576), mtime=0), TOO_LARGE),
        (json.dumps(record("billing")).encode(), ANOTHER_FUNCTION),
        (b'{"requestContext": {"functionArn": "a", "condition": "x"}, "KinesisBatchInfo": {}}',
         ONLY_POINTERS),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_counted_by_reason(content: bytes, reason: str) -> None:
    assert read(content) == [Skipped(reason=reason)]


def test_what_was_too_large_to_be_read_is_said() -> None:
    assert read(b"", too_large=True) == [Skipped(reason=TOO_LARGE)]


def test_an_envelope_keeps_what_was_recorded() -> None:
    (event,) = read(
        json.dumps(
            {
                "lambda_rollback": 1,
                "event": {},
                "context": {"identity": {"cognitoIdentityId": "i"}, "client_context": {"c": {}}},
                "recorded": {"version": "3", "time": "2026-01-01T00:00:00Z", "source": "recorder"},
            }
        )
    )
    assert isinstance(event, RecordedEvent)
    assert (event.version, event.time, event.source) == ("3", "2026-01-01T00:00:00Z", "recorder")
    assert (event.identity, event.client_context) == ({"cognitoIdentityId": "i"}, {"c": {}})
