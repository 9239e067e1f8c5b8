"""One of each that a package can add to pytest-lambda-rollback, as small as it can be."""

from __future__ import annotations

import pluggy

from pytest_lambda_rollback.engines.interface import Engine, EngineRequest, Progress
from pytest_lambda_rollback.model.replay import (
    EngineDescription,
    Invocation,
    Outcome,
    OutcomeKind,
)
from pytest_lambda_rollback.model.versions import FunctionVersion

hookimpl = pluggy.HookimplMarker("pytest")


class CannedEnvironment:
    """Answers every event alike."""

    alive = True

    def invoke(self, invocation: Invocation) -> Outcome:
        return Outcome(kind=OutcomeKind.RESPONSE, payload=b'{"ok": true}')

    def close(self) -> None:
        self.alive = False


class CannedEngine:
    """Runs nothing."""

    name = "canned"

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        pass

    def start(self, version: FunctionVersion) -> CannedEnvironment:
        return CannedEnvironment()

    def describe(self) -> EngineDescription:
        return EngineDescription(name=self.name, version="7")

    def close(self) -> None:
        pass


class Canned:
    """An engine that a configuration names "canned"."""

    name = "canned"
    description = "the same answer to every event"

    def make(self, request: EngineRequest) -> Engine:
        return CannedEngine()


@hookimpl
def pytest_lambda_rollback_engines() -> list[Canned]:
    return [Canned()]
