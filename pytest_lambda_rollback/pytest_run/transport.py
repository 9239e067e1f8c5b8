"""Results on their way: from an item to its report, and from a worker to the controller.

A record, and the place of a failure, are properties of the test report, which pytest-xdist
carries between processes. Of a failure itself it carries nothing but the text. Where reports
arrive, both are taken off, because JUnit XML shows all properties.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.pytest_run.failures import Crash, FailureText
from pytest_lambda_rollback.pytest_run.nodes import RollbackCheck
from pytest_lambda_rollback.pytest_run.run_state import RunState
from pytest_lambda_rollback.reports.json_report import Record

_RECORD = "lambda_rollback"
"""The report's property with the record of a check."""
_CRASH = "lambda_rollback_crash"
"""The report's property with the line and the place of a failure."""
_FILES = "lambda_rollback_files"
"""A worker's message: the configuration files that it collected."""
_USAGE = "lambda_rollback_usage"
"""A worker's message: the mistakes in them."""


class Transport:
    """Puts results on reports, and takes what comes from workers."""

    def __init__(self, config: pytest.Config, state: RunState) -> None:
        self._config = config
        self._state = state

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the record and the place of a failure to the report of a check."""
        report = yield
        if call.when == "call" and isinstance(item, RollbackCheck) and item.record is not None:
            report.user_properties.append((_RECORD, item.record))
            text: object = report.longrepr
            if isinstance(text, FailureText):
                report.user_properties.append((_CRASH, asdict(text.reprcrash)))
            elif report.skipped and isinstance(report.longrepr, tuple):
                # Otherwise it is the line of this package that skips.
                path, line, _ = item.reportinfo()
                report.longrepr = (str(path), (line or 0) + 1, report.longrepr[2])
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Restore a failure that came from a worker as text."""
        if self._state.is_worker:
            return
        crash: Any = _take(report, _CRASH)
        text: Any = report.longrepr
        if crash is not None and isinstance(text, str):
            style = self._config.getoption("tbstyle")
            restored: Any = FailureText(text, Crash(**crash), style=style)
            report.longrepr = restored

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker reports: its configuration files, and the mistakes in them."""
        output = getattr(node, "workeroutput", {})
        self._state.usage = output.get(_USAGE) or self._state.usage
        self._state.files.add_collected(*(Path(path) for path in output.get(_FILES, ())))


def take_record(report: pytest.TestReport) -> Record | None:
    """Take the record of a check off its report; ``None`` for other tests and phases."""
    record: Record | None = _take(report, _RECORD)
    return record


def _take(report: pytest.TestReport, name: str) -> Any:
    """Remove one of our properties; ``None`` where the report has none of that name."""
    found = [value for key, value in report.user_properties if key == name]
    report.user_properties = [each for each in report.user_properties if each[0] != name]
    return found[-1] if found else None


def tell_controller(config: pytest.Config, *, files: Iterable[Path], usage: str) -> None:
    """Leave what a worker knows for the controller, which gets it when the worker ends."""
    output = vars(config)["workeroutput"]
    output[_FILES] = sorted(str(path) for path in files)
    output[_USAGE] = usage
