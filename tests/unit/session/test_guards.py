"""Guards around engines of plugins, where a run shows too little of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_lambda_rollback.engines.interface import ExecutionEnvironment, Progress
from pytest_lambda_rollback.errors import ConfigError, EngineError, SourceError
from pytest_lambda_rollback.model.replay import EngineDescription, Invocation, Outcome
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion
from pytest_lambda_rollback.session import guards

VERSION = FunctionVersion(
    function="orders",
    version="1",
    code=Artifact(digest="0" * 64, tar=Path("code.tar"), label="code", size_bytes=0),
    layers=(),
    configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
)


class Environment:
    alive = True

    def invoke(self, invocation: Invocation) -> Outcome:
        raise OSError("no pipe")

    def close(self) -> None:
        raise OSError("no pipe")


class Engine:
    name = "theirs"

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        raise EngineError("no image")

    def start(self, version: FunctionVersion) -> ExecutionEnvironment:
        return Environment()

    def describe(self) -> EngineDescription:
        return EngineDescription(name="theirs")

    def close(self) -> None:
        pass


def guarded() -> guards.Engine:
    return guards.guarded_engine(Engine(), "a plugin")


def test_an_environment_that_does_not_end_is_an_error_of_the_engines_end() -> None:
    engine = guarded()
    environment = engine.start(VERSION)
    environment.close()
    with pytest.raises(EngineError, match="did not end every environment: OSError: no pipe"):
        engine.close()


def test_an_environment_that_failed_is_not_used_again() -> None:
    environment = guarded().start(VERSION)
    assert environment.alive
    environment.invoke(Invocation(request_id="1", event=b"{}"))
    assert not environment.alive


@pytest.mark.parametrize(
    ("answer", "expected"), [(True, True), (False, False), ("yes", False), (OSError("no"), False)]
)
def test_an_environment_is_renewed_only_where_its_engine_says_so(
    answer: object, expected: bool
) -> None:
    class Renewable(Environment):
        def renew(self) -> object:
            if isinstance(answer, Exception):
                raise answer
            return answer

    made = guards.GuardedEnvironment(Renewable(), what="theirs", left=[])  # type: ignore[arg-type]
    assert made.renew() is expected
    assert guards.GuardedEnvironment(Environment(), what="theirs", left=[]).renew() is False


def test_an_error_that_the_protocol_allows_is_left_as_it_is() -> None:
    with pytest.raises(EngineError, match=r"^no image"):
        guarded().prepare(VERSION, print)


def test_another_error_of_the_package_is_not_left_to_an_engine() -> None:
    what = "the engine"
    with (
        pytest.raises(EngineError, match="the engine failed: SourceError: gone"),
        guards.guarded(what, EngineError, allowed=EngineError),
    ):
        raise SourceError("gone")


def test_an_exception_is_told_in_one_line() -> None:
    with (
        pytest.raises(ConfigError) as caught,
        guards.guarded("it", ConfigError),
    ):
        raise ValueError("first\nsecond " + "x" * 1000)
    assert "ValueError: first second x" in str(caught.value)
    assert "(test_guards.py:" in str(caught.value)
    assert len(str(caught.value)) < 300
