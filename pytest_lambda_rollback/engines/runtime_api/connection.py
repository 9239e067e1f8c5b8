"""One connection of a Lambda runtime or extension: bytes to requests, answers to bytes.

It keeps requests in order, rejects malformed input, and writes every answer in one piece. The
`Handler` of a request interprets it. A connection does no I/O: it gets bytes and an `Outlet`.
"""

from __future__ import annotations

import json
from typing import Protocol

from pytest_lambda_rollback.http_wire import messages as http

JSON = (("Content-Type", "application/json"),)

_HELD_BYTES = 256 * 1024
"""Limit of what a client may send ahead while it waits for an answer."""


class Outlet(Protocol):
    """The way back to the client of one connection."""

    def send(self, data: bytes) -> None:
        """Send bytes, at once or as soon as the client takes them."""
        ...

    def close(self) -> None:
        """Close the connection after what was sent."""
        ...


class Handler(Protocol):
    """Answers the requests of connections."""

    def limit_of(self, connection: Connection, head: http.Head) -> int:
        """Bytes of a request's body that are kept."""
        ...

    def handle(self, connection: Connection, request: http.Request) -> None:
        """Arrange for ``connection.reply`` to be called for this request, now or later."""
        ...

    def disconnected(self, connection: Connection) -> None:
        """Forget a connection that ended."""
        ...


class Connection:
    """Cuts out the requests of one client and answers them in their order."""

    def __init__(self, handler: Handler, outlet: Outlet) -> None:
        self._handler = handler
        self._outlet: Outlet | None = outlet
        self._parser = http.RequestParser(lambda head: handler.limit_of(self, head))
        self._request: http.Request | None = None
        self._advancing = False

    @property
    def holding(self) -> bool:
        """True while the client has sent so far ahead that no more should be read from it."""
        return self._request is not None and self._parser.buffered_bytes > _HELD_BYTES

    def receive(self, data: bytes) -> None:
        """Take bytes of the client and handle each request that is now complete."""
        if self._outlet is None:
            return
        self._parser.feed(data)
        if self._request is None:
            self._advance()

    def lost(self) -> None:
        """Take note that the client is gone."""
        self._outlet = None
        self._handler.disconnected(self)

    def reply(
        self, status: int, body: bytes = b"", *, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Answer the request at hand in one write, then go on to the next one."""
        request, self._request = self._request, None
        if self._outlet is None or request is None:
            return
        close = not request.head.keep_alive
        self._outlet.send(http.response(status, body, headers=headers, close=close))
        if close:
            self._end()
            return
        self._advance()

    def refuse(self, status: int, error_type: str, message: str) -> None:
        """Answer the request at hand with an error body as AWS's server writes it."""
        self.reply(status, _error_body(error_type, message), headers=JSON)

    def _advance(self) -> None:
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._outlet is not None:
                try:
                    self._request = self._parser.next_request()
                except http.MalformedRequest as error:
                    body = _error_body("BadRequest", error.reason)
                    self._outlet.send(http.response(error.status, body, headers=JSON, close=True))
                    self._end()
                    return
                if self._request is None:
                    if self._parser.wants_continue():
                        self._outlet.send(http.CONTINUE)
                    return
                self._handler.handle(self, self._request)
                if self._request is not None:
                    return
        finally:
            self._advancing = False

    def _end(self) -> None:
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            outlet.close()
        self._handler.disconnected(self)


def _error_body(error_type: str, message: str) -> bytes:
    return json.dumps({"errorMessage": message, "errorType": error_type}).encode() + b"\n"
