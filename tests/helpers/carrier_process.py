"""A running carrier for tests: its frames, its log, and the ways to start one."""

from __future__ import annotations

import os
import selectors
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pytest_lambda_rollback.engines.carrier.program import carrier_program
from pytest_lambda_rollback.engines.carrier.sources import own_machine
from pytest_lambda_rollback.model.services import SERVICES_FOLDER

PROGRAM = carrier_program({"aarch64": "arm64"}.get(own_machine(), own_machine())).path
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Frame:
    kind: str
    id: int
    payload: bytes

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(field.decode() for field in self.payload.split(b"\0")[:-1])

    @property
    def values(self) -> dict[str, str]:
        return dict(field.partition("=")[::2] for field in self.fields)


class CarrierProcess:
    """Speaks the protocol with a carrier; frames that were not asked for wait in ``waiting``."""

    def __init__(self, command: Sequence[str | os.PathLike[str]], **options: object) -> None:
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            **options,  # type: ignore[call-overload]
        )
        assert self.process.stdin
        assert self.process.stdout
        self.waiting: list[Frame] = []
        self.log = bytearray()
        self._received = bytearray()
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.process.stdout, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the carrier, by force if it does not end with its input."""
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()
        self._selector.close()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def send(self, kind: str, id_: int = 0, payload: bytes = b"") -> None:
        self.send_bytes(struct.pack("!cBHI", kind.encode(), 0, id_, len(payload)) + payload)

    def send_bytes(self, data: bytes) -> None:
        assert self.process.stdin
        left = memoryview(data)
        while left:
            left = left[self.process.stdin.write(left) :]

    def start(
        self,
        id_: int,
        *arguments: str,
        variables: Sequence[str] = (),
        unset: Sequence[str] = (),
        folder: str = "/",
    ) -> None:
        fields = [f"d{folder}", *(f"a{a}" for a in arguments)]
        fields += [*(f"e{v}" for v in variables), *(f"u{u}" for u in unset)]
        self.send("S", id_, b"".join(os.fsencode(field) + b"\0" for field in fields))

    def receive(self, timeout_s: float = PATIENCE_S) -> Frame | None:
        """The next frame in order of arrival; ``None``: none came, or the output has ended."""
        until = time.monotonic() + timeout_s
        while not (frame := self._whole_frame()):
            left = until - time.monotonic()
            if left <= 0 or self._ended or not self._pump(left):
                return None
        return frame

    def expect(self, kind: str, id_: int = 0, timeout_s: float = PATIENCE_S) -> Frame:
        """The next frame of a kind and number; those before it wait."""
        for frame in self._arriving(timeout_s):
            if (frame.kind, frame.id) == (kind, id_):
                self.waiting.remove(frame)
                return frame
        raise AssertionError(f"no frame {kind} {id_}; there are {self.waiting}, log {self.log!r}")

    def expect_kind(self, kind: str, timeout_s: float = PATIENCE_S) -> Frame:
        """The next frame of a kind, whatever its number."""
        for frame in self._arriving(timeout_s):
            if frame.kind == kind:
                self.waiting.remove(frame)
                return frame
        raise AssertionError(f"no frame {kind}; there are {self.waiting}, log {self.log!r}")

    def receive_log(self, timeout_s: float = PATIENCE_S) -> None:
        """Reads until the log has more; frames of other kinds wait."""
        begin = len(self.log)
        until = time.monotonic() + timeout_s
        while len(self.log) == begin:
            if frame := self._whole_frame():
                self.waiting.append(frame)
            elif len(self.log) == begin:
                assert self._pump(until - time.monotonic()), "nothing in the log"

    def run(self, id_: int, *arguments: str, **options: Sequence[str]) -> tuple[str, str]:
        """How a process ended, and what it wrote to the log until then."""
        begin = len(self.log)
        self.start(id_, *arguments, **options)  # type: ignore[arg-type]
        ended = self.expect("X", id_)
        return ended.fields[0], self.log[begin:].decode(errors="replace")

    def renew(self) -> tuple[str, ...]:
        """Asks for a fresh environment; what may have survived."""
        self.send("R")
        answer = self.expect("R")
        self.waiting.clear()
        return answer.fields

    def ending(self, timeout_s: float = PATIENCE_S) -> int:
        """Reads until the output ends; the exit status."""
        until = time.monotonic() + timeout_s
        while not self._ended and time.monotonic() < until:
            self._pump(until - time.monotonic())
            while frame := self._whole_frame():
                self.waiting.append(frame)
        return self.process.wait(max(0.1, until - time.monotonic()))

    def _arriving(self, timeout_s: float) -> Iterator[Frame]:
        yield from tuple(self.waiting)
        until = time.monotonic() + timeout_s
        while frame := self.receive(until - time.monotonic()):
            self.waiting.append(frame)
            yield frame

    def _whole_frame(self) -> Frame | None:
        """The next frame that is whole and not of the log, which is put together in ``log``."""
        while len(self._received) >= 8:
            kind, zero, id_, length = struct.unpack_from("!cBHI", self._received)
            assert zero == 0
            assert length <= 65536
            if len(self._received) < 8 + length:
                return None
            payload = bytes(self._received[8 : 8 + length])
            del self._received[: 8 + length]
            if kind != b"T":
                return Frame(kind.decode("latin-1"), id_, payload)
            assert id_ == 0
            self.log += payload
        return None

    def _pump(self, timeout_s: float) -> bool:
        events = self._selector.select(max(0.0, timeout_s))
        for key, _ in events:
            data = os.read(key.fd, 1 << 20)
            if data:
                self._received += data
            else:
                self._selector.unregister(key.fd)
                self._ended = True
        return bool(events)


SCRIPTS = Path(__file__).parent / "carrier_scripts"
SYSTEM_PYTHON = Path("/usr/bin/python3")
PYTHON = str(SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else Path(sys.executable).resolve())
"""Any user can execute the system's; one of pyenv may lie in a folder of root."""
USER, GROUP = 993, 990
RESOLVER = "resolv.conf"
HOST_NAME = "169.254.100.6"


def script(name: str) -> tuple[str, ...]:
    """The command that runs a script of ``carrier_scripts`` inside an environment."""
    return (PYTHON, "-I", "-c", (SCRIPTS / f"{name}.py").read_text(encoding="utf-8"))


LOW_PORTS = 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start && exec "$@"'


def sandbox_command(
    program: Path = PROGRAM, options: Sequence[str] = (), *, names: bool = True
) -> list[str]:
    """bubblewrap with the carrier as process 1 of namespaces of its own, as Lambda's user.

    With ``names`` it may have low ports, so that it is the name server, and a file `RESOLVER`
    beside the program says so.
    """
    python = () if PYTHON.startswith("/usr/") else (sys.base_prefix,)
    command = ["bwrap", "--unshare-user", "--die-with-parent"]
    if names:
        command += ["--uid", "0", "--gid", "0", "--unshare-net", "--cap-add", "ALL"]
        command += ["--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--"]
        command += ["/bin/sh", "-c", LOW_PORTS, "sh", "bwrap", "--unshare-user"]
        command += ["--die-with-parent"]
    else:
        command += ["--unshare-net"]
    command += [f"--unshare-{name}" for name in ("ipc", "pid", "uts", "cgroup")]
    command += [
        "--hostname",
        HOST_NAME,
        "--as-pid-1",
        "--uid",
        str(USER),
        "--gid",
        str(GROUP),
        "--clearenv",
    ]
    for folder in ("/usr", "/bin", "/lib", "/lib64", "/sbin", "/etc", *python):
        if os.path.lexists(folder):
            command += ["--ro-bind", folder, folder]
    if (resolver := program.parent / RESOLVER).exists():
        command += ["--ro-bind", str(resolver), os.path.realpath("/etc/resolv.conf")]
    command += [
        "--proc",
        "/proc",
        "--ro-bind",
        "/proc/sys",
        "/proc/sys",
        "--dev",
        "/dev",
        "--tmpfs",
        "/dev/shm",
    ]
    command += ["--mqueue", "/dev/mqueue"]
    command += ["--tmpfs", "/tmp", "--perms", "1777", "--tmpfs", SERVICES_FOLDER]
    command += ["--ro-bind", str(program), "/carrier"]
    return [*command, *options, "--remount-ro", "/dev", "--remount-ro", "/", "/carrier"]
