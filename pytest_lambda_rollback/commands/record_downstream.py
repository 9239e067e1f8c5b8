"""``lambda-rollback record FUNCTION --downstream``: answers of services, kept beside each event.

The current version is run on its events, sealed as in every replay, but requests to hosts that the
user allows go on to them. Answers are redacted as events are, and written for later replays, which
never touch the network. Real credentials stay in this process: requests to AWS are signed here.
"""

from __future__ import annotations

import json
import os
import re
import socket
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.commands import configurations
from pytest_lambda_rollback.commands.configurations import say
from pytest_lambda_rollback.engines import choice
from pytest_lambda_rollback.engines.interface import EngineRequest, ServingEngine
from pytest_lambda_rollback.errors import ConfigError, EngineError
from pytest_lambda_rollback.hookspecs import console_plugins
from pytest_lambda_rollback.model.downstream import AwsExchange, Exchange
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind
from pytest_lambda_rollback.model.services import Door, ServiceRequest, StoredState
from pytest_lambda_rollback.model.settings import FunctionSettings, Settings
from pytest_lambda_rollback.model.text import counted, listed
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.packages.artifacts import ArtifactStore
from pytest_lambda_rollback.redaction.key_file import read_key
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.services.http.aws_calls import is_aws_host
from pytest_lambda_rollback.services.http.forwarding import Forwarding, Recorded
from pytest_lambda_rollback.services.http.front import Front
from pytest_lambda_rollback.services.http.signing import Signer
from pytest_lambda_rollback.services.interface import ServicePass
from pytest_lambda_rollback.services.passes import Reach, ServedPass
from pytest_lambda_rollback.session import plug_points
from pytest_lambda_rollback.session.loaded_versions import Versions
from pytest_lambda_rollback.session.passes import invoked
from pytest_lambda_rollback.session.pool import EnvironmentPool
from pytest_lambda_rollback.session.serving import FunctionServices, RunServices
from pytest_lambda_rollback.session.work import Work
from pytest_lambda_rollback.sources import downstream_files, events, json_texts
from pytest_lambda_rollback.sources.aws import AwsFunctions
from pytest_lambda_rollback.sources.published_packages import PublishedPackages

_HOST: Final = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:(?P<port>[1-9][0-9]{0,4}))?")
_HTTP_PORTS: Final = (443, 80)
_SHORTEST_ECHO: Final = 4


def run(arguments: Namespace) -> int:
    """Record the answers of one function's events; 1 if something is missing in them."""
    allowed = tuple(_host(text) for text in arguments.allow)
    aws_functions = AwsFunctions(offline=False, progress=configurations.progress)
    settings, function = configurations.function_named(arguments, aws_functions)
    paths = _chosen(function, arguments.event)
    variables = tuple((name, _variable(name)) for name in arguments.pass_env)
    signer = Signer(arguments.profile) if arguments.profile else None
    if signer is not None:
        served = replace(function.services, aws=None, http=False)
    else:
        served = replace(function.services, http=False)
    run_services = RunServices()
    try:
        recording = _Recording(
            settings=settings,
            function=replace(function, services=served),
            run_services=run_services,
            allowed=allowed,
            signer=signer,
            variables=variables,
            aws_functions=aws_functions,
        )
        made = recording.made(paths)
    finally:
        run_services.close()
    return _show(function, made)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What became of one event."""

    name: str
    file: Path
    outcome: Outcome
    recorded: Recorded
    replaced: int = 0
    """Places of values that were replaced by pseudonyms."""
    written: bool = False


class _Recording:
    """Runs the current version on events and writes what its services answered."""

    def __init__(
        self,
        *,
        settings: Settings,
        function: FunctionSettings,
        run_services: RunServices,
        allowed: Sequence[str],
        signer: Signer | None,
        variables: tuple[tuple[str, str], ...],
        aws_functions: AwsFunctions,
    ) -> None:
        self._settings = settings
        self._function = function
        self._run = run_services
        self._allowed = allowed
        self._signer = signer
        self._variables = variables
        self._aws_functions = aws_functions
        self._services = FunctionServices(function, run_services)
        self._services.settle(lambda _doors: {})
        rules = configurations.redaction_rules(settings.redact)
        self._redactor = Redactor(rules, read_key(os.environ))

    def made(self, paths: Sequence[tuple[str, Path]]) -> tuple[_Made, ...]:
        """Each event in a fresh environment. Raises RollbackError where none can run."""
        progress = configurations.progress
        artifacts = ArtifactStore(configurations.cache_folder())
        packages = PublishedPackages(
            functions=self._aws_functions, artifacts=artifacts, progress=progress
        )
        work = Work(threads=2, progress=progress)
        try:
            version = self._with_variables(
                Versions(
                    settings=self._settings,
                    function=self._function,
                    packages=packages,
                    work=work,
                    filled=self._services.filled,
                ).current()
            )
            engine = choice.make_engine(
                EngineRequest(
                    settings=self._settings,
                    progress=progress,
                    unpack=artifacts.unpack,
                    registry_login=self._aws_functions.registry_login,
                ),
                plug_points.engines(console_plugins().hook),
            )
            try:
                if not isinstance(engine, ServingEngine):
                    raise EngineError(
                        f"the engine {engine.name} cannot record answers",
                        why="it cannot lead a function's connections to this process",
                        do="Use the engine docker or sandbox",
                    )
                engine.prepare(version, progress)
                pool = EnvironmentPool(engine)
                return tuple(self._event(pool, version, name, path) for name, path in paths)
            finally:
                engine.close()
        finally:
            packages.stop()
            work.cancel()

    def _with_variables(self, version: FunctionVersion) -> FunctionVersion:
        if not self._variables:
            return version
        environment = {**dict(version.configuration.environment), **dict(self._variables)}
        return replace(
            version,
            configuration=replace(
                version.configuration, environment=tuple(sorted(environment.items()))
            ),
        )

    def _event(
        self, pool: EnvironmentPool, version: FunctionVersion, name: str, path: Path
    ) -> _Made:
        configurations.progress(f"recording {name}")
        fixture = events.load(path, name=name)
        front = self._run.front()
        forwarding = front.forwarding(allowed=self._allowed, signer=self._signer)
        services = RecordingPass(
            front=front, forwarding=forwarding, base=self._services.open(), allowed=self._allowed
        )
        try:
            with pool.fresh(version, services) as environment:
                outcome = invoked(environment, fixture, services)
        finally:
            services.close()
        recorded = forwarding.take()
        file = downstream_files.beside(path)
        if outcome.kind is not OutcomeKind.RESPONSE and not recorded.exchanges:
            return _Made(name=name, file=file, outcome=outcome, recorded=recorded)
        exchanges, replaced = self._redacted(fixture, recorded.exchanges)
        if exchanges:
            downstream_files.write(file, exchanges)
        return _Made(
            name=name,
            file=file,
            outcome=outcome,
            recorded=replace(recorded, exchanges=exchanges),
            replaced=replaced,
            written=bool(exchanges),
        )

    def _redacted(
        self, fixture: EventFixture, exchanges: tuple[Exchange, ...]
    ) -> tuple[tuple[Exchange, ...], int]:
        """The exchanges with pseudonyms, and the number of places that were replaced.

        What the event itself says stays, since the function says it again in each replay.
        """
        entries = json_texts.parse(json_texts.text_of(downstream_files.entries(exchanges)))
        event = json_texts.parse(fixture.payload.decode("utf-8"))
        (changed_event, changed), found = self._redactor.redact_together(
            [((), event), (("downstream",), entries)]
        )
        own = {
            after: before
            for before, after in zip(_leaves(event), _leaves(changed_event), strict=True)
            if before != after and len(after) >= _SHORTEST_ECHO
        }
        where = f"the recording of {fixture.name}"
        read = downstream_files.read(_with(changed, own), where)
        return read, sum(each.pointer.startswith("/downstream") for each in found)


class RecordingPass:
    """The services of one recorded event: those of the function, and all others forwarded.

    Satisfies services.interface.ServicePass.
    """

    def __init__(
        self,
        *,
        front: Front,
        forwarding: Forwarding,
        base: ServicePass | None,
        allowed: Sequence[str],
    ) -> None:
        self._front = front
        self._forwarding = forwarding
        self._base = base
        trust = ServedPass(Reach(front=front))
        self.files = trust.files
        """The certificate authority that ends TLS here."""
        self.variables = (*trust.variables, *(base.variables if base is not None else ()))
        """Trust in that authority, for the processes."""
        own = base.doors if base is not None else ()
        self.doors: tuple[Door, ...] = tuple(dict.fromkeys((*own, *_doors(allowed))))
        """Every name on the ports of HTTP, and the ports of allowed hosts."""

    def connect(self, name: str, port: int) -> socket.socket:
        """A connected socket, to a service of the function or to what forwards."""
        if self._base is not None and any(_fits(door, name, port) for door in self._base.doors):
            return self._base.connect(name, port)
        return self._front.connect(host=name, port=port, to=self._forwarding)

    def begin(self, fixture: EventFixture) -> None:
        """Say which event is run now."""
        if self._base is not None:
            self._base.begin(fixture)

    def requests(self) -> tuple[ServiceRequest, ...]:
        """What was asked of the function's own services."""
        return self._base.requests() if self._base is not None else ()

    def stored(self) -> StoredState:
        """What the function's private AWS stores."""
        return self._base.stored() if self._base is not None else StoredState()

    def close(self) -> None:
        """End the function's own services. Safe to call twice."""
        if self._base is not None:
            self._base.close()


def _doors(allowed: Sequence[str]) -> Iterator[Door]:
    yield from (Door(name="*", port=port) for port in _HTTP_PORTS)
    for text in allowed:
        name, _, port = text.partition(":")
        for each in (int(port),) if port else _HTTP_PORTS:
            yield Door(name=name, port=each)


def _fits(door: Door, name: str, port: int) -> bool:
    if door.port != port:
        return False
    return door.name in ("*", name) or (door.name[:2] == "*." and name.endswith(door.name[1:]))


# --- values of the event --------------------------------------------------------------------------


def _leaves(value: object) -> Iterator[str]:
    """Texts and numbers of a document, in order."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield str(value)


def _with(value: object, own: dict[str, str]) -> object:
    """The document with the event's own values in place of their pseudonyms."""
    if not own:
        return value
    if isinstance(value, dict):
        return {str(_with(key, own)): _with(each, own) for key, each in value.items()}
    if isinstance(value, list):
        return [_with(each, own) for each in value]
    if isinstance(value, str):
        for pseudonym, said in own.items():
            value = value.replace(pseudonym, said)
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and str(value) in own:
        return json.loads(own[str(value)])
    return value


# --- arguments ------------------------------------------------------------------------------------


def _host(text: str) -> str:
    host = text.lower()
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 1) > 65535:
        raise ConfigError(
            f'--allow names "{text}"',
            why="a host is expected, as in api.example.com, *.example.com or localhost:8443",
            do="Name the host alone, without a scheme or a path",
        )
    return host


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise ConfigError(
            f"--pass-env names {name}, which is not set", do="Set it, or omit the option"
        )
    return value


def _chosen(function: FunctionSettings, names: Sequence[str]) -> tuple[tuple[str, Path], ...]:
    root = function.events_root
    known = {
        (path.relative_to(root) if root is not None else Path(path.name))
        .with_suffix("")
        .as_posix(): path
        for path in function.events
    }
    if not known:
        raise ConfigError(
            f"{function.name} has no events to record answers for",
            do=f"Record some with `lambda-rollback record {function.name}`",
        )
    for name in names:
        if name not in known:
            raise ConfigError(
                f'{function.name} has no event "{name}"', do=f"Its events are {listed(known)}"
            )
    return tuple((name, path) for name, path in known.items() if not names or name in names)


# --- output ---------------------------------------------------------------------------------------


def _show(function: FunctionSettings, made: Sequence[_Made]) -> int:
    answers = sum(len(each.recorded.exchanges) for each in made)
    events_with = sum(each.written for each in made)
    say(
        f"{function.name}: {counted(answers, 'answer')} recorded for {events_with} of "
        f"{counted(len(made), 'event')}"
        if answers
        else f"{function.name}: nothing recorded: {_why_nothing(made)}"
    )
    for each in made:
        if each.written:
            asked = Counter(_name(exchange) for exchange in each.recorded.exchanges)
            shown = ", ".join(f"{name} ({n})" if n > 1 else name for name, n in asked.items())
            say(f"recorded {each.file.name}: {shown}")
    replaced = sum(each.replaced for each in made)
    if replaced:
        say(f"replaced {counted(replaced, 'value')} with pseudonyms")
    refused = sorted({host for each in made for host in each.recorded.not_allowed})
    for host in refused:
        say(f"not allowed {host}: add {_option(host)}")
    failed = False
    for each in made:
        for why in each.recorded.failed:
            failed = True
            say(f"FAILED  {each.name}: {why}")
        if each.outcome.kind is not OutcomeKind.RESPONSE:
            failed = True
            say(f"FAILED  {each.name}: {_ended(each.outcome)}")
    return 1 if refused or failed or not answers else 0


def _why_nothing(made: Iterable[_Made]) -> str:
    if any(each.recorded.not_allowed for each in made):
        return "no host that it asked for is allowed"
    return "it asked no service"


def _option(host: str) -> str:
    return "--profile NAME" if is_aws_host(host) else f"--allow {host}"


def _name(exchange: Exchange) -> str:
    if isinstance(exchange, AwsExchange):
        return f"{exchange.service} {exchange.operation}"
    return f"{exchange.method} {exchange.url.partition('?')[0]}"


def _ended(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"{outcome.error.type}: {outcome.error.message}"
    return outcome.detail or str(outcome.kind)
