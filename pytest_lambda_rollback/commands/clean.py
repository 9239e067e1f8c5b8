"""``lambda-rollback clean``: limit the age and size of the archive and the plugin's cache."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

from pytest_lambda_rollback.commands import configurations
from pytest_lambda_rollback.commands.configurations import say
from pytest_lambda_rollback.config import files as config
from pytest_lambda_rollback.errors import ConfigError
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
    """Remove files past the limits; 1 if something could not be removed."""
    bounds = {
        "max_age_days": arguments.max_age_days,
        "max_bytes": None if arguments.max_mb is None else arguments.max_mb * _MB,
        "now": time.time(),
    }
    plans: list[tuple[str, CleanPlan]] = []
    if not arguments.cache_only:
        for store in _stores(arguments):
            plans.append(("archive", plan_clean(store, **bounds)))
    if not arguments.archive_only:
        cache = configurations.cache_folder()
        plans.append(("cache", plan_cache_clean(cache, **bounds)))
    if arguments.max_age_days is None and arguments.max_mb is None:
        configurations.progress("no limit given: use --max-age-days or --max-mb")
    failed = 0
    for what, plan in plans:
        grace_s = ARCHIVE_GRACE_S if what == "archive" else CACHE_GRACE_S
        failed += _cleaned(what, plan, grace_s=grace_s, dry=arguments.dry_run)
    return 1 if failed else 0


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
