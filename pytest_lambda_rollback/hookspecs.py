"""Hooks by which other pytest plugins add engines and reports.

Only specifications live here. The built-in engines and the JSON report are themselves
implementations (in `items`), so replacing one needs no registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_lambda_rollback.engines.interface import Engine, Progress
    from pytest_lambda_rollback.model.findings import CheckResult
    from pytest_lambda_rollback.model.settings import Settings


@pytest.hookspec(firstresult=True)
def pytest_lambda_rollback_make_engine(
    config: pytest.Config, settings: Settings, progress: Progress
) -> Engine | None:
    """Return the engine for one configuration file; the first answer that is not None wins.

    Called once for each distinct engine setting, when the first check runs, never at collection.
    Raise EngineError where a named engine cannot run: all its checks are then ``unknown``.
    """


def pytest_lambda_rollback_result(config: pytest.Config, result: CheckResult, nodeid: str) -> None:
    """Take the verdict on one check as soon as it is there (in the process that ran it)."""


def pytest_lambda_rollback_report(config: pytest.Config, report: dict[str, Any]) -> None:
    """Take the finished report, in the shape of the JSON report's schema.

    Called once, at the end, in the controlling process.
    """
