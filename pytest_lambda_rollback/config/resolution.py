"""The current version of a function in AWS, and its rollback targets.

It takes the facts of AWS and the archive (`published`) and a function's table, and requests
nothing. What AWS does not have is not a mistake of the configuration: it is a SourceError, which
makes that function ``unknown`` and does not affect others. A table that cannot be understood
stays a ConfigError.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_lambda_rollback.config.function_keys import Declared, reference
from pytest_lambda_rollback.config.toml_table import Table
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.settings import LocalVersion
from pytest_lambda_rollback.model.text import listed
from pytest_lambda_rollback.model.versions import TargetRef

_LAST = 3
TARGET_KEYS = ("last", "previous", "max_age_days")


def declared_of(name: str, table: Table, published: PublishedFunction) -> Declared:
    """The function as AWS has it, in the shape of one that a file declares."""
    return Declared(
        name=name,
        table=table,
        versions=published.versions,
        aliases=tuple((alias.name, alias.version) for alias in published.aliases),
        published=published,
    )


def default_current(published: PublishedFunction) -> tuple[str, str]:
    """The reference of the current version if the table says none, and how it was found.

    It is what the one alias points at, or the newest published version of a function without an
    alias. Raises SourceError if several aliases point at different versions.
    """
    versions = {alias.version for alias in published.aliases}
    if len(versions) == 1:
        alias = published.aliases[0]
        return alias.name, f"alias {alias.name}"
    if versions:
        names = listed(f"{alias.name} ({alias.version})" for alias in published.aliases)
        raise SourceError(
            f"the current version of {published.name} is ambiguous",
            why=f"its aliases point at different versions: {names}",
            do=f'Name the one that callers use, as in current = "{published.aliases[0].name}"',
        )
    newest = next((v.version for v in published.versions if v.version.isdecimal()), None)
    if newest is None:
        raise SourceError(
            f"{published.name} has no published version",
            why="it has only $LATEST, and traffic can only go back to a published version",
            do="Publish a version with each release, and let an alias point at it",
        )
    return newest, "the newest published version"


def targets_said(
    declared: Declared, table: Table, current: str, now: datetime
) -> tuple[TargetRef, ...] | None:
    """The targets that a table of conditions stands for; ``None`` if versions are listed."""
    value = table.values.get("targets", {"last": _LAST})
    if not isinstance(value, dict):
        return None
    said = Table(file=table.file, key=(*table.key, "targets"), values=value)
    said.only(TARGET_KEYS)
    days = said.integer("max_age_days", 0, low=1) if "max_age_days" in said else None
    if "previous" in said:
        found = _previous(declared, reference(said, "previous"), said.at("previous"), current)
        last = said.integer("last", len(found) or 1, low=1)
    else:
        found = tuple(
            each
            for each in declared.numbered()
            if not current.isdecimal() or int(each.version) < int(current)
        )
        last = said.integer("last", len(found) if days and found else _LAST, low=1)
    if days is not None:
        found = tuple(each for each in found if _is_younger(each, now - timedelta(days=days)))
    return tuple(TargetRef(function=declared.name, version=each.version) for each in found[:last])


def why_no_targets(declared: Declared, table: Table) -> str:
    """Why the conditions of a table leave no target; empty if they ask for nothing special."""
    value = table.values.get("targets")
    said = value if isinstance(value, dict) else {}
    if "previous" in said:
        return (
            f"{declared.name} has no rollback target: the archive has seen alias "
            f"{said['previous']} point at no other version, and AWS keeps no history of aliases. "
            "Run `lambda-rollback sync` with each release, or name the versions under "
            f"functions.{declared.name}.targets"
        )
    if "max_age_days" in said:
        return (
            f"{declared.name} has no rollback target: no older version was published in the last "
            f"{said['max_age_days']} days. Raise max_age_days under "
            f"functions.{declared.name}.targets, or name the versions there"
        )
    return ""


def origin_of(
    published: PublishedFunction, overrides: tuple[tuple[str, str], ...]
) -> LocalVersion | None:
    """The version that a candidate takes unstated settings from: ``$LATEST``, or the newest."""
    version = next(iter(published.versions), None)
    if version is None:
        return None
    values = dict(version.configuration.environment) | dict(overrides)
    named = version.environment_names or values
    return LocalVersion(
        version=version.version,
        code=Path(),
        layers=version.layers,
        configuration=replace(version.configuration, environment=tuple(sorted(values.items()))),
        environment_names=tuple(name for name in version.environment_names if name not in values),
        environment_error=None if named else version.environment_error,
    )


def _previous(
    declared: Declared, alias: str, where: str, current: str
) -> tuple[PublishedVersion | LocalVersion, ...]:
    """The versions that an alias pointed at before, newest first.

    AWS keeps no history of an alias: the lock file does, from the first run or sync on.
    """
    facts = declared.published.alias(alias) if declared.published is not None else None
    if facts is None:
        names = [name for name, _ in declared.aliases]
        raise SourceError(
            f'{declared.name} has no alias "{alias}"',
            why=f"{where} names it; its aliases are {listed(names)}",
            do="Correct the name",
        )
    before = dict.fromkeys(version for _, version in reversed(facts.history))
    versions = (declared.version(name) for name in before if name not in (current, facts.version))
    return tuple(version for version in versions if version is not None)


def _is_younger(version: PublishedVersion | LocalVersion, than: datetime) -> bool:
    """True if the version was published later, or its time is unknown."""
    modified = version.modified if isinstance(version, PublishedVersion) else ""
    try:
        published = datetime.fromisoformat(modified)
    except ValueError:
        return True
    return (published if published.tzinfo else published.replace(tzinfo=UTC)) >= than
