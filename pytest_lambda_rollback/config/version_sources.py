"""Version sources of plugins: a function's versions and aliases, said by neither file nor AWS.

A configuration names one by its kind, as in ``source = { kind = "artifactory", repo = "orders" }``.
What it returns is read, and refused, like the ``versions`` and ``aliases`` tables of a file, so
that packages are folders and zips on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from pytest_lambda_rollback.config.toml_table import Table
from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.text import listed, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """A function whose versions a version source is asked for. Fields are only ever added."""

    function: str
    """The name that the configuration gives to the function."""
    options: Mapping[str, Any]
    """The keys of the ``source`` table besides ``kind``, as TOML values."""
    folder: Path
    """The folder of the configuration file; relative paths in the answer start there."""
    offline: bool = False
    """True if no request may leave this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVersions:
    """The versions and aliases of a function, in the form of a configuration file."""

    versions: Mapping[str, Mapping[str, Any]]
    """By version, what ``[functions.F.versions.V]`` would say."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """By alias, the version that it points to."""


class VersionSource(Protocol):
    """A place that versions of functions come from."""

    @property
    def name(self) -> str:
        """The value of ``kind`` in a ``source`` table."""
        ...

    def find(self, request: SourceRequest) -> FoundVersions:
        """Return a function's versions, their packages on this machine.

        Called once for each function when its configuration file is loaded. Raises ConfigError
        for a mistake in the options, SourceError where the versions could not be fetched: the
        function's checks are then ``unknown``.
        """
        ...


def kind_of(table: Table, known: Mapping[str, VersionSource]) -> str:
    """The kind of the version source that a function's table names. Raises ConfigError."""
    source = table.table("source")
    kind = source.string("kind", do='Name the version source, as in { kind = "…" }')
    if kind not in known:
        near = nearest(kind, known)
        guess = f'Did you mean "{near}"? ' if near else ""
        raise ConfigError(
            f'{source.at("kind")} is "{kind}", which is not a version source',
            why=f"plugins that are installed add {listed(known)}",
            do=f"{guess}Install the plugin that adds it, or name versions or aws instead of source",
        )
    return kind


def versions_of(
    table: Table,
    function: str,
    known: Mapping[str, VersionSource],
    *,
    folder: Path,
    offline: bool,
) -> Table:
    """The function's table with what its version source says, in place of ``source``.

    Raises ConfigError and SourceError.
    """
    source, kind = table.table("source"), kind_of(table, known)
    options = {name: value for name, value in source.values.items() if name != "kind"}
    request = SourceRequest(function=function, options=options, folder=folder, offline=offline)
    found = known[kind].find(request)
    if not found.versions:
        raise SourceError(
            f"the version source {kind} has no version of {function}",
            do=f"Check {source.at()}",
        )
    rest = {name: value for name, value in table.values.items() if name != "source"}
    said = {"versions": dict(found.versions), "aliases": dict(found.aliases)}
    return replace(table, values={**rest, **said})
