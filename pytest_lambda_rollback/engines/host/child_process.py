"""A carrier as a child process: its standard input and output are a socket.

The system kills the child when the thread that started it ends, if it asks for that; so children
are started in a thread that lives as long as their engine.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from pytest_lambda_rollback.engines.runtime_api.environment import Ending
from pytest_lambda_rollback.errors import EngineError

if sys.platform != "win32":
    from pytest_lambda_rollback.engines.runtime_api.wire import SocketWire

assert sys.platform != "win32"  # noqa: S101 - Linux only; type checkers stop here elsewhere

_END_S = 10.0
"""A killed process that is still there after this time cannot be ended."""

_WORDS_BYTES = 4096
_NO_VARIABLES: dict[str, str] = {}


class Children:
    """Starts carriers in a thread of its own. Safe to use from several threads."""

    def __init__(self, name: str) -> None:
        self._starting = ThreadPoolExecutor(1, thread_name_prefix=f"start {name}")

    def start(self, command: tuple[str, ...], *, last_s: float = 0.0) -> ChildCarrier:
        """Start a program that becomes the carrier, without any environment variable.

        ``last_s`` is the time that it gets at its end to kill all that it started, where the
        system does not do that. Raises OSError, and RuntimeError once closed.
        """
        return self._starting.submit(_start, command, last_s).result()

    def close(self) -> None:
        """End the thread, and with it what may still run. Safe to call twice."""
        self._starting.shutdown()


class ChildCarrier:
    """A running carrier. Satisfies runtime_api.environment.Confinement."""

    def __init__(
        self, process: subprocess.Popen[bytes], wire: SocketWire, words: int, last_s: float
    ) -> None:
        self._process = process
        self._words = words
        self.wire = wire
        self._last_s = last_s
        self._ended = False

    @property
    def ended_well(self) -> bool:
        """True once it has ended by itself, after it ended all that it started."""
        return self._process.poll() == 0

    def ending(self) -> Ending:
        """It ended although nobody here closed it: somebody killed it, or it never started."""
        try:
            status = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return Ending(failure="the execution environment closed its connection")
        how = f"with exit status {status}" if status >= 0 else f"by {_signal_name(-status)}"
        words = self._last_words()
        said = f": {words}" if words else ""
        return Ending(failure=f"the execution environment was ended from outside {how}{said}")

    def end(self) -> None:
        """Kill it and all that it started. Safe to call twice. Raises EngineError."""
        if self._ended:
            return
        self._ended = True
        self.wire.close()
        if self._last_s:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=self._last_s)
        self._kill()
        try:
            self._process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired as error:
            raise EngineError(
                f"process {self._process.pid} of an execution environment does not end",
                why=f"it is still there {_END_S:g} s after it was killed",
            ) from error
        finally:
            os.close(self._words)
            self.wire.release()

    def _kill(self) -> None:
        """Kill it with its process group, so also what it was just starting.

        bubblewrap's first process inside waits for the one outside before it asks to die with it.
        """
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _last_words(self) -> str:
        """What could not become the carrier said why; the carrier itself writes nothing there."""
        try:
            words = os.read(self._words, _WORDS_BYTES)
        except OSError:
            return ""
        return next(iter(words.decode("utf-8", "replace").strip().splitlines()), "")


def _start(command: tuple[str, ...], last_s: float) -> ChildCarrier:
    ours, theirs = socket.socketpair()
    words, words_of_theirs = os.pipe()
    os.set_blocking(words, False)
    try:
        process = subprocess.Popen(
            command,
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=words_of_theirs,
            env=_NO_VARIABLES,
            cwd="/",
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        os.close(words)
        raise
    finally:
        theirs.close()
        os.close(words_of_theirs)
    return ChildCarrier(process, SocketWire(ours), words, last_s)


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
