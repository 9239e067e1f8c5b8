"""Bytes that no client would send: nothing is raised, and other connections go on."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator

import pytest

from helpers.front_doors import Echo, trusting
from pytest_lambda_rollback.services.http.front import Front

_PIECES = (
    b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\n", b"SM\r\n\r\n",
    b"Host: a\r\n", b"Content-Length: 5\r\n", b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n",
    b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Upgrade: websocket\r\n",
    b"Connection: upgrade\r\n", b"\r\n", b"\r\n\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n",
    b"ffffffffffffffff\r\n", b"hello", b"\x00", b"\xff" * 20, b"\x16\x03\x01\x00\x05", b" ", b":",
    b"GET http://[::1:/ HTTP/1.1\r\n", b"GET //\xff?\xfe HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n",
)  # fmt: skip


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    yield made
    made.close()


@pytest.fixture
def thread_failures(monkeypatch) -> list[object]:
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    return failures


def _asked(client: socket.socket) -> bytes:
    client.sendall(b"GET /steady HTTP/1.1\r\nHost: a\r\n\r\n")
    received = b""
    while not received.endswith(b"GET /steady "):
        data = client.recv(65536)
        assert data, "the connection was ended"
        received += data
    return received


@pytest.mark.parametrize("seed", range(8))
def test_random_bytes_end_no_other_connection(
    front: Front, thread_failures: list[object], seed: int
) -> None:
    drawn = random.Random(seed)
    echo = Echo()
    with front.connect(host="a", port=80, to=echo) as steady:
        steady.settimeout(20)
        for _ in range(60):
            secure = drawn.random() < 0.1
            port = 443 if secure else 80
            with front.connect(host="b", port=port, to=Echo()) as client:
                client.settimeout(20)
                end: socket.socket = client
                if secure:
                    context = trusting(front)
                    end = context.wrap_socket(client, server_hostname="b")
                try:
                    for _ in range(drawn.randrange(1, 12)):
                        end.sendall(
                            drawn.choice(_PIECES)
                            if drawn.random() < 0.8
                            else drawn.randbytes(drawn.randrange(1, 300))
                        )
                    if not secure:
                        end.shutdown(socket.SHUT_WR)
                        while end.recv(65536):
                            pass
                except OSError:
                    pass  # the front ended the connection
                finally:
                    end.close()
        assert _asked(steady)
    assert thread_failures == []


def test_clients_that_say_nothing_hold_up_nobody(front: Front) -> None:
    silent = [front.connect(host="a", port=443, to=Echo()) for _ in range(100)]
    for number, client in enumerate(silent):
        client.sendall((b"\x16", b"\x16\x03\x01\x02", b"GET / HT", b"PRI *")[number % 4])
    with front.connect(host="a", port=80, to=Echo()) as steady:
        steady.settimeout(20)
        assert _asked(steady)
    for client in silent:
        client.close()


def test_a_client_that_reads_nothing_holds_up_nobody(front: Front) -> None:
    body = b"x" * 4_000_000
    with (
        front.connect(host="a", port=80, to=Echo()) as greedy,
        front.connect(host="a", port=80, to=Echo()) as steady,
    ):
        greedy.settimeout(20)
        greedy.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        steady.settimeout(20)
        assert _asked(steady)


def test_more_connections_than_are_served_are_closed(front: Front) -> None:
    echo = Echo()
    held = [front.connect(host="a", port=80, to=echo) for _ in range(256)]
    with front.connect(host="a", port=80, to=echo) as client:
        client.settimeout(20)
        assert client.recv(10) == b""
    assert echo.refusals == ["more than 256 connections are open"]
    for each in held:
        each.close()
