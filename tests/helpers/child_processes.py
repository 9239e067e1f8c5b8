"""Starting child processes that tests interrupt."""

from __future__ import annotations

import signal


def heed_interrupts() -> None:
    """For ``preexec_fn``: a shell's background job, as a CI run may be, ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
