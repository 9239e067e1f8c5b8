"""Work ahead of the checks that report it, in a thread of its own, function after function.

What a step does is not known here. A step that fails is left for the check, which meets the
failure again and can report it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence

from pytest_lambda_rollback.errors import RollbackError

_WINDOW = 2
"""How many functions are made ready beyond the one whose checks run: their outcomes are kept."""


class Ahead:
    """Makes one step after the other, no more than a few ahead of the one that is reached."""

    def __init__(self, steps: Sequence[Callable[[], None]]) -> None:
        self._steps = steps
        self._changed = threading.Condition()
        self._reached = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="lambda-rollback-ahead", daemon=True)

    def start(self) -> None:
        """Begin with the first step."""
        self._thread.start()

    def reach(self, number: int) -> None:
        """Note the step whose results are asked for now."""
        with self._changed:
            self._reached = max(self._reached, number)
            self._changed.notify_all()

    def stop(self) -> None:
        """Begin no other step."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def stopped(self) -> bool:
        """True once nothing more is to begin."""
        return self._stopped

    def join(self, timeout_s: float) -> None:
        """Wait for the step that runs, after `stop`."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        for number, step in enumerate(self._steps):
            with self._changed:
                while number > self._reached + _WINDOW and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
            with contextlib.suppress(RollbackError):
                step()
