"""Connections to services: credit both ways, ends, and what nobody reads."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pytest_lambda_rollback.engines.runtime_api.doors import Doors
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.services import Door

CREDIT = 65_536


class Place:
    """Doors whose frames are put together here, and services that are the test's own sockets."""

    doors: tuple[Door, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()

    def __init__(self) -> None:
        self.connected = threading.Event()
        self.may_connect = threading.Event()
        self.may_connect.set()
        self.woken = threading.Event()
        self.failure: Exception | None = None
        self.frames: list[tuple[str, int, bytes]] = []
        self.under_test = Doors(self, self.woken.set)

    def connect(self, name: str, port: int) -> socket.socket:
        assert (name, port) == ("db.internal", 5432)
        self.may_connect.wait(10)
        if self.failure is not None:
            raise self.failure
        ours, self.service = socket.socketpair()
        self.service.settimeout(10)
        self.connected.set()
        return ours

    def open(self, id_: int = 1) -> None:
        self.under_test.open(id_, "db.internal", 5432)

    def move(self) -> None:
        made = bytearray()
        self.under_test.move(made.extend)
        while made:
            kind, _, id_, length = struct.unpack_from(">cBHI", made)
            self.frames.append((kind.decode(), id_, bytes(made[8 : 8 + length])))
            del made[: 8 + length]

    def moved(self, enough: Callable[[], bool]) -> None:
        """Move as the thread of frames does, when it is woken, until there is enough."""
        until = time.monotonic() + 10
        while not enough():
            assert self.woken.wait(max(0.0, until - time.monotonic())), self.frames
            self.woken.clear()
            self.move()

    def kinds(self) -> str:
        return "".join(kind for kind, _, _ in self.frames)

    def content(self) -> bytes:
        return b"".join(data for kind, _, data in self.frames if kind == "D")

    def credit(self) -> int:
        return sum(int.from_bytes(data, "big") for kind, _, data in self.frames if kind == "W")


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.may_connect.set()
    made.under_test.close()
    if made.connected.is_set():
        made.service.close()
    assert [each for each in threading.enumerate() if each.name == "lambda-rollback-doors"] == []


def test_what_was_sent_before_the_connection_stands_arrives(place: Place) -> None:
    place.may_connect.clear()
    place.open()
    place.under_test.data(1, b"hello ")
    place.under_test.data(1, b"there")
    place.under_test.end(1)
    place.move()
    assert place.frames == []
    place.may_connect.set()
    assert place.connected.wait(10)
    assert b"".join(iter(lambda: place.service.recv(100), b"")) == b"hello there"
    place.service.sendall(b"answer")
    place.service.close()
    place.moved(lambda: "E" in place.kinds())
    assert (place.content(), place.kinds()[-1]) == (b"answer", "E")
    assert not place.under_test.has(1)


def test_no_more_than_the_carrier_takes_is_given(place: Place) -> None:
    place.open()
    assert place.connected.wait(10)
    sender = threading.Thread(target=lambda: place.service.sendall(bytes(2_000_000)))
    sender.start()
    place.moved(lambda: len(place.content()) == CREDIT)
    time.sleep(0.2)
    place.move()
    assert len(place.content()) == CREDIT
    assert sender.is_alive(), "more is held than there should be"
    while len(place.content()) < 2_000_000:
        place.under_test.give_credit(1, 50_000)
        size = min(2_000_000, len(place.content()) + 50_000)
        place.move()
        place.moved(lambda size=size: len(place.content()) == size)
    sender.join(10)


def test_credit_is_for_what_the_service_took(place: Place) -> None:
    place.open()
    assert place.connected.wait(10)
    sent = taken = 0
    while sent - place.credit() <= CREDIT // 2 and sent < 5_000_000:  # as long as it has credit
        place.under_test.data(1, bytes(30_000))
        sent += 30_000
        place.woken.wait(0.2)
        place.move()
    assert sent < 5_000_000, "who does not read would be sent everything"
    assert sent - place.credit() <= CREDIT
    while taken < sent:
        taken += len(place.service.recv(1 << 20))
    place.moved(lambda: sent - place.credit() < CREDIT // 2)
    assert place.kinds().strip("W") == ""


def test_a_service_that_is_not_there_drops_the_connection(place: Place) -> None:
    place.failure = ConnectionRefusedError("nobody")
    place.open()
    place.moved(lambda: place.kinds() == "C")
    assert not place.under_test.has(1)


def test_a_fault_of_a_service_is_told(place: Place) -> None:
    place.failure = KeyError("ours")
    place.open()
    assert place.woken.wait(10)
    with pytest.raises(EngineError, match="a service failed") as caught:
        place.move()
    assert caught.value.why == "KeyError: 'ours'"


def test_a_service_that_goes_away_while_it_is_sent_to(place: Place) -> None:
    place.open()
    assert place.connected.wait(10)
    place.service.sendall(b"last words")
    place.service.close()
    place.under_test.data(1, b"x" * 60_000)
    place.moved(lambda: "C" in place.kinds())
    assert (place.content(), place.kinds()[-1]) == (b"last words", "C")


def test_a_process_that_goes_away_ends_the_connection(place: Place) -> None:
    place.open()
    assert place.connected.wait(10)
    place.under_test.data(1, b"hello")
    assert place.service.recv(10) == b"hello"
    place.under_test.drop(1)
    assert place.service.recv(10) == b""
    place.move()
    assert place.frames == []


def test_closing_ends_what_connects_and_what_is_connected(place: Place) -> None:
    place.open(1)
    assert place.connected.wait(10)
    first = place.service
    place.may_connect.clear()
    place.open(2)
    place.under_test.close()
    place.under_test.close()
    assert first.recv(10) == b""
    place.connected.clear()
    place.may_connect.set()
    assert place.connected.wait(10)
    assert place.service.recv(10) == b"", "a connection that comes late is closed"
    first.close()


def test_doors_that_are_not_used_start_no_thread() -> None:
    place = Place()
    place.move()
    place.under_test.close()
    assert place.frames == []


def test_a_socket_that_the_service_closes_itself_breaks_its_connection_alone(place: Place) -> None:
    given: list[socket.socket] = []
    connect = place.connect
    place.connect = lambda name, port: given.append(connect(name, port)) or given[-1]  # type: ignore[method-assign,func-returns-value]
    place.open(1)
    assert place.connected.wait(10)
    place.connected.clear()
    first = place.service
    first.sendall(b"x")
    place.moved(lambda: place.content() == b"x")
    given[0].close()
    place.open(2)
    assert place.connected.wait(10)
    place.moved(lambda: ("C", 1, b"") in place.frames)
    place.service.sendall(b"y")
    place.moved(lambda: place.content() == b"xy")
    first.close()


@pytest.mark.parametrize("how", ["reset", "ended", "full"])
def test_a_connection_that_nobody_moves_costs_no_time(place: Place, how: str) -> None:
    """Between two events nobody takes what services say."""
    place.open()
    assert place.connected.wait(10)
    if how == "full":
        threading.Thread(target=lambda: swallow(place, bytes(2_000_000)), daemon=True).start()
    elif how == "reset":
        place.service.sendall(b"x")
        place.service.close()
        place.under_test.data(1, bytes(60_000))
    else:
        place.service.close()
    time.sleep(0.3)
    used = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - used < 0.2
    assert place.frames == []


def swallow(place: Place, data: bytes) -> None:
    with contextlib.suppress(OSError):
        place.service.sendall(data)
