"""Shared by the container measurements: the example's versions, engines and the emulator.

Both sides run one image: the stand-in for AWS's base image with AWS's Runtime Interface Emulator
in it, and on top of that what the engine builds. All that is made here carries a label of this
run or process, and what is left of it is removed when the workbench closes. It does not know
what is measured.
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from pytest_lambda_rollback.config import files as config
from pytest_lambda_rollback.engines import choice
from pytest_lambda_rollback.engines.carrier.program import carrier_program
from pytest_lambda_rollback.engines.docker.base_images import known_runtimes
from pytest_lambda_rollback.engines.docker.daemon import connect
from pytest_lambda_rollback.engines.docker.engine import DockerEngine
from pytest_lambda_rollback.engines.docker.image_chain import image_chain
from pytest_lambda_rollback.engines.docker.image_retention import remove_images
from pytest_lambda_rollback.engines.docker.owners import (
    OWNER_LABEL,
    remove_container,
    remove_containers,
    this_process,
)
from pytest_lambda_rollback.engines.interface import Engine, EngineRequest
from pytest_lambda_rollback.model.replay import EventFixture
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion, Settings
from pytest_lambda_rollback.model.versions import FunctionVersion, RemotePackage
from pytest_lambda_rollback.packages.artifacts import ArtifactStore
from pytest_lambda_rollback.sources import events, local

if TYPE_CHECKING:
    from docker.client import DockerClient

EXAMPLE = Path(__file__).resolve().parents[2] / "example_project"
RUNTIME = "python3.11"
BASE_IMAGE = f"lambda-rollback-standin:{RUNTIME}-rie"
FUNCTION = "orders"
EVENT = "create_order"
RUN_LABEL = "pytest-lambda-rollback.benchmark"

_EMULATOR_PORT = 8080
_EMULATOR_S = 30.0


class CannotMeasure(Exception):
    """Something that a measurement needs is not there; the text says what to do."""


class Workbench:
    """A context manager; what it gives is made when it is first asked for."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._run = secrets.token_hex(8)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    # --- what is measured with ----------------------------------------------------------------

    @cached_property
    def folder(self) -> Path:
        """A folder for this run alone."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))

    @cached_property
    def client(self) -> DockerClient:
        """A docker client of the benchmark's own."""
        client = connect()
        self._stack.callback(client.close)
        self._stack.callback(remove_images, client, f"{RUN_LABEL}={self._run}")
        self._stack.callback(remove_leftovers, client)
        if not client.api.images(name=BASE_IMAGE):
            raise CannotMeasure(f"there is no image {BASE_IMAGE}. `.ci/setup emulator` makes it.")
        return client

    @cached_property
    def cache(self) -> Path:
        """The value of XDG_CACHE_HOME with which the plugin has the same store as we have."""
        return self.folder / "cache"

    def store(self) -> ArtifactStore:
        """The artefact store, opened anew as each run of the plugin does."""
        return ArtifactStore(self.cache / "pytest-lambda-rollback")

    @cached_property
    def settings(self) -> Settings:
        """The example's configuration file; its layers are made."""
        made = subprocess.run(
            [sys.executable, EXAMPLE / "build.py"], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise CannotMeasure(f"the example's layers could not be made:\n{made.stderr}")
        return config.load(
            EXAMPLE / "lambda-rollback.toml",
            config.CommandLine(),
            known_runtimes=frozenset(known_runtimes()),
            engines=(),
        )

    @cached_property
    def function(self) -> FunctionSettings:
        """The example's function as its configuration file describes it."""
        return self.settings.function(FUNCTION)

    @cached_property
    def declared(self) -> tuple[LocalVersion, ...]:
        """The versions that the example declares, the current one first."""
        current = self.function.current
        if not isinstance(current, LocalVersion):
            raise CannotMeasure("the example's configuration does not declare its current version")
        declared = (each for each in self.function.versions if isinstance(each, LocalVersion))
        return (current, *(each for each in declared if each != current))

    def load(self, store: ArtifactStore, declared: LocalVersion) -> FunctionVersion:
        """One version with its packages in the store."""
        return local.function_version(
            self.function, declared, store.load, load_remote=_refuse_remote, empty=store.empty
        )

    @cached_property
    def current(self) -> FunctionVersion:
        """The current version; its image is built, and that of each other version."""
        _ = self.client  # says first where an image is missing
        store = self.store()
        current, *others = (self.load(store, declared) for declared in self.declared)
        with self.engine() as engine:
            for version in (current, *others):
                engine.prepare(version, lambda line: None)
        return current

    @cached_property
    def idle(self) -> FunctionVersion:
        """A version without layers whose code has no work of its own; its image built."""
        path = Path(__file__).resolve().parent / "function"
        code = self.store().load(path, label=path.name, root_dir=local.CODE_DIR)
        version = replace(self.current, function="idle", code=code, layers=())
        with self.engine() as engine:
            engine.prepare(version, lambda line: None)
        return version

    @cached_property
    def event(self) -> EventFixture:
        """The event that is replayed."""
        path = next(path for path in self.function.events if path.stem == EVENT)
        return events.load(path, name=EVENT)

    def built_images(self) -> frozenset[str]:
        """Ids of the images that this run built."""
        found = self.client.api.images(filters={"label": f"{RUN_LABEL}={self._run}"})
        return frozenset(image["Id"] for image in found)

    @contextmanager
    def engine(self, client: DockerClient | None = None) -> Iterator[DockerEngine]:
        """A docker engine that is closed afterwards."""
        engine = DockerEngine(
            base_images=((RUNTIME, BASE_IMAGE),),
            image_labels=((RUN_LABEL, self._run),),
            client=client,
            pull=False,
        )
        try:
            yield engine
        finally:
            engine.close()

    @contextmanager
    def sandbox(self) -> Iterator[Engine]:
        """A sandbox engine that is closed afterwards."""
        found = [each for each in choice.BUILT_IN if each.name == "sandbox"]
        request = EngineRequest(
            settings=self.settings, progress=lambda line: None, unpack=self.store().unpack
        )
        if not found:
            raise CannotMeasure("this version of the package has no sandbox engine")
        engine = found[0].make(request)
        try:
            yield engine
        finally:
            engine.close()

    @contextmanager
    def emulator(self, version: FunctionVersion) -> Iterator[str]:
        """A container in which AWS's emulator runs a version; yields its ``address:port``.

        It is the very image that the engine's environments have, run as ``docker run`` does.
        """
        client = self.client
        base_id = str(client.images.get(BASE_IMAGE).id)
        carrier = carrier_program(version.configuration.architecture).path.read_bytes()
        name = f"lambda-rollback-benchmark-{secrets.token_hex(6)}"
        try:
            client.api.create_container(
                image_chain(base_id, version, carrier)[-1].tag,
                command=[version.configuration.handler],
                name=name,
                environment={
                    **dict(version.configuration.environment),
                    "AWS_LAMBDA_FUNCTION_TIMEOUT": f"{version.configuration.timeout_s:.0f}",
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.configuration.memory_mb),
                },
                labels={OWNER_LABEL: str(this_process())},
            )
            client.api.start(name)
            networks = client.api.inspect_container(name)["NetworkSettings"]["Networks"]
            address = next(each["IPAddress"] for each in networks.values())
            _await_listener(address, _EMULATOR_PORT)
            yield f"{address}:{_EMULATOR_PORT}"
        finally:
            remove_container(client, name)


def _refuse_remote(package: RemotePackage) -> NoReturn:
    raise CannotMeasure(f"the example's layers are folders, but {package.name} is fetched from AWS")


def remove_leftovers(client: DockerClient) -> None:
    """Remove this process's containers: those whose own removal was interrupted."""
    owner = str(this_process())
    remove_containers(client, lambda each: each["Labels"].get(OWNER_LABEL) == owner)


def _await_listener(address: str, port: int) -> None:
    deadline = time.monotonic() + _EMULATOR_S
    while True:
        try:
            with socket.create_connection((address, port), timeout=1):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise CannotMeasure(
                    f"AWS's emulator does not listen on {address}:{port} after {_EMULATOR_S:.0f} "
                    f"s ({error}). See whether this machine reaches its containers' addresses."
                ) from error
            time.sleep(0.002)


def check_answer(payload: bytes | None, of: str) -> frozenset[str]:
    """The keys of a good response. Raises CannotMeasure for anything else."""
    answer = json.loads(payload or b"null")
    if not isinstance(answer, dict) or answer.get("statusCode") != 201:
        raise CannotMeasure(f"{of} did not answer the event {EVENT} as it should: {answer!r}")
    return frozenset(answer)
