"""Text that carries other text: JSON, JSON lines, base64, gzip, zlib, tokens, percent-encoding.

`open_document` returns the document inside and a function that puts a changed one back in the same
form. A caller that changes nothing keeps the text, so nothing is rewritten without need.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote, unquote

MAX_UNPACKED_BYTES: Final = 32 * 1024 * 1024
"""More than any event may hold; larger contents are not changed."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/\r\n]{7,}={0,2}|[A-Za-z0-9_-]{7,}={0,2}")
_GZIP: Final = b"\x1f\x8b"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_TEXTS: Final = re.compile(rb"[ -~\t\r\n]{6,}")
_DELIMITER: Final = re.compile(rb"--[^\r\n]{1,70}(?=\r?\n)")
_EMBEDDED: Final = re.compile(
    r"(?<![\w+/-])(?:eyJ|eyA|ewo|ew0|W3s|W1s|H4sI|eJ[wxyz]|eN[or])[\w+/-]{13,}={0,2}(?![\w+/=-])"
)
"""Base64 of JSON, gzip and zlib somewhere in a text, by its first characters."""

_BINARY_BYTES: Final = 24
"""Texts in fewer bytes are too short to hold anything."""

Close = Callable[[object], str]


class Pieces(list[object]):
    """The texts within a text; everything between them stays."""


class NumberText(float):
    """A decimal number that is written back as it was read, 1.10 as 1.10."""

    text: str

    def __new__(cls, text: str) -> NumberText:
        """Keep the text."""
        made = super().__new__(cls, text)
        made.text = text
        return made


def open_document(text: str, *, encoded: bool = True) -> tuple[object, Close] | None:
    """The document in a text, and the function that writes a changed one; ``None`` if plain.

    ``encoded`` says whether base64 is decoded, which any short word may be by chance.
    """
    if found := _json(text):
        return found
    if encoded and _BASE64.fullmatch(text):
        return _base64(text)
    return _embedded(text) if encoded else None


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
        raise ValueError("an object has a key twice")
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
    content, pack = _unpacked(content)
    padded = text.endswith("=") or not len(bare) % 4

    def close(plain: bytes) -> str:
        coded = encode(pack(plain)).decode()
        return coded if padded else coded.rstrip("=")

    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8"
    try:
        inner = content.decode(encoding)
    except UnicodeDecodeError:
        return _binary(content, close)
    if not all(char.isprintable() or char in "\t\r\n" for char in inner):
        return _binary(content, close)
    return inner, lambda changed: close(str(changed).encode(encoding, "surrogatepass"))


def _binary(content: bytes, close: Callable[[bytes], str]) -> tuple[object, Close] | None:
    """The texts in binary data such as protocol buffers; lengths before them may become wrong."""
    if len(content) < _BINARY_BYTES:
        return None
    found = list(_texts(content))
    if not found:
        return None
    texts = Pieces(content[start:end].decode("utf-8") for start, end in found)

    def joined(changed: object) -> str:
        done, at = bytearray(), 0
        for (start, end), text in zip(
            found, changed if isinstance(changed, list) else (), strict=True
        ):
            done += content[at:start] + str(text).encode("utf-8", "surrogatepass")
            at = end
        return close(bytes(done + content[at:]))

    return texts, joined


def _texts(content: bytes) -> Iterator[tuple[int, int]]:
    """(start, end) of the text parts of a form with files, and of other readable texts."""
    delimiter = _DELIMITER.match(content)
    at = 0
    for part in content.split(delimiter[0]) if delimiter else (content,):
        if delimiter and part and _is_text(part):
            yield at, at + len(part)
        else:
            yield from ((at + each.start(), at + each.end()) for each in _TEXTS.finditer(part))
        at += len(part) + (len(delimiter[0]) if delimiter else 0)


def _embedded(text: str) -> tuple[object, Close] | None:
    """Base64 within a longer text, where it begins like that of a document."""
    found = [
        match.span()
        for match in _EMBEDDED.finditer(text)
        if _BASE64.fullmatch(match[0]) and _base64(match[0]) is not None
    ]
    if not found:
        return None

    def joined(changed: object) -> str:
        done, at = [], 0
        for (start, end), piece in zip(
            found, changed if isinstance(changed, list) else (), strict=True
        ):
            done += [text[at:start], str(piece)]
            at = end
        return "".join([*done, text[at:]])

    return Pieces(text[start:end] for start, end in found), joined


def _unpacked(content: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The decompressed bytes and a function that compresses again; the same bytes otherwise."""
    if content.startswith(_GZIP):
        plain = _inflated(content, wbits=31)
        if plain is not None:
            return plain, lambda changed: gzip.compress(changed, mtime=0)
    if content[:1] == b"\x78" and int.from_bytes(content[:2], "big") % 31 == 0:
        plain = _inflated(content, wbits=15)
        if plain is not None:
            return plain, zlib.compress
    if len(content) >= _BINARY_BYTES and not _is_text(content):
        plain = _inflated(content, wbits=-15)  # as SAML requests in URLs
        if plain is not None and _is_text(plain):
            return plain, lambda changed: zlib.compress(changed)[2:-4]
    return content, bytes


def _is_text(content: bytes) -> bool:
    try:
        return all(char.isprintable() or char in "\t\r\n" for char in content.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _inflated(content: bytes, *, wbits: int) -> bytes | None:
    """All members one after another, ``None`` if it is damaged or becomes too large."""
    done = bytearray()
    while content:
        unpacker = zlib.decompressobj(wbits=wbits)
        try:
            done += unpacker.decompress(content, MAX_UNPACKED_BYTES + 1 - len(done))
        except zlib.error:
            return None
        if not unpacker.eof or len(done) > MAX_UNPACKED_BYTES:
            return None
        content = unpacker.unused_data if wbits > 15 else b""
        if unpacker.unused_data and wbits <= 15:
            return None
    return bytes(done)


# --- JSON Web Tokens (RFC 7519) -------------------------------------------------------------------


def token_header(token: str) -> dict[str, object] | None:
    """The header of a token; ``None`` for any other text with dots in it."""
    header = _token_part(token.partition(".")[0])
    return header if isinstance(header, dict) and ("alg" in header or "typ" in header) else None


def redraw_token(
    token: str, *, text: Callable[[str], str], claims: Callable[[object], object]
) -> str:
    """A token of the same form: ``claims`` returns another payload, ``text`` another text.

    Algorithm and type of the header stay; the signature becomes another one of the same length.
    """
    parts = token.split(".")
    padded = "=" in token
    header = token_header(token)
    if header is not None:
        parts[0] = _changed_part(parts[0], header, _with_id(header, text), padded=padded)
    if len(parts) != 3:  # encrypted (RFC 7516): nobody but its reader knows what it says
        return ".".join([parts[0], *(text(part) for part in parts[1:])])
    payload = _token_part(parts[1])
    if isinstance(payload, dict):
        parts[1] = _changed_part(parts[1], payload, claims(payload), padded=padded)
    elif payload is None:
        parts[1] = text(parts[1])
    parts[2] = text(parts[2])
    return ".".join(parts)


def _with_id(header: dict[str, object], text: Callable[[str], str]) -> dict[str, object]:
    key = header.get("kid")
    return header | {"kid": text(key)} if isinstance(key, str) else header


def _token_part(part: str) -> object:
    """The JSON value of one part, or ``None``; some senders leave the padding in it."""
    bare = part.rstrip("=")
    try:
        return read_json(base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)).decode("utf-8"))
    except (ValueError, binascii.Error, RecursionError):
        return None


def _changed_part(part: str, old: object, new: object, *, padded: bool) -> str:
    if new == old:
        return part
    encoded = base64.urlsafe_b64encode(write_json(new).encode("utf-8", "surrogatepass")).decode()
    return encoded if padded else encoded.rstrip("=")


# --- percent-encoding (RFC 3986) ------------------------------------------------------------------

_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_MAX_LEVELS: Final = 8
_NO_UTF_8: Final = re.compile(r"[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text with its escapes decoded, once or more often."""

    text: str
    _here: tuple[int, ...]
    """Positions in this text of escaped characters, and of the text after a run of them."""
    _there: tuple[int, ...]
    """The same positions in the text that was decoded."""
    _before: Decoded | None
    """That text, where it was decoded itself."""

    def place(self, at: int) -> int:
        """The position in the original text of a character of this one."""
        number = bisect_right(self._here, at) - 1
        at += self._there[number] - self._here[number]
        return at if self._before is None else self._before.place(at)


def decoded_levels(text: str) -> Iterator[Decoded]:
    """The text decoded once, twice, and so on while there are escapes.

    Raises RecursionError for too many levels.
    """
    level = _decoded_once(text, None)
    for _ in range(_MAX_LEVELS):
        if level is None:
            return
        yield level
        level = _decoded_once(level.text, level)
    if level is not None:
        raise RecursionError("escapes within escapes")


def decode_fully(text: str) -> str:
    """The text without escapes."""
    for level in decoded_levels(text):
        text = level.text
    return text


def encode_like(text: str, like: str) -> str:
    """The text, escaped like another one: the same characters, as often as there."""
    for each in reversed([like, *(level.text for level in decoded_levels(like))]):
        escaped = set("".join(map(unquote, _ESCAPES.findall(each))))
        if escaped:
            text = "".join(map(partial(_escaped_char, escaped=escaped, literal=set(each)), text))
    return text


def _escaped_char(char: str, *, escaped: set[str], literal: set[str]) -> str:
    if char in escaped and not char.isalnum():
        return "".join(f"%{byte:02X}" for byte in char.encode("utf-8"))
    return char if char in literal else quote(char, safe="")


def _decoded_once(text: str, before: Decoded | None) -> Decoded | None:
    parts: list[str] = []
    here, there = [0], [0]
    at = length = 0
    for match in _ESCAPES.finditer(text):
        parts.append(text[at : match.start()])
        length += match.start() - at
        at = match.start()
        # Invalid UTF-8 becomes one character for each byte, so that positions stay known.
        for char in unquote(match[0], errors="surrogateescape"):
            here.append(length)
            there.append(at)
            parts.append(char)
            length += 1
            at += 3 * len(char.encode("utf-8", "surrogateescape"))
        here.append(length)
        there.append(at)
    if not at:
        return None
    decoded = _NO_UTF_8.sub("\ufffd", "".join([*parts, text[at:]]))
    return Decoded(decoded, tuple(here), tuple(there), before)
