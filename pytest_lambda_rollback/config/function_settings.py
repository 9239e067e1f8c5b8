"""A function's settings: its table, the command line and what AWS has of it, joined.

All that the file says is read before AWS is asked, so that a mistake costs no request. A function
that AWS cannot tell about keeps a ``reason`` and is ``unknown``; it stops no other one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pytest_lambda_rollback.aws_lambda.names import FUNCTION_NAME, function_name_of
from pytest_lambda_rollback.aws_lambda.names import region_of as region_of_arn
from pytest_lambda_rollback.config.aws_tables import (
    AwsDefaults,
    PublishedFunctions,
    defaults_of,
    discovery_of,
    overrides_of,
    source_of,
)
from pytest_lambda_rollback.config.function_keys import (
    DECLARED_KEYS,
    FUNCTION_KEYS,
    Declared,
    Events,
    acceptances,
    account_of,
    check_name,
    declare,
    events_of,
    newest,
    reference,
    refuse_event_names,
    region_of,
    requires_of,
    targets_of,
)
from pytest_lambda_rollback.config.function_tables import check_references
from pytest_lambda_rollback.config.paths import absolute, located, package
from pytest_lambda_rollback.config.resolution import (
    TARGET_KEYS,
    declared_of,
    default_current,
    origin_of,
    targets_said,
    why_no_targets,
)
from pytest_lambda_rollback.config.response_tables import response_of
from pytest_lambda_rollback.config.toml_table import Table, dotted
from pytest_lambda_rollback.config.version_sources import VersionSource, kind_of, versions_of
from pytest_lambda_rollback.config.version_tables import VERSION_KEYS, VersionReader
from pytest_lambda_rollback.errors import ConfigError, RollbackError, SourceError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.published import AwsSource, PublishedVersion
from pytest_lambda_rollback.model.settings import (
    Accept,
    FunctionSettings,
    LocalVersion,
    ResponseRule,
    Store,
    Strategy,
)
from pytest_lambda_rollback.model.text import listed, nearest
from pytest_lambda_rollback.model.versions import DEFAULT_ACCOUNT, DEFAULT_REGION, TargetRef

T = TypeVar("T")

_EXAMPLE = "Declare one, as in [functions.orders]"
_PUBLISHED_KEYS = (*FUNCTION_KEYS, "aws", "environment")
_SOURCE_KEYS = (*FUNCTION_KEYS, "source", "region", "account")
_DISCOVER_KEYS = tuple(key for key in _PUBLISHED_KEYS if key != "accept")
_TEMPLATES = frozenset({".yaml", ".yml", ".json", ".template"})


def settled(*said: T | None, default: T) -> T:
    """The rule of precedence: what was said first in the order command line, function, file.

    All places are read before this is asked, so that a mistake shows even where it is overruled.
    """
    return next((value for value in said if value is not None), default)


def count(table: Table, name: str) -> int | None:
    """A whole number from 1 up, where the table says one."""
    return table.integer(name, 1, low=1) if name in table else None


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
                do=f'Write "{near}" if that is what you mean' if near else "",
            )
    return tuple(dict.fromkeys(Strategy(word) for word in words))


def candidate_of(text: str) -> tuple[str | None, str]:
    """The function, where one is said, and the path of ``[FUNCTION=]PATH``."""
    function, equals, path = text.partition("=")
    if equals and FUNCTION_NAME.fullmatch(function):
        return function, path
    return None, text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Current:
    """The version that holds the contracts."""

    version: LocalVersion | PublishedVersion
    inherited: tuple[str, ...] = ()
    alias: str | None = None
    """The alias that it was named by, if it was."""
    found_by: str | None = None
    """How it was found where the file does not name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A function's table without its versions: read once, before AWS is asked."""

    name: str
    table: Table
    source: AwsSource | None
    version_source: str | None
    strategies: tuple[Strategy, ...] | None
    response: ResponseRule
    requires: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    events: Events


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
    """False where ``events`` may be missing, or its folder."""

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
        said = [self._said(tables.table(name), name, defaults) for name in tables.values]
        declared = {
            each.name: declare(each.table, each.name, self.reader)
            for each in said
            if each.source is None and each.version_source is None
        }
        discovered, failed = self._discovered(entries, defaults, said)
        said += discovered
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
        candidates = self._candidates([each.name for each in said])
        return (
            *(self._function(each, declared, candidates.get(each.name), reasons) for each in said),
            *failed,
        )

    def _from_source(self, said: _Said) -> Declared:
        """What a plugin's version source says, or why it says nothing. Raises ConfigError."""
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

    def _published(self) -> PublishedFunctions:
        if self.published is None:
            raise ConfigError(
                f"{self.root.file} names functions in AWS", why="AWS cannot be asked from here"
            )
        return self.published

    # --- what the file says ------------------------------------------------------------------

    def _said(self, table: Table, name: str, defaults: AwsDefaults) -> _Said:
        check_name(table, name)
        source = source_of(table, defaults)
        version_source = None
        if "source" in table:
            for key in ("aws", "versions", "aliases"):
                if key in table:
                    raise ConfigError(
                        f"{table.at(key)} and {table.at('source')} exclude each other",
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
                        f"{table.at(key)} and {table.at('aws')} exclude each other",
                        why=f"the {key} of {name} come from AWS",
                        do="Keep one of the two",
                    )
            table.only(_PUBLISHED_KEYS)
            check_references(table, target_keys=TARGET_KEYS)
        else:
            # Before anything that is missing: a misspelt key says why it is.
            table.only(DECLARED_KEYS)
            if not table.table("versions").values:
                declare(table, name, self.reader)
            check_references(table, target_keys=("last",))
        events = events_of(
            table,
            self.reader.base,
            usual=f"events/{name}" if source is not None or not self.events_required else None,
            must_exist=self.events_required,
        )
        return replace(
            self._with_events(table, name, source, events), version_source=version_source
        )

    def _with_events(
        self, table: Table, name: str, source: AwsSource | None, events: Events
    ) -> _Said:
        return _Said(
            name=name,
            table=table,
            source=source,
            version_source=None,
            strategies=strategies(table, "strategies"),
            response=response_of(table, self.reader.base),
            requires=requires_of(table),
            environment=overrides_of(table) if source is not None else (),
            events=events,
        )

    def _discovered(
        self, entries: Table, defaults: AwsDefaults, said: list[_Said]
    ) -> tuple[list[_Said], list[FunctionSettings]]:
        """The functions of all ``discover`` entries that the file does not declare itself."""
        taken = {each.name for each in said}
        in_aws = {each.name for each in said if each.source is not None}
        sources = [each.source for each in said if each.source is not None]
        found: list[_Said] = []
        failed: list[FunctionSettings] = []
        read = []
        for name in entries.values:
            entry = entries.table(name)
            entry.only(_DISCOVER_KEYS)
            check_references(entry, target_keys=TARGET_KEYS)
            strategies(entry, "strategies")
            pattern = entry.string("events", "events/{function}")
            read.append((entry, discovery_of(entry, name, defaults), pattern))
        for entry, discovery, pattern in read:
            name = discovery.name
            try:
                functions = self._published().discover(discovery, self.store)
            except SourceError as error:
                failed.append(FunctionSettings(name=name, current=None, reason=str(error)))
                continue
            if not functions:
                reason = f"{entry.at()} found no function. Correct its conditions or its region"
                failed.append(FunctionSettings(name=name, current=None, reason=reason))
            new = [(f, s) for f, s in functions if not any(_is_one(s, each) for each in sources)]
            # One that is declared in folders is meant by its name, whatever AWS has.
            if homonyms := [function for function, _ in new if function in in_aws]:
                reason = (
                    f"{entry.at()} found {listed(homonyms)}, and another function has that name "
                    "here. Give the other one another name, as in functions.NAME.aws"
                )
                failed.append(FunctionSettings(name=name, current=None, reason=reason))
            for function, source in new:
                if function in taken:
                    continue
                taken.add(function)
                in_aws.add(function)
                sources.append(source)
                table = Table(
                    file=entry.file,
                    key=entry.key,
                    values={"events": pattern.replace("{function}", function)},
                )
                events = events_of(table, self.reader.base, usual=None, must_exist=False)
                found.append(self._with_events(entry, function, source, events))
        return found, failed

    # --- candidates --------------------------------------------------------------------------

    def _candidates(self, names: list[str]) -> dict[str, Path]:
        """The candidate builds for functions of this file, by function."""
        base = absolute(self.directory, Path.cwd())
        option = "--lambda-rollback-candidate"
        found: dict[str, Path] = {}
        for text in self.candidates:
            function, path = candidate_of(text)
            if function is None and len(names) > 1:
                raise ConfigError(
                    f"{option} {path} does not say which function it is a build of",
                    why=f"{self.root.file} has {listed(names)}",
                    do=f"Write FUNCTION={path}, as in {option} {names[0]}={path}",
                )
            function = function or names[0]
            if function not in names:
                continue
            if function in found:
                raise ConfigError(f"{option} is given twice for {function}", do="Give it once")
            if not path.strip():
                raise ConfigError(f'{option} is "{text}", expected [FUNCTION=]PATH')
            found[function] = self._build_path(path, base=base, where=option)
        return found

    def _build_path(self, text: str, *, base: Path, where: str) -> Path:
        """The build that exists there; ``#NAME`` after it names the function in it."""
        build, mark, name = text.partition("#")
        if mark and not absolute(text, base).exists():
            path = located(build, base=base, where=where)
            return Path(f"{path}#{name}")  # CDK's names have slashes in them
        if Path(text).suffix.lower() in _TEMPLATES:
            return located(text, base=base, where=where)
        return package(text, base=base, where=where)

    def _build(self, path: Path, said: _Said, declared: Declared) -> Build:
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
        said: _Said,
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
            requires=said.requires,
            environment=said.environment,
            strategies=settled(
                strategies(self.options, "strategy"),
                said.strategies,
                strategies(self.root, "strategies"),
                default=tuple(Strategy),
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
        said: _Said,
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
        )

    def _why_none(self, declared: Declared, table: Table) -> str:
        """The reason for no target, where it is not that there is no older version."""
        if table.values.get("targets") != []:
            return why_no_targets(declared, table)
        key = dotted((*table.key, "targets"))
        return (
            f"{declared.name} has no rollback target: {key} is empty. Name there the versions that "
            "traffic may be sent back to, or leave it out for the newest 3"
        )

    def _current(self, said: _Said, declared: Declared, candidate: Path | None) -> _Current:
        """The version that holds the contracts.

        What a candidate does not say is taken over from another version.
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
            path = path or self._build_path(text, base=self.reader.base, where=own.at("path"))
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
                inherited = (*inherited, f"known at deployment only: {listed(build.computed)}")
            if build.unbuilt:
                inherited = (*inherited, build.unbuilt)
            return _Current(version=candidate_version, inherited=inherited, alias=alias)
        if named is not None:
            return _Current(version=named, alias=alias, found_by=found_by)
        raise ConfigError(
            f"{table.at('current')} is missing",
            why="it says which version holds the contracts now",
            do='Write current = "4", an alias, "$LATEST" or { path = "build" }, '
            f"or give --lambda-rollback-candidate {declared.name}=PATH",
        )


def _is_one(one: AwsSource, other: AwsSource) -> bool:
    """True where both are one function in AWS, as far as the configuration tells."""

    def name_and_region(source: AwsSource) -> tuple[str, str | None]:
        return function_name_of(source.function_name), (
            region_of_arn(source.function_name) or source.region
        )

    (name, region), (other_name, other_region) = name_and_region(one), name_and_region(other)
    near = region is None or other_region is None or region == other_region
    account = (one.profile, one.role_arn) == (other.profile, other.role_arn)
    return name == other_name and near and account


def _origin(declared: Declared, said: _Said) -> LocalVersion | None:
    """The version that a candidate build takes over from."""
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
    """False where the command line leaves out the one strategy that a break is accepted for.

    Only ``alias`` applies to another function, whatever the command line says.
    """
    return said is None or accept.strategy in (None, *said) or target.function != function
