"""Bodies of HTTP answers, as a client receives them.

A body is text, or base64 where ``isBase64Encoded`` is true: each front end decodes it then, and
sends text as it is otherwise. A client undoes the ``Content-Encoding``. JSON is what RFC 8259
says: ``NaN`` and ``Infinity`` are no numbers, and every client but Python's fails on them.
https://www.rfc-editor.org/rfc/rfc8259.html#section-6
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass

from pytest_lambda_rollback.model.json_values import Json, TooDeepError, parse

_GZIP = b"\x1f\x8b"
_MAX_BYTES = 64 * 1024 * 1024
"""A body that grows beyond this when it is decompressed is left as it is."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}", re.ASCII)
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"%PDF-", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (_GZIP, "gzip"),
)
_ENCODINGS = frozenset(
    ("br", "compress", "dcb", "dcz", "deflate", "gzip", "x-compress", "x-gzip", "zstd")
)
"""The registered content encodings; clients take a body in another one (``utf-8``) as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A body that is text in the answer."""

    written: str
    """As the function wrote it."""
    flagged: bool
    """``isBase64Encoded`` is true."""
    is_base64: bool = False
    """It is flagged, and is base64."""
    encoding: str = ""
    """The content encoding in lower case; empty for none."""
    is_compressed: bool = True
    """The bytes are in that encoding, as far as this is known."""
    is_opaque: bool = False
    """The content cannot be looked into."""
    content: bytes = b""
    """What a client has after decoding."""

    @property
    def text(self) -> str | None:
        """The content as UTF-8 text; ``None`` for other content."""
        if not self.is_base64 and not self.encoding:
            return self.written
        try:
            return self.content.decode("utf-8")
        except ValueError:
            return None

    @property
    def looks_like_base64(self) -> bool:
        """True for a text that a forgotten flag would explain."""
        written = self.written
        return not self.flagged and len(written) % 4 == 0 and bool(_BASE64.fullmatch(written))

    @property
    def kind(self) -> str:
        """The kind of file by its first bytes; empty for others."""
        return next((name for start, name in _KINDS if self.content.startswith(start)), "")


def body_of(written: str, *, flagged: bool, encoding: str) -> Body:
    """Read a body with its flag and content encoding."""
    content = written.encode("utf-8", "surrogatepass")
    is_base64 = False
    if flagged:
        # Line breaks are what `base64.encodebytes` leaves; decoders for MIME skip them.
        try:
            content = base64.b64decode(written.replace("\n", "").replace("\r", ""), validate=True)
            is_base64 = True
        except (binascii.Error, ValueError):
            pass
    encoding = encoding.strip().lower()
    if encoding not in _ENCODINGS and "," not in encoding:
        return Body(written=written, flagged=flagged, is_base64=is_base64, content=content)
    plain = _decompressed(content, encoding)
    known = encoding in ("gzip", "x-gzip", "deflate")
    return Body(
        written=written,
        flagged=flagged,
        is_base64=is_base64,
        encoding=encoding.removeprefix("x-"),
        is_compressed=plain is not None or not known,
        is_opaque=plain is None,
        content=content if plain is None else plain,
    )


def _decompressed(content: bytes, encoding: str) -> bytes | None:
    """The decompressed content; ``None`` if it is in another encoding or too large."""
    windows = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}.get(encoding, ())
    for window in windows:
        decoder = zlib.decompressobj(window)
        try:
            plain = decoder.decompress(content, _MAX_BYTES)
        except zlib.error:
            continue
        if decoder.eof:
            return plain
    return None


def accepts(accept_encoding: str, encoding: str) -> bool:
    """True where a client says that it reads this content encoding.

    One that says nothing is taken to read none: that is how clients without support behave,
    though RFC 9110, section 12.5.3, lets a server choose then.
    """
    quality: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        value = next((p.partition("=")[2] for p in parameters if p.startswith("q=")), "1")
        try:
            quality[name.removeprefix("x-")] = float(value)
        except ValueError:
            quality[name] = 1.0
    return quality.get(encoding, quality.get("*", 0.0)) > 0


# --- JSON -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed JSON body."""

    value: Json
    is_strict: bool
    """False with NaN or Infinity in it."""


def document_of(text: str | None, *, is_json: bool) -> Document | None:
    """The document in a text; ``None`` for what is not JSON, as Python reads it.

    Without a content type that says so (``is_json``), only objects, arrays and texts in quotes
    count: numbers and words may be anything. Raises TooDeepError for a body that nests too deep.
    """
    if text is None or not text.strip() or (not is_json and text.lstrip()[0] not in '{["'):
        return None
    try:
        return Document(value=parse(text), is_strict=is_strict(text))
    except TooDeepError:
        raise
    except ValueError:
        return None


def is_strict(text: str | bytes) -> bool:
    """True for JSON without NaN and Infinity. Raises ValueError for what is not JSON."""
    if isinstance(text, str):
        suspect = "NaN" in text or "Infinity" in text
    else:
        suspect = b"NaN" in text or b"Infinity" in text
    if not suspect:
        return True
    try:
        json.loads(text, parse_constant=_refused, parse_int=str)
    except _ConstantError:
        return False
    return True


class _ConstantError(Exception):
    """A constant that JSON does not have."""


def _refused(name: str) -> None:
    raise _ConstantError(name)
