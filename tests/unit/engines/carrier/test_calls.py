"""Ways out that processes try, as the carrier tells them before the calls go on."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import pytest

from helpers.carrier_process import PYTHON, CarrierProcess
from pytest_lambda_rollback.engines.runtime_api.calls import CallsTried

CODE = """
import socket
def tried(step):
    try:
        return step()
    except OSError as error:
        return error.errno
"""


def run(carrier: CarrierProcess, code: str) -> str:
    carrier.start(1, PYTHON, "-I", "-c", CODE + code)
    return carrier.expect("X", 1).fields[0]


def told(carrier: CarrierProcess, code: str) -> tuple[str, ...]:
    """The services that the carrier tells of while code runs, which must end well."""
    calls = CallsTried()
    carrier.start(1, PYTHON, "-I", "-c", CODE + code)
    while True:
        frame = carrier.receive()
        if frame.kind == "A":
            calls.add(tuple(tuple(each.partition("=")[::2]) for each in frame.fields))
        elif frame.kind == "X":
            assert frame.fields[0] == "exited=0"
            return calls.services()


@pytest.mark.parametrize(
    ("code", "service"),
    [
        ("tried(lambda: socket.create_connection(('203.0.113.5', 5432), 1))", "203.0.113.5:5432"),
        ("tried(lambda: socket.create_connection(('203.0.113.5', 443), 1))", "203.0.113.5"),
        (
            "s = socket.socket(socket.AF_INET6); tried(lambda: s.connect(('2001:db8::7', 6379)))",
            "[2001:db8::7]:6379",
        ),
        (
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "tried(lambda: s.sendto(b'x', ('203.0.113.5', 514)))",
            "203.0.113.5:514",
        ),
        (
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "tried(lambda: s.sendmsg([b'x'], [], 0, ('203.0.113.5', 514))) is None or 1",
            None,
        ),
    ],
    ids=["tcp", "https", "ipv6", "sendto", "sendmsg, which is not watched"],
)
def test_an_address_outside_is_told(sealed: CarrierProcess, code: str, service: str | None) -> None:
    assert told(sealed, code) == ((service,) if service else ())


def test_a_name_is_told_where_there_is_no_name_server(nameless: CarrierProcess) -> None:
    one = nameless
    # What a C library asks the name server: by connect and sendmmsg, or by sendto with an address.
    question = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\x02db\x08internal\0\0\1\0\1"
    code = (
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        f"tried(lambda: s.sendto({question!r}, ('127.0.0.1', 53)))"
    )
    assert told(one, code) == ("db.internal",)
    assert told(one, code.replace("s.sendto", "s.connect(('127.0.0.1', 53)) or s.sendto")) == (
        "db.internal",
    )


@pytest.mark.parametrize(
    "code",
    [
        "tried(lambda: socket.create_connection(('127.0.0.1', 6379), 1))",
        "tried(lambda: socket.create_connection(('::1', 6379), 1))",
        "s = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b'm:1|c', ('127.0.0.1', 8125))",
        "s = socket.socket(socket.AF_UNIX); tried(lambda: s.connect('/tmp/none'))",
        "a, b = socket.socketpair(); a.send(b'x'); a.sendall(b'y'); assert b.recv(9)",
    ],
    ids=["loopback", "IPv6 loopback", "statsd", "unix", "pair"],
)
def test_nothing_inside_is_told(sealed: CarrierProcess, code: str) -> None:
    assert told(sealed, code) == ()


def test_calls_go_on_with_their_own_result(sealed: CarrierProcess) -> None:
    code = """
import errno
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
assert tried(lambda: socket.create_connection(("203.0.113.5", 80), 1)) == errno.ENETUNREACH
assert tried(lambda: socket.create_connection(("127.0.0.1", 9), 1)) == errno.ECONNREFUSED
"""
    assert run(sealed, code) == "exited=0"


def test_addresses_that_cannot_be_read_harm_nobody(sealed: CarrierProcess) -> None:
    code = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
s = socket.socket()
for where in (0, 1, 2**47, 2**63 - 1):
    for length in (0, 1, 16, 2**31 - 1):
        assert libc.connect(s.fileno(), ctypes.c_void_p(where), length) == -1
        place = ctypes.c_void_p(where)
        libc.sendto(s.fileno(), place, length, 0x4000, place, length)
    libc.sendmmsg(s.fileno(), place, 1, 0x4000)
"""
    assert told(sealed, code) == ()


def test_a_flood_of_calls_waits_for_who_reads(one: CarrierProcess) -> None:
    code = "for _ in range(30_000): tried(lambda: socket.socket().connect(('203.0.113.5', 80)))"
    one.start(1, PYTHON, "-I", "-c", CODE + code)
    time.sleep(0.5)  # nobody reads, so its output is full at some time
    count = 0
    while (frame := one.receive()).kind != "X":
        count += frame.kind == "A"
    assert count == 30_000
    assert frame.fields[0] == "exited=0"


def test_an_environment_is_made_fresh_while_calls_wait(one: CarrierProcess) -> None:
    code = "while True: tried(lambda: socket.socket().connect(('203.0.113.5', 80)))"
    for number in range(1, 5):
        one.start(number, PYTHON, "-I", "-c", CODE + code)
    one.expect("A")
    one.send("R")
    while (frame := one.receive()).kind != "R":
        pass
    assert frame.fields == ()
    assert told(one, "tried(lambda: socket.create_connection(('203.0.113.5', 80), 1))") == (
        "203.0.113.5",
    )


def test_a_plain_child_does_not_look(starters: dict[str, Callable[..., CarrierProcess]]) -> None:
    with starters["child"]() as carrier:
        assert "calls=0" in carrier.expect("H").fields
        assert told(carrier, "tried(lambda: socket.create_connection(('127.0.0.1', 9), 1))") == ()
