"""``lambda-rollback sync``: bring the archive up to date with AWS."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_lambda_rollback.commands import configurations
from pytest_lambda_rollback.commands.configurations import say
from pytest_lambda_rollback.errors import RollbackError
from pytest_lambda_rollback.model.published import AwsSource, PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.settings import FunctionSettings, Store
from pytest_lambda_rollback.model.text import counted, listed
from pytest_lambda_rollback.model.versions import ContainerImage, Location, RemotePackage
from pytest_lambda_rollback.packages.members import megabytes
from pytest_lambda_rollback.sources.archive import locks
from pytest_lambda_rollback.sources.archive.archive import Locate
from pytest_lambda_rollback.sources.archive.merging import merged
from pytest_lambda_rollback.sources.archive.syncing import Missed, SyncReport, sync
from pytest_lambda_rollback.sources.aws import AwsFunctions
from pytest_lambda_rollback.sources.published_packages import archive_of, download

_NAMED = 4
"""Versions that a message names, of all that need a layer."""


def run(arguments: Namespace) -> int:
    """Sync the named functions, or all; 1 if one of them failed."""
    functions = AwsFunctions(
        offline=False, progress=configurations.progress, only=arguments.functions or None
    )
    settings = configurations.load(configurations.named_files(arguments.config), functions)
    chosen = configurations.functions_in_aws(settings, arguments.functions)
    failed = 0
    by_store: dict[Store, list[FunctionSettings]] = {}
    for each, function in chosen:
        if function.published is None:
            failed += 1
            reason = (function.reason or "").removeprefix(f"{function.name}: ")
            say(f"FAILED  {function.name}: {reason}")
        else:
            by_store.setdefault(each.store, []).append(function)
    for store, members in by_store.items():
        images = _Images(store, functions)
        report = _synced(store, members, functions, images, arguments.workers)
        report = replace(report, failed=(*images.failed, *report.failed))
        failed += len(report.failed)
        _show(report, store)
    return 1 if failed else 0


def _synced(
    store: Store,
    members: Sequence[FunctionSettings],
    functions: AwsFunctions,
    images: _Images,
    workers: int,
) -> SyncReport:
    archive = archive_of(store, offline=False)
    sources = {each.name: each.source for each in members}
    by_account: dict[int, Locate] = {}

    def locate_for(function: PublishedFunction) -> Locate:
        from pytest_lambda_rollback.aws.locations import locate

        account = functions.account(_source(sources[function.name]))

        def located(package: RemotePackage) -> Location:
            return locate(account, package)

        return by_account.setdefault(id(account), located)

    return sync(
        images.named(members),
        archive,
        locate_for=locate_for,
        download=download,
        workers=workers,
        progress=configurations.progress,
    )


class _Images:
    """Names the images of functions by digest, with one request for each unknown one."""

    def __init__(self, store: Store, functions: AwsFunctions) -> None:
        self._store = store
        self._functions = functions
        self.failed: list[Missed] = []
        """Versions whose images could not be determined."""

    def named(self, members: Sequence[FunctionSettings]) -> Iterator[PublishedFunction]:
        """The known functions, with their images."""
        for member in members:
            if member.published is not None:
                yield self._with_images(member.published, _source(member.source))

    def _with_images(self, function: PublishedFunction, source: AwsSource) -> PublishedFunction:
        if not any(_unresolved(version) for version in function.versions):
            return function
        try:
            locked = locks.read(self._store.path, function.name)
            function = merged(function, locked).function
        except RollbackError:
            return function  # writing its lock file fails in the same way and reports it
        return replace(
            function,
            versions=tuple(self._resolved(each, source) for each in function.versions),
        )

    def _resolved(self, version: PublishedVersion, source: AwsSource) -> PublishedVersion:
        from pytest_lambda_rollback.aws.functions import resolved_image

        if not _unresolved(version):
            return version
        try:
            image = resolved_image(self._functions.account(source), version)
        except RollbackError as error:
            name = f"{version.function}:{version.version}"
            self.failed.append(Missed(name=name, reason=str(error)))
            return version
        return replace(version, code=image)


def _unresolved(version: PublishedVersion) -> bool:
    return isinstance(version.code, ContainerImage) and not version.code.uri and not version.gone


def _source(source: AwsSource | None) -> AwsSource:
    if source is None:  # pragma: no cover - only functions in AWS are chosen
        raise RollbackError("the function is not configured as a function in AWS")
    return source


def _show(report: SyncReport, store: Store) -> None:
    for word, missed in (("FAILED", report.failed), ("LOST  ", report.lost)):
        for each in missed:
            say(f"{word}  {each.name}: {each.reason.removeprefix(f'{each.name}: ')}")
            if each.used_by:
                say(f"        needed by {_few(each.used_by)}")
    versions = sum(function.versions for function in report.functions)
    images = sum(function.images for function in report.functions)
    changed = sum(function.lock_changed for function in report.functions)
    say(
        f"{counted(len(report.functions), 'function')} with {counted(versions, 'version')} in "
        f"{store.path}: {counted(report.fetched, 'package')} fetched ({megabytes(report.bytes)}), "
        f"{report.held} already there, {counted(changed, 'lock file')} changed"
    )
    if images:
        are = (
            "1 version is a container image"
            if images == 1
            else f"{images} versions are container images"
        )
        say(f"{are}: recorded by digest, pulled when they run")
    if report.shared:
        say(f"{counted(report.shared, 'package')} copied to {store.bucket}")


def _few(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return listed(names) if more <= 0 else f"{', '.join(names[:_NAMED])} and {more} more"
