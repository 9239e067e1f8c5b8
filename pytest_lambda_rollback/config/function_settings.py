"""A function's settings: its table, the command line and what AWS has of it, joined.

All that the file says is read before AWS is asked, so that a mistake costs no request. A function
that AWS cannot describe keeps a ``reason`` and is ``unknown``; it stops no other one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pytest_lambda_rollback.config.aws_tables import (
    PublishedFunctions,
    defaults_of,
)
from pytest_lambda_rollback.config.candidates import OPTION, build_path, candidate_paths
from pytest_lambda_rollback.config.discovery import discovered
from pytest_lambda_rollback.config.function_keys import (
    Declared,
    acceptances,
    account_of,
    cold_budget_of,
    declare,
    newest,
    reference,
    refuse_event_names,
    region_of,
    targets_of,
)
from pytest_lambda_rollback.config.function_tables import FunctionTable, TableReader, strategies
from pytest_lambda_rollback.config.resolution import (
    declared_of,
    default_current,
    origin_of,
    targets_said,
    why_no_targets,
)
from pytest_lambda_rollback.config.service_tables import services_of
from pytest_lambda_rollback.config.toml_table import Table, dotted
from pytest_lambda_rollback.config.version_sources import VersionSource, versions_of
from pytest_lambda_rollback.config.version_tables import VERSION_KEYS, VersionReader
from pytest_lambda_rollback.errors import ConfigError, RollbackError, SourceError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.published import AwsSource, Discovery, PublishedVersion
from pytest_lambda_rollback.model.settings import (
    COLD_BUDGET_S,
    Accept,
    FunctionSettings,
    LocalVersion,
    Store,
    Strategy,
)
from pytest_lambda_rollback.model.text import listed
from pytest_lambda_rollback.model.versions import DEFAULT_ACCOUNT, DEFAULT_REGION, TargetRef

T = TypeVar("T")

_EXAMPLE = "Declare one, as in [functions.orders]"


def settled(*said: T | None, default: T) -> T:
    """The rule of precedence: the first value in the order command line, function, file.

    All places are read before this is asked, so that a mistake shows even if it is overruled.
    """
    return next((value for value in said if value is not None), default)


def count(table: Table, name: str) -> int | None:
    """A whole number from 1 up, if the table states one."""
    return table.integer(name, 1, low=1) if name in table else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Current:
    """The version that holds the contracts."""

    version: LocalVersion | PublishedVersion
    inherited: tuple[str, ...] = ()
    alias: str | None = None
    """The alias that it was named by, if it was."""
    found_by: str | None = None
    """How it was found where the file does not name it."""
    build: Build | None = None
    """The candidate build that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionReader:
    """Reads all functions of one file."""

    root: Table
    options: Table
    reader: VersionReader
    store: Store
    published: PublishedFunctions | None
    candidates: tuple[str, ...]
    directory: Path
    """Candidate paths are relative to it."""
    now: datetime
    version_sources: Mapping[str, VersionSource]
    contracts: Collection[str]
    offline: bool
    events_required: bool = True
    """False if ``events`` may be missing, or its folder."""

    def functions(self) -> tuple[FunctionSettings, ...]:
        """Every function that the file declares or finds, in its order. Raises ConfigError."""
        tables, entries = self.root.table("functions"), self.root.table("discover")
        if "discover" not in self.root:
            self.root.table("functions", required=True, do=_EXAMPLE)
        if not tables.values and not entries.values:
            raise ConfigError(f"{tables.at()} is empty", do=_EXAMPLE)
        defaults = defaults_of(self.root)
        # What the file says is read first, whether or not it is needed below.
        strategies(self.root, "strategies")
        account_of(self.root)
        cold_budget_of(self.root)
        reader = TableReader(
            versions=self.reader,
            version_sources=self.version_sources,
            events_required=self.events_required,
        )
        said = [reader.table(tables.table(name), name, defaults) for name in tables.values]
        declared = {
            each.name: declare(each.table, each.name, self.reader)
            for each in said
            if each.source is None and each.version_source is None
        }
        more, failed = discovered(entries, defaults, said, reader=reader, find=self._discover)
        said += more
        asked = [(each.name, each.source) for each in said if each.source is not None]
        answers: Mapping[str, object] = {}
        if asked:
            answers = self._published().read(asked, self.store)
        reasons: dict[str, str] = {}
        for each in said:
            if each.version_source is not None:
                declared[each.name] = found = self._from_source(each)
                if found.reason is not None:
                    reasons[each.name] = found.reason
            answer = answers.get(each.name)
            if isinstance(answer, RollbackError):
                reasons[each.name] = str(answer)
                declared[each.name] = Declared(
                    name=each.name, table=each.table, versions=(), aliases=(), reason=str(answer)
                )
            elif answer is not None:
                declared[each.name] = declared_of(each.name, each.table, answer)  # type: ignore[arg-type]
        candidates = candidate_paths(
            self.candidates,
            [each.name for each in said],
            file=self.root.file,
            directory=self.directory,
        )
        return (
            *(self._function(each, declared, candidates.get(each.name), reasons) for each in said),
            *failed,
        )

    def _from_source(self, said: FunctionTable) -> Declared:
        """A plugin's versions, or the reason why it has none. Raises ConfigError."""
        try:
            table = versions_of(
                said.table,
                said.name,
                self.version_sources,
                folder=self.reader.base,
                offline=self.offline,
            )
        except SourceError as error:
            return Declared(
                name=said.name, table=said.table, versions=(), aliases=(), reason=str(error)
            )
        return declare(table, said.name, self.reader)

    def _discover(self, discovery: Discovery) -> Sequence[tuple[str, AwsSource]]:
        return self._published().discover(discovery, self.store)

    def _published(self) -> PublishedFunctions:
        if self.published is None:
            raise ConfigError(
                f"{self.root.file} names functions in AWS", why="AWS cannot be queried from here"
            )
        return self.published

    def _build(self, path: Path, said: FunctionTable, declared: Declared) -> Build:
        if self.published is None:
            return Build(path=path)
        known = declared.published
        return self.published.build(
            path,
            function=said.name,
            aws_name=said.source.function_name if said.source is not None else None,
            region=known.region if known is not None else None,
            account=known.account if known is not None else None,
        )

    # --- one function ------------------------------------------------------------------------

    def _function(
        self,
        said: FunctionTable,
        all_declared: dict[str, Declared],
        candidate: Path | None,
        reasons: dict[str, str],
    ) -> FunctionSettings:
        """A function's settings, its references resolved among all functions of the file."""
        settings = FunctionSettings(
            name=said.name,
            current=None,
            source=said.source,
            version_source=said.version_source,
            events=said.events.files,
            events_root=said.events.root,
            events_text=said.events.text,
            response=said.response,
            invoked_by=said.invoked_by,
            requires=said.requires,
            environment=said.environment,
            strategies=settled(
                strategies(self.options, "strategy"),
                said.strategies,
                strategies(self.root, "strategies"),
                default=tuple(Strategy),
            ),
            cold_budget_s=settled(
                said.cold_budget_s,
                cold_budget_of(self.root),
                default=COLD_BUDGET_S,
            ),
            region=region_of(self.root) or DEFAULT_REGION,
            account=account_of(self.root) or DEFAULT_ACCOUNT,
            reason=reasons.get(said.name),
        )
        if said.source is None:
            settings = replace(
                settings,
                region=settled(region_of(said.table), default=settings.region),
                account=settled(account_of(said.table), default=settings.account),
            )
        declared = all_declared.get(said.name)
        if declared is not None and settings.reason is None:
            # Also where its own checks cannot be planned, its versions may be targets of others.
            published = declared.published
            settings = replace(
                settings,
                versions=declared.versions,
                aliases=declared.aliases,
                published=published,
                region=published.region if published is not None else settings.region,
                account=published.account if published is not None else settings.account,
            )
            try:
                settings = self._resolved(settings, said, declared, all_declared, candidate)
            except SourceError as error:
                settings = replace(settings, reason=str(error))
        refuse_event_names(settings, said.table.at("events"), self.contracts)
        return settings

    def _resolved(
        self,
        settings: FunctionSettings,
        said: FunctionTable,
        declared: Declared,
        all_declared: dict[str, Declared],
        candidate: Path | None,
    ) -> FunctionSettings:
        others = tuple(all_declared.values())
        found = self._current(said, declared, candidate)
        current = found.version
        in_file = None
        if declared.published is not None:
            in_file = targets_said(declared, said.table, current.version, self.now)
        if in_file is None:
            in_file = targets_of(declared, others, current)
        last = count(self.options, "last")
        targets = newest(declared, current, last) if last else in_file
        accepted = acceptances(declared, others, None if last or candidate else in_file)
        by = strategies(self.options, "strategy")
        return replace(
            settings,
            current=current,
            targets=targets,
            no_targets="" if targets or last else self._why_none(declared, said.table),
            accept=tuple(
                accept
                for target, accept in accepted
                if target in targets and _is_run(accept, target, declared.name, by)
            ),
            current_from=found.found_by,
            inherited=found.inherited,
            alias=found.alias,
            services=services_of(
                said.table,
                base=self.reader.base,
                templates=self.published.stateful if self.published is not None else None,
                build=found.build,
            ),
        )

    def _why_none(self, declared: Declared, table: Table) -> str:
        """The reason for no target, other than having no older version."""
        if table.values.get("targets") != []:
            return why_no_targets(declared, table)
        key = dotted((*table.key, "targets"))
        return (
            f"{declared.name} has no rollback target: {key} is empty. List the versions that "
            "traffic "
            "may go back to, or omit it for the newest 3"
        )

    def _current(self, said: FunctionTable, declared: Declared, candidate: Path | None) -> _Current:
        """The version that holds the contracts.

        Settings that a candidate does not state are inherited from another version.
        """
        table = declared.table
        named: LocalVersion | PublishedVersion | None = None
        own = Table(file=table.file, key=table.key, values={})
        path, alias = candidate, None
        found_by: str | None = None
        if isinstance(table.values.get("current"), dict):
            own = table.table("current")
            own.only(("path", *(key for key in VERSION_KEYS if key != "code")))
            text = own.string("path", do='Name the build, as in { path = "build/orders" }')
            path = path or build_path(text, base=self.reader.base, where=own.at("path"))
        elif "current" in table:
            text = reference(table, "current")
            named = declared.resolved(text, table.at("current"))
            alias = text if text in dict(declared.aliases) else None
        elif declared.published is not None and path is None:
            text, found_by = default_current(declared.published)
            named = declared.resolved(text, table.at("current"))
            alias = text if text in dict(declared.aliases) else None
        if path is not None:
            build = self._build(path, said, declared)
            candidate_version, inherited = self.reader.candidate(
                own, build=build, origin=_origin(declared, said)
            )
            if build.origin:
                inherited = (f"settings from {build.origin}", *inherited)
            if build.computed:
                inherited = (*inherited, f"known only at deployment: {listed(build.computed)}")
            if build.unbuilt:
                inherited = (*inherited, build.unbuilt)
            return _Current(
                version=candidate_version, inherited=inherited, alias=alias, build=build
            )
        if named is not None:
            return _Current(version=named, alias=alias, found_by=found_by)
        raise ConfigError(
            f"{table.at('current')} is missing",
            why="it names the version that callers use now",
            do='Write current = "4", an alias, "$LATEST" or { path = "build" }, '
            f"or give {OPTION} {declared.name}=PATH",
        )


def _origin(declared: Declared, said: FunctionTable) -> LocalVersion | None:
    """The version that a candidate build inherits from."""
    if declared.published is not None:
        return origin_of(declared.published, said.environment)
    local = [each for each in _locals(declared) if each.version == "$LATEST"]
    numbered = [each for each in declared.numbered() if isinstance(each, LocalVersion)]
    return next(iter((*local, *numbered)), None)


def _locals(declared: Declared) -> Iterator[LocalVersion]:
    return (each for each in declared.versions if isinstance(each, LocalVersion))


def _is_run(
    accept: Accept, target: TargetRef, function: str, said: tuple[Strategy, ...] | None
) -> bool:
    """False if the command line leaves out the one strategy that a break is accepted for.

    Only ``alias`` applies to another function, whatever the command line says.
    """
    return said is None or accept.strategy in (None, *said) or target.function != function
