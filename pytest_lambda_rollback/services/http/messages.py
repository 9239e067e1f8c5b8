"""HTTP requests that a function sent, and answers to them. Nothing is read or written here.

A request is hostile input: it has already passed the limits of `conversations`. An answer may
come from a file that somebody edited: what would break the connection is left out of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_AUTHORITY: Final = re.compile(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]")
_OF_THE_CONNECTION: Final = frozenset(
    (
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Headers that concern one connection (RFC 9110, 7.6.1), or that are made anew."""
_USUAL_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One whole request."""

    method: str
    scheme: str
    """``http`` or ``https``."""
    host: str
    """The name that the process connected to, in lower case."""
    port: int
    target: str
    """Path and query as they were sent, beginning with a slash, or ``*``."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Names are in lower case, and no name comes twice."""
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """The value of a header by its name in lower case, or nothing."""
        return next((value for known, value in self.headers if known == name), "")

    @property
    def path(self) -> str:
        """The path as it was sent, with its escapes."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query as it was sent, without the question mark."""
        return self.target.partition("?")[2]

    @property
    def authority(self) -> str:
        """Host and port as a URL has them: ``api.example.com``, ``localhost:8080``.

        The host is that of the request's ``Host`` header, if that is a valid one.
        """
        sent = self.header("host").lower()
        name, port = _split(sent)
        if not _AUTHORITY.fullmatch(name):
            name, port = self.host, str(self.port)
        if not port or port == str(_USUAL_PORTS[self.scheme]):
            return name
        return f"{name}:{port}"

    @property
    def url(self) -> str:
        """The absolute URL."""
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """The answer to one request."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    reason: str = ""
    """The words behind the status; the usual ones if empty."""
    close: bool = False
    """Whether the connection ends with this answer."""


def encoded(answer: HttpAnswer, *, method: str, close: bool) -> bytes:
    """The bytes of an answer to a request of that method.

    Length and transfer are stated anew, whatever the answer's own headers say; only the length
    that answers a HEAD is kept, since there is no body to count. Headers that are not valid are
    left out.
    """
    status = answer.status if 200 <= answer.status <= 999 else HTTPStatus.BAD_GATEWAY.value
    lines = [f"HTTP/1.1 {status} {_line(answer.reason) or _phrase(status)}"]
    lines += [
        f"{name}: {_line(value)}"
        for name, value in answer.headers
        if _TOKEN.fullmatch(name) and name.lower() not in _OF_THE_CONNECTION
    ]
    bodiless = method == "HEAD" or status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
    if status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {_length(answer, method)}")
    if close or answer.close:
        lines.append("Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
    return head if bodiless else head + answer.body


def _length(answer: HttpAnswer, method: str) -> int:
    if method == "HEAD":
        for name, value in answer.headers:
            if name.lower() == "content-length" and re.fullmatch("[0-9]{1,18}", value):
                return int(value)
    return len(answer.body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _line(value: str) -> str:
    return re.sub(r"[\r\n\0]+", " ", value)


def _split(authority: str) -> tuple[str, str]:
    """(name, port) of a host that may be an IPv6 address in brackets."""
    name, colon, port = authority.rpartition(":")
    if colon and port.isascii() and port.isdigit() and len(port) <= 5:
        return name, port
    return authority, ""
