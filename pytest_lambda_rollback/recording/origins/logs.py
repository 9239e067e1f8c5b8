"""The origin ``logs``: the events in the function's log group in CloudWatch Logs."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from pytest_lambda_rollback.model.recorded import LogLine
from pytest_lambda_rollback.recording import log_events
from pytest_lambda_rollback.recording.origins.interface import (
    OriginAccess,
    OriginRequest,
    Progress,
    Reading,
)

DAY_S: Final = 86_400.0
_LINES_A_MESSAGE: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsOrigin:
    """One log group."""

    group: str | None = None
    """``None`` for the group that the function logs to."""
    since_s: float = 7 * DAY_S
    """How far to go back from now."""

    def __str__(self) -> str:
        return f"log group {self.group}" if self.group else "the function's log group"

    def events(self, access: OriginAccess) -> Generator[Reading]:
        """At most one event of each invocation."""
        from pytest_lambda_rollback.aws import logs

        group = self.group or logs.group_of(access.clients.client("lambda"), access.function)
        now_ms = int(time.time() * 1000)
        lines = logs.lines(
            access.clients.client("logs"),
            group,
            start_ms=max(0, now_ms - int(self.since_s * 1000)),
            end_ms=now_ms,
            enough=access.budget.spent,
        )
        with closing(lines):
            counted = _counted(lines, group, access.progress)
            yield from log_events.events(
                counted, function=access.function, event_sources=access.event_sources
            )


class Logs:
    """``logs``, or ``logs=GROUP`` for another group than the one the function logs to."""

    name = "logs"
    form = "logs[=GROUP]"
    published = False

    def make(self, value: str, request: OriginRequest) -> LogsOrigin:
        """The log group."""
        return LogsOrigin(group=value or None, since_s=request.since_s)


def _counted(lines: Iterator[LogLine], group: str, progress: Progress) -> Iterator[LogLine]:
    for number, line in enumerate(lines, start=1):
        if number % _LINES_A_MESSAGE == 0:
            progress(f"{number:,} lines of log group {group} read")
        yield line
