"""Tries to reach the carrier, and to leave what would outlive a process; runs inside.

The argument is the carrier's process number. Prints a JSON object: for each attempt the name of
the error, or what it gave.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable

CARRIER = int(sys.argv[1])
X86 = os.uname().machine == "x86_64"
NUMBERS = {  # x86-64, arm64
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "ioprio_set": (251, 30), "sched_setattr": (314, 274),
    "sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "prlimit64": (302, 261),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "io_uring_setup": (425, 425), "bpf": (321, 280), "unshare": (272, 97), "clone": (56, 220),
    "clone3": (435, 435), "setns": (308, 268), "mount": (165, 40), "perf_event_open": (298, 241),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "vhangup": (153, 58),
    "userfaultfd": (323, 282), "socket": (41, 198), "get_robust_list": (274, 100),
}  # fmt: skip
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(name: str, *arguments: object) -> int:
    """A system call by number; raises OSError."""
    ctypes.set_errno(0)
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    number = NUMBERS[name][0 if X86 else 1]
    result = int(libc.syscall(ctypes.c_long(number), *converted))
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def attempt(action: Callable[[], object]) -> str:
    try:
        return str(action())
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))


def vector(data: bytearray) -> bytes:
    address = ctypes.addressof((ctypes.c_char * len(data)).from_buffer(data))
    return struct.pack("PP", address, len(data))


def signal_all(send: Callable[[int], object]) -> str:
    for number in range(1, 65):
        with contextlib.suppress(OSError):
            send(number)
    return "sent"


def signal_by_log() -> str:
    """A signal of one's choice whenever the log can take more."""
    fcntl.fcntl(2, fcntl.F_SETOWN, CARRIER)
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, 0):
        fcntl.fcntl(2, 10, number)  # F_SETSIG
        flags = fcntl.fcntl(2, fcntl.F_GETFL)
        fcntl.fcntl(2, fcntl.F_SETFL, flags | os.O_ASYNC | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(2, b"\n" * 4096)
        time.sleep(0.05)
        fcntl.fcntl(2, fcntl.F_SETFL, flags & ~os.O_ASYNC & ~os.O_NONBLOCK)
    return "sent"


def other_interface(code: bytes) -> str:
    """Machine code in a process of its own; the number that it returns, or how it ended."""
    child = os.fork()
    if child == 0:
        memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        memory.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        result = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
        os._exit(0 if result >= 0 else -result)
    status = os.waitpid(child, 0)[1]
    return errno.errorcode.get(os.waitstatus_to_exitcode(status), "ran or died")


def main() -> None:
    buffer = bytearray(64)
    data, remote = vector(buffer), struct.pack("PP", 0x400000, 64)
    pidfd = call("pidfd_open", CARRIER, 0)
    attributes = ctypes.create_string_buffer(struct.pack("IIQiIQQQ", 48, 0, 0, 5, 0, 0, 0, 0))
    parameter = ctypes.create_string_buffer(struct.pack("i", 0))
    limit = ctypes.create_string_buffer(struct.pack("QQ", 0, 0))
    event = ctypes.create_string_buffer(struct.pack("IIQ", 1, 128, 0) + bytes(112))
    tries: dict[str, Callable[[], object]] = {
        "kill": lambda: signal_all(lambda number: os.kill(CARRIER, number)),
        "pidfd_send_signal": lambda: signal_all(
            lambda number: call("pidfd_send_signal", pidfd, number, None, 0)
        ),
        "signals by the log": signal_by_log,
        "ptrace attach": lambda: call("ptrace", 16, CARRIER, 0, 0),
        "ptrace seize": lambda: call("ptrace", 0x4206, CARRIER, 0, 0),
        "process_vm_readv": lambda: call("process_vm_readv", CARRIER, data, 1, remote, 1, 0),
        "process_vm_writev": lambda: call("process_vm_writev", CARRIER, data, 1, remote, 1, 0),
        "pidfd_getfd 0": lambda: call("pidfd_getfd", pidfd, 0, 0),
        "pidfd_getfd 1": lambda: call("pidfd_getfd", pidfd, 1, 0),
        "kcmp": lambda: call("kcmp", os.getpid(), CARRIER, 0, 0, 1),
        "process_madvise": lambda: call("process_madvise", pidfd, remote, 1, 20, 0),
        "migrate_pages": lambda: call("migrate_pages", CARRIER, 0, None, None),
        "move_pages": lambda: call("move_pages", CARRIER, 0, None, None, None, 0),
        "perf_event_open": lambda: call("perf_event_open", event, CARRIER, -1, -1, 0),
        "prlimit": lambda: resource.prlimit(CARRIER, resource.RLIMIT_CPU, (0, 0)),
        "prlimit64": lambda: call("prlimit64", CARRIER, 0, limit, None),
        "sched_setaffinity": lambda: os.sched_setaffinity(CARRIER, {0}),
        "sched_setattr": lambda: call("sched_setattr", CARRIER, attributes, 0),
        "sched_setparam": lambda: call("sched_setparam", CARRIER, parameter),
        "sched_setscheduler": lambda: call("sched_setscheduler", CARRIER, 5, parameter),
        "setpriority": lambda: os.setpriority(os.PRIO_PROCESS, CARRIER, 19),
        "setpriority group": lambda: os.setpriority(os.PRIO_PGRP, CARRIER, 19),
        "setpriority user": lambda: os.setpriority(os.PRIO_USER, os.getuid(), 19),
        "setpriority all": lambda: os.setpriority(os.PRIO_USER, 0, 19),
        "ioprio_set": lambda: call("ioprio_set", 1, CARRIER, 3 << 13),
        "ioprio_set user": lambda: call("ioprio_set", 3, os.getuid(), 3 << 13),
        "add_key": lambda: call("add_key", b"user", b"left", b"x", 1, -4),
        "request_key": lambda: call("request_key", b"user", b"left", None, -4),
        "keyctl": lambda: call("keyctl", 1, b"session"),
        "io_uring_setup": lambda: call("io_uring_setup", 8, ctypes.create_string_buffer(120)),
        "bpf": lambda: call("bpf", 0, ctypes.create_string_buffer(128), 128),
        "unshare user": lambda: call("unshare", 0x10000000),
        "unshare time": lambda: call("unshare", 0x80),
        "clone user": lambda: call("clone", 0x10000000 | 17, 0, 0, 0, 0),
        "clone3": lambda: call("clone3", ctypes.create_string_buffer(64), 64),
        "core_pattern": lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY),
        "msgmax": lambda: os.open("/proc/sys/kernel/msgmax", os.O_WRONLY),
        "vsock": lambda: socket.socket(40, socket.SOCK_STREAM),
        "bluetooth": lambda: socket.socket(31, socket.SOCK_RAW, 1),
        "vsock with other bits": lambda: call("socket", 40 | 1 << 32, 1, 0),
        "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "setns": lambda: call("setns", pidfd, 0x08000000),
        "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    }
    for path in ("fd/0", "fd/1", "mem", "environ", "maps", "auxv", "exe", "cwd", "root", "io"):

        def read(path: str = path) -> object:
            name = f"/proc/{CARRIER}/{path}"
            if path in ("exe", "cwd", "root"):
                return os.readlink(name)
            with open(name, "rb") as file:
                return file.read(1)

        tries[f"/proc {path}"] = read
    for path in ("mem", "fd/0", "fd/1", "oom_score_adj", "comm", "timerslack_ns", "clear_refs"):

        def write(path: str = path) -> object:
            return os.write(os.open(f"/proc/{CARRIER}/{path}", os.O_WRONLY), b"1000")

        tries[f"/proc write {path}"] = write
    found = {name: attempt(action) for name, action in tries.items()}
    if X86:
        # getpid of i386 and of x32
        found["i386"] = other_interface(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        found["x32"] = other_interface(b"\xb8\x27\x00\x00\x40\x0f\x05\xc3")
    print(json.dumps(found))


main()
