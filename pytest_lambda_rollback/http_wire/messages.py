"""HTTP/1.1 requests of a client, cut out of a byte stream without any I/O.

httptools (llhttp) parses. This module adds the limits: how much of a head, a body and trailers is
kept. A body is read to its end but stored only up to a limit that depends on the request.
Trailers are handed out, because streamed responses report their errors in them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httptools

MAX_HEAD_BYTES = 2 * 1024 * 1024
"""AWS's runtime clients put an X-Ray cause of up to 1 MB into one header."""
_MAX_HEADERS = 256

_REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Payload Too Large",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class MalformedRequest(Exception):
    """The client does not speak HTTP/1.1: answer with ``status`` and close the connection."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Request line and headers. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    keep_alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One whole request."""

    head: Head
    body: bytes = field(default=b"", repr=False)
    """The body, or nothing of it when it was larger than its limit."""
    size_bytes: int = 0
    """Size of the body as it was sent."""
    trailers: Mapping[str, str] = field(default_factory=dict)

    @property
    def too_large(self) -> bool:
        """True when the body was larger than its limit and was not kept."""
        return self.size_bytes != len(self.body)


class RequestParser:
    """Cuts a byte stream into requests; keeps up to ``limit_of(head)`` bytes of each body.

    Heads, trailers and the lines between chunks may be ``head_bytes`` long, give or take the
    bytes that arrive together with their beginning.
    """

    def __init__(
        self, limit_of: Callable[[Head], int], *, head_bytes: int = MAX_HEAD_BYTES
    ) -> None:
        self._waiting = bytearray()
        self._message = _Message(limit_of, head_bytes)
        self._failure: MalformedRequest | None = None

    @property
    def buffered_bytes(self) -> int:
        """Number of bytes that were fed and are not parsed yet."""
        return len(self._waiting)

    def feed(self, data: bytes) -> None:
        """Take bytes from the connection."""
        self._waiting += data

    def wants_continue(self) -> bool:
        """Return True, once for each request, while the client waits for ``100 Continue``."""
        wants, self._message.wants_continue = self._message.wants_continue, False
        return wants

    def next_request(self) -> Request | None:
        """The next whole request, or ``None`` until more bytes are fed.

        Raises MalformedRequest, after which the parser is of no more use.
        """
        complete = self._message.complete
        if not complete and self._failure is None and self._waiting:
            data = bytes(self._waiting)
            self._waiting.clear()
            try:
                self._message.take(data)
            except MalformedRequest as failure:
                self._failure = failure  # told once what came before it is answered
        if complete:
            return complete.popleft()
        if self._failure is not None:
            raise self._failure
        return None


class _Message:
    """Callbacks of one connection's parser, and what they made of the message at hand."""

    def __init__(self, limit_of: Callable[[Head], int], head_bytes: int) -> None:
        self.complete: deque[Request] = deque()
        self.wants_continue = False
        self._limit_of = limit_of
        self._head_bytes = head_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._refusal: MalformedRequest | None = None
        self._unstored = 0
        """Bytes of the head, the trailers or a line between chunks, as far as they arrived."""
        self.on_message_begin()

    def take(self, data: bytes) -> None:
        """Parse what came next. Raises MalformedRequest."""
        self._unstored += len(data)
        rest = memoryview(data)
        while rest:
            try:
                self._parser.feed_data(rest)
                break
            except httptools.HttpParserUpgrade as upgrade:
                self._ignore_upgrade()
                rest = rest[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                refusal = self._refusal or MalformedRequest(400, f"malformed HTTP: {error}")
                raise refusal from error
        if self._unstored > self._head_bytes:
            raise MalformedRequest(431, f"headers exceed {self._head_bytes} bytes")

    def on_message_begin(self) -> None:
        self._url = b""
        self._fields: dict[str, str] = {}
        self._lines = 0
        self._head: Head | None = None
        self._body = bytearray()
        self._size = 0
        self._limit = 0

    def on_url(self, part: bytes) -> None:
        self._url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        if self._lines > _MAX_HEADERS:
            self._refuse(431, f"more than {_MAX_HEADERS} header lines")
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
        self._fields[key] = f"{self._fields[key]}, {text}" if key in self._fields else text

    def on_headers_complete(self) -> None:
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse(400, "malformed request line")
        headers = self._fields
        coding = headers.get("transfer-encoding")
        if coding is not None and coding.lower() != "chunked":
            self._refuse(501, "unknown Transfer-Encoding")
        self._head = Head(
            method=self._parser.get_method().decode("ascii"),
            path=self._url.decode("latin-1"),
            headers=headers,
            keep_alive=self._parser.should_keep_alive(),
        )
        self._limit = self._limit_of(self._head)
        self._fields = {}
        self._lines = 0
        self._unstored = 0
        has_body = coding is not None or headers.get("content-length", "0").strip("0") != ""
        self.wants_continue = has_body and headers.get("expect", "").lower() == "100-continue"

    def on_body(self, part: bytes) -> None:
        self._unstored = 0
        self.wants_continue = False
        self._size += len(part)
        if self._size <= self._limit:
            self._body += part
        else:
            self._body.clear()

    def on_chunk_header(self) -> None:
        self._unstored = 0
        self.wants_continue = False

    def on_message_complete(self) -> None:
        self._unstored = 0
        self.wants_continue = False
        if self._head is None or self._parser.should_upgrade():
            return
        request = Request(
            head=self._head, body=bytes(self._body), size_bytes=self._size, trailers=self._fields
        )
        self.complete.append(request)

    def _ignore_upgrade(self) -> None:
        """Go on in HTTP/1.x, as a server may (RFC 9110, 7.8), with a body that llhttp would skip.

        Java's client asks for HTTP/2 in this way with its first request.
        """
        head, version = self._head, self._parser.get_http_version()
        if head is None or head.method == "CONNECT":
            raise MalformedRequest(405, "use GET or POST")
        lines = [f"{head.method} {head.path} HTTP/{version}"]
        lines += [f"{name}: {value}" for name, value in head.headers.items() if name != "upgrade"]
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def _refuse(self, status: int, reason: str) -> None:
        self._refusal = MalformedRequest(status, reason)
        raise self._refusal


def response(
    status: int,
    body: bytes = b"",
    *,
    headers: tuple[tuple[str, str], ...] = (),
    close: bool = False,
) -> bytes:
    """One whole response, so that it can leave in one write.

    Line breaks in header values become spaces: a JSON text means the same with either.
    """
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}"]
    lines += [f"{name}: {_one_line(value)}" for name, value in headers]
    lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _one_line(value: str) -> str:
    if "\n" in value or "\r" in value:
        return value.replace("\r", " ").replace("\n", " ")
    return value
