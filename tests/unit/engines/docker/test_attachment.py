"""Attach connections: taken apart, over sockets, TLS and what can only be waited for."""

from __future__ import annotations

import os
import queue
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from helpers.certificates import Authority
from pytest_lambda_rollback.engines.docker.attachment import (
    Attachment,
    NoAttachment,
    SocketAttachment,
    Streams,
    ThreadedAttachment,
    over,
)
from pytest_lambda_rollback.engines.runtime_api.wire import WireClosed


def piece(stream: int, data: bytes) -> bytes:
    return struct.pack(">B3xL", stream, len(data)) + data


# --- taking apart -----------------------------------------------------------------------------


def test_streams_are_taken_apart() -> None:
    data = piece(1, b"frames") + piece(2, b"log") + piece(1, b"") + piece(3, b" daemon")

    streams = Streams()

    assert streams.feed(data) == b"frames"
    assert streams.first_words == b"log daemon"


@pytest.mark.parametrize("size", [1, 3, 7, 8, 9])
def test_pieces_may_end_anywhere(size: int) -> None:
    data = piece(1, b"one") + piece(2, b"two") + piece(1, b"three")
    streams = Streams()

    found = [streams.feed(data[at : at + size]) for at in range(0, len(data), size)]

    assert b"".join(each for each in found if each) == b"onethree"
    assert streams.first_words == b"two"
    assert streams.feed(b"") is None


@pytest.mark.parametrize("header", [b"HTTP/1.1", b"\x04" + bytes(7), b"\x01\x00\x01" + bytes(5)])
def test_other_bytes_are_refused(header: bytes) -> None:
    with pytest.raises(NoAttachment):
        Streams().feed(header)


# --- over every transport ---------------------------------------------------------------------


class Far:
    """The other end of a wire."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def says(self, stream: int, data: bytes) -> None:
        self.connection.sendall(piece(stream, data))

    def hears(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.connection.recv(65536)
            assert more
            data += more
        return data

    def ends(self) -> None:
        with ExitStack() as stack:
            stack.callback(self.connection.close)
            self.connection.shutdown(socket.SHUT_RDWR)


class BlockingPipe:
    """As a Windows named pipe and a channel of paramiko: no number to wait for."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.sendall = connection.sendall
        self.recv_into = connection.recv_into
        self.settimeout = connection.settimeout

    def close(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class Channel(BlockingPipe):
    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.recv = connection.recv
        del self.recv_into


class SshCommand:
    """As the docker package holds the ssh command: a process whose pipes are the connection."""

    def __init__(self, near: socket.socket) -> None:
        relay = (
            "import os, socket, sys, threading\n"
            "s = socket.socket(fileno=int(sys.argv[1]))\n"
            "def up():\n"
            "    while data := os.read(0, 65536): s.sendall(data)\n"
            "    s.shutdown(socket.SHUT_WR)\n"
            "threading.Thread(target=up, daemon=True).start()\n"
            "while data := s.recv(65536): os.write(1, data)\n"
        )
        self.proc = subprocess.Popen(
            [sys.executable, "-S", "-c", relay, str(near.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[near.fileno()],
        )
        near.close()

    def sendall(self, data: bytes) -> None:
        assert self.proc.stdin is not None
        self.proc.stdin.write(data)
        self.proc.stdin.flush()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def over_tls(near: socket.socket, far: socket.socket, authority: Authority) -> tuple[Any, Any]:
    made = authority.issue("daemon", addresses=("127.0.0.1",))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.certificate, made.key)
    client = ssl.create_default_context(cafile=str(authority.certificate))
    answer: queue.Queue[Any] = queue.Queue()
    thread = threading.Thread(target=lambda: answer.put(server.wrap_socket(far, server_side=True)))
    thread.start()
    wrapped = client.wrap_socket(near, server_hostname="127.0.0.1")
    thread.join()
    return wrapped, answer.get()


@pytest.fixture(params=["socket", "tls", "pipe", "channel", "ssh-command"])
def ends(request: pytest.FixtureRequest, authority: Authority) -> Iterator[tuple[Attachment, Far]]:
    near, far = socket.socketpair()
    connection: Any = near
    other: Any = far
    match request.param:
        case "tls":
            connection, other = over_tls(near, far, authority)
        case "pipe":
            connection = BlockingPipe(near)
        case "channel":
            connection = Channel(near)
        case "ssh-command":
            connection = SshCommand(near)
    wire = over(connection)
    expected = SocketAttachment if request.param in ("socket", "tls") else ThreadedAttachment
    assert isinstance(wire, expected)
    yield wire, Far(other)
    wire.release()
    other.close()
    if isinstance(connection, SshCommand):
        for pipe in (connection.proc.stdin, connection.proc.stdout):
            assert pipe is not None
            with ExitStack() as stack:
                stack.callback(pipe.close)


def all_of(wire: Attachment, count: int) -> bytes:
    """Frames, until that many bytes have come."""
    frames = b""
    while len(frames) < count:
        received = wire.receive(10.0)
        assert received
        frames += received
    return frames


def test_what_is_sent_arrives_both_ways(ends: tuple[Attachment, Far]) -> None:
    wire, far = ends

    wire.send(b"event")
    far.says(1, b"answer")

    assert far.hears(5) == b"event"
    assert all_of(wire, 6) == b"answer"
    began = time.monotonic()
    assert wire.receive(0.1) is None
    assert 0.09 < time.monotonic() - began < 5


def test_large_pieces_arrive_whole(ends: tuple[Attachment, Far]) -> None:
    wire, far = ends
    content = os.urandom(3_000_000)
    sender = threading.Thread(target=far.says, args=(1, content))
    sender.start()

    frames = all_of(wire, len(content))

    sender.join()
    assert frames == content


def test_what_arrives_while_nothing_can_be_sent_is_kept(ends: tuple[Attachment, Far]) -> None:
    """The other end reads only once it is rid of what it has to say, as a carrier does."""
    wire, far = ends
    said, heard = os.urandom(2_000_000), os.urandom(2_000_000)
    got: list[bytes] = []

    def other() -> None:
        far.says(1, said)
        got.append(far.hears(len(heard)))

    thread = threading.Thread(target=other)
    thread.start()

    wire.send(heard)
    frames = all_of(wire, len(said))

    thread.join(timeout=10)
    assert frames == said
    assert got == [heard]


def test_last_words_come_before_the_end(ends: tuple[Attachment, Far]) -> None:
    wire, far = ends
    far.says(1, b"exit")
    far.ends()

    assert all_of(wire, 4) == b"exit"
    for _ in range(2):
        with pytest.raises(WireClosed):
            wire.receive(5.0)


def test_send_to_nobody_is_the_end(ends: tuple[Attachment, Far]) -> None:
    wire, far = ends
    far.ends()

    def send_much() -> None:
        for _ in range(100):
            wire.send(bytes(100_000))

    with pytest.raises(WireClosed):
        send_much()


@pytest.mark.parametrize("call", ["receive", "send"])
def test_close_in_another_thread_ends_what_waits(ends: tuple[Attachment, Far], call: str) -> None:
    wire, _ = ends
    act: Callable[[], object] = (
        (lambda: wire.receive(30.0))
        if call == "receive"
        else (lambda: wire.send(bytes(20_000_000)))
    )
    closer = threading.Timer(0.2, wire.close)
    closer.start()
    began = time.monotonic()

    with pytest.raises(WireClosed):
        act()

    assert time.monotonic() - began < 10
    closer.join()
    for again in (lambda: wire.receive(1.0), lambda: wire.send(b"x")):
        with pytest.raises(WireClosed):
            again()


def test_a_wake_lets_receive_return_once(ends: tuple[Attachment, Far]) -> None:
    wire, far = ends
    for delay_s in (0.0, 0.2):
        waker = threading.Timer(delay_s, wire.wake)
        waker.start()
        began = time.monotonic()
        assert wire.receive(30.0) == b""
        assert time.monotonic() - began < 10
        waker.join()
    assert wire.receive(0.05) is None
    wire.wake()
    far.says(1, b"answer")
    assert all_of_any(wire, 6) == b"answer"
    wire.release()
    wire.wake()


def all_of_any(wire: Attachment, count: int) -> bytes:
    """As `all_of`, where a wake may come first."""
    frames = b""
    until = time.monotonic() + 10
    while len(frames) < count and time.monotonic() < until:
        frames += wire.receive(10.0) or b""
    return frames


def test_other_bytes_end_the_wire(ends: tuple[Attachment, Far]) -> None:
    wire, far = ends
    far.connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\n")

    with pytest.raises(WireClosed):
        wire.receive(5.0)


def test_first_words_are_remembered(ends: tuple[Attachment, Far]) -> None:
    wire, far = ends
    far.says(2, b"exec /carrier: exec format error")
    far.says(2, bytes(100_000))
    far.says(1, b"H")

    assert all_of(wire, 1) == b"H"
    assert wire.first_words == b"exec /carrier: exec format error".ljust(4096, b"\0")


def test_flood_that_nobody_receives_is_not_held(ends: tuple[Attachment, Far]) -> None:
    wire, far = ends
    written = 0

    def flood() -> None:
        nonlocal written
        try:
            while written < 200_000_000:
                far.says(1, bytes(100_000))
                written += 100_000
        except OSError:
            return

    thread = threading.Thread(target=flood)
    thread.start()
    thread.join(timeout=1.0)

    assert thread.is_alive()
    assert written < 20_000_000
    wire.release()
    far.ends()
    thread.join(timeout=10)
