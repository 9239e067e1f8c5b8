"""One connection of a Lambda runtime to the Runtime API: bytes to requests, answers to bytes.

It keeps requests in order, rejects other clients and malformed input, and writes
every answer in one piece. The `Handler` of a request interprets it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Protocol

from pytest_lambda_rollback.engines.runtime_api import http

JSON = (("Content-Type", "application/json"),)

_HELD_BYTES = 256 * 1024
"""Limit of what a client may send ahead while it waits for an answer."""


class Handler(Protocol):
    """Answers the requests of a connection; called in the loop's thread."""

    @property
    def peer(self) -> str | None:
        """The only address that may connect; ``None`` while it is unknown."""
        ...

    def connected(self, connection: Connection) -> None:
        """Count a connection in."""
        ...

    def disconnected(self, connection: Connection) -> None:
        """Count a connection out."""
        ...

    def limit_of(self, head: http.Head) -> int:
        """Bytes of a request's body that are kept."""
        ...

    def handle(self, connection: Connection, request: http.Request) -> None:
        """Arrange for ``connection.reply`` to be called for this request, now or later."""
        ...


class Connection(asyncio.Protocol):
    """One connection of a runtime: cuts out requests and answers them in their order."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._parser = http.RequestParser(handler.limit_of)
        self._transport: asyncio.Transport | None = None
        self._request: http.Request | None = None
        self._advancing = False
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer at once, or hold until the peer is known."""
        if not isinstance(transport, asyncio.Transport):  # pragma: no cover - asyncio's promise
            raise TypeError(f"expected a stream, got {transport!r}")
        self._transport = transport
        self._handler.connected(self)
        if self._handler.peer is None:
            self._pause(True)
        else:
            self.admit(self._handler.peer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection."""
        self._transport = None
        self._handler.disconnected(self)

    def data_received(self, data: bytes) -> None:
        """Handle each request that is now complete."""
        self._parser.feed(data)
        if self._request is None:
            self._advance()
        elif self._parser.buffered_bytes > _HELD_BYTES:
            self._pause(True)

    def admit(self, peer: str) -> None:
        """Answer this connection if it comes from ``peer``; close it without a byte if not."""
        if self._transport is None:
            return
        source = self._transport.get_extra_info("peername")
        if not source or source[0] != peer:
            self._transport.abort()
        else:
            self._pause(False)

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def reply(
        self, status: int, body: bytes = b"", *, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Answer the request at hand in one write, then go on to the next one."""
        request, self._request = self._request, None
        if self._transport is None or request is None:
            return
        close = not request.head.keep_alive
        self._transport.write(http.response(status, body, headers=headers, close=close))
        if close:
            self._transport.close()
            return
        self._pause(False)
        self._advance()

    def refuse(self, status: int, error_type: str, message: str) -> None:
        """Answer the request at hand with an error body as AWS's server writes it."""
        self.reply(status, _error_body(error_type, message), headers=JSON)

    def _advance(self) -> None:
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._transport is not None and not self._transport.is_closing():
                try:
                    self._request = self._parser.next_request()
                except http.MalformedRequest as error:
                    body = _error_body("BadRequest", error.reason)
                    self._transport.write(
                        http.response(error.status, body, headers=JSON, close=True)
                    )
                    self._transport.close()
                    return
                if self._request is None:
                    if self._parser.wants_continue():
                        self._transport.write(http.CONTINUE)
                    return
                self._handler.handle(self, self._request)
                if self._request is not None:
                    return
        finally:
            self._advancing = False

    def _pause(self, pause: bool) -> None:
        if self._transport is None or self._reading is not pause:
            return
        self._reading = not pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


def _error_body(error_type: str, message: str) -> bytes:
    return json.dumps({"errorMessage": message, "errorType": error_type}).encode() + b"\n"
