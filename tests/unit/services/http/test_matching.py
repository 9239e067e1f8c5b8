"""Which recorded exchange answers which request."""

from __future__ import annotations

import gzip
import json

import pytest

from pytest_lambda_rollback.model.downstream import AwsExchange, HttpExchange
from pytest_lambda_rollback.services.http.aws_calls import AwsCall
from pytest_lambda_rollback.services.http.matching import (
    Choice,
    Fit,
    HttpPattern,
    SentRequest,
    choose,
    compared_calls,
)
from pytest_lambda_rollback.services.http.messages import HttpRequest

_FORM = "application/x-www-form-urlencoded"
_UUIDS = ("0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7")


def _recorded(method: str, url: str, body: object = b"", **headers: str) -> HttpPattern:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpPattern(
        HttpExchange(
            method=method,
            url=url,
            request_body=content,
            request_headers=tuple((n.replace("_", "-"), v) for n, v in headers.items()),
        )
    )


def _sent(
    method: str, target: str, body: object = b"", *, scheme: str = "https", **headers: str
) -> SentRequest:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if not isinstance(body, bytes):
        headers.setdefault("content_type", "application/json")
    return SentRequest(
        HttpRequest(
            method=method,
            scheme=scheme,
            host="api.example.com",
            port=443 if scheme == "https" else 80,
            target=target,
            headers=tuple((n.replace("_", "-"), v) for n, v in headers.items()),
            body=content,
        )
    )


_HERE = "https://api.example.com"


@pytest.mark.parametrize(
    ("recorded", "sent", "fit"),
    [
        (_recorded("GET", f"{_HERE}/a"), _sent("GET", "/a"), Fit.EQUAL),
        (_recorded("get", f"{_HERE}:443/a"), _sent("GET", "/a"), Fit.EQUAL),
        (_recorded("GET", f"{_HERE}"), _sent("GET", "/"), Fit.EQUAL),
        (_recorded("GET", f"{_HERE}/a%7Eb"), _sent("GET", "/a~b"), Fit.EQUAL),
        (_recorded("GET", f"{_HERE}/a%2Fb"), _sent("GET", "/a/b"), Fit.NONE),
        (_recorded("GET", f"{_HERE}/a"), _sent("POST", "/a"), Fit.NONE),
        (_recorded("GET", f"{_HERE}/a"), _sent("GET", "/a", scheme="http"), Fit.NONE),
        (_recorded("GET", f"{_HERE}:8443/a"), _sent("GET", "/a"), Fit.NONE),
        (_recorded("GET", "https://other.example.com/a"), _sent("GET", "/a"), Fit.NONE),
        (_recorded("GET", f"{_HERE}/a"), _sent("GET", "/a/b"), Fit.NONE),
        (_recorded("GET", f"{_HERE}/orders/1"), _sent("GET", "/orders/2"), Fit.NONE),
        # The order of names in a query is free, that of one name's values is not.
        (_recorded("GET", f"{_HERE}/a?x=1&y=2"), _sent("GET", "/a?y=2&x=1"), Fit.EQUAL),
        (_recorded("GET", f"{_HERE}/a?x=1&x=2"), _sent("GET", "/a?x=2&x=1"), Fit.NONE),
        (_recorded("GET", f"{_HERE}/a?x=a%20b"), _sent("GET", "/a?x=a+b"), Fit.EQUAL),
        (_recorded("GET", f"{_HERE}/a?x="), _sent("GET", "/a"), Fit.NONE),
        (_recorded("GET", f"{_HERE}/a?x=1"), _sent("GET", "/a?x=2"), Fit.NONE),
        # Ids and times that both sides made.
        (
            _recorded("PUT", f"{_HERE}/orders/{_UUIDS[0]}"),
            _sent("PUT", f"/orders/{_UUIDS[1]}"),
            Fit.CHANGING,
        ),
        (
            _recorded("GET", f"{_HERE}/a?since=2026-01-01T00:00:00Z"),
            _sent("GET", "/a?since=2026-11-30T10:15:00.123%2B01:00"),
            Fit.CHANGING,
        ),
        (
            _recorded("GET", f"{_HERE}/a?since=2026-01-01T00:00:00Z"),
            _sent("GET", f"/a?since={_UUIDS[0]}"),
            Fit.NONE,
        ),
        # JSON as JSON.
        (
            _recorded("POST", f"{_HERE}/a", {"x": 1, "y": [True]}),
            _sent("POST", "/a", b'{ "y":[true],\n "x": 1.0 }', content_type="application/json"),
            Fit.EQUAL,
        ),
        (
            _recorded("POST", f"{_HERE}/a", {"x": 1}),
            _sent("POST", "/a", b'{"x":1}'),  # without a content type
            Fit.EQUAL,
        ),
        (
            _recorded("POST", f"{_HERE}/a", {"x": 1}),
            _sent("POST", "/a", b'{"x": 1}', content_type=_FORM),  # Python's urllib by default
            Fit.EQUAL,
        ),
        (_recorded("POST", f"{_HERE}/a", {"x": 1}), _sent("POST", "/a", {"x": True}), Fit.NONE),
        (
            _recorded("POST", f"{_HERE}/a", {"id": f"req_{_UUIDS[0]}", "at": 1767225600}),
            _sent("POST", "/a", {"id": f"req_{_UUIDS[1]}", "at": 1796033700}),
            Fit.CHANGING,
        ),
        (
            _recorded("POST", f"{_HERE}/a", {"message": json.dumps({"at": 1767225600})}),
            _sent("POST", "/a", {"message": json.dumps({"at": 1796033700}, indent=1)}),
            Fit.CHANGING,
        ),
        # A write of the same shape, and none of another.
        (_recorded("POST", f"{_HERE}/a", {"x": 1}), _sent("POST", "/a", {"x": 2}), Fit.SHAPE),
        (_recorded("POST", f"{_HERE}/a", {"x": 1}), _sent("POST", "/a", {"x": "2"}), Fit.NONE),
        (_recorded("POST", f"{_HERE}/a", {"x": 1}), _sent("POST", "/a", {}), Fit.NONE),
        (_recorded("POST", f"{_HERE}/a", {}), _sent("POST", "/a", {"x": 1}), Fit.NONE),
        (_recorded("POST", f"{_HERE}/a", [1]), _sent("POST", "/a", [1, 1]), Fit.NONE),
        (_recorded("GET", f"{_HERE}/a", {"x": 1}), _sent("GET", "/a", {"x": 2}), Fit.NONE),
        # Forms, packed and multipart bodies.
        (
            _recorded("POST", f"{_HERE}/a", b"x=1&y=a%20b"),
            _sent("POST", "/a", b"y=a+b&x=1", content_type=f"{_FORM}; charset=utf-8"),
            Fit.EQUAL,
        ),
        (
            _recorded("POST", f"{_HERE}/a", {"x": 1}),
            _sent(
                "POST", "/a", gzip.compress(b'{"x": 1}'),
                content_type="application/json", content_encoding="gzip",
            ),
            Fit.EQUAL,
        ),
        (
            _recorded("POST", f"{_HERE}/a", b"--one\r\nA: b\r\n\r\nfile\r\n--one--\r\n"),
            _sent("POST", "/a", b"--two\r\nA: b\r\n\r\nfile\r\n--two--\r\n"),
            Fit.EQUAL,
        ),
        (_recorded("POST", f"{_HERE}/a", b"\xff1"), _sent("POST", "/a", b"\xff1"), Fit.EQUAL),
        # Recorded headers count, others do not.
        (
            _recorded("GET", f"{_HERE}/a", X_Tenant="acme"),
            _sent("GET", "/a", x_tenant="acme", authorization="Bearer 1"),
            Fit.EQUAL,
        ),
        (_recorded("GET", f"{_HERE}/a", X_Tenant="acme"), _sent("GET", "/a"), Fit.NONE),
        (
            _recorded("GET", f"{_HERE}/a", X_Tenant="acme"),
            _sent("GET", "/a", x_tenant="other"),
            Fit.NONE,
        ),
    ],
)  # fmt: skip
def test_http(recorded: HttpPattern, sent: SentRequest, fit: Fit) -> None:
    assert recorded.compared(sent).fit is fit


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b"[" * 500 + b"]" * 500, b'{"a":1e999999}', b"\xff\xfe", b"--x\r\n" * 9],
)
def test_hostile_bodies_are_compared_without_an_exception(body: bytes) -> None:
    recorded = _recorded("POST", f"{_HERE}/a", {"x": 1})
    deep = HttpPattern(HttpExchange(method="POST", url=f"{_HERE}/a", request_body=body[:-1] + b" "))
    for pattern in (recorded, deep):
        for kind in ("application/json", _FORM, "multipart/form-data", ""):
            assert pattern.compared(_sent("POST", "/a", body, content_type=kind)).fit in Fit


def _compared(recorded: list[HttpPattern], sent: SentRequest, *used: int) -> Choice:
    return choose([pattern.compared(sent) for pattern in recorded], set(used))


def test_the_same_request_is_answered_in_recorded_order_until_used_up() -> None:
    recorded = [_recorded("GET", f"{_HERE}/{name}") for name in ("a", "b", "a")]
    assert _compared(recorded, _sent("GET", "/a")).index == 0
    assert _compared(recorded, _sent("GET", "/a"), 0).index == 2
    assert _compared(recorded, _sent("GET", "/a"), 0, 2) == Choice(used_up=True, nearest=0)


def test_an_equal_exchange_comes_before_one_that_is_only_alike() -> None:
    recorded = [_recorded("POST", f"{_HERE}/a", {"id": each, "x": 1}) for each in _UUIDS]
    assert _compared(recorded, _sent("POST", "/a", {"id": _UUIDS[1], "x": 1})).index == 1
    other = {"id": "3f333df6-90a4-4fda-8dd3-9485d27cee36", "x": 1}
    assert _compared(recorded, _sent("POST", "/a", other)).index == 0
    assert _compared(recorded, _sent("POST", "/a", other), 0).index == 1


def test_a_write_of_the_same_shape_answers_only_where_there_is_one() -> None:
    recorded = [_recorded("POST", f"{_HERE}/a", {"x": each}) for each in (1, 2)]
    choice = _compared(recorded, _sent("POST", "/a", {"x": 3}))
    assert (choice.index, choice.used_up, choice.nearest) == (None, False, 0)
    assert choice.first is not None
    assert (choice.first.pointer, choice.first.recorded, choice.first.sent) == ("/body/x", 1, 3)
    assert _compared(recorded, _sent("POST", "/a", {"x": 3}), 0).index == 1


def test_the_nearest_is_the_one_with_the_fewest_differences() -> None:
    recorded = [
        _recorded("GET", "https://other.example.com/v1/charges"),
        _recorded("GET", f"{_HERE}/v1/refunds"),
        _recorded("DELETE", f"{_HERE}/v1/charges"),
        _recorded("GET", f"{_HERE}/v1/charges?limit=1&page=2"),
        _recorded("GET", f"{_HERE}/v1/charges?limit=1"),
    ]
    choice = _compared(recorded, _sent("GET", "/v1/charges?limit=2"))
    assert choice.nearest == 4
    assert choice.first is not None
    assert choice.first.pointer == "/query/limit/0"
    choice = _compared(recorded[:3], _sent("GET", "/v1/charges"))
    assert (choice.nearest, choice.first.pointer) == (2, "/method")
    choice = _compared(recorded[:2], _sent("GET", "/v1/charges"))
    assert (choice.nearest, choice.first.pointer) == (1, "/path")
    assert choose([], set()) == Choice()


def _call(operation: str, parameters: object, *added: str, service: str = "dynamodb") -> AwsCall:
    return AwsCall(
        service=service,
        operation=operation,
        parameters=json.dumps(parameters),
        added=frozenset(added),
    )


def _exchange(operation: str, parameters: object) -> AwsExchange:
    return AwsExchange(service="dynamodb", operation=operation, parameters=json.dumps(parameters))


_KEY = {"TableName": "orders", "Key": {"id": {"S": "1"}}}


@pytest.mark.parametrize(
    ("recorded", "call", "fit"),
    [
        (_exchange("GetItem", _KEY), _call("GetItem", _KEY), Fit.EQUAL),
        (_exchange("GetItem", _KEY), _call("PutItem", _KEY), Fit.NONE),
        (_exchange("GetItem", _KEY), _call("GetItem", _KEY, service="s3"), Fit.NONE),
        # A read of another item is another request.
        (
            _exchange("GetItem", _KEY),
            _call("GetItem", {**_KEY, "Key": {"id": {"S": "2"}}}),
            Fit.NONE,
        ),
        (
            _exchange("PutItem", {"Item": {"id": {"S": "1"}, "at": {"N": "1767225600"}}}),
            _call("PutItem", {"Item": {"id": {"S": "1"}, "at": {"N": "1796033700"}}}),
            Fit.CHANGING,
        ),
        (
            _exchange("PutItem", {"Item": {"total": {"N": "5"}}}),
            _call("PutItem", {"Item": {"total": {"N": "6"}}}),
            Fit.SHAPE,
        ),
        # What an SDK adds by itself need not be recorded.
        (
            _exchange("TransactWriteItems", {"TransactItems": []}),
            _call(
                "TransactWriteItems",
                {"TransactItems": [], "ClientRequestToken": _UUIDS[0]},
                "ClientRequestToken",
            ),
            Fit.EQUAL,
        ),
        (
            _exchange("TransactWriteItems", {"TransactItems": []}),
            _call("TransactWriteItems", {"TransactItems": [], "ReturnConsumedCapacity": "TOTAL"}),
            Fit.NONE,
        ),
    ],
)
def test_aws(recorded: AwsExchange, call: AwsCall, fit: Fit) -> None:
    assert compared_calls(recorded, call).fit is fit
