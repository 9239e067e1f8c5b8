"""Questions and answers of DNS, by hand (RFC 1035, section 4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

A, PTR, TXT, AAAA, SRV, HTTPS = 1, 12, 16, 28, 33, 65
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NO_SUCH_NAME, NOT_DONE = 0, 1, 2, 3, 4


def question(
    name: str, kind: int = A, *, id_: int = 7, flags: int = 0x100, more: bytes = b""
) -> bytes:
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split(".") if each)
    head = struct.pack(">HHHHHH", id_, flags, 1, 0, 0, bool(more))
    return head + labels + b"\0" + struct.pack(">HH", kind, 1) + more


@dataclass(frozen=True, slots=True)
class Answer:
    id: int
    code: int
    question: bytes
    """As sent back, with kind and class."""
    address: str | None


def answer(message: bytes) -> Answer:
    id_, flags, questions, answers, authorities, more = struct.unpack_from(">HHHHHH", message)
    assert flags & 0x8400 == 0x8400, "an answer of who knows"
    assert (authorities, more) == (0, 0)
    at = 12
    if questions:
        while message[at]:
            at += 1 + message[at]
        at += 5
    asked, address = message[12:at], None
    if answers:
        name, kind, class_, _, length = struct.unpack_from(">HHHIH", message, at)
        assert (answers, name, kind, class_, length) == (1, 0xC00C, A, 1, 4)
        address = ".".join(map(str, message[at + 12 : at + 16]))
        at += 16
    assert at == len(message)
    return Answer(id_, flags & 15, asked, address)
