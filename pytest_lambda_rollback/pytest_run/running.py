"""Running: the session that makes checks, from the first check to the end of its environments."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterable
from pathlib import Path
from types import FrameType

import pytest

from pytest_lambda_rollback.engines import choice
from pytest_lambda_rollback.engines.interface import Engine, EngineRequest, Progress
from pytest_lambda_rollback.errors import ConfigError, EngineError, SourceError
from pytest_lambda_rollback.model.findings import CheckResult, Verdict
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.services import RunningService
from pytest_lambda_rollback.model.settings import DoorService, Settings
from pytest_lambda_rollback.packages import syntax
from pytest_lambda_rollback.packages.artifacts import ArtifactStore
from pytest_lambda_rollback.pytest_run import fixture_values
from pytest_lambda_rollback.pytest_run.nodes import ConfigFile, RollbackCheck
from pytest_lambda_rollback.pytest_run.run_state import RunState, cache_folder
from pytest_lambda_rollback.reports import json_report, terminal
from pytest_lambda_rollback.session import Session, guards, plug_points
from pytest_lambda_rollback.session.serving import RunningServices
from pytest_lambda_rollback.sources.aws import AwsFunctions
from pytest_lambda_rollback.sources.published_packages import PublishedPackages


class Running:
    """Makes checks, and ends everything that it started."""

    def __init__(self, config: pytest.Config, state: RunState, functions: AwsFunctions) -> None:
        self._config = config
        self._state = state
        self._functions = functions
        self._artifacts: ArtifactStore | None = None
        self._packages: PublishedPackages | None = None
        self._session: Session | None = None
        self._first: dict[object, str] = {}
        """The ids of the first checks that failed, by the reason."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is selected, so that environments end with their last check."""
        state = self._state
        state.selected = tuple(item for item in session.items if isinstance(item, RollbackCheck))
        if not state.selected or self._config.getoption("collectonly"):
            return
        try:
            self._artifacts = ArtifactStore(
                cache_folder(), use_cache=not state.command_line.no_cache
            )
        except SourceError as error:
            raise pytest.UsageError(
                f"{error} XDG_CACHE_HOME sets the folder that it is created in."
            ) from error

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Treat SIGTERM (a cancelled CI job) like Ctrl-C, so that nothing is left running."""
        if threading.current_thread() is not threading.main_thread():
            return (yield)
        previous = signal.signal(signal.SIGTERM, _terminated)
        try:
            return (yield)
        finally:
            signal.signal(signal.SIGTERM, previous)

    def check(self, item: RollbackCheck) -> CheckResult:
        """Make the item's check and keep its record on the item."""
        # A check that is run again may pass now, so that its failure is not shown.
        self._first = {why: first for why, first in self._first.items() if first != item.nodeid}
        item.record = None
        session = self._started(item)
        result = session.run(item.settings, item.check)
        item.record = json_report.record_of(
            result,
            nodeid=item.nodeid,
            order=item.order,
            function=item.settings.function(item.check.function),
            planned=item.planned,
            targets=item.targets,
            configuration_digest=json_report.file_digest(item.settings.path),
            engines=session.descriptions(),
            coverage=session.coverage_of(item.settings, item.check),
        )
        self._hand_out(result, item.nodeid)
        return result

    def _hand_out(self, result: CheckResult, nodeid: str) -> None:
        """Give plugins the result; one that fails fails the check, and hides no break."""
        try:
            with guards.guarded("a plugin's hook pytest_lambda_rollback_result", ConfigError):
                self._config.hook.pytest_lambda_rollback_result(
                    config=self._config, result=result, nodeid=nodeid
                )
        except ConfigError as error:
            if result.verdict in (Verdict.SAFE, Verdict.ACCEPTED):
                pytest.fail(str(error), pytrace=False)
            self._state.progress(str(error).rstrip("."))

    def first_like(self, result: CheckResult, nodeid: str) -> str | None:
        """The id of the check that failed for the same reason before; ``None`` for the first."""
        file, _, _ = nodeid.partition("::")
        first = self._first.setdefault((file, terminal.likeness(result)), nodeid)
        return first if first != nodeid else None

    def _started(self, item: RollbackCheck) -> Session:
        """The session, which starts with the first check."""
        if self._session is None:
            self._packages = packages = PublishedPackages(
                functions=self._functions,
                artifacts=self._store(),
                progress=self._state.progress,
            )
            measured = self._config.getoption("lambda_rollback_coverage")
            self._session = Session(
                selected=[(each.settings, each.check) for each in self._state.selected],
                make_engine=self._make_engine,
                packages=packages,
                progress=self._state.progress,
                announce=self._announce,
                workers=item.settings.workers,
                sharing=self._state.sharing,
                contracts=tuple(plug_points.contracts(self._config.hook).values()),
                eager=not self._state.is_worker,
                cache=cache_folder() / "facts",
                coverage=cache_folder() / "artifacts" if measured else None,
                event_sources=plug_points.event_sources(self._config.hook),
                running=self._running_services,
            )
        return self._session

    def _running_services(
        self, file: Path, function: str, doors: Iterable[DoorService]
    ) -> RunningServices:
        """Services of the user's, by fixtures and by the hook. Raises ConfigError."""
        item = next(
            each
            for each in self._state.selected
            if each.settings.path == file and each.check.function == function
        )
        found: dict[str, RunningService | str] = {}
        with guards.guarded("a plugin's hook pytest_lambda_rollback_services", ConfigError):
            for given in self._config.hook.pytest_lambda_rollback_services(
                config=self._config, settings=item.settings, function=function
            ):
                found.update(given)
        node = item.getparent(ConfigFile)
        for door in doors:
            if door.fixture and node is not None:
                found[door.door.text] = _service(door, fixture_values.value_of(door.fixture, node))
        return found

    def _store(self) -> ArtifactStore:
        if self._artifacts is None:  # pragma: no cover - made before anything runs
            raise EngineError("there is no artefact store: nothing was collected")
        return self._artifacts

    @pytest.hookimpl(trylast=True)
    def pytest_lambda_rollback_make_engine(self, settings: Settings, progress: Progress) -> Engine:
        """Make the engine that the settings name."""
        request = EngineRequest(
            settings=settings,
            progress=progress,
            unpack=self._store().unpack,
            registry_login=self._functions.registry_login,
        )
        engines = plug_points.engines(self._config.hook)
        return syntax.tried_again(lambda: choice.make_engine(request, engines))

    def _make_engine(self, settings: Settings, progress: Progress) -> Engine:
        what = "a plugin's hook pytest_lambda_rollback_make_engine"
        with guards.guarded(what, EngineError):
            engine = self._config.hook.pytest_lambda_rollback_make_engine(
                config=self._config, settings=settings, progress=progress
            )
        return guards.guarded_engine(engine, what)

    def _announce(self, engine: EngineDescription) -> None:
        self._state.progress(terminal.header(engine))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """End everything that was started."""
        self._close()

    def pytest_unconfigure(self) -> None:
        """End everything even where the session did not finish."""
        self._close()

    def _close(self) -> None:
        session, self._session = self._session, None
        if self._packages is not None:
            self._packages.stop()
        if session is not None:
            try:
                session.close()
            except EngineError as error:
                self._state.left_behind = str(error)


def _service(door: DoorService, value: object) -> RunningService | str:
    """A fixture's value: an address, a host and a port, or a running service."""
    match value:
        case RunningService() | str():
            return value
        case (str(host), int(port)):
            return f"{host}:{port}"
    raise ConfigError(
        f"the fixture {door.fixture} gave {value!r:.80} for {door.door.text}",
        why='an address like "127.0.0.1:5432", (host, port) or a RunningService is expected',
    )


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    pytest.exit("terminated by SIGTERM", returncode=143)
