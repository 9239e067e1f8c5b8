"""Which engine runs the versions of one configuration file: named, or found by ``auto``.

``auto`` takes docker where the daemon answers and every base image is there or can be pulled,
else process, and says why. A named engine never falls back. Docker's client is imported only
where it may be used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lambda_rollback.engines.interface import Engine, ExecutionEnvironment, Progress
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model import (
    Artifact,
    EngineDescription,
    FunctionVersion,
    LocalVersion,
    Settings,
)

if TYPE_CHECKING:
    from pytest_lambda_rollback.engines.docker import DockerEngine

Unpack = Callable[[Artifact, Path], None]


def make_engine(settings: Settings, progress: Progress, *, unpack: Unpack) -> Engine:
    """Return the engine that the settings name, or the best that can run here.

    ``unpack`` unpacks an artefact into a folder. Raises EngineError where a named engine cannot
    run at all; what only one version lacks is left to its `prepare`.
    """
    if settings.engine == "process":
        return _process(unpack)
    if settings.engine == "docker":
        return _docker(settings)
    if settings.engine != "auto":
        raise EngineError(
            f"there is no engine {settings.engine!r}",
            do="Use docker, process or auto, or install the plugin that provides it",
        )
    try:
        engine = _docker(settings)
    except EngineError as error:
        return _fallen_back(unpack, str(error))
    try:
        for runtime, architecture in sorted({_platform(v) for v in _versions(settings)}):
            engine.obtain_base_image(runtime, architecture, progress)
    except EngineError as error:
        engine.close()
        return _fallen_back(unpack, str(error))
    return _Explained(engine, "auto: Docker answers and the base images are there")


def _docker(settings: Settings) -> DockerEngine:
    from pytest_lambda_rollback.engines.docker import DockerEngine, probe

    reason = probe()
    if reason is not None:
        raise EngineError("the docker engine cannot run here", why=reason.rstrip("."))
    return DockerEngine(base_images=settings.base_images, workers=settings.workers)


def _process(unpack: Unpack) -> Engine:
    from pytest_lambda_rollback.engines.process import ProcessEngine

    return ProcessEngine(store_unpack=unpack)


def _fallen_back(unpack: Unpack, reason: str) -> Engine:
    return _Explained(_process(unpack), f"auto: not docker, because {reason.rstrip('.')}")


def _versions(settings: Settings) -> tuple[LocalVersion, ...]:
    return tuple(
        version
        for function in settings.functions
        for version in (function.current, *function.versions)
    )


def _platform(version: LocalVersion) -> tuple[str, str]:
    return version.runtime, version.architecture


class _Explained:
    """An engine that says why it was chosen."""

    def __init__(self, engine: Engine, because: str) -> None:
        self._engine = engine
        self._because = because
        self.name = engine.name

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        self._engine.prepare(version, progress)

    def start(self, version: FunctionVersion) -> ExecutionEnvironment:
        return self._engine.start(version)

    def describe(self) -> EngineDescription:
        return replace(self._engine.describe(), chosen_because=self._because)

    def close(self) -> None:
        self._engine.close()
