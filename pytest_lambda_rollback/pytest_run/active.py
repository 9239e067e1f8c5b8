"""Switching the plugin on: the plugins of a run, and the state that they share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from pytest_lambda_rollback.config.files import CommandLine
from pytest_lambda_rollback.model.text import printable
from pytest_lambda_rollback.pytest_run.collection import Collection
from pytest_lambda_rollback.pytest_run.configuration_files import ConfigurationFiles
from pytest_lambda_rollback.pytest_run.nodes import CHECKER
from pytest_lambda_rollback.pytest_run.reporting import Reporting
from pytest_lambda_rollback.pytest_run.run_state import RUN, RunState, cache_folder
from pytest_lambda_rollback.pytest_run.running import Running
from pytest_lambda_rollback.pytest_run.transport import Transport
from pytest_lambda_rollback.sources.aws import AwsFunctions


def activate(config: pytest.Config, *, switch: str) -> None:
    """Register everything that exists only while the option ``switch`` is given."""
    command_line = _command_line(config)
    is_worker = hasattr(config, "workerinput")
    progress = _progress(config, is_worker=is_worker)
    # All workers of a distributed run have one id, and must plan the same checks.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    functions = AwsFunctions(
        advise_offline=True,
        offline=command_line.offline,
        progress=progress,
        shared=cache_folder() / "plans" / run if run and is_worker else None,
    )
    state = RunState(
        switch=switch,
        command_line=command_line,
        is_worker=is_worker,
        sharing=config.workerinput["workercount"] if is_worker else 1,  # type: ignore[attr-defined]
        files=ConfigurationFiles(command_line=command_line, hooks=config.hook, published=functions),
        progress=progress,
    )
    running = Running(config, state, functions)
    config.stash[RUN] = state
    config.stash[CHECKER] = running
    # Hooks of the last one run first: environments end before the report is made.
    plugins = (Collection(config, state), Transport(config, state), Reporting(config, state))
    for plugin in (*plugins, running):
        name = type(plugin).__name__.lower()
        config.pluginmanager.register(plugin, f"lambda-rollback-{name}")


def _command_line(config: pytest.Config) -> CommandLine:
    option = config.getoption
    return CommandLine(
        engine=option("lambda_rollback_engine"),
        strategies=tuple(option("lambda_rollback_strategy")),
        last=option("lambda_rollback_last"),
        workers=option("lambda_rollback_workers"),
        candidates=tuple(option("lambda_rollback_candidate")),
        base_images=tuple(option("lambda_rollback_base_image")),
        no_cache=option("lambda_rollback_no_cache"),
        offline=option("lambda_rollback_offline"),
        directory=config.invocation_params.dir,
    )


def _progress(config: pytest.Config, *, is_worker: bool) -> Callable[[str], None]:
    """A function that writes one line of progress; a worker's goes nowhere."""

    def progress(text: str) -> None:
        reporter = config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or is_worker:
            return
        capture = config.pluginmanager.getplugin("capturemanager")
        if capture is None:
            _write(reporter, text)
            return
        with capture.global_and_fixture_disabled():
            _write(reporter, text)

    return progress


def _write(reporter: Any, text: str) -> None:
    reporter.ensure_newline()
    reporter.write_line(printable(f"lambda-rollback: {text}"))
    reporter.flush()
