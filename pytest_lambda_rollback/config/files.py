"""Configuration files and the command line become frozen settings; precedence is decided here.

The format is a contract with users: `lambda-rollback.toml`, or the table
`[tool.lambda-rollback]` of a pyproject.toml. Everything that can be known without running
anything is checked here, so that a mistake costs seconds and not the time of a build. It
reads the one file and asks which paths exist; it opens no package and no event, and knows no
engine, no AWS and no pytest. Raises ConfigError and nothing else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from pytest_lambda_rollback.config.aws_tables import PublishedFunctions, redact_of, store_of
from pytest_lambda_rollback.config.candidates import OPTION, candidate_of
from pytest_lambda_rollback.config.function_settings import (
    FunctionReader,
    count,
    settled,
)
from pytest_lambda_rollback.config.paths import absolute
from pytest_lambda_rollback.config.toml_table import Table, read
from pytest_lambda_rollback.config.version_sources import VersionSource
from pytest_lambda_rollback.config.version_tables import VersionReader
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.settings import LocalVersion, Settings
from pytest_lambda_rollback.model.text import listed, nearest

FILE_NAMES = ("lambda-rollback.toml", "pyproject.toml")

_AUTO = "auto"

_FILE_KEYS = (
    "engine",
    "strategies",
    "unknown",
    "workers",
    "cold_budget_s",
    "base_images",
    "region",
    "account",
    "functions",
    "discover",
    "aws",
    "store",
    "redact",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """The options; ``None`` or empty means that an option was not given."""

    engine: str | None = None
    strategies: tuple[str, ...] = ()
    last: int | None = None
    workers: int | None = None
    candidates: tuple[str, ...] = ()
    """``[FUNCTION=]PATH`` each."""
    base_images: tuple[str, ...] = ()
    """``RUNTIME=IMAGE`` each."""
    no_cache: bool = False
    offline: bool = False
    """Use nothing but the archive."""
    directory: Path = Path()
    """Candidate paths are relative to it, and messages shorten file names by it."""


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


def load(
    path: Path,
    command_line: CommandLine,
    *,
    known_runtimes: Collection[str],
    engines: Collection[str],
    version_sources: Mapping[str, VersionSource] = MappingProxyType({}),
    contracts: Collection[str] = (),
    published: PublishedFunctions | None = None,
    now: datetime | None = None,
    events_required: bool = True,
) -> Settings:
    """One configuration file joined with the command line, and with what AWS has of it.

    ``known_runtimes`` are the runtimes that have a base image of their own; those that the user
    names an image for are added here. ``engines`` are the names that ``engine`` may have besides
    ``auto``, ``version_sources`` what ``source`` may name, ``contracts`` the contracts of plugins
    that have checks of their own. They and ``published``, for functions
    in AWS, are asked once everything that the file says was read. ``events_required`` is false
    for a command that replays nothing: then ``events``, and the folder that it names, may be
    missing.
    Raises ConfigError; opens nothing but ``path``.
    """
    path = absolute(path, Path.cwd())
    root = _document(path, command_line)
    options = Table(file="--lambda-rollback", joint="-", values=_options(command_line))
    root.only(_FILE_KEYS)
    images = {**_base_images(root), **_base_image_options(command_line)}
    store = store_of(root, path.parent)
    redact = redact_of(root)
    engine = settled(_engine(options, engines), _engine(root, engines), default=_AUTO)
    unknown = root.choice("unknown", ("fail", "skip"), "fail")
    workers = settled(count(options, "workers"), count(root, "workers"), default=2)
    # Last, as it may ask AWS: a mistake costs no request.
    functions = FunctionReader(
        root=root,
        options=options,
        reader=VersionReader(base=path.parent, runtimes=frozenset({*known_runtimes, *images})),
        store=store,
        published=published,
        candidates=command_line.candidates,
        directory=command_line.directory,
        now=now or datetime.now(UTC),
        version_sources=version_sources,
        contracts=contracts,
        offline=command_line.offline,
        events_required=events_required,
    ).functions()
    return Settings(
        path=path,
        functions=functions,
        engine=engine,
        unknown=unknown,
        base_images=tuple(sorted(images.items())),
        workers=workers,
        use_cache=not command_line.no_cache,
        store=store,
        offline=command_line.offline,
        redact=redact,
        contracts=tuple(contracts),
    )


def store_path(path: Path) -> Path:
    """The archive's folder of a configuration file, whatever else the file says.

    Raises ConfigError.
    """
    path = absolute(path, Path.cwd())
    return store_of(_document(path, CommandLine(directory=Path.cwd())), path.parent).path


def names_events(path: Path, function: str) -> bool:
    """True if the table of a function says where its events are. Raises ConfigError."""
    path = absolute(path, Path.cwd())
    root = _document(path, CommandLine(directory=Path.cwd()))
    return "events" in root.table("functions").table(function)


def check_candidates(command_line: CommandLine, loaded: Iterable[Settings]) -> None:
    """Refuse a candidate that no file, or more than one, takes. To be asked after all loads."""
    files = tuple(loaded)
    functions = {function.name for settings in files for function in settings.functions}
    for text in command_line.candidates:
        function, path = candidate_of(text)
        homes = [
            shortened(settings.path, command_line.directory)
            for settings in files
            if function in {each.name for each in settings.functions}
        ]
        if len(homes) > 1:
            raise ConfigError(
                f'{OPTION} {text} could be a build of "{function}" in several files',
                why=f"{listed(homes)} declare one each",
                do=f"Run pytest on one of the files, as in pytest --lambda-rollback {homes[0]}",
            )
        if function is None and len(files) > 1:
            raise ConfigError(
                f"{OPTION} {path} does not name the function that it is a build of",
                why=f"{len(files)} configuration files were collected",
                do=f"Write FUNCTION={path}; functions are {listed(sorted(functions))}",
            )
        if function is not None and function not in functions:
            near = nearest(function, functions)
            guess = f'Did you mean "{near}"? ' if near else ""
            raise ConfigError(
                f'{OPTION} names the function "{function}", '
                "which no collected configuration declares",
                do=f"{guess}Functions are {listed(sorted(functions))}",
            )


def shortened(path: Path, directory: Path) -> str:
    """A file's name for a message: relative to where pytest was called, if it is below."""
    here = absolute(directory, Path.cwd())
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def artifact_paths(settings: Settings) -> frozenset[Path]:
    """Folders with published code, layers and events, in which no test file is the user's own.

    The code of a candidate or of ``$LATEST`` may be the folder that people work and test in: it
    is one of them only where packages are installed in it, as in a build. Left out is every
    folder that holds the configuration file itself.
    """
    found: set[Path] = set()
    for function in settings.functions:
        for version in (*function.versions, function.current):
            if not isinstance(version, LocalVersion):
                continue
            found.update(layer for layer in version.layers if isinstance(layer, Path))
            if version.version not in ("candidate", "$LATEST") or _has_packages(version.code):
                found.add(version.code)
        if function.events_root is not None:
            found.add(function.events_root)
    found.add(settings.store.path)
    home = settings.path.parent
    return frozenset(path for path in found if path.is_dir() and not home.is_relative_to(path))


def _has_packages(folder: Path) -> bool:
    """True for a folder that pip or a build tool installed distributions into."""
    return next(folder.glob("*.dist-info"), None) is not None


# --- the file and the options ---------------------------------------------------------------


def _document(path: Path, command_line: CommandLine) -> Table:
    """The table that holds our keys."""
    document = read(path, shortened(path, command_line.directory))
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


def _engine(table: Table, engines: Collection[str]) -> str | None:
    if "engine" not in table:
        return None
    name = table.string("engine", _AUTO)
    known = sorted({_AUTO, *engines})
    if name not in known:
        near = nearest(name, known)
        guess = f'Did you mean "{near}"? ' if near else ""
        raise ConfigError(
            f'{table.at("engine")} is "{name}", which is not an engine',
            why=f"engines are {listed(known)}",
            do=f"{guess}Other engines need a plugin that adds them",
        )
    return name


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
                do="Write it like python3.13=my-registry/lambda-python:3.13",
            )
        images[runtime.strip()] = image.strip()
    return images
