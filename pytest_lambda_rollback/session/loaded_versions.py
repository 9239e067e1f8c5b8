"""The versions of one function with their packages read, each once and when first needed.

Uses sources and settings, but no engines, contracts or verdicts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion, Settings, Strategy
from pytest_lambda_rollback.model.versions import (
    Artifact,
    ContainerImage,
    FunctionVersion,
    Layer,
    RemotePackage,
    TargetRef,
)
from pytest_lambda_rollback.packages.artifacts import check_total
from pytest_lambda_rollback.session.work import Work
from pytest_lambda_rollback.sources import local


class Packages(Protocol):
    """The reader of code and layers: folders and zips, the archive, AWS. Raises SourceError."""

    def load(self, path: Path, *, label: str, root_dir: str) -> Artifact:
        """The normalised artefact of a folder or zip."""
        ...

    def empty(self, label: str) -> Artifact:
        """An artefact without a file."""
        ...

    def code(
        self, settings: Settings, function: FunctionSettings, package: RemotePackage
    ) -> Artifact:
        """The code of a version that AWS holds, or the archive."""
        ...

    def layer(
        self, settings: Settings, function: FunctionSettings, package: RemotePackage
    ) -> Layer:
        """A layer version that AWS holds, or the archive."""
        ...

    def completed(self, function: FunctionSettings, version: LocalVersion) -> LocalVersion:
        """A build with those values of variables that it takes over and that are fetched late."""
        ...

    def published(
        self, settings: Settings, function: FunctionSettings, version: PublishedVersion
    ) -> FunctionVersion:
        """A version that AWS has published, or the archive holds, with its packages read."""
        ...

    def platform(
        self, settings: Settings, function: FunctionSettings, versions: tuple[str, ...]
    ) -> PublishedFunction | None:
        """AWS's facts about these versions beyond those needed for planning.

        ``None`` for a function whose versions the file declares.
        """
        ...


class Versions:
    """Function versions by their names in the configuration. All methods raise SourceError.

    ``filled`` gives variables their values that only this run knows. Safe to use from several
    threads.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        function: FunctionSettings,
        packages: Packages,
        work: Work,
        filled: Callable[[FunctionVersion], FunctionVersion] = lambda version: version,
    ) -> None:
        self._settings = settings
        self._function = function
        self._packages = packages
        self._work = work
        self._filled = filled
        self._lock = threading.Lock()
        self._loading: dict[tuple[str, str], Future[FunctionVersion]] = {}
        self._codes: dict[tuple[str, str], Future[Artifact]] = {}
        self._facts: dict[tuple[str, tuple[str, ...]], Future[PublishedFunction | None]] = {}

    def read_ahead(self, targets: Iterable[TargetRef]) -> None:
        """Begin to read packages that will be asked for."""
        if self._function.current is None:
            return
        self._begin(self._function, self._function.current)
        for target in targets:
            of = self._settings.function(target.function)
            self._begin(of, _declared(of, target.version))

    def current(self) -> FunctionVersion:
        """The version that holds the contracts."""
        if self._function.current is None:
            raise SourceError(
                f"the current version of {self._function.name} is not known",
                why=(self._function.reason or "").rstrip("."),
            )
        return self._read(self._function, self._function.current)

    def published(self, target: TargetRef) -> FunctionVersion:
        """A target exactly as it was published."""
        of = self._settings.function(target.function)
        return self._read(of, _declared(of, target.version))

    def rolled_back(self, target: TargetRef, strategy: Strategy) -> FunctionVersion:
        """A target as the strategy would deploy it, whether or not AWS accepts it."""
        if strategy is Strategy.ALIAS:
            return self.published(target)
        try:
            version = self.published(target)
        except SourceError:
            # A redeploy needs none of the target's own layers, nor its environment.
            bare = self._bare(target)
            if bare is None or self.current().image is not None:
                raise
            version = bare
        return local.redeployed(version, self.current())

    def runnable(self, target: TargetRef, strategy: Strategy) -> FunctionVersion:
        """A target as the strategy would run it, if it is no larger than AWS allows."""
        version = self.rolled_back(target, strategy)
        packages = (version.code, *(layer.artifact for layer in version.layers))
        check_total(packages, of=version.name)
        return version

    def outlined(
        self, target: TargetRef, strategy: Strategy
    ) -> tuple[FunctionVersion, FunctionVersion, FunctionVersion]:
        """Target as run, target as published, current version: as AWS describes them.

        Their packages are empty. What the configuration declares is read, since it is all in
        its packages.
        """
        current, of = self._function.current, self._settings.function(target.function)
        if current is None:
            raise SourceError(f"the current version of {self._function.name} is not known")
        published = self._outline(of, _declared(of, target.version))
        live = self._outline(self._function, current)
        run = local.redeployed(published, live) if strategy is Strategy.REDEPLOY else published
        return run, published, live

    def _bare(self, target: TargetRef) -> FunctionVersion | None:
        """A target with its code and without all else; ``None`` if code is not all to read."""
        of = self._settings.function(target.function)
        declared = _declared(of, target.version)
        if not isinstance(declared, PublishedVersion) or isinstance(declared.code, ContainerImage):
            return None
        key = (of.name, declared.version)
        with self._lock:
            if key not in self._codes:
                self._codes[key] = self._work.submit(
                    self._packages.code, self._settings, of, declared.code
                )
            reading = self._codes[key]
        code = self._work.wait(reading, f"reading the code of {of.name}:{target.version}")
        return replace(self._outline(of, declared), code=code)

    def _outline(
        self, of: FunctionSettings, declared: LocalVersion | PublishedVersion
    ) -> FunctionVersion:
        if not isinstance(declared, PublishedVersion):
            return self._read(of, declared)
        image = declared.code if isinstance(declared.code, ContainerImage) else None
        return FunctionVersion(
            function=of.name,
            version=declared.version,
            code=self._packages.empty(f"{of.name}:{declared.version}"),
            layers=tuple(
                Layer(name=each.name, version=None, artifact=self._packages.empty(each.name))
                for each in declared.layers
            ),
            configuration=replace(declared.configuration, environment=()),
            region=of.region,
            account=of.account,
            image=image,
        )

    def facts(self, function: str, versions: Iterable[str]) -> PublishedFunction | None:
        """The facts of AWS on a function and these versions; ``None`` for a local function."""
        of = self._settings.function(function)
        wanted = tuple(dict.fromkeys(versions))
        key = (function, wanted)
        with self._lock:
            if key not in self._facts:
                self._facts[key] = self._work.submit(
                    self._packages.platform, self._settings, of, wanted
                )
            asking = self._facts[key]
        return self._work.wait(asking, f"asking AWS about {function}")

    def _begin(
        self, of: FunctionSettings, declared: LocalVersion | PublishedVersion
    ) -> Future[FunctionVersion]:
        key = (of.name, declared.version)
        with self._lock:
            if key not in self._loading:
                self._loading[key] = self._work.submit(self._version, of, declared)
            return self._loading[key]

    def _read(
        self, of: FunctionSettings, declared: LocalVersion | PublishedVersion
    ) -> FunctionVersion:
        activity = f"reading code and layers of {of.name}:{declared.version}"
        return self._work.wait(self._begin(of, declared), activity)

    def _version(
        self, of: FunctionSettings, declared: LocalVersion | PublishedVersion
    ) -> FunctionVersion:
        if isinstance(declared, PublishedVersion):
            version = self._packages.published(self._settings, of, declared)
        else:
            version = local.function_version(
                of,
                self._packages.completed(of, declared),
                self._packages.load,
                load_remote=lambda package: self._packages.layer(self._settings, of, package),
                empty=self._packages.empty,
            )
        packages = (version.code, *(layer.artifact for layer in version.layers))
        check_total(packages, of=version.name)
        version = replace(version, alias=self._alias(of, declared.version))
        return self._filled(version) if of.name == self._function.name else version

    def _alias(self, of: FunctionSettings, version: str) -> str | None:
        """The alias that callers name: for versions of this function always the current one's.

        An alias is pointed back, or at what is deployed again, and its callers see no difference.
        """
        if of.name == self._function.name and of.current is not None:
            version = of.current.version
        return of.called_by(version)


def _declared(function: FunctionSettings, version: str) -> LocalVersion | PublishedVersion:
    if function.current is not None and version == function.current.version:
        return function.current
    for declared in function.versions:
        if declared.version == version:
            return declared
    raise SourceError(f"{function.name}:{version} is not declared")
