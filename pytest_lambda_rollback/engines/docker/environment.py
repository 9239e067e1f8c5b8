"""One execution environment in a container: the environment over a carrier, and its container."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pytest_lambda_rollback.engines.docker.confinement import Container
from pytest_lambda_rollback.engines.interface import Services
from pytest_lambda_rollback.engines.runtime_api.environment import CarriedEnvironment, Start
from pytest_lambda_rollback.model.replay import Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionVersion

_MB: Final = 1024 * 1024


class DockerEnvironment(CarriedEnvironment):
    """A container that runs one version's runtime. Made and started by DockerEngine.

    ``keeps_files`` says that the image has folders, its volumes, whose files outlive a fresh
    start in place. The carrier watches the function's memory: Docker's limit, if it has one, counts
    /tmp as well.
    """

    def __init__(
        self,
        container: Container,
        *,
        version: FunctionVersion,
        start: Start,
        keeps_files: bool,
        init_timeout_s: float,
        services: Services | None,
        forget: Callable[[CarriedEnvironment], None],
    ) -> None:
        self._container = container
        self._keeps_files = keeps_files
        super().__init__(
            version=version,
            confinement=container,
            start=start,
            memory_limit_bytes=version.configuration.memory_mb * _MB,
            init_timeout_s=init_timeout_s,
            services=services,
            forget=forget,
        )

    @property
    def container(self) -> str:
        """Id of the container, for ``docker inspect``."""
        return self._container.id

    def invoke(self, invocation: Invocation) -> Outcome:
        """Replay one event; see `interface.ExecutionEnvironment`."""
        outcome = super().invoke(invocation)
        if outcome.kind is not OutcomeKind.TIMEOUT:
            return outcome
        trouble = self._container.trouble()
        if not trouble:
            return outcome
        return replace(outcome, kind=OutcomeKind.HARNESS_FAILURE, detail=trouble)

    def renew(self) -> bool:
        """Make this a fresh environment in place; see `interface.RenewableEnvironment`."""
        return not self._keeps_files and super().renew()
