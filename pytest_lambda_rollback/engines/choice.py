"""The engines that come with the package, and the choice of the one that a run uses.

``auto`` takes docker if the daemon answers and every base image is available or can be pulled,
else sandbox if it can run here, and reports why. Both seal functions; the process engine does not
and is taken only by name. Where neither can run, nothing is run. An image that the user named is
not a reason to fall back: it must be available. Only versions that may run count: the current
version and the rollback targets. A named engine never falls back. Docker's client and what only
Linux has are imported only where they may be used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_lambda_rollback.engines.interface import (
    Engine,
    EngineRequest,
    EngineType,
    ExecutionEnvironment,
    Progress,
    ServedEnvironment,
    Services,
    ServingEngine,
)
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.published import Environment, PublishedVersion
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion, Settings
from pytest_lambda_rollback.model.text import listed
from pytest_lambda_rollback.model.versions import ContainerImage, FunctionVersion, TargetRef

if TYPE_CHECKING:
    from pytest_lambda_rollback.engines.docker.engine import DockerEngine

AUTO = "auto"
"""The value that leaves the choice to `make_engine`."""

Version = LocalVersion | PublishedVersion


@dataclass(frozen=True, slots=True)
class Docker:
    """Containers of the runtime's own base image."""

    name: str = "docker"
    description: str = "containers of the runtime's base image, sealed"

    def make(self, request: EngineRequest) -> DockerEngine:
        """Make the engine. Raises EngineError if no daemon answers."""
        from pytest_lambda_rollback.engines.docker.engine import DockerEngine, probe

        reason = probe()
        if reason is not None:
            raise EngineError("the docker engine cannot run here", why=reason.rstrip("."))
        settings = request.settings
        return DockerEngine(
            base_images=settings.base_images,
            workers=settings.workers,
            pull=not settings.offline,
            registry_login=request.registry_login,
        )


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Sandboxes of bubblewrap, under this machine's interpreters."""

    name: str = "sandbox"
    description: str = "sandboxes of bubblewrap under this machine's interpreters, sealed"

    def make(self, request: EngineRequest) -> ServingEngine:
        """Make the engine. Raises EngineError with a remedy if it cannot run here."""
        _refuse_other_systems("the sandbox engine")
        if sys.platform != "win32":
            from pytest_lambda_rollback.engines.sandbox.bubblewrap import find_bubblewrap
            from pytest_lambda_rollback.engines.sandbox.engine import SandboxEngine

            return SandboxEngine(bubblewrap=find_bubblewrap(), store_unpack=request.unpack)
        raise AssertionError("refused above")


@dataclass(frozen=True, slots=True)
class Process:
    """Processes of this machine."""

    name: str = "process"
    description: str = "processes of this machine, not sealed"

    def make(self, request: EngineRequest) -> Engine:
        """Make the engine.

        Raises EngineError on other systems than Linux, and where functions would get the values
        of their variables in AWS: real credentials in code that nothing seals.
        """
        _refuse_other_systems("the process engine")
        _refuse_fetched_values(request.settings)
        if sys.platform != "win32":
            from pytest_lambda_rollback.engines.process.engine import ProcessEngine

            return ProcessEngine(store_unpack=request.unpack)
        raise AssertionError("refused above")


DOCKER = Docker()
SANDBOX = Sandbox()
PROCESS = Process()
BUILT_IN: tuple[EngineType, ...] = (DOCKER, SANDBOX, PROCESS)

_SYSTEMS = {"darwin": "macOS", "win32": "Windows"}
_START_DOCKER = "Install and start Docker Desktop, or set DOCKER_HOST to a daemon that answers"


def _system_but_linux() -> str:
    """The name of this machine's operating system; empty for Linux."""
    name: str = sys.platform
    return "" if name.startswith("linux") else _SYSTEMS.get(name, name)


def _refuse_other_systems(what: str) -> None:
    system = _system_but_linux()
    if system:
        raise EngineError(f"{what} cannot run on {system}", why="it needs Linux", do=_START_DOCKER)


def _refuse_fetched_values(settings: Settings) -> None:
    for function in settings.functions:
        source = function.source
        if source is not None and source.environment is Environment.FETCH:
            raise EngineError(
                "the process engine cannot run here",
                why=f'{function.name} has environment = "fetch", and nothing would keep its real '
                "values from leaving this machine",
                do='Use the docker or the sandbox engine, or remove environment = "fetch"',
            )


def make_engine(request: EngineRequest, known: Mapping[str, EngineType]) -> Engine:
    """Make the engine that the settings name among the ``known`` ones, or the best that can run.

    Raises EngineError if a named engine cannot run at all; what a single version lacks is left
    to its `prepare`.
    """
    name = request.settings.engine
    if name == AUTO:
        return _best(request)
    if name not in known:
        raise EngineError(
            f'there is no engine "{name}"',
            do=f"Use {listed([AUTO, *known])}, or install the plugin that adds it",
        )
    return known[name].make(request)


def _best(request: EngineRequest) -> Engine:
    try:
        engine = DOCKER.make(request)
    except EngineError as error:
        return _fallen_back(request, str(error))
    named = dict(request.settings.base_images)
    for runtime, architecture in sorted(base_images_needed(request.settings)):
        try:
            engine.obtain_base_image(runtime, architecture, request.progress)
        except EngineError as error:
            engine.close()
            if runtime in named:  # who names an image wants no other runtime instead
                raise
            return _fallen_back(request, str(error))
    return _ExplainedDocker(engine, "auto: Docker answers and the base images are available")


def _fallen_back(request: EngineRequest, no_docker: str) -> Engine:
    """The sandbox engine. Raises EngineError where it cannot run either."""
    no_docker = no_docker.rstrip(".")
    system = _system_but_linux()
    if system:
        raise EngineError(
            f"functions can be run on {system} with Docker only", why=no_docker, do=_START_DOCKER
        )
    try:
        engine = SANDBOX.make(request)
    except EngineError as error:
        raise EngineError(
            "no engine that seals functions can run here",
            why=f"not docker, because {no_docker}; not sandbox, because {error.why}",
            do=error.do,
        ) from error
    return _Explained(engine, f"auto: not docker, because {no_docker}")


def base_images_needed(settings: Settings) -> set[tuple[str, str]]:
    """(runtime, architecture) of the base images that replays may need.

    A function in AWS may have kept versions for years, whose runtimes are no longer available: only
    current versions and rollback targets count. One that is a container image needs none.
    """
    return {
        (version.configuration.runtime, version.configuration.architecture)
        for function in settings.functions
        for version in _that_may_run(settings, function)
        if _image(version) is None
    }


def _that_may_run(settings: Settings, function: FunctionSettings) -> Iterator[Version]:
    if function.current is None:
        return  # nothing is replayed where there is nothing to compare with
    yield function.current
    for target in function.targets:
        found = _found(settings, target)
        if found is not None:
            yield found


def _found(settings: Settings, target: TargetRef) -> Version | None:
    versions = (
        version
        for function in settings.functions
        if function.name == target.function
        for version in function.versions
    )
    return next((each for each in versions if each.version == target.version), None)


def _image(version: Version) -> ContainerImage | None:
    if isinstance(version, LocalVersion):
        return version.image
    return version.code if isinstance(version.code, ContainerImage) else None


class _Explained:
    """One of the package's own engines with the reason for choosing it."""

    def __init__(self, engine: ServingEngine, because: str) -> None:
        self._engine = engine
        self._because = because
        self.name = engine.name

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        self._engine.prepare(version, progress)

    def start(self, version: FunctionVersion) -> ExecutionEnvironment:
        return self._engine.start(version)

    def start_serving(self, version: FunctionVersion, services: Services) -> ServedEnvironment:
        return self._engine.start_serving(version, services)

    def describe(self) -> EngineDescription:
        return replace(self._engine.describe(), chosen_because=self._because)

    def close(self) -> None:
        self._engine.close()


class _ExplainedDocker(_Explained):
    """Docker, whose daemon may run on another machine."""

    def __init__(self, engine: DockerEngine, because: str) -> None:
        super().__init__(engine, because)
        self._docker = engine

    @property
    def memory_mb(self) -> int | None:
        return self._docker.memory_mb
