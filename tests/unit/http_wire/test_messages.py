"""Requests cut out of bytes: whole, in pieces, with limits, and whatever else is sent."""

from __future__ import annotations

import random

import pytest

from pytest_lambda_rollback.http_wire.messages import (
    MAX_HEAD_BYTES,
    Head,
    MalformedRequest,
    Request,
    RequestParser,
)

LIMIT = 64


def parsed(*parts: bytes) -> tuple[list[Request], int]:
    """The requests in bytes that come in pieces, and the status of a refusal or 0."""
    parser = RequestParser(lambda head: LIMIT)
    requests = []
    for part in parts:
        parser.feed(part)
        try:
            while (request := parser.next_request()) is not None:
                requests.append(request)
        except MalformedRequest as refusal:
            with pytest.raises(MalformedRequest):
                parser.next_request()
            return requests, refusal.status
    return requests, 0


def one(text: bytes) -> Request:
    (request,), status = parsed(text)
    assert status == 0
    return request


def test_fields_are_joined_and_trimmed() -> None:
    request = one(b"\r\nGET /a?b=c HTTP/1.1\r\nX-Two:  1 \r\nx-two: 2\r\nEmpty:\r\n\r\n")
    assert request.head == Head(
        method="GET", path="/a?b=c", headers={"x-two": "1, 2", "empty": ""}, keep_alive=True
    )


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [("1.1", "", True), ("1.1", "close", False), ("1.0", "", False), ("1.0", "keep-alive", True)],
)
def test_which_connections_are_kept(version: str, connection: str, kept: bool) -> None:
    field = f"Connection: {connection}\r\n" if connection else ""
    assert one(f"GET / HTTP/{version}\r\n{field}\r\n".encode()).head.keep_alive is kept


@pytest.mark.parametrize(("size", "kept"), [(LIMIT, LIMIT), (LIMIT + 1, 0)])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_stored_up_to_its_limit(size: int, kept: int, chunked: bool) -> None:
    body = b"x" * size
    head = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body) if chunked else body
    request = one(b"POST / HTTP/1.1\r\n" + head + b"\r\n\r\n" + sent)
    assert (len(request.body), request.size_bytes, request.too_large) == (kept, size, not kept)


def test_trailers_are_kept_apart_from_headers() -> None:
    request = one(
        b"POST / HTTP/1.1\r\nA: head\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1;ext=x\r\nx\r\n0\r\nA: trailer\r\nB: 2\r\n\r\n"
    )
    assert request.head.headers["a"] == "head"
    assert request.trailers == {"a": "trailer", "b": "2"}


def test_trailers_and_lines_between_chunks_are_bounded() -> None:
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    endless = b"y" * (MAX_HEAD_BYTES + 1)
    assert parsed(chunked, b"0\r\nX: ", endless) == ([], 431)
    assert parsed(chunked, b"1;x", endless) == ([], 431)
    assert parsed(chunked, b"0\r\n" + b"A: b\r\n" * 300) == ([], 431)
    assert parsed(b"\r\n" * MAX_HEAD_BYTES) == ([], 431)


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"


def test_an_upgrade_is_ignored_and_loses_no_body() -> None:
    post = b"POST /a HTTP/1.1\r\n" + UPGRADE + b"Content-Length: 3\r\n\r\nabc"
    chunks = b"POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + UPGRADE + b"\r\n"
    chunks += b"2\r\nde\r\n0\r\n\r\n"
    get = b"GET /c HTTP/1.1\r\n" + UPGRADE + b"\r\n"
    requests, status = parsed((post + chunks + get) * 2000)
    assert status == 0
    assert len(requests) == 6000
    found = [(request.head.path, request.body) for request in requests[-3:]]
    assert found == [("/a", b"abc"), ("/b", b"de"), ("/c", b"")]
    assert parsed(b"CONNECT a:1 HTTP/1.1\r\n\r\n") == ([], 405)


def test_what_came_before_the_malformed_is_a_request() -> None:
    (request,), status = parsed(b"GET /a HTTP/1.1\r\n\r\nnot HTTP\r\n\r\n")
    assert (request.head.path, status) == ("/a", 400)


def test_the_client_waits_to_be_told_to_continue_once() -> None:
    parser = RequestParser(lambda head: LIMIT)
    parser.feed(b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n")
    assert parser.next_request() is None
    assert [parser.wants_continue(), parser.wants_continue()] == [True, False]
    parser.feed(b"xPOST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\ny")
    assert parser.next_request() is not None
    assert parser.wants_continue() is False


PIECES = (
    b"GET /a HTTP/1.1\r\n", b"POST /b HTTP/1.0\r\n", b"PUT /c HTTP/2.0\r\n",
    b"CONNECT a:1 HTTP/1.1", b"Content-Length: 3\r\n", b"Content-Length: 99999999999999999999\r\n",
    b"A: b\r\n", b"A : b\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", UPGRADE,
    b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"Trailer: X\r\n", b"\r\n", b"\n", b"\r",
    b"3\r\nabc\r\n", b"0\r\n", b"ffffffffffffffffff\r\n", b"abc", b":", b"\x00", b"\xff\xfe", b" ",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_end_in_requests_or_one_refusal_however_they_are_cut(seed: int) -> None:
    chance = random.Random(seed)
    refused = 0
    for _ in range(1500):
        data = bytearray(b"".join(chance.choices(PIECES, k=chance.randint(1, 12))))
        for _ in range(chance.choice((0, 0, 1, 3)) if data else 0):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cuts = sorted(chance.choices(range(len(data) + 1), k=chance.randint(0, 6)))
        bounds = zip([0, *cuts], [*cuts, len(data)], strict=True)
        requests, status = parsed(bytes(data))
        assert parsed(*(bytes(data[start:end]) for start, end in bounds)) == (requests, status)
        assert status in (0, 400, 405, 501)
        assert all(len(request.body) <= LIMIT for request in requests)
        refused += status != 0
    assert 100 < refused < 1500
