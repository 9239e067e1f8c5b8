"""JSON messages between the plugin and the processes of a private AWS, over a socket.

A message is four bytes with its length, big-endian, and then its JSON. File descriptors go with
the length. Both ends use this module; it knows neither moto nor what messages mean.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

MESSAGE_LIMIT_BYTES: Final = 64 * 1024 * 1024
_SEND_FDS: Final[Any] = getattr(socket, "send_fds", None)
_RECV_FDS: Final[Any] = getattr(socket, "recv_fds", None)
"""Not on Windows, where there is no private AWS."""
_LENGTH: Final = struct.Struct("!I")
_DESCRIPTORS_LIMIT: Final = 4


class ChannelError(Exception):
    """The other end has gone, is too slow, or sent what is no message."""


class Channel:
    """One end of a socket; a request is answered before the next one is sent."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def fileno(self) -> int:
        """The socket's file descriptor, -1 after `close`."""
        return self._socket.fileno()

    def send(self, message: Mapping[str, Any], *, passed: Sequence[int] = ()) -> None:
        """Send a message, with open file descriptors. Raises ChannelError."""
        content = json.dumps(message, separators=(",", ":")).encode()
        if len(content) > MESSAGE_LIMIT_BYTES:
            raise ChannelError(f"a message has {len(content)} bytes")
        length = _LENGTH.pack(len(content))
        try:
            if passed:
                _SEND_FDS(self._socket, [length], list(passed))
                self._socket.sendall(content)
            else:
                self._socket.sendall(length + content)
        except OSError as error:
            raise ChannelError(f"it has ended ({error.strerror or error})") from error

    def receive(
        self, *, timeout_s: float | None = None
    ) -> tuple[dict[str, Any], tuple[int, ...]] | None:
        """The next message and its descriptors; ``None`` if the other end closed the channel.

        Raises ChannelError for what is no message, and after a time in which none has begun.
        """
        try:
            self._socket.settimeout(timeout_s)
            length, passed, _, _ = _RECV_FDS(self._socket, _LENGTH.size, _DESCRIPTORS_LIMIT)
            if not length:
                return None
            size: int = _LENGTH.unpack(length + self._exactly(_LENGTH.size - len(length)))[0]
            if size > MESSAGE_LIMIT_BYTES:
                raise ChannelError(f"a message has {size} bytes")
            message = json.loads(self._exactly(size))
        except TimeoutError as error:
            raise ChannelError(f"no answer within {timeout_s:g} s") from error
        except ConnectionError:
            return None
        except (OSError, ValueError) as error:
            raise ChannelError(str(error)) from error
        finally:
            with contextlib.suppress(OSError):
                self._socket.settimeout(None)
        if not isinstance(message, dict):
            raise ChannelError("a message is no object")
        for descriptor in passed:
            os.set_inheritable(descriptor, False)
        return message, tuple(passed)

    def close(self) -> None:
        """Close this end; the process at the other one ends then. Safe to call twice."""
        self._socket.close()

    def _exactly(self, size: int) -> bytes:
        content = bytearray(size)
        view = memoryview(content)
        at = 0
        while at < size:
            received = self._socket.recv_into(view[at:])
            if not received:
                raise ConnectionResetError("the other end has gone")
            at += received
        return bytes(content)
