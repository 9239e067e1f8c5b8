"""What the processes of an execution environment print, as far as it is kept."""

from __future__ import annotations

from pytest_lambda_rollback.engines.runtime_api.outcomes import BYTES, log_tail


class LogTail:
    """The end of a log, of bounded size, from a marked place on."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._since_mark = 0

    def add(self, data: bytes) -> None:
        """Take what was printed next."""
        self._since_mark += len(data)
        self._kept += data[-2 * BYTES :]
        if len(self._kept) > 4 * BYTES:
            del self._kept[: -2 * BYTES]

    def mark(self) -> None:
        """What comes from now on belongs to the next event."""
        self._since_mark = 0

    def lines(self) -> tuple[str, ...]:
        """The last lines from the mark on."""
        length = min(self._since_mark, len(self._kept))
        return log_tail(bytes(self._kept[len(self._kept) - length :]))
