"""Collecting: configuration files become nodes, the folders that they name are left alone.

Also the end of collection: what was selected, and what must not run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from collections.abc import Collection as Group
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pytest_lambda_rollback.config import files as configuration
from pytest_lambda_rollback.model.settings import Settings
from pytest_lambda_rollback.pytest_run import transport
from pytest_lambda_rollback.pytest_run.nodes import ConfigFile, RollbackCheck
from pytest_lambda_rollback.pytest_run.run_state import RunState, cache_folder
from pytest_lambda_rollback.pytest_run.selection import Selection, possible_names
from pytest_lambda_rollback.session.plan import checks_of


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

    def _read(self, folder: Path, names: Group[str], ignored: set[Path]) -> None:
        """Add the folders that the configuration files of one folder name."""
        for name in configuration.FILE_NAMES:
            if name in names and configuration.is_config(folder / name):
                settings = self._settings_of(folder / name)
                for path in configuration.artifact_paths(settings) if settings else ():
                    ignored.update((path, path.resolve()))


class Collection:
    """Collects configuration files like test files."""

    def __init__(self, config: pytest.Config, state: RunState) -> None:
        self._config = config
        self._state = state
        self._ignored = IgnoredFolders(config, state.files.settings_of, cache_folder())
        _add_root_files(config)

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Collect a configuration file."""
        if configuration.is_config(file_path):
            return ConfigFile.from_parent(parent, path=file_path)
        return None

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Ignore code, layers and events, unless pytest was called on the folder itself.

        pytest does not ask about its own arguments.
        """
        return True if collection_path.is_dir() and collection_path in self._ignored else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Keep checks of unknown functions, and refuse to run with a mistake."""
        every = [item for item in items if isinstance(item, RollbackCheck)]
        collected = frozenset(item.nodeid for item in items)
        yield
        _keep_unknown(self._config, every, items, collected)
        self._refuse_mistakes(items)

    def _refuse_mistakes(self, items: list[pytest.Item]) -> None:
        """End the run with a usage error, exit code 4, where a configuration has a mistake.

        A worker of a distributed run cannot end the run; it runs nothing and reports to the
        controller.
        """
        text = "\n\n".join(str(error) for error in self._state.files.mistakes())
        if self._state.is_worker:
            transport.tell_controller(self._config, files=self._state.files.collected, usage=text)
        elif text:
            raise pytest.UsageError(text)
        if text:
            items.clear()


def _keep_unknown(
    config: pytest.Config,
    every: list[RollbackCheck],
    items: list[pytest.Item],
    collected: Group[str],
) -> None:
    """Select again what ``-k`` left out, where it stands for checks that may be meant.

    A function that AWS does not describe has only one check, so that ``-k alias`` would make it
    vanish and the run pass.
    """
    files = {item.settings.path: item.settings for item in every}.values()
    selection = Selection(
        keywords=config.getoption("keyword"),
        markers=config.getoption("markexpr"),
        possible=possible_names((each, checks_of(each)) for each in files),
        functions=frozenset(function.name for each in files for function in each.functions),
        collected=frozenset(collected),
    )
    # With --deselect somebody names what is not to be checked.
    unwanted = tuple(config.getoption("deselect") or ())
    reporter = config.pluginmanager.getplugin("terminalreporter")
    deselected = reporter.stats.get("deselected", []) if reporter is not None else []
    selected = set(items)
    for item in every if selection.keywords else ():
        if item.check.target is not None or item in selected:
            continue
        # Between the root folder and what stands for the unknown checks.
        names = [node.name for node in item.listchain()[2:-2]]
        marks = {mark.name for mark in item.iter_markers()}
        # What a sweep that failed stands for may have any name.
        of = item.settings.function(item.check.function)
        named = of.source is not None or of.version_source is not None
        sweep = not named and of.reason is not None and not of.versions
        if item.nodeid.startswith(unwanted) or not selection.may_mean(
            names=names, marks=marks, of_any_name=sweep
        ):
            continue
        items.append(item)
        if item in deselected:
            deselected.remove(item)


def _add_root_files(config: pytest.Config) -> None:
    """Collect the configuration at the root beside ``testpaths``, which name only tests.

    Whoever names files or folders on the command line runs those and no other ones.
    """
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    given = [config.invocation_params.dir / each.partition("::")[0] for each in config.args]
    for name in configuration.FILE_NAMES:
        path = config.rootpath / name
        known = any(path.is_relative_to(each.resolve()) for each in given)
        if configuration.is_config(path) and not known:
            config.args.append(str(path))
