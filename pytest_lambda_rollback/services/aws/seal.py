"""What a process of a private AWS may not do: outlive its parent, reach a network, start programs.

The processes of a pass answer requests of code that nobody has read. moto would send an SNS
notification to any URL and run Lambda functions in containers; here it cannot.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Final

_PR_SET_PDEATHSIG: Final = 1

REFUSED: Final = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "os.system",
        "pty.spawn",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
        "subprocess.Popen",
    }
)
"""Python's audit events that are refused: https://docs.python.org/3/library/audit_events.html"""


def end_with_parent(parent: int) -> None:
    """Have Linux kill this process when its parent ends; elsewhere the channel's end does it.

    ``parent`` is the parent's process id, which is asked for again: it may have ended before.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def refuse_network_and_programs() -> None:
    """From now on this process opens no connection and starts no program; it raises instead."""

    def refuse(event: str, _arguments: tuple[Any, ...]) -> None:
        if event in REFUSED:
            raise PermissionError(f"a private AWS does no {event}")

    sys.addaudithook(refuse)


def limit_memory(size_bytes: int) -> None:
    """Let allocations fail above a size, where the kernel can do so; the machine stays usable."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size_bytes, size_bytes))
