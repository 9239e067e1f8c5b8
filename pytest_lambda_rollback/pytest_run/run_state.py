"""State that the plugins of one run share; nodes find it in the stash of pytest's config."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_lambda_rollback.config.files import CommandLine
from pytest_lambda_rollback.pytest_run.configuration_files import ConfigurationFiles

if TYPE_CHECKING:
    from pytest_lambda_rollback.pytest_run.nodes import RollbackCheck


@dataclass(slots=True, kw_only=True)
class RunState:
    """The command line, the configuration files, and what one plugin leaves for another."""

    switch: str
    """The option that switched the run on."""
    command_line: CommandLine
    is_worker: bool
    """True in a worker process of a distributed run."""
    sharing: int = 1
    """How many worker processes share the machine."""
    files: ConfigurationFiles
    progress: Callable[[str], None]
    """Writes one line of progress."""
    selected: tuple[RollbackCheck, ...] = ()
    """The checks to make; empty in the controller of a distributed run."""
    usage: str | None = None
    """The mistakes that a worker found in the configuration."""
    left_behind: str | None = None
    """Leftovers that could not be cleaned up."""
    failed_report: str | None = None
    """Why a report could not be made."""


RUN = pytest.StashKey[RunState]()


def run_of(config: pytest.Config) -> RunState:
    """Return the state of this run. Raises UsageError if the plugin is switched off."""
    state = config.stash.get(RUN, None)
    if state is None:
        raise pytest.UsageError("--lambda-rollback is not switched on")
    return state


def cache_folder() -> Path:
    """The folder in which runs keep packages, facts and plans."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "pytest-lambda-rollback"
