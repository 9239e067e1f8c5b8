"""Guards around what plugins provide: their mistakes become reasons that name them.

An exception that a protocol does not allow, or a value of the wrong type, ends neither the run nor
other checks. Nothing is known here of hooks, nor of what comes with the package, which is not
guarded.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Literal, TypeVar

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    AnswerRules,
    Compared,
    Differences,
    Event,
    EventSource,
    Object,
)
from pytest_lambda_rollback.config.version_sources import (
    FoundVersions,
    SourceRequest,
    VersionSource,
)
from pytest_lambda_rollback.contracts.interface import (
    ReplayCase,
    ReplayContract,
    StaticCase,
    StaticContract,
)
from pytest_lambda_rollback.engines.interface import (
    Engine,
    EngineRequest,
    EngineType,
    ExecutionEnvironment,
    Progress,
    RenewableEnvironment,
)
from pytest_lambda_rollback.errors import ConfigError, EngineError, RollbackError, SourceError
from pytest_lambda_rollback.model.findings import Finding, Judgement, Note
from pytest_lambda_rollback.model.json_values import Json
from pytest_lambda_rollback.model.replay import (
    EngineDescription,
    Invocation,
    Outcome,
    OutcomeKind,
)
from pytest_lambda_rollback.model.text import listed
from pytest_lambda_rollback.model.versions import FunctionVersion

DO = "Correct or uninstall the plugin"

_OWN = __name__.partition(".")[0]
_PACKAGE = PurePath(__file__).parents[1]
_LONGEST = 200

Case = TypeVar("Case", StaticCase, ReplayCase)


def origin(plugged: object) -> str:
    """The class of an implementation, with its module: ``podman_plugin.Podman``."""
    kind = plugged if isinstance(plugged, type) else type(plugged)
    return f"{kind.__module__}.{kind.__qualname__}"


def described(error: BaseException) -> str:
    """``ValueError: boom (podman_plugin.py:31)``, in one line without a full stop."""
    text = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST].rstrip(".: ")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not PurePath(frame.filename).is_relative_to(_PACKAGE)
    ]
    return f"{text} ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else text


@contextmanager
def guarded(
    what: str, raises: type[RollbackError], *, allowed: type[RollbackError] = RollbackError
) -> Generator[None]:
    """Raise ``raises`` in place of every exception but ``allowed`` ones."""
    try:
        yield
    except allowed:
        raise
    except Exception as error:
        raise raises(f"{what} failed", why=described(error), do=DO) from error


def wrong(
    what: str, value: object, expected: str, raises: type[RollbackError] = ConfigError
) -> RollbackError:
    """The error for what an implementation returned in place of what its protocol says."""
    return raises(f"{what} returned {repr(value)[:_LONGEST]}", why=f"{expected} is expected", do=DO)


# --- contracts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GuardedStaticContract:
    """A plugin's contract that needs no replay."""

    contract: StaticContract
    needs_replays: Literal[False] = False

    @property
    def name(self) -> str:
        """The contract's name."""
        return self.contract.name

    def judge(self, case: StaticCase) -> Judgement:
        """Judge; a contract that fails leaves the check unknown."""
        return _judged(self.contract, self.contract.judge, case)


@dataclass(frozen=True, slots=True)
class GuardedReplayContract:
    """A plugin's contract that needs replays."""

    contract: ReplayContract
    needs_replays: Literal[True] = True

    @property
    def name(self) -> str:
        """The contract's name."""
        return self.contract.name

    def judge(self, case: ReplayCase) -> Judgement:
        """Judge; a contract that fails leaves the check unknown."""
        return _judged(self.contract, self.contract.judge, case)


def guarded_contract(contract: StaticContract | ReplayContract) -> StaticContract | ReplayContract:
    """The contract with a guard around it."""
    if contract.needs_replays:
        return GuardedReplayContract(contract)
    return GuardedStaticContract(contract)


def _judged(
    contract: StaticContract | ReplayContract, judge: Callable[[Case], Judgement], case: Case
) -> Judgement:
    what = f'the contract "{contract.name}" ({origin(contract)})'
    try:
        with guarded(what, ConfigError):
            judgement = judge(case)
        _refuse_unusable(judgement, what)
    except RollbackError as error:
        return Judgement(reason=str(error))
    return judgement


def _refuse_unusable(judgement: object, what: str) -> None:
    """Raise ConfigError for what is not a judgement that can be shown."""
    if not isinstance(judgement, Judgement):
        raise wrong(what, judgement, "a Judgement")
    reason = judgement.reason
    unusable = [] if reason is None or (isinstance(reason, str) and reason) else ["reason"]
    for name, kind in (("findings", Finding), ("warnings", Finding), ("notes", Note)):
        values = getattr(judgement, name)
        typed = isinstance(values, tuple) and all(isinstance(each, kind) for each in values)
        if not typed or not all(isinstance(each.text, str) and each.text for each in values):
            unusable.append(name)
    if unusable:
        raise ConfigError(
            f"{what} returned a Judgement with unusable {listed(unusable)}",
            why="findings, warnings and notes are tuples of values with text, a reason is text",
            do=DO,
        )


# --- engines ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GuardedEngineType:
    """A plugin's engine that a configuration can name."""

    kind: EngineType

    @property
    def name(self) -> str:
        """The engine's name."""
        return self.kind.name

    @property
    def description(self) -> str:
        """The engine's description."""
        return self.kind.description

    def make(self, request: EngineRequest) -> Engine:
        """Make the engine. Raises EngineError."""
        what = f'the engine "{self.name}" ({origin(self.kind)})'
        with guarded(what, EngineError, allowed=EngineError):
            engine = self.kind.make(request)
        return guarded_engine(engine, what)


def guarded_engine(engine: object, what: str) -> Engine:
    """A plugin's engine with a guard around it; the package's own ones are left as they are.

    ``what`` made it. Raises EngineError for what is not an engine.
    """
    if origin(engine).partition(".")[0] == _OWN:
        return engine  # type: ignore[return-value]
    missing = [
        name
        for name in ("prepare", "start", "describe", "close")
        if not callable(getattr(engine, name, None))
    ]
    if missing or not isinstance(getattr(engine, "name", None), str):
        lacks = ", ".join(missing) or "name"
        raise wrong(what, engine, f"an Engine, with {lacks},", EngineError)
    return GuardedEngine(engine)  # type: ignore[arg-type]


class GuardedEngine:
    """A plugin's engine; raises nothing but EngineError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._what = f'the engine "{engine.name}" ({origin(engine)})'
        self._left: list[str] = []
        self.name = engine.name

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        """Prepare a version. Raises EngineError."""
        with guarded(f"{self._what}, preparing {version.name},", EngineError, allowed=EngineError):
            self._engine.prepare(version, progress)

    def start(self, version: FunctionVersion) -> ExecutionEnvironment:
        """Start an environment. Raises EngineError."""
        what = f"{self._what}, starting {version.name},"
        with guarded(what, EngineError, allowed=EngineError):
            environment = self._engine.start(version)
        if not (callable(getattr(environment, "invoke", None)) and hasattr(environment, "alive")):
            raise wrong(what, environment, "an ExecutionEnvironment", EngineError)
        return GuardedEnvironment(environment, what=self._what, left=self._left)

    def describe(self) -> EngineDescription:
        """The engine's facts; one that cannot tell them is not called sealed."""
        try:
            with guarded(f"{self._what}, describing itself,", EngineError):
                description = self._engine.describe()
            if not isinstance(description, EngineDescription):
                raise wrong(self._what, description, "an EngineDescription", EngineError)
        except EngineError as error:
            return EngineDescription(
                name=self.name, not_sealed=(f"as far as is known: {error}".rstrip("."),)
            )
        return description

    def close(self) -> None:
        """End everything. Raises EngineError, also for environments that did not end."""
        with guarded(f"{self._what}, closing,", EngineError, allowed=EngineError):
            self._engine.close()
        if self._left:
            raise EngineError(
                f"{self._what} did not end every environment", why=self._left[0], do=DO
            )


class GuardedEnvironment:
    """An environment of a plugin's engine; raises nothing."""

    def __init__(self, environment: ExecutionEnvironment, *, what: str, left: list[str]) -> None:
        self._environment = environment
        self._what = what
        self._left = left
        """Why environments did not end, for the engine."""
        self._failed = False

    @property
    def alive(self) -> bool:
        """False once it was ended, or cannot tell."""
        try:
            return not self._failed and bool(self._environment.alive)
        except Exception:
            return False

    def invoke(self, invocation: Invocation) -> Outcome:
        """Replay one event; what goes wrong here is never the function's doing."""
        try:
            with guarded(f"{self._what}, replaying,", EngineError):
                outcome = self._environment.invoke(invocation)
            if not isinstance(outcome, Outcome):
                raise wrong(self._what, outcome, "an Outcome", EngineError)
        except RollbackError as error:
            self._failed = True
            return Outcome(kind=OutcomeKind.HARNESS_FAILURE, detail=str(error).rstrip("."))
        return outcome

    def renew(self) -> bool:
        """Make it fresh in place; False where the plugin's engine cannot, or fails to."""
        try:
            environment = self._environment
            if self._failed or not isinstance(environment, RenewableEnvironment):
                return False
            return environment.renew() is True
        except Exception:
            return False

    def close(self) -> None:
        """End it; a failure is left for the engine's end."""
        try:
            self._environment.close()
        except Exception as error:
            self._left.append(described(error))


# --- version sources --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GuardedVersionSource:
    """A plugin's version source; raises nothing but ConfigError and SourceError."""

    source: VersionSource

    @property
    def name(self) -> str:
        """The source's name."""
        return self.source.name

    def find(self, request: SourceRequest) -> FoundVersions:
        """Find a function's versions. Raises ConfigError and SourceError."""
        what = f'the version source "{self.name}" ({origin(self.source)})'
        with guarded(what, SourceError):
            found = self.source.find(request)
        if not isinstance(found, FoundVersions):
            raise wrong(what, found, "a FoundVersions value", SourceError)
        for tables, of in ((found.versions, Mapping), (found.aliases, str)):
            if not isinstance(tables, Mapping) or not all(
                isinstance(name, str) and isinstance(value, of) for name, value in tables.items()
            ):
                expected = "versions by name, each a table" if of is Mapping else "aliases by name"
                raise wrong(what, tables, expected, SourceError)
        return found


# --- event sources ----------------------------------------------------------------------------


def guarded_event_source(source: EventSource) -> EventSource:
    """A plugin's event source that raises nothing but errors of this package."""
    what = f'the event source "{source.name}" ({source.recognises.__module__})'

    def recognises(event: Json) -> bool:
        with guarded(what, ConfigError):
            return bool(source.recognises(event))

    def answer_is_read(event: Object) -> bool:
        with guarded(what, ConfigError):
            return bool(source.answer_is_read(event))

    def may_be_passed_on(event: Object) -> bool:
        with guarded(what, ConfigError):
            return bool(source.may_be_passed_on(event))

    answers = None if source.answers is None else _GuardedAnswers(source.answers, what)
    return replace(
        source,
        recognises=recognises,
        answer_is_read=answer_is_read,
        may_be_passed_on=may_be_passed_on,
        answers=answers,
    )


@dataclass(frozen=True, slots=True)
class _GuardedAnswers:
    rules: AnswerRules
    what: str

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        with guarded(self.what, ConfigError):
            compared = self.rules.read(current, target, differences, event=event, exact=exact)
        if not isinstance(compared, Compared):
            raise wrong(self.what, compared, "a Compared value")
        return compared
