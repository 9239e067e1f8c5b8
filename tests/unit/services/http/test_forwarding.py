"""Requests that go on to real hosts while a recording is made."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from helpers.certificates import Authority
from helpers.loopback_service import Service, served
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.downstream import AwsExchange, HttpExchange
from pytest_lambda_rollback.services.http.forwarding import Forwarding, Recorded
from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest
from pytest_lambda_rollback.services.http.signing import Signer
from pytest_lambda_rollback.services.http.translation import AwsTranslation


@pytest.fixture(params=["http", "https"])
def scheme(request) -> str:
    return request.param


@pytest.fixture
def service(scheme: str, tmp_path: Path, monkeypatch) -> Iterator[Service]:
    """A loopback service; its authority is this machine's for the test."""
    authority = None
    if scheme == "https":
        authority = Authority(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with served(authority) as made:
        yield made


def _request(
    scheme: str, port: int, target: str = "/a?x=1", *, host: str = "localhost", body: bytes = b"",
    method: str = "POST", **headers: str,
) -> HttpRequest:  # fmt: skip
    return HttpRequest(
        method=method, scheme=scheme, host=host, port=port, target=target, body=body,
        headers=(("host", f"{host}:{port}"),
                 *((name.replace("_", "-"), value) for name, value in headers.items())),
    )  # fmt: skip


def test_an_allowed_host_answers_and_the_answer_is_kept(scheme: str, service: Service) -> None:
    port = service.port
    made = Forwarding(allowed=[f"localhost:{port}"])
    request = _request(
        scheme, port, body=b'{"b": 1}', authorization="Bearer secret",
        content_type="application/json",
        accept_encoding="gzip", expect="100-continue", connection="keep-alive",
    )  # fmt: skip
    answer = made.answer(request)
    assert (answer.status, answer.body) == (201, b'{"path": "/a?x=1"}')
    ((method, path, headers, body),) = service.seen
    assert (method, path, body) == ("POST", "/a?x=1", b'{"b": 1}')
    assert headers == {
        "host": f"localhost:{port}",
        "authorization": "Bearer secret",
        "content-type": "application/json",
        "accept-encoding": "identity",
        "content-length": "8",
    }
    assert made.take().exchanges == (
        HttpExchange(
            method="POST",
            url=f"{scheme}://localhost:{port}/a?x=1",
            request_body=b'{"b": 1}',
            status=201,
            headers=(("Content-Type", "application/json"), ("X-Request-Id", "7")),
            body=b'{"path": "/a?x=1"}',
        ),
    )
    assert made.take() == Recorded()


def test_a_packed_answer_is_kept_unpacked(scheme: str, service: Service) -> None:
    port = service.port
    made = Forwarding(allowed=[f"localhost:{port}"])
    answer = made.answer(_request(scheme, port, "/packed", method="GET"))
    assert gzip.decompress(answer.body) == b'{"path": "/packed"}'
    (exchange,) = made.take().exchanges
    assert isinstance(exchange, HttpExchange)
    assert exchange.body == b'{"path": "/packed"}'
    assert "content-encoding" not in {name.lower() for name, _ in exchange.headers}


def test_nothing_goes_to_a_host_that_is_not_allowed(scheme: str, service: Service) -> None:
    port = service.port
    made = Forwarding(allowed=["*.example.com", "localhost"])
    answer = made.answer(_request(scheme, port))
    assert (answer.status, answer.reason) == (400, "Not Allowed")
    assert json.loads(answer.body)["message"] == (
        f"localhost:{port} is not allowed in this recording"
    )
    assert made.take().not_allowed == (f"localhost:{port}",)
    # Another host in the request's own header opens no way either.
    made = Forwarding(allowed=[f"localhost:{port}"])
    fronted = HttpRequest(
        method="GET", scheme=scheme, host="localhost", port=port, target="/",
        headers=(("host", "internal.example.com"),),
    )  # fmt: skip
    assert made.answer(fronted).status == 400
    assert service.seen == []


@pytest.mark.parametrize(
    ("allowed", "host", "port", "yes"),
    [
        ("api.example.com", "api.example.com", 443, True),
        ("API.example.com", "api.example.com", 80, True),
        ("api.example.com", "api.example.com", 8443, False),
        ("api.example.com:8443", "api.example.com", 8443, True),
        ("*.example.com", "api.example.com", 443, True),
        ("*.example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("*.example.com", "badexample.com", 443, False),
        ("example.com", "api.example.com", 443, False),
        ("api.example.com", "sqs.eu-west-1.amazonaws.com", 443, False),
    ],
)
def test_what_is_allowed(allowed: str, host: str, port: int, yes: bool) -> None:
    assert Forwarding(allowed=[allowed]).allows(host, port) is yes


@pytest.mark.parametrize("scheme", ["https"])
def test_a_service_that_this_machine_does_not_trust_is_not_asked(
    scheme: str, service: Service, monkeypatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    port = service.port
    made = Forwarding(allowed=[f"localhost:{port}"])
    answer = made.answer(_request(scheme, port))
    assert answer.status == 502
    assert made.take().exchanges == ()
    assert service.seen == []


def test_a_host_that_does_not_answer_is_told() -> None:
    made = Forwarding(allowed=["localhost:1", "no.such.invalid"])
    assert made.answer(_request("http", 1)).status == 502
    assert made.answer(_request("https", 443, host="no.such.invalid")).status == 502
    refused, unknown = made.take().failed
    assert refused == "POST localhost:1: Connection refused"
    assert unknown == "POST no.such.invalid: its name could not be resolved"


def test_a_target_that_would_be_another_request_is_not_sent(scheme: str, service: Service) -> None:
    port = service.port
    made = Forwarding(allowed=[f"localhost:{port}"])
    smuggled = "/a HTTP/1.1\r\nHost: other\r\n\r\nGET /b"
    assert made.answer(_request(scheme, port, smuggled)).status == 502
    assert service.seen == []


# --- AWS ------------------------------------------------------------------------------------------


@pytest.fixture
def profile(tmp_path: Path, monkeypatch) -> str:
    file = tmp_path / "credentials"
    file.write_text(
        "[reader]\naws_access_key_id = AKIAREAL\naws_secret_access_key = real\n"
        "aws_session_token = token\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    return "reader"


_DUMMY = (
    "AWS4-HMAC-SHA256 Credential=lambda-rollback-dummy/20260131/eu-west-1/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=00"
)
_AWS = HttpRequest(
    method="POST",
    scheme="https",
    host="dynamodb.eu-west-1.amazonaws.com",
    port=443,
    target="/",
    headers=(
        ("host", "dynamodb.eu-west-1.amazonaws.com"),
        ("authorization", _DUMMY),
        ("x-amz-date", "20260131T000000Z"),
        ("x-amz-security-token", "lambda-rollback-dummy"),
        ("x-amz-target", "DynamoDB_20120810.GetItem"),
        ("content-type", "application/x-amz-json-1.0"),
    ),
    body=b'{"TableName": "orders", "Key": {"id": {"S": "1"}}}',
)


def test_requests_to_aws_are_signed_with_the_profile_and_no_dummy_is_left(profile: str) -> None:
    headers = dict(Signer(profile).headers(_AWS) or ())
    assert headers["x-amz-security-token"] == "token"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAREAL/")
    assert "/eu-west-1/dynamodb/aws4_request" in headers["authorization"]
    assert "lambda-rollback-dummy" not in str(headers)
    assert headers["x-amz-target"] == "DynamoDB_20120810.GetItem"


@pytest.mark.parametrize(
    ("name", "target", "more", "body"),
    [
        ("dynamodb", "/", (("x-amz-target", "DynamoDB_20120810.GetItem"),), b'{"TableName": "t"}'),
        ("s3", "/bucket/a%20b//c?list-type=2&prefix=x%2Fy", (), b""),
        ("s3", "/bucket/k", (("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),), b"object"),
        ("lambda", "/2015-03-31/functions/a%3Ab/invocations", (), b"{}"),
    ],
)
def test_what_arrives_at_aws_is_what_was_signed(
    profile: str, tmp_path: Path, monkeypatch, name: str, target: str,
    more: tuple[tuple[str, str], ...], body: bytes,
) -> None:  # fmt: skip
    host = f"{name}.eu-west-1.amazonaws.com"
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    request = HttpRequest(
        method="POST" if body else "GET", scheme="https", host=host, port=443, target=target,
        headers=(("host", host), ("accept-encoding", "gzip"), ("user-agent", "sdk"), *more,
                 ("expect", "100-continue"), ("x-amz-date", "20200101T000000Z"),
                 ("authorization", _DUMMY.replace("dynamodb", name))),
        body=body,
    )  # fmt: skip
    with served(authority, name=host) as service:
        connect = socket.create_connection
        monkeypatch.setattr(
            "socket.create_connection",
            lambda address, *rest, **options: connect(("127.0.0.1", service.port), *rest),
        )
        assert Forwarding(allowed=[], signer=Signer(profile)).answer(request).status == 201
    ((method, path, headers, arrived),) = service.seen
    assert (path, arrived) == (target, body)
    assert "lambda-rollback-dummy" not in str(headers)
    signature, region, service_name = _signature(method, f"https://{host}{path}", headers, arrived)
    assert (region, service_name) == ("eu-west-1", name)
    assert headers["authorization"].endswith(f"Signature={signature}")


def _signature(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[str, ...]:
    """(signature, region, service) as AWS works them out from what arrived."""
    match = re.search(
        r"Credential=AKIAREAL/\d+/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+),",
        headers["authorization"],
    )
    assert match is not None
    signed = {each: headers[each] for each in match[3].split(";")}
    request: Any = AWSRequest(method=method, url=url, headers=signed, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer: Any = SigV4Auth(Credentials("AKIAREAL", "real", "token"), match[2], match[1])
    if match[2] == "s3":
        signer._normalize_url_path = lambda path: path
    canonical = signer.canonical_request(request)
    assert canonical.split("\n")[-2] == match[3]  # what is signed, and nothing else
    return signer.signature(signer.string_to_sign(request, canonical), request), match[1], match[2]


def test_a_profile_without_credentials_is_an_error(profile: str) -> None:
    with pytest.raises(SourceError, match='the AWS profile "other" cannot be used'):
        Signer("other")


def test_aws_is_allowed_with_a_profile_alone(profile: str) -> None:
    host = "dynamodb.eu-west-1.amazonaws.com"
    assert not Forwarding(allowed=[]).allows(host, 443)
    made = Forwarding(allowed=[], signer=Signer(profile))
    assert made.allows(host, 443)
    assert not made.allows("abc.execute-api.eu-west-1.amazonaws.com", 443)
    assert not made.allows("example.com", 443)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            HttpAnswer(body=b'{"Item": {"id": {"S": "1"}, "raw": {"B": "/w=="}}}'),
            {"result": {"Item": {"id": {"S": "1"}, "raw": {"B": {"$bytes": "/w=="}}}}},
        ),
        (
            HttpAnswer(
                status=400,
                body=b'{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", '
                b'"message": "no table"}',
            ),
            {"error_code": "ResourceNotFoundException", "error_message": "no table"},
        ),
    ],
)
def test_what_aws_answered_becomes_an_exchange_of_its_operation(
    answer: HttpAnswer, expected: dict[str, object]
) -> None:
    translation = AwsTranslation()
    try:
        exchange = translation.exchange(_AWS, answer)
    finally:
        translation.close()
    assert isinstance(exchange, AwsExchange)
    assert (exchange.service, exchange.operation) == ("dynamodb", "GetItem")
    assert json.loads(exchange.parameters) == json.loads(_AWS.body)
    assert json.loads(exchange.result) == expected.get("result", {})
    assert exchange.error_code == expected.get("error_code", "")
    assert exchange.error_message == expected.get("error_message", "")
    assert exchange.status == answer.status
