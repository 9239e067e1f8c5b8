"""Whatever arrives on its standard input, the carrier goes on or says what was wrong and ends."""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.carrier_process import CarrierProcess, Frame

Starters = dict[str, Callable[..., CarrierProcess]]


def frame(kind: bytes, id_: int = 0, payload: bytes = b"", *, zero: int = 0) -> bytes:
    return struct.pack("!cBHI", kind, zero, id_, len(payload)) + payload


FAULTS = {
    "unknown kind": frame(b"Q"),
    "kind of the other side": frame(b"H"),
    "kind zero": bytes(8),
    "second byte": frame(b"M", zero=1),
    "too long": struct.pack("!cBHI", b"D", 0, 1, 65537),
    "start too long": struct.pack("!cBHI", b"S", 0, 1, 262145),
    "length of all ones": struct.pack("!cBHI", b"S", 0, 1, 0xFFFFFFFF),
    "M with a number": frame(b"M", 1),
    "M with a payload": frame(b"M", 0, b"x"),
    "R with a payload": frame(b"R", 0, b"x"),
    "R with a number": frame(b"R", 9),
    "L too short": frame(b"L", 0, bytes(7)),
    "L with a number": frame(b"L", 1, bytes(8)),
    "stream zero": frame(b"D", 0, b"x"),
    "W too short": frame(b"W", 1, b"\1"),
    "E with a payload": frame(b"E", 1, b"x"),
    "C with a payload": frame(b"C", 1, b"x"),
    "K without a signal": frame(b"K", 1),
    "K with two": frame(b"K", 1, b"\1\2"),
    "K beyond signals": frame(b"K", 1, b"\x41"),
    "K of process zero": frame(b"K", 0, b"\1"),
    "S of process zero": frame(b"S", 0, b"a/bin/true\0"),
    "S empty": frame(b"S", 1),
    "S without an end": frame(b"S", 1, b"a/bin/true"),
    "S without an argument": frame(b"S", 1, b"d/\0"),
    "S with an unknown field": frame(b"S", 1, b"x\0a/bin/true\0"),
    "S with an empty field": frame(b"S", 1, b"a/bin/true\0\0"),
    "S with a variable that has no value": frame(b"S", 1, b"a/bin/true\0eNAME\0"),
    "S with two folders": frame(b"S", 1, b"d/\0d/tmp\0a/bin/true\0"),
    "S with very many fields": frame(b"S", 1, b"a\0" * 100_000),
    "S twice": frame(b"S", 1, b"a/bin/sleep\0a9\0") * 2,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_ends_it_with_a_sentence(one: CarrierProcess, fault: str) -> None:
    one.send_bytes(FAULTS[fault])
    assert one.ending() == 70
    last = one.waiting[-1]
    assert (last.kind, last.id) == ("F", 0)
    assert last.payload.decode("ascii").isprintable()


@pytest.mark.parametrize(
    "ignored",
    [
        frame(b"D", 7, b"x"), frame(b"E", 7), frame(b"C", 7), frame(b"W", 7, bytes(4)),
        frame(b"K", 7, b"\x09"), frame(b"L", 0, bytes(8)), frame(b"D", 7),
    ],
    ids=str,
)  # fmt: skip
def test_frames_for_what_is_gone_are_ignored(one: CarrierProcess, ignored: bytes) -> None:
    one.send_bytes(ignored)
    one.send("M")
    assert one.receive() == Frame("M", 0, b"peak=0\0anonymous=0\0oom_kills=0\0over=0\0")


def test_credit_beyond_measure_is_refused(one: CarrierProcess) -> None:
    one.start(1, "/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9001; sleep 100")
    stream = one.expect_kind("O").id
    one.send("W", stream, struct.pack("!I", 0x7FFFFFFF - 65536))
    one.send("M")
    one.expect("M")
    one.send("W", stream, struct.pack("!I", 1))
    assert one.ending() == 70


def test_bytes_after_the_end_are_refused(one: CarrierProcess) -> None:
    one.start(1, "/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9001; sleep 100")
    stream = one.expect_kind("O").id
    one.send("E", stream)
    one.send("D", stream, b"x")
    assert one.ending() == 70


def test_frames_in_single_bytes_are_read(one: CarrierProcess) -> None:
    for byte in frame(b"S", 1, b"a/bin/sh\0a-c\0aexit 5\0") + frame(b"M"):
        one.send_bytes(bytes([byte]))
    assert one.expect("X", 1).fields[0] == "exited=5"
    one.expect("M")


def test_a_part_of_a_frame_is_waited_for_without_work(one: CarrierProcess) -> None:
    one.send_bytes(frame(b"S", 1, bytes(100_000))[:50_000])
    assert one.receive(0.2) is None


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or while
        return True


@pytest.mark.parametrize("way", ["input ends", "output is closed", "killed"])
@pytest.mark.parametrize("name", ["sandbox", "child"])
def test_nothing_outlives_the_carrier(starters: Starters, name: str, way: str) -> None:
    """Not even what ignores signals in sessions of its own, killed processes' children apart."""
    mark = f"{os.getpid()}.{time.monotonic_ns()}"
    with starters[name]() as carrier:
        carrier.expect("H")
        carrier.start(
            1,
            "/bin/bash",
            "-c",
            "trap '' TERM HUP INT;"
            f"(setsid sleep 9{mark} & sleep 8{mark} &); echo up; sleep 7{mark}; exit",
        )
        while b"up" not in carrier.log:
            carrier.receive_log()
        until = time.monotonic() + 10
        while len(pids := processes_with(mark)) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        assert len(pids) >= 4
        assert carrier.process.stdin
        assert carrier.process.stdout
        if way == "input ends":
            carrier.process.stdin.close()
            assert carrier.process.wait(10) == 0
        elif way == "output is closed":
            carrier.process.stdout.close()
            carrier.process.wait(10)
        elif name == "sandbox":
            carrier.process.send_signal(signal.SIGKILL)
            carrier.process.wait(10)
        else:
            return  # nothing can be promised for a plain child that is killed
        until = time.monotonic() + 10
        while (left := [pid for pid in pids if not ended(pid)]) and time.monotonic() < until:
            time.sleep(0.01)
        assert left == []


def processes_with(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                if mark.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found
