"""The configuration files and functions that a command works on, and its output."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_lambda_rollback.config import files as config
from pytest_lambda_rollback.engines.docker.base_images import known_runtimes
from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.hookspecs import console_plugins
from pytest_lambda_rollback.model.settings import FunctionSettings, Redact, Settings
from pytest_lambda_rollback.model.text import listed, nearest, printable
from pytest_lambda_rollback.redaction.rules import DEFAULT_KEYS, RedactionRules
from pytest_lambda_rollback.session import plug_points
from pytest_lambda_rollback.sources.aws import AwsFunctions


def progress(line: str) -> None:
    """Write a line of progress to standard error."""
    print(printable(f"lambda-rollback: {line}"), file=sys.stderr, flush=True)


def say(line: str) -> None:
    """Write a line of the result to standard output."""
    print(printable(line))


def cache_folder() -> Path:
    """The plugin's own cache."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "pytest-lambda-rollback"


def named_files(paths: Sequence[str]) -> tuple[Path, ...]:
    """The named files, or those in the working directory. Raises ConfigError."""
    if paths:
        return tuple(_named(Path(path)) for path in paths)
    here = [Path.cwd() / name for name in config.FILE_NAMES]
    files = tuple(path for path in here if config.is_config(path))
    if not files:
        raise ConfigError(
            f"no configuration in {Path.cwd()}",
            why="it has no lambda-rollback.toml, and no [tool.lambda-rollback] in a pyproject.toml",
            do="Name one with --config PATH, or change to its folder",
        )
    return files


def load(paths: Iterable[Path], functions: AwsFunctions) -> tuple[Settings, ...]:
    """Every file's settings, with the versions that AWS has. Raises ConfigError."""
    hooks = console_plugins().hook
    engines, version_sources = plug_points.engines(hooks), plug_points.version_sources(hooks)
    command_line = config.CommandLine(offline=functions.offline, directory=Path.cwd())
    return tuple(
        config.load(
            path,
            command_line,
            known_runtimes=frozenset(known_runtimes()),
            engines=engines,
            version_sources=version_sources,
            published=functions,
            events_required=False,
        )
        for path in paths
    )


def functions_in_aws(
    settings: Iterable[Settings], names: Sequence[str]
) -> tuple[tuple[Settings, FunctionSettings], ...]:
    """The named functions, or all whose versions are in AWS. Raises ConfigError."""
    in_aws = [
        (each, function)
        for each in settings
        for function in each.functions
        if function.source is not None
        or (function.reason is not None and function.version_source is None)
    ]
    known = [function.name for _, function in in_aws]
    unread = [f for _, f in in_aws if f.source is None and f.reason is not None]
    for name in names:
        if name not in known:
            if unread:  # what a discovery stands for
                raise SourceError(
                    f"could not determine whether function {name} exists",
                    why=unread[0].reason or "",
                )
            near = nearest(name, known)
            guess = f'Did you mean "{near}"? ' if near else ""
            raise ConfigError(
                f'no configuration has a function "{name}" in AWS',
                do=f"{guess}Functions in AWS are {listed(known)}",
            )
    if not in_aws:
        raise ConfigError(
            "no configuration has a function in AWS",
            do='Name one, as in [functions.orders] aws = { function_name = "orders-prod" }',
        )
    return tuple((s, function) for s, function in in_aws if not names or function.name in names)


def function_named(
    arguments: Namespace, functions: AwsFunctions
) -> tuple[Settings, FunctionSettings]:
    """The one function that the arguments name, with its file's settings. Raises ConfigError."""
    loaded = load(named_files(arguments.config), functions)
    name = arguments.names[0]
    known = [f.name for settings in loaded for f in settings.functions]
    found = [(settings, f) for settings in loaded for f in settings.functions if f.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        files = listed(str(settings.path) for settings, _ in found)
        raise ConfigError(f"{files} each have a function {name}", do="Choose one with --config")
    near = nearest(name, known)
    guess = f'Did you mean "{near}"? ' if near else ""
    raise ConfigError(
        f'no configuration has a function "{name}"',
        do=f"{guess}Configured functions are {listed(known)}",
    )


def redaction_rules(redact: Redact) -> RedactionRules:
    """The rules for everything that is recorded."""
    return RedactionRules(
        pointers=redact.pointers, keys=(*DEFAULT_KEYS, *redact.keys), keep=redact.keep
    )


def _named(path: Path) -> Path:
    if path.is_dir():
        files = [path / name for name in config.FILE_NAMES if config.is_config(path / name)]
        if files:
            return files[0]
    if not path.is_file():
        raise ConfigError(f"--config names {path}, which is not a configuration file")
    return path.absolute()
