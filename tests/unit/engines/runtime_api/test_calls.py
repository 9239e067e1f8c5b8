"""What the carrier saw of calls, as services of one event."""

from __future__ import annotations

import ipaddress
import struct

import pytest

from pytest_lambda_rollback.engines.runtime_api.calls import SOME_NAME, CallsTried


def address(host: str, port: int) -> tuple[tuple[str, str], ...]:
    ip = ipaddress.ip_address(host)
    if ip.version == 4:
        raw = struct.pack("=H", 2) + struct.pack(">H", port) + ip.packed + bytes(8)
    else:
        raw = struct.pack("=H", 10) + struct.pack(">HI", port, 0) + ip.packed + bytes(4)
    return (("address", raw.hex()),)


def question(name: str, kind: int = 1) -> tuple[tuple[str, str], ...]:
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    raw = bytes(5) + b"\1" + bytes(6) + labels + b"\0" + struct.pack(">HH", kind, 1)
    return (("question", raw.hex()),)


@pytest.mark.parametrize(
    ("fields", "services"),
    [
        (address("10.0.0.5", 5432), ("10.0.0.5:5432",)),
        (address("10.0.0.5", 80), ("10.0.0.5",)),
        (address("10.0.0.5", 443), ("10.0.0.5",)),
        (address("2001:db8::1", 443), ("[2001:db8::1]",)),
        (address("::ffff:10.0.0.5", 6379), ("10.0.0.5:6379",)),
        (address("127.0.0.1", 6379), ()),
        (address("0.0.0.0", 6379), ()),
        (address("::1", 6379), ()),
        (address("169.254.169.254", 80), ()),
        (address("169.254.100.1", 2000), ()),
        (address("10.0.0.5", 0), ()),
        (address("127.0.0.1", 53), (SOME_NAME,)),
        (question("DB.Internal"), ("db.internal",)),
        (question("1.0.0.127.in-addr.arpa", 12), ()),
        (question("localhost"), ()),
        ((*address("127.0.0.1", 53), *question("db.internal")), ("db.internal",)),
        ((*address("127.0.0.1", 53), *question("1.0.0.127.in-addr.arpa", 12)), ()),
        ((("address", "0200"),), ()),
        ((("address", "no"),), ()),
        ((("address", "6300" + "00" * 14),), ()),
        ((("question", "00" * 12 + "3f61"),), ()),
        ((("question", "x"),), ()),
        ((), ()),
    ],
)
def test_service(fields: tuple[tuple[str, str], ...], services: tuple[str, ...]) -> None:
    calls = CallsTried()
    calls.add(fields)
    assert calls.services() == services


def at_name(name: str, port: int) -> tuple[tuple[str, str], ...]:
    return (*address("127.64.0.1", port), ("name", name))


@pytest.mark.parametrize(
    ("fields", "services"),
    [
        (at_name("db.internal", 5432), ("db.internal:5432",)),
        (at_name("api.internal", 443), ("api.internal",)),
        (at_name("api.internal", 80), ("api.internal",)),
        ((("name", "db.internal"),), ()),
        ((("name", "db.internal"), ("address", "zz")), ()),
        (question("_mongodb._tcp.db.internal", 33), ("_mongodb._tcp.db.internal",)),
    ],
)
def test_service_by_the_name_that_its_address_has(
    fields: tuple[tuple[str, str], ...], services: tuple[str, ...]
) -> None:
    calls = CallsTried(names=True)
    calls.add(fields)
    assert calls.services() == services
    assert not calls.too_many


def test_names_that_begin_alike_are_each_a_service_where_names_are_known() -> None:
    calls = CallsTried(names=True)
    calls.add(at_name("db", 80))
    calls.add(at_name("db.internal", 80))
    assert calls.services() == ("db", "db.internal")


def test_too_many_names_are_remembered() -> None:
    calls = CallsTried(names=True)
    calls.add((*question("n300.internal"), ("full", "1")))
    assert calls.too_many
    assert calls.services() == ("n300.internal",)


def test_calls_of_the_initialisation_count_for_each_event() -> None:
    calls = CallsTried()
    calls.add(question("secrets.internal"))
    calls.mark()
    calls.add(question("first.internal"))
    assert calls.services() == ("secrets.internal", "first.internal")
    calls.mark()
    assert calls.services() == ("secrets.internal",)
    calls.add(question("second.internal"))
    calls.add(question("second.internal"))
    assert calls.services() == ("secrets.internal", "second.internal")


def test_a_name_that_was_seen_stands_for_the_look_up() -> None:
    calls = CallsTried()
    calls.add(address("127.0.0.1", 53))
    calls.add(question("db.internal"))
    assert calls.services() == ("db.internal",)


def test_a_name_is_looked_up_again_with_a_domain() -> None:
    calls = CallsTried()
    for name in ("db", "db.254.100.6", "dbs.internal"):
        calls.add(question(name))
    assert calls.services() == ("db", "dbs.internal")


def test_only_so_many_are_kept() -> None:
    calls = CallsTried()
    for number in range(1000):
        calls.add(question(f"n{number}.internal"))
    assert len(calls.services()) == 64
