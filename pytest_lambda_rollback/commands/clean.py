"""``lambda-rollback clean``: limit the age and size of archive, cache and built images."""

from __future__ import annotations

import contextlib
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.commands import configurations
from pytest_lambda_rollback.commands.configurations import say
from pytest_lambda_rollback.config import files as config
from pytest_lambda_rollback.errors import ConfigError, EngineError
from pytest_lambda_rollback.packages.members import megabytes
from pytest_lambda_rollback.sources.archive.retention import (
    ARCHIVE_GRACE_S,
    CACHE_GRACE_S,
    CleanPlan,
    clean,
    plan_cache_clean,
    plan_clean,
)

_MB = 1024 * 1024


def run(arguments: Namespace) -> int:
    """Remove files and images past the limits; 1 if something could not be removed."""
    bounds = {
        "max_age_days": arguments.max_age_days,
        "max_bytes": None if arguments.max_mb is None else arguments.max_mb * _MB,
        "now": time.time(),
    }
    plans: list[tuple[str, CleanPlan]] = []
    only = arguments.cache_only or arguments.archive_only or arguments.images_only
    if arguments.archive_only or not only:
        for store in _stores(arguments):
            plans.append(("archive", plan_clean(store, **bounds)))
    if arguments.cache_only or not only:
        cache = configurations.cache_folder()
        plans.append(("cache", plan_cache_clean(cache, **bounds)))
    if arguments.max_age_days is None and arguments.max_mb is None:
        configurations.progress("no limit given: use --max-age-days or --max-mb")
    failed = 0
    for what, plan in plans:
        grace_s = ARCHIVE_GRACE_S if what == "archive" else CACHE_GRACE_S
        failed += _cleaned(what, plan, grace_s=grace_s, dry=arguments.dry_run)
    if arguments.images_only or not only:
        _clean_images(bounds, dry=arguments.dry_run, wanted=arguments.images_only)
    return 1 if failed else 0


def _clean_images(bounds: dict[str, Any], *, dry: bool, wanted: bool) -> None:
    """Clean the images of the Docker daemon. Without one there are none, unless they are wanted.

    Raises EngineError.
    """
    from pytest_lambda_rollback.engines.docker import image_retention
    from pytest_lambda_rollback.engines.docker.daemon import DaemonLost, connect

    try:
        client = connect()
    except EngineError as error:
        if wanted or not isinstance(error, DaemonLost):
            raise
        say("images: none to look at, as Docker does not answer")
        return
    with contextlib.closing(client):
        plan = image_retention.plan_images(image_retention.built_images(client), **bounds)
        hours = image_retention.IMAGE_GRACE_S / 3600
        stays = (
            f"{plan.kept} kept ({megabytes(plan.kept_bytes)}); anything used in the last "
            f"{hours:.0f} h is kept"
        )
        if dry:
            for removal in plan.removals:
                say(f"would remove {removal.tag}: {removal.reason}")
            count, size_bytes = len(plan.removals), plan.removed_bytes
            say(f"images: {count} to remove ({megabytes(size_bytes)}), {stays}")
            return
        report = image_retention.clean_images(client, plan)
    in_use = f", {report.in_use} in use" if report.in_use else ""
    say(f"images: {report.removed} removed ({megabytes(report.removed_bytes)}){in_use}, {stays}")
    if plan.over_bytes:
        say(f"images: still {megabytes(plan.over_bytes)} over the limit")


def _stores(arguments: Namespace) -> list[Path]:
    """The archives of the configurations, or none without a configuration."""
    try:
        paths = configurations.named_files(arguments.config)
    except ConfigError:
        if arguments.config or arguments.archive_only:
            raise
        return []
    return list(dict.fromkeys(config.store_path(path) for path in paths))


def _cleaned(what: str, plan: CleanPlan, *, grace_s: float, dry: bool) -> int:
    stays = f"{plan.kept} kept ({megabytes(plan.kept_bytes)})"
    if plan.locked:
        stays += f", {plan.locked} of them in lock files"
    stays += f"; anything used in the last {grace_s / 3600:.0f} h is kept"
    if dry:
        for removal in plan.removals:
            say(f"would remove {removal.path}: {removal.reason}")
        say(
            f"{what} {plan.root}: {len(plan.removals)} to remove "
            f"({megabytes(plan.removed_bytes)}), {stays}"
        )
        return 0
    report = clean(plan)
    say(
        f"{what} {plan.root}: {report.removed} removed ({megabytes(report.removed_bytes)}), {stays}"
    )
    if plan.over_bytes:
        say(f"{what} {plan.root}: still {megabytes(plan.over_bytes)} over the limit")
    for path, why in report.failed:
        say(f"FAILED  {path}: {why}")
    return len(report.failed)
