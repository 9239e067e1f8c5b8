"""Hooks by which other packages add to pytest-lambda-rollback, and take what it finds.

pytest sees them in every pytest plugin and ``conftest.py``. Both pytest, while
``--lambda-rollback`` is given, and the console script also load the plugins that packages declare
under the entry-point group `ENTRY_POINTS`; such a module needs only pluggy::

    [project.entry-points.lambda_rollback]
    podman = "lambda_rollback_podman"

    import pluggy

    hookimpl = pluggy.HookimplMarker("pytest")

    @hookimpl
    def pytest_lambda_rollback_engines():
        return [Podman()]

Only specifications live here, and the console script's plugin manager. The hooks that add
something return values that implement a small protocol; what comes with the package implements
the same protocols.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import pytest

    from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource
    from pytest_lambda_rollback.config.version_sources import VersionSource
    from pytest_lambda_rollback.contracts.interface import ReplayContract, StaticContract
    from pytest_lambda_rollback.engines.interface import Engine, EngineType, Progress
    from pytest_lambda_rollback.model.findings import CheckResult
    from pytest_lambda_rollback.model.services import RunningService
    from pytest_lambda_rollback.model.settings import Settings
    from pytest_lambda_rollback.recording.origins.interface import OriginType

ENTRY_POINTS = "lambda_rollback"
"""The entry-point group of plugins that pytest and the console script both load."""

hookspec = pluggy.HookspecMarker("pytest")


@hookspec
def pytest_lambda_rollback_contracts() -> Sequence[StaticContract | ReplayContract]:  # type: ignore[empty-body]
    """Return contracts that targets must meet besides those of the package.

    Asked whenever a configuration file is loaded, so it must be cheap.
    """


@hookspec
def pytest_lambda_rollback_engines() -> Sequence[EngineType]:  # type: ignore[empty-body]
    """Return engines that a configuration can name under ``engine``.

    Asked whenever a configuration file is loaded, so it must be cheap. ``auto`` never chooses an
    engine of a plugin.
    """


@hookspec
def pytest_lambda_rollback_event_origins() -> Sequence[OriginType]:  # type: ignore[empty-body]
    """Return places that ``lambda-rollback record --from NAME=VALUE`` can read events from.

    The console script asks once for each recording. What an origin yields is redacted before
    anything else sees it.
    """


@hookspec
def pytest_lambda_rollback_event_sources() -> Sequence[EventSource]:  # type: ignore[empty-body]
    """Return event sources, which are asked before those of the package.

    A source says how its events are recognised, how fixtures of them are named, and how its
    answers are judged: see `aws_lambda.event_sources.interface`. Asked when the first check runs,
    and for each recording.
    """


@hookspec
def pytest_lambda_rollback_version_sources() -> Sequence[VersionSource]:  # type: ignore[empty-body]
    """Return places that versions of a function come from, beside its table and AWS.

    ``source = { kind = "NAME", … }`` in a function's table names one. Asked whenever a
    configuration file is loaded, so it must be cheap.
    """


@hookspec
def pytest_lambda_rollback_services(  # type: ignore[empty-body]
    config: pytest.Config, settings: Settings, function: str
) -> Mapping[str, RunningService | str]:
    """Return services of yours that replays of a function may reach, by name and port.

    ``{"db.internal:5432": "127.0.0.1:55432"}``; a `model.services.RunningService` in place of the
    address also says how the service is brought back to its first state between passes. A service
    that the configuration names too is replaced. Called once for each function that replays
    events, before the first one, in pytest's thread; start what you need and end it in
    ``pytest_unconfigure``.
    """


@hookspec(firstresult=True)
def pytest_lambda_rollback_make_engine(
    config: pytest.Config, settings: Settings, progress: Progress
) -> Engine | None:
    """Return an engine in place of the one that the settings name; the first one wins.

    Called once for each distinct engine setting, when the first check runs, never at collection.
    Raise EngineError where the engine cannot run: all its checks are then ``unknown``.
    """


@hookspec
def pytest_lambda_rollback_result(config: pytest.Config, result: CheckResult, nodeid: str) -> None:
    """Take the verdict on one check as soon as it is there (in the process that ran it)."""


@hookspec
def pytest_lambda_rollback_report(config: pytest.Config, report: dict[str, Any]) -> None:
    """Take the finished report, as the JSON report's schema describes it.

    Called once, at the end, in the controlling process.
    """


def console_plugins() -> pluggy.PluginManager:
    """The plugin manager of the console script, with all declared plugins. Raises ConfigError."""
    plugins = pluggy.PluginManager("pytest")
    plugins.add_hookspecs(sys.modules[__name__])
    load_plugins(plugins)
    return plugins


def load_plugins(plugins: pluggy.PluginManager) -> None:
    """Register the plugins that installed packages declare. Raises ConfigError.

    One that is blocked (``-p no:NAME``) or already registered under its name is left out.
    """
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        try:
            plugins.load_setuptools_entrypoints(ENTRY_POINTS, name=entry.name)
        except Exception as error:
            from pytest_lambda_rollback.errors import ConfigError

            raise ConfigError(
                f'could not load the plugin "{entry.name}" ({entry.value})',
                why=f"{type(error).__name__}: {error}".rstrip("."),
                do="Correct or uninstall the package that declares it under the entry points "
                f"{ENTRY_POINTS}",
            ) from error
