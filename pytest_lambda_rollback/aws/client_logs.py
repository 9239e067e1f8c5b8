"""The log records of AWS's clients, kept to what anybody may read.

At the level DEBUG botocore logs every answer with its body (environment variables, presigned
URLs, credentials of an assumed role) and urllib3 the path and query of every URL. pytest shows
captured logs of a check that fails and writes them to JUnit files, and many projects log at DEBUG
in their tests. While this package calls AWS, those records are dropped; what the user's own code
logs with the same libraries, before, after or in another thread, is left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_CLIENTS: Final = ("boto3", "botocore", "requests", "s3transfer", "urllib3")

_calls: ContextVar[int] = ContextVar("lambda_rollback_calls", default=0)
"""Number of our calls that this thread is in."""


class _Unlogged(logging.Filter):
    """Drops records below a warning that are made during a call of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        # urllib3 repeats whole URLs in its warnings.
        worth = logging.ERROR if record.name.startswith("urllib3") else logging.WARNING
        return record.levelno >= worth or not _calls.get()


_UNLOGGED: Final = _Unlogged()


@contextmanager
def unlogged() -> Iterator[None]:
    """Nothing that this thread says to AWS inside, or gets from it, is logged."""
    _begin()
    try:
        yield
    finally:
        _end()


def unlog(client: Any) -> Any:
    """The client of a service, whose calls are not logged from now on."""
    events = client.meta.events
    events.register_first("before-call", _begin)
    events.register_last("after-call", _end)
    events.register_last("after-call-error", _end)
    return client


def _begin(**_: object) -> None:
    # A logger does not ask the filters of those above it, so each has to have it.
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.partition(".")[0] in _CLIENTS and isinstance(logger, logging.Logger):
            logger.addFilter(_UNLOGGED)
    _calls.set(_calls.get() + 1)


def _end(**_: object) -> None:
    _calls.set(max(0, _calls.get() - 1))
