"""Bytes and values as JSON: an object's content, a request's parameters."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from datetime import datetime
from typing import Any, Final

SHOWN_LIMIT_BYTES: Final = 256 * 1024
"""Larger contents are told by their size and digest."""

_GZIP: Final = b"\x1f\x8b\x08"
_PICKLE_PROTOCOLS: Final = range(2, 6)


def described(content: bytes) -> dict[str, Any]:
    """``{"json": …}``, ``{"text": …}``, or ``{"bytes": N, "kind": …}`` for what is neither.

    What gzip holds stands beside it as ``holds``, in the same form. A pickle is told by its size
    alone, everything else also by its ``sha256``.
    """
    if content.startswith(_GZIP):
        unpacked = _unpacked(content)
        held = {"holds": described(unpacked)} if unpacked is not None else {}
        return {"bytes": len(content), "kind": "gzip", **held}
    if _is_pickle(content):
        return {"bytes": len(content), "kind": "pickle"}
    digest = {"sha256": hashlib.sha256(content).hexdigest()}
    if len(content) > SHOWN_LIMIT_BYTES:
        return {"bytes": len(content), "kind": "large", **digest}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"bytes": len(content), "kind": "binary", **digest}
    if "\0" in text:
        return {"bytes": len(content), "kind": "binary", **digest}
    if text.lstrip()[:1] in ("{", "["):
        try:
            return {"json": json.loads(text)}
        except (ValueError, RecursionError):
            pass
    return {"text": text}


def plain(value: Any) -> Any:
    """A value of botocore's as JSON: bytes, times and large contents in objects of their own.

    ``{"$text": …}`` and ``{"$bytes": base64}``, ``{"$time": …}``, ``{"$large": N, "sha256": …}``.
    """
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        if len(content) > SHOWN_LIMIT_BYTES:
            return {"$large": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        try:
            return {"$text": content.decode()}
        except UnicodeDecodeError:
            return {"$bytes": base64.b64encode(content).decode()}
    if isinstance(value, datetime):
        return {"$time": value.replace(tzinfo=None).isoformat() + "Z"}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def _unpacked(content: bytes) -> bytes | None:
    """What a gzip file holds, if it is whole and not too large."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = stream.decompress(content, SHOWN_LIMIT_BYTES)
    except zlib.error:
        return None
    return unpacked if stream.eof else None


def _is_pickle(content: bytes) -> bool:
    """Protocols 2 to 5 begin with their number and end with STOP; nothing is loaded."""
    return (
        len(content) > 3
        and content[0] == 0x80
        and content[1] in _PICKLE_PROTOCOLS
        and content.endswith(b".")
    )
