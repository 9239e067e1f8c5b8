"""The bytes between the plugin and a carrier: what an engine gives, whatever carries them."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import sys
import time
from collections import deque
from typing import Protocol

_PIECE_BYTES = 65_536


class WireClosed(Exception):
    """The other end is gone, or `Wire.close` was called."""


class Wire(Protocol):
    """Standard input and output of one carrier.

    One thread uses a wire at a time; ``wake`` and ``close`` may be called from any.
    """

    def receive(self, timeout_s: float) -> bytes | None:
        """What has arrived, waiting for it; ``None`` if nothing does within ``timeout_s``.

        No bytes after `wake`. Raises WireClosed, once all that arrived before has been received.
        """
        ...

    def wake(self) -> None:
        """Let `receive` return, which waits in another thread or is called next."""
        ...

    def send(self, data: bytes) -> None:
        """Send all of it. What arrives while it cannot be sent is kept for `receive`.

        Raises WireClosed.
        """
        ...

    def close(self) -> None:
        """End the connection. A call that waits in another thread raises WireClosed."""
        ...


class Alarm:
    """Something to wait for beside a socket, which any thread may ring."""

    def __init__(self) -> None:
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)

    def fileno(self) -> int:
        """What a poll or selector waits for: readable once it rang."""
        return self._reading.fileno()

    def ring(self) -> None:
        """Wake who waits; nothing after `close`."""
        with contextlib.suppress(OSError):  # full: it rings; closed: nobody waits
            self._writing.send(b"\0")

    def clear(self) -> None:
        """Stop ringing."""
        with contextlib.suppress(OSError):
            self._reading.recv(_PIECE_BYTES)

    def close(self) -> None:
        """Give what it has back to the system."""
        self._reading.close()
        self._writing.close()


if sys.platform != "win32":

    class SocketWire:
        """A wire over a socket, which belongs to it from now on. On Linux only."""

        def __init__(self, frames: socket.socket) -> None:
            self._frames = frames
            self._closed = False
            self._early: deque[bytes] = deque()
            self._poll = select.poll()
            frames.setblocking(False)
            self._poll.register(frames, select.POLLIN)
            self._alarm = Alarm()
            self._poll.register(self._alarm, select.POLLIN)

        def receive(self, timeout_s: float) -> bytes | None:
            """See `Wire.receive`."""
            if self._early:
                return self._early.popleft()
            deadline = time.monotonic() + timeout_s
            wait_s = timeout_s
            while not self._closed:
                ready = self._poll.poll(math.ceil(wait_s * 1000))
                woken = len(ready) == 2 or (
                    len(ready) == 1 and ready[0][0] != self._frames.fileno()
                )
                received = self._read() if ready else None
                if woken:
                    self._alarm.clear()
                    return received or b""
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

        def wake(self) -> None:
            """See `Wire.wake`."""
            self._alarm.ring()

        def close(self) -> None:
            """See `Wire.close`."""
            self._closed = True
            with contextlib.suppress(OSError):
                self._frames.shutdown(socket.SHUT_RDWR)

        def release(self) -> None:
            """Give the socket back to the system; no thread may use the wire any more."""
            self.close()
            self._frames.close()
            self._alarm.close()

        def _read(self) -> bytes | None:
            """What is there; ``None`` if nothing is. Raises WireClosed at the end."""
            try:
                data = self._frames.recv(_PIECE_BYTES)
            except (BlockingIOError, InterruptedError):
                return None
            except OSError as error:
                raise WireClosed from error
            if not data:
                raise WireClosed
            return data

        def _wait_until_writable(self) -> None:
            """Wait for room, and take in frames: the carrier may wait for that as well."""
            poll = select.poll()
            poll.register(self._frames, select.POLLIN | select.POLLOUT)
            if any(events & select.POLLIN for _, events in poll.poll(1000)):
                frames = self._read()
                if frames is not None:
                    self._early.append(frames)
