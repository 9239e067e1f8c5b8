"""The carrier as name server, and the doors that it opens for names."""

from __future__ import annotations

import contextlib
import errno
import json
import random
import struct
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from helpers import dns
from helpers.carrier_process import PYTHON, CarrierProcess, sandbox_command, script
from helpers.dns import Answer, answer, question
from pytest_lambda_rollback.engines.runtime_api.calls import CallsTried

OPT = b"\0\0\x29\x10\0\0\0\0\0\0\0"
"""The record by which resolvers say how long an answer may be (RFC 6891)."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the messages of a test are put, which the sandbox of ``server`` sees as /opt."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def server(program: Path, folder: Path) -> Iterator[CarrierProcess]:
    """A carrier that many tests ask; none changes it."""
    with CarrierProcess(sandbox_command(program, ["--ro-bind", str(folder), "/opt"])) as carrier:
        assert "names=1" in carrier.expect("H").fields
        yield carrier


def asked(
    server: CarrierProcess, folder: Path, messages: Sequence[bytes], wait_s: float = 5.0
) -> list[bytes]:
    """What comes back for each message; nothing for no answer."""
    (folder / "messages").write_text(json.dumps([each.hex() for each in messages]))
    ended, log = server.run(1, *script("names"), "/opt/messages", str(wait_s))
    assert ended == "exited=0", log
    return [bytes.fromhex(each) for each in json.loads(log)]


def one_answer(server: CarrierProcess, folder: Path, message: bytes) -> Answer:
    return answer(asked(server, folder, [message])[0])


def doors(carrier: CarrierProcess, *texts: str) -> None:
    carrier.send("N", 0, b"".join(f"door={text}\0".encode() for text in texts))


def run(carrier: CarrierProcess, code: str, id_: int = 1) -> None:
    carrier.start(id_, PYTHON, "-I", "-c", "import socket, sys\n" + textwrap.dedent(code))


def calls_of(frames: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    calls = CallsTried(names=True)
    for each in frames:
        calls.add(tuple((name, value) for name, _, value in (f.partition("=") for f in each)))
    return calls.services()


# --- questions ----------------------------------------------------------------------------------


def test_each_name_has_an_address_of_its_own(server: CarrierProcess, folder: Path) -> None:
    names = ["db.internal", "cache.internal", "DB.internal", "db.internal.254.100.6", "db"]
    got = [answer(each) for each in asked(server, folder, [question(name) for name in names])]
    assert {each.code for each in got} == {dns.NO_ERROR}
    db, cache, again, with_domain, short = (each.address for each in got)
    assert db is not None
    assert db.startswith("127.64.")
    assert db == again == with_domain
    assert len({db, cache, short}) == 3


def test_a_question_is_sent_back_as_it_came(server: CarrierProcess, folder: Path) -> None:
    """Resolvers mix upper and lower case against forged answers, and compare it."""
    message = question("dB.iNtErNaL", id_=0xBEEF)
    got = one_answer(server, folder, message)
    assert (got.id, got.question) == (0xBEEF, message[12:])


@pytest.mark.parametrize(
    ("message", "code", "has_address"),
    [
        (question("a.internal"), dns.NO_ERROR, True),
        (question("a.internal", more=OPT), dns.NO_ERROR, True),
        (question("_tcp.x-1.a.internal"), dns.NO_ERROR, True),
        (question(".".join(["x" * 61] * 4)), dns.NO_ERROR, True),
        (question("a.internal", dns.AAAA), dns.NO_ERROR, False),
        (question("a.internal", dns.HTTPS), dns.NO_ERROR, False),
        (question("a.internal", dns.TXT), dns.NO_ERROR, False),
        (question("1.0.64.127.in-addr.arpa", dns.PTR), dns.NO_SUCH_NAME, False),
        (question("not a host"), dns.NO_SUCH_NAME, False),
        (question("a\0b"), dns.NO_SUCH_NAME, False),
        (question(""), dns.NO_SUCH_NAME, False),
        (question("a.internal", flags=0x2900), dns.NOT_DONE, False),
        (question("a.internal")[:-1], dns.FORMAT_ERROR, False),
        (question("a.internal")[:14], dns.FORMAT_ERROR, False),
        (question("a.internal")[:12], dns.FORMAT_ERROR, False),
        (question("x")[:12] + b"\xc0\x0c\0\1\0\1", dns.FORMAT_ERROR, False),
        (question("x")[:12] + b"\x40" + b"y" * 64 + b"\0\0\1\0\1", dns.FORMAT_ERROR, False),
        (question(".".join(["x" * 62] * 5)), dns.FORMAT_ERROR, False),
        (b"\0\7\1\0\0\2" + question("a.internal")[6:], dns.FORMAT_ERROR, False),
        (b"\0\7\1\0\0\0" + question("a.internal")[6:], dns.FORMAT_ERROR, False),
    ],
)
def test_answers(
    server: CarrierProcess, folder: Path, message: bytes, code: int, has_address: bool
) -> None:
    got = one_answer(server, folder, message)
    assert (got.code, got.address is not None) == (code, has_address)
    assert got.id == 7


@pytest.mark.parametrize(
    "message",
    [b"", b"x", question("a")[:11], question("a", flags=0x8180), bytes(2) + b"\xff" * 500],
    ids=["empty", "byte", "cut head", "an answer", "an answer of noise"],
)
def test_what_is_no_question_gets_no_answer(
    server: CarrierProcess, folder: Path, message: bytes
) -> None:
    nothing, something = asked(server, folder, [message, question("a.internal")], 0.3)
    assert nothing == b""
    assert answer(something).address


def _hostile(random_: random.Random) -> bytes:
    whole = question("a.b.internal")
    at = random_.randrange(len(whole) + 1)
    return random_.choice(
        (
            random_.randbytes(random_.randrange(600)),
            whole[:12] + random_.randbytes(random_.randrange(300)),
            whole[:at] + random_.randbytes(random_.randrange(1, 4)) + whole[at:],
            whole[:at],
        )
    )


@pytest.mark.parametrize("seed", range(5))
def test_hostile_bytes_harm_nobody(server: CarrierProcess, folder: Path, seed: int) -> None:
    random_ = random.Random(seed)
    messages = [_hostile(random_) for _ in range(60)]
    got = asked(server, folder, [*messages, question("a.internal")], 0.02)
    for message, back in zip(messages, got, strict=False):
        if back:
            assert back[:2] == message[:2]
            assert back[2] & 0x80
            assert len(back) <= len(message[:512]) + 16
    assert any(got[:-1])
    assert answer(got[-1]).address
    server.waiting.clear()


def test_more_names_than_there_is_room_for_fail_and_are_told(one: CarrierProcess) -> None:
    run(
        one,
        """
        found, failed = set(), 0
        for number in range(300):
            try:
                found.add(socket.gethostbyname(f"n{number}.internal"))
            except OSError:
                failed += 1
        print(len(found), failed, socket.gethostbyname("n0.internal") in found)
        """,
    )
    assert one.expect("X", 1).fields[0] == "exited=0"
    assert one.log.decode() == "256 44 True\n"
    full = [each for each in one.waiting if each.kind == "A"]
    assert full
    assert all(each.values["full"] == "1" for each in full)
    one.waiting.clear()
    assert one.renew() == ()
    run(one, "print(socket.gethostbyname('n299.internal'))", 2)
    assert one.expect("X", 2).fields[0] == "exited=0"
    assert one.log.decode().endswith("127.64.0.1\n")


def test_other_data_than_addresses_is_a_call(one: CarrierProcess) -> None:
    run(
        one,
        f"""
        s = socket.socket(type=socket.SOCK_DGRAM)
        for message in ({question("_mongodb._tcp.db.internal", dns.SRV)!r},
                        {question("quiet.internal", dns.AAAA)!r}, {question("quiet.internal")!r}):
            s.sendto(message, ("127.0.0.1", 53))
            s.recv(600)
        """,
    )
    assert one.expect("X", 1).fields[0] == "exited=0"
    told = [each.fields for each in one.waiting if each.kind == "A"]
    assert calls_of(told) == ("_mongodb._tcp.db.internal",)


# --- doors --------------------------------------------------------------------------------------

TRY = """
for name, port in {addresses!r}:
    try:
        socket.create_connection((name, port), timeout=5).close()
        print("open")
    except OSError as error:
        print(error.errno)
"""


def tried(carrier: CarrierProcess, *addresses: tuple[str, int]) -> list[str]:
    """How each connection went, as errno or ``open``."""
    begin = len(carrier.log)
    run(carrier, TRY.format(addresses=addresses))
    assert carrier.expect("X", 1).fields[0] == "exited=0"
    return carrier.log[begin:].decode().split()


def opened(carrier: CarrierProcess) -> list[tuple[str, int]]:
    found = [each for each in carrier.waiting if each.kind == "O"]
    return [(each.values["name"], int(each.values["port"])) for each in found]


REFUSED = str(errno.ECONNREFUSED)


@pytest.mark.parametrize(
    ("door", "leads", "leads_not"),
    [
        (
            "db.internal:5432",
            [("db.internal", 5432), ("DB.INTERNAL", 5432)],
            [("db.internal", 5433), ("x.db.internal", 5432), ("localhost", 5432)],
        ),
        (
            "*.internal:80",
            [("a.internal", 80), ("a.b.internal", 80)],
            [("internal", 80), ("ainternal", 80), ("a.internal.com", 80), ("localhost", 80)],
        ),
        ("*:443", [("a.com", 443), ("b", 443)], [("a.com", 80), ("localhost", 443)]),
        ("localhost:6379", [("localhost", 6379), ("127.0.0.1", 6379)], [("a.com", 6379)]),
    ],
)
def test_a_door_leads_out_for_its_names_and_port_alone(
    sealed: CarrierProcess,
    door: str,
    leads: list[tuple[str, int]],
    leads_not: list[tuple[str, int]],
) -> None:
    doors(sealed, door)
    assert tried(sealed, *leads, *leads_not) == ["open"] * len(leads) + [REFUSED] * len(leads_not)
    names = [(name.lower().replace("127.0.0.1", "localhost"), port) for name, port in leads]
    assert opened(sealed) == names
    told = calls_of([each.fields for each in sealed.waiting if each.kind == "A"])
    expected = [(name, port) for name, port in leads_not if name != "localhost"]
    assert told == tuple(name if port in (80, 443) else f"{name}:{port}" for name, port in expected)


def test_a_name_without_a_door_is_refused_and_told(sealed: CarrierProcess) -> None:
    assert tried(sealed, ("db.internal", 5432), ("api.example.com", 443)) == [REFUSED] * 2
    told = [each.fields for each in sealed.waiting if each.kind == "A"]
    assert calls_of(told) == ("db.internal:5432", "api.example.com")


def test_a_mapped_address_and_a_datagram_are_told_by_name(one: CarrierProcess) -> None:
    doors(one, "db.internal:5432")
    run(
        one,
        """
        address = socket.gethostbyname("db.internal")
        s = socket.socket(socket.AF_INET6)
        for port in (5433, 5432):
            print(s.connect_ex(("::ffff:" + address, port)))
        try:
            socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", (address, 5432))
        except OSError:
            pass
        print(socket.socket().connect_ex(("127.64.9.9", 80)))
        """,
    )
    assert one.expect("X", 1).fields[0] == "exited=0"
    assert one.log.decode().split() == [REFUSED, "0", REFUSED]
    told = [each for each in one.waiting if each.kind == "A"]
    assert [each.values["name"] for each in told] == ["db.internal"] * 2
    assert calls_of([each.fields for each in told]) == ("db.internal:5433", "db.internal:5432")


def test_bytes_go_both_ways_through_a_door(one: CarrierProcess) -> None:
    doors(one, "db.internal:53", "db.internal:1")
    run(
        one,
        """
        s = socket.create_connection(("db.internal", 53))
        s.sendall(b"hello")
        s.shutdown(socket.SHUT_WR)
        print(b"".join(iter(lambda: s.recv(99), b"")))
        """,
    )
    stream = one.expect_kind("O")
    assert stream.fields == ("name=db.internal", "port=53")
    assert one.expect("D", stream.id).payload == b"hello"
    one.expect("E", stream.id)
    one.send("D", stream.id, b"answer")
    one.send("E", stream.id)
    assert one.expect("X", 1).fields[0] == "exited=0"
    assert one.log == b"b'answer'\n"


def test_other_doors_take_the_place_of_those_before(one: CarrierProcess) -> None:
    doors(one, "db.internal:5432", "*:80")
    assert tried(one, ("db.internal", 5432), ("a.com", 80)) == ["open", "open"]
    doors(one, "a.com:443")
    addresses = (("db.internal", 5432), ("a.com", 80), ("a.com", 443))
    assert tried(one, *addresses) == [REFUSED, REFUSED, "open"]
    doors(one)
    assert tried(one, ("a.com", 443)) == [REFUSED]


def test_connections_of_doors_leave_streams_to_the_runtime(one: CarrierProcess) -> None:
    doors(one, "db.internal:5432")
    run(
        one,
        """
        import time
        address = socket.gethostbyname("db.internal")
        held = []
        for _ in range(300):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((address, 5432))
            held.append(s)
        own = socket.create_connection(("127.0.0.1", 9001))
        own.sendall(b"next")
        time.sleep(100)
        """,
    )
    found = [one.expect_kind("O") for _ in range(225)]
    assert [each.values.get("name") for each in found].count("db.internal") == 224
    (own,) = (each for each in found if each.fields == ("port=9001",))
    assert one.expect("D", own.id).payload == b"next"
    assert one.receive(0.3) is None


LISTENERS = "for n in range(70): socket.gethostbyname(f'n{n}.internal')"


def test_more_listeners_than_there_is_room_for_are_told(one: CarrierProcess) -> None:
    doors(one, *(f"*:{port}" for port in (80, 443, 5432, 6379)))
    run(one, LISTENERS.replace("socket", "print(n) or socket"))
    assert one.expect("X", 1).fields[0] == "exited=1"
    assert b"\n64\n" in one.log
    assert b"\n65\n" not in one.log
    assert "full" in next(each for each in one.waiting if each.kind == "A").values


# --- files and a fresh environment ---------------------------------------------------------------


def test_files_can_be_read_by_processes_and_go_with_a_fresh_start(sealed: CarrierProcess) -> None:
    look = "cd /run/lambda-rollback && ls -a && stat -c %a * && cat *"
    sealed.send("P", 0, b"ca.pem\0first")
    sealed.send("P", 0, b"ca.pem\0of all")
    sealed.send("P", 0, b"empty\0")
    assert sealed.run(1, "/bin/sh", "-c", look)[1].split() == [
        *(".", "..", "ca.pem", "empty"),
        *("444", "444", "of", "all"),
    ]
    assert sealed.renew() == ()
    assert sealed.run(1, "/bin/ls", "/run/lambda-rollback")[1] == ""
    sealed.send("P", 0, b"large\0" + b"x" * 200_000)
    assert sealed.run(2, "/bin/sh", "-c", "wc -c </run/lambda-rollback/large")[1] == "200000\n"


def test_nothing_of_names_and_doors_is_left_after_a_fresh_start(sealed: CarrierProcess) -> None:
    def inventory() -> object:
        ended, text = sealed.run(7, *script("inventory"))
        assert ended == "exited=0", text
        return json.loads(text)

    new = inventory()
    for _ in range(2):
        doors(sealed, "db.internal:5432", "*:80", "localhost:1")
        run(
            sealed,
            """
            import os, time
            held = [socket.create_connection((name, port)) for name, port in
                    (("db.internal", 5432), ("a.com", 80), ("localhost", 1)) * 3]
            for each in held:
                each.send(b"x")
            held[0].close()
            low = socket.create_server(("127.0.0.1", 443))
            names = socket.socket(type=socket.SOCK_DGRAM)
            names.bind(("127.64.0.1", 53))
            os.fork()
            time.sleep(1000)
            """,
        )
        for _ in range(9):
            sealed.expect_kind("O")
        assert sealed.renew() == ()
        assert inventory() == new
        sealed.waiting.clear()
        assert (
            tried(sealed, ("x.com", 80), ("db.internal", 5432), ("localhost", 1)) == [REFUSED] * 3
        )
        assert sealed.renew() == ()


def frame(kind: bytes, payload: bytes = b"", id_: int = 0) -> bytes:
    return struct.pack("!cBHI", kind, 0, id_, len(payload)) + payload


def test_doors_do_not_change_while_a_process_runs(one: CarrierProcess) -> None:
    one.start(1, "/bin/sleep", "100")
    doors(one, "a:1")
    assert one.ending() == 70
    assert b"doors change while processes run" in one.waiting[-1].payload


FAULTS = {
    "N with a number": frame(b"N", b"", 1),
    "N without an end": frame(b"N", b"door=a:1"),
    "N with another field": frame(b"N", b"dour=a:1\0"),
    "a door without a port": frame(b"N", b"door=a\0"),
    "a door with port zero": frame(b"N", b"door=a:0\0"),
    "a door with a port too large": frame(b"N", b"door=a:65536\0"),
    "a door with a port of letters": frame(b"N", b"door=a:1x\0"),
    "a door without a name": frame(b"N", b"door=:1\0"),
    "a door in upper case": frame(b"N", b"door=A:1\0"),
    "a star within": frame(b"N", b"door=a*:1\0"),
    "a star without a dot": frame(b"N", b"door=*a:1\0"),
    "a door with a long name": frame(b"N", b"door=" + b"a" * 254 + b":1\0"),
    "the Runtime API's door": frame(b"N", b"door=localhost:9001\0"),
    "too many doors": frame(b"N", b"".join(b"door=a:%d\0" % n for n in range(1, 258))),
    "P with a number": frame(b"P", b"a\0", 1),
    "P without a name": frame(b"P", b"\0x"),
    "P without content": frame(b"P", b"a"),
    "P of another folder": frame(b"P", b"../a\0x"),
    "P of the folder": frame(b"P", b"..\0x"),
    "P with a long name": frame(b"P", b"a" * 256 + b"\0x"),
    "P too long": struct.pack("!cBHI", b"P", 0, 0, 262145),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_ends_it_with_a_sentence(one: CarrierProcess, fault: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        one.send_bytes(FAULTS[fault])
    assert one.ending() == (71 if "Runtime API" in fault else 70)
    assert one.waiting[-1].kind == "F"


def test_doors_need_a_name_server(nameless: CarrierProcess) -> None:
    nameless.send("N", 0, b"door=a:1\0")
    assert nameless.ending() == 70


def test_256_doors_are_not_too_many(one: CarrierProcess) -> None:
    doors(one, *(f"a:{port}" for port in range(1, 257)))
    assert tried(one, ("a", 256), ("a", 257)) == ["open", REFUSED]
