"""The keys of a function's table, and the versions that its references name.

A reference is a version, an alias, or ``other-function:version``, and is resolved among the
functions of one file. It reads only the file: precedence over the command
line, and the current version, are decided in `function_settings`. Raises ConfigError; SourceError
for a reference to what AWS does not have, which is not a mistake of the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from pytest_lambda_rollback.aws_lambda.event_sources.interface import INVOKERS
from pytest_lambda_rollback.aws_lambda.names import ACCOUNT, ALIAS, FUNCTION_NAME, REGION
from pytest_lambda_rollback.config.paths import event_files
from pytest_lambda_rollback.config.toml_table import Table
from pytest_lambda_rollback.config.version_tables import VersionReader
from pytest_lambda_rollback.errors import ConfigError, RollbackError, SourceError
from pytest_lambda_rollback.model.findings import Contract
from pytest_lambda_rollback.model.published import PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.settings import Accept, FunctionSettings, LocalVersion, Strategy
from pytest_lambda_rollback.model.text import listed, nearest
from pytest_lambda_rollback.model.versions import TargetRef

FUNCTION_KEYS = (
    "current",
    "targets",
    "events",
    "requires",
    "response",
    "invoked_by",
    "cold_budget_s",
    "strategies",
    "accept",
    "services",
)
LOCAL_KEYS = ("aliases", "versions", "region", "account")
"""Keys of functions whose versions are declared in the file."""
DECLARED_KEYS = (*FUNCTION_KEYS, *LOCAL_KEYS, "aws", "source")
"""Keys of a table with neither ``aws`` nor ``source``, which are listed to find misspellings."""
_VERSION_NAME = re.compile(r"\$LATEST|(?!0\d*$)[A-Za-z0-9_-][A-Za-z0-9_.-]*")
ACCEPT_FORM = "Write each as [[functions.{}.accept]]"
_LAST = 3
_CHECK_NAMES = frozenset(str(each) for each in Contract if each.has_own_check)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The versions and aliases that a function's table declares."""

    name: str
    table: Table
    versions: tuple[LocalVersion | PublishedVersion, ...]
    aliases: tuple[tuple[str, str], ...]
    published: PublishedFunction | None = None
    """The function in AWS, where its versions come from there."""
    reason: str | None = None
    """Why nothing is known of the function in AWS."""

    def wrong(self, what: str, *, why: str = "", do: str = "") -> RollbackError:
        """The error for a reference that does not fit: the file's mistake, or AWS has changed."""
        kind = ConfigError if self.published is None else SourceError
        return kind(what, why=why, do=do)

    def version(self, reference: str) -> LocalVersion | PublishedVersion | None:
        """The version that a version's name or an alias names."""
        name = dict(self.aliases).get(reference, reference)
        return next((version for version in self.versions if version.version == name), None)

    def resolved(self, reference: str, where: str) -> LocalVersion | PublishedVersion:
        """The same, or an error that lists the known names."""
        found = self.version(reference)
        if found is not None:
            return found
        if self.reason is not None:
            raise SourceError(
                f'{where} names "{reference}" of {self.name}', why=self.reason.rstrip(".")
            )
        names = [version.version for version in self.versions]
        aliases = [alias for alias, _ in self.aliases]
        near = nearest(reference, names + aliases)
        guess = f'Did you mean "{near}"? ' if near else ""
        known = "Declared versions" if self.published is None else "Versions in AWS and the archive"
        raise self.wrong(
            f'{where} names "{reference}", which is not a version or alias of {self.name}',
            do=f"{guess}{known} are {listed(names)}"
            + (f"; aliases are {listed(aliases)}" if aliases else ""),
        )

    def numbered(self) -> tuple[LocalVersion | PublishedVersion, ...]:
        """The versions with a published version's number, newest first."""
        found = [version for version in self.versions if version.version.isdecimal()]
        return tuple(sorted(found, key=lambda version: int(version.version), reverse=True))


def check_name(table: Table, name: str) -> None:
    """Refuse a function's name that Lambda would refuse."""
    if not FUNCTION_NAME.fullmatch(name):
        raise ConfigError(
            f"{table.at()} is not a valid function name",
            why="AWS Lambda allows 1 to 64 letters, digits, - and _",
            do="Use the name that the function has in AWS",
        )


def declare(table: Table, name: str, reader: VersionReader) -> Declared:
    """A function's own versions and aliases."""
    table.only(DECLARED_KEYS)
    versions = table.table("versions")
    if not versions.values:
        what = f"{versions.at()} is empty"
        if "versions" not in table:
            what = f"{table.at()} sets neither aws nor versions"
        raise ConfigError(
            what,
            do=f'For a function in AWS one line is enough: aws = "{name}". For folders and zips '
            f"declare each published version, as in [functions.{name}.versions.3]",
        )
    for version in versions.values:
        if version == "candidate" or not _VERSION_NAME.fullmatch(version):
            raise ConfigError(
                f"{versions.at(version)} is not a valid name for a version",
                why="expected the published version's number, $LATEST, or a word other than "
                "candidate",
                do="Rename it",
            )
    read_versions = tuple(reader.version(versions.table(v), v) for v in versions.values)
    aliases = table.table("aliases")
    for alias in aliases.values:
        if not ALIAS.fullmatch(alias) or alias in versions:
            raise ConfigError(
                f"{aliases.at(alias)} is not a valid name for an alias",
                why="AWS Lambda allows letters, digits, - and _ but not a plain number, "
                "and the name must not be a version's too",
                do="Rename it",
            )
    plain = Declared(name=name, table=table, versions=read_versions, aliases=())
    pairs = tuple(
        (alias, plain.resolved(reference(aliases, alias), aliases.at(alias)).version)
        for alias in aliases.values
    )
    return Declared(name=name, table=table, versions=read_versions, aliases=pairs)


def reference(table: Table, name: str) -> str:
    """A version or alias; a whole number is taken for the version of that number."""
    value = table.values.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) and value is not None:
        raise table.wrong(name, 'a version or alias, as in "4" or "live"')
    return table.string(name)


def targets_of(
    declared: Declared,
    all_declared: tuple[Declared, ...],
    current: LocalVersion | PublishedVersion,
) -> tuple[TargetRef, ...]:
    """The targets that the file says, or the newest ones before the current version."""
    table = declared.table
    value = table.values.get("targets", {"last": _LAST})
    if isinstance(value, dict):
        said = Table(file=table.file, key=(*table.key, "targets"), values=value)
        said.only(("last",))
        return newest(declared, current, said.integer("last", _LAST, low=1))
    if not isinstance(value, list):
        raise table.wrong("targets", 'an array of versions, as in ["3", "2"], or { last = 3 }')
    found: list[TargetRef] = []
    for index, item in enumerate(value):
        name = f"targets[{index}]"
        each = Table(file=table.file, key=table.key, values={name: item})
        target = target_of(reference(each, name), declared, all_declared, each.at(name))
        if target == TargetRef(function=declared.name, version=current.version):
            raise declared.wrong(
                f"{each.at(name)} is {target.version}, the current version itself",
                why="a rollback goes from the current version to another one",
                do="Remove it from the targets",
            )
        if target in found:
            raise declared.wrong(
                f"{each.at(name)} is {target.label(declared.name)}, which is already listed",
                do="Remove one of the two",
            )
        found.append(target)
    return tuple(found)


def newest(
    declared: Declared, current: LocalVersion | PublishedVersion, last: int
) -> tuple[TargetRef, ...]:
    """The newest published versions before the current one; before all, for an unpublished one."""
    older = [
        version.version
        for version in declared.numbered()
        if not current.version.isdecimal() or int(version.version) < int(current.version)
    ]
    return tuple(TargetRef(function=declared.name, version=version) for version in older[:last])


def target_of(
    text: str, declared: Declared, all_declared: tuple[Declared, ...], where: str
) -> TargetRef:
    """``3``, ``live``, or ``other-function:3``."""
    name, colon, rest = text.rpartition(":")
    function = declared
    if colon:
        known = {other.name: other for other in all_declared}
        if name not in known:
            near = nearest(name, known)
            guess = f'Did you mean "{near}"? ' if near else ""
            raise ConfigError(
                f'{where} names the function "{name}", which the file does not declare',
                do=f"{guess}Declared functions are {listed(known)}",
            )
        function = known[name]
    version = function.resolved(rest, where)
    return TargetRef(function=function.name, version=version.version)


def acceptances(
    declared: Declared,
    all_declared: tuple[Declared, ...],
    targets: tuple[TargetRef, ...] | None,
) -> tuple[tuple[TargetRef, Accept], ...]:
    """Accepted breaks, each with its target.

    Each must be of one of ``targets``, or, if that is ``None``, of any version.
    """
    found: list[tuple[TargetRef, Accept]] = []
    for table in declared.table.tables("accept", do=ACCEPT_FORM.format(declared.name)):
        target = target_of(reference(table, "target"), declared, all_declared, table.at("target"))
        label = target.label(declared.name)
        if targets is not None and target not in targets:
            names = [known.label(declared.name) for known in targets]
            raise declared.wrong(
                f"{table.at('target')} is {label}, which is not a rollback target",
                why=f"the targets of {declared.name} are {listed(names)}",
                do="Remove the acceptance, or add the version to targets",
            )
        found.append((target, acceptance_of(table, label=label)))
    return tuple(found)


def acceptance_of(table: Table, *, label: str) -> Accept:
    """One accepted break; ``label`` is what its target is called."""
    table.only(("target", "check", "reason", "until", "strategy"))
    strategy = table.choice("strategy", tuple(Strategy), "") if "strategy" in table else None
    example = 'Name the event or contract, as in check = "gift_card*"'
    return Accept(
        target=label,
        check=table.string("check", do=example),
        reason=table.string("reason", do="Say why this break is acceptable"),
        until=table.day("until"),
        strategy=Strategy(strategy) if strategy else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The event fixtures of one function."""

    files: tuple[Path, ...]
    root: Path
    """The folder that the names of fixtures are relative to; it may not exist yet."""
    text: str
    """The folders, files and globs as the configuration names them."""


def events_of(table: Table, base: Path, *, usual: str | None, must_exist: bool) -> Events:
    """The fixtures under ``events``. Raises ConfigError.

    ``usual`` is the folder where the key is missing, ``None`` for a key that is required.
    ``must_exist`` is false where a folder may be missing, as for ``record``, which creates it.
    """
    example = 'Name a folder or glob of *.json, as in events = "events"'
    if usual is not None and "events" not in table:
        patterns: tuple[str, ...] = (usual,)
        must_exist = False
    elif isinstance(table.values.get("events"), list):
        patterns = table.strings("events")
    else:
        patterns = (table.string("events", do=example),)
    files, root = event_files(patterns, base=base, where=table.at("events"), must_exist=must_exist)
    return Events(files=files, root=root, text=", ".join(patterns))


def refuse_event_names(settings: FunctionSettings, where: str, contracts: Collection[str]) -> None:
    """An event must not have a name that an id cannot hold, or that another check has."""
    taken = _CHECK_NAMES.union(contracts)
    for path in settings.events:
        name = settings.event_name(path)
        if name in taken or "::" in name or not name.isprintable():
            owner = "it has control characters"
            if name in taken:
                owner = "a contract's check has that name"
            elif "::" in name:
                owner = "ids are split at ::"
            raise ConfigError(
                f'{where} has an event that cannot be named "{name}"',
                why=owner,
                do=f"Rename {path}",
            )


def requires_of(table: Table) -> tuple[str, ...]:
    """The dependency contract: requirements as PEP 508 writes them."""
    requires = table.strings("requires")
    for index, text in enumerate(requires):
        try:
            Requirement(text)
        except InvalidRequirement as error:
            raise ConfigError(
                f'{table.at("requires")}[{index}] is "{text}", expected a requirement',
                why=str(error).splitlines()[0],
                do='Write it like "acme-shared>=2,<3"',
            ) from error
    return requires


def cold_budget_of(table: Table) -> float | None:
    """Seconds for the replays of one target in fresh environments, if the table states them."""
    if "cold_budget_s" not in table:
        return None
    value = table.values["cold_budget_s"]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e6:
        raise table.wrong("cold_budget_s", "a number of seconds above 0, as in 60")
    return float(value)


def invoked_by_of(table: Table) -> str | None:
    """Who reads the function's answers, if the table states it."""
    return table.choice("invoked_by", INVOKERS, "") if "invoked_by" in table else None


def region_of(table: Table) -> str | None:
    """The AWS region, if the table states one."""
    if "region" not in table:
        return None
    region = table.string("region")
    if not REGION.fullmatch(region):
        raise table.wrong("region", "the name of an AWS region, as in eu-west-1")
    return region


def account_of(table: Table) -> str | None:
    """The AWS account's 12 digits, if the table states them."""
    if "account" not in table:
        return None
    value = table.values["account"]
    if not isinstance(value, str) or not ACCOUNT.fullmatch(value):
        raise table.wrong("account", 'a string of 12 digits, as in "123456789012"')
    return value
