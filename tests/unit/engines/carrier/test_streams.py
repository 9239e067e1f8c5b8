"""Connections: order, credit in both directions, ends, floods, and what a process wrote last."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import time
from pathlib import Path

import pytest

from helpers.carrier_process import PYTHON, CarrierProcess, Frame

CREDIT = 65536
CONNECT = """
import os, socket, struct, sys, time
address = os.environ.get("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001").split(":")
def connect():
    return socket.create_connection((address[0], int(address[1])))
"""


def start(carrier: CarrierProcess, id_: int, code: str) -> None:
    carrier.start(id_, PYTHON, "-I", "-c", CONNECT + code)


def finish(carrier: CarrierProcess, id_: int) -> str:
    return carrier.expect("X", id_).fields[0]


def opened(carrier: CarrierProcess) -> int:
    frame = carrier.expect_kind("O")
    assert frame.fields == ("port=9001",)
    return frame.id


def credit(carrier: CarrierProcess, stream: int, count: int) -> None:
    carrier.send("W", stream, struct.pack("!I", count))


def read_all(carrier: CarrierProcess, stream: int, size: int) -> bytes:
    """Bytes of a stream, with credit for them as they come."""
    got = bytearray()
    while len(got) < size:
        data = carrier.expect("D", stream).payload
        got += data
        credit(carrier, stream, len(data))
    return bytes(got)


def test_bytes_both_ways_in_order(carrier: CarrierProcess) -> None:
    start(
        carrier,
        1,
        """
import hashlib, threading
s = connect()
sent = bytes(i * 7 % 251 for i in range(3_000_000))
t = threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(socket.SHUT_WR)))
t.start()
got = b"".join(iter(lambda: s.recv(70000), b""))
t.join()
print(hashlib.sha256(got).hexdigest(), flush=True)
""",
    )
    stream = opened(carrier)
    expected = bytes(i * 7 % 251 for i in range(3_000_000))
    assert read_all(carrier, stream, len(expected)) == expected
    carrier.expect("E", stream)
    answer = bytes(i * 11 % 253 for i in range(2_000_000))
    allowed, at = CREDIT, 0
    while at < len(answer):
        if not allowed:
            allowed += struct.unpack("!I", carrier.expect("W", stream).payload)[0]
        piece = answer[at : at + min(allowed, 30_000)]
        carrier.send("D", stream, piece)
        allowed, at = allowed - len(piece), at + len(piece)
    carrier.send("E", stream)
    assert finish(carrier, 1) == "exited=0"
    assert carrier.log.decode().strip() == hashlib.sha256(answer).hexdigest()


def test_no_more_than_credit_is_read(one: CarrierProcess) -> None:
    start(one, 1, "s = connect(); s.sendall(bytes(10_000_000))")
    stream = opened(one)
    got = 0
    while (frame := one.receive(0.5)) is not None:
        assert (frame.kind, frame.id) == ("D", stream)
        got += len(frame.payload)
    assert got == CREDIT
    credit(one, stream, 10)
    assert len(one.expect("D", stream).payload) == 10
    one.send("K", 1, b"\x09")
    assert finish(one, 1) == "signalled=9"
    one.send("C", stream)


def test_more_than_credit_is_refused(one: CarrierProcess) -> None:
    start(one, 1, "s = connect(); time.sleep(100)")
    stream = opened(one)
    # Several MB are in the process's socket before one is in the carrier.
    with contextlib.suppress(BrokenPipeError):
        for _ in range(300):
            one.send("D", stream, bytes(CREDIT))
    assert one.ending() == 70
    assert one.waiting[-1].kind == "F"


def test_unread_stream_does_not_hold_up_another(one: CarrierProcess) -> None:
    start(one, 1, "s = connect(); s.sendall(b'deaf'); time.sleep(100)")
    deaf = opened(one)
    one.expect("D", deaf)
    one.send("D", deaf, bytes(CREDIT))
    start(one, 2, "s = connect(); s.sendall(b'hello'); print(s.recv(10)); s.close()")
    stream = opened(one)
    assert one.expect("D", stream).payload == b"hello"
    one.send("D", stream, b"answer")
    assert finish(one, 2) == "exited=0"
    assert one.log == b"b'answer'\n"


@pytest.mark.parametrize("count", [256, 400])
def test_flood_of_connections_waits_its_turn(one: CarrierProcess, count: int) -> None:
    start(
        one,
        1,
        f"""
held = []
for i in range({count}):
    s = socket.socket(); s.setblocking(False)
    s.connect_ex((address[0], int(address[1]))); held.append(s)
time.sleep(0.2)
print("all", flush=True)
time.sleep(100)
""",
    )
    streams: list[int] = []
    while frame := one.receive(1.0):
        assert frame.kind == "O"
        streams.append(frame.id)
    assert len(set(streams)) == len(streams) == 256
    for stream in streams:
        one.send("C", stream)
    more = 0
    while more < min(count - 256, 60):
        one.send("C", opened(one))
        more += 1
    one.send("M")
    one.expect("M")


def test_numbers_of_streams_are_not_used_again_soon(one: CarrierProcess) -> None:
    start(one, 1, "for i in range(100): connect().close()")
    seen: list[int] = []
    while len(seen) < 100:
        stream = opened(one)
        one.expect("E", stream)
        one.send("E", stream)
        seen.append(stream)
    assert len(set(seen)) == 100
    assert finish(one, 1) == "exited=0"


def test_each_side_ends_by_itself(carrier: CarrierProcess) -> None:
    start(
        carrier,
        1,
        """
s = connect()
s.sendall(b"question"); s.shutdown(socket.SHUT_WR)
print(b"".join(iter(lambda: s.recv(100), b"")))
""",
    )
    stream = opened(carrier)
    assert carrier.expect("D", stream).payload == b"question"
    carrier.expect("E", stream)
    carrier.send("D", stream, b"late ")
    carrier.send("D", stream, b"answer")
    carrier.send("E", stream)
    assert finish(carrier, 1) == "exited=0"
    assert carrier.log == b"b'late answer'\n"
    assert carrier.waiting == []


def test_dropped_stream_is_a_reset_for_the_process(one: CarrierProcess) -> None:
    start(
        one,
        1,
        """
try: print(connect().recv(10))
except ConnectionResetError: sys.exit(9)
""",
    )
    one.send("C", opened(one))
    assert finish(one, 1) == "exited=9"


def test_reset_by_the_process_is_told(one: CarrierProcess) -> None:
    start(
        one,
        1,
        """
s = connect()
s.sendall(b"x")
time.sleep(0.1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
""",
    )
    stream = opened(one)
    assert one.expect("D", stream).payload == b"x"
    one.expect("C", stream)
    one.send("D", stream, b"crossed its end")
    one.send("E", stream)
    one.send("C", stream)
    assert finish(one, 1) == "exited=0"


@pytest.mark.parametrize("size", [1, 50_000, CREDIT])
def test_what_a_process_wrote_comes_before_its_end(carrier: CarrierProcess, size: int) -> None:
    start(carrier, 1, f"s = connect(); s.sendall(b'x' * {size}); os.kill(os.getpid(), 9)")
    frames: list[Frame] = []
    while not frames or frames[-1].kind != "X":
        frame = carrier.receive()
        assert frame is not None
        frames.append(frame)
    assert frames[0].kind == "O"
    assert sum(len(frame.payload) for frame in frames if frame.kind == "D") == size
    assert frames[-1].fields[0] == "signalled=9"


def test_a_writer_who_never_stops_does_not_hide_an_end(one: CarrierProcess) -> None:
    start(one, 1, "s = connect()\nwhile True: s.sendall(bytes(60000))")
    stream = opened(one)
    one.start(2, "/bin/sh", "-c", "exit 4")
    for _ in range(2000):
        frame = one.receive()
        assert frame is not None
        if frame.kind == "X":
            break
        credit(one, stream, len(frame.payload))
    assert (frame.kind, frame.id, frame.fields[0]) == ("X", 2, "exited=4")


def test_nothing_is_lost_when_the_plugin_reads_late(one: CarrierProcess) -> None:
    """64 streams of 64 kB are more than a pipe and the carrier's buffer hold."""
    start(
        one,
        1,
        """
held = [connect() for _ in range(64)]
for n, s in enumerate(held): s.sendall(bytes([n]) * 65536)
time.sleep(0.5)
open("/proc/self/comm", "w").write("written")
time.sleep(100)
""",
    )
    pid = one.process.pid
    await_name(pid, "written")
    assert resident_kilobytes(pid) < 8192
    got: dict[int, bytearray] = {}
    while sum(map(len, got.values())) < 64 * 65536:
        frame = one.receive()
        assert frame is not None
        if frame.kind == "O":
            got[frame.id] = bytearray()
        else:
            assert frame.kind == "D"
            got[frame.id] += frame.payload
    assert sorted(bytes(data) for data in got.values()) == [bytes([n]) * 65536 for n in range(64)]


TURNS = """
s = connect()
for turn in range(2000):
    os.write(1 + turn % 2, b"<%d>" % turn + b"." * (turn * 7919 % 50_000 if turn % 50 == 0 else 9))
    s.sendall(b"[%d]" % turn)
    assert s.recv(1) == b"!"
"""


def test_what_was_printed_before_an_answer_comes_before_it(one: CarrierProcess) -> None:
    start(one, 1, "import os\n" + TURNS)
    stream = one.expect_kind("O").id
    for turn in range(2000):
        answer = one.expect("D", stream)
        assert answer.payload == b"[%d]" % turn
        assert one.log.rstrip(b".").endswith(b"<%d>" % turn)
        one.log.clear()
        one.send("W", stream, len(answer.payload).to_bytes(4, "big"))
        one.send("D", stream, b"!")
    assert one.expect("X", 1).fields[0] == "exited=0"


FLOOD = """
import os
if os.fork() == 0:
    while True: os.write(2, b"x" * 65536)
s = connect()
for turn in range(20):
    s.sendall(b"?")
    assert s.recv(1) == b"!"
"""


def test_a_flooded_log_keeps_no_connection_and_no_end_waiting(one: CarrierProcess) -> None:
    start(one, 1, FLOOD)
    stream = one.expect_kind("O").id
    for _ in range(20):
        assert one.expect("D", stream).payload == b"?"
        one.send("D", stream, b"!")
    assert one.expect("X", 1).fields[0] == "exited=0"
    assert len(one.log) > 65_536
    assert resident_kilobytes(one.process.pid) < 8192
    assert one.renew() == ()
    assert one.run(1, "/bin/echo", "new")[1] == "new\n"


def test_a_log_that_nobody_reads_stops_who_writes_it(one: CarrierProcess) -> None:
    start(one, 1, FLOOD)
    await_name(one.process.pid, "python3")
    time.sleep(0.3)
    assert resident_kilobytes(one.process.pid) < 8192
    before = used_s(one.process.pid)
    time.sleep(0.3)
    assert used_s(one.process.pid) - before < 0.1
    stream = one.expect_kind("O").id
    assert one.expect("D", stream).payload == b"?"


def test_a_process_may_open_its_output_by_name(one: CarrierProcess) -> None:
    told = one.run(1, "/bin/sh", "-c", "echo a >/dev/stdout; echo b >/dev/stderr; exit 7")
    assert told == ("exited=7", "a\nb\n")


ODD_STATES = """
import fcntl, struct
held = []
def state(data=b"", *, reset=False, half=False):
    s = connect(); held.append(s)
    if data:
        s.setblocking(False)
        try: s.sendall(data)
        except BlockingIOError: pass
    if half: s.shutdown(socket.SHUT_WR)
    if reset:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); s.close()
for _ in range(5):
    state(); state(bytes(5_000_000)); state(bytes(5_000_000), reset=True); state(half=True)
    state(bytes(70_000), half=True); state(reset=True); state(bytes(100), reset=True)
for _ in range(100):
    s = socket.socket(); s.setblocking(False); s.connect_ex((address[0], int(address[1])))
    held.append(s)
open("/proc/self/comm", "w").write("set")
time.sleep(100)
"""


@pytest.mark.parametrize("output", ["is read", "is not read"])
def test_streams_in_odd_states_cost_no_time(one: CarrierProcess, output: str) -> None:
    """What cannot go on is not polled again and again."""
    start(one, 1, ODD_STATES)
    await_name(one.process.pid, "set")
    if output == "is read":
        while one.receive(0.3):
            pass
    else:
        time.sleep(0.3)
    before = used_s(one.process.pid)
    time.sleep(0.5)
    assert used_s(one.process.pid) - before < 0.1


def test_input_that_ends_while_the_output_is_full_ends_it(one: CarrierProcess) -> None:
    start(one, 1, ODD_STATES)
    await_name(one.process.pid, "set")
    assert one.process.stdin
    one.process.stdin.close()
    assert one.process.wait(10) == 0


def carrier_of(pid: int) -> int:
    """A child of bubblewrap's monitors, or that process itself."""
    found = pid
    while Path(f"/proc/{found}/comm").read_text() != "carrier\n":
        children = Path(f"/proc/{found}/task/{found}/children").read_text().split()
        if not children:
            break
        found = int(children[0])
    assert Path(f"/proc/{found}/comm").read_text() == "carrier\n"
    return found


def await_name(pid: int, name: str) -> None:
    """Wait until the process that the carrier started calls itself so; its output stays unread."""
    carrier = carrier_of(pid)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for child in Path(f"/proc/{carrier}/task/{carrier}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text() == f"{name}\n":
                return
        time.sleep(0.01)
    raise AssertionError(f"no process calls itself {name}")


def used_s(pid: int) -> float:
    """Processor time of the carrier, in seconds."""
    fields = Path(f"/proc/{carrier_of(pid)}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kilobytes(pid: int) -> int:
    status = Path(f"/proc/{carrier_of(pid)}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])
