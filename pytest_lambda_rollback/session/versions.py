"""The versions of one function with their packages read, each once and when first needed.

Knows sources and settings; nothing of engines, contracts or verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model import (
    FunctionSettings,
    FunctionVersion,
    LocalVersion,
    Settings,
    Strategy,
    TargetRef,
)
from pytest_lambda_rollback.session.work import Work
from pytest_lambda_rollback.sources import local
from pytest_lambda_rollback.sources.artifacts import check_total


class Versions:
    """Function versions by what the configuration calls them. All methods raise SourceError."""

    def __init__(
        self,
        *,
        settings: Settings,
        function: FunctionSettings,
        load: local.LoadArtifact,
        work: Work,
    ) -> None:
        self._settings = settings
        self._function = function
        self._load = load
        self._work = work
        self._loading: dict[tuple[str, str], Future[FunctionVersion]] = {}

    def read_ahead(self, targets: Iterable[TargetRef]) -> None:
        """Begin to read packages that will be asked for."""
        self._begin(self._function, self._function.current)
        for target in targets:
            of = self._settings.function(target.function)
            self._begin(of, _declared(of, target.version))

    def current(self) -> FunctionVersion:
        """The version that holds the contracts."""
        return self._read(self._function, self._function.current)

    def published(self, target: TargetRef) -> FunctionVersion:
        """A target exactly as it was published."""
        of = self._settings.function(target.function)
        return self._read(of, _declared(of, target.version))

    def rolled_back(self, target: TargetRef, strategy: Strategy) -> FunctionVersion:
        """A target as the strategy would run it."""
        version = self.published(target)
        if strategy is Strategy.REDEPLOY:
            version = local.redeployed(version, self.current())
            packages = (version.code, *(layer.artifact for layer in version.layers))
            check_total(packages, of=version.name)
        return version

    def _begin(self, of: FunctionSettings, declared: LocalVersion) -> Future[FunctionVersion]:
        key = (of.name, declared.version)
        if key not in self._loading:
            self._loading[key] = self._work.submit(self._version, of, declared)
        return self._loading[key]

    def _read(self, of: FunctionSettings, declared: LocalVersion) -> FunctionVersion:
        activity = f"reading code and layers of {of.name}:{declared.version}"
        return self._work.wait(self._begin(of, declared), activity)

    def _version(self, of: FunctionSettings, declared: LocalVersion) -> FunctionVersion:
        version = local.function_version(of, declared, self._load)
        packages = (version.code, *(layer.artifact for layer in version.layers))
        check_total(packages, of=version.name)
        return version


def _declared(function: FunctionSettings, version: str) -> LocalVersion:
    if version == function.current.version:
        return function.current
    for declared in function.versions:
        if declared.version == version:
            return declared
    raise SourceError(f"{function.name}:{version} is not declared")
