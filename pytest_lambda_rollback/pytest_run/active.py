"""The pytest side while the plugin is switched on: collection, running, reports.

Together with `plugin`, `nodes` and `hookspecs` the only room that knows pytest. It collects
configuration files, hands each item's check to the `session`, and shows what came out.
"""

from __future__ import annotations

import os
import shlex
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pytest_lambda_rollback.config import files as configuration
from pytest_lambda_rollback.engines import choice
from pytest_lambda_rollback.engines.docker.base_images import known_runtimes
from pytest_lambda_rollback.engines.interface import Engine, EngineRequest, Progress
from pytest_lambda_rollback.errors import ConfigError, EngineError, SourceError
from pytest_lambda_rollback.model.findings import CheckResult
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.settings import Settings
from pytest_lambda_rollback.model.text import printable
from pytest_lambda_rollback.packages.artifacts import ArtifactStore
from pytest_lambda_rollback.pytest_run.nodes import (
    ConfigFile,
    Crash,
    FailureText,
    RollbackCheck,
)
from pytest_lambda_rollback.pytest_run.selection import Selection, possible_names
from pytest_lambda_rollback.reports import json_report, terminal
from pytest_lambda_rollback.reports.summary import evidence_lines, summary
from pytest_lambda_rollback.session import Session, plug_points
from pytest_lambda_rollback.session.plan import checks_of, unmatched_acceptances
from pytest_lambda_rollback.sources import events
from pytest_lambda_rollback.sources.aws import AwsFunctions
from pytest_lambda_rollback.sources.published_packages import PublishedPackages

_RECORD = "lambda_rollback"
"""Name of the property by which a record travels on a test report, also between processes."""
_CRASH = "lambda_rollback_crash"
"""Name of the property with a failure's line and place; between processes only text is kept."""
_COLLECTED = "lambda_rollback_collected"
"""Name by which a worker of a distributed run tells which configuration files it collected."""
_FINAL = ("passed", "failed", "skipped")
"""Outcomes of a report that pytest counts as the outcome of its test."""


class ActivePlugin:
    """All hooks that exist only while the option ``switch`` is given."""

    def __init__(self, config: pytest.Config, *, switch: str) -> None:
        self.config = config
        self._switch = switch
        option = config.getoption
        self.command_line = configuration.CommandLine(
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
        self.is_worker = hasattr(config, "workerinput")
        self._loaded: dict[Path, Settings | None] = {}
        """Also files that were read only for the folders that pytest must keep out of."""
        self._collected: set[Path] = set()
        self._failed: dict[object, str] = {}
        """The ids of the first checks that failed for a reason each."""
        self._ran = False
        self._folders: dict[Path, frozenset[Path]] = {}
        self._cache = _store()
        self._errors: dict[Path, ConfigError] = {}
        self._artifacts: ArtifactStore | None = None
        self._selected: list[RollbackCheck] = []
        self._session: Session | None = None
        self._packages: PublishedPackages | None = None
        self._records: dict[str, json_report.Record] = {}
        """One record for each check, by its id."""
        self._usage: str | None = None
        """What a worker found wrong with the configuration."""
        # All workers of a distributed run have one id, and must plan the same checks.
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
        self._functions = AwsFunctions(
            advise_offline=True,
            offline=self.command_line.offline,
            progress=self._progress,
            shared=_store() / "plans" / run if run and self.is_worker else None,
        )
        self._left: str | None = None
        """What could not be cleaned up."""
        self._json: Path | None = None
        if option("lambda_rollback_json") and not self.is_worker:
            self._json = config.invocation_params.dir / option("lambda_rollback_json")
            _clear(self._json)
        _add_root_files(config)

    # --- collection --------------------------------------------------------------------------

    @property
    def has_several_files(self) -> bool:
        """True where a function's name may not tell which configuration file it is of."""
        return len(self._collected) > 1

    def note_collected(self, path: Path) -> None:
        """Remember a configuration file that is part of this run."""
        self._collected.add(path)

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Collect configuration files like test files."""
        if configuration.is_config(file_path):
            return ConfigFile.from_parent(parent, path=file_path)
        return None

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Keep pytest out of code, layers and events: their files are not this suite's tests."""
        if not collection_path.is_dir():
            return None
        if collection_path == self._cache:
            return True
        for folder in collection_path.parents:
            if collection_path in self._artifact_paths(folder):
                return True
            if folder == self.config.rootpath:
                break
        return None

    def _artifact_paths(self, folder: Path) -> frozenset[Path]:
        """Folders that the configuration files of one folder call code, layers or events."""
        if folder not in self._folders:
            paths: set[Path] = set()
            for name in configuration.FILE_NAMES:
                if configuration.is_config(folder / name):
                    settings = self.settings_of(folder / name)
                    paths |= configuration.artifact_paths(settings) if settings else set()
            self._folders[folder] = frozenset(paths)
        return self._folders[folder]

    def settings_of(self, path: Path) -> Settings | None:
        """Load a configuration once; ``None`` where it is wrong, and the error is kept."""
        if path not in self._loaded:
            try:
                settings = configuration.load(
                    path,
                    self.command_line,
                    known_runtimes=frozenset(known_runtimes()),
                    engines=plug_points.engines(self.config.hook),
                    version_sources=plug_points.version_sources(self.config.hook),
                    published=self._functions,
                )
                _check_details(settings)
            except ConfigError as error:
                self._errors[path] = error
                self._loaded[path] = None
            except Exception:
                # A hook of ours is called by pytest's own collectors, which show all variables of
                # a traceback where --showlocals is given.
                text = traceback.format_exc()
                raise RuntimeError(f"{path} could not be loaded\n\n{text}") from None
            else:
                self._loaded[path] = settings
        return self._loaded[path]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Keep what could not be found out, and refuse to run on a wrong configuration."""
        every = [item for item in items if isinstance(item, RollbackCheck)]
        collected = frozenset(item.nodeid for item in items)
        yield
        self._keep_unknown(every, items, collected)
        self._refuse_mistakes(items)

    def _keep_unknown(
        self, every: list[RollbackCheck], items: list[pytest.Item], collected: frozenset[str]
    ) -> None:
        """Select again what ``-k`` left out, where it stands for checks that may be meant.

        Of a function that AWS does not tell about there is one check only, so that ``-k alias``
        would make it vanish and the run pass.
        """
        files = {item.settings.path: item.settings for item in every}.values()
        selection = Selection(
            keywords=self.config.getoption("keyword"),
            markers=self.config.getoption("markexpr"),
            possible=possible_names((each, checks_of(each)) for each in files),
            functions=frozenset(function.name for each in files for function in each.functions),
            collected=collected,
        )
        # With --deselect somebody says by name what is not to be looked at.
        unwanted = tuple(self.config.getoption("deselect") or ())
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
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
            sweep = of.source is None and of.reason is not None and not of.versions
            if item.nodeid.startswith(unwanted) or not selection.may_mean(
                names=names, marks=marks, of_any_name=sweep
            ):
                continue
            items.append(item)
            if item in deselected:
                deselected.remove(item)

    def _refuse_mistakes(self, items: list[pytest.Item]) -> None:
        """End the run with a usage error, exit code 4, where a configuration is wrong.

        A worker of a distributed run can't end the run; it runs nothing and tells the controller.
        """
        if self.is_worker:
            found = sorted(str(path) for path in self._collected)
            vars(self.config)["workeroutput"][_COLLECTED] = found
        # What is wrong in a file that was read for its folders alone is no matter of this run.
        part = self._collected or set(self._loaded)
        errors = [error for path, error in self._errors.items() if path in part]
        loaded = self._loaded.items()
        settings = [each for path, each in loaded if path in self._collected and each is not None]
        try:
            configuration.check_candidates(self.command_line, settings)
        except ConfigError as error:
            if not errors and self._collected:
                errors.append(error)
        if not errors:
            return
        text = "\n\n".join(str(error) for error in errors)
        if not self.is_worker:
            raise pytest.UsageError(text)
        items.clear()
        vars(self.config)["workeroutput"][_RECORD] = text

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of a distributed run found: its configurations, what is wrong."""
        output = getattr(node, "workeroutput", {})
        self._usage = output.get(_RECORD) or self._usage
        self._collected.update(Path(path) for path in output.get(_COLLECTED, ()))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what was selected, so that environments end with their last check."""
        self._selected = [item for item in session.items if isinstance(item, RollbackCheck)]
        if self._selected and not self.config.getoption("collectonly"):
            try:
                self._artifacts = ArtifactStore(_store(), use_cache=not self.command_line.no_cache)
            except SourceError as error:
                raise pytest.UsageError(
                    f"{error} XDG_CACHE_HOME names the folder that it is made in."
                ) from error

    # --- running -----------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Treat SIGTERM (a cancelled CI job) like Ctrl-C, so that nothing is left running."""
        self._ran = not self.config.getoption("collectonly")
        if threading.current_thread() is not threading.main_thread():
            return (yield)
        previous = signal.signal(signal.SIGTERM, _terminated)
        try:
            return (yield)
        finally:
            signal.signal(signal.SIGTERM, previous)

    def run(self, item: RollbackCheck) -> CheckResult:
        """Make the item's check; the session starts with the first one."""
        if self._artifacts is None:  # pragma: no cover - made before anything runs
            raise pytest.UsageError("checks can only run in a collected session")
        if self._session is None:
            self._packages = packages = PublishedPackages(
                functions=self._functions,
                artifacts=self._artifacts,
                progress=self._progress,
            )
            self._session = Session(
                selected=[(each.settings, each.check) for each in self._selected],
                make_engine=self._make_engine,
                packages=packages,
                progress=self._progress,
                announce=self._announce,
                workers=item.settings.workers,
                eager=not self.is_worker,
                cache=_store() / "facts",
                coverage=_store() / "artifacts"
                if self.config.getoption("lambda_rollback_coverage")
                else None,
            )
        # A check that is run again may pass now, so that nothing of it is shown.
        self._failed = {why: first for why, first in self._failed.items() if first != item.nodeid}
        result = self._session.run(item.settings, item.check)
        item.record = json_report.record_of(
            result,
            nodeid=item.nodeid,
            order=item.order,
            function=item.settings.function(item.check.function),
            planned=item.planned,
            targets=item.targets,
            engines=self._session.descriptions(),
            coverage=self._session.coverage_of(item.settings, item.check),
            configuration_digest=json_report.file_digest(item.settings.path),
        )
        self.config.hook.pytest_lambda_rollback_result(
            config=self.config, result=result, nodeid=item.nodeid
        )
        return result

    def first_like(self, result: CheckResult, nodeid: str) -> str | None:
        """The id of the check that failed for the same reason before; ``None`` for the first."""
        file, _, _ = nodeid.partition("::")
        first = self._failed.setdefault((file, terminal.likeness(result)), nodeid)
        return first if first != nodeid else None

    @pytest.hookimpl(trylast=True)
    def pytest_lambda_rollback_make_engine(self, settings: Settings, progress: Progress) -> Engine:
        """Make the engine that the settings name."""
        if self._artifacts is None:  # pragma: no cover - made before anything runs
            raise EngineError("there is no artefact store")
        request = EngineRequest(
            settings=settings,
            progress=progress,
            unpack=self._artifacts.unpack,
            registry_login=self._functions.registry_login,
        )
        return choice.make_engine(request, plug_points.engines(self.config.hook))

    def _make_engine(self, settings: Settings, progress: Progress) -> Engine:
        engine: Engine = self.config.hook.pytest_lambda_rollback_make_engine(
            config=self.config, settings=settings, progress=progress
        )
        return engine

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the record travel on the test report, also from a distributed run's worker."""
        report = yield
        if call.when == "call" and isinstance(item, RollbackCheck) and item.record is not None:
            report.user_properties.append((_RECORD, item.record))
            text: object = report.longrepr
            if isinstance(text, FailureText):
                report.user_properties.append((_CRASH, asdict(text.reprcrash)))
            elif report.skipped and isinstance(report.longrepr, tuple):
                # Else it is where the code of this package skips.
                path, line, _ = item.reportinfo()
                report.longrepr = (str(path), (line or 0) + 1, report.longrepr[2])
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather records where the report is made, and restore what came from a worker."""
        properties = dict(report.user_properties)
        record: Any = properties.get(_RECORD)
        crash: Any = properties.get(_CRASH)
        text: Any = report.longrepr
        if crash is not None and isinstance(text, str):
            style = self.config.getoption("tbstyle")
            restored: Any = FailureText(text, Crash(**crash), style=style)
            report.longrepr = restored
        # A check that is about to be run again (outcome "rerun") has no verdict yet.
        if record is None or self.is_worker or report.outcome not in _FINAL:
            return
        earlier = self._records.get(report.nodeid, record)
        # Selected twice, or run by several processes: pytest fails where one of them fails.
        self._records[report.nodeid] = json_report.worse(record, earlier)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End what was started, then hand the report to whoever takes it."""
        if self._usage is not None:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        self._close()
        if session.exitstatus == pytest.ExitCode.OK and json_report.stale_acceptances(
            self._records.values()
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if session.exitstatus == pytest.ExitCode.OK and self._ran and self._missed():
            # Nothing to check is unknown, never safe.
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._records and not self.is_worker:
            self.config.hook.pytest_lambda_rollback_report(
                config=self.config, report=json_report.document_of(self._records.values())
            )

    def _has_none(self) -> bool:
        """True where no configuration file was collected, and one could have been."""
        # Of the tests that failed last, none may be a check: pytest then collects no such file.
        only_failed = self.config.getoption("lf", default=False)
        return not (self._collected or self.is_worker or only_failed)

    def _missed(self) -> bool:
        """True where checks were asked for and no configuration file was collected.

        Where ``addopts`` switches the plugin on, or PYTEST_ADDOPTS, somebody who names files runs
        just these, as with any other option that stands there.
        """
        by_habit = self._switch not in self.config.invocation_params.args
        named = self.config.args_source is pytest.Config.ArgsSource.ARGS
        return self._has_none() and not (by_habit and named)

    def pytest_unconfigure(self) -> None:
        """End what was started even where the session did not finish."""
        self._close()

    def _close(self) -> None:
        session, self._session = self._session, None
        if self._packages is not None:
            self._packages.stop()
        if session is not None:
            try:
                session.close()
            except EngineError as error:
                self._left = str(error)

    # --- reports -----------------------------------------------------------------------------

    def pytest_lambda_rollback_report(self, report: dict[str, Any]) -> None:
        """Write the JSON report."""
        if self._json is not None:
            json_report.write(report, self._json)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> Generator[None]:
        """Show the answer below everything else, where one looks first."""
        yield
        self._show(terminalreporter, exitstatus)

    def _show(self, terminalreporter: Any, exitstatus: int) -> None:
        """Show the matrix and which target is the newest safe one."""
        if self._usage is not None:
            terminalreporter.write_line(f"ERROR: {self._usage}", red=True)
            return
        self._show_unread(terminalreporter)
        if self.config.getoption("collectonly"):
            return
        if not self._records:
            if exitstatus == pytest.ExitCode.INTERRUPTED:
                return
            if self._has_none():
                colour = {"red" if self._missed() else "yellow": True}
                terminalreporter.write_line(f"lambda-rollback: {self._nothing()}", **colour)
            return
        found = json_report.report_of(self._records.values())
        terminalreporter.section("lambda-rollback")
        lines = (
            *terminal.engine_lines(found.engines),
            "",
            *summary(
                found,
                verbose=self.config.get_verbosity() > 0,
                has_json=self._json is not None,
            ),
            *evidence_lines(found),
        )
        for line in lines:
            terminalreporter.write_line(printable(line))
        for text in found.stale_acceptances:
            terminalreporter.write_line(printable(f"stale acceptance: {text}"), red=True)
        if self._json is not None:
            terminalreporter.write_line(f"JSON report: {self._json}")
        if self._left is not None:
            terminalreporter.write_line(f"not everything was cleaned up: {self._left}", red=True)

    def _nothing(self) -> str:
        """What to say where no configuration file was collected, and what to do."""
        here = self.config.invocation_params.dir
        path = next(iter(self._loaded), here / configuration.FILE_NAMES[0])
        name = os.path.relpath(path, here)
        return (
            "no lambda-rollback.toml and no [tool.lambda-rollback] table was collected: nothing "
            f"was checked. Name the file, as in `pytest {self._switch} {shlex.quote(name)}`, or "
            "its folder"
        )

    def _show_unread(self, terminalreporter: Any) -> None:
        """Say why versions are not known where no check that was made or selected does."""
        told = {(item.path, item.check.function) for item in self._selected}
        if self.config.getoption("collectonly"):
            told.clear()
        for path, settings in self._loaded.items():
            for function in settings.functions if settings is not None else ():
                unread = function.current is None and function.reason is not None
                if unread and (path, function.name) not in told:
                    line = f"lambda-rollback: nothing is known of {function.name}: "
                    terminalreporter.write_line(printable(f"{line}{function.reason}"), yellow=True)

    def _announce(self, engine: EngineDescription) -> None:
        self._progress(terminal.header(engine))

    def _progress(self, text: str) -> None:
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or self.is_worker:
            return
        capture = self.config.pluginmanager.getplugin("capturemanager")
        if capture is None:
            _write(reporter, text)
            return
        with capture.global_and_fixture_disabled():
            _write(reporter, text)


def _write(reporter: Any, text: str) -> None:
    reporter.ensure_newline()
    reporter.write_line(printable(f"lambda-rollback: {text}"))
    reporter.flush()


def _check_details(settings: Settings) -> None:
    """Find, at collection, what would be found late: broken fixtures, acceptances of nothing."""
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


def _add_root_files(config: pytest.Config) -> None:
    """Collect the configuration at the root beside ``testpaths``, which name tests alone.

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


def _clear(path: Path) -> None:
    """Remove an older report, so that it is never taken for this run's."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch()
        path.unlink()
    except OSError as error:
        raise pytest.UsageError(
            f"--lambda-rollback-json: {path} cannot be written: {error.strerror}"
        ) from error


def _store() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "pytest-lambda-rollback"


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    pytest.exit("terminated by SIGTERM", returncode=143)
