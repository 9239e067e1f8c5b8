"""``lambda-rollback sync``: bring the archive up to date with AWS."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_lambda_rollback.commands import configurations
from pytest_lambda_rollback.commands.configurations import say
from pytest_lambda_rollback.errors import RollbackError
from pytest_lambda_rollback.model import FunctionSettings, Store
from pytest_lambda_rollback.published import (
    AwsSource,
    ContainerImage,
    Location,
    PublishedFunction,
    PublishedVersion,
    RemotePackage,
)
from pytest_lambda_rollback.sources import locks
from pytest_lambda_rollback.sources.archive import Locate
from pytest_lambda_rollback.sources.aws import AwsFunctions
from pytest_lambda_rollback.sources.members import megabytes
from pytest_lambda_rollback.sources.merging import merged
from pytest_lambda_rollback.sources.published_packages import archive_of, download
from pytest_lambda_rollback.sources.syncing import SyncReport, sync


def run(arguments: Namespace) -> int:
    """Sync the functions that were named, or all; 1 where one of them failed."""
    functions = AwsFunctions(offline=False, progress=configurations.progress)
    settings = configurations.loaded(configurations.found(arguments.config), functions)
    chosen = configurations.selected(settings, arguments.functions)
    failed = 0
    by_store: dict[Store, list[FunctionSettings]] = {}
    for each, function in chosen:
        if function.published is None:
            failed += 1
            say(f"FAILED  {function.name}: {function.reason}")
        else:
            by_store.setdefault(each.store, []).append(function)
    for store, members in by_store.items():
        report = _synced(store, members, functions, arguments.workers)
        failed += len(report.failed)
        _show(report, store)
    return 1 if failed else 0


def _synced(
    store: Store, members: Sequence[FunctionSettings], functions: AwsFunctions, workers: int
) -> SyncReport:
    archive = archive_of(store, offline=False)
    sources = {each.name: each.source for each in members}

    def locate_for(function: PublishedFunction) -> Locate:
        from pytest_lambda_rollback.aws.locations import locate

        account = functions.account(_source(sources[function.name]))

        def located(package: RemotePackage) -> Location:
            return locate(account, package)

        return located

    return sync(
        _published(store, members, functions),
        archive,
        locate_for=locate_for,
        download=download,
        workers=workers,
        progress=configurations.progress,
    )


def _published(
    store: Store, members: Sequence[FunctionSettings], functions: AwsFunctions
) -> Iterator[PublishedFunction]:
    """The functions, their images named by digest: one request for each that is not known yet."""
    for member in members:
        if member.published is not None:
            yield _with_images(store.path, member.published, _source(member.source), functions)


def _with_images(
    root: Path, function: PublishedFunction, source: AwsSource, functions: AwsFunctions
) -> PublishedFunction:
    from pytest_lambda_rollback.aws.functions import resolved_image

    if not any(_unresolved(version) for version in function.versions):
        return function
    function = merged(function, locks.read(root, function.name)).function

    def resolved(version: PublishedVersion) -> PublishedVersion:
        if not _unresolved(version):
            return version
        try:
            image = resolved_image(functions.account(source), version)
        except RollbackError as error:
            configurations.progress(str(error))
            return version
        return replace(version, code=image)

    return replace(function, versions=tuple(resolved(each) for each in function.versions))


def _unresolved(version: PublishedVersion) -> bool:
    return isinstance(version.code, ContainerImage) and not version.code.uri and not version.gone


def _source(source: AwsSource | None) -> AwsSource:
    if source is None:  # pragma: no cover - only functions in AWS are chosen
        raise RollbackError("the function has no AWS source")
    return source


def _show(report: SyncReport, store: Store) -> None:
    for name, reason in report.failed:
        say(f"FAILED  {name}: {reason}")
    for name, reason in report.lost:
        say(f"LOST    {name}: {reason}")
    versions = sum(function.versions for function in report.functions)
    images = sum(function.images for function in report.functions)
    changed = sum(function.lock_changed for function in report.functions)
    say(
        f"{_count(len(report.functions), 'function')} with {_count(versions, 'version')} in "
        f"{store.path}: {_count(report.fetched, 'package')} fetched ({megabytes(report.bytes)}), "
        f"{report.held} were held, {_count(changed, 'lock file')} changed"
    )
    if images:
        say(f"{images} versions are container images: recorded by digest, pulled when they run")
    if report.shared:
        say(f"{report.shared} packages put into {store.bucket}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
