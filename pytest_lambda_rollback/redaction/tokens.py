"""JSON Web Tokens (RFC 7519): their parts decoded, changed, and put together again. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from pytest_lambda_rollback.redaction.encoded_documents import read_json, write_json


def header_of(token: str) -> dict[str, object] | None:
    """The header of what is a token, and ``None`` for any other text with dots in it."""
    header = _decoded(token.partition(".")[0])
    return header if isinstance(header, dict) and ("alg" in header or "typ" in header) else None


def redrawn(token: str, *, text: Callable[[str], str], claims: Callable[[object], object]) -> str:
    """A token of the same form: ``claims`` gives another payload, ``text`` another text.

    Algorithm and type of the header stay; the signature becomes another one of the same length.
    """
    parts = token.split(".")
    padded = "=" in token
    header = header_of(token)
    if header is not None:
        parts[0] = _changed(parts[0], header, _with_id(header, text), padded=padded)
    if len(parts) != 3:  # encrypted (RFC 7516): nobody but its reader knows what it says
        return ".".join([parts[0], *(text(part) for part in parts[1:])])
    payload = _decoded(parts[1])
    if isinstance(payload, dict):
        parts[1] = _changed(parts[1], payload, claims(payload), padded=padded)
    elif payload is None:
        parts[1] = text(parts[1])
    parts[2] = text(parts[2])
    return ".".join(parts)


def _with_id(header: dict[str, object], text: Callable[[str], str]) -> dict[str, object]:
    key = header.get("kid")
    return header | {"kid": text(key)} if isinstance(key, str) else header


def _decoded(part: str) -> object:
    """The JSON value of one part, or ``None``; some senders leave the padding in it."""
    bare = part.rstrip("=")
    try:
        return read_json(base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)).decode("utf-8"))
    except (ValueError, binascii.Error, RecursionError):
        return None


def _changed(part: str, old: object, new: object, *, padded: bool) -> str:
    if new == old:
        return part
    encoded = base64.urlsafe_b64encode(write_json(new).encode("utf-8", "surrogatepass")).decode()
    return encoded if padded else encoded.rstrip("=")
