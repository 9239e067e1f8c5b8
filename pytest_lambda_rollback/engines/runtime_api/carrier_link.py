"""A carrier's frames as connections and news of processes: the plugin's side of the protocol.

It holds the credit of each stream, so that neither side keeps more of one than the protocol allows.
Requests on connections are interpreted elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pytest_lambda_rollback.engines.interface import Services
from pytest_lambda_rollback.engines.runtime_api.connection import Connection, Handler
from pytest_lambda_rollback.engines.runtime_api.doors import Doors
from pytest_lambda_rollback.engines.runtime_api.framing import (
    CREDIT_BYTES,
    Frame,
    FrameReader,
    Kind,
    MalformedFrame,
    encode,
    fields_of,
)
from pytest_lambda_rollback.engines.runtime_api.wire import Wire

_PIECE_BYTES = 32_768
"""Bytes of a stream that are consumed before the carrier gets credit for more."""
_UNSENT_BYTES = 8 * 1024 * 1024
"""More than this waiting for one client means that it reads nothing: its connection is dropped."""


@dataclass(slots=True)
class _Stream:
    """One connection inside the environment. Satisfies connection.Outlet."""

    id: int
    write: Callable[[bytes], None]
    connection: Connection | None = None
    credit: int = CREDIT_BYTES
    consumed: int = 0
    unsent: deque[bytes] = field(default_factory=deque)
    waiting: int = 0
    closing: bool = False
    open: bool = True

    def send(self, data: bytes) -> None:
        if not self.open or self.closing:
            return
        if len(data) <= self.credit and not self.unsent:
            self._now(data)
            return
        self.unsent.append(data)
        self.waiting += len(data)
        if self.waiting > _UNSENT_BYTES:
            self.drop()
            return
        self.flush()

    def close(self) -> None:
        self.closing = True
        self.flush()

    def flush(self) -> None:
        while self.unsent and self.credit:
            data = self.unsent.popleft()
            now, later = data[: self.credit], data[self.credit :]
            if later:
                self.unsent.appendleft(later)
            self.waiting -= len(now)
            self._now(now)
        if self.closing and self.open and not self.unsent:
            self.open = False
            self.write(encode(Kind.END, self.id))

    def drop(self) -> None:
        self.unsent.clear()
        self.waiting = 0
        if self.open:
            self.open = False
            self.write(encode(Kind.CLOSE, self.id))

    def _now(self, data: bytes) -> None:
        self.credit -= len(data)
        for begin in range(0, len(data), CREDIT_BYTES):
            self.write(encode(Kind.DATA, self.id, data[begin : begin + CREDIT_BYTES]))


class CarrierLink:
    """The connection to one carrier. Used by one thread at a time."""

    def __init__(self, wire: Wire, handler: Handler) -> None:
        self._wire = wire
        self.handler = handler
        """Gets the requests of connections that are opened from now on."""
        self._reader = FrameReader()
        self._streams: dict[int, _Stream] = {}
        self.services: Services | None = None
        """What connections that are opened from now on may lead to."""
        self._doors: Doors | None = None
        self._outgoing = bytearray()

    def send(self, kind: Kind, id_: int = 0, payload: bytes = b"") -> None:
        """Send a control frame, with all that waits. Raises WireClosed, ValueError."""
        self.queue(kind, id_, payload)
        self.flush()

    def queue(self, kind: Kind, id_: int = 0, payload: bytes = b"") -> None:
        """Leave a control frame for the next `flush`. Raises ValueError."""
        self._outgoing += encode(kind, id_, payload)

    def flush(self) -> None:
        """Send what streams and services have left for the carrier, and credit.

        Raises WireClosed, and EngineError where a service failed.
        """
        if self._doors is not None:
            self._doors.move(self._write)
        for stream in self._streams.values():
            self._restore_credit(stream)
        if self._outgoing:
            data = bytes(self._outgoing)
            self._outgoing.clear()
            self._wire.send(data)

    def receive(self, timeout_s: float, log: Callable[[bytes], None]) -> Iterator[Frame] | None:
        """The control frames among what has arrived; ``None`` if nothing does in ``timeout_s``.

        Requests on streams are handled, and ``log`` gets what was printed, each in its turn while
        the frames are iterated over. Raises WireClosed, MalformedFrame, EngineError.
        """
        if self._doors is not None:
            self.flush()
        received = self._wire.receive(timeout_s)
        return None if received is None else self._handled(received, log)

    def forget_streams(self) -> None:
        """Drop every stream: the carrier has closed them all."""
        self.close_doors()
        self._doors = None
        streams, self._streams = self._streams, {}
        self._outgoing.clear()
        for stream in streams.values():
            stream.open = False
            if stream.connection is not None:
                stream.connection.lost()

    def close_doors(self) -> None:
        """Close the connections to services. May be called from any thread."""
        doors = self._doors
        if doors is not None:
            doors.close()

    def _handled(self, data: bytes, log: Callable[[bytes], None]) -> Iterator[Frame]:
        for frame in self._reader.feed(data):
            match frame.kind:
                case Kind.DATA:
                    self._data(frame)
                case Kind.LOG:
                    log(frame.payload)
                case Kind.WINDOW:
                    self._more_credit(frame.id, int.from_bytes(frame.payload, "big"))
                case Kind.OPEN:
                    self._open(frame.id, dict(fields_of(frame.payload)))
                case Kind.END | Kind.CLOSE:
                    self._ended(frame)
                case _:
                    yield frame
        self.flush()

    def _open(self, id_: int, names: dict[str, str]) -> None:
        if "name" in names:
            if self._doors is None and self.services is not None:
                self._doors = Doors(self.services, self._wire.wake)
            if self._doors is None:  # of an environment that is being made anew
                self._write(encode(Kind.CLOSE, id_))
                return
            if not names.get("port", "").isdigit():
                raise MalformedFrame("the carrier opened a door without a port")
            self._doors.open(id_, names["name"], int(names["port"]))
            return
        stream = _Stream(id_, self._write)
        stream.connection = Connection(self.handler, stream)
        self._streams[id_] = stream

    def _write(self, data: bytes) -> None:
        self._outgoing += data

    def _more_credit(self, id_: int, count: int) -> None:
        stream = self._streams.get(id_)
        if stream is not None:
            stream.credit += count
            stream.flush()
        elif self._doors is not None and self._doors.has(id_):
            self._doors.give_credit(id_, count)

    def _data(self, frame: Frame) -> None:
        if self._doors is not None and self._doors.has(frame.id):
            self._doors.data(frame.id, frame.payload)
            return
        stream = self._streams.get(frame.id)
        if stream is None or stream.connection is None:
            return
        stream.consumed += len(frame.payload)
        stream.connection.receive(frame.payload)

    def _restore_credit(self, stream: _Stream) -> None:
        """Let the client send more, unless it sends ahead or does not read its answers."""
        held = stream.connection is not None and stream.connection.holding
        if stream.consumed >= _PIECE_BYTES and stream.open and not held and not stream.unsent:
            self._write(encode(Kind.WINDOW, stream.id, stream.consumed.to_bytes(4, "big")))
            stream.consumed = 0

    def _ended(self, frame: Frame) -> None:
        """The client will send no more; what it asked for is of no use to it then."""
        if self._doors is not None and self._doors.has(frame.id):
            if frame.kind is Kind.END:
                self._doors.end(frame.id)
            else:
                self._doors.drop(frame.id)
            return
        stream = self._streams.pop(frame.id, None)
        if stream is None:
            return
        if stream.connection is not None:
            stream.connection.lost()
        if frame.kind is Kind.END:
            stream.drop()
