"""HTTP/1.1 on the connections of a pass: bytes to requests, answers to bytes.

Requests come from functions, so sizes are bounded and a mistake ends the connection, not the
process. What a request asks for is not known here.
"""

from __future__ import annotations

import contextlib
import http
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pytest_lambda_rollback.http_wire.messages import (
    CONTINUE,
    MalformedRequest,
    Request,
    RequestParser,
)

BODY_LIMIT_BYTES: Final = 128 * 1024 * 1024
HEAD_LIMIT_BYTES: Final = 64 * 1024
_READ_BYTES: Final = 256 * 1024

_OWN_HEADERS: Final = frozenset({"connection", "content-length", "status", "transfer-encoding"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An answer; its length is added when it is sent."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)


def serve(connected: socket.socket, answer: Callable[[Request], HttpAnswer]) -> None:
    """Answer the requests of one connection in order, until either side ends it."""
    parser = RequestParser(lambda _head: BODY_LIMIT_BYTES, head_bytes=HEAD_LIMIT_BYTES)
    with connected, contextlib.suppress(OSError):
        while content := connected.recv(_READ_BYTES):
            parser.feed(content)
            try:
                while request := parser.next_request():
                    _send(connected, answer(request), head=request.head.method == "HEAD")
                    if not request.head.keep_alive:
                        return
            except MalformedRequest as error:
                _send(connected, HttpAnswer(status=error.status), head=False)
                return
            if parser.wants_continue():
                connected.sendall(CONTINUE)


def _send(connected: socket.socket, answer: HttpAnswer, *, head: bool) -> None:
    lines = [f"HTTP/1.1 {answer.status} {_reason(answer.status)}"]
    length = str(len(answer.body))
    for name, value in answer.headers:
        if head and name.lower() == "content-length":
            length = value  # of the object that is asked about
        if name.lower() not in _OWN_HEADERS:
            lines.append(f"{name}: {value}".replace("\r", " ").replace("\n", " "))
    if answer.status not in (204, 304):
        lines.append(f"content-length: {length}")
    content = "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"
    connected.sendall(content if head else content + answer.body)


def _reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
