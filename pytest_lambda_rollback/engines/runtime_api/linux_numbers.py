"""Names of Linux's signals and errors by number: environments are Linux wherever the plugin runs.

Signal numbers are those of signal(7) for x86-64 and arm64, errors those of errno(3).
"""

from __future__ import annotations

from typing import Final

EAGAIN: Final = 11

_NAMES: Final = (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT "
    "STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
)
_SIGNALS: Final = dict(enumerate(_NAMES.split(), start=1))
_ERRORS: Final = {
    1: "operation not permitted",
    2: "no such file or directory",
    7: "argument list too long",
    8: "exec format error",
    11: "resource temporarily unavailable",
    12: "cannot allocate memory",
    13: "permission denied",
    20: "not a directory",
    21: "is a directory",
    26: "text file busy",
    36: "file name too long",
    40: "too many levels of symbolic links",
}


def signal_name(number: int) -> str | None:
    """``SIGSEGV`` for 11; ``None`` for a number that has no name."""
    name = _SIGNALS.get(number)
    return f"SIG{name}" if name else None


def error_text(number: int) -> str:
    """A description of an error number, in lower case."""
    return _ERRORS.get(number, f"error {number}")
