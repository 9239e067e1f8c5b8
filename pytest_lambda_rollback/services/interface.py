"""The interface of services: what one pass of replays may reach. Nothing of an engine is here.

A pass is a sequence of replays on one state. `engines.interface.Services` is the part of a pass
that engines know.
"""

from __future__ import annotations

import socket
from typing import Protocol

from pytest_lambda_rollback.model.replay import EventFixture
from pytest_lambda_rollback.model.services import Door, ServiceRequest, StoredState


class ServicePass(Protocol):
    """The services of one pass. Safe to use from several threads; satisfies engines' Services."""

    @property
    def doors(self) -> tuple[Door, ...]:
        """Names and ports that lead out; the more exact name wins."""
        ...

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """Environment variables for the processes; the function's own win."""
        ...

    @property
    def files(self) -> tuple[tuple[str, bytes], ...]:
        """(name, content) of files in `model.services.SERVICES_FOLDER`."""
        ...

    def connect(self, name: str, port: int) -> socket.socket:
        """A connected socket for one connection of a process to ``name:port``.

        Raises OSError where nothing answers; that is then among `requests`.
        """
        ...

    def begin(self, fixture: EventFixture) -> None:
        """Say which event is replayed now: recorded answers are its own.

        The first time before the environment starts, so that its initialisation gets answers too.
        """
        ...

    def requests(self) -> tuple[ServiceRequest, ...]:
        """What was asked for since this was called before, in order."""
        ...

    def stored(self) -> StoredState:
        """All that is stored now."""
        ...

    def close(self) -> None:
        """End the pass and drop its state. Safe to call twice."""
        ...
