"""Prints all that a function can see of its execution environment, as JSON; runs inside.

With the argument ``process`` it leaves out files and other processes, which outside a namespace
are the machine's.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import re
import resource
import signal
import socket
import sys
import time
from pathlib import Path

OWN = ("/tmp", "/dev/shm", "/dev/mqueue", "/run/lambda-rollback")
"""File systems of their own: what is used of them is what is in them."""


def tree(path: str) -> list[object]:
    found: list[object] = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        if folder.count("/") > 20:
            folders.clear()
        for name in sorted((*folders, *files)):
            status = os.lstat(os.path.join(folder, name))
            found.append([folder, name, status.st_mode, status.st_uid, status.st_size])
    return found


def folder(path: str) -> object:
    if not os.path.isdir(path) or sys.argv[1:] == ["process"]:
        return None
    status, system = os.stat(path), os.statvfs(path)
    return {
        "status": [status.st_mode, status.st_uid, status.st_gid, status.st_nlink, status.st_size],
        "free": [system.f_bfree, system.f_ffree] if path in OWN else None,
        "attributes": sorted(os.listxattr(path)),
        "tree": tree(path),
        "writable": os.access(path, os.W_OK),
    }


def lines(path: str, keep: str = r".*") -> list[str]:
    with contextlib.suppress(OSError), open(path) as file:
        return [line.strip() for line in file if re.match(keep, line)]
    return []


def sockets(name: str) -> list[str]:
    """Without what the kernel numbers as it goes."""
    return [" ".join(line.split()[:4]) for line in lines(f"/proc/net/{name}")]


def bindable(port: int, family: int = socket.AF_INET) -> str:
    try:
        with socket.socket(family) as one:
            one.bind(("", port))
    except OSError as error:
        return str(error)
    return "yes"


def processes() -> list[list[str]]:
    found: list[list[str]] = []
    if sys.argv[1:] == ["process"]:
        return found
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            found.append([name, Path("/proc", name, "stat").read_text().split()[2]])
    return found


def lockable(path: str, until: float) -> str:
    """Whether it can be locked; a lock of another sandbox that is just ending is waited for."""
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError as error:
        return str(error)
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if time.monotonic() > until:
                return str(error)
            time.sleep(0.01)
        else:
            return "yes"


def main() -> None:
    until = time.monotonic() + 3
    libc = ctypes.CDLL(None, use_errno=True)
    found = {
        "processes": processes(),
        "own": [os.getppid(), os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
        "folders": {path: folder(path) for path in (*OWN, "/dev")},
        "more": {path: folder(path) for path in ("/var/tmp", "/run", "/var/task", "/opt")},
        "objects": {kind: lines(f"/proc/sysvipc/{kind}") for kind in ("shm", "sem", "msg")},
        "sockets": {
            kind: sockets(kind) for kind in ("tcp", "tcp6", "udp", "udp6", "unix", "raw", "packet")
        },
        "mounts": [line.split(" ", 2)[2] for line in lines("/proc/self/mountinfo")],
        "open": {
            number: [
                os.readlink(f"/proc/self/fd/{number}").split(":")[0],
                fcntl.fcntl(number, fcntl.F_GETFL),
                fcntl.fcntl(number, fcntl.F_GETOWN),
                fcntl.fcntl(number, 11),  # F_GETSIG
            ]
            for number in range(3)
        },
        "files": len(os.listdir("/proc/self/fd")),
        "log room": fcntl.fcntl(2, 1032) if "pipe" in os.readlink("/proc/self/fd/2") else 0,
        "limits": [resource.getrlimit(number) for number in range(16)],
        "priority": [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)],
        "processors": sorted(os.sched_getaffinity(0)),
        "status": lines(
            "/proc/self/status",
            r"Sig[BCIP]|Shd|Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups|TracerPid|Umask",
        ),
        "ignored": [
            number for number in range(1, 32) if signal.getsignal(number) is signal.SIG_IGN
        ],
        "oom": lines("/proc/self/oom_score_adj"),
        "personality": libc.personality(0xFFFFFFFF),
        "variables": dict(os.environ),
        "folder": os.getcwd(),
        "bind": [bindable(port) for port in (8080, 50123, 8082)],
        "bind6": bindable(8081, socket.AF_INET6),
        "lock": [lockable(path, until) for path in ("/dev/null", "/tmp", "/usr")],
        "name": [os.uname().nodename, sys.executable],
    }  # fmt: skip
    os.set_blocking(1, True)
    print(json.dumps(found))


main()
