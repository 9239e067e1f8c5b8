"""Feeds the carrier random input, built with the address and undefined-behaviour sanitizers.

    .venv/bin/python tests/tools/carrier_fuzz.py --seconds 600 [--seed N]

Each case is one carrier in a sandbox: a seeded sequence of frames, most of them well formed, some
changed, cut or mere noise, in pieces of random sizes, while processes in the sandbox connect, flood
and vanish, and while its output is read at once, late or in small pieces. A case ends in a defined
way if the carrier exits with 70 after a frame F, or with 0 at the end of its input, in time, with
nothing but whole frames in its output (the last may be cut off by the end) and no report of a
sanitizer. The command prints the seed of a case that does not.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import selectors
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.carrier_process import RESOLVER, sandbox_command
from pytest_lambda_rollback.engines.carrier import sources

PATIENCE_S: Final = 25.0
"""A fresh environment may take 10 s where a process does not end."""
SANITIZERS: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
OPTIONS: Final = {
    # The carrier may not be traced, which the search for leaks needs; it allocates nothing anyway.
    "ASAN_OPTIONS": "detect_leaks=0:exitcode=99:handle_segv=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=99",
}
QUESTION: Final = r"printf '\0\1\1\0\0\1\0\0\0\0\0\0\4n%03d\0\0\1\0\1' $i"
"""For the address of a name of its own."""
COMMANDS: Final = (
    ("/bin/true",),
    ("/bin/sleep", "0.05"),
    ("/bin/sleep", "30"),
    ("/no/such",),
    ("/bin/sh", "-c", "kill -9 $$"),
    ("/bin/sh", "-c", "sleep 30 & sleep 30 & exit 1"),
    ("/bin/sh", "-c", "mkdir -p /tmp/a/b; echo x >/tmp/a/b/c; chmod 0 /tmp/a; kill -STOP $$"),
    ("/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9001; head -c 200000 /dev/urandom >&3"),
    ("/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9001; cat <&3 >/dev/null"),
    ("/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9001; cat <&3 >&3"),
    ("/bin/bash", "-c", "for i in {1..90}; do exec {f}<>/dev/tcp/127.0.0.1/9001; done; sleep 9"),
    ("/bin/bash", "-c", "for i in {1..90}; do (echo x >/dev/tcp/127.0.0.1/9001) & done; wait"),
    ("/bin/bash", "-c", "exec 3<>/dev/tcp/db.internal/80; head -c 200000 /dev/urandom >&3"),
    ("/bin/bash", "-c", "for i in {1..300}; do exec {f}<>/dev/tcp/n$i/443; done; sleep 9"),
    (
        "/bin/bash",
        "-c",
        "for i in {1..90}; do head -c9$i /dev/urandom >/dev/udp/127.0.0.1/53; done",
    ),
    ("/bin/bash", "-c", f"for i in {{1..300}}; do {QUESTION} >/dev/udp/127.0.0.1/53; done"),
)

LENGTHS: Final = (0, 1, 65536, 65537, 2**31, 2**32 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a case ended; ``fault`` is empty if that was a defined way."""

    status: int | None
    frames: str
    fault: str


def build_sanitized(folder: Path) -> Path:
    """The carrier as a program of the C library, with sanitizers."""
    program = folder / "carrier-sanitized"
    (folder / RESOLVER).write_text("nameserver 127.0.0.1\n")
    compiler = shutil.which("cc") or "cc"
    flags = ("-std=c11", "-g", "-O1", "-ffreestanding", "-DHOSTED", *SANITIZERS)
    command = [compiler, *flags, sources.MAIN, "-o", str(program)]
    subprocess.run(command, cwd=sources.FOLDER, check=True, timeout=300)
    return program


def frame(kind: bytes, id_: int, payload: bytes) -> bytes:
    return struct.pack("!cBHI", kind, 0, id_, len(payload)) + payload


def start(random_: random.Random) -> bytes:
    fields = [b"d" + random_.choice((b"/", b"/tmp", b"/no/such"))] if random_.random() < 0.5 else []
    fields += [b"a" + os.fsencode(part) for part in random_.choice(COMMANDS)]
    fields += [b"eA%d=x" % n for n in range(random_.choice((0, 1, 3, 300)))]
    fields += [b"uPATH"] * random_.randrange(2)
    return b"".join(field + b"\0" for field in fields)


def doors(random_: random.Random) -> bytes:
    numbered = b"n%d" % random_.randrange(300)
    names = (b"db.internal", b"*.internal", b"*", b"localhost", b"a.b", numbered)
    texts = [
        b"door=%s:%d\0" % (random_.choice(names), random_.choice((1, 80, 443, 5432)))
        for _ in range(random_.choice((0, 1, 4, 40)))
    ]
    return b"".join(texts)


def well_formed(random_: random.Random) -> bytes:
    kind = random_.choices("SKDECWMLRNP", (16, 6, 20, 4, 4, 16, 4, 2, 3, 4, 4))[0]
    number = random_.randrange(1, 12)
    payload = b""
    if kind == "S":
        number, payload = random_.randrange(1, 2000), start(random_)
    elif kind == "K":
        number, payload = random_.randrange(1, 2000), bytes([random_.randrange(65)])
    elif kind == "D":
        payload = random_.randbytes(random_.choice((0, 1, 100, 4000, 20_000)))
    elif kind == "W":
        payload = struct.pack("!I", random_.choice((1, 100, 65536, 200_000)))
    elif kind == "N":
        fresh = frame(b"R", 0, b"") * (random_.random() < 0.95)
        return fresh + frame(b"N", 0, doors(random_))
    elif kind == "P":
        name = random_.choice((b"ca.pem", b"x" * 255, b"-rf\n*"))
        number, payload = 0, name + b"\0" + random_.randbytes(random_.choice((0, 100, 70_000)))
    elif kind in "MLR":
        number = 0
        payload = struct.pack("!Q", random_.choice((0, 1, 1 << 40))) if kind == "L" else b""
    return frame(kind.encode(), number, payload)


def changed(random_: random.Random, data: bytes) -> bytes:
    """With some bits, bytes or numbers other than they were, cut or doubled."""
    made = bytearray(data)
    for _ in range(random_.choice((1, 1, 2, 8))):
        at = random_.randrange(len(made))
        match random_.randrange(5):
            case 0:
                made[at] ^= 1 << random_.randrange(8)
            case 1:
                made[at] = random_.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                made[4:8] = struct.pack(
                    "!I", random_.choice((0, 1, 65536, 65537, 2**31, 2**32 - 1))
                )
            case 3:
                made = made[: at + 1]
            case _:
                made[at:at] = random_.randbytes(random_.randrange(1, 9))
        if len(made) < 8:
            made += bytes(8)
    return bytes(made)


def input_of(random_: random.Random) -> bytes:
    """All that is sent in a case."""
    hostile = random_.choice((0.0, 0.0, 0.02, 0.2))
    parts = []
    for _ in range(random_.choice((3, 30, 100))):
        part = well_formed(random_)
        if random_.random() < hostile:
            part = changed(random_, part) if random_.random() < 0.8 else random_.randbytes(40)
        parts.append(part)
    whole = b"".join(parts)
    return whole[: random_.randrange(len(whole) + 1)] if random_.random() < 0.2 else whole


def run_case(program: Path, seed: int) -> Ending:
    """One carrier and its input; never longer than a bounded time."""
    random_ = random.Random(seed)
    data = memoryview(input_of(random_))
    reading = random_.choice(("at once", "at once", "late", "slowly"))
    closes_output = random_.random() < 0.05
    options = [part for pair in OPTIONS.items() for part in ("--setenv", *pair)]
    process = subprocess.Popen(
        sandbox_command(program, options),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    assert process.stderr
    output, log = bytearray(), bytearray()
    os.set_blocking(process.stdin.fileno(), False)
    selector = selectors.DefaultSelector()
    for stream, interest in (
        (process.stdin, selectors.EVENT_WRITE),
        (process.stdout, selectors.EVENT_READ),
        (process.stderr, selectors.EVENT_READ),
    ):
        selector.register(stream, interest)
    began, until = time.monotonic(), time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < until and selector.get_map():
            for key, _ in selector.select(0.02):
                if key.fileobj is process.stdin:
                    try:
                        count = os.write(key.fd, data[: random_.choice((1, 7, 5000, 100_000))])
                        data = data[count:]
                    except BlockingIOError:
                        continue
                    except BrokenPipeError:
                        data = data[:0]
                    if not data:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif key.fileobj is process.stderr:
                    if part := os.read(key.fd, 65536):
                        log += part
                    else:
                        selector.unregister(process.stderr)
                else:
                    if reading == "late" and time.monotonic() - began < 0.2:
                        continue
                    part = os.read(key.fd, 300 if reading == "slowly" else 1 << 20)
                    output += part
                    if not part or (closes_output and len(output) > 1000):
                        selector.unregister(process.stdout)
                        process.stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, until - time.monotonic()))
        status = process.poll()
    finally:
        process.kill()
        process.wait()
        selector.close()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
    return judged(status, bytes(output), bytes(log), closes_output)


def judged(status: int | None, output: bytes, log: bytes, cut: bool) -> Ending:
    kinds, at, fault = "", 0, ""
    while len(output) - at >= 8:
        kind, zero, _, length = struct.unpack_from("!cBHI", output, at)
        if zero or kind not in (b"H", b"O", b"D", b"E", b"C", b"W", b"X", b"T", b"M", b"R", b"F"):
            fault = f"no frame at byte {at} of the output"
            break
        if len(output) - at < 8 + length:
            break
        kinds += kind.decode()
        at += 8 + length
    text = log.decode(errors="replace")
    if status is None:
        fault = "it did not end"
    elif "Sanitizer" in text or "runtime error" in text:
        fault = text
    elif status not in (0, 70):
        fault = f"it ended with {status}: {text}"
    elif not kinds.startswith("H") and not (cut and not kinds):
        fault = f"its first frame is no H but {kinds[:1]!r}"
    elif not cut and (status == 70) != kinds.endswith("F"):
        fault = f"status {status} with the frames {kinds[-20:]}"
    elif not cut and status == 70 and at != len(output):
        fault = "bytes after the last frame"
    return Ending(status=status, frames=kinds, fault=fault)


def main() -> int:
    """Run cases until the time is over; 1 if one ended in no defined way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    ended: dict[int | None, int] = {}
    seed = options.seed
    with tempfile.TemporaryDirectory() as folder:
        program = build_sanitized(Path(folder))
        while time.monotonic() < until:
            ending = run_case(program, seed)
            if ending.fault:
                print(f"seed {seed}: {ending.fault}", file=sys.stderr)
                return 1
            ended[ending.status] = ended.get(ending.status, 0) + 1
            seed += 1
    print(f"{sum(ended.values())} cases from seed {options.seed}: {ended}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
