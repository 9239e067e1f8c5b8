"""Just enough HTTP/1.1 for a Lambda runtime client, as a parser that does no input or output.

Bytes go in, requests come out; what a request means is not known here. It is written by hand
rather than taken from a library because it sits in the path of every replay, must stop *storing*
a body at a limit that depends on the request while it still reads it to the end, and must hand
out trailers, in which streamed responses report their errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

MAX_HEAD_BYTES = 2 * 1024 * 1024
"""AWS's runtime clients put an X-Ray cause of up to 1 MB into one header."""
_MAX_HEADERS = 256
_MAX_CHUNK_LINE = 4096

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/1\.([01])")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTENT_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")

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
    """The client does not speak HTTP: answer with ``status`` and close."""

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


class _Reading(Enum):
    HEAD = auto()
    BODY = auto()
    CHUNK_LINE = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    TRAILERS = auto()


class RequestParser:
    """Cuts a byte stream into requests; holds at most one body, up to ``limit_of(head)`` bytes."""

    def __init__(self, limit_of: Callable[[Head], int]) -> None:
        self._limit_of = limit_of
        self._buffer = bytearray()
        self._searched = 0
        self._reading = _Reading.HEAD
        self._head: Head | None = None
        self._body = bytearray()
        self._size = 0
        self._limit = 0
        self._left = 0
        self._trailers: Mapping[str, str] = {}
        self._continue = False

    @property
    def buffered_bytes(self) -> int:
        """How much was fed and not yet used."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take bytes from the connection."""
        self._buffer += data

    def wants_continue(self) -> bool:
        """Whether the client now waits for ``100 Continue``; asks once for each request."""
        wants, self._continue = self._continue, False
        return wants

    def next_request(self) -> Request | None:
        """The next whole request, or ``None`` until more bytes are fed.

        Raises MalformedRequest, after which the parser is of no more use.
        """
        while True:
            reading = self._reading
            if reading is _Reading.HEAD:
                if not self._read_head():
                    return None
            elif reading is _Reading.BODY:
                if not self._read_counted():
                    return None
                return self._finish()
            elif reading is _Reading.CHUNK_LINE:
                line = self._read_line()
                if line is None:
                    return None
                match = _CHUNK_SIZE.fullmatch(line)
                if match is None:
                    raise MalformedRequest(400, "malformed chunk size")
                self._left = int(match[1], 16)
                self._reading = _Reading.CHUNK if self._left else _Reading.TRAILERS
            elif reading is _Reading.CHUNK:
                if not self._read_counted():
                    return None
                self._reading = _Reading.CHUNK_END
            elif reading is _Reading.CHUNK_END:
                line = self._read_line()
                if line is None:
                    return None
                if line:
                    raise MalformedRequest(400, "chunk is longer than its size")
                self._reading = _Reading.CHUNK_LINE
            else:
                if not self._read_trailers():
                    return None
                return self._finish()

    def _read_head(self) -> bool:
        if not self._buffer:
            return False
        while self._buffer.startswith((b"\r", b"\n")):  # blank lines before a request are allowed
            del self._buffer[:1]
            self._searched = 0
        text = self._take_block()
        if text is None:
            return False
        line, _, rest = text.partition("\n")
        match = _REQUEST_LINE.fullmatch(line.rstrip("\r"))
        if match is None:
            raise MalformedRequest(400, "malformed request line")
        headers = _parse_fields(rest)
        connection = headers.get("connection", "").lower()
        keep_alive = "close" not in connection if match[3] == "1" else "keep-alive" in connection
        head = Head(method=match[1], path=match[2], headers=headers, keep_alive=keep_alive)
        self._head = head
        self._size = 0
        self._trailers = {}
        self._limit = self._limit_of(head)
        coding = headers.get("transfer-encoding")
        length = headers.get("content-length")
        if coding is not None:
            if length is not None:
                raise MalformedRequest(400, "both Content-Length and Transfer-Encoding")
            if coding.strip().lower() != "chunked":
                raise MalformedRequest(501, "unknown Transfer-Encoding")
            self._reading = _Reading.CHUNK_LINE
        else:
            if length is not None and not _CONTENT_LENGTH.fullmatch(length):
                raise MalformedRequest(400, "malformed Content-Length")
            self._left = int(length or 0)
            self._reading = _Reading.BODY
        if headers.get("expect", "").lower() == "100-continue":
            waits_for_body = coding is not None or self._left > 0
            self._continue = waits_for_body and not self._buffer
        return True

    def _read_counted(self) -> bool:
        """Read what is left of a counted body or chunk; past the limit it is only counted."""
        take = min(self._left, len(self._buffer))
        if take:
            self._size += take
            self._left -= take
            if self._size <= self._limit:
                self._body += memoryview(self._buffer)[:take]
            else:
                self._body = bytearray()
            del self._buffer[:take]
        return not self._left

    def _read_line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > _MAX_CHUNK_LINE:
                raise MalformedRequest(400, "chunk line too long")
            return None
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

    def _read_trailers(self) -> bool:
        if self._buffer.startswith((b"\r\n", b"\n")):
            del self._buffer[: 2 if self._buffer[0] == 0x0D else 1]
            return True
        if not self._buffer or self._buffer == b"\r":
            return False
        text = self._take_block()
        if text is None:
            return False
        self._trailers = _parse_fields(text)
        return True

    def _take_block(self) -> str | None:
        """Everything up to the next empty line, or ``None`` when it has not arrived."""
        match = _HEAD_END.search(self._buffer, max(0, self._searched - 3))
        end = match.start() if match else len(self._buffer)
        if end > MAX_HEAD_BYTES:
            raise MalformedRequest(431, f"headers exceed {MAX_HEAD_BYTES} bytes")
        if match is None:
            self._searched = end
            return None
        text = self._buffer[:end].decode("latin-1")
        del self._buffer[: match.end()]
        self._searched = 0
        return text

    def _finish(self) -> Request:
        if self._head is None:  # pragma: no cover - the states above exclude it
            raise MalformedRequest(400, "body without a head")
        request = Request(
            head=self._head, body=bytes(self._body), size_bytes=self._size, trailers=self._trailers
        )
        self._head = None
        self._body = bytearray()
        self._reading = _Reading.HEAD
        self._continue = False
        return request


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


def _parse_fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    if not text:
        return fields
    lines = text.split("\n")
    if len(lines) > _MAX_HEADERS:
        raise MalformedRequest(431, f"more than {_MAX_HEADERS} header lines")
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _HEADER_NAME.fullmatch(name):
            raise MalformedRequest(400, "malformed header line")
        name = name.lower()
        value = value.strip(" \t\r")
        if name in fields:
            if name in ("content-length", "transfer-encoding") and fields[name] != value:
                raise MalformedRequest(400, f"contradicting {name} headers")
            value = f"{fields[name]}, {value}" if name != "content-length" else value
        fields[name] = value
    return fields
