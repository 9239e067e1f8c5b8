"""A function's log, made ready for a person to read.

AWS's Python runtime client writes the error that it also posts to the Runtime API, and a general
remark about runtime updates before it. Neither is the function's own log, and the error is shown
where it belongs, so both are left out here.
"""

from __future__ import annotations

LINES = 50
"""Number of last lines that are kept."""
BYTES = 16 * 1024
"""Size of the end of a log that is looked at."""

_CLIENT_REMARK = "LAMBDA_WARNING: Unhandled exception."
_CLIENT_ERROR = "[ERROR]"


def log_tail(raw: bytes) -> tuple[str, ...]:
    """The function's own last lines, at most `LINES` of the last `BYTES` of a log.

    The runtime client joins the lines of one message by carriage returns, which no other line
    holds, and indents them with no-break spaces.
    """
    text = raw[-BYTES:].decode("utf-8", "replace")
    lines: list[str] = []
    for message in text.split("\n"):
        is_clients = message.startswith(_CLIENT_ERROR) and "\r" in message
        if is_clients or _CLIENT_REMARK in message:
            continue
        lines += message.replace("\u00a0", " ").splitlines()
    return tuple(lines[-LINES:])
