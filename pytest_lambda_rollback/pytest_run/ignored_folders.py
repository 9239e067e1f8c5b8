"""Folders that pytest must not collect: code, layers and events that configurations name.

Their files are not this suite's tests: vendored packages bring hundreds of ``test_*.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pytest_lambda_rollback.config import files as configuration
from pytest_lambda_rollback.model.settings import Settings


class IgnoredFolders:
    """Finds the configuration files around the arguments of pytest, and the folders they name.

    A file above an argument counts like one below it, and all of them are read before pytest
    enters the first folder: a folder may come before the file that names it.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings_of: Callable[[Path], Settings | None],
        *others: Path,
    ) -> None:
        self._config = config
        self._settings_of = settings_of
        self._others = others
        self._paths: set[Path] | None = None

    def __contains__(self, path: Path) -> bool:
        """True for a folder that is ignored with everything in it."""
        if self._paths is None:
            self._paths = set(self._others)
            self._find(self._paths)
        return path in self._paths

    def _find(self, ignored: set[Path]) -> None:
        starts = self._starts()
        for start in starts:
            for folder in (start, *start.parents):
                self._read(folder, configuration.FILE_NAMES, ignored)
        for start in starts:
            for folder, names in self._walk(start, ignored):
                self._read(folder, names, ignored)

    def _starts(self) -> tuple[Path, ...]:
        """The folders that pytest was called on; it enters none for the sake of a single file."""
        here = self._config.invocation_params.dir
        given = (
            Path(os.path.normpath(here / str(argument).partition("::")[0]))
            for argument in self._config.args
        )
        return tuple(dict.fromkeys(path for path in given if path.is_dir()))

    def _walk(self, start: Path, ignored: set[Path]) -> Iterator[tuple[Path, list[str]]]:
        """Folders that pytest may enter, with the names of their files, top down."""
        patterns = self._config.getini("norecursedirs")
        here = self._config.invocation_params.dir
        excluded = {
            Path(os.path.normpath(here / each)) for each in self._config.getoption("ignore") or ()
        }
        for root, folders, names in os.walk(start):
            yield Path(root), names
            paths = {name: Path(root, name) for name in folders}
            is_environment = "pyvenv.cfg" in names
            folders[:] = [
                name
                for name, path in paths.items()
                if not is_environment
                and path not in ignored
                and path not in excluded
                and not any(fnmatch(name, pattern) for pattern in patterns)
            ]

    def _read(self, folder: Path, names: Collection[str], ignored: set[Path]) -> None:
        """Add the folders that the configuration files of one folder name."""
        for name in configuration.FILE_NAMES:
            if name in names and configuration.is_config(folder / name):
                settings = self._settings_of(folder / name)
                for path in configuration.artifact_paths(settings) if settings else ():
                    ignored.update((path, path.resolve()))
