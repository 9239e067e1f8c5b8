"""When engines are made, and when environments start and end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.fakes import FakeArtifacts, FakeEngine, answer
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.findings import Check
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion, Settings, Strategy
from pytest_lambda_rollback.model.versions import FunctionConfiguration, TargetRef
from pytest_lambda_rollback.session.environments import Engines, Environments
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


def environments(engines: Engines, work: Work, *, eager: bool = True) -> Environments:
    function = settings().function("orders")
    versions = Versions(settings=settings(), function=function, packages=FakeArtifacts(), work=work)
    made = Environments(
        versions=versions, function="orders", engines=engines, work=work, eager=eager
    )
    for each in SELECTED:
        made.expect(each)
    return made


def open_versions(engine: FakeEngine, work: Work) -> list[str]:
    """The versions with an environment, once the one thread has done what was submitted."""
    work.wait(work.submit(lambda: None), "waiting")
    return sorted(each.version.version for each in engine.environments if not each.closed)


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


@pytest.mark.parametrize(
    ("eager", "prepared", "ahead"),
    [(True, ["4", "3", "2"], ["2", "4", "4"]), (False, ["4"], ["4", "4"])],
)
def test_an_eager_run_prepares_all_and_starts_the_next_target_ahead(
    work: Work, engine: FakeEngine, eager: bool, prepared: list[str], ahead: list[str]
) -> None:
    engines = Engines(lambda _settings, _progress: engine, work=work, announce=lambda _e: None)
    function = environments(engines, work, eager=eager)
    assert function.start(engines.of(settings())).version == "4"
    assert engine.prepared == prepared
    assert function.target("3-alias").version == "3"
    assert open_versions(engine, work) == ahead


def test_environments_end_with_the_last_check_that_needs_them(
    work: Work, engine: FakeEngine
) -> None:
    engines = Engines(lambda _settings, _progress: engine, work=work, announce=lambda _e: None)
    function = environments(engines, work)
    function.start(engines.of(settings()))
    function.target("3-alias")
    function.release(SELECTED[0])
    assert function.needs("3-alias")
    function.release(SELECTED[1])
    assert not function.needs("3-alias")
    assert function.needs()
    function.target("2-alias")
    function.release(SELECTED[2])
    assert open_versions(engine, work) == ["2", "4", "4"]
    function.release(SELECTED[3])
    assert not function.needs()
    assert open_versions(engine, work) == []


def test_why_the_current_version_cannot_run_is_said_each_time(work: Work) -> None:
    engine = FakeEngine(lambda _version, _event, _replay: answer({}), refuses={"4": "no Python"})
    engines = Engines(lambda _settings, _progress: engine, work=work, announce=lambda _e: None)
    function = environments(engines, work, eager=False)
    for _ in range(2):
        with pytest.raises(
            EngineError,
            match=r"^the current version of orders cannot be run: orders:4 .*: no Python\.$",
        ):
            function.start(engines.of(settings()))
