"""The wire to a carrier in a container: Docker's attach connection, whatever it runs over.

Docker sends standard output and error through one connection, each piece after a header of eight
bytes (https://docs.docker.com/reference/api/engine/, "Attach to a container"). Unix sockets, TCP
and TLS are read without blocking. An ssh channel, the pipes of the ssh command and a Windows
named pipe can only be waited for: a thread reads them.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.engines.docker.daemon import answered
from pytest_lambda_rollback.engines.runtime_api.wire import Alarm, WireClosed

if TYPE_CHECKING:
    from docker.client import DockerClient

_HEADER_BYTES: Final = 8
_STDOUT: Final = 1
_STREAMS: Final = (0, _STDOUT, 2, 3)
"""Standard input (never sent), output, error, and an error of the daemon itself."""
_PIECE_BYTES: Final = 262_144
_FIRST_WORDS_BYTES: Final = 4096
_HELD_BYTES: Final = 1_048_576
"""What a reading thread holds before it waits for `receive`."""
_JOIN_S: Final = 2.0


class NoAttachment(Exception):
    """The bytes are not those of an attach connection."""


class Streams:
    """Takes an attach connection's bytes apart; holds at most a header and the first words."""

    def __init__(self) -> None:
        self.first_words = b""
        """The beginning of standard error, where only what cannot become the carrier writes."""
        self._header = bytearray()
        self._left = 0
        self._is_frames = False

    def feed(self, data: bytes) -> bytes | None:
        """The part of standard output in these bytes, if there is one. Raises NoAttachment."""
        frames: list[bytes] = []
        view = memoryview(data)
        while view:
            if not self._left:
                needed = _HEADER_BYTES - len(self._header)
                self._header += view[:needed]
                view = view[needed:]
                if len(self._header) < _HEADER_BYTES:
                    break
                self._read_header()
                continue
            piece = bytes(view[: self._left])
            if self._is_frames:
                frames.append(piece)
            else:
                self.first_words = (self.first_words + piece)[:_FIRST_WORDS_BYTES]
            self._left -= len(piece)
            view = view[len(piece) :]
        return b"".join(frames) if frames else None

    def _read_header(self) -> None:
        stream = self._header[0]
        if stream not in _STREAMS or any(self._header[1:4]):
            raise NoAttachment(bytes(self._header).hex())
        self._is_frames = stream == _STDOUT
        self._left = int.from_bytes(self._header[4:8], "big")
        self._header.clear()


class _Attachment:
    """What both kinds of wires have in common: taking apart, and early arrivals."""

    def __init__(self, response: Any) -> None:
        self._response = response  # holds the connection open
        self._streams = Streams()
        self._early: deque[bytes] = deque()
        self._closed = False

    @property
    def first_words(self) -> bytes:
        """The beginning of the container's standard error."""
        return self._streams.first_words

    def _taken_apart(self, data: bytes) -> bytes | None:
        try:
            return self._streams.feed(data)
        except NoAttachment as error:
            raise WireClosed from error


class SocketAttachment(_Attachment):
    """A `Wire` over a socket, with or without TLS."""

    def __init__(self, connection: socket.socket, response: Any = None) -> None:
        super().__init__(response)
        self._socket = connection
        connection.setblocking(False)
        self._alarm = Alarm()
        self._reading = selectors.DefaultSelector()
        self._reading.register(connection, selectors.EVENT_READ)
        self._reading.register(self._alarm, selectors.EVENT_READ)

    def receive(self, timeout_s: float) -> bytes | None:
        """See `Wire.receive`."""
        if self._early:
            return self._early.popleft()
        deadline = time.monotonic() + timeout_s
        while True:
            received = self._read()  # first, as TLS may hold bytes that no selector knows of
            if received is not None:
                return received
            left_s = deadline - time.monotonic()
            ready = self._wait(self._reading, left_s) if left_s >= 0 else []
            if not ready:
                return None
            if any(key.fileobj is self._alarm for key, _ in ready):
                self._alarm.clear()
                return self._read() or b""

    def send(self, data: bytes) -> None:
        """See `Wire.send`."""
        rest = memoryview(data)
        while rest:
            if self._closed:
                raise WireClosed
            try:
                sent = self._socket.send(rest)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait_for_room(selectors.EVENT_READ | selectors.EVENT_WRITE)
            except ssl.SSLWantReadError:
                self._wait_for_room(selectors.EVENT_READ)
            except (OSError, ValueError) as error:
                raise WireClosed from error
            else:
                rest = rest[sent:]

    def wake(self) -> None:
        """See `Wire.wake`."""
        self._alarm.ring()

    def close(self) -> None:
        """See `Wire.close`."""
        self._closed = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Give the connection back to the system; no thread may use the wire any more."""
        self.close()
        self._reading.close()
        self._alarm.close()
        with suppress(OSError):
            self._socket.close()
        if self._response is not None:
            self._response.close()
            self._response = None

    def _read(self) -> bytes | None:
        """What is there; ``None`` if nothing is. Raises WireClosed at the end."""
        while not self._closed:
            try:
                data = self._socket.recv(_PIECE_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None
            except (OSError, ValueError) as error:
                raise WireClosed from error
            if not data or self._closed:  # closed: what is read then is not decrypted
                raise WireClosed
            received = self._taken_apart(data)
            if received is not None:
                return received
        raise WireClosed

    def _wait_for_room(self, events: int) -> None:
        """Wait until more can be sent, and take in what arrives: the carrier may wait as well."""
        with selectors.DefaultSelector() as both:
            try:
                both.register(self._socket, events)
            except (OSError, ValueError) as error:
                raise WireClosed from error
            self._wait(both, 1.0)
        received = self._read()
        if received is not None:
            self._early.append(received)

    @staticmethod
    def _wait(
        selector: selectors.BaseSelector, timeout_s: float
    ) -> list[tuple[selectors.SelectorKey, int]]:
        try:
            return selector.select(timeout_s)
        except (OSError, ValueError) as error:
            raise WireClosed from error


class ThreadedAttachment(_Attachment):
    """A `Wire` over a connection that can only be waited for.

    ``read`` waits for bytes and gives none at the end; ``write`` writes all; ``end`` makes both
    fail in other threads.
    """

    def __init__(
        self,
        *,
        read: Callable[[], bytes],
        write: Callable[[bytes], object],
        end: Callable[[], object],
        response: Any = None,
    ) -> None:
        super().__init__(response)
        self._read = read
        self._write = write
        self._end = end
        self._changed = threading.Condition()
        self._held = 0
        self._sending = False
        self._woken = False
        self._over = False
        self._thread = threading.Thread(
            target=self._run, name="lambda-rollback-attachment", daemon=True
        )
        self._thread.start()

    def receive(self, timeout_s: float) -> bytes | None:
        """See `Wire.receive`."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                if self._closed:
                    raise WireClosed
                if self._early:
                    received = self._early.popleft()
                    self._held -= len(received)
                    self._changed.notify_all()
                    return received
                if self._over:
                    raise WireClosed
                if self._woken:
                    self._woken = False
                    return b""
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return None
                self._changed.wait(left_s)

    def send(self, data: bytes) -> None:
        """See `Wire.send`."""
        if self._closed:
            raise WireClosed
        with self._changed:
            self._sending = True
            self._changed.notify_all()
        try:
            self._write(data)
        except Exception as error:  # paramiko, pywin32 and pipes have each their own
            raise WireClosed from error
        finally:
            with self._changed:
                self._sending = False

    def wake(self) -> None:
        """See `Wire.wake`."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """See `Wire.close`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with suppress(Exception):
            self._end()

    def release(self) -> None:
        """Give the connection back to the system; no thread may use the wire any more."""
        self.close()
        self._thread.join(timeout=_JOIN_S)
        if self._response is not None:
            with suppress(Exception):
                self._response.close()
            self._response = None

    def _run(self) -> None:
        try:
            while not self._closed:
                data = self._read()
                if not data:
                    return
                received = self._taken_apart(data)
                if received is not None:
                    self._hold(received)
        except Exception:  # noqa: S110  # whatever ended the connection: it has ended
            pass
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _hold(self, received: bytes) -> None:
        with self._changed:
            while self._held > _HELD_BYTES and not (self._sending or self._closed):
                self._changed.wait()
            self._early.append(received)
            self._held += len(received)
            self._changed.notify_all()


Attachment = SocketAttachment | ThreadedAttachment


def attach(client: DockerClient, container: str) -> Attachment:
    """Attach to a container that has not been started, so that nothing of it is missed.

    Raises what the docker package raises.
    """
    api: Any = client.api
    response = answered(
        api.post(
            f"{api.base_url}/v{api.api_version}/containers/{container}/attach",
            params={"stream": 1, "stdin": 1, "stdout": 1, "stderr": 1},
            headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            stream=True,
            timeout=api.timeout,
        )
    )
    # The one place of the docker package that knows what lies under each transport.
    raw: Any = api._get_raw_response_socket(response)
    return over(getattr(raw, "_sock", raw), response)


def over(connection: Any, response: Any = None) -> Attachment:
    """The wire over what the docker package has for a connection."""
    if hasattr(connection, "proc"):  # the ssh command's pipes
        process = connection.proc
        return ThreadedAttachment(
            read=lambda: bytes(process.stdout.read1(_PIECE_BYTES)),
            write=connection.sendall,
            end=lambda: _end_process(process),
            response=response,
        )
    if isinstance(connection, socket.socket):
        return SocketAttachment(connection, response)
    connection.settimeout(None)
    return ThreadedAttachment(  # a channel of paramiko, a named pipe
        read=lambda: _read_some(connection),
        write=connection.sendall,
        end=connection.close,
        response=response,
    )


def _end_process(process: Any) -> None:
    process.terminate()
    process.wait(timeout=_JOIN_S)


def _read_some(connection: Any) -> bytes:
    """Wait for bytes of a connection; a named pipe waits for as many as fit, or fewer."""
    if hasattr(connection, "recv_into"):
        buffer = bytearray(65_536)
        return bytes(buffer[: connection.recv_into(buffer)])
    return bytes(connection.recv(65_536))
