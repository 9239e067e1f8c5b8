"""Responses that event sources read: HTTP answers and SQS batch responses."""

from __future__ import annotations

import base64
import json
import random

import pytest

from helpers.judged_responses import found, judged
from helpers.subjects import said


def http(body: object, status: object = 200, **more: object) -> dict[str, object]:
    return {"statusCode": status, "body": json.dumps(body), **more}


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        # status
        (http({}), http({}, 201), [("status-code", "/statusCode")]),
        (http({}), http({}, "200"), []),
        (http({}, "200"), http({}, 404), [("status-code", "/statusCode")]),
        (http({"a": 1}), http({"message": "oops"}, 500), [("status-code", "/statusCode")]),
        (http({"a": 1}), http({}, 201), [("lost-key", "/body/a"), ("status-code", "/statusCode")]),
        (http({}), {"body": "{}"}, [("lost-key", "/statusCode")]),
        (http({}), http({}, None), [("type-changed", "/statusCode")]),
        (http({}), "done", [("type-changed", "")]),
        # a JSON document in the body
        (http({"items": [{"price": 1}]}), http({"items": [{"price": "1"}]}),
         [("type-changed", "/body/items/0/price")]),
        (http([{"a": 1}]), http([{}]), [("lost-key", "/body/0/a")]),
        (http({"a": 1}), http([1]), [("type-changed", "/body")]),
        (http({"a": 1}), http(None), [("type-changed", "/body")]),
        (http({"a": 1}), {"statusCode": 200, "body": "<html>"}, [("body-not-json", "/body")]),
        (http({"a": 1}), {"statusCode": 200, "body": ""}, [("body-not-json", "/body")]),
        (http({"a": 1}), {"statusCode": 200, "body": {"a": 1}}, [("type-changed", "/body")]),
        (http({"a": 1}), {"statusCode": 200, "body": None}, [("type-changed", "/body")]),
        (http({"a": 1}), {"statusCode": 200}, [("lost-key", "/body")]),
        ({"body": '{"a": 1}'}, {"body": "{}"}, [("lost-key", "/body/a")]),
        ({"statusCode": 204}, {"statusCode": 204, "body": ""}, []),
        ({"statusCode": 204, "body": ""}, {"statusCode": 204}, []),
        ({"statusCode": 204, "body": None}, {"statusCode": 204, "body": ""}, []),
        # base64
        (http({"a": 1}), {"statusCode": 200, "body": base64_of('{"a": 1}'),
         "isBase64Encoded": True}, []),
        ({"statusCode": 200, "body": base64_of('{"a": 1}'), "isBase64Encoded": True}, http({}),
         [("lost-key", "/body/a")]),
        (http({"a": 1}), http({"a": 1}, isBase64Encoded=False), []),
        (http({"a": 1}), {"statusCode": 200, "body": "no base64!", "isBase64Encoded": True},
         [("not-base64", "/body")]),
        # headers
        (http({}, headers={"X-Total": "1"}), http({}, headers={"x-total": "1"}), []),
        (http({}, headers={"X-Total": "1"}), http({}, headers={"x-total": 1}), []),
        (http({}, headers={"X-Total": "1"}), http({}, headers={}),
         [("lost-key", "/headers/X-Total")]),
        (http({}, headers={"X-Total": "1"}), http({}), [("lost-key", "/headers/X-Total")]),
        (http({}, headers={}), http({}), []),
        (http({}, headers=None), http({}, headers={}), []),
        (http({}, headers=JSON), http({}, headers=[]), [("type-changed", "/headers")]),
        (http({}, multiValueHeaders={"Set-Cookie": ["a=1"]}),
         http({}, multiValueHeaders={"set-cookie": ["a=1"]}), []),
    ],
)  # fmt: skip
def test_http(mode: str, current: object, target: object, expected: list[tuple[str, str]]) -> None:
    assert found(judged([current] * 2, target, mode=mode)) == expected


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        ("application/json", "application/json; charset=utf-8", []),
        ("application/json", "application/problem+json", []),
        ("application/json", "text/html", [("content-type", "/headers/Content-Type")]),
    ],
)
def test_content_type_header(current: str, target: str, expected: list[tuple[str, str]]) -> None:
    baseline: list[object] = [http({}, headers={"Content-Type": current})] * 2
    assert found(judged(baseline, http({}, headers={"content-type": target}))) == expected


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (http({"a": 1}), http({"a": 2}), [("value-changed", "/body/a")]),
        (http({"a": 1}), {"statusCode": 200, "body": '{ "a" : 1 }'}, []),
        ({"statusCode": 200, "body": "x"}, {"statusCode": 200, "body": "y"},
         [("value-changed", "/body")]),
        (http({}), http({}, headers={"X": "1"}), [("added-key", "/headers/X")]),
        (http({}, headers=JSON), http({}, headers={"content-type": "text/html"}),
         [("value-changed", "/headers/Content-Type")]),
    ],
)  # fmt: skip
def test_http_values(current: object, target: object, expected: list[tuple[str, str]]) -> None:
    assert found(judged([current] * 2, target, mode="exact")) == expected


def test_the_date_of_an_answer_follows_the_clock() -> None:
    first, second, target = (
        http({}, headers={name: f"Sun, 01 Mar 2026 12:00:0{second} GMT"})
        for name, second in (("Date", 0), ("Date", 1), ("date", 9))
    )
    assert found(judged([first, second], target, mode="exact")) == []


def test_a_body_is_a_document_only_when_every_replay_says_so() -> None:
    baseline: list[object] = [http({"a": 1}), {"statusCode": 200, "body": "busy"}]
    assert found(judged(baseline, {"statusCode": 200, "body": "other"})) == []


def test_a_status_that_one_replay_gave_is_no_finding() -> None:
    baseline: list[object] = [http({}, 200), http({}, 202)]
    assert found(judged(baseline, http({}, 202))) == []
    assert found(judged(baseline, http({}, 400))) == [("status-code", "/statusCode")]


def test_another_class_of_status_is_told_with_the_body_that_explains_it() -> None:
    (finding,) = judged([http({"a": 1})] * 2, http({"message": "oops"}, 500)).findings
    assert said(finding) == (
        "orders:2 answers with status 500 where orders:4 answers 200, "
        'with the body {"message": "oops"}'
    )
    assert (finding.current, finding.target) == ("200", "500")


@pytest.mark.parametrize(
    ("ignore", "expected"),
    [
        ("/headers/x-ID", ["/body/items/0/price", "/statusCode"]),
        ("/headers/*", ["/body/items/0/price", "/statusCode"]),
        ("/body/items/*/price", ["/headers/X-Id", "/statusCode"]),
        ("/body", ["/headers/X-Id", "/statusCode"]),
        ("/statusCode", ["/body/items/0/price", "/headers/X-Id"]),
    ],
)
def test_ignore_reaches_into_bodies_and_headers(ignore: str, expected: list[str]) -> None:
    current = http({"items": [{"price": 1}]}, headers={"X-Id": "1"})
    target = http({"items": [{}]}, 201)
    locations = [location for _, location in found(judged([current] * 2, target, ignore))]
    assert locations == expected


def test_an_ignored_body_may_be_anything() -> None:
    for body in ("<html>", None, {"a": 1}, "[" * 5_000):
        target = {"statusCode": 200, "body": body}
        assert found(judged([http({"a": 1})] * 2, target, "/body")) == []


def failed(*identifiers: object) -> dict[str, object]:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


BREAKS_0 = [("batch-item-failure", "/batchItemFailures/0")]


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (failed(), failed(), []),
        (failed(), failed("m1"), BREAKS_0),
        (failed(), failed("m1", "m2"), BREAKS_0),
        (failed("m1"), failed("m1", "m2"), [("batch-item-failure", "/batchItemFailures/1")]),
        (failed("m1"), failed("m1"), []),
        (failed(), failed(""), BREAKS_0),
        (failed(), {"batchItemFailures": [{"messageId": "m1"}]}, BREAKS_0),
        (None, failed("m1"), BREAKS_0),
        ({"done": 1}, failed("m1"), BREAKS_0),
        # all of these mean success of the whole batch
        (failed(), None, []),
        (failed(), {}, []),
        (failed(), {"batchItemFailures": None}, []),
        # and this is nothing that Lambda reads
        (failed(), {"batchItemFailures": "m1"}, [("type-changed", "/batchItemFailures")]),
        (failed(), "ok", [("type-changed", "")]),
        ({**failed(), "seen": 1}, failed(), [("lost-key", "/seen")]),
    ],
)  # fmt: skip
def test_batch_responses(
    mode: str, current: object, target: object, expected: list[tuple[str, str]]
) -> None:
    assert found(judged([current] * 2, target, mode=mode)) == expected


def test_a_failed_message_is_named() -> None:
    (finding,) = judged([failed()] * 2, failed("m1", "m2")).findings
    assert said(finding) == (
        "orders:2 reports a message as failed that orders:4 handles (and so in 1 more element)"
    )
    assert finding.target == '{"itemIdentifier": "m1"}'


def test_a_target_that_handles_more_messages_is_no_break_of_shape() -> None:
    assert found(judged([failed("m1")] * 2, failed())) == []
    assert found(judged([failed("m1")] * 2, failed(), mode="exact")) == [
        ("value-changed", "/batchItemFailures")
    ]


def any_value(chance: random.Random, depth: int = 0) -> object:
    keys = ["a", "b", "statusCode", "headers", "body", "isBase64Encoded", "batchItemFailures"]
    match chance.randrange(6 if depth > 3 else 10):
        case 0:
            return None
        case 1:
            return chance.choice([True, False])
        case 2:
            return chance.choice([0, 1, 1.0, 1772366400, float("nan"), 10**30])
        case 3 | 4 | 5:
            return chance.choice(["", "a", "2026-03-01", "500", '{"a": 1}', "\ud800"])
        case 6 | 7:
            return [any_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(keys): any_value(chance, depth + 1) for _ in range(chance.randrange(5))}


@pytest.mark.parametrize("mode", ["shape", "exact"])
def test_what_the_current_version_answered_itself_is_never_a_break(mode: str) -> None:
    chance = random.Random(4)
    for _ in range(1_500):
        first, second = any_value(chance), any_value(chance)
        assert found(judged([first, second], first, mode=mode)) == []
        assert found(judged([first, second], second, mode=mode)) == []
