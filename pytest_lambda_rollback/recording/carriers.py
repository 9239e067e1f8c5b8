"""Text that carries another document: JSON, JSON lines, base64, gzip. Pure.

`opened` gives the document inside and a way to put a changed one back in the same form. Who did
not change anything keeps the text as it was, so nothing is written anew that need not be. What
is looked for inside is not known here.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Callable
from typing import Final

MAX_UNPACKED_BYTES: Final = 32 * 1024 * 1024
"""More than any event may hold; what unpacks to more is left alone."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/\r\n]{7,}={0,2}|[A-Za-z0-9_-]{7,}={0,2}")
_GZIP: Final = b"\x1f\x8b"

Close = Callable[[object], str]


class NumberText(float):
    """A decimal number that is written back as it was read, 1.10 as 1.10."""

    text: str

    def __new__(cls, text: str) -> NumberText:
        """Keep the text."""
        made = super().__new__(cls, text)
        made.text = text
        return made


def opened(text: str, *, encoded: bool = True) -> tuple[object, Close] | None:
    """The document that a text carries, and what writes a changed one; ``None`` if it is plain.

    ``encoded`` says whether base64 is looked into, which any short word may be by chance.
    """
    if found := _json(text):
        return found
    if encoded and _BASE64.fullmatch(text):
        return _base64(text)
    return None


def read_json(text: str) -> object:
    """A JSON value with its decimals as written. Raises ValueError, RecursionError."""
    return json.loads(text, parse_float=NumberText, object_pairs_hook=_unique)


def write_json(value: object, *, compact: bool = True, ascii_only: bool = False) -> str:
    """JSON text with decimals as they were read."""
    comma, colon = (",", ":") if compact else (", ", ": ")
    if isinstance(value, dict):
        members = (
            f"{json.dumps(key, ensure_ascii=ascii_only)}{colon}"
            f"{write_json(item, compact=compact, ascii_only=ascii_only)}"
            for key, item in value.items()
        )
        return f"{{{comma.join(members)}}}"
    if isinstance(value, list):
        items = (write_json(item, compact=compact, ascii_only=ascii_only) for item in value)
        return f"[{comma.join(items)}]"
    if isinstance(value, NumberText):
        return value.text
    return json.dumps(value, ensure_ascii=ascii_only)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # The value of the first key would be hidden from whoever looks for secrets.
        raise ValueError("a key stands twice in one object")
    return found


def _json(text: str) -> tuple[object, Close] | None:
    start = text.lstrip()[:1]
    if start not in ("{", "[", '"') or not start:
        return None
    try:
        value = read_json(text)
    except (ValueError, RecursionError):
        return _lines(text) if start == "{" and "\n" in text else None
    spaced = re.search(r'"\s*:\s', text) is not None
    ascii_only = text.isascii() and "\\u" in text
    head = text[: len(text) - len(text.lstrip())]
    tail = text[len(text.rstrip()) :]

    def close(changed: object) -> str:
        return head + write_json(changed, compact=not spaced, ascii_only=ascii_only) + tail

    return value, close


def _lines(text: str) -> tuple[object, Close] | None:
    """JSON lines: a document in each line."""
    lines = text.split("\n")
    each: list[tuple[object, Close] | None] = [_json(line) for line in lines]
    if any(one is None and line.strip() for one, line in zip(each, lines, strict=True)):
        return None
    values: list[object] = [one[0] for one in each if one]

    def close(changed: object) -> str:
        following = iter(changed if isinstance(changed, list) else ())
        return "\n".join(
            one[1](next(following)) if one else line for one, line in zip(each, lines, strict=True)
        )

    return values, close


def _base64(text: str) -> tuple[object, Close] | None:
    url_safe = "-" in text or "_" in text
    bare = text.replace("\r", "").replace("\n", "").rstrip("=")
    decode = base64.urlsafe_b64decode if url_safe else base64.b64decode
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    try:
        content = decode(bare + "=" * (-len(bare) % 4))
    except (ValueError, binascii.Error):
        return None
    packed = content.startswith(_GZIP)
    if packed:
        unpacked = _unpacked(content)
        if unpacked is None:
            return None
        content = unpacked
    try:
        inner = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not all(char.isprintable() or char in "\t\r\n" for char in inner):
        return None
    padded = text.endswith("=") or not len(bare) % 4

    def close(changed: object) -> str:
        plain = str(changed).encode("utf-8", "surrogatepass")
        coded = encode(gzip.compress(plain, mtime=0) if packed else plain).decode()
        return coded if padded else coded.rstrip("=")

    return inner, close


def _unpacked(content: bytes) -> bytes | None:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(content, MAX_UNPACKED_BYTES)
    except zlib.error:
        return None
    return plain if unpacker.eof and not unpacker.unused_data else None
