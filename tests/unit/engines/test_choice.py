"""Which engine runs functions, and which versions decide whether ``auto`` can take docker."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.made_versions import changed
from helpers.sandbox_gate import needed_bubblewrap
from pytest_lambda_rollback.engines.choice import (
    BUILT_IN,
    Docker,
    base_images_needed,
    make_engine,
)
from pytest_lambda_rollback.engines.interface import (
    Engine,
    EngineRequest,
    MeasuredEngine,
    ServingEngine,
)
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.published import AwsSource, Environment, PublishedVersion
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion, Settings
from pytest_lambda_rollback.model.versions import (
    ContainerImage,
    FunctionConfiguration,
    PackageKind,
    RemotePackage,
    TargetRef,
)

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
IMAGE = ContainerImage(uri=f"registry.example/orders@sha256:{'a' * 64}")


def local(version: str, runtime: str = "python3.11", **changes: object) -> LocalVersion:
    made = LocalVersion(
        version=version,
        code=Path("code"),
        layers=(),
        configuration=FunctionConfiguration(runtime=runtime, handler="app.handler"),
    )
    return changed(made, **changes)


def published(version: str, runtime: str, *, image: bool = False) -> PublishedVersion:
    arn = f"{ARN}:{version}"
    return PublishedVersion(
        function="orders",
        version=version,
        arn=arn,
        code=IMAGE if image else RemotePackage(kind=PackageKind.CODE, arn=arn, size_bytes=1),
        configuration=FunctionConfiguration(runtime="" if image else runtime, architecture="arm64"),
    )


def settings(*functions: FunctionSettings, engine: str = "auto") -> Settings:
    return Settings(path=Path("lambda-rollback.toml"), functions=functions, engine=engine)


def made_by(settings: Settings) -> Engine:
    request = EngineRequest(
        settings=settings, progress=lambda line: None, unpack=lambda artifact, folder: None
    )
    return make_engine(request, {each.name: each for each in BUILT_IN})


def test_current_and_targets_count_and_no_other_version() -> None:
    versions = (
        published("4", "python3.13"),
        published("3", "python3.12"),
        published("1", "nodejs"),
    )
    function = FunctionSettings(
        name="orders",
        current=versions[0],
        targets=(TargetRef(function="orders", version="3"),),
        versions=versions,
    )

    assert base_images_needed(settings(function)) == {
        ("python3.13", "arm64"),
        ("python3.12", "arm64"),
    }


def test_target_in_another_function_counts() -> None:
    old = FunctionSettings(
        name="orders-v1", current=None, versions=(local("7", "python3.9"), local("6", "python3.8"))
    )
    new = FunctionSettings(
        name="orders",
        current=local("4"),
        targets=(
            TargetRef(function="orders-v1", version="7"),
            TargetRef(function="gone", version="1"),
        ),
    )

    assert base_images_needed(settings(old, new)) == {
        ("python3.11", "x86_64"),
        ("python3.9", "x86_64"),
    }


def test_container_images_need_no_base_image() -> None:
    versions = (published("4", "", image=True), published("3", "", image=True))
    function = FunctionSettings(
        name="orders",
        current=local("candidate", "", image=IMAGE),
        targets=(TargetRef(function="orders", version="3"),),
        versions=versions,
    )

    assert base_images_needed(settings(function)) == set()


def test_function_of_which_nothing_is_known_needs_nothing() -> None:
    function = FunctionSettings(name="orders", current=None, reason="no credentials")

    assert base_images_needed(settings(function)) == set()


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


@pytest.mark.usefixtures("no_docker")
def test_without_docker_auto_takes_sandboxes_and_says_why() -> None:
    needed_bubblewrap()

    engine = made_by(settings())

    assert engine.name == "sandbox"
    assert engine.describe().chosen_because.startswith(
        "auto: not docker, because the docker engine cannot run here: Docker does not answer"
    )
    # It is no less an engine for having been chosen.
    assert isinstance(engine, ServingEngine)
    assert not isinstance(engine, MeasuredEngine)
    engine.close()


class AllImages:
    """A Docker that answers and has every base image."""

    name = "docker"
    memory_mb = 1234

    def obtain_base_image(self, runtime: str, architecture: str, progress: object) -> None:
        pass

    def start_serving(self, version: object, services: object) -> object:
        return version, services

    def describe(self) -> EngineDescription:
        return EngineDescription(name="docker")


def test_a_docker_that_auto_takes_serves_and_tells_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Docker, "make", lambda _docker, _request: AllImages())
    engine = made_by(settings())
    assert isinstance(engine, ServingEngine)
    assert isinstance(engine, MeasuredEngine)
    assert engine.memory_mb == 1234
    assert engine.start_serving("version", "services") == ("version", "services")
    assert engine.describe().chosen_because.startswith("auto: Docker answers")


@pytest.mark.usefixtures("no_docker")
def test_where_nothing_seals_auto_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EngineError) as raised:
        made_by(settings())

    text = str(raised.value)
    assert text.startswith(
        "no engine that seals functions can run here: not docker, because the docker engine "
        "cannot run here: Docker does not answer"
    )
    assert text.endswith(
        "; not sandbox, because bubblewrap (bwrap) is not installed. Install it (Debian, Ubuntu: "
        "apt-get install bubblewrap), or install and start Docker."
    )


@pytest.mark.usefixtures("no_docker")
@pytest.mark.parametrize(("system", "name"), [("darwin", "macOS"), ("win32", "Windows")])
@pytest.mark.parametrize("engine", ["auto", "sandbox", "process"])
def test_another_system_without_docker_gets_one_sentence(
    monkeypatch: pytest.MonkeyPatch, system: str, name: str, engine: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)

    with pytest.raises(EngineError) as raised:
        made_by(settings(engine=engine))

    monkeypatch.undo()
    start = (
        f"functions can be run on {name} with Docker only: the docker engine cannot run here: "
        if engine == "auto"
        else f"the {engine} engine cannot run on {name}: it needs Linux. "
    )
    assert str(raised.value).startswith(start)
    assert str(raised.value).endswith(
        ". Install and start Docker Desktop, or set DOCKER_HOST to a daemon that answers."
    )


def test_process_engine_gets_no_values_from_aws() -> None:
    source = AwsSource(function_name="orders", environment=Environment.FETCH)
    function = FunctionSettings(name="orders", current=local("1"), source=source)

    with pytest.raises(EngineError) as raised:
        made_by(settings(function, engine="process"))

    assert str(raised.value) == (
        'the process engine cannot run here: orders has environment = "fetch", and nothing would '
        "keep its real values from leaving this machine. Use the docker or the sandbox engine, or "
        'remove environment = "fetch".'
    )


@pytest.mark.usefixtures("no_docker")
def test_named_engine_never_falls_back() -> None:
    with pytest.raises(EngineError, match="the docker engine cannot run here"):
        made_by(settings(engine="docker"))


def test_unknown_engine_is_told_with_the_known_ones() -> None:
    with pytest.raises(EngineError, match="Use auto, docker, sandbox and process, or install"):
        made_by(settings(engine="podman"))


class NoImages:
    """A Docker that answers and can get no base image."""

    name = "docker"

    def obtain_base_image(self, runtime: str, architecture: str, progress: object) -> None:
        raise EngineError(f"the base image for {runtime} is unavailable", why="no network")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("named", [False, True])
def test_an_image_that_the_user_names_is_no_reason_for_another_engine(
    monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    monkeypatch.setattr(Docker, "make", lambda _docker, _request: NoImages())
    current = local("1")
    made = settings(FunctionSettings(name="orders", current=current, versions=(current,)))
    if named:
        made = replace(made, base_images=(("python3.11", "my/base:1"),))
        with pytest.raises(EngineError, match="is unavailable"):
            made_by(made)
        return
    needed_bubblewrap()
    engine = made_by(made)
    assert engine.name == "sandbox"
    assert "no network" in engine.describe().chosen_because
    engine.close()
