"""Processes of this machine, found by a text in their command lines, in whatever namespace."""

from __future__ import annotations

import time
from pathlib import Path

_GONE_S = 20.0


def processes_with(text: str) -> set[int]:
    """The ids of living processes whose command line holds a text."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            continue
        if text.encode() in command and state != "Z":
            found.add(int(folder.name))
    return found


def wait_until_none_with(text: str) -> None:
    """Wait for the end of all of them, and fail if they do not end."""
    end = time.monotonic() + _GONE_S
    while processes_with(text):
        assert time.monotonic() < end, f"processes with {text!r} still run"
        time.sleep(0.01)
