"""Answers to front ends with forms of their own: CloudFront, VPC Lattice, WebSocket APIs."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from helpers import judged_responses
from helpers import made_events as made
from helpers.judged_responses import Found, found
from helpers.subjects import said
from pytest_lambda_rollback.model.findings import Judgement


def judged(current: object, target: object, event: object, mode: str = "shape") -> Judgement:
    return judged_responses.judged([current] * 2, target, mode=mode, event=made.recognised(event))


def warned(judgement: Judgement) -> Found:
    return [(finding.kind, finding.location) for finding in judgement.warnings]


def request(uri: str = "/a", /, **more: Any) -> dict[str, Any]:
    headers = {"host": [{"key": "Host", "value": "d111.cloudfront.net"}]}
    return {"clientIp": "192.0.2.1", "method": "GET", "uri": uri, "querystring": "",
            "headers": headers, **more}  # fmt: skip


def at(trigger: str) -> dict[str, Any]:
    cf = {"config": {"eventType": trigger}, "request": request()}
    if trigger.endswith("response"):
        cf["response"] = response()
    return {"Records": [{"cf": cf}]}


def header(value: str, name: str = "X") -> list[dict[str, str]]:
    return [{"key": name, "value": value}]


def response(status: object = "200", /, **more: Any) -> dict[str, Any]:
    return {"status": status, "statusDescription": "OK", "headers": {}, **more}


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


REFUSED = [
    None, "ok", {}, {"ok": True}, response("OK"), response(None), response(20), response("0200"),
    response(headers=[]), response(headers={"x": "a"}), response(headers={"x": ["a"]}),
    response(headers={"x": [{"key": "X"}]}), response(headers={"x": [{"value": 1}]}),
    response(body={"a": 1}), response(body="a", bodyEncoding="gzip"),
    response(body="x" * 41_000), request(headers={"x": "a"}),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize("target", REFUSED)
def test_what_cloudfront_refuses(mode: str, target: object) -> None:
    ((kind, _),) = found(judged(response(), target, at("viewer-request"), mode))
    assert kind == "malformed-response"
    assert found(judged(target, target, at("viewer-request"), mode)) == []


def test_a_response_event_needs_a_response() -> None:
    judgement = judged(response(), request(), at("viewer-response"))
    assert found(judgement) == [("malformed-response", "/status")]
    (finding,) = judgement.findings
    assert said(finding) == (
        "orders:2 answers without status, which CloudFront refuses: its viewer gets status 502"
    )


def test_a_generated_response_is_larger_at_the_origin() -> None:
    large = response(body="x" * 41_000)
    assert found(judged(response(body="x"), large, at("origin-request"))) == []
    huge = response(body="x" * 1_048_600)
    assert found(judged(response(body="x"), huge, at("origin-request"))) == [
        ("malformed-response", "/body")
    ]


@pytest.mark.parametrize("mode", ["shape", "exact"])
def test_who_answers_the_viewer_is_a_decision(mode: str) -> None:
    event = at("viewer-request")
    for pair in ((request(), response("403")), (response("403"), request())):
        assert found(judged(*pair, event, mode)) == [("edge-decision", "")]


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (response(), response(200), []),
        (response(), response("200", statusDescription="Fine"), []),
        (response("302"), response("404"), [("status-code", "/statusCode")]),
        (response("302", headers={"location": header("https://a.example/x", "Location")}),
         response("302", headers={"location": header("https://b.example/x", "Location")}),
         [("location", "/headers/location")]),
        (response(headers={"x-total": header("1")}), response(headers={"X-Total": header("2")}),
         []),
        (response(headers={"x-total": header("1")}), response(),
         [("lost-key", "/headers/x-total")]),
        (response(headers={"set-cookie": header("a=1")}), response(),
         [("lost-cookie", "/headers/set-cookie")]),
        (response(body='{"a": 1}'), response(body="{}"), [("lost-key", "/body/a")]),
        (response(body='{"a": 1}'), response(body=coded('{"a": 1}'), bodyEncoding="base64"), []),
        (response(body="a, b"), response(body="a, b", bodyEncoding="base64"),
         [("not-base64", "/body")]),
    ],
)  # fmt: skip
def test_generated_responses(current: object, target: object, expected: Found) -> None:
    assert found(judged(current, target, at("viewer-request"))) == expected


def test_a_lost_hardening_header_warns() -> None:
    hardened = response(headers={"strict-transport-security": header("max-age=1")})
    judgement = judged(hardened, response(), at("viewer-response"))
    assert (found(judgement), warned(judgement)) == (
        [], [("lost-key", "/headers/strict-transport-security")],
    )  # fmt: skip


ORIGIN = {"custom": {"domainName": "a.example", "path": "/v2", "port": 443, "protocol": "https"}}
ANOTHER = {"custom": {**ORIGIN["custom"], "domainName": "b.example"}}


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (request("/a/index.html"), request("/a/index.html"), []),
        (request("/a/index.html"), request("/a"), [("edge-request", "/uri")]),
        (request("/a", querystring="v=2"), request("/a"), [("edge-request", "/querystring")]),
        (request("/a", origin=ORIGIN), request("/a", origin=ORIGIN), []),
        (request("/a", origin=ORIGIN), request("/a", origin=ANOTHER),
         [("edge-request", "/origin/custom/domainName")]),
        (request("/a", headers={"x-tenant": header("1")}), request("/a", headers={}),
         [("lost-key", "/headers/x-tenant")]),
        (request("/a", headers={"x-tenant": header("1")}),
         request("/a", headers={"x-tenant": header("2"), "y": header("3")}), []),
    ],
)  # fmt: skip
def test_requests_that_go_on(current: object, target: object, expected: Found) -> None:
    assert found(judged(current, target, at("origin-request"))) == expected


# --- VPC Lattice --------------------------------------------------------------------------------

LATTICE = {"raw_path": "/a", "method": "GET", "headers": {}, "query_string_parameters": {},
           "body": "", "is_base64_encoded": False}  # fmt: skip
OK: dict[str, Any] = {"statusCode": 200, "headers": {}, "body": "x"}


@pytest.mark.parametrize(
    ("target", "breaks", "warns"),
    [
        (OK, False, False),
        ({**OK, "statusDescription": "200 OK", "isBase64Encoded": False}, False, False),
        ({"statusCode": 200}, True, False),
        ({"body": "x"}, True, False),
        ("x", True, False),
        (None, True, False),
        ({**OK, "statusCode": "200"}, False, True),
        ({**OK, "headers": None}, False, True),
        ({**OK, "headers": {"X": 1}}, False, True),
    ],
)
def test_lattice(target: object, breaks: bool, warns: bool) -> None:
    judgement = judged(OK, target, LATTICE)
    assert (bool(found(judgement)), bool(warned(judgement))) == (breaks, warns)


def test_an_undocumented_form_is_told_as_a_doubt() -> None:
    (warning,) = judged(OK, {**OK, "statusCode": "200"}, LATTICE).warnings
    assert said(warning) == (
        "orders:2 answers a string as statusCode, which must be a number, which VPC Lattice may "
        "refuse"
    )


# --- WebSocket APIs -----------------------------------------------------------------------------


def socket(event_type: str) -> dict[str, Any]:
    return {"requestContext": {"connectionId": "c", "eventType": event_type, "routeKey": "x"}}


@pytest.mark.parametrize(
    ("event_type", "current", "target", "breaks", "warns"),
    [
        ("CONNECT", OK, OK, False, False),
        ("CONNECT", OK, {"statusCode": 200}, False, False),
        ("CONNECT", OK, {"statusCode": 401}, True, False),
        ("CONNECT", OK, None, True, False),
        ("CONNECT", OK, {}, True, False),
        ("CONNECT", {**OK, "headers": {"Sec-WebSocket-Protocol": "v2"}}, OK, True, False),
        ("MESSAGE", OK, {"statusCode": 200}, True, False),
        ("MESSAGE", OK, {"statusCode": 500}, True, False),
        ("DISCONNECT", OK, None, False, False),
    ],
)
def test_websocket(
    event_type: str, current: object, target: object, breaks: bool, warns: bool
) -> None:
    judgement = judged(current, target, socket(event_type))
    assert (bool(found(judgement)), bool(warned(judgement))) == (breaks, warns)


def test_a_message_without_a_status_is_in_doubt() -> None:
    judgement = judged({"statusCode": 200}, None, socket("MESSAGE"))
    assert ("malformed-response", "/statusCode") not in found(judgement)
    assert warned(judgement) == [("malformed-response", "")]
