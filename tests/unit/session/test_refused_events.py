"""Events on which the current version only refuses prove nothing by themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers.fakes import answer, raises
from helpers.subjects import subject
from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN
from pytest_lambda_rollback.model.findings import Judgement, Note, Verdict
from pytest_lambda_rollback.model.replay import EventFixture, ExpectedError, Outcome
from pytest_lambda_rollback.reports import sentences
from pytest_lambda_rollback.session import refusals

HTTP = {
    "version": "2.0",
    "routeKey": "GET /orders",
    "rawPath": "/orders",
    "requestContext": {"http": {"method": "GET", "path": "/orders"}},
}
UNAUTHORIZED = answer({"statusCode": 401, "body": "{}"})
OK = answer({"statusCode": 200, "body": "{}"})


def fixture(expect: ExpectedError | None = None, event: Any = HTTP) -> EventFixture:
    payload = json.dumps(event).encode()
    return EventFixture(name="get", path=Path("get.json"), payload=payload, expect=expect)


@pytest.mark.parametrize(
    ("expect", "baseline", "found"),
    [
        (None, (UNAUTHORIZED, UNAUTHORIZED), "401"),
        (None, (OK, OK), None),
        (None, (UNAUTHORIZED, OK), None),
        (None, (), None),
        (ExpectedError(type="401"), (UNAUTHORIZED,), None),
        (ExpectedError(type="KeyError"), (raises(),), None),
        (ExpectedError(), (raises(),), "an expected error"),
        (ExpectedError(), (UNAUTHORIZED,), "an expected error"),
    ],
)
def test_what_refuses(
    expect: ExpectedError | None, baseline: Sequence[Outcome], found: str | None
) -> None:
    one = fixture(expect)
    assert refusals.refused(BUILT_IN.recognise(one.payload), one, baseline) == found


@pytest.mark.parametrize(
    ("outcome", "expect", "past"),
    [
        (OK, None, True),
        (UNAUTHORIZED, None, False),
        (raises(), None, False),
        (raises(), ExpectedError(), False),
        (OK, ExpectedError(type="401"), False),
    ],
)
def test_what_gets_past(outcome: Outcome, expect: ExpectedError | None, past: bool) -> None:
    one = fixture(expect)
    assert refusals.got_past(BUILT_IN.recognise(one.payload), one, outcome) is past


def test_a_route_is_of_one_source_and_topic() -> None:
    def route(event: Any) -> tuple[str, str]:
        return refusals.route(BUILT_IN.recognise(json.dumps(event).encode()))

    assert route(HTTP) == route({**HTTP, "headers": {"authorization": "x"}})
    assert route(HTTP) != route({**HTTP, "routeKey": "POST /orders"})
    assert route(HTTP) != route({"order": 1})
    assert route({"order": 2}) == route({"order": 1})


@pytest.mark.parametrize(
    ("refusal", "says", "not_says"),
    [
        ("401", ["answers 401", "[redact] keep", '"expect": {"error": "401"}'], []),
        ("404", ["answers 404", '"expect": {"error": "404"}'], ["token made for tests"]),
        ("a denial", ["denies access", "[redact] keep"], ['"expect"']),
        ("an expected error", ["without naming the error"], ["token"]),
    ],
)
def test_a_refusal_alone_is_unknown_with_what_to_do(
    refusal: str, says: list[str], not_says: list[str]
) -> None:
    found = refusals.weighed(Judgement(), refusal, subject(), "get", past=[False])
    assert found.verdict is Verdict.UNKNOWN
    assert all(each in str(found.reason) for each in says)
    assert not any(each in str(found.reason) for each in not_says)


def test_a_refusal_beside_an_answer_is_a_note() -> None:
    found = refusals.weighed(Judgement(), "401", subject(), "get", past=[False, True])
    assert found.verdict is Verdict.SAFE
    assert [sentences.of_note(each) for each in found.notes] == [
        "get proves little: orders:4, the current version, only refuses it (401)"
    ]


def test_a_reason_that_is_there_already_stays() -> None:
    judgement = Judgement(reason="flaky", notes=(Note(kind="x", text="y"),))
    assert refusals.weighed(judgement, "401", subject(), "get", past=[]) is judgement
