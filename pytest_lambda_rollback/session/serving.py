"""What the replays of a run may reach: each function's services, opened once for each pass.

The private AWS and the front for HTTP are started when the first pass needs them, and serve the
whole run. Services of the user's are shared by everybody, so that passes that reach one wait for
each other, and each begins by bringing it back to its first state.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from pytest_lambda_rollback.config.service_tables import check_address, door_of, is_installed
from pytest_lambda_rollback.errors import ConfigError, EngineError, RollbackError
from pytest_lambda_rollback.model.downstream import AwsExchange
from pytest_lambda_rollback.model.replay import EventFixture
from pytest_lambda_rollback.model.services import Door, RunningService
from pytest_lambda_rollback.model.settings import DoorService, FunctionSettings
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.services.aws.private_aws import PrivateAws, SeededAws
from pytest_lambda_rollback.services.http.front import Front
from pytest_lambda_rollback.services.interface import ServicePass
from pytest_lambda_rollback.services.passes import Reach, ServedPass
from pytest_lambda_rollback.session import resource_values

_RESET_S = 60.0
_SHOWN = 300

RunningServices = Mapping[str, RunningService | str]
"""By ``name:port``; an address stands for a service without a reset."""


class RunServices:
    """The private AWS and the front of a run. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._aws: PrivateAws | None = None
        self._front: Front | None = None
        self._closed = False

    def aws(self) -> PrivateAws:
        """The private AWS of this process."""
        with self._lock:
            self._refuse_closed()
            self._aws = self._aws or PrivateAws()
            return self._aws

    def front(self) -> Front:
        """The end of TLS and HTTP of this process. Raises EngineError."""
        with self._lock:
            self._refuse_closed()
            self._front = self._front or Front()
            return self._front

    def close(self) -> None:
        """End both. Safe to call twice."""
        with self._lock:
            self._closed = True
            aws, self._aws = self._aws, None
            front, self._front = self._front, None
        for each in (front, aws):
            if each is not None:
                each.close()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise EngineError("no service is opened", why="the run is ending")


class FunctionServices:
    """The services of one function. Safe to use from several threads."""

    def __init__(self, function: FunctionSettings, run: RunServices) -> None:
        self._function = function
        self._settings = function.services
        self._run = run
        self._lock = threading.Lock()
        self._in_turn = threading.Lock()
        """Held by the pass that reaches services of the user's."""
        self._running: dict[Door, RunningService] = {}
        self._error: RollbackError | None = None
        self._fixtures: tuple[EventFixture, ...] = ()

    def use(self, fixtures: Iterable[EventFixture]) -> None:
        """The events that are replayed, for the answers that were recorded with them."""
        self._fixtures = tuple(fixtures)

    def settle(self, running: Callable[[Iterable[DoorService]], RunningServices]) -> None:
        """Find out where services of the user's are. What fails fails each pass."""
        try:
            given = running(self._settings.doors)
            self._running = dict(self._settled(given))
        except RollbackError as error:
            self._error = error

    def start_ahead(self) -> None:
        """Start what takes a while, without waiting for it."""
        if self._settings.aws is not None:
            with contextlib.suppress(RollbackError):  # the first pass says it
                self._run.aws().start_ahead()

    @property
    def in_turn(self) -> bool:
        """True if passes must wait for one another."""
        return bool(self._running)

    @property
    def have_state(self) -> bool:
        """True if what replays write can be brought back to its first state."""
        return self._settings.have_state or any(each.reset for each in self._running.values())

    @property
    def keep_state(self) -> bool:
        """True if what an event stores is there for the next one."""
        return bool(self._running) or self._uses_aws

    @property
    def _uses_aws(self) -> bool:
        aws = self._settings.aws
        return aws is not None and not (aws.found and self._aws_recorded())

    def filled(self, version: FunctionVersion) -> FunctionVersion:
        """The version with the names of what the private AWS created. Raises RollbackError."""
        aws = self._settings.aws
        computed = dict(aws.variables) if aws is not None else {}
        wanted = resource_values.names_resources(version)
        if not wanted and computed.keys().isdisjoint(version.placeholders):
            return version
        if aws is None:
            return resource_values.filled(version, {}, computed)
        return resource_values.filled(version, self._seeded().resources, computed)

    def open(self) -> ServicePass | None:
        """The services of a new pass; ``None`` if there is nothing to reach.

        Raises RollbackError; may wait for another pass to end.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        settings, recorded = self._settings, self._recorded()
        if settings.aws is None and not recorded and not self._running:
            return None
        uses_aws = self._uses_aws
        if (recorded or uses_aws) and not is_installed():
            raise EngineError(
                f'the services of {self._function.name} need the extra "state"',
                why="moto or trustme is not installed",
                do='Run pip install "pytest-lambda-rollback[state]"',
            )
        reach = Reach(
            front=self._run.front() if recorded or uses_aws else None,
            aws=self._seeded().open() if uses_aws else None,
            recorded=recorded,
            elsewhere=tuple(each for fixture in self._fixtures for each in fixture.downstream),
            # Its TLS takes a certificate authority from no variable.
            endpoint=_runtime(self._function).startswith("java"),
            addresses=tuple((door, each.address) for door, each in self._running.items()),
        )
        if not self._running:
            return ServedPass(reach)
        self._in_turn.acquire()
        try:
            for door, each in self._running.items():
                _reset(door, each)
            return ServedPass(reach, ended=self._in_turn.release)
        except BaseException:
            ServedPass(reach).close()
            self._in_turn.release()
            raise

    def _seeded(self) -> SeededAws:
        aws = self._settings.aws
        if aws is None:
            raise EngineError(f"{self._function.name} has no private AWS")
        of = self._function
        return self._run.aws().seeded(aws, region=of.region, account=of.account)

    def _recorded(self) -> bool:
        return self._settings.http or any(each.downstream for each in self._fixtures)

    def _aws_recorded(self) -> bool:
        return any(
            isinstance(exchange, AwsExchange)
            for each in self._fixtures
            for exchange in each.downstream
        )

    def _settled(self, given: RunningServices) -> Iterable[tuple[Door, RunningService]]:
        name = self._function.name
        found: dict[Door, RunningService] = {}
        for text, value in given.items():
            where = f'the service "{text}" of {name}'
            running = RunningService(address=value) if isinstance(value, str) else value
            if not isinstance(running, RunningService) or not isinstance(running.address, str):
                raise ConfigError(
                    f"{where} is {value!r:.80}",
                    why="an address like 127.0.0.1:5432 or a RunningService is expected",
                )
            check_address(running.address, where)
            found[door_of(text, where)] = running
        for door in self._settings.doors:
            running = found.pop(door.door, RunningService(address=door.address))
            if not running.address:
                raise ConfigError(
                    f"functions.{name}.services has no address for {door.door.text}",
                    do='Write one, as in "127.0.0.1:5432", name a pytest fixture, or return it '
                    "from the hook pytest_lambda_rollback_services",
                )
            if door.reset:
                running = replace(running, reset=_command(door.reset))
            yield door.door, running
        yield from found.items()


def _runtime(function: FunctionSettings) -> str:
    return function.current.configuration.runtime if function.current is not None else ""


def _command(text: str) -> Callable[[], object]:
    def run() -> None:
        done = subprocess.run(
            shlex.split(text), capture_output=True, timeout=_RESET_S, check=False, text=True
        )
        if done.returncode:
            shown = " ".join((done.stderr or done.stdout).split())[-_SHOWN:]
            raise EngineError(f"`{text}` ended with status {done.returncode}", why=shown)

    return run


def _reset(door: Door, service: RunningService) -> None:
    if service.reset is None:
        return
    try:
        service.reset()
    except RollbackError as error:
        raise EngineError(
            f"{door.text} could not be reset", why=str(error).rstrip("."), do="Correct its reset"
        ) from error
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:_SHOWN].rstrip(".")
        raise EngineError(
            f"{door.text} could not be reset", why=why, do="Correct its reset"
        ) from error
