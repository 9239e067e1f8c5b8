"""Configuration files and the command line become frozen settings; precedence is decided here.

The format is a contract with users: `lambda-rollback.toml`, or the table
`[tool.lambda-rollback]` of a pyproject.toml. Everything that can be known without running
anything is checked here, so that a mistake costs seconds and not the time of a build. This room
reads the one file and asks which paths exist; it opens no package and no event, and knows no
engine, no AWS and no pytest. Raises ConfigError and nothing else.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from packaging.requirements import InvalidRequirement, Requirement

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model import (
    Accept,
    FunctionSettings,
    LocalVersion,
    ResponseRule,
    Settings,
    Strategy,
    TargetRef,
)
from pytest_lambda_rollback.paths import absolute, event_files, package
from pytest_lambda_rollback.tables import Table, listed, nearest, read
from pytest_lambda_rollback.versions import VERSION_KEYS, VersionReader

FILE_NAME = "lambda-rollback.toml"
ENGINES = ("auto", "docker", "process")

_FILE_KEYS = (
    "engine",
    "strategies",
    "unknown",
    "workers",
    "base_images",
    "region",
    "account",
    "functions",
)
_FUNCTION_KEYS = (
    "current",
    "targets",
    "events",
    "requires",
    "response",
    "strategies",
    "aliases",
    "versions",
    "accept",
    "region",
    "account",
)
_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VERSION_NAME = re.compile(r"\$LATEST|(?!0)[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_ALIAS_NAME = re.compile(r"(?!\d+$)[A-Za-z0-9_-]{1,128}")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_LAST = 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """What the options said; ``None`` and empty stand for options that were not given."""

    engine: str | None = None
    strategies: tuple[str, ...] = ()
    last: int | None = None
    workers: int | None = None
    candidates: tuple[str, ...] = ()
    """``[FUNCTION=]PATH`` each."""
    base_images: tuple[str, ...] = ()
    """``RUNTIME=IMAGE`` each."""
    no_cache: bool = False
    invocation_dir: Path = Path()
    """What candidate paths are relative to, and what messages shorten file names by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declared:
    """What a function's table declares, before it is looked at from other functions."""

    name: str
    table: Table
    versions: tuple[LocalVersion, ...]
    aliases: tuple[tuple[str, str], ...]

    def version(self, reference: str) -> LocalVersion | None:
        """The version that a version's name or an alias stands for."""
        name = dict(self.aliases).get(reference, reference)
        return next((version for version in self.versions if version.version == name), None)

    def resolved(self, reference: str, where: str) -> LocalVersion:
        """The same, or a ConfigError that says what there is."""
        found = self.version(reference)
        if found is not None:
            return found
        names = [version.version for version in self.versions]
        aliases = [alias for alias, _ in self.aliases]
        near = nearest(reference, names + aliases)
        guess = f'Did you mean "{near}"? ' if near else ""
        known = f"Declared versions are {listed(names)}"
        raise ConfigError(
            f'{where} names "{reference}", which is no version or alias of {self.name}',
            do=f"{guess}{known}" + (f"; aliases are {listed(aliases)}" if aliases else ""),
        )

    def numbered(self) -> tuple[LocalVersion, ...]:
        """The versions with a published version's number, newest first."""
        found = [version for version in self.versions if version.version.isdecimal()]
        return tuple(sorted(found, key=lambda version: int(version.version), reverse=True))


def is_config(path: Path) -> bool:
    """True for a configuration file of ours, by its name and for a pyproject.toml by its table.

    A pyproject.toml that cannot be read is not ours.
    """
    if path.name == FILE_NAME:
        return path.is_file()
    if path.name != "pyproject.toml":
        return False
    try:
        content = path.read_bytes()
        if b"lambda-rollback" not in content:
            return False
        tool = tomllib.loads(content.decode("utf-8")).get("tool")
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(tool, dict) and "lambda-rollback" in tool


def load(path: Path, command_line: CommandLine, *, known_runtimes: frozenset[str]) -> Settings:
    """One configuration file joined with the command line.

    ``known_runtimes`` are the runtimes that have a base image of their own; those that the user
    names an image for are added here. Raises ConfigError; opens nothing but ``path``.
    """
    path = absolute(path, Path.cwd())
    root = _document(path, command_line)
    options = Table(file="--lambda-rollback", joint="-", values=_options(command_line))
    root.only(_FILE_KEYS)
    images = {**_base_images(root), **_base_image_options(command_line)}
    reader = VersionReader(base=path.parent, runtimes=known_runtimes | images.keys())
    tables = root.table("functions", required=True, do="Declare one, as in [functions.orders]")
    declared = tuple(_declared(tables.table(name), name, reader) for name in tables.values)
    if not declared:
        raise ConfigError(f"{tables.at()} is empty", do="Declare one, as in [functions.orders]")
    candidates = _candidates(declared, command_line, root.file)
    return Settings(
        path=path,
        functions=tuple(
            _function(function, declared, candidates.get(function.name), root, options, reader)
            for function in declared
        ),
        engine=settled(_engine(options), _engine(root), default="auto"),
        unknown=root.choice("unknown", ("fail", "skip"), "fail"),
        base_images=tuple(sorted(images.items())),
        workers=settled(_count(options, "workers"), _count(root, "workers"), default=2),
        use_cache=not command_line.no_cache,
    )


def settled(*said: T | None, default: T) -> T:
    """The rule of precedence: what was said first in the order command line, function, file.

    All places are read before this is asked, so that a mistake shows even where it is overruled.
    """
    return next((value for value in said if value is not None), default)


def check_candidates(command_line: CommandLine, loaded: Iterable[Settings]) -> None:
    """Refuse a candidate that no file, or more than one, takes. To be asked after all loads."""
    files = tuple(loaded)
    functions = {function.name for settings in files for function in settings.functions}
    for text in command_line.candidates:
        function, path = _candidate(text)
        if function is None and len(files) > 1:
            raise ConfigError(
                f"--lambda-rollback-candidate {path} does not say which function it is a build of",
                why=f"{len(files)} configuration files were collected",
                do=f"Write FUNCTION={path}; functions are {listed(sorted(functions))}",
            )
        if function is not None and function not in functions:
            near = nearest(function, functions)
            guess = f'Did you mean "{near}"? ' if near else ""
            raise ConfigError(
                f'--lambda-rollback-candidate names the function "{function}", '
                "which no collected configuration declares",
                do=f"{guess}Functions are {listed(sorted(functions))}",
            )


def artifact_paths(settings: Settings) -> frozenset[Path]:
    """Folders with published code, layers and events, in which no test file is the user's own.

    Left out are the code of a candidate and of ``$LATEST``, which may be the folder that people
    work and test in, and every folder that holds the configuration file itself.
    """
    found: set[Path] = set()
    for function in settings.functions:
        for version in (*function.versions, function.current):
            found.update(version.layers)
            if version.version not in ("candidate", "$LATEST"):
                found.add(version.code)
        if function.events_root is not None:
            found.add(function.events_root)
    home = settings.path.parent
    return frozenset(path for path in found if path.is_dir() and not home.is_relative_to(path))


# --- the file and the options ---------------------------------------------------------------


def _document(path: Path, command_line: CommandLine) -> Table:
    """The table that holds our keys."""
    here = absolute(command_line.invocation_dir, Path.cwd())
    shown = str(path.relative_to(here) if path.is_relative_to(here) else path)
    document = read(path, shown)
    if path.name != "pyproject.toml":
        return document
    return document.table("tool", required=True).table(
        "lambda-rollback", required=True, do="Add the table [tool.lambda-rollback]"
    )


def _options(command_line: CommandLine) -> dict[str, object]:
    """The options that were given, by the end of their names."""
    said = {
        "engine": command_line.engine,
        "strategy": list(command_line.strategies) or None,
        "last": command_line.last,
        "workers": command_line.workers,
    }
    return {name: value for name, value in said.items() if value is not None}


def _engine(table: Table) -> str | None:
    if "engine" not in table:
        return None
    if table.values["engine"] == "aws":
        raise ConfigError(
            f'{table.at("engine")}: engine = "aws" needs an AWS source, '
            "which this version does not have",
            do=f"Use one of {listed(ENGINES)}",
        )
    return table.choice("engine", ENGINES, "auto")


def _count(table: Table, name: str) -> int | None:
    return table.integer(name, 1, low=1) if name in table else None


def _strategies(table: Table, name: str) -> tuple[Strategy, ...] | None:
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


def _base_images(root: Table) -> dict[str, str]:
    images = root.table("base_images")
    return {runtime: images.string(runtime) for runtime in images.values}


def _base_image_options(command_line: CommandLine) -> dict[str, str]:
    images: dict[str, str] = {}
    for text in command_line.base_images:
        runtime, _, image = text.partition("=")
        if not runtime.strip() or not image.strip():
            raise ConfigError(
                f'--lambda-rollback-base-image is "{text}", expected RUNTIME=IMAGE',
                do="Write it as in python3.13=my-registry/lambda-python:3.13",
            )
        images[runtime.strip()] = image.strip()
    return images


def _candidate(text: str) -> tuple[str | None, str]:
    """The function, where one is said, and the path of ``[FUNCTION=]PATH``."""
    function, equals, path = text.partition("=")
    if equals and _FUNCTION_NAME.fullmatch(function):
        return function, path
    return None, text


def _candidates(
    declared: tuple[_Declared, ...], command_line: CommandLine, file: str
) -> dict[str, Path]:
    """The candidate builds for functions of this file, by function."""
    base = absolute(command_line.invocation_dir, Path.cwd())
    names = [function.name for function in declared]
    option = "--lambda-rollback-candidate"
    found: dict[str, Path] = {}
    for text in command_line.candidates:
        function, path = _candidate(text)
        if function is None and len(names) > 1:
            raise ConfigError(
                f"{option} {path} does not say which function it is a build of",
                why=f"{file} has {listed(names)}",
                do=f"Write FUNCTION={path}, as in {option} {names[0]}={path}",
            )
        function = function or names[0]
        if function not in names:
            continue
        if function in found:
            raise ConfigError(f"{option} is given twice for {function}", do="Give it once")
        found[function] = package(path, base=base, where=option)
    return found


# --- functions ------------------------------------------------------------------------------


def _declared(table: Table, name: str, reader: VersionReader) -> _Declared:
    """A function's own versions and aliases."""
    if not _FUNCTION_NAME.fullmatch(name):
        raise ConfigError(
            f"{table.at()} is no function name",
            why="AWS Lambda takes 1 to 64 letters, digits, - and _",
            do="Use the name that the function has in AWS",
        )
    if "aws" in table:
        raise ConfigError(
            f"{table.at('aws')}: this version cannot take versions from AWS",
            why=f"{name} would not be checked",
            do=f"Declare its versions as [functions.{name}.versions.N], or remove the function",
        )
    table.only(_FUNCTION_KEYS)
    example = f"Declare one for each published version, as in [functions.{name}.versions.3]"
    versions = table.table("versions", required=True, do=example)
    if not versions.values:
        raise ConfigError(f"{versions.at()} is empty", do=example)
    for version in versions.values:
        if version == "candidate" or not _VERSION_NAME.fullmatch(version):
            raise ConfigError(
                f"{versions.at(version)} is no name for a version",
                why="it is the published version's number, $LATEST, or a word other than candidate",
                do="Rename it",
            )
    read_versions = tuple(reader.version(versions.table(v), v) for v in versions.values)
    aliases = table.table("aliases")
    for alias in aliases.values:
        if not _ALIAS_NAME.fullmatch(alias) or alias in versions:
            raise ConfigError(
                f"{aliases.at(alias)} is no name for an alias",
                why="AWS Lambda takes letters, digits, - and _ but no number alone, "
                "and it must not be a version's name too",
                do="Rename it",
            )
    plain = _Declared(name=name, table=table, versions=read_versions, aliases=())
    pairs = tuple(
        (alias, plain.resolved(_reference(aliases, alias), aliases.at(alias)).version)
        for alias in aliases.values
    )
    return _Declared(name=name, table=table, versions=read_versions, aliases=pairs)


def _function(
    declared: _Declared,
    all_declared: tuple[_Declared, ...],
    candidate: Path | None,
    root: Table,
    options: Table,
    reader: VersionReader,
) -> FunctionSettings:
    """A function's settings, its references resolved among all functions of the file."""
    table = declared.table
    current, inherited = _current(declared, candidate, reader)
    last = _count(options, "last")
    in_file = _targets(declared, all_declared, current)
    targets = _newest(declared, current, last) if last else in_file
    narrowed = last is not None or candidate is not None
    events, events_root, events_text = _events(table, reader.base)
    return FunctionSettings(
        name=declared.name,
        current=current,
        targets=targets,
        versions=declared.versions,
        events=events,
        events_root=events_root,
        events_text=events_text,
        strategies=settled(
            _strategies(options, "strategy"),
            _strategies(table, "strategies"),
            _strategies(root, "strategies"),
            default=tuple(Strategy),
        ),
        response=_response(table),
        accept=_accept(declared, all_declared, None if narrowed else in_file),
        requires=_requires(table),
        region=settled(_region(table), _region(root), default="us-east-1"),
        account=settled(_account(table), _account(root), default="123456789012"),
        inherited=inherited,
    )


def _current(
    declared: _Declared, candidate: Path | None, reader: VersionReader
) -> tuple[LocalVersion, tuple[str, ...]]:
    """The version that holds the contracts, and what a candidate took over from another."""
    table = declared.table
    said: Table | LocalVersion | None = None
    path: Path | None = candidate
    if isinstance(table.values.get("current"), dict):
        said = table.table("current")
        said.only(("path", *(key for key in VERSION_KEYS if key != "code")))
        text = said.string("path", do='Name the build, as in { path = "build/orders" }')
        path = path or package(text, base=reader.base, where=said.at("path"))
    elif "current" in table:
        said = declared.resolved(_reference(table, "current"), table.at("current"))
    if path is not None:
        numbered = declared.numbered()
        origin = declared.version("$LATEST") or (numbered[0] if numbered else None)
        own = said if isinstance(said, Table) else Table(file=table.file, key=table.key, values={})
        return reader.candidate(own, code=path, origin=origin)
    if isinstance(said, LocalVersion):
        return said, ()
    raise ConfigError(
        f"{table.at('current')} is missing",
        why="it says which version holds the contracts now",
        do='Write current = "4", an alias, "$LATEST" or { path = "build" }, '
        f"or give --lambda-rollback-candidate {declared.name}=PATH",
    )


def _reference(table: Table, name: str) -> str:
    """A version or alias; a whole number is taken for the version of that number."""
    value = table.values.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) and value is not None:
        raise table.wrong(name, 'a version or alias, as in "4" or "live"')
    return table.string(name)


# --- targets and accepted breaks ------------------------------------------------------------


def _targets(
    declared: _Declared, all_declared: tuple[_Declared, ...], current: LocalVersion
) -> tuple[TargetRef, ...]:
    """The targets that the file says, or the newest ones before the current version."""
    table = declared.table
    value = table.values.get("targets", {"last": _LAST})
    if isinstance(value, dict):
        said = Table(file=table.file, key=(*table.key, "targets"), values=value)
        said.only(("last",))
        return _newest(declared, current, said.integer("last", _LAST, low=1))
    if not isinstance(value, list):
        raise table.wrong("targets", 'an array of versions, as in ["3", "2"], or { last = 3 }')
    found: list[TargetRef] = []
    for index, item in enumerate(value):
        name = f"targets[{index}]"
        each = Table(file=table.file, key=table.key, values={name: item})
        target = _target(_reference(each, name), declared, all_declared, each.at(name))
        if target == TargetRef(function=declared.name, version=current.version):
            raise ConfigError(
                f"{each.at(name)} is {target.version}, the current version itself",
                why="a rollback goes from the current version to another one",
                do="Remove it from the targets",
            )
        if target in found:
            raise ConfigError(
                f"{each.at(name)} is {target.label(declared.name)}, which is listed before",
                do="Remove one of the two",
            )
        found.append(target)
    return tuple(found)


def _newest(declared: _Declared, current: LocalVersion, last: int) -> tuple[TargetRef, ...]:
    """The newest published versions before the current one; before all, for an unpublished one."""
    older = [
        version.version
        for version in declared.numbered()
        if not current.version.isdecimal() or int(version.version) < int(current.version)
    ]
    return tuple(TargetRef(function=declared.name, version=version) for version in older[:last])


def _target(
    reference: str, declared: _Declared, all_declared: tuple[_Declared, ...], where: str
) -> TargetRef:
    """``3``, ``live``, or ``other-function:3``."""
    name, colon, rest = reference.rpartition(":")
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


def _accept(
    declared: _Declared,
    all_declared: tuple[_Declared, ...],
    targets: tuple[TargetRef, ...] | None,
) -> tuple[Accept, ...]:
    """Accepted breaks; each must be of a target, where the file alone decides the targets."""
    form = f"Write each as [[functions.{declared.name}.accept]]"
    found: list[Accept] = []
    for table in declared.table.tables("accept", do=form):
        table.only(("target", "check", "reason", "until", "strategy"))
        target = _target(_reference(table, "target"), declared, all_declared, table.at("target"))
        label = target.label(declared.name)
        if targets is not None and target not in targets:
            names = [known.label(declared.name) for known in targets]
            raise ConfigError(
                f"{table.at('target')} is {label}, which is no rollback target",
                why=f"the targets of {declared.name} are {listed(names)}",
                do="Remove the acceptance, or add the version to targets",
            )
        strategy = table.choice("strategy", tuple(Strategy), "") if "strategy" in table else None
        found.append(
            Accept(
                target=label,
                check=table.string(
                    "check", do='Name the event or contract, as in check = "gift_card*"'
                ),
                reason=table.string("reason", do="Say why this break is acceptable"),
                until=table.day("until"),
                strategy=Strategy(strategy) if strategy else None,
            )
        )
    return tuple(found)


# --- the rest of a function's table ---------------------------------------------------------


def _events(table: Table, base: Path) -> tuple[tuple[Path, ...], Path, str]:
    """The fixture files, the folder of their names, and what the file says."""
    example = 'Name a folder or glob of *.json, as in events = "events"'
    if isinstance(table.values.get("events"), list):
        patterns = table.strings("events")
    else:
        patterns = (table.string("events", do=example),)
    files, root = event_files(patterns, base=base, where=table.at("events"))
    return files, root, ", ".join(patterns)


def _response(table: Table) -> ResponseRule:
    response = table.table("response")
    response.only(("mode", "ignore"))
    modes = ("shape", "exact", "none")
    if response.values.get("mode") == "schema":
        raise ConfigError(
            f'{response.at("mode")} is "schema", which this version does not have',
            do=f"Use one of {listed(modes)}",
        )
    ignore = response.strings("ignore")
    for index, pointer in enumerate(ignore):
        if not re.fullmatch(r"(/([^/~]|~[01])*)+", pointer):
            raise ConfigError(
                f'{response.at("ignore")}[{index}] is "{pointer}", expected a JSON Pointer',
                do='Begin it with a slash, as in "/headers/Date"; a ~ in a key is written ~0',
            )
    return ResponseRule(mode=response.choice("mode", modes, "shape"), ignore=ignore)


def _requires(table: Table) -> tuple[str, ...]:
    requires = table.strings("requires")
    for index, text in enumerate(requires):
        try:
            Requirement(text)
        except InvalidRequirement as error:
            raise ConfigError(
                f'{table.at("requires")}[{index}] is "{text}", expected a requirement',
                why=str(error).splitlines()[0],
                do='Write it as in "acme-shared>=2,<3"',
            ) from error
    return requires


def _region(table: Table) -> str | None:
    if "region" not in table:
        return None
    region = table.string("region")
    if not _REGION.fullmatch(region):
        raise table.wrong("region", "the name of an AWS region, as in eu-west-1")
    return region


def _account(table: Table) -> str | None:
    if "account" not in table:
        return None
    value = table.values["account"]
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{12}", value):
        raise table.wrong("account", 'a string of 12 digits, as in "123456789012"')
    return value
