"""Frames between the plugin and the carrier, cut out of bytes and made into them, without any I/O.

Specified in ``engines/carrier/PROTOCOL.md``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from pytest_lambda_rollback.model.services import Door

PROTOCOL = "1"
MAX_PAYLOAD_BYTES = 65_536
"""Of every kind but START and FILE."""
MAX_START_BYTES = 262_144
CREDIT_BYTES = 65_536
"""What each side may send of a stream before the other has asked for more."""

MAX_DOORS = 256

_OWN_PORTS = (53, 9001)
_DOOR_NAME = re.compile(r"\*|(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_HEAD = struct.Struct(">BBHI")


class Kind(IntEnum):
    """The kinds of frames, by their first byte."""

    HELLO = ord("H")
    START = ord("S")
    NAMES = ord("N")
    FILE = ord("P")
    KILL = ord("K")
    EXIT = ord("X")
    LOG = ord("T")
    OPEN = ord("O")
    DATA = ord("D")
    END = ord("E")
    CLOSE = ord("C")
    WINDOW = ord("W")
    MEMORY = ord("M")
    LIMIT = ord("L")
    RESET = ord("R")
    CALL = ord("A")
    FAULT = ord("F")


_FROM_CARRIER = {
    int(kind): kind
    for kind in Kind
    if kind not in (Kind.START, Kind.NAMES, Kind.FILE, Kind.KILL, Kind.LIMIT)
}


class MalformedFrame(Exception):
    """The other side does not speak this protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. ``id`` is that of its stream or process, or 0."""

    kind: Kind
    id: int = 0
    payload: bytes = field(default=b"", repr=False)


def encode(kind: Kind, id_: int = 0, payload: bytes = b"") -> bytes:
    """The bytes of a frame. Raises ValueError for a payload over the kind's limit."""
    limit = MAX_START_BYTES if kind in (Kind.START, Kind.FILE) else MAX_PAYLOAD_BYTES
    if len(payload) > limit:
        raise ValueError(f"{len(payload)} bytes are too many for a frame {kind.name}")
    return _HEAD.pack(kind, 0, id_, len(payload)) + payload


class FrameReader:
    """Cuts the carrier's output into frames; holds at most one that is incomplete."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now. Raises MalformedFrame."""
        waiting = self._waiting
        waiting += data
        begin = 0
        try:
            while len(waiting) - begin >= _HEAD.size:
                number, zero, id_, length = _HEAD.unpack_from(waiting, begin)
                kind = _FROM_CARRIER.get(number)
                if kind is None or zero or length > MAX_PAYLOAD_BYTES:
                    raise MalformedFrame(f"the carrier sent an unknown frame ({number:#04x})")
                end = begin + _HEAD.size + length
                if len(waiting) < end:
                    return
                payload = bytes(memoryview(waiting)[begin + _HEAD.size : end])
                begin = end
                yield Frame(kind, id_, payload)
        finally:
            del waiting[:begin]


def fields_of(payload: bytes) -> tuple[tuple[str, str], ...]:
    """The ``name=value`` fields of a control frame, in their order."""
    texts = payload.decode("utf-8", "replace").split("\0")
    return tuple(
        (name, value) for name, _, value in (text.partition("=") for text in texts if text)
    )


def doors_payload(doors: Sequence[Door]) -> bytes:
    """The payload of NAMES. Raises ValueError for doors that no environment can open."""
    for door in doors:
        if door.name == "localhost" and door.port in _OWN_PORTS:
            raise ValueError(f"{door.text} is the carrier's own")
        if (
            len(door.name) > 253
            or not _DOOR_NAME.fullmatch(door.name)
            or not 0 < door.port < 65_536
        ):
            raise ValueError(f"{door.text!r} is no host name and port")
    texts = {f"door={door.text}": None for door in doors}
    if len(texts) > MAX_DOORS:
        raise ValueError(f"{len(texts)} doors are too many: at most {MAX_DOORS} can be opened")
    return "".join(f"{text}\0" for text in texts).encode()


def start_payload(
    *,
    directory: str,
    arguments: tuple[str, ...],
    variables: tuple[tuple[str, str], ...],
    unset: tuple[str, ...] = (),
) -> bytes:
    """The payload of START. Raises ValueError for text with a NUL, which no process can get."""
    texts = [f"d{directory}", *(f"a{argument}" for argument in arguments)]
    texts += [f"u{name}" for name in unset]
    texts += [f"e{name}={value}" for name, value in variables]
    if any("\0" in text for text in texts):
        raise ValueError("an argument or an environment variable contains a NUL character")
    return "\0".join([*texts, ""]).encode("utf-8", "surrogateescape")
