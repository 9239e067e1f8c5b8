"""One of each that a package can add to pytest-lambda-rollback, as small as it can be."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    EventSource,
    has,
)
from pytest_lambda_rollback.config.version_sources import FoundVersions, SourceRequest
from pytest_lambda_rollback.contracts.interface import ReplayCase, StaticCase
from pytest_lambda_rollback.engines.interface import Engine, EngineRequest, Progress
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.findings import Finding, Judgement
from pytest_lambda_rollback.model.json_values import Json
from pytest_lambda_rollback.model.recorded import RecordedEvent
from pytest_lambda_rollback.model.replay import (
    EngineDescription,
    Invocation,
    Outcome,
    OutcomeKind,
)
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.recording.origins.interface import OriginAccess, OriginRequest, Reading

if TYPE_CHECKING:
    import pytest

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


class Shelf:
    """A version source that finds one folder a version: `{ kind = "shelf", folder = "…" }`."""

    name = "shelf"

    def find(self, request: SourceRequest) -> FoundVersions:
        root = request.folder / request.options["folder"]
        if not root.is_dir():
            raise SourceError(f"there is no shelf {root}")
        return FoundVersions(
            versions={
                path.name: {
                    "code": str(path),
                    "runtime": request.options["runtime"],
                    "handler": "app.handler",
                }
                for path in sorted(root.iterdir())
            }
        )


class Memory:
    """A contract that needs no replay: no target has less memory than the current version."""

    name = "memory"
    needs_replays: Literal[False] = False

    def judge(self, case: StaticCase) -> Judgement:
        current, target = (v.configuration.memory_mb for v in (case.current, case.target))
        if target >= current:
            return Judgement()
        subject = case.subject
        text = f"{subject.name} has {target} MB, {subject.current_name} has {current} MB"
        return Judgement(
            findings=(Finding(contract=self.name, kind="less-memory", subject=subject, text=text),)
        )


class Politeness:
    """A contract on replays: a target answers with no more bytes than the current version."""

    name = "politeness"
    needs_replays: Literal[True] = True

    def judge(self, case: ReplayCase) -> Judgement:
        allowed = max(len(outcome.payload or b"") for outcome in case.baseline)
        if len(case.outcome.payload or b"") <= allowed:
            return Judgement()
        text = f"{case.subject.name} talks too much about {case.fixture.name}"
        return Judgement(
            findings=(Finding(contract=self.name, kind="verbose", subject=case.subject, text=text),)
        )


@hookimpl
def pytest_lambda_rollback_contracts() -> list[Memory | Politeness]:
    return [Memory(), Politeness()]


@hookimpl
def pytest_lambda_rollback_engines() -> list[Canned]:
    return [Canned()]


@dataclass(frozen=True)
class TopicOrigin:
    """One event, from nowhere."""

    topic: str

    def __str__(self) -> str:
        return f"topic {self.topic}"

    def events(self, access: OriginAccess) -> Generator[Reading]:
        yield RecordedEvent(
            event={"topic": self.topic, "mail": "ann.lee@shop.com"},
            source="topic",
            function=access.function,
        )


class Topic:
    """An origin that `record --from topic=NAME` names."""

    name = "topic"
    form = "topic=NAME"
    published = False

    def make(self, value: str, request: OriginRequest) -> TopicOrigin | None:
        return TopicOrigin(value) if value else None


@hookimpl
def pytest_lambda_rollback_event_origins() -> list[Topic]:
    return [Topic()]


@hookimpl
def pytest_lambda_rollback_version_sources() -> list[Shelf]:
    return [Shelf()]


class ShopAnswers:
    """A shop takes an order for refused unless the answer accepts it."""

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        if all(map(self._accepts, current)) and not self._accepts(target):
            differences.rule(
                ("accepted",),
                "order-refused",
                f"TARGET answers {event.source.name} that an order is refused that CURRENT accepts",
                "true",
                "false",
            )
        return Compared(current=tuple(current), target=target)

    def _accepts(self, answer: Json) -> bool:
        return isinstance(answer, dict) and answer.get("accepted") is True


SHOP = EventSource(
    name="the shop",
    slug="shop",
    recognises=lambda event: has(event, shop=str, order=dict),
    topics=(("shop",),),
    payload=(("order",),),
    answers=ShopAnswers(),
)


@hookimpl
def pytest_lambda_rollback_event_sources() -> list[EventSource]:
    return [SHOP]


@hookimpl
def pytest_lambda_rollback_report(config: pytest.Config, report: dict[str, Any]) -> None:
    """Write a report of one line."""
    path = config.rootpath / "verdict.txt"
    path.write_text(f"{report['verdict']}: {len(report['functions'])} function(s)\n")
