"""Replies become outcomes, with details that a person can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_lambda_rollback.engines.runtime_api.outcomes import http_integration_payload, outcome_of
from pytest_lambda_rollback.engines.runtime_api.replies import Phase, Reply, ReplyKind
from pytest_lambda_rollback.model.replay import FunctionError, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion

VERSION = FunctionVersion(
    function="orders",
    version="3",
    code=Artifact(label="code", digest="0" * 64, size_bytes=0, tar=Path("code.tar")),
    layers=(),
    configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler", memory_mb=256),
)
ERROR = FunctionError(type="ValueError", message="bad total\nin order 7", stack_trace=("frame",))


@pytest.mark.parametrize(
    ("reply", "kind", "detail"),
    [
        (
            Reply(kind=ReplyKind.ERRORED, error=ERROR),
            OutcomeKind.FUNCTION_ERROR,
            "raised ValueError: bad total",
        ),
        (
            Reply(kind=ReplyKind.ERRORED, error=FunctionError(type="Stop", message="")),
            OutcomeKind.FUNCTION_ERROR,
            "raised Stop",
        ),
        (
            Reply(kind=ReplyKind.INIT_ERRORED, error=ERROR),
            OutcomeKind.INIT_ERROR,
            "failed to initialise: ValueError: bad total",
        ),
        (
            Reply(kind=ReplyKind.TIMED_OUT, limit_s=3.0),
            OutcomeKind.TIMEOUT,
            "timed out after 3 s",
        ),
        (
            Reply(kind=ReplyKind.TIMED_OUT, phase=Phase.INIT, limit_s=13.0),
            OutcomeKind.TIMEOUT,
            "did not finish its initialisation within 13 s",
        ),
        (
            Reply(kind=ReplyKind.TIMED_OUT, phase=Phase.IDLE, limit_s=3.0),
            OutcomeKind.HARNESS_FAILURE,
            "the runtime did not ask for the next event within 3 s of answering an earlier one",
        ),
        (
            Reply(kind=ReplyKind.TOO_LARGE, size_bytes=6_291_557, limit_bytes=6_291_556),
            OutcomeKind.RESPONSE_TOO_LARGE,
            "answered 6,291,557 bytes, more than Lambda's limit of 6,291,556",
        ),
        (
            Reply(kind=ReplyKind.EXITED, status="1"),
            OutcomeKind.RUNTIME_EXIT,
            "the runtime exited with status 1 during the invocation",
        ),
        (
            Reply(kind=ReplyKind.EXITED, status="139", phase=Phase.INIT),
            OutcomeKind.RUNTIME_EXIT,
            "the runtime exited with status 139 (killed by SIGSEGV) during the initialisation",
        ),
        (
            Reply(kind=ReplyKind.EXITED, status="was killed by SIGABRT"),
            OutcomeKind.RUNTIME_EXIT,
            "the runtime was killed by SIGABRT during the invocation",
        ),
        (
            Reply(kind=ReplyKind.EXITED, status="0", phase=Phase.IDLE),
            OutcomeKind.HARNESS_FAILURE,
            "the runtime exited with status 0 while it was idle, before it received this event",
        ),
        (
            Reply(kind=ReplyKind.FAILED, detail="the Runtime API was closed"),
            OutcomeKind.HARNESS_FAILURE,
            "the Runtime API was closed",
        ),
    ],
)
def test_every_end_but_a_response_has_a_kind_a_detail_and_the_logs(
    reply: Reply, kind: OutcomeKind, detail: str
) -> None:
    outcome = outcome_of(reply, version=VERSION, logs=("one line",))
    assert (outcome.kind, outcome.detail) == (kind, detail)
    assert outcome.error == reply.error
    assert outcome.logs == ("one line",)
    assert outcome.payload is None


def test_a_response_is_handed_on_with_its_logs() -> None:
    reply = Reply(
        kind=ReplyKind.RESPONDED, payload=b'{"a": 1}', streamed=True, duration_s=0.5, cold=True
    )
    assert outcome_of(reply, version=VERSION, logs=("called",)) == Outcome(
        kind=OutcomeKind.RESPONSE,
        payload=b'{"a": 1}',
        streamed=True,
        logs=("called",),
        duration_s=0.5,
        cold=True,
    )


@pytest.mark.parametrize("kind", [ReplyKind.EXITED, ReplyKind.TIMED_OUT])
@pytest.mark.parametrize("phase", [Phase.INIT, Phase.INVOKE])
def test_an_end_without_a_word_is_put_down_to_memory_where_the_engine_knows(
    kind: ReplyKind, phase: Phase
) -> None:
    outcome = outcome_of(Reply(kind=kind, phase=phase), version=VERSION, out_of_memory=True)
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert outcome.detail == "ran out of memory (limit 256 MB)"


@pytest.mark.parametrize("kind", [ReplyKind.RESPONDED, ReplyKind.ERRORED, ReplyKind.INIT_ERRORED])
def test_what_the_function_said_wins_over_memory(kind: ReplyKind) -> None:
    reply = Reply(kind=kind, error=None if kind is ReplyKind.RESPONDED else ERROR)
    outcome = outcome_of(reply, version=VERSION, out_of_memory=True)
    assert outcome.kind is not OutcomeKind.OUT_OF_MEMORY


def test_a_streamed_http_response_becomes_what_a_buffered_one_would_be() -> None:
    reply = Reply(
        kind=ReplyKind.RESPONDED,
        payload=b'{"statusCode": 201, "headers": {"X-Id": "7"}, "cookies": ["a=b"]}'
        + b"\0" * 8
        + "h\u00e9llo".encode(),
        content_type="application/vnd.awslambda.http-integration-response",
        streamed=True,
    )
    outcome = outcome_of(reply, version=VERSION)
    assert outcome.content_type == "application/json"
    assert json.loads(outcome.payload or b"") == {
        "statusCode": 201,
        "headers": {"X-Id": "7"},
        "cookies": ["a=b"],
        "body": "h\u00e9llo",
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b"{}" + b"\0" * 8 + b"\xff",
            {
                "statusCode": 200,
                "headers": {},
                "cookies": [],
                "body": "/w==",
                "isBase64Encoded": True,
            },
        ),
        (b'{"a": 1}', {"a": 1}),
    ],
)
def test_http_integration_payload(body: bytes, expected: object) -> None:
    assert json.loads(http_integration_payload(body)) == expected


@pytest.mark.parametrize(
    "body", [b"no json" + b"\0" * 8 + b"x", b"[1]" + b"\0" * 8, b"", b"\0" * 7]
)
def test_what_has_no_prelude_stays_as_it_is(body: bytes) -> None:
    assert http_integration_payload(body) == body
