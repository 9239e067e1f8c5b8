"""The bytes between the plugin and a carrier: what an engine gives, whatever carries them."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from dataclasses import dataclass
from typing import Protocol

_PIECE_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Received:
    """What arrived: at least one byte of either."""

    frames: bytes = b""
    """The carrier's standard output."""
    log: bytes = b""
    """Its standard error, which is what the function's processes print."""


class WireClosed(Exception):
    """The other end is gone, or `Wire.close` was called."""


class Wire(Protocol):
    """Standard input, output and error of one carrier.

    One thread uses a wire at a time; ``close`` may be called from any.
    """

    def receive(self, timeout_s: float) -> Received | None:
        """What has arrived, waiting for it; ``None`` if nothing does within ``timeout_s``.

        Raises WireClosed, once all that arrived before has been received.
        """
        ...

    def send(self, data: bytes) -> None:
        """Send all of it. What arrives while it cannot be sent is kept for `receive`.

        Raises WireClosed.
        """
        ...

    def close(self) -> None:
        """End the connection. A call that waits in another thread raises WireClosed."""
        ...


class SocketWire:
    """A wire over a socket for frames and another one, or the end of a pipe, for the log.

    The sockets belong to the wire from now on.
    """

    def __init__(self, frames: socket.socket, log: socket.socket | None = None) -> None:
        self._frames = frames
        self._log = log
        self._closed = False
        self._early: list[Received] = []
        self._reading = selectors.DefaultSelector()
        frames.setblocking(False)
        self._reading.register(frames, selectors.EVENT_READ)
        if log is not None:
            log.setblocking(False)
            self._reading.register(log, selectors.EVENT_READ)

    def receive(self, timeout_s: float) -> Received | None:
        """See `Wire.receive`."""
        if self._early:
            return self._early.pop(0)
        deadline = time.monotonic() + timeout_s
        while True:
            if self._closed:
                raise WireClosed
            try:
                ready = self._reading.select(max(0.0, deadline - time.monotonic()))
            except (OSError, ValueError) as error:
                raise WireClosed from error
            if not ready:
                return None
            received = self._take({key.fileobj for key, _ in ready})
            if received is not None:
                return received

    def send(self, data: bytes) -> None:
        """See `Wire.send`."""
        rest = memoryview(data)
        while rest:
            if self._closed:
                raise WireClosed
            try:
                sent = self._frames.send(rest)
            except BlockingIOError:
                self._wait_until_writable()
            except OSError as error:
                raise WireClosed from error
            else:
                rest = rest[sent:]

    def close(self) -> None:
        """See `Wire.close`."""
        self._closed = True
        for each in (self._frames, self._log):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Give the sockets back to the system; no thread may use the wire any more."""
        self.close()
        self._reading.close()
        for each in (self._frames, self._log):
            if each is not None:
                each.close()

    def _take(self, ready: set[object]) -> Received | None:
        log = self._read(self._log) if self._log is not None and self._log in ready else None
        if log == b"" and self._log is not None:
            self._reading.unregister(self._log)
            self._log.close()
            self._log = None
        frames = self._read(self._frames) if self._frames in ready else None
        if frames == b"":
            # The log may hold the last words; what ended stays readable, so the end is seen again.
            log = log or (self._read(self._log) if self._log is not None else None)
            if not log:
                raise WireClosed
        return Received(frames or b"", log or b"") if frames or log else None

    @staticmethod
    def _read(readable: socket.socket) -> bytes | None:
        """What can be read; nothing at the end, ``None`` if it is not there yet."""
        try:
            return readable.recv(_PIECE_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def _wait_until_writable(self) -> None:
        """Wait for room, and take in frames that arrive: the carrier may wait for that as well."""
        with selectors.DefaultSelector() as both:
            try:
                both.register(self._frames, selectors.EVENT_READ | selectors.EVENT_WRITE)
                ready = both.select(1.0)
            except (OSError, ValueError) as error:
                raise WireClosed from error
        if any(events & selectors.EVENT_READ for _, events in ready):
            received = self._take({self._frames})
            if received is not None:
                self._early.append(received)
