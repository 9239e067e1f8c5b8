"""The event origins of this package, and how ``--from`` chooses one."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Final

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.recorded import RecordedEvent
from pytest_lambda_rollback.recording.origins.folders import Folder
from pytest_lambda_rollback.recording.origins.interface import (
    Origin,
    OriginAccess,
    OriginRequest,
    OriginType,
    Reading,
)
from pytest_lambda_rollback.recording.origins.logs import Logs
from pytest_lambda_rollback.recording.origins.objects import Objects
from pytest_lambda_rollback.recording.origins.queues import DeadLetters, Queue
from pytest_lambda_rollback.recording.origins.shareable_events import TestEvents

BUILT_IN: Final[tuple[OriginType, ...]] = (
    Logs(),
    Queue(),
    DeadLetters(),
    Objects(),
    TestEvents(),
    Folder(),
)
DEFAULT: Final = Logs.name
"""The origin that is read if ``--from`` names none."""

_TEXT: Final = re.compile(r"(?P<name>[\w-]+)(?:(?:=|://)(?P<value>.*))?", re.DOTALL)


def type_of(text: str, known: Mapping[str, OriginType]) -> OriginType:
    """The kind of origin that ``--from TEXT`` names. Raises ConfigError."""
    match = _TEXT.fullmatch(text)
    found = known.get(match["name"]) if match else None
    if found is None:
        raise _unknown(text, known)
    return found


def origin_of(text: str, known: Mapping[str, OriginType], request: OriginRequest) -> Origin:
    """The origin that ``--from TEXT`` names. Raises ConfigError."""
    match = _TEXT.fullmatch(text)
    value = (match["value"] or "") if match else ""
    origin = type_of(text, known).make(value, request)
    if origin is None:
        raise _unknown(text, known)
    return origin


def read(origin: Origin, access: OriginAccess) -> Generator[Reading]:
    """The events of one origin within the budget, and what could not be used of it.

    Raises SourceError if it cannot be read, ConfigError where reading it would do harm.
    """
    budget = access.budget
    with closing(origin.events(access)) as readings:
        for reading in readings:
            if isinstance(reading, RecordedEvent):
                if budget.spent():
                    return
                budget.events -= 1
            yield reading


def _unknown(text: str, known: Mapping[str, OriginType]) -> ConfigError:
    return ConfigError(
        f'--from is "{text}", which is not an event origin',
        do=f"Write one of {', '.join(each.form for each in known.values())}",
    )
