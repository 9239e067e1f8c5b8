"""Configuration files and the command line become frozen settings; precedence is decided here.

The format is a contract with users: `lambda-rollback.toml`, or the table
`[tool.lambda-rollback]` of a pyproject.toml. Everything that can be known without running
anything is checked here, so that a mistake costs seconds and not the time of a build. This room
reads the one file and asks which paths exist; it opens no package and no event, and knows no
engine, no AWS and no pytest. Raises ConfigError and nothing else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.functions import (
    FUNCTION_NAME,
    Declared,
    acceptances,
    account_of,
    declare,
    events_of,
    newest,
    reference,
    refuse_event_names,
    region_of,
    requires_of,
    targets_of,
)
from pytest_lambda_rollback.model import (
    Accept,
    FunctionSettings,
    LocalVersion,
    Settings,
    Strategy,
    TargetRef,
)
from pytest_lambda_rollback.paths import absolute, package
from pytest_lambda_rollback.response_rules import response_of
from pytest_lambda_rollback.tables import Table, listed, nearest, read
from pytest_lambda_rollback.versions import VERSION_KEYS, VersionReader

FILE_NAMES = ("lambda-rollback.toml", "pyproject.toml")
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
    directory: Path = Path()
    """What candidate paths are relative to, and what messages shorten file names by."""


def is_config(path: Path) -> bool:
    """True for a configuration file of ours, by its name and for a pyproject.toml by its table.

    A pyproject.toml that cannot be read is not ours.
    """
    if path.name not in FILE_NAMES or not path.is_file():
        return False
    if path.name != "pyproject.toml":
        return True
    try:
        content = path.read_bytes()
        if b"lambda-rollback" not in content:
            return False
        tool = tomllib.loads(content.decode("utf-8")).get("tool")
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(tool, dict) and "lambda-rollback" in tool


def load(path: Path, command_line: CommandLine, *, known_runtimes: Collection[str]) -> Settings:
    """One configuration file joined with the command line.

    ``known_runtimes`` are the runtimes that have a base image of their own; those that the user
    names an image for are added here. Raises ConfigError; opens nothing but ``path``.
    """
    path = absolute(path, Path.cwd())
    root = _document(path, command_line)
    options = Table(file="--lambda-rollback", joint="-", values=_options(command_line))
    root.only(_FILE_KEYS)
    images = {**_base_images(root), **_base_image_options(command_line)}
    reader = VersionReader(base=path.parent, runtimes=frozenset({*known_runtimes, *images}))
    tables = root.table("functions", required=True, do="Declare one, as in [functions.orders]")
    declared = tuple(declare(tables.table(name), name, reader) for name in tables.values)
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
    here = absolute(command_line.directory, Path.cwd())
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
    if equals and FUNCTION_NAME.fullmatch(function):
        return function, path
    return None, text


def _candidates(
    declared: tuple[Declared, ...], command_line: CommandLine, file: str
) -> dict[str, Path]:
    """The candidate builds for functions of this file, by function."""
    base = absolute(command_line.directory, Path.cwd())
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
        if not path.strip():
            raise ConfigError(f'{option} is "{text}", expected [FUNCTION=]PATH')
        found[function] = package(path, base=base, where=option)
    return found


# --- functions ------------------------------------------------------------------------------


def _function(
    declared: Declared,
    all_declared: tuple[Declared, ...],
    candidate: Path | None,
    root: Table,
    options: Table,
    reader: VersionReader,
) -> FunctionSettings:
    """A function's settings, its references resolved among all functions of the file."""
    table = declared.table
    current, inherited = _current(declared, candidate, reader)
    in_file = targets_of(declared, all_declared, current)
    last = _count(options, "last")
    targets = newest(declared, current, last) if last else in_file
    said_strategies = _strategies(options, "strategy")
    accepted = acceptances(declared, all_declared, None if last or candidate else in_file)
    events, events_root, events_text = events_of(table, reader.base)
    settings = FunctionSettings(
        name=declared.name,
        current=current,
        targets=targets,
        versions=declared.versions,
        events=events,
        events_root=events_root,
        events_text=events_text,
        strategies=settled(
            said_strategies,
            _strategies(table, "strategies"),
            _strategies(root, "strategies"),
            default=tuple(Strategy),
        ),
        response=response_of(table, reader.base),
        accept=tuple(
            accept
            for target, accept in accepted
            if target in targets and _is_run(accept, target, declared.name, said_strategies)
        ),
        requires=requires_of(table),
        region=settled(region_of(table), region_of(root), default="us-east-1"),
        account=settled(account_of(table), account_of(root), default="123456789012"),
        inherited=inherited,
    )
    refuse_event_names(settings, table.at("events"))
    return settings


def _is_run(
    accept: Accept, target: TargetRef, function: str, said: tuple[Strategy, ...] | None
) -> bool:
    """False where the command line leaves out the one strategy that a break is accepted for.

    Only ``alias`` applies to another function, whatever the command line says.
    """
    return said is None or accept.strategy in (None, *said) or target.function != function


def _current(
    declared: Declared, candidate: Path | None, reader: VersionReader
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
        said = declared.resolved(reference(table, "current"), table.at("current"))
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
