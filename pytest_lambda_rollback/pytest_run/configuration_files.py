"""The configuration files of a run: each is loaded once, and its mistakes are kept for later.

A mistake must not interrupt pytest's collection, which would report it as an error of one file;
it ends the run with a usage error once everything is collected.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.config import files as configuration
from pytest_lambda_rollback.config.aws_tables import PublishedFunctions
from pytest_lambda_rollback.config.files import CommandLine
from pytest_lambda_rollback.engines.docker.base_images import known_runtimes
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.settings import Settings
from pytest_lambda_rollback.session import plug_points
from pytest_lambda_rollback.session.plan import checks_of, unmatched_acceptances
from pytest_lambda_rollback.sources import events


class ConfigurationFiles:
    """Loads configuration files, and knows which of them are part of the run.

    Other files are loaded only because they may name folders that pytest must not collect.
    ``hooks`` are pytest's, by which plugins add engines.
    """

    def __init__(
        self, *, command_line: CommandLine, hooks: Any, published: PublishedFunctions
    ) -> None:
        self._command_line = command_line
        self._hooks = hooks
        self._published = published
        self._loaded: dict[Path, Settings | None] = {}
        self._errors: dict[Path, ConfigError] = {}
        self._collected: set[Path] = set()

    @property
    def loaded(self) -> Mapping[Path, Settings | None]:
        """All files that were read; ``None`` for one with a mistake."""
        return self._loaded

    @property
    def collected(self) -> frozenset[Path]:
        """The files that are part of the run, in this process or in a worker."""
        return frozenset(self._collected)

    def add_collected(self, *paths: Path) -> None:
        """Remember files that are part of the run."""
        self._collected.update(paths)

    def settings_of(self, path: Path) -> Settings | None:
        """Load a file once; ``None`` if it has a mistake, which `mistakes` returns."""
        if path not in self._loaded:
            try:
                settings = configuration.load(
                    path,
                    self._command_line,
                    known_runtimes=frozenset(known_runtimes()),
                    engines=plug_points.engines(self._hooks),
                    version_sources=plug_points.version_sources(self._hooks),
                    contracts=plug_points.static_contracts(self._hooks),
                    published=self._published,
                )
                plug_points.event_sources(self._hooks)  # refused before anything runs
                _check_details(settings)
            except ConfigError as error:
                self._errors[path] = error
                self._loaded[path] = None
            except Exception:
                # A hook of ours is called by pytest's own collectors, which show all variables of
                # a traceback where --showlocals is given.
                text = traceback.format_exc()
                raise RuntimeError(f"could not load {path}\n\n{text}") from None
            else:
                self._loaded[path] = settings
        return self._loaded[path]

    def mistakes(self) -> tuple[ConfigError, ...]:
        """The mistakes that concern this run, also candidates that no file takes."""
        # A mistake in a file that was read for its folders alone does not concern the run.
        part = self._collected or set(self._loaded)
        errors = [error for path, error in self._errors.items() if path in part]
        collected = [
            settings
            for path, settings in self._loaded.items()
            if path in self._collected and settings is not None
        ]
        try:
            configuration.check_candidates(self._command_line, collected)
        except ConfigError as error:
            if not errors and self._collected:
                errors.append(error)
        return tuple(errors)


def _check_details(settings: Settings) -> None:
    """Find broken fixtures and acceptances of nothing early, before anything runs."""
    for function in settings.functions:
        for path in function.events:
            events.load(path, name=function.event_name(path))
    for name, accept in unmatched_acceptances(settings):
        groups = Counter(check.name for check in checks_of(settings) if check.function == name)
        raise ConfigError(
            f"{settings.path}: functions.{name}.accept",
            why=f"no check of target {accept.target} matches {accept.check!r}",
            do=f"Name one of: {', '.join(groups)}",
        )
