"""Answers as bytes, whatever a file of recordings says; and names of requests."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest, encoded


def _lines(answer: HttpAnswer, *, method: str = "GET", close: bool = False) -> list[str]:
    head, _, body = encoded(answer, method=method, close=close).partition(b"\r\n\r\n")
    return [*head.decode("utf-8", "surrogateescape").split("\r\n"), body.decode()]


@pytest.mark.parametrize(
    ("answer", "method", "lines"),
    [
        (HttpAnswer(body=b"abc"), "GET", ["HTTP/1.1 200 OK", "Content-Length: 3", "abc"]),
        (HttpAnswer(status=201), "PUT", ["HTTP/1.1 201 Created", "Content-Length: 0", ""]),
        (HttpAnswer(status=599, reason="No"), "GET", ["HTTP/1.1 599 No", "Content-Length: 0", ""]),
        (HttpAnswer(status=599), "GET", ["HTTP/1.1 599 Unknown", "Content-Length: 0", ""]),
        # What has no body sends none (RFC 9110, 6.4.1).
        (HttpAnswer(status=204, body=b"abc"), "GET", ["HTTP/1.1 204 No Content", ""]),
        (
            HttpAnswer(status=304, body=b"abc"),
            "GET",
            ["HTTP/1.1 304 Not Modified", "Content-Length: 3", ""],
        ),
        (HttpAnswer(body=b"abc"), "HEAD", ["HTTP/1.1 200 OK", "Content-Length: 3", ""]),
        (
            HttpAnswer(headers=(("content-length", "999"),)),
            "HEAD",
            ["HTTP/1.1 200 OK", "Content-Length: 999", ""],
        ),
        # An interim answer would leave the client waiting.
        (HttpAnswer(status=101), "GET", ["HTTP/1.1 502 Bad Gateway", "Content-Length: 0", ""]),
        # Length and transfer are those of what is sent.
        (
            HttpAnswer(
                headers=(
                    ("Content-Length", "999"),
                    ("Transfer-Encoding", "chunked"),
                    ("Connection", "keep-alive"),
                    ("Set-Cookie", "a=1"),
                    ("Set-Cookie", "b=2"),
                ),
                body=b"abc",
            ),
            "GET",
            ["HTTP/1.1 200 OK", "Set-Cookie: a=1", "Set-Cookie: b=2", "Content-Length: 3", "abc"],
        ),
        # No header can begin another one, or an answer of its own.
        (
            HttpAnswer(
                reason="OK\r\nX: 1",
                headers=(("X-A", "1\r\nX-B: 2\0"), ("X C", "3"), ("", "4"), ("X-Ü", "5")),
            ),
            "GET",
            ["HTTP/1.1 200 OK X: 1", "X-A: 1 X-B: 2 ", "Content-Length: 0", ""],
        ),
        (
            HttpAnswer(headers=(("X-Name", "Zoë \udcff"),)),
            "GET",
            ["HTTP/1.1 200 OK", "X-Name: Zoë \udcff", "Content-Length: 0", ""],
        ),
    ],
)
def test_an_answer_as_bytes(answer: HttpAnswer, method: str, lines: list[str]) -> None:
    assert _lines(answer, method=method) == lines


@pytest.mark.parametrize(("close", "by_answer"), [(True, False), (False, True)])
def test_the_last_answer_of_a_connection_says_so(close: bool, by_answer: bool) -> None:
    assert "Connection: close" in _lines(HttpAnswer(close=by_answer), close=close)


@pytest.mark.parametrize(
    ("scheme", "port", "host", "url"),
    [
        ("https", 443, "api.example.com", "https://api.example.com/a?b"),
        ("https", 443, "API.example.com:443", "https://api.example.com/a?b"),
        ("http", 80, "api.example.com:80", "http://api.example.com/a?b"),
        ("https", 8443, "api.example.com:8443", "https://api.example.com:8443/a?b"),
        ("http", 8080, "[::1]:8080", "http://[::1]:8080/a?b"),
        # Without a name that could be one, it is the name that was connected to.
        ("https", 443, "", "https://connected.example.com/a?b"),
        ("https", 8443, "a b", "https://connected.example.com:8443/a?b"),
        ("https", 443, "user@api.example.com", "https://connected.example.com/a?b"),
        ("https", 443, "a/../b", "https://connected.example.com/a?b"),
    ],
)
def test_the_url_of_a_request(scheme: str, port: int, host: str, url: str) -> None:
    request = HttpRequest(
        method="GET",
        scheme=scheme,
        host="connected.example.com",
        port=port,
        target="/a?b",
        headers=(("host", host),) if host else (),
    )
    assert request.url == url
    assert (request.path, request.query) == ("/a", "b")
