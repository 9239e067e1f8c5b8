"""Frames of the carrier: any split of the same bytes gives the same frames, any bytes an end."""

from __future__ import annotations

import random
import socket
import threading
import time

import pytest

from pytest_lambda_rollback.engines.runtime_api.framing import (
    MAX_PAYLOAD_BYTES,
    Frame,
    FrameReader,
    Kind,
    MalformedFrame,
    doors_payload,
    encode,
    fields_of,
    start_payload,
)
from pytest_lambda_rollback.engines.runtime_api.logs import LogTail
from pytest_lambda_rollback.engines.runtime_api.wire import SocketWire, WireClosed
from pytest_lambda_rollback.model.services import Door

FROM_CARRIER = (Kind.HELLO, Kind.EXIT, Kind.OPEN, Kind.DATA, Kind.END, Kind.WINDOW, Kind.RESET)


def _read(pieces: list[bytes]) -> list[Frame]:
    reader = FrameReader()
    return [frame for piece in pieces for frame in reader.feed(piece)]


def _exhaust(reader: FrameReader, pieces: list[bytes]) -> None:
    for piece in pieces:
        list(reader.feed(piece))


def _receive_all(wire: SocketWire, into: list[bytes | None]) -> None:
    for _ in range(5):
        into.append(wire.receive(1))


def test_frames_are_the_same_however_they_arrive() -> None:
    chance = random.Random(9)
    frames = [
        Frame(chance.choice(FROM_CARRIER), chance.randrange(65_536), chance.randbytes(size))
        for size in (0, 1, 7, 65_536, 300, 0, 4)
    ]
    data = b"".join(encode(frame.kind, frame.id, frame.payload) for frame in frames)
    for _ in range(30):
        cuts = sorted(chance.randrange(len(data)) for _ in range(chance.randrange(40)))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert _read(pieces) == frames


def test_any_bytes_are_frames_or_an_end_and_little_is_held() -> None:
    chance = random.Random(10)
    for _ in range(300):
        reader = FrameReader()
        valid = encode(chance.choice(FROM_CARRIER), 1, b"x" * chance.randrange(50))
        data = bytearray(valid * 4)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            for frame in reader.feed(bytes(data)):
                assert len(frame.payload) <= MAX_PAYLOAD_BYTES
        except MalformedFrame:
            continue
        junk = b"\xff" * MAX_PAYLOAD_BYTES  # fills whatever a cut-off frame still wants
        with pytest.raises(MalformedFrame):
            _exhaust(reader, [junk] * 3)


@pytest.mark.parametrize("kind", [Kind.START, Kind.KILL, Kind.LIMIT, Kind.NAMES, Kind.FILE])
def test_what_only_the_plugin_sends_is_refused(kind: Kind) -> None:
    with pytest.raises(MalformedFrame):
        _read([encode(kind, 1, b"\0")])


def test_payloads_have_their_limits() -> None:
    encode(Kind.START, 1, b"x" * 262_144)
    encode(Kind.FILE, 0, b"x" * 262_144)
    with pytest.raises(ValueError, match="too many"):
        encode(Kind.START, 1, b"x" * 262_145)
    with pytest.raises(ValueError, match="too many"):
        encode(Kind.DATA, 1, b"x" * 65_537)


def test_a_start_says_everything_and_refuses_a_nul() -> None:
    payload = start_payload(
        directory="/var/task",
        arguments=("/bin/sh", ""),
        variables=(("A", "b=c\n"), ("E", "\u00e9")),
        unset=("X",),
    )
    assert payload.decode().split("\0") == [
        "d/var/task",
        "a/bin/sh",
        "a",
        "uX",
        "eA=b=c\n",
        "eE=\u00e9",
        "",
    ]
    with pytest.raises(ValueError, match="NUL"):
        start_payload(directory="/", arguments=("x",), variables=(("A", "a\0b"),))


def test_doors_are_said_once_each_or_refused() -> None:
    one = Door(name="*.db-1.internal", port=5432)
    assert doors_payload((one, Door(name="*", port=443), one)) == (
        b"door=*.db-1.internal:5432\0door=*:443\0"
    )
    assert doors_payload(()) == b""
    many = tuple(Door(name="localhost", port=port) for port in range(100, 356))
    assert doors_payload(many).count(b"\0") == 256
    with pytest.raises(ValueError, match="257 doors are too many"):
        doors_payload((*many, one))


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("localhost", 9001),
        ("localhost", 53),
        ("A", 1),
        ("", 1),
        ("a..b", 1),
        ("*a", 1),
        ("*.*", 1),
        ("a b", 1),
        ("a\0", 1),
        ("a" * 64, 1),
        (".".join(["a" * 63] * 4), 1),
        ("\u00e9", 1),
        ("a", 0),
        ("a", 65_536),
    ],
)
def test_doors_that_no_environment_can_have(name: str, port: int) -> None:
    with pytest.raises(ValueError, match=r"is no host name and port|is the carrier's own"):
        doors_payload((Door(name=name, port=port),))


def test_fields_keep_their_order_and_repeat() -> None:
    assert fields_of(b"pid=1\0extension=a\0extension=b=c\0") == (
        ("pid", "1"),
        ("extension", "a"),
        ("extension", "b=c"),
    )


# --- the wire -----------------------------------------------------------------------------------


def test_what_was_sent_before_the_end_is_received() -> None:
    ours, theirs = socket.socketpair()
    wire = SocketWire(ours)
    theirs.sendall(b"frames")
    theirs.close()
    received: list[bytes | None] = []
    with pytest.raises(WireClosed):
        _receive_all(wire, received)
    assert b"".join(each for each in received if each is not None) == b"frames"
    wire.release()


def test_nothing_within_the_time_is_nothing() -> None:
    ours, theirs = socket.socketpair()
    wire = SocketWire(ours)
    assert wire.receive(0) is None
    assert wire.receive(0.02) is None
    wire.release()
    theirs.close()


def test_a_wake_lets_receive_return_once() -> None:
    ours, theirs = socket.socketpair()
    wire = SocketWire(ours)
    for delay_s in (0.0, 0.1):
        waker = threading.Timer(delay_s, wire.wake)
        waker.start()
        began = time.monotonic()
        assert wire.receive(30.0) == b""
        assert time.monotonic() - began < 10
        waker.join()
    assert wire.receive(0.02) is None
    for _ in range(100_000):  # more than the alarm holds
        wire.wake()
    theirs.sendall(b"frames")
    assert wire.receive(1.0) == b"frames"
    wire.release()
    wire.wake()
    theirs.close()


def test_closing_wakes_a_thread_that_waits() -> None:
    ours, theirs = socket.socketpair()
    wire = SocketWire(ours)
    ended: list[bool] = []

    def wait() -> None:
        try:
            wire.receive(30)
        except WireClosed:
            ended.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    wire.close()
    thread.join(5)
    assert ended == [True]
    with pytest.raises(WireClosed):
        wire.send(b"x")
    wire.release()
    theirs.close()


def test_both_sides_may_send_more_than_fits() -> None:
    ours, theirs = socket.socketpair()
    wire = SocketWire(ours)
    amount = 4_000_000
    got = bytearray()

    def other_side() -> None:
        theirs.sendall(b"b" * amount)  # reads nothing until all of this is taken
        while len(got) < amount:
            got.extend(theirs.recv(65_536))

    thread = threading.Thread(target=other_side)
    thread.start()
    wire.send(b"a" * amount)
    received = 0
    while received < amount:
        arrived = wire.receive(5)
        assert arrived
        received += len(arrived)
    thread.join(10)
    assert bytes(got) == b"a" * amount
    wire.release()
    theirs.close()


# --- logs ---------------------------------------------------------------------------------------


def test_a_log_keeps_what_came_last_since_the_mark() -> None:
    log = LogTail()
    log.add(b"before\n")
    log.mark()
    assert log.lines() == ()
    log.add(b"one\ntwo\n")
    assert log.lines() == ("one", "two")
    for number in range(100_000):
        log.add(f"line {number}\n".encode())
    assert log.lines()[-1] == "line 99999"
    assert len(log.lines()) == 50
