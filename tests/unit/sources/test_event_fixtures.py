"""Event fixtures reach the function as they stand in their files, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_lambda_rollback.aws_lambda.limits import EVENT_BYTES
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.replay import EventFixture, ExpectedError
from pytest_lambda_rollback.sources.events import load

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_event(content: str | bytes) -> Path:
        path = tmp_path / "event.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_event


@pytest.fixture
def refused(write: Write) -> Callable[[str | bytes], str]:
    def message(content: str | bytes) -> str:
        path = write(content)
        with pytest.raises(ConfigError) as caught:
            load(path, name="event")
        text = str(caught.value)
        assert text.startswith(f"event fixture {path}")
        return text.removeprefix(f"event fixture {path}").strip()

    return message


# --- bare events ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        '{"price": 1.10}',
        ' {\r\n\t"price" : 1.10 }\n',
        "[]",
        "null",
        "0",
        '"text"',
        '{"huge": 1e400, "long": ' + "9" * 5000 + ', "small": -0.0, "plain": 1E+2}',
        '{"city": "Zürich", "escaped": "Z\\u00fcrich", "half": "\\ud800"}',
        '{"NaN": "Infinity", "text": "\\"NaN"}',
        '{"event": {"a": 1}, "context": {}}',
        '{"nested": {"lambda_rollback": 9}}',
        '[{"lambda_rollback": 9}]',
        '{"a": {"k": 1}, "b": {"k": 2}}',
    ],
)
def test_a_bare_event_is_the_very_bytes_of_its_file(write: Write, content: str) -> None:
    path = write(content)
    assert load(path, name="sqs/batch") == EventFixture(
        name="sqs/batch", path=path, payload=content.encode()
    )


def test_an_event_of_exactly_the_limit_is_taken(write: Write) -> None:
    content = '"' + "x" * (EVENT_BYTES - 2) + '"'
    assert len(load(write(content), name="event").payload) == 6 * 1024 * 1024


# --- envelopes ------------------------------------------------------------------------------


def test_an_envelope_says_all_it_can(write: Write) -> None:
    content = """
    {
      "expect": {"error": "KeyError"},
      "recorded": {"source": "sqs", "time": "2026-11-01T10:00:00Z", "function": "orders",
                   "version": "4"},
      "context": {
        "client_context": { "custom": { "n": 1.10, "city": "Zürich \\u00fc" } },
        "identity": { "cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool" }
      },
      "event": { "a": [ 1, 2 ] },
      "lambda_rollback": 1
    }
    """
    path = write(content)
    assert load(path, name="event") == EventFixture(
        name="event",
        path=path,
        payload=b'{"a":[1,2]}',
        client_context='{"custom":{"n":1.10,"city":"Z\\u00fcrich \\u00fc"}}',
        cognito_identity='{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}',
        recorded=(
            ("function", "orders"),
            ("version", "4"),
            ("time", "2026-11-01T10:00:00Z"),
            ("source", "sqs"),
        ),
        expect=ExpectedError(type="KeyError"),
    )


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("1.10", "1.10"),
        ("1e400", "1e400"),
        ("-0", "-0"),
        ("9" * 5000, "9" * 5000),
        ("null", "null"),
        ("[ ]", "[]"),
        ("{ }", "{}"),
        ('" a  b\\t\\" {"', '" a  b\\t\\" {"'),
        ('"\\\\"', '"\\\\"'),
        ('{ "a b" : [ 1.0 ,\r\n\t2E5 ] , "é" : "\\u00e9" }', '{"a b":[1.0,2E5],"é":"\\u00e9"}'),
        ('{"event": {"lambda_rollback": 2}}', '{"event":{"lambda_rollback":2}}'),
    ],
)
@pytest.mark.parametrize(
    "envelope",
    [
        '{"lambda_rollback": 1, "event": %s}',
        '\n{ "event" : %s ,\n"lambda_rollback" : 1 }\n',
        '{"recorded": {"source": "a \\" }, \\"event\\": 7"}, "event":%s, "lambda_rollback":1}',
    ],
)
def test_the_event_of_an_envelope_is_cut_out_of_the_text(
    write: Write, envelope: str, event: str, payload: str
) -> None:
    assert load(write(envelope % event), name="event").payload == payload.encode()


def test_header_texts_are_ascii_and_of_equal_value(write: Write) -> None:
    context = {"custom": {"é": "😀 \u2028"}}
    envelope = {"lambda_rollback": 1, "event": 1, "context": {"client_context": context}}
    fixture = load(write(json.dumps(envelope, ensure_ascii=False)), name="event")
    assert fixture.client_context is not None
    assert fixture.client_context.isascii()
    assert json.loads(fixture.client_context) == context
    assert fixture.cognito_identity is None


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        ('"expect": {"error": true}', ExpectedError()),
        ('"expect": {"error": "orders.NotFound"}', ExpectedError(type="orders.NotFound")),
        ('"recorded": {}, "context": {}', None),
    ],
)
def test_what_is_expected(write: Write, expect: str, expected: ExpectedError | None) -> None:
    text = f'{{"lambda_rollback": 1, "event": 1, {expect}}}'
    assert load(write(text), name="event").expect == expected


def test_white_space_of_an_envelope_does_not_count(write: Write) -> None:
    text = '{"lambda_rollback": 1, "event": [' + " " * EVENT_BYTES + "]}"
    assert load(write(text), name="event").payload == b"[]"


# --- mistakes -------------------------------------------------------------------------------

DEFAULT_EVENT = '"lambda_rollback": 1, "event": 1'

MISTAKES = {
    "empty": (
        "",
        "is empty. Write the event into it; {} is the smallest event.",
    ),
    "white space alone": (
        " \n",
        "is empty. Write the event into it; {} is the smallest event.",
    ),
    "byte order mark": (
        b"\xef\xbb\xbf{}",
        "begins with a byte order mark: JSON must not have one, and runtimes refuse such an "
        "event. Save it as UTF-8 without a byte order mark.",
    ),
    "not UTF-8": (
        b'{"city": "Z\xfcrich"}',
        "is not UTF-8 text: byte 11 cannot be decoded. Save it as UTF-8.",
    ),
    "UTF-16": (
        '{"a": 1}'.encode("utf-16"),
        "is not UTF-8 text: byte 0 cannot be decoded. Save it as UTF-8.",
    ),
    "not JSON": (
        '{\n  "a": 1\n  "b": 2\n}',
        ":3:3 is not valid JSON: Expecting ',' delimiter. Correct it at that line and column.",
    ),
    "NaN": (
        '{"NaN": 1,\n "\\"": NaN}',
        ":2:8 is not valid JSON: NaN is not a JSON number. Correct it at that line and column.",
    ),
    "minus infinity": (
        "[-Infinity]",
        ":1:2 is not valid JSON: -Infinity is not a JSON number. Correct it at that line and "
        "column.",
    ),
    "same key twice": (
        '{"a": {"id": 1, "name": 2, "id": 1}}',
        'has the key "id" twice in one object: runtimes differ in which of the two a function '
        "sees. Remove one of them.",
    ),
    "nested without end": (
        "[" * 100_000 + "]" * 100_000,
        "is nested too deeply to be read. Record an event that the function can receive.",
    ),
    "too large": (
        '"' + "x" * (EVENT_BYTES - 1) + '"',
        "has 6291457 bytes: AWS Lambda takes events of at most 6291456 bytes. Record a smaller "
        "event, or remove white space from it.",
    ),
    "too large in an envelope": (
        '{"lambda_rollback": 1, "event": "' + "x" * (EVENT_BYTES - 1) + '"}',
        "has 6291457 bytes: AWS Lambda takes events of at most 6291456 bytes. Record a smaller "
        "event, or remove white space from it.",
    ),
    "newer envelope": (
        '{"lambda_rollback": 2, "event": 1}',
        "has the envelope format 2: this version reads format 1. "
        'Write "lambda_rollback": 1, or install the version that recorded it.',
    ),
    "format as a string": (
        '{"lambda_rollback": "1", "event": 1}',
        'has the envelope format "1": this version reads format 1. '
        'Write "lambda_rollback": 1, or install the version that recorded it.',
    ),
    "no event": (
        '{"lambda_rollback": 1}',
        'is an envelope without "event". Put the event under "event", or remove "lambda_rollback" '
        "from a bare event.",
    ),
    "nearly an envelope": (
        f'{{{DEFAULT_EVENT}, "expected": {{}}}}',
        'has the unknown key "expected" in the envelope: known keys are lambda_rollback, event, '
        "context, recorded, downstream, expect. Correct or remove it; a bare event has no key "
        '"lambda_rollback".',
    ),
    "unknown context": (
        f'{{{DEFAULT_EVENT}, "context": {{"aws_request_id": "x"}}}}',
        'has the unknown key "aws_request_id" in "context": known keys are client_context, '
        'identity. Correct or remove it; a bare event has no key "lambda_rollback".',
    ),
    "context of a wrong type": (
        f'{{{DEFAULT_EVENT}, "context": []}}',
        'has an invalid "context": expected an object. Correct it in the envelope.',
    ),
    "client context of a wrong type": (
        f'{{{DEFAULT_EVENT}, "context": {{"client_context": "e30="}}}}',
        'has an invalid "context.client_context": expected an object. Correct it in the envelope.',
    ),
    "unknown identity": (
        f'{{{DEFAULT_EVENT}, "context": {{"identity": {{"cognito_identity_id": "x"}}}}}}',
        'has the unknown key "cognito_identity_id" in "context.identity": known keys are '
        "cognitoIdentityId, cognitoIdentityPoolId. Correct or remove it; a bare event has no key "
        '"lambda_rollback".',
    ),
    "identity of a wrong type": (
        f'{{{DEFAULT_EVENT}, "context": {{"identity": {{"cognitoIdentityId": 1}}}}}}',
        'has an invalid "context.identity.cognitoIdentityId": expected a string. '
        "Correct it in the envelope.",
    ),
    "recorded of a wrong type": (
        f'{{{DEFAULT_EVENT}, "recorded": {{"version": 4}}}}',
        'has an invalid "recorded.version": expected a string. Correct it in the envelope.',
    ),
    "unknown record": (
        f'{{{DEFAULT_EVENT}, "recorded": {{"date": "today"}}}}',
        'has the unknown key "date" in "recorded": known keys are function, version, time, '
        'source. Correct or remove it; a bare event has no key "lambda_rollback".',
    ),
    **{
        f"expecting {wrong}": (
            f'{{{DEFAULT_EVENT}, "expect": {wrong}}}',
            'has an invalid "expect.error": expected true or the name of an error type, as in '
            '{"error": "KeyError"}; omit expect if the function answers. '
            "Correct it in the envelope.",
        )
        for wrong in ("{}", '{"error": false}', '{"error": 1}', '{"error": " "}')
    },
    "expecting what is unknown": (
        f'{{{DEFAULT_EVENT}, "expect": {{"status": 400}}}}',
        'has the unknown key "status" in "expect": known keys are error. Correct or remove it; '
        'a bare event has no key "lambda_rollback".',
    ),
}


@pytest.mark.parametrize(("content", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_file(
    refused: Callable[[str | bytes], str], content: str | bytes, message: str
) -> None:
    assert refused(content) == message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.json cannot be read: No such file or directory"):
        load(tmp_path / "gone.json", name="gone")


def test_a_file_far_too_large_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigError, match="has 1099511627776 bytes"):
        load(path, name="sparse")


def test_an_event_may_hold_personal_data_and_is_not_in_the_repr(write: Write) -> None:
    context = '{"client_context": {"x": 7712345}}'
    text = '{"lambda_rollback": 1, "event": "a@b.example", "context": ' + context + "}"
    assert "a@b.example" not in repr(load(write(text), name="event"))
    assert "7712345" not in repr(load(write(text), name="event"))
