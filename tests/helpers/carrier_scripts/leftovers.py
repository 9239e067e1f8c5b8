"""Leaves in an execution environment whatever a function could leave; runs inside, on its own."""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
SHARED_MEMORY, SEMAPHORE, QUEUE = {"x86_64": (29, 64, 68), "aarch64": (194, 190, 186)}[
    os.uname().machine
]
OPEN_QUEUE = {"x86_64": 240, "aarch64": 180}[os.uname().machine]
CREATE = 0o1000


def sleeping(prepare: Callable[[], object]) -> None:
    """A process twice forked in a session of its own, prepared so."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with contextlib.suppress(OSError):
                prepare()
            while True:
                time.sleep(1000)
        os._exit(0)
    os.wait()


def ignore_signals() -> None:
    for number in range(1, 65):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def ask_to_be_traced() -> None:
    """By the parent, which is the carrier, and stop."""
    libc.ptrace(0, 0, 0, 0)
    os.kill(os.getpid(), signal.SIGUSR1)


def leave_processes() -> None:
    sleeping(lambda: None)
    sleeping(ignore_signals)
    sleeping(lambda: os.kill(os.getpid(), signal.SIGSTOP))
    sleeping(lambda: [os.fork() for _ in range(3)])
    sleeping(ask_to_be_traced)
    if os.fork() == 0:
        os._exit(0)  # nobody waits for it


def leave_files(folder: Path) -> None:
    (folder / "file").write_bytes(b"x" * 100_000)
    (folder / "file").chmod(0)
    (folder / "-rf\n*").write_text("")
    (folder / ("n" * 255)).write_text("")
    (folder / "link").symlink_to("/")
    (folder / "nowhere").symlink_to("gone")
    os.link(folder / "file", folder / "hard")
    os.mkfifo(folder / "fifo", 0)
    socket.socket(socket.AF_UNIX).bind(str(folder / "socket"))
    (folder / ".hidden" / "within").mkdir(parents=True)
    (folder / ".hidden" / "within" / "file").write_text("")
    (folder / ".hidden" / "within").chmod(0)
    (folder / ".hidden").chmod(0)
    (folder / "sticky").mkdir(0o1000)
    (folder / ".moved-0").mkdir()
    (folder / ".moved-0" / "file").write_text("")
    (folder / ".moved-1").write_text("")
    with contextlib.suppress(OSError):
        os.setxattr(folder / "sticky", "user.a", b"1")
    os.chdir(folder)
    for _ in range(5000):
        Path("deep").mkdir(0o700)
        os.chdir("deep")
    for number in range(300):
        Path(f"file{number}").write_text("")
    os.chdir("/")
    many = folder / "many"
    many.mkdir()
    for number in range(2000):
        (many / f"{number}").mkdir()
        (many / f"{number}" / "file").write_text("")


def spoil_folder(folder: Path) -> None:
    """The folder itself, where it is one's own."""
    for attribute, value in (("user.b", b"1"), ("system.posix_acl_default", bytes.fromhex(
        "02000000" "01000700ffffffff" "04000500ffffffff" "20000500ffffffff")),
    ):  # fmt: skip
        with contextlib.suppress(OSError):
            os.setxattr(folder, attribute, value)
    with contextlib.suppress(OSError):
        folder.chmod(0)


def leave_objects() -> None:
    for key in (0, 17, -3):
        assert libc.syscall(SHARED_MEMORY, key, 4096, CREATE | 0o600) >= 0
        assert libc.syscall(SEMAPHORE, key, 3, CREATE) >= 0
        assert libc.syscall(QUEUE, key, CREATE) >= 0
    queue = libc.syscall(OPEN_QUEUE, b"queue", os.O_CREAT | os.O_RDWR, 0, None)
    if Path("/dev/mqueue").exists():
        assert queue >= 0
    else:
        assert queue < 0


def leave_sockets() -> None:
    kept: list[socket.socket] = []

    def serve(family: int, address: tuple[str, int]) -> None:
        listener = socket.socket(family)
        listener.bind(address)
        listener.listen(20)
        kept.append(listener)
        for closes_first in (0, 1, 2):
            pair = [socket.create_connection(address), listener.accept()[0]]
            if closes_first == 2:
                kept.extend(pair)
            else:
                pair[closes_first].close()
                pair[1 - closes_first].close()

    serve(socket.AF_INET, ("127.0.0.1", 8080))
    serve(socket.AF_INET, ("127.0.0.1", 50123))
    with contextlib.suppress(OSError):  # a machine without IPv6
        serve(socket.AF_INET6, ("::1", 8081))
    for family, kind, address in (
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 8082)),
        (socket.AF_UNIX, socket.SOCK_STREAM, "\0abstract"),
        (socket.AF_UNIX, socket.SOCK_DGRAM, "\0datagrams"),
    ):
        kept.append(socket.socket(family, kind))
        kept[-1].bind(address)
    for _ in range(5):
        kept.append(socket.create_connection(("127.0.0.1", 9001)))
        kept[-1].sendall(b"unanswered")
    closed = socket.create_connection(("127.0.0.1", 9001))
    closed.close()

    def keep() -> None:
        for one in kept:
            one.setblocking(True)

    sleeping(keep)


def spoil_log() -> None:
    fcntl.flock(2, fcntl.LOCK_EX)
    fcntl.fcntl(2, fcntl.F_SETOWN, 1)
    fcntl.fcntl(2, 10, signal.SIGKILL)  # F_SETSIG
    fcntl.fcntl(2, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC | os.O_APPEND)
    with contextlib.suppress(OSError):
        fcntl.fcntl(2, 1031, 4096)  # F_SETPIPE_SZ


def main() -> None:
    leave_processes()
    leave_objects()
    leave_sockets()
    folders = [Path("/tmp"), Path("/dev/shm"), Path("/run/lambda-rollback")]
    for folder in folders:
        if os.access(folder, os.W_OK):
            leave_files(folder)
            spoil_folder(folder)
    spoil_log()
    os.write(2, b"left\n")
    sys.exit(3)


main()
