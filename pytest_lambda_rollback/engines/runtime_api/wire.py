"""The bytes between the plugin and a carrier: what an engine gives, whatever carries them."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import sys
import time
from dataclasses import dataclass
from typing import Protocol

_PIECE_BYTES = 65_536


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


class LogEnd(Protocol):
    """The methods of a socket that the reading end of a log needs to have."""

    def fileno(self) -> int:
        """Its number."""
        ...

    def setblocking(self, flag: bool, /) -> None:
        """Say whether `recv` waits."""
        ...

    def recv(self, size: int, /) -> bytes:
        """Read; nothing at the end."""
        ...

    def shutdown(self, how: int, /) -> None:
        """End it. May raise OSError."""
        ...

    def close(self) -> None:
        """Give it back to the system."""
        ...


if sys.platform != "win32":

    class SocketWire:
        """A wire over a socket for frames and another one for the log. On Linux only.

        The sockets belong to the wire from now on.
        """

        def __init__(self, frames: socket.socket, log: LogEnd | None = None) -> None:
            self._frames = frames
            self._log = log
            self._closed = False
            self._early: list[Received] = []
            self._frames_fd = frames.fileno()
            self._log_fd = -1 if log is None else log.fileno()
            self._poll = select.poll()
            ends: tuple[LogEnd | None, ...] = (frames, log)
            for each in ends:
                if each is not None:
                    each.setblocking(False)
                    self._poll.register(each.fileno(), select.POLLIN)

        def receive(self, timeout_s: float) -> Received | None:
            """See `Wire.receive`."""
            if self._early:
                return self._early.pop(0)
            deadline = time.monotonic() + timeout_s
            wait_s = timeout_s
            while not self._closed:
                ready = self._poll.poll(math.ceil(wait_s * 1000))
                received = self._take({fd for fd, _ in ready})
                if received is not None:
                    return received
                wait_s = deadline - time.monotonic()
                if not ready and wait_s <= 0:
                    return None
                wait_s = max(0.0, wait_s)
            raise WireClosed

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
            ends: tuple[LogEnd | None, ...] = (self._frames, self._log)
            for each in ends:
                if each is not None:
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)

        def release(self) -> None:
            """Give the sockets back to the system; no thread may use the wire any more."""
            self.close()
            ends: tuple[LogEnd | None, ...] = (self._frames, self._log)
            for each in ends:
                if each is not None:
                    each.close()

        def _take(self, ready: set[int]) -> Received | None:
            """What is there now; ``None`` if nothing is. Raises WireClosed."""
            frames = log = None
            if self._frames_fd in ready:
                frames = self._read(self._frames)
            if self._log is not None and (self._log_fd in ready or frames == b""):
                log = self._read(self._log)
                if log == b"":
                    self._poll.unregister(self._log_fd)
                    self._log.close()
                    self._log = None
            if frames == b"":
                if not log:  # what ended is seen again after the last words
                    raise WireClosed
                frames = None
            return Received(frames or b"", log or b"") if frames or log else None

        @staticmethod
        def _read(readable: LogEnd) -> bytes | None:
            """What can be read; nothing at the end, ``None`` if it is not there yet."""
            try:
                return readable.recv(_PIECE_BYTES)
            except (BlockingIOError, InterruptedError):
                return None
            except OSError:
                return b""

        def _wait_until_writable(self) -> None:
            """Wait for room, and take in frames: the carrier may wait for that as well."""
            poll = select.poll()
            poll.register(self._frames, select.POLLIN | select.POLLOUT)
            if any(events & select.POLLIN for _, events in poll.poll(1000)):
                frames = self._read(self._frames)
                if frames == b"":
                    raise WireClosed
                if frames:
                    self._early.append(Received(frames))
