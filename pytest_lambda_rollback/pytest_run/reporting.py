"""Reporting: records of all checks become the document, the summary, and the exit status."""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.config import files as configuration
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.text import printable
from pytest_lambda_rollback.pytest_run import transport
from pytest_lambda_rollback.pytest_run.run_state import RunState
from pytest_lambda_rollback.reports import json_report, terminal
from pytest_lambda_rollback.reports.summary import evidence_lines, summary
from pytest_lambda_rollback.session import guards

_FINAL = ("passed", "failed", "skipped")
"""Outcomes of a report that pytest counts as the outcome of its test."""


class Reporting:
    """Gathers records where reports arrive, and shows the answer at the end."""

    def __init__(self, config: pytest.Config, state: RunState) -> None:
        self._config = config
        self._state = state
        self._records: dict[str, json_report.Record] = {}
        """One record for each check, by its id."""
        self._ran = False
        self._json: Path | None = None
        if config.getoption("lambda_rollback_json") and not state.is_worker:
            self._json = config.invocation_params.dir / config.getoption("lambda_rollback_json")
            _clear(self._json)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Note that tests ran, if there were any."""
        self._ran = not self._config.getoption("collectonly")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the record of a check that is finished."""
        if self._state.is_worker:
            return
        record = transport.take_record(report)
        # A check that is about to be run again (outcome "rerun") has no verdict yet.
        if record is None or report.outcome not in _FINAL:
            return
        earlier = self._records.get(report.nodeid, record)
        # Selected twice, or run by several processes: pytest fails where one of them fails.
        self._records[report.nodeid] = json_report.worse(record, earlier)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Decide whether the run failed, and hand the document to whoever takes it."""
        if self._state.usage is not None:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if session.exitstatus == pytest.ExitCode.OK and (
            json_report.stale_acceptances(self._records.values())
            # Nothing to check is unknown, never safe.
            or (self._ran and self._is_nothing_checked_a_failure())
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._records and not self._state.is_worker:
            self._hand_out(session)

    def _hand_out(self, session: pytest.Session) -> None:
        """Give plugins the document; one that fails fails the run, and hides no answer."""
        document = json_report.document_of(self._records.values())
        try:
            with guards.guarded("a plugin's hook pytest_lambda_rollback_report", ConfigError):
                self._config.hook.pytest_lambda_rollback_report(
                    config=self._config, report=document
                )
        except ConfigError as error:
            self._state.failed_report = str(error)
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _is_nothing_collected(self) -> bool:
        """True if no configuration file was collected, and one could have been."""
        # Of the tests that failed last, none may be a check: pytest then collects no such file.
        only_failed = self._config.getoption("lf", default=False)
        return not (self._state.files.collected or self._state.is_worker or only_failed)

    def _is_nothing_checked_a_failure(self) -> bool:
        """True if checks were asked for and no configuration file was collected.

        Where ``addopts`` or PYTEST_ADDOPTS switches the plugin on, somebody who names files runs
        just these, as with any other option that stands there.
        """
        by_habit = self._state.switch not in self._config.invocation_params.args
        named = self._config.args_source is pytest.Config.ArgsSource.ARGS
        return self._is_nothing_collected() and not (by_habit and named)

    @pytest.hookimpl(tryfirst=True)
    def pytest_lambda_rollback_report(self, report: dict[str, Any]) -> None:
        """Write the JSON report."""
        if self._json is not None:
            json_report.write(report, self._json)

    # --- the terminal ------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> Generator[None]:
        """Show the answer below everything else, where one looks first."""
        yield
        if self._state.usage is not None:
            terminalreporter.write_line(f"ERROR: {self._state.usage}", red=True)
            return
        self._show_unread(terminalreporter)
        if self._config.getoption("collectonly"):
            return
        if self._records:
            self._show_document(terminalreporter)
        elif exitstatus != pytest.ExitCode.INTERRUPTED and self._is_nothing_collected():
            colour = {"red" if self._is_nothing_checked_a_failure() else "yellow": True}
            terminalreporter.write_line(f"lambda-rollback: {self._nothing()}", **colour)

    def _show_document(self, terminalreporter: Any) -> None:
        """Show the matrix, the reasons, and the newest safe target."""
        report = json_report.report_of(self._records.values())
        terminalreporter.section("lambda-rollback")
        lines = (
            *terminal.engine_lines(report.engines),
            "",
            *summary(
                report,
                verbose=self._config.get_verbosity() > 0,
                has_json=self._json is not None,
            ),
            *evidence_lines(report),
        )
        for line in lines:
            terminalreporter.write_line(printable(line))
        for text in report.stale_acceptances:
            terminalreporter.write_line(printable(f"stale acceptance: {text}"), red=True)
        if self._json is not None:
            terminalreporter.write_line(f"JSON report: {self._json}")
        if self._state.failed_report is not None:
            terminalreporter.write_line(printable(self._state.failed_report), red=True)
        if self._state.left_behind is not None:
            terminalreporter.write_line(
                f"could not clean up everything: {self._state.left_behind}", red=True
            )

    def _nothing(self) -> str:
        """The sentence for a run that collected no configuration file."""
        here = self._config.invocation_params.dir
        path = next(iter(self._state.files.loaded), here / configuration.FILE_NAMES[0])
        name = os.path.relpath(path, here)
        return (
            "no lambda-rollback.toml and no [tool.lambda-rollback] table was collected: nothing "
            f"was checked. Name the file, as in `pytest {self._state.switch} {shlex.quote(name)}`, "
            "or its folder"
        )

    def _show_unread(self, terminalreporter: Any) -> None:
        """Name functions whose versions are unknown, where no selected check does."""
        told = {(item.path, item.check.function) for item in self._state.selected}
        if self._config.getoption("collectonly"):
            told.clear()
        for path, settings in self._state.files.loaded.items():
            for function in settings.functions if settings is not None else ():
                unread = function.current is None and function.reason is not None
                if unread and (path, function.name) not in told:
                    line = f"lambda-rollback: {function.name} was not checked: {function.reason}"
                    terminalreporter.write_line(printable(line), yellow=True)


def _clear(path: Path) -> None:
    """Remove an older report, so that nobody takes it for this run's."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch()
        path.unlink()
    except OSError as error:
        raise pytest.UsageError(
            f"--lambda-rollback-json: {path} cannot be written: {error.strerror}"
        ) from error
