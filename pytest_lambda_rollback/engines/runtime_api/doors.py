"""Connections of one environment's processes to services, between the carrier and their sockets.

The thread that moves the carrier's frames gives and takes bytes here and never waits: connecting
is done by a thread for each connection, and one more moves bytes to and from all sockets. Each
direction of a connection holds a bounded number of bytes, so who does not read holds up only
itself.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pytest_lambda_rollback.engines.interface import Services
from pytest_lambda_rollback.engines.runtime_api.framing import CREDIT_BYTES, Kind, encode
from pytest_lambda_rollback.engines.runtime_api.wire import Alarm
from pytest_lambda_rollback.errors import EngineError

_PIECE_BYTES: Final = 65_536
_HELD_BYTES: Final = 262_144
"""Bytes of a service that wait for a process before no more are read from it."""
_RESTORED_BYTES: Final = CREDIT_BYTES // 2
"""Bytes of a process that the service has taken before the carrier gets credit for more."""
_JOIN_S: Final = 2.0


@dataclass(slots=True, eq=False)
class _Door:
    """One connection. Everything but ``credit`` is guarded by the lock of its `Doors`."""

    id: int
    credit: int = CREDIT_BYTES
    """Bytes that the carrier still takes; used by the thread of frames alone."""
    socket: socket.socket | None = None
    outgoing: bytearray = field(default_factory=bytearray)
    """Of the process, for the service."""
    taken: int = 0
    """Bytes that the service took and the carrier has no credit for yet."""
    process_ended: bool = False
    half_closed: bool = False
    incoming: deque[bytes] = field(default_factory=deque)
    held: int = 0
    service_ended: bool = False
    end_told: bool = False
    refused: bool = False
    """The service takes nothing more, though it may still have sent something."""
    broken: bool = False
    """The service is not there, or its connection broke."""
    over: bool = False
    """Both sides have ended, or one has been told that it broke: the socket is to be closed."""

    @property
    def events(self) -> int:
        """What its socket is waited for."""
        if self.socket is None or self.broken or self.over:
            return 0
        reads = not self.service_ended and self.held < _HELD_BYTES
        writes = bool(self.outgoing) or (self.process_ended and not self.half_closed)
        writes = writes and not self.refused
        return selectors.EVENT_READ * reads | selectors.EVENT_WRITE * writes

    def write(self) -> None:
        """Send what the service takes now."""
        if self.socket is None or self.broken or self.refused:
            return
        try:
            while self.outgoing:
                sent = self.socket.send(memoryview(self.outgoing)[:_PIECE_BYTES])
                del self.outgoing[:sent]
                self.taken += sent
            if self.process_ended and not self.half_closed:
                self.half_closed = True
                self.socket.shutdown(socket.SHUT_WR)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.refused = True
            self.broken = self.service_ended and not self.process_ended
            self.outgoing.clear()

    def read(self) -> None:
        """Take what the service has sent."""
        if self.socket is None or self.broken:
            return
        try:
            while self.held < _HELD_BYTES:
                data = self.socket.recv(_PIECE_BYTES)
                if not data:
                    self.service_ended = True
                    self.broken = self.refused and not self.process_ended
                    return
                self.incoming.append(data)
                self.held += len(data)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.broken = True


class Doors:
    """The connections to services since the last fresh start of an environment.

    One thread uses them; `close` may be called from any. ``wake`` is called, from any thread, when
    there is something for `move` to do.
    """

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._services = services
        self._wake = wake
        self._lock = threading.Lock()
        self._doors: dict[int, _Door] = {}
        self._over: list[_Door] = []
        """Connections whose sockets are to be closed."""
        self._woken = False
        self._closed = False
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None
        self._alarm = Alarm()

    def open(self, id_: int, name: str, port: int) -> None:
        """A process has connected to ``name:port``."""
        door = _Door(id_)
        with self._lock:
            if self._closed:
                return
            self._doors[id_] = door
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="lambda-rollback-doors", daemon=True
                )
                self._thread.start()
        threading.Thread(
            target=self._connect,
            args=(door, name, port),
            name=f"connect to {name}:{port}",
            daemon=True,
        ).start()

    def has(self, id_: int) -> bool:
        """True if the stream is a connection to a service."""
        return id_ in self._doors

    def data(self, id_: int, data: bytes) -> None:
        """A process has sent bytes, no more than its credit."""
        with self._lock:
            door = self._doors.get(id_)
            if door is None or door.broken or door.refused:
                return
            door.outgoing += data
            door.write()
            waits = bool(door.outgoing)
        if waits:
            self._alarm.ring()

    def end(self, id_: int) -> None:
        """A process will send no more."""
        with self._lock:
            door = self._doors.get(id_)
            if door is not None:
                door.process_ended = True
                door.write()
        self._alarm.ring()

    def drop(self, id_: int) -> None:
        """A process's connection broke, or it has gone."""
        with self._lock:
            if id_ in self._doors:
                self._end(self._doors[id_])
        self._alarm.ring()

    def give_credit(self, id_: int, count: int) -> None:
        """The carrier takes so many bytes more."""
        door = self._doors.get(id_)
        if door is not None:
            door.credit += count

    def move(self, send: Callable[[bytes], None]) -> None:
        """Pass on what services have sent, as far as there is credit, and give credit.

        Raises EngineError for what `Services.connect` raised that is no OSError.
        """
        resumed = False
        with self._lock:
            self._woken = False
            if self._failure is not None:
                why = f"{type(self._failure).__name__}: {self._failure}"
                raise EngineError("a service failed", why=why) from self._failure
            for door in tuple(self._doors.values()):
                was_full = door.held >= _HELD_BYTES
                self._move_one(door, send)
                resumed |= door.over or (was_full and door.held < _HELD_BYTES)
        if resumed:
            self._alarm.ring()

    def close(self) -> None:
        """Close every connection and end the thread. Safe to call twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
            if thread is None:
                self._release()
                return
        self._alarm.ring()
        thread.join(timeout=_JOIN_S)

    def _move_one(self, door: _Door, send: Callable[[bytes], None]) -> None:
        while door.incoming and door.credit:
            data = door.incoming.popleft()
            now, later = data[: door.credit], data[door.credit :]
            if later:
                door.incoming.appendleft(later)
            door.credit -= len(now)
            door.held -= len(now)
            send(encode(Kind.DATA, door.id, now))
        if door.taken >= _RESTORED_BYTES and not door.process_ended:
            send(encode(Kind.WINDOW, door.id, door.taken.to_bytes(4, "big")))
            door.taken = 0
        if door.incoming:
            return
        if door.broken:
            send(encode(Kind.CLOSE, door.id))
            self._end(door)
            return
        if door.service_ended and not door.end_told:
            door.end_told = True
            send(encode(Kind.END, door.id))
        if door.end_told and (door.half_closed or (door.process_ended and door.refused)):
            self._end(door)

    def _end(self, door: _Door) -> None:
        door.over = True
        del self._doors[door.id]
        self._over.append(door)

    def _connect(self, door: _Door, name: str, port: int) -> None:
        connection: socket.socket | None = None
        failure: Exception | None = None
        try:
            connection = self._services.connect(name, port)
            connection.setblocking(False)
        except OSError:
            pass
        except Exception as error:
            failure = error
        with self._lock:
            kept = not (self._closed or door.over)
            if kept:
                door.socket = connection
                door.broken = connection is None
                self._failure = self._failure or failure
                door.write()
        if not kept:
            if connection is not None:
                connection.close()
        elif connection is None:
            self._tell()
        else:
            self._alarm.ring()

    def _tell(self) -> None:
        with self._lock:
            if self._woken or self._closed:
                return
            self._woken = True
        self._wake()

    def _run(self) -> None:
        waited: dict[_Door, int] = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self._alarm, selectors.EVENT_READ)
            while True:
                with self._lock:
                    if self._closed:
                        break
                    self._choose(selector, waited)
                    news = any(map(_has_news, self._doors.values()))
                if news:
                    self._tell()
                ready = selector.select()
                with self._lock:
                    for key, events in ready:
                        if key.fileobj is self._alarm:
                            self._alarm.clear()
                        elif isinstance(key.data, _Door):
                            self._serve(key.data, events)
            with self._lock:
                self._release()

    def _choose(self, selector: selectors.BaseSelector, waited: dict[_Door, int]) -> None:
        """Wait for what each connection can do now; close those that are over."""
        for door in self._over:
            if door.socket is None:
                continue
            if waited.pop(door, 0):
                selector.unregister(door.socket)
            door.socket.close()
        self._over.clear()
        for door in self._doors.values():
            if door.socket is not None and door.socket.fileno() < 0:
                # The service has closed this very socket; another may have its number by now.
                door.broken = True
                if waited.pop(door, 0):
                    selector.unregister(door.socket)
        for door in self._doors.values():
            if door.socket is None or door.socket.fileno() < 0:
                continue
            before, events = waited.pop(door, 0), door.events
            try:
                if before and not events:
                    selector.unregister(door.socket)
                elif events and not before:
                    selector.register(door.socket, events, door)
                elif events != before:
                    selector.modify(door.socket, events, door)
            except (OSError, ValueError, KeyError):  # it was closed since
                door.broken = True
                continue
            waited[door] = events

    @staticmethod
    def _serve(door: _Door, events: int) -> None:
        if door.over:
            return
        if events & selectors.EVENT_WRITE:
            door.write()
        if events & selectors.EVENT_READ:
            door.read()

    def _release(self) -> None:
        for door in (*self._doors.values(), *self._over):
            door.over = True
            if door.socket is not None:
                door.socket.close()
        self._doors.clear()
        self._over.clear()
        self._alarm.close()


def _has_news(door: _Door) -> bool:
    """True if `Doors.move` has something to tell of it."""
    return (
        (bool(door.incoming) and door.credit > 0)
        or door.broken
        or (door.service_ended and not door.end_told)
        or (door.end_told and (door.half_closed or (door.process_ended and door.refused)))
        or (door.taken >= _RESTORED_BYTES and not door.process_ended)
    )
