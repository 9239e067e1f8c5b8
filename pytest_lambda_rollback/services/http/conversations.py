"""One client's requests and their answers, in order, on a connection that asyncio holds.

The client is a function and may send anything. Each limit here bounds what it can make this
process keep; breaking one ends its connection and no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pytest_lambda_rollback.http_wire import messages as wire
from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest, encoded

HEAD_BYTES: Final = 64 * 1024
BODY_BYTES: Final = 64 * 1024 * 1024
ALL_BODIES_BYTES: Final = 512 * 1024 * 1024
"""What the bodies of all connections may take together; then only small ones are read."""
SMALL_BODY_BYTES: Final = 1024 * 1024

_READ_BYTES: Final = 64 * 1024
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HTTP_2: Final = "it speaks HTTP/2, which cannot be answered here"

Answer = Callable[[HttpRequest], Awaitable[HttpAnswer]]
"""Answers a request; any exception but CancelledError ends the connection."""
Refused = Callable[[str], None]
"""Takes note, in a clause, that a connection was ended because of what the client sent."""


class BodyBudget:
    """Shares memory for bodies among connections. For one thread."""

    def __init__(self, total: int = ALL_BODIES_BYTES) -> None:
        self._left = total

    def take(self, wanted: int) -> int:
        """The number of bytes that are granted; more than `SMALL_BODY_BYTES` must be given back."""
        if wanted <= SMALL_BODY_BYTES:
            return SMALL_BODY_BYTES
        if wanted > self._left:
            return SMALL_BODY_BYTES
        self._left -= wanted
        return wanted

    def give_back(self, granted: int) -> None:
        """Take back what `take` granted."""
        if granted > SMALL_BODY_BYTES:
            self._left += granted


class Conversation:
    """The requests of one connection to ``host:port``."""

    def __init__(
        self,
        *,
        scheme: str,
        host: str,
        port: int,
        answer: Answer,
        refused: Refused,
        budget: BodyBudget,
    ) -> None:
        self._scheme = scheme
        self._host = host
        self._port = port
        self._answer = answer
        self._refused = refused
        self._budget = budget
        self._granted = 0
        self._parser = wire.RequestParser(self._limit, head_bytes=HEAD_BYTES)

    async def hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests until either side ends the connection."""
        try:
            first = await reader.read(_READ_BYTES)
            while first and len(first) < len(_PREFACE) and _PREFACE.startswith(first):
                more = await reader.read(_READ_BYTES)
                if not more:
                    break
                first += more
            if first.startswith(_PREFACE):
                self._refused(HTTP_2)
                return
            if first:
                self._parser.feed(first)
                while await self._one(reader, writer):
                    pass
        finally:
            self._budget.give_back(self._granted)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer the next request; False at the end of the connection."""
        try:
            request = await self._next(reader, writer)
        except wire.MalformedRequest as error:
            self._refused(error.reason)
            await _send(writer, _refusal(error.status, error.reason), method="GET", close=True)
            return False
        if request is None:
            return False
        method = request.head.method
        if request.too_large:
            self._refused(f"a {method} request has a body of more bytes than are read")
            await _send(writer, _refusal(413, "the body is too large"), method=method, close=True)
            return False
        made = self._made(request)
        if made is None:
            self._refused("the target of a request is malformed")
            await _send(writer, _refusal(400, "malformed target"), method=method, close=True)
            return False
        answer = await self._answer(made)
        close = answer.close or not request.head.keep_alive
        await _send(writer, answer, method=method, close=close)
        self._budget.give_back(self._granted)
        self._granted = 0
        return not close

    async def _next(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> wire.Request | None:
        while True:
            request = self._parser.next_request()
            if request is not None:
                return request
            if self._parser.wants_continue():
                writer.write(wire.CONTINUE)
                await writer.drain()
            data = await reader.read(_READ_BYTES)
            if not data:
                return None
            self._parser.feed(data)

    def _limit(self, head: wire.Head) -> int:
        self._budget.give_back(self._granted)
        length = head.headers.get("content-length", "")
        chunked = "transfer-encoding" in head.headers
        known = int(length) if length.isascii() and length.isdigit() and not chunked else BODY_BYTES
        if not chunked and not length:
            known = 0
        self._granted = self._budget.take(min(known, BODY_BYTES))
        return self._granted

    def _made(self, request: wire.Request) -> HttpRequest | None:
        target = request.head.path
        if "://" in target.partition("?")[0]:
            # An absolute target, as clients send it to proxies (RFC 9112, 3.2.2).
            _, slash, rest = target.partition("://")[2].partition("/")
            target = slash + rest
        if not target.startswith("/") and target != "*":
            return None
        return HttpRequest(
            method=request.head.method,
            scheme=self._scheme,
            host=self._host,
            port=self._port,
            target=target,
            headers=tuple(request.head.headers.items()),
            body=request.body,
        )


def _refusal(status: int, reason: str) -> HttpAnswer:
    return HttpAnswer(
        status=status,
        headers=(("Content-Type", "text/plain; charset=utf-8"),),
        body=f"lambda-rollback: {reason}\n".encode(),
    )


async def _send(
    writer: asyncio.StreamWriter, answer: HttpAnswer, *, method: str, close: bool
) -> None:
    writer.write(encoded(answer, method=method, close=close))
    await writer.drain()
