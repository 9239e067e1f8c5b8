"""Real containers for the Docker tests: one engine a session, versions made of a few files."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import secrets
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpers.docker_gate import stop
from helpers.made_versions import changed
from helpers.remote_daemon import CannotRun, RemoteDaemon, remote_daemon
from pytest_lambda_rollback.engines.docker.daemon import connect
from pytest_lambda_rollback.engines.docker.engine import DockerEngine
from pytest_lambda_rollback.engines.docker.environment import DockerEnvironment
from pytest_lambda_rollback.engines.docker.image_retention import remove_images
from pytest_lambda_rollback.model.replay import Invocation, Outcome
from pytest_lambda_rollback.model.versions import (
    Artifact,
    FunctionConfiguration,
    FunctionVersion,
    Layer,
)

BASE_IMAGES = tuple(
    (runtime, f"lambda-rollback-standin:{runtime}")
    for runtime in ("python3.11", "python3.13", "nodejs22.x")
)
FUNCTION = (Path(__file__).parent / "function" / "app.py").read_bytes()


ON_EVERY_DAEMON = ("test_docker_engine", "test_seal", "test_foreign_labels")
"""Modules whose tests run with this machine's daemon, and with one that is elsewhere."""


@dataclass(frozen=True)
class Daemon:
    """A daemon that tests run with; ``variables`` lead the docker command to it."""

    variables: Mapping[str, str]

    def connect(self) -> Any:
        return connect({**os.environ, **self.variables})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    module = metafunc.module.__name__.rpartition(".")[2]
    if "daemon" in metafunc.fixturenames and module in ON_EVERY_DAEMON:
        # A relay leads to this machine's daemon.
        daemons = ["local"] if "relay" in metafunc.fixturenames else ["local", "remote"]
        metafunc.parametrize("daemon", daemons, indirect=True, scope="session")


@pytest.fixture(scope="session")
def elsewhere(docker_engine_ready: None) -> Iterator[RemoteDaemon]:
    """A daemon whose networks this machine cannot reach."""
    with ExitStack() as stack:
        here = stack.enter_context(closing(connect()))
        try:
            made = stack.enter_context(
                remote_daemon(
                    [image for _, image in BASE_IMAGES], Path(here.info()["DockerRootDir"])
                )
            )
        except CannotRun as error:
            stop(str(error))
        yield made


@pytest.fixture(scope="session")
def daemon(request: pytest.FixtureRequest, docker_engine_ready: None) -> Daemon:
    if getattr(request, "param", "local") == "local":
        return Daemon({})
    return Daemon(request.getfixturevalue("elsewhere").variables)


@pytest.fixture(autouse=True)
def _daemon_of_the_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test starts finds the daemon as the docker command would."""
    if "daemon" in request.fixturenames:
        for name, value in request.getfixturevalue("daemon").variables.items():
            monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def client(daemon: Daemon) -> Iterator[Any]:
    """A docker client of the tests' own."""
    made = daemon.connect()
    yield made
    made.close()


@pytest.fixture(scope="session")
def image_labels(client: Any) -> Iterator[tuple[tuple[str, str], ...]]:
    """Labels of the images that this session builds; they are removed when it ends."""
    label, value = "pytest-lambda-rollback.test-session", secrets.token_hex(8)
    yield ((label, value),)
    remove_images(client, f"{label}={value}")


@pytest.fixture
def new_engine(image_labels: tuple[tuple[str, str], ...]) -> Iterator[Callable[..., DockerEngine]]:
    """Make engines that are closed with the test."""
    made: list[DockerEngine] = []

    def make(**options: Any) -> DockerEngine:
        made.append(
            DockerEngine(
                **{"base_images": BASE_IMAGES, "image_labels": image_labels, "pull": False}
                | options
            )
        )
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def new_client(daemon: Daemon) -> Iterator[Callable[[], Any]]:
    """Make docker clients that are closed with the test."""
    made: list[Any] = []

    def make() -> Any:
        made.append(daemon.connect())
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def engine(daemon: Daemon, image_labels: tuple[tuple[str, str], ...]) -> Iterator[DockerEngine]:
    """The engine that most tests share."""
    made = DockerEngine(
        base_images=BASE_IMAGES, image_labels=image_labels, pull=False, client=daemon.connect()
    )
    yield made
    made.close()


@dataclass(frozen=True)
class Store:
    """Makes packages and versions as the sources do."""

    folder: Path

    def artifact(
        self, files: dict[str, bytes | str], label: str = "package", *, mode: int = 0o644
    ) -> Artifact:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, content in sorted(files.items()):
                data = content.encode() if isinstance(content, str) else content
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(data), mode
                tar.addfile(member, io.BytesIO(data))
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        path = self.folder / f"{digest}.tar"
        path.write_bytes(buffer.getvalue())
        return Artifact(label=label, digest=digest, size_bytes=len(buffer.getvalue()), tar=path)

    def layer(self, name: str, files: dict[str, bytes | str], *, mode: int = 0o644) -> Layer:
        return Layer(name=name, version="1", artifact=self.artifact(files, name, mode=mode))

    def version(self, code: str | bytes = FUNCTION, **changes: Any) -> FunctionVersion:
        made = FunctionVersion(
            function="orders",
            version="4",
            code=self.artifact({"app.py": code}, "code"),
            layers=(),
            configuration=FunctionConfiguration(
                runtime="python3.11", handler="app.handler", timeout_s=10.0
            ),
        )
        return changed(made, **changes)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def start(engine: DockerEngine) -> Iterator[Callable[..., DockerEnvironment]]:
    """Prepare and start a version in the shared engine; closed with the test."""
    started: list[DockerEnvironment] = []

    def begin(version: FunctionVersion, on: DockerEngine = engine) -> DockerEnvironment:
        on.prepare(version, lambda line: None)
        started.append(on.start(version))
        return started[-1]

    yield begin
    for environment in started:
        environment.close()


_numbers = itertools.count(1)


def replay(environment: DockerEnvironment, do: str = "count", **event: Any) -> Outcome:
    payload = json.dumps({"do": do, **event}).encode()
    return environment.invoke(Invocation(request_id=f"request-{next(_numbers)}", event=payload))


@pytest.fixture
def ask() -> Callable[..., Outcome]:
    """Replay one event in an environment: ``ask(environment, "connect", addresses=…)``."""
    return replay


@pytest.fixture
def answer() -> Callable[..., Any]:
    """As ``ask``, for the value of a response."""

    def value(environment: DockerEnvironment, do: str = "count", **event: Any) -> Any:
        outcome = replay(environment, do, **event)
        assert outcome.payload is not None, f"{outcome.kind}: {outcome.detail} {outcome.logs}"
        return json.loads(outcome.payload)

    return value
