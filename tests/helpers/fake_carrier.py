"""A carrier in a thread of the test: frames on a socket pair, connections on loopback.

It starts nothing: a test connects to its address as a runtime would, and says what exits.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Sequence

from pytest_lambda_rollback.engines.runtime_api.environment import Ending
from pytest_lambda_rollback.engines.runtime_api.wire import SocketWire

CREDIT = 65_536


def frame(kind: str, id_: int = 0, payload: bytes = b"") -> bytes:
    return (
        bytes((ord(kind), 0)) + id_.to_bytes(2, "big") + len(payload).to_bytes(4, "big") + payload
    )


def fields(*texts: str) -> bytes:
    return "".join(f"{text}\0" for text in texts).encode()


class FakeCarrier:
    """Satisfies environment.Confinement."""

    def __init__(self, *, extensions: Sequence[str] = (), left: Sequence[str] = ()) -> None:
        ours, self._plugin = socket.socketpair()
        self.wire = SocketWire(ours)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.setblocking(False)
        self._exits: list[tuple[int, bytes, threading.Event]] = []
        self.started: list[tuple[int, tuple[str, ...]]] = []
        self.signals: list[tuple[int, int]] = []
        self.left = list(left)
        self.memory = ["peak=1000", "anonymous=1000", "oom_kills=0", "over=0"]
        self.why = Ending()
        self.ended = False
        self.resets = 0
        self.asked = 0
        self._lock = threading.Lock()
        self._streams: dict[int, socket.socket] = {}
        self._ids: dict[socket.socket, int] = {}
        self._credit: dict[int, int] = {}
        self._unsent: dict[int, bytearray] = {}
        self._ending: set[int] = set()
        self._next_id = 1
        self._stop = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._plugin, selectors.EVENT_READ)
        self._selector.register(self.listener, selectors.EVENT_READ)
        names = [f"extension={name}" for name in extensions]
        self._send("H", 0, fields("protocol=1", "machine=x86_64", "pid=1", "filter=1", *names))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.listener.getsockname()
        return host, port

    def ending(self) -> Ending:
        return self.why

    def end(self) -> None:
        self.ended = True
        self.die()
        self.wire.release()

    def die(self) -> None:
        """End as if killed from outside."""
        self._stop = True
        with contextlib.suppress(OSError):
            self._plugin.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._plugin.close()
        self.listener.close()
        self._selector.close()

    def exit(self, process: int, *told: str) -> None:
        """Report the end of a process, after all that was sent before."""
        done = threading.Event()
        self._exits.append((process, fields(*told, *self.memory), done))
        done.wait(5)

    def send_raw(self, data: bytes) -> None:
        with self._lock:
            self._plugin.sendall(data)

    def _send(self, kind: str, id_: int = 0, payload: bytes = b"") -> None:
        with contextlib.suppress(OSError):  # the plugin has gone; the thread sees it next
            self.send_raw(frame(kind, id_, payload))

    def _report_exits(self) -> None:
        while self._exits:
            process, told, done = self._exits.pop(0)
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._accept()
            for id_, stream in tuple(self._streams.items()):
                self._read(id_, stream)
            self._send("X", process, told)
            done.set()

    def _run(self) -> None:
        waiting = bytearray()
        while not self._stop:
            self._report_exits()
            for id_ in [id_ for id_, unsent in self._unsent.items() if unsent]:
                self._write(id_)
            for key, _ in self._selector.select(0.02):
                if key.fileobj is self._plugin:
                    try:
                        data = self._plugin.recv(1 << 20)
                    except OSError:
                        data = b""
                    if not data:
                        self._close_all()
                        return
                    waiting += data
                    self._take_frames(waiting)
                elif key.fileobj is self.listener:
                    with contextlib.suppress(BlockingIOError):
                        self._accept()
                else:
                    stream = key.fileobj
                    assert isinstance(stream, socket.socket)
                    if stream in self._ids:
                        self._read(self._ids[stream], stream)
        self._close_all()

    def _accept(self) -> None:
        stream, _ = self.listener.accept()
        stream.setblocking(False)
        id_, self._next_id = self._next_id, self._next_id + 1
        self._streams[id_], self._ids[stream], self._credit[id_] = stream, id_, CREDIT
        self._send("O", id_, fields("port=9001"))
        self._selector.register(stream, selectors.EVENT_READ)

    def _read(self, id_: int, stream: socket.socket) -> None:
        credit = self._credit.get(id_, 0)
        if not credit:
            self._pause(stream)
            return
        try:
            data = stream.recv(min(credit, 65_536))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._credit[id_] -= len(data)
            self._send("D", id_, data)
        else:
            self._pause(stream)
            self._send("E", id_)

    def _pause(self, stream: socket.socket) -> None:
        if stream in self._selector.get_map():
            self._selector.unregister(stream)

    def _take_frames(self, waiting: bytearray) -> None:
        while len(waiting) >= 8:
            kind, id_ = chr(waiting[0]), int.from_bytes(waiting[2:4], "big")
            length = int.from_bytes(waiting[4:8], "big")
            if len(waiting) < 8 + length:
                return
            payload = bytes(waiting[8 : 8 + length])
            del waiting[: 8 + length]
            self._act(kind, id_, payload)

    def _act(self, kind: str, id_: int, payload: bytes) -> None:
        stream = self._streams.get(id_)
        match kind:
            case "S":
                self.started.append((id_, tuple(payload.decode().split("\0")[:-1])))
            case "K":
                self.signals.append((id_, payload[0]))
            case "M":
                self.asked += 1
                self._send("M", 0, fields(*self.memory))
            case "R":
                self.resets += 1
                self._close_all()
                self._send("R", 0, fields(*(f"left={text}" for text in self.left)))
            case "D" if stream is not None:
                self._unsent.setdefault(id_, bytearray()).extend(payload)
                self._write(id_)
            case "W" if stream is not None:
                self._credit[id_] += int.from_bytes(payload, "big")
                if stream not in self._selector.get_map():
                    self._selector.register(stream, selectors.EVENT_READ)
            case "E" if stream is not None:
                self._ending.add(id_)
                self._write(id_)
            case "C" if stream is not None:
                self._forget(id_)

    def _write(self, id_: int) -> None:
        """Pass on what a connection takes now."""
        unsent, stream = self._unsent.setdefault(id_, bytearray()), self._streams.get(id_)
        if stream is None:
            del self._unsent[id_]
            return
        with contextlib.suppress(BlockingIOError):
            try:
                while unsent:
                    sent = stream.send(unsent)
                    del unsent[:sent]
                    self._send("W", id_, sent.to_bytes(4, "big"))
                if id_ in self._ending:
                    self._ending.discard(id_)
                    stream.shutdown(socket.SHUT_WR)
            except BlockingIOError:
                raise
            except OSError:
                unsent.clear()

    def _forget(self, id_: int) -> None:
        stream = self._streams.pop(id_, None)
        if stream is not None:
            self._pause(stream)
            self._ids.pop(stream, None)
            stream.close()

    def _close_all(self) -> None:
        for id_ in tuple(self._streams):
            self._forget(id_)
