"""The interface between engines and the rest of the package. No engine is imported here.

An engine turns a function version into a running Lambda execution environment and replays
invocations in it. Engines differ only in how they start one; the Runtime API that the runtime
talks to is the same for all of them (`runtime_api`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from pytest_lambda_rollback.model.replay import EngineDescription, Invocation, Outcome
from pytest_lambda_rollback.model.services import Door
from pytest_lambda_rollback.model.settings import Settings
from pytest_lambda_rollback.model.versions import Artifact, FunctionVersion

Progress = Callable[[str], None]
"""Receives one line of progress, in the present tense, without a final full stop."""

Unpack = Callable[[Artifact, Path], None]
"""Unpacks an artefact into a folder, over what is there, as layers overlay."""

Login = Callable[[str], tuple[str, str] | None]
"""(user, password) for the registry of a container image's URI, or ``None``."""


class Services(Protocol):
    """What the processes of one execution environment may reach. Safe for several threads."""

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
        """(name, content) of files in `model.services.SERVICES_FOLDER`, at most 64 kB each."""
        ...

    def connect(self, name: str, port: int) -> socket.socket:
        """A connected socket for one connection of a process to ``name:port``. Raises OSError."""
        ...


class ExecutionEnvironment(Protocol):
    """One running Lambda runtime process with one version's code and layers."""

    @property
    def alive(self) -> bool:
        """False once the runtime has ended or was ended; such an environment is not reused."""
        ...

    def invoke(self, invocation: Invocation) -> Outcome:
        """Replay one event and wait for the outcome.

        The first call also waits for the initialisation. Whatever the function does is a value; a
        failure of the engine is an outcome of the kind ``harness-failure``. After a timeout, an
        exit or running out of memory the environment is not ``alive`` any more.
        """
        ...

    def close(self) -> None:
        """End the runtime and remove what was started for it. Safe to call twice."""
        ...


@runtime_checkable
class RenewableEnvironment(ExecutionEnvironment, Protocol):
    """An environment that can be made fresh in place, faster than a new one starts."""

    def renew(self) -> bool:
        """Make this a fresh execution environment of the same version, as if just started.

        True if nothing of the former one is left. False if something could have survived or the
        environment has ended: close it then and start another one. Never raises for what the
        function did.
        """
        ...


@runtime_checkable
class ServedEnvironment(RenewableEnvironment, Protocol):
    """An environment whose processes can reach services."""

    def serve(self, services: Services | None) -> None:
        """What the processes may reach from the next `renew` on; ``None`` for nothing."""
        ...


class Engine(Protocol):
    """A way to run function versions. All methods may be called from several threads."""

    name: str

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        """Make all that a start needs (images, unpacked trees). Cheap when it already exists.

        Raises EngineError when this version cannot be run by this engine on this machine.
        """
        ...

    def start(self, version: FunctionVersion) -> ExecutionEnvironment:
        """Start a fresh execution environment of a prepared version.

        Returns without waiting for the initialisation. Raises EngineError.
        """
        ...

    def describe(self) -> EngineDescription:
        """Facts for the header and the report; cheap, callable before any start."""
        ...

    def close(self) -> None:
        """Close every environment and remove everything this engine started."""
        ...


@runtime_checkable
class MeasuredEngine(Engine, Protocol):
    """An engine whose environments run on another machine, or may not have all of this one."""

    @property
    def memory_mb(self) -> int | None:
        """Memory of the machine that environments run on, in MB; ``None`` if it cannot be told."""
        ...


@runtime_checkable
class ServingEngine(Engine, Protocol):
    """An engine whose environments can reach services."""

    def start_serving(self, version: FunctionVersion, services: Services) -> ServedEnvironment:
        """Start a fresh environment whose processes can reach ``services``; else as `start`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """The arguments that an engine is made from. Fields are only ever added."""

    settings: Settings
    """The configuration file whose versions it is to run."""
    progress: Progress
    unpack: Unpack
    registry_login: Login | None = None


class EngineType(Protocol):
    """An engine that a configuration can name, before it is known to run on this machine."""

    @property
    def name(self) -> str:
        """The value of ``engine`` in a configuration: lower-case letters, digits and hyphens."""
        ...

    @property
    def description(self) -> str:
        """Its way to run function versions, in a few words without a full stop."""
        ...

    def make(self, request: EngineRequest) -> Engine:
        """Make the engine. Raises EngineError if it cannot run on this machine at all.

        What a single version lacks is left to `Engine.prepare`.
        """
        ...
