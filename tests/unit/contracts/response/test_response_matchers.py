"""Matchers: what a value must look like, instead of being compared."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from helpers import judged_responses
from helpers.judged_responses import Found, found
from helpers.subjects import said
from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.settings import Matcher

ID_A, ID_B = "5a1f0f7e-5b7c-4d5e-9a51-0c2f3a0b7d11", "0D9D3F0C-8F3A-4F7B-B7A7-1F1A4A1F9C22"


def judged(
    baseline: list[Any], target: object, *matchers: Matcher, mode: str = "exact"
) -> Judgement:
    return judged_responses.judged(baseline, target, mode=mode, matchers=matchers)


def uuid_at(pointer: str) -> Matcher:
    return Matcher(pointer=pointer, kind="uuid")


def time_at(pointer: str) -> Matcher:
    return Matcher(pointer=pointer, kind="timestamp")


def regex_at(pointer: str, pattern: str) -> Matcher:
    return Matcher(pointer=pointer, kind="regex", pattern=pattern)


def near_at(pointer: str, tolerance: float) -> Matcher:
    return Matcher(pointer=pointer, kind="tolerance", tolerance=tolerance)


MISSED: Found = [("matcher-missed", "/v")]


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    ("matcher", "current", "target", "expected"),
    [
        (uuid_at("/v"), ID_A, ID_B, []),
        (uuid_at("/v"), ID_A, "4711", MISSED),
        (uuid_at("/v"), ID_A, ID_B + "0", MISSED),
        (uuid_at("/v"), ID_A, None, MISSED),
        (time_at("/v"), "2026-03-01T12:00:00Z", "2019-01-01T00:00:00+01:00", []),
        (time_at("/v"), 1772366400, 1872366400, []),
        # a form does not excuse another JSON type
        (time_at("/v"), "2026-03-01T12:00:00Z", 1772366400, [("type-changed", "/v")]),
        (time_at("/v"), 1772366400123, "Sun, 01 Mar 2026 12:00:00 GMT", [("type-changed", "/v")]),
        # nor another unit
        (time_at("/v"), 1772366400, 1772366400123, MISSED),
        (time_at("/v"), "2026-03-01", "yesterday", MISSED),
        (time_at("/v"), "2026-03-01", 4711, MISSED),
        (regex_at("/v", "^A[0-9]+$"), "A1", "A2", []),
        (regex_at("/v", "^A[0-9]+$"), "A1", "B2", MISSED),
        (regex_at("/v", "^A[0-9]+$"), "A1", 12, MISSED),
        (regex_at("/v", "[0-9]"), "A1", "somewhere 2 in it", []),
        (near_at("/v", 0.1), 0.2, 0.3, []),
        (near_at("/v", 0.1), 0.2, 0.31, MISSED),
        (near_at("/v", 0), 1, 1.0, []),
        (near_at("/v", 5), 100, 105, []),
        (near_at("/v", 5), 100, 94, MISSED),
        (near_at("/v", 5), 100, "100", MISSED),
        (near_at("/v", 5), 100, True, MISSED),
        (near_at("/v", 5), 100, float("inf"), [("not-json-number", "/v")]),
        # a key has to be there all the same
        (uuid_at("/v"), ID_A, "absent", [("lost-key", "/v")]),
    ],
)
def test_matchers(
    mode: str, matcher: Matcher, current: object, target: object, expected: Found
) -> None:
    other = {} if target == "absent" else {"v": target}
    assert found(judged([{"v": current}] * 2, other, matcher, mode=mode)) == expected


def test_a_miss_is_told_with_both_values() -> None:
    (finding,) = judged([{"code": "A1"}] * 2, {"code": "B2"}, regex_at("/code", "^A")).findings
    assert (
        said(finding) == "orders:2 answers with a value at /code that is not text that matches ^A"
    )
    assert (finding.current, finding.target) == ('"A1"', '"B2"')


@pytest.mark.parametrize(
    ("matcher", "says"),
    [(uuid_at("/v"), "a UUID"), (time_at("/v"), "a timestamp"),
     (near_at("/v", 0.5), "within 0.5 of the current version's number")],
)  # fmt: skip
def test_what_was_expected_is_told(matcher: Matcher, says: str) -> None:
    current = {"uuid": ID_A, "timestamp": "2026-03-01", "tolerance": 1}[matcher.kind]
    (finding,) = judged([{"v": current}] * 2, {"v": None}, matcher).findings
    assert said(finding) == f"orders:2 answers with a value at /v that is not {says}"


def test_a_matcher_that_the_current_version_misses_itself_says_nothing() -> None:
    for matcher in (uuid_at("/v"), time_at("/v"), regex_at("/v", "^A"), near_at("/v", 9)):
        assert found(judged([{"v": "x"}] * 2, {"v": "x"}, matcher)) == []
        assert found(judged([{"v": "x"}] * 2, {"v": "y"}, matcher)) == [("value-changed", "/v")]
        assert found(judged([{"v": "x"}] * 2, {"v": 1}, matcher, mode="shape")) == [
            ("type-changed", "/v")
        ]


def test_a_tolerance_is_measured_from_any_replay() -> None:
    assert found(judged([{"v": 1}, {"v": 9}], {"v": 8.5}, near_at("/v", 0.5))) == []
    assert found(judged([{"v": 1}, {"v": 9}], {"v": 5}, near_at("/v", 0.5))) == MISSED


def test_bodies_headers_and_wildcards() -> None:
    def answer(order: str, total: float, request: str) -> dict[str, Any]:
        body = json.dumps({"orders": [{"id": order, "total": total}] * 2})
        return {"statusCode": 200, "headers": {"X-Request": request}, "body": body}

    matchers = (uuid_at("/body/orders/*/id"), near_at("/body/orders/*/total", 0.01),
                regex_at("/headers/x-request", "^r-"))  # fmt: skip
    baseline = [answer(ID_A, 4.99, "r-1")] * 2
    assert found(judged(baseline, answer(ID_B, 5.0, "r-2"), *matchers)) == []
    missed = judged(baseline, answer("x", 5.5, "2"), *matchers)
    assert found(missed) == [
        ("matcher-missed", "/body/orders/0/id"),
        ("matcher-missed", "/body/orders/0/total"),
        ("matcher-missed", "/headers/X-Request"),
    ]
    assert said(missed.findings[0]).endswith("a UUID (and so in 1 more element)")


def test_what_is_matched_has_no_part_in_matching_a_shuffled_list() -> None:
    baseline = [[{"n": 1, "p": 1.0}, {"n": 2, "p": 2.0}], [{"n": 2, "p": 2.0}, {"n": 1, "p": 1.0}]]
    near = [{"n": 2, "p": 2.001}, {"n": 1, "p": 0.999}]
    far = [{"n": 2, "p": 1.0}, {"n": 1, "p": 1.0}]
    assert found(judged(baseline, near, near_at("/*/p", 0.01))) == []
    assert found(judged(baseline, far, near_at("/*/p", 0.01))) == [("matcher-missed", "/*/p")]


def test_the_first_matcher_that_covers_a_place_counts() -> None:
    matchers = (regex_at("/a", "^x"), uuid_at("/*"))
    assert found(judged([{"a": "x1", "b": ID_A}] * 2, {"a": "x2", "b": ID_B}, *matchers)) == []


def test_an_unknown_matcher_is_refused() -> None:
    with pytest.raises(ValueError, match="'colour' is not a matcher"):
        judged([{"v": 1}] * 2, {"v": 1}, Matcher(pointer="/v", kind="colour"))


def test_ten_thousand_matched_elements_are_no_matter() -> None:
    chance = random.Random(3)
    baseline = [[{"v": chance.random()} for _ in range(10_000)] for _ in range(2)]
    target = [{"v": chance.random()} for _ in range(9_999)]
    started = time.monotonic()
    near = near_at("/*/v", 1)
    assert found(judged(baseline, target, near, mode="shape")) == []
    assert found(judged(baseline, target, near, mode="exact")) == [("value-changed", "")]
    assert time.monotonic() - started < 60  # a quadratic comparison takes far longer
