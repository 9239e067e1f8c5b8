"""Fresh environments: renewed, started, ended, and bounded by memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from helpers.fakes import FakeEngine, FakeEnvironment, answer, harness_failure
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import Invocation, OutcomeKind
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion
from pytest_lambda_rollback.session.pool import EnvironmentPool


def version(name: str, memory_mb: int = 128) -> FunctionVersion:
    return FunctionVersion(
        function="orders",
        version=name,
        code=Artifact(label=name, digest=name, size_bytes=1, tar=Path(name)),
        layers=(),
        configuration=FunctionConfiguration(memory_mb=memory_mb),
    )


ONE, TWO = version("1"), version("2")


@dataclass
class Renewable(FakeEnvironment):
    renewals: int = 0
    refuses: bool = False

    def renew(self) -> bool:
        self.renewals += 1
        self.replays = 0
        return self.alive and not self.refuses


@dataclass
class RenewingEngine(FakeEngine):
    refuses: bool = False

    def start(self, version: FunctionVersion) -> Renewable:
        with self.lock:
            made = Renewable(version, self.respond, len(self.environments), refuses=self.refuses)
            self.environments.append(made)
        return made


def respond(_version: FunctionVersion, _event: Any, replay: int) -> Any:
    return answer({"replay": replay})


def invocation() -> Invocation:
    return Invocation(request_id="1", event=b"{}")


def test_a_used_environment_is_renewed_in_place() -> None:
    engine = RenewingEngine(respond)
    pool = EnvironmentPool(engine)
    outcomes = [pool.replay(ONE, invocation) for _ in range(3)]
    assert [each.payload for each in outcomes] == [b'{"replay": 1}'] * 3
    assert [each.renewals for each in engine.environments] == [2]


@pytest.mark.parametrize("engine", [FakeEngine(respond), RenewingEngine(respond, refuses=True)])
def test_one_that_cannot_be_renewed_ends_and_another_starts(engine: FakeEngine) -> None:
    pool = EnvironmentPool(engine)
    assert {pool.replay(ONE, invocation).payload for _ in range(3)} == {b'{"replay": 1}'}
    assert len(engine.environments) == 3
    pool.release(ONE)
    assert all(each.closed for each in engine.environments)


def test_an_engine_that_renews_nothing_is_not_asked_for_ever() -> None:
    engine = RenewingEngine(respond, refuses=True)
    pool = EnvironmentPool(engine)
    for _ in range(6):
        pool.replay(ONE, invocation)
    assert [each.renewals for each in engine.environments] == [1, 1, 1, 0, 0, 0]
    assert [each.closed for each in engine.environments] == [True] * 6


def test_versions_share_no_environment() -> None:
    engine = RenewingEngine(respond)
    pool = EnvironmentPool(engine)
    for each in (ONE, TWO, ONE):
        pool.replay(each, invocation)
    assert [each.version.version for each in engine.environments] == ["1", "2"]


def test_two_at_a_time_have_an_environment_each() -> None:
    pool = EnvironmentPool(RenewingEngine(respond))
    first, second = pool.take(ONE), pool.take(ONE)
    assert first is not second
    pool.give(ONE, first)
    assert pool.take(ONE) is first


def test_a_harness_failure_is_tried_once_more_elsewhere() -> None:
    engine = FakeEngine(lambda *_: harness_failure())
    pool = EnvironmentPool(engine)
    assert pool.replay(ONE, invocation).kind is OutcomeKind.HARNESS_FAILURE
    assert len(engine.environments) == 2
    assert all(each.closed for each in engine.environments)


def test_memory_bounds_what_lives_and_the_oldest_unused_one_ends() -> None:
    engine = RenewingEngine(respond)
    pool = EnvironmentPool(engine, memory_mb=300)
    for each in (ONE, TWO, version("3")):
        pool.replay(each, invocation)
    assert [each.closed for each in engine.environments] == [True, False, False]


def test_who_needs_memory_waits_for_it() -> None:
    engine = RenewingEngine(respond)
    pool = EnvironmentPool(engine, memory_mb=300)
    first, second = pool.take(ONE), pool.take(ONE)
    got = threading.Event()

    def third() -> None:
        pool.take(TWO)
        got.set()

    thread = threading.Thread(target=third, daemon=True)
    thread.start()
    assert not got.wait(0.1)
    pool.end(ONE, first)
    assert got.wait(10)
    assert not second.closed  # type: ignore[attr-defined]


def test_one_environment_runs_however_large_it_is() -> None:
    pool = EnvironmentPool(RenewingEngine(respond), memory_mb=300)
    pool.replay(ONE, invocation)
    large = version("2", memory_mb=10_240)
    assert pool.replay(large, invocation).kind is OutcomeKind.RESPONSE
    assert pool.replay(ONE, invocation).kind is OutcomeKind.RESPONSE


def test_a_start_that_fails_gives_its_memory_back() -> None:
    class Failing(FakeEngine):
        def start(self, version: FunctionVersion) -> FakeEnvironment:
            raise EngineError("no room")

    pool = EnvironmentPool(Failing(respond), memory_mb=100)
    for _ in range(3):
        with pytest.raises(EngineError, match="no room"):
            pool.replay(ONE, invocation)


def test_an_environment_that_does_not_end_is_the_engines_to_report() -> None:
    class Lasting(FakeEnvironment):
        def close(self) -> None:
            raise EngineError("it did not end")

    class LastingEngine(FakeEngine):
        def start(self, version: FunctionVersion) -> FakeEnvironment:
            return Lasting(version, self.respond, 0)

    pool = EnvironmentPool(LastingEngine(respond), memory_mb=128)
    assert [pool.replay(ONE, invocation).kind for _ in range(2)] == [OutcomeKind.RESPONSE] * 2


def test_the_end_of_a_run_lets_nobody_wait() -> None:
    pool = EnvironmentPool(RenewingEngine(respond), memory_mb=100)
    pool.take(ONE)
    failed: list[str] = []

    def second() -> None:
        try:
            pool.take(replace(ONE, version="9"))
        except EngineError as error:
            failed.append(str(error))

    thread = threading.Thread(target=second, daemon=True)
    thread.start()
    pool.close()
    thread.join(10)
    assert failed == ["no environment is started: the run is ending."]
