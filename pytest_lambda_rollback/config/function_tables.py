"""Tables of functions, read as far as they need no version: before AWS is asked.

So a mistake in them costs no request. The readers of references are used again once versions are
known (`function_settings`, `resolution`), so that a mistake has the same message in either place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from pytest_lambda_rollback.config.aws_tables import AwsDefaults, overrides_of, source_of
from pytest_lambda_rollback.config.function_keys import (
    ACCEPT_FORM,
    DECLARED_KEYS,
    FUNCTION_KEYS,
    Events,
    acceptance_of,
    check_name,
    cold_budget_of,
    declare,
    events_of,
    invoked_by_of,
    reference,
    requires_of,
)
from pytest_lambda_rollback.config.resolution import TARGET_KEYS
from pytest_lambda_rollback.config.response_tables import response_of
from pytest_lambda_rollback.config.service_tables import services_of
from pytest_lambda_rollback.config.toml_table import Table
from pytest_lambda_rollback.config.version_sources import VersionSource, kind_of
from pytest_lambda_rollback.config.version_tables import VERSION_KEYS, VersionReader
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.published import AwsSource
from pytest_lambda_rollback.model.settings import ResponseRule, Strategy
from pytest_lambda_rollback.model.text import nearest

PUBLISHED_KEYS = (*FUNCTION_KEYS, "aws", "environment")
_SOURCE_KEYS = (*FUNCTION_KEYS, "source", "region", "account")
USUAL_EVENTS = "events/{function}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTable:
    """A function's table without its versions: read once, before AWS is asked."""

    name: str
    table: Table
    source: AwsSource | None
    version_source: str | None
    strategies: tuple[Strategy, ...] | None
    cold_budget_s: float | None
    response: ResponseRule
    invoked_by: str | None
    requires: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    events: Events


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReader:
    """Reads the tables of functions, without their versions."""

    versions: VersionReader
    version_sources: Mapping[str, VersionSource]
    events_required: bool = True
    """False if ``events`` may be missing, or its folder."""

    def table(self, table: Table, name: str, defaults: AwsDefaults) -> FunctionTable:
        """One ``[functions.F]`` table. Raises ConfigError."""
        check_name(table, name)
        source = source_of(table, defaults)
        version_source = None
        if "source" in table:
            for key in ("aws", "versions", "aliases"):
                if key in table:
                    raise ConfigError(
                        f"{table.at(key)} and {table.at('source')} are mutually exclusive",
                        why=f"the versions of {name} come from there",
                        do="Keep one of the two",
                    )
            table.only(_SOURCE_KEYS)
            version_source = kind_of(table, self.version_sources)
            check_references(table, target_keys=("last",))
        elif source is not None:
            for key in ("versions", "aliases"):
                if key in table:
                    raise ConfigError(
                        f"{table.at(key)} and {table.at('aws')} are mutually exclusive",
                        why=f"the {key} of {name} come from AWS",
                        do="Keep one of the two",
                    )
            table.only(PUBLISHED_KEYS)
            check_references(table, target_keys=TARGET_KEYS)
        else:
            # Before anything that is missing: a misspelt key says why it is.
            table.only(DECLARED_KEYS)
            if not table.table("versions").values:
                declare(table, name, self.versions)
            check_references(table, target_keys=("last",))
        events = events_of(
            table,
            self.versions.base,
            usual=USUAL_EVENTS.replace("{function}", name)
            if source is not None or not self.events_required
            else None,
            must_exist=self.events_required,
        )
        read = self._read(table, name, source, events)
        return replace(read, version_source=version_source)

    def discovered(self, entry: Table, name: str, source: AwsSource) -> FunctionTable:
        """The table of a ``discover`` entry, for one function that it found.

        Raises ConfigError.
        """
        pattern = entry.string("events", USUAL_EVENTS)
        text = pattern.replace("{function}", name)
        table = Table(file=entry.file, key=entry.key, values={"events": text})
        events = events_of(table, self.versions.base, usual=None, must_exist=False)
        return self._read(entry, name, source, events)

    def _read(
        self, table: Table, name: str, source: AwsSource | None, events: Events
    ) -> FunctionTable:
        # Read once more where a template may add to it.
        services_of(table, base=self.versions.base, templates=None, build=None)
        return FunctionTable(
            name=name,
            table=table,
            source=source,
            version_source=None,
            strategies=strategies(table, "strategies"),
            cold_budget_s=cold_budget_of(table),
            response=response_of(table, self.versions.base),
            invoked_by=invoked_by_of(table),
            requires=requires_of(table),
            environment=overrides_of(table) if source is not None else (),
            events=events,
        )


def strategies(table: Table, name: str) -> tuple[Strategy, ...] | None:
    """The strategies that a table names, where it names any."""
    if name not in table:
        return None
    words = table.strings(name)
    if not words:
        raise table.wrong(name, f"one or more of {', '.join(Strategy)}")
    for word in words:
        if word not in tuple(Strategy):
            near = nearest(word, tuple(Strategy))
            raise ConfigError(
                f'{table.at(name)} names "{word}", expected {" or ".join(Strategy)}',
                do=f'Did you mean "{near}"?' if near else "",
            )
    return tuple(dict.fromkeys(Strategy(word) for word in words))


def check_references(table: Table, *, target_keys: Collection[str]) -> None:
    """Check the form of ``current``, ``targets`` and ``accept``, and resolve nothing.

    ``target_keys`` are the conditions that targets may be chosen by.
    """
    _check_current(table)
    _check_targets(table, target_keys)
    for accept in table.tables("accept", do=ACCEPT_FORM.format(table.key[-1])):
        acceptance_of(accept, label=reference(accept, "target"))


def _check_current(table: Table) -> None:
    if isinstance(table.values.get("current"), dict):
        table.table("current").only(("path", *(key for key in VERSION_KEYS if key != "code")))
    elif "current" in table:
        reference(table, "current")


def _check_targets(table: Table, known: Collection[str]) -> None:
    value = table.values.get("targets", {})
    if isinstance(value, list):
        for index, item in enumerate(value):
            name = f"targets[{index}]"
            reference(Table(file=table.file, key=table.key, values={name: item}), name)
        return
    if not isinstance(value, dict):
        raise table.wrong("targets", 'an array of versions, as in ["3", "2"], or { last = 3 }')
    said = Table(file=table.file, key=(*table.key, "targets"), values=value)
    said.only(known)
    for name in ("last", "max_age_days"):
        said.integer(name, 1, low=1)
    if "previous" in said:
        reference(said, "previous")
