"""Mode ``schema``: what a JSON Schema allows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers import judged_responses
from helpers import made_events as made
from helpers.judged_responses import Found, found
from helpers.subjects import said, subject
from pytest_lambda_rollback.contracts import response
from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import ResponseRule

ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["id", "total"],
    "properties": {
        "id": {"type": "string"},
        "total": {"$ref": "#/$defs/price"},
        "lines": {"type": "array", "items": {"required": ["sku"]}},
    },
    "additionalProperties": False,
    "$defs": {"price": {"type": "number", "minimum": 0}},
}
FINE = {"id": "A-1", "total": 25}


def judged(
    current: object,
    target: object,
    *ignore: str,
    schema: object = None,
    at: str = "",
    event: object = None,
) -> Judgement:
    return judged_responses.judged(
        [current] * 2,
        target,
        *ignore,
        mode="schema",
        event=None if event is None else made.recognised(event),
        schema=json.dumps(ORDER if schema is None else schema),
        schema_name="order.json",
        schema_at=at,
    )


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (FINE, []),
        ({"id": "other", "total": 0.5}, []),
        ({**FINE, "lines": []}, []),
        ({"id": "A-1"}, [("schema-required", "/total")]),
        ({}, [("schema-required", "/id"), ("schema-required", "/total")]),
        ({"id": 1, "total": 25}, [("schema-type", "/id")]),
        ({"id": "A-1", "total": -1}, [("schema-minimum", "/total")]),
        ({**FINE, "lines": [{"sku": "tea"}, {}]}, [("schema-required", "/lines/1/sku")]),
        ({**FINE, "more": 1}, [("schema-additional-properties", "")]),
        ([], [("schema-type", "")]),
    ],
)
def test_schema(target: object, expected: Found) -> None:
    assert found(judged(FINE, target)) == expected


def test_a_miss_is_told_with_the_schema_and_both_values() -> None:
    (finding,) = judged(FINE, {"id": "A-1", "total": "25"}).findings
    assert said(finding) == (
        "orders:2 answers with a value at /total that order.json does not allow: '25' is not of "
        "type 'number'"
    )
    assert (finding.current, finding.target) == ("25", '"25"')


def test_names_in_data_are_not_taken_for_those_of_versions() -> None:
    schema = {"required": ["CURRENT_PLACE"]}
    (finding,) = judged({"CURRENT_PLACE": 1}, {}, schema=schema).findings
    assert said(finding).endswith("'CURRENT_PLACE' is a required property")
    reason = judged({}, {}, schema=schema).reason
    assert reason is not None
    assert "at /CURRENT_PLACE: 'CURRENT_PLACE' is a required property" in reason


def test_only_what_the_schema_says_is_asked_for() -> None:
    loose = {"type": "object"}
    assert found(judged({"id": 1, "items": [1]}, {"items": "none"}, schema=loose)) == []


def test_a_schema_that_the_current_version_misses_says_nothing_of_a_target() -> None:
    judgement = judged({"id": "A-1"}, {"id": "A-1"})
    assert judgement.findings == ()
    assert judgement.reason == (
        "orders:4 itself does not satisfy order.json at /total: 'total' is a required property. "
        "Correct the schema, or ignore that place"
    )


def test_ignored_places_are_not_asked_for() -> None:
    assert found(judged({"id": "A-1"}, {"id": "A-1"}, "/total")) == []
    assert found(judged(FINE, {"id": 1, "total": "x"}, "/total")) == [("schema-type", "/id")]


def http(body: object, status: int = 200) -> dict[str, Any]:
    return {"statusCode": status, "body": body if isinstance(body, str) else json.dumps(body)}


def test_a_json_body_is_a_document_to_the_schema() -> None:
    schema = {
        "properties": {"statusCode": {"const": 200}, "body": ORDER | {"$defs": {}}},
        "required": ["statusCode", "body"],
        "additionalProperties": False,
        **{"$defs": ORDER["$defs"]},
    }
    assert found(judged(http(FINE), http(FINE), schema=schema)) == []
    assert found(judged(http(FINE), http({"id": "A-1"}), schema=schema)) == [
        ("schema-required", "/body/total")
    ]
    assert found(judged(http(FINE), http("<html>"), schema=schema)) == [("schema-type", "/body")]


def test_a_schema_may_be_of_the_body_alone() -> None:
    assert found(judged(http(FINE), http({"id": "A-1"}), at="/body")) == [
        ("schema-required", "/body/total")
    ]
    assert found(judged(http(FINE), {"statusCode": 200}, at="/body")) == [("lost-key", "/body")]
    assert str(judged({"statusCode": 204}, http(FINE), at="/body").reason).startswith(
        "orders:4 answers nothing at /body, which order.json describes"
    )


def test_what_a_protocol_says_counts_whatever_the_schema_allows() -> None:
    anything: dict[str, Any] = {}
    assert found(judged(http(FINE), http({"message": "oops"}, 500), schema=anything)) == [
        ("status-code", "/statusCode")
    ]
    failed = {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert found(judged({}, failed, schema=anything, event=made.sqs("m1"))) == [
        ("batch-item-failure", "/batchItemFailures/0")
    ]
    text = {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": "<p>"}
    assert found(judged(http(FINE), text, schema=anything)) == []


def test_a_response_that_nobody_reads_is_held_against_a_schema_all_the_same() -> None:
    assert found(judged(FINE, {}, event=made.SNS)) == [
        ("schema-required", "/id"),
        ("schema-required", "/total"),
    ]


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"$ref": "https://example.com/order.json"},
                                    {"$ref": "#/$defs/nowhere"}])  # fmt: skip
def test_references_that_lead_nowhere_are_unknown_and_nothing_is_fetched(schema: object) -> None:
    judgement = judged(FINE, FINE, schema=schema)
    assert "order.json " in str(judgement.reason)
    assert str(judgement.reason).endswith("Correct its $ref")


def test_what_is_not_json() -> None:
    assert found(judged(FINE, b"oops")) == [("not-json", "")]
    assert judged(b"oops", FINE).reason == (
        "orders:4 does not answer JSON, which order.json describes"
    )


def test_a_draft_is_followed() -> None:
    draft_4 = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "properties": {"total": {"minimum": 0, "exclusiveMinimum": True}},
    }
    assert found(judged(FINE, {"total": 0}, schema=draft_4)) == [("schema-minimum", "/total")]


def test_a_mode_schema_without_one_is_refused() -> None:
    outcome = Outcome(kind=OutcomeKind.RESPONSE, payload=b"1")
    with pytest.raises(ValueError, match="needs a schema"):
        response.judge((outcome,), outcome, ResponseRule(mode="schema"), subject=subject("2"))
