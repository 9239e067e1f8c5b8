"""Versions that AWS published, made runnable: their zips from the archive, fetched if need be.

Joins the archive, which holds zips as AWS served them, with the artefact store, which engines
take from. What is learnt on the way (digests of layers, an image's digest, what the platform says)
goes to the function's lock file, so that an offline run knows it too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.names import region_of
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import (
    AwsSource,
    Environment,
    PublishedFunction,
    PublishedVersion,
)
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion, Settings, Store
from pytest_lambda_rollback.model.text import listed
from pytest_lambda_rollback.model.versions import (
    Artifact,
    ContainerImage,
    FunctionVersion,
    Layer,
    Location,
    RemotePackage,
)
from pytest_lambda_rollback.packages.artifacts import ArtifactStore
from pytest_lambda_rollback.sources.archive import locks
from pytest_lambda_rollback.sources.archive.archive import Archive
from pytest_lambda_rollback.sources.archive.merging import recorded, with_platform
from pytest_lambda_rollback.sources.aws import AwsFunctions, Progress
from pytest_lambda_rollback.sources.local import CODE_DIR, LAYER_DIR, with_placeholders


class PublishedPackages:
    """Implements the session's `Packages`. May be called from several threads.

    All methods raise SourceError.
    """

    def __init__(
        self, *, functions: AwsFunctions, artifacts: ArtifactStore, progress: Progress
    ) -> None:
        self._functions = functions
        self._artifacts = artifacts
        self._progress = progress
        self._archives: dict[Path, Archive] = {}
        self._stopped = threading.Event()
        self._unwritten: set[Path] = set()
        self._busy: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def stop(self) -> None:
        """Give up downloads that are under way, and begin none; for a run that ends early."""
        self._stopped.set()

    def load(self, path: Path, *, label: str, root_dir: str) -> Artifact:
        """The normalised artefact of a folder or zip."""
        return self._artifacts.load(path, label=label, root_dir=root_dir)

    def empty(self, label: str) -> Artifact:
        """An artefact without a file."""
        return self._artifacts.empty(label)

    def code(
        self, settings: Settings, function: FunctionSettings, package: RemotePackage
    ) -> Artifact:
        """The code of a version, from the archive or from AWS."""
        return self._artifact(settings, function, package, CODE_DIR)[0]

    def layer(
        self, settings: Settings, function: FunctionSettings, package: RemotePackage
    ) -> Layer:
        """A layer version, from the archive or from AWS."""
        return self._layer(settings, function, package)[0]

    def completed(self, function: FunctionSettings, version: LocalVersion) -> LocalVersion:
        """A build with the values of variables that it takes over from ``$LATEST``.

        They came with the plan, unless that is another process's.
        """
        published, source = function.published, function.source
        fetch = source is not None and source.environment is Environment.FETCH
        if published is None or not fetch or not version.environment_names:
            return version
        origin = published.versions[0]
        missing = [name for name in version.environment_names if name in origin.environment_names]
        if not missing:
            return version
        values = self._fetched(function, origin, missing)
        known = {name: values[name] for name in missing if name in values}
        return replace(
            version,
            configuration=replace(
                version.configuration,
                environment=tuple(
                    sorted({**known, **dict(version.configuration.environment)}.items())
                ),
            ),
            environment_names=tuple(n for n in version.environment_names if n not in known),
        )

    def published(
        self, settings: Settings, function: FunctionSettings, version: PublishedVersion
    ) -> FunctionVersion:
        """A published version with its packages read."""
        layers: tuple[tuple[Layer, RemotePackage], ...] = ()
        image: ContainerImage | None = None
        if isinstance(version.code, ContainerImage):
            image = self._image(function, version, version.code)
            self._functions.remember_image(image.uri, _source(function, version.arn))
            code, known = self._artifacts.empty(image.uri), replace(version, code=image)
        else:
            code = self._artifact(settings, function, version.code, CODE_DIR)[0]
            layers = tuple(self._layer(settings, function, package) for package in version.layers)
            known = replace(version, layers=tuple(package for _, package in layers))
        self._learn(settings, function, lambda facts: _with_version(facts, known))
        environment, placeholders = self._environment(function, version)
        return FunctionVersion(
            function=function.name,
            version=version.version,
            code=code,
            layers=tuple(layer for layer, _ in layers),
            configuration=replace(version.configuration, environment=environment),
            placeholders=placeholders,
            region=function.region,
            account=function.account,
            image=image,
        )

    def platform(
        self, settings: Settings, function: FunctionSettings, versions: tuple[str, ...]
    ) -> PublishedFunction | None:
        """The versions as AWS has them now, or as the lock file remembers them."""
        published, source = function.published, function.source
        if published is None or source is None:
            return None
        if self._functions.offline:
            return published
        from pytest_lambda_rollback.aws.failures import NotAllowed
        from pytest_lambda_rollback.aws.platform_facts import read_platform

        account = self._functions.account(source)
        asked = tuple(
            name
            for name in versions
            if (known := published.version(name)) is not None and not known.gone
        )
        unread: tuple[str, ...] = ()
        try:
            mappings = self._functions.mappings(account, published.arn)
        except NotAllowed:
            mappings, unread = (), ("lambda:ListEventSourceMappings",)
        facts = read_platform(account, published, asked, mappings)
        facts = replace(facts, unread=tuple(sorted({*facts.unread, *unread})))
        self._learn(settings, function, lambda known: with_platform(known, facts))
        return replace(published, platform=facts)

    # --- packages ----------------------------------------------------------------------------

    def _artifact(
        self,
        settings: Settings,
        function: FunctionSettings,
        package: RemotePackage,
        root_dir: str,
    ) -> tuple[Artifact, RemotePackage]:
        """The artefact, and the package with what its bytes told."""
        with self._guard:
            busy = self._busy.setdefault(package.arn, threading.Lock())
        with busy:
            # Versions share layers: who comes second finds what the first one brought.
            held = self._archive(settings).fetch(
                package,
                locate=self._locate(function),
                download=self._download,
                progress=self._progress,
                go_on=self._go_on,
            )
        artifact = self._artifacts.load(held.path, label=package.name, root_dir=root_dir)
        return artifact, replace(package, sha256=held.sha256, size_bytes=held.size_bytes)

    def _layer(
        self, settings: Settings, function: FunctionSettings, package: RemotePackage
    ) -> tuple[Layer, RemotePackage]:
        artifact, package = self._artifact(settings, function, package, LAYER_DIR)
        name, _, version = package.name.rpartition(" ")
        return Layer(name=name, version=version, artifact=artifact), package

    def _download(
        self, url: str, write: Callable[[bytes], object], *, limit_bytes: int, timeout_s: float
    ) -> None:
        def unless_stopped(content: bytes) -> None:
            self._go_on()
            write(content)

        unless_stopped(b"")
        download(url, unless_stopped, limit_bytes=limit_bytes, timeout_s=timeout_s)

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise SourceError("the download was stopped", why="the run was ended")

    def _archive(self, settings: Settings) -> Archive:
        with self._guard:
            path = settings.store.path
            if path not in self._archives:
                self._archives[path] = archive_of(settings.store, offline=self._functions.offline)
            return self._archives[path]

    def _locate(self, function: FunctionSettings) -> Callable[[RemotePackage], Location] | None:
        """How AWS is asked where a package can be downloaded; ``None`` offline."""
        if self._functions.offline:
            return None

        def located(package: RemotePackage) -> Location:
            from pytest_lambda_rollback.aws.locations import locate

            return locate(self._functions.account(_source(function, package.arn)), package)

        return located

    def _image(
        self, function: FunctionSettings, version: PublishedVersion, image: ContainerImage
    ) -> ContainerImage:
        """The image by its digest, which planning does not ask for."""
        if image.uri:
            return image
        if self._functions.offline:
            raise SourceError(
                f"the image of {function.name}:{version.version} is not in the archive",
                why="an offline run uses only the archive",
                do=f"Run `lambda-rollback sync {function.name}` with access to AWS",
            )
        from pytest_lambda_rollback.aws.functions import resolved_image

        return resolved_image(self._functions.account(_source(function, version.arn)), version)

    # --- the environment ---------------------------------------------------------------------

    def _environment(
        self, function: FunctionSettings, version: PublishedVersion
    ) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """The variables, by what the user chose, and those whose values are made up."""
        overrides = dict(function.environment)
        names = version.environment_names
        if version.environment_error is not None and not names:
            names = _names_given(function, version)
        missing = [name for name in names if name not in overrides]
        values: dict[str, str] = {}
        fetch = function.source is not None and function.source.environment is Environment.FETCH
        if fetch and missing:
            values = self._fetched(function, version, missing)
        values |= {name: value for name, value in overrides.items() if name in names}
        return with_placeholders(values.items(), names)

    def _fetched(
        self, function: FunctionSettings, version: PublishedVersion, missing: list[str]
    ) -> dict[str, str]:
        if version.gone:  # they cannot be fetched any more
            return {}
        name = f"{function.name}:{version.version}"
        do = f"Give them under functions.{function.name}.environment"
        if version.configuration.environment:
            return dict(version.configuration.environment)
        if self._functions.offline:
            raise SourceError(
                f"the environment of {name} is not known offline",
                why=f"values are fetched at run time and never archived; missing are "
                f"{listed(missing)}",
                do=do,
            )
        from pytest_lambda_rollback.aws.functions import read_environment

        return dict(
            read_environment(self._functions.account(_source(function, version.arn)), version)
        )

    # --- the lock file -----------------------------------------------------------------------

    def _learn(
        self,
        settings: Settings,
        function: FunctionSettings,
        change: Callable[[PublishedFunction], PublishedFunction],
    ) -> None:
        """Write what was learnt of a function to its lock file; nothing changes offline.

        A run on an archive that has all and cannot be written goes on without.
        """
        if function.published is None or self._functions.offline:
            return
        root = settings.store.path
        with self._guard:
            if root in self._unwritten:
                return
            try:
                with locks.held(root):
                    locked = locks.read(root, function.name)
                    locks.write(root, change(recorded(function.published, locked).function))
            except locks.UnusableLock as error:
                self._unwritten.add(root)
                self._progress(f"digests could not be saved for offline runs: {error}")


def archive_of(store: Store, *, offline: bool) -> Archive:
    """The archive of a configuration, with the bucket behind it unless nothing may be asked.

    Raises SourceError.
    """
    bucket = None
    if store.bucket is not None and not offline:
        from pytest_lambda_rollback.aws.buckets import Bucket
        from pytest_lambda_rollback.aws.clients import Account

        account = Account(region=None, profile=None, role_arn=None)
        bucket = Bucket(account, store.bucket)
    return Archive(store.path, bucket=bucket)


def download(
    url: str, write: Callable[[bytes], object], *, limit_bytes: int, timeout_s: float
) -> None:
    """Stream a package; the client that does it is loaded with the first one."""
    from pytest_lambda_rollback.aws.locations import download

    download(url, write, limit_bytes=limit_bytes, timeout_s=timeout_s)


def _source(function: FunctionSettings, arn: str) -> AwsSource:
    """Whose credentials are used; for a local function's AWS layer, the usual ones."""
    if function.source is not None:
        return function.source
    return AwsSource(function_name=function.name, region=region_of(arn))


def _names_given(function: FunctionSettings, version: PublishedVersion) -> tuple[str, ...]:
    """The variables of a version that Lambda did not even name: those that the user gives.

    Raises SourceError if none is given: without its variables it is not the published version.
    """
    if function.environment:
        return tuple(sorted(name for name, _ in function.environment))
    key = f" on {version.kms_key_arn}" if version.kms_key_arn else ""
    raise SourceError(
        f"the environment of {function.name}:{version.version} is not known",
        why=f"Lambda could not decrypt it ({version.environment_error})",
        do=f"Allow kms:Decrypt{key}, or give all variables under "
        f"functions.{function.name}.environment",
    )


def _with_version(facts: PublishedFunction, version: PublishedVersion) -> PublishedFunction:
    return replace(
        facts,
        versions=tuple(
            replace(version, gone=each.gone) if each.version == version.version else each
            for each in facts.versions
        ),
    )
