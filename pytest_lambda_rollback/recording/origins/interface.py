"""The protocols of event origins, and what an origin is given. No origin is imported here."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN, EventSources
from pytest_lambda_rollback.model.recorded import RecordedEvent, Skipped
from pytest_lambda_rollback.model.settings import FunctionSettings

Progress = Callable[[str], None]
"""Receives one line of progress."""
Reading = RecordedEvent | Skipped


class Clients(Protocol):
    """Gives clients of AWS services: `aws.clients.Account`."""

    def client(self, service: str) -> Any:
        """The boto3 client of a service, as ``logs``."""


@dataclass(slots=True)
class Budget:
    """The number of events to read from an origin, and the time for it."""

    events: int
    seconds: float
    began: float = field(default_factory=time.monotonic)
    cut: bool = False
    """True once something was left unread."""

    def spent(self) -> bool:
        """True when no more is to be read; `cut` is then true."""
        spent = self.events <= 0 or time.monotonic() - self.began > self.seconds
        if spent:
            self.left()
        return spent

    def left(self) -> None:
        """Note that something was left unread."""
        self.cut = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginRequest:
    """The options of the command line besides ``--from``, and the function."""

    function: FunctionSettings
    into: Path
    """The folder that fixtures are written to."""
    since_s: float
    """How far to go back from now."""
    accept_risks: bool = False
    """Read a queue even where that may move messages or hold consumers up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginAccess:
    """Everything that an origin reads with."""

    function: str
    """The name that AWS knows."""
    clients: Clients
    budget: Budget
    progress: Progress
    event_sources: EventSources = BUILT_IN
    """The known event sources, for origins in which not everything is an event."""


class Origin(Protocol):
    """One place to read events from. ``str()`` names it in messages: ``queue orders``."""

    def events(self, access: OriginAccess) -> Generator[Reading]:
        """The events, the newest first if the origin knows the order, and what could not be used.

        The caller counts events against the budget and stops when it is spent; an origin that
        reads more than it yields asks ``budget.spent()`` itself, and says ``budget.left()`` if
        it does not read everything. Raises SourceError if the origin cannot be read, and
        ConfigError where reading it would do harm.
        """
        ...


class OriginType(Protocol):
    """A kind of origin that ``--from`` can name: ``NAME``, ``NAME=VALUE`` or ``NAME://VALUE``."""

    @property
    def name(self) -> str:
        """Lower-case letters, digits, hyphens and underscores."""
        ...

    @property
    def form(self) -> str:
        """How ``--from`` names it, for help and messages: ``sqs=QUEUE``."""
        ...

    @property
    def published(self) -> bool:
        """True if ``request.function.published`` is needed, which takes calls to AWS."""
        ...

    def make(self, value: str, request: OriginRequest) -> Origin | None:
        """The origin; ``None`` if ``value`` (empty if none was given) does not fit the form.

        Raises ConfigError for an origin that cannot be used.
        """
        ...
