"""Whole implementations of the package's protocols for tests that need no real runtime."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.errors import EngineError, SourceError
from pytest_lambda_rollback.model.published import PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.replay import (
    EngineDescription,
    FunctionError,
    Invocation,
    Outcome,
    OutcomeKind,
)
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion, Settings
from pytest_lambda_rollback.model.versions import Artifact, FunctionVersion, Layer, RemotePackage


def answer(value: Any) -> Outcome:
    return Outcome(kind=OutcomeKind.RESPONSE, payload=json.dumps(value).encode())


def raises(kind: str = "KeyError", message: str = "'x'") -> Outcome:
    return Outcome(
        kind=OutcomeKind.FUNCTION_ERROR,
        error=FunctionError(
            type=kind,
            message=message,
            stack_trace=('  File "/var/task/app.py", line 7, in handler\n    boom()\n',),
        ),
        detail=f"raised {kind}",
        logs=("[ERROR] it went wrong",),
    )


def harness_failure() -> Outcome:
    return Outcome(kind=OutcomeKind.HARNESS_FAILURE, detail="the engine went away")


@dataclass
class FakeEnvironment:
    version: FunctionVersion
    respond: Callable[[FunctionVersion, Any, int], Outcome]
    number: int
    closed: bool = False
    alive: bool = True
    replays: int = 0

    def invoke(self, invocation: Invocation) -> Outcome:
        self.replays += 1
        outcome = self.respond(self.version, json.loads(invocation.event), self.replays)
        if outcome.kind not in (OutcomeKind.RESPONSE, OutcomeKind.FUNCTION_ERROR):
            self.alive = False
        return outcome

    def close(self) -> None:
        self.closed = True
        self.alive = False


@dataclass
class FakeEngine:
    """Answers by a function of (version, event, number of the replay in its environment)."""

    respond: Callable[[FunctionVersion, Any, int], Outcome]
    refuses: dict[str, str] = field(default_factory=dict)
    name: str = "fake"
    environments: list[FakeEnvironment] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    closed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        if version.version in self.refuses:
            raise EngineError(f"{version.name} cannot be run", why=self.refuses[version.version])
        with self.lock:
            self.prepared.append(version.version)
        progress(f"preparing {version.name}")

    def start(self, version: FunctionVersion) -> FakeEnvironment:
        with self.lock:
            environment = FakeEnvironment(version, self.respond, len(self.environments))
            self.environments.append(environment)
        return environment

    def describe(self) -> EngineDescription:
        return EngineDescription(name=self.name, version="1")

    def close(self) -> None:
        self.closed = True
        for environment in self.environments:
            environment.close()


@dataclass
class FakeArtifacts:
    """Gives every path an artefact whose digest is the path itself."""

    size_bytes: int = 10

    def load(self, path: Path, *, label: str, root_dir: str) -> Artifact:
        return Artifact(label=label, digest=str(path), size_bytes=self.size_bytes, tar=path)

    def empty(self, label: str) -> Artifact:
        return Artifact(label=label, digest=label, size_bytes=0, tar=Path(label))

    def code(
        self, settings: Settings, function: FunctionSettings, package: RemotePackage
    ) -> Artifact:
        raise SourceError(f"{package.name} is not here")

    def layer(
        self, settings: Settings, function: FunctionSettings, package: RemotePackage
    ) -> Layer:
        raise SourceError(f"{package.name} is not here")

    def completed(self, function: FunctionSettings, version: LocalVersion) -> LocalVersion:
        return version

    def published(
        self, settings: Settings, function: FunctionSettings, version: PublishedVersion
    ) -> FunctionVersion:
        raise SourceError(f"{function.name}:{version.version} is not here")

    def platform(
        self, settings: Settings, function: FunctionSettings, versions: tuple[str, ...]
    ) -> PublishedFunction | None:
        return None
