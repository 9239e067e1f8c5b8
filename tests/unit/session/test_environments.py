"""When engines are made, and when versions are prepared and their environments end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.fakes import FakeArtifacts, FakeEngine, answer
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.findings import Check
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion, Settings, Strategy
from pytest_lambda_rollback.model.versions import (
    FunctionConfiguration,
    FunctionVersion,
    TargetRef,
)
from pytest_lambda_rollback.session.environments import (
    Engines,
    Environments,
    RunningEngine,
    memory_of,
)
from pytest_lambda_rollback.session.loaded_versions import Versions
from pytest_lambda_rollback.session.work import Work


def local(version: str) -> LocalVersion:
    return LocalVersion(
        version=version,
        code=Path(f"/code/{version}"),
        layers=(),
        configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
    )


def settings(**changes: str) -> Settings:
    function = FunctionSettings(
        name="orders",
        current=local("4"),
        targets=tuple(TargetRef(function="orders", version=each) for each in ("3", "2")),
        versions=(local("4"), local("3"), local("2")),
        events=(Path("create.json"), Path("delete.json")),
        events_root=Path(),
        strategies=(Strategy.ALIAS,),
    )
    return Settings(path=Path("lambda-rollback.toml"), functions=(function,), **changes)


def check(version: str, event: str) -> Check:
    return Check(
        function="orders",
        group=f"{version}-alias",
        name=event,
        target=TargetRef(function="orders", version=version),
        strategy=Strategy.ALIAS,
        event=Path(f"{event}.json"),
    )


SELECTED = tuple(check(version, event) for version in ("3", "2") for event in ("create", "delete"))


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work(threads=1, progress=lambda _text: None)
    yield made
    made.cancel()
    made.join()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(lambda _version, _event, _replay: answer({}))


def environments(engines: Engines, work: Work, *selected: Check) -> Environments:
    function = settings().function("orders")
    versions = Versions(settings=settings(), function=function, packages=FakeArtifacts(), work=work)
    made = Environments(versions=versions, function="orders", engines=engines, work=work)
    for each in selected or SELECTED:
        made.expect(each)
    return made


def ended(running: RunningEngine, work: Work, *versions: FunctionVersion) -> bool:
    """True if the pool kept nothing of these versions, once what was submitted is done."""
    work.wait(work.submit(lambda: None), "waiting")
    return all(version in running.pool._ended for version in versions)


def test_one_engine_for_each_setting_announced_once(work: Work, engine: FakeEngine) -> None:
    made: list[str] = []
    announced: list[str] = []

    def make(of: Settings, _progress: object) -> FakeEngine:
        made.append(of.engine)
        return engine

    engines = Engines(make, work=work, announce=lambda each: announced.append(each.name))
    for name in ("docker", "process", "docker"):
        engines.announce(engines.of(settings(engine=name)))
    assert made == ["docker", "process"]
    assert announced == ["fake", "fake"]
    assert len(engines.descriptions()) == 2


def test_an_engine_that_cannot_be_made_is_asked_for_once(work: Work) -> None:
    asked: list[str] = []

    def make(of: Settings, _progress: object) -> FakeEngine:
        asked.append(of.engine)
        raise EngineError("there is no Docker", do="Start it")

    engines = Engines(make, work=work, announce=lambda _engine: None)
    for _ in range(2):
        with pytest.raises(EngineError, match=r"^there is no Docker\. Start it\.$"):
            engines.of(settings())
    assert len(asked) == 1
    assert engines.descriptions() == ()


def test_the_targets_of_the_selection_are_prepared_once(work: Work, engine: FakeEngine) -> None:
    engines = Engines(lambda _settings, _progress: engine, work=work, announce=lambda _e: None)
    function = environments(engines, work)
    assert function.start(engines.of(settings())).version == "4"
    assert engine.prepared == ["4"]
    function.begin()
    assert [function.target(group).version for group in function.groups()] == ["3", "2"]
    assert function.target("3-alias") is function.target("3-alias")
    assert engine.prepared == ["4", "3", "2"]


def test_groups_of_an_equal_stack_run_the_very_same_version(work: Work, engine: FakeEngine) -> None:
    engines = Engines(lambda _settings, _progress: engine, work=work, announce=lambda _e: None)
    alias = SELECTED[0]
    redeploy = replace(alias, group="3-redeploy", strategy=Strategy.REDEPLOY)
    function = environments(engines, work, alias, redeploy)
    function.start(running := engines.of(settings()))
    assert function.target("3-redeploy") is function.target("3-alias")
    assert engine.prepared == ["4", "3"]
    assert function.release(alias) == ()
    left = function.release(redeploy)
    assert [each.version for each in left] == ["3", "4"]
    assert ended(running, work, *left)


def test_environments_end_with_the_last_check_that_needs_them(
    work: Work, engine: FakeEngine
) -> None:
    engines = Engines(lambda _settings, _progress: engine, work=work, announce=lambda _e: None)
    function = environments(engines, work)
    current = function.start(running := engines.of(settings()))
    three, two = function.target("3-alias"), function.target("2-alias")
    assert function.release(SELECTED[0]) == ()
    assert function.needs("3-alias")
    assert function.release(SELECTED[1]) == (three,)
    assert not function.needs("3-alias")
    assert function.needs()
    assert function.release(SELECTED[2]) == ()
    assert ended(running, work, three)
    assert not ended(running, work, two)
    assert function.release(SELECTED[3]) == (two, current)
    assert not function.needs()
    assert ended(running, work, two, current)


def test_a_target_that_cannot_be_prepared_says_so_each_time(work: Work) -> None:
    engine = FakeEngine(lambda *_: answer({}), refuses={"3": "no Python"})
    engines = Engines(lambda _settings, _progress: engine, work=work, announce=lambda _e: None)
    function = environments(engines, work)
    function.start(engines.of(settings()))
    function.begin()
    for _ in range(2):
        with pytest.raises(EngineError, match=r"^orders:3 cannot be run: no Python\.$"):
            function.target("3-alias")
    assert function.target("2-alias").version == "2"


def test_memory_is_that_of_this_machine_or_what_the_engine_says(engine: FakeEngine) -> None:
    class Remote(FakeEngine):
        memory_mb = 4096

    assert (memory_of(engine) or 0) > 256
    assert memory_of(Remote(engine.respond)) == 4096


def test_why_the_current_version_cannot_run_is_said_each_time(work: Work) -> None:
    engine = FakeEngine(lambda _version, _event, _replay: answer({}), refuses={"4": "no Python"})
    engines = Engines(lambda _settings, _progress: engine, work=work, announce=lambda _e: None)
    function = environments(engines, work)
    for _ in range(2):
        with pytest.raises(
            EngineError,
            match=r"^the current version of orders cannot be run: orders:4 .*: no Python\.$",
        ):
            function.start(engines.of(settings()))
