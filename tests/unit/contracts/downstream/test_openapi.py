"""Requests to other hosts, against their OpenAPI documents."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.subjects import noted, said, subject, worded
from pytest_lambda_rollback.contracts.downstream import Document, DownstreamContract
from pytest_lambda_rollback.contracts.interface import ReplayCase
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.findings import Judgement, Verdict
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind
from pytest_lambda_rollback.model.services import ServiceRequest
from pytest_lambda_rollback.model.settings import ResponseRule

HOST = "api.example.com"
CHARGE = {
    "type": "object",
    "required": ["amount", "currency", "id"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "readOnly": True},
        "amount": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        "currency": {"$ref": "#/components/schemas/Currency"},
        "note": {"type": "string", "nullable": True, "pattern": r"^\p{L}*$"},
        "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
    },
}
OLD: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "shop", "version": "1"},
    "servers": [{"url": "https://api.example.com/{stage}", "variables": {
        "stage": {"default": "v1", "enum": ["v1", "beta"]}}}],
    "paths": {
        "/charges": {
            "post": {"requestBody": {"$ref": "#/components/requestBodies/Charge"}},
            "get": {
                "parameters": [
                    {"$ref": "#/components/parameters/Limit"},
                    {"name": "status", "in": "query", "required": True,
                     "schema": {"type": "string", "enum": ["open", "paid"]}},
                    {"name": "ids", "in": "query", "explode": False,
                     "schema": {"type": "array", "items": {"type": "integer"}}},
                    {"name": "X-Trace", "in": "header", "required": True},
                ],
            },
        },
        "/charges/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True,
                            "schema": {"type": "integer"}}],
            "get": {},
            "delete": {},
        },
        "/charges/latest": {"get": {}},
        "/tokens": {"post": {"requestBody": {"required": True, "content": {
            "application/x-www-form-urlencoded": {"schema": {
                "type": "object", "required": ["grant_type", "days"],
                "properties": {"days": {"type": "integer"}}}}}}}},
        "/a~b/{x}.json": {"put": {"requestBody": {"content": {
            "application/*": {"schema": {"type": "string"}}}}}},
    },
    "components": {
        "parameters": {"Limit": {"name": "limit", "in": "query",
                                 "schema": {"type": "integer", "maximum": 100}}},
        "requestBodies": {"Charge": {"required": True, "content": {
            "application/json; charset=utf-8": {
                "schema": {"$ref": "#/components/schemas/Charge"}}}}},
        "schemas": {
            "Charge": CHARGE,
            "Currency": {"type": "string", "enum": ["EUR", "USD"]},
            "Line": {"type": "object", "properties": {
                "sku": {"type": "string"},
                "below": {"$ref": "#/components/schemas/Line"}}},
        },
    },
}  # fmt: skip
GOOD = {"amount": 5, "currency": "EUR"}


def request(operation: str, body: Any = None, query: Any = None) -> ServiceRequest:
    parameters = json.dumps({"query": query if query is not None else {}, "body": body})
    return ServiceRequest(service=HOST, operation=operation, parameters=parameters, status=200)


def judged(
    document: Document, target: ServiceRequest, current: ServiceRequest | None = None
) -> Judgement:
    def outcome(each: ServiceRequest) -> Outcome:
        return Outcome(kind=OutcomeKind.RESPONSE, payload=b"{}", requests=(each,))

    current = current or target
    case = ReplayCase(
        subject=subject("2"),
        fixture=EventFixture(name="create", path=Path("create.json"), payload=b"{}"),
        baseline=(outcome(current), outcome(current)),
        outcome=outcome(target),
        response=ResponseRule(),
    )
    return worded(DownstreamContract(documents={HOST: document}).judge(case))


def words(target: ServiceRequest, content: Any = OLD) -> list[str]:
    document = Document(content, name="openapi.yaml")
    other = request("GET /v1/charges/latest")
    start = f"orders:2 sends {target.operation} to {HOST}, "
    found = [said(each) for each in judged(document, target, other).findings]
    assert all(each.startswith(start) for each in found)
    return [each.removeprefix(start) for each in found]


NO_PATH = "a path that openapi.yaml does not have"
BODY = "whose body openapi.yaml does not allow"


@pytest.mark.parametrize(
    ("operation", "body", "query", "said_"),
    [
        ("POST /v1/charges", GOOD, {}, []),
        ("POST /beta/charges", GOOD, {}, []),
        ("POST /v1/charges/", GOOD, {}, []),
        ("POST /v1/charges", {**GOOD, "note": None, "lines": [{"below": {"sku": "a"}}]}, {}, []),
        ("POST /v1/charges", {**GOOD, "note": "what Python cannot match"}, {}, []),
        ("POST /v1/charges", {**GOOD, "amount": 5.0}, {}, []),
        ("POST /v2/charges", GOOD, {}, [NO_PATH]),
        ("POST /charges", GOOD, {}, [NO_PATH]),
        ("GET /v1/refunds", None, {}, [NO_PATH]),
        ("PUT /v1/charges", GOOD, {}, ["a path that openapi.yaml has only for GET and POST"]),
        ("POST /v1/charges/latest", None, {},
         ["a path that openapi.yaml has only for DELETE and GET"]),
        ("OPTIONS /v1/charges", None, {}, []),
        ("POST /v1/charges", None, {}, ["without the body that openapi.yaml requires"]),
        ("POST /v1/charges", {"amount": 5}, {},
         [f"{BODY}: 'currency' is a required property"]),
        ("POST /v1/charges", {**GOOD, "amount": "5"}, {},
         [f"{BODY} at /amount: '5' is not of type 'integer'"]),
        ("POST /v1/charges", {**GOOD, "amount": 0}, {},
         [f"{BODY} at /amount: 0 is less than or equal to the minimum of 0"]),
        ("POST /v1/charges", {**GOOD, "currency": "CHF"}, {},
         [f"{BODY} at /currency: 'CHF' is not one of ['EUR', 'USD']"]),
        ("POST /v1/charges", {**GOOD, "currency": 5}, {},
         [f"{BODY} at /currency: 5 is not one of ['EUR', 'USD']",
          f"{BODY} at /currency: 5 is not of type 'string'"]),
        ("POST /v1/charges", {**GOOD, "old": 1}, {},
         [f"{BODY}: Additional properties are not allowed ('old' was unexpected)"]),
        ("POST /v1/charges", {**GOOD, "lines": [{"sku": "a"}, {"below": {"sku": 1}}]}, {},
         [f"{BODY} at /lines/1/below/sku: 1 is not of type 'string'"]),
        # Bytes, and text that is no form, are not judged.
        ("POST /v1/charges", {"$bytes": "AAA="}, {}, []),
        ("POST /v1/charges", {"$text": "amount=5"}, {}, []),
        ("GET /v1/charges", None, {"status": "open"}, []),
        ("GET /v1/charges", None, {"status": ["open"], "limit": ["5"]}, []),
        ("GET /v1/charges", None, "status=open&limit=5&ids=1,2", []),
        ("GET /v1/charges", None, [["status", "open"], ["ids", "1"]], []),
        ("GET /v1/charges?status=open", None, {}, []),
        ("GET /v1/charges", None, {},
         ["without the query parameter status that openapi.yaml requires"]),
        ("GET /v1/charges", None, {"status": "old"},
         ["whose query parameter status openapi.yaml does not allow: 'old' is not one of "
          "['open', 'paid']"]),
        ("GET /v1/charges", None, {"status": "open", "limit": "many"},
         ["whose query parameter limit openapi.yaml does not allow: 'many' is not of type "
          "'integer'"]),
        ("GET /v1/charges", None, {"status": "open", "limit": "101"},
         ["whose query parameter limit openapi.yaml does not allow: 101 is greater than the "
          "maximum of 100"]),
        ("GET /v1/charges", None, {"status": "open", "ids": "1,b"},
         ["whose query parameter ids openapi.yaml does not allow at /1: 'b' is not of type "
          "'integer'"]),
        ("DELETE /v1/charges/17", None, {}, []),
        ("DELETE /v1/charges/ch_17", None, {},
         ["whose path parameter id openapi.yaml does not allow: 'ch_17' is not of type "
          "'integer'"]),
        ("POST /v1/tokens", {"$text": "grant_type=x&days=5"}, {}, []),
        ("POST /v1/tokens", {"$text": "grant_type=x&days=some"}, {},
         [f"{BODY} at /days: 'some' is not of type 'integer'"]),
        ("POST /v1/tokens", {"grant_type": ["x"], "days": ["5"]}, {}, []),
        ("POST /v1/tokens", {"grant_type": ["x"], "days": ["5", "6"]}, {},
         [f"{BODY} at /days: ['5', '6'] is not of type 'integer'"]),
        ("POST /v1/tokens", {"$size": 9000000}, {}, []),
        ("POST /v1/tokens", {"$text": "grant_type=x"}, {},
         [f"{BODY}: 'days' is a required property"]),
        ("PUT /v1/a~b/1.json", "x", {}, []),
        ("PUT /v1/a%7Eb/1.json", "x", {}, []),
        ("PUT /v1/a~b/1.json", 5, {}, [f"{BODY}: 5 is not of type 'string'"]),
        ("PUT /v1/a~b/1.xml", "x", {}, [NO_PATH]),
    ],
)  # fmt: skip
def test_what_a_document_of_3_0_does_not_allow(
    operation: str, body: Any, query: Any, said_: list[str]
) -> None:
    assert words(request(operation, body, query)) == said_


NEW: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/orders/{id}": {
            "servers": [{"url": "/shop"}],
            "$ref": "#/components/pathItems/Order",
        },
        "/orders": {"post": {"requestBody": {"content": {"application/vnd.shop+json": {
            "schema": {"$ref": "#/components/schemas/Order"}}}}}},
    },
    "components": {
        "pathItems": {"Order": {"get": {"parameters": [{
            "name": "id", "in": "path", "required": True,
            "schema": {"type": "string", "pattern": "^o-"}}]}}},
        "schemas": {"Order": {
            "type": ["object", "null"],
            "properties": {
                "total": {"type": "number", "exclusiveMinimum": 0},
                "kind": {"const": "gift"},
                "by": {"$ref": "#/components/schemas/Who", "description": "beside"},
            },
            "required": ["total"],
            "$defs": {"unused": {"example": {"$ref": "nowhere.yaml"}}},
        }, "Who": {"type": ["string", "null"]}},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "body", "said_"),
    [
        ("GET /shop/orders/o-1", None, []),
        ("GET /shop/orders/1", None,
         ["whose path parameter id openapi.yaml does not allow: it does not match '^o-'"]),
        ("POST /shop/orders", {"total": 1, "kind": "gift", "by": None}, []),
        ("POST /shop/orders", {"total": 0}, [
            f"{BODY} at /total: 0 is less than or equal to the minimum of 0"]),
        ("POST /shop/orders", {"total": 1, "kind": "sale", "by": 1}, [
            f"{BODY} at /by: 1 is not of type 'string', 'null'",
            f"{BODY} at /kind: 'gift' was expected"]),
    ],
)  # fmt: skip
def test_what_a_document_of_3_1_does_not_allow(operation: str, body: Any, said_: list[str]) -> None:
    assert words(request(operation, body), NEW) == said_


def test_what_the_current_version_breaks_too_is_noted() -> None:
    document = Document(OLD, name="openapi.yaml")
    old, new = (
        request("POST /v1/charges", {**GOOD, "lines": [{"sku": "a"}] * number + [{"sku": 1}]})
        for number in (0, 3)
    )
    judgement = judged(document, old, new)
    assert judgement.verdict is Verdict.SAFE
    assert noted(judgement) == (
        "orders:4 itself sends POST /v1/charges to api.example.com, whose body openapi.yaml does "
        "not allow at /lines/0/sku: 1 is not of type 'string': this is no difference",
    )
    # Another miss beside it counts.
    worse = request("POST /v1/charges", {"amount": 5, "lines": [{"sku": 1}]})
    assert [each.kind for each in judged(document, worse, new).findings] == ["openapi-body"]
    # One required key is not another.
    other = request("POST /v1/charges", {"currency": "EUR"})
    assert len(judged(document, worse, other).findings) == 2


def test_a_host_with_a_port_has_the_documents_of_the_host() -> None:
    document = Document(OLD, name="openapi.yaml")
    old = replace(request("POST /v1/nowhere"), service=f"{HOST}:8443")
    new = request("GET /v1/charges/latest")
    assert [each.kind for each in judged(document, old, new).findings] == ["openapi-path"]


def test_hosts_without_a_document_are_not_judged() -> None:
    contract = DownstreamContract(documents={"other.example.com": Document(OLD)})
    one = Outcome(kind=OutcomeKind.RESPONSE, payload=b"{}", requests=(request("POST /nowhere"),))
    case = ReplayCase(
        subject=subject("2"),
        fixture=EventFixture(name="create", path=Path("create.json"), payload=b"{}"),
        baseline=(one, one),
        outcome=one,
        response=ResponseRule(),
    )
    assert contract.judge(case) == Judgement()


@pytest.mark.parametrize("name", ["openapi.json", "openapi.yaml"])
def test_reading_a_document(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = json.dumps(OLD) if name.endswith("json") else yaml.safe_dump(OLD)
    path.write_text(text, encoding="utf-8")
    document = Document.load(path)
    assert document.name == name
    assert document.issues("POST /v1/charges", {"body": GOOD}) == ()
    assert [each.kind for each in document.issues("POST /v1/charges", {})] == ["openapi-body"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("swagger: '2.0'", "it is of version 2.0"),
        ("paths: {}", "it is of version unknown"),
        ("openapi: 4.0.0", "it is of version 4.0.0"),
        ("[]", "it has no object at its top"),
        ("a: [", "while parsing"),
        ("openapi: 3.0.0\npaths: []", "its paths are no object"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: 'a.yaml#/x'}}", "another document, a.yaml#/x"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: '#/components/x'}}", "nothing at #/components/x"),
        ("openapi: 3.0.0\ncomponents: {schemas: {A: {type: 5}}}", "schema A, /type"),
        ("openapi: 3.1.0\ncomponents: {schemas: {A: {required: x}}}", "schema A, /required"),
        ("? [a, b]\n: 1\n", "unhashable key"),
        ("a: &x [*x]", "Circular"),
        ("a: \x00", "special characters"),
    ],
)
def test_what_is_no_document(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        Document.load(path)
    assert why in str(error.value)
    assert "openapi.yaml" in str(error.value)
    assert error.value.do


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Document.load(tmp_path / "openapi.yaml")
    with pytest.raises(ConfigError, match="Is a directory"):
        Document.load(tmp_path)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(ConfigError, match="over 16 MB"):
        Document.load(large)
    (tmp_path / "deep.json").write_text('{"a":' * 300 + "1" + "}" * 300, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"deep\.json"):
        Document.load(tmp_path / "deep.json")
