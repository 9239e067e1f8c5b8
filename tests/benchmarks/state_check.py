"""A state check, against its replays alone.

The check opens a private AWS for each pass, reads out all that is stored after each event,
compares it with the controls and judges. The reference is the same rounds of the same events on
the same two versions, in environments of the same sandbox engine with the same services, where
nothing is read out or compared. Both make one pass after another.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from benchmarks.measures import Effort, Ratio, Result, Say, take_turns
from benchmarks.workbench import RUNTIME, CannotMeasure, Workbench
from pytest_lambda_rollback.config import files as config
from pytest_lambda_rollback.contracts import invocation, response
from pytest_lambda_rollback.contracts.interface import ReplayCase
from pytest_lambda_rollback.engines.docker.base_images import known_runtimes
from pytest_lambda_rollback.model.findings import Judgement, Subject, Verdict
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import LocalVersion, ResponseRule
from pytest_lambda_rollback.model.versions import FunctionVersion, RemotePackage, TargetRef
from pytest_lambda_rollback.services.interface import ServicePass
from pytest_lambda_rollback.session.passes import invoked
from pytest_lambda_rollback.session.pool import EnvironmentPool
from pytest_lambda_rollback.session.schedule import Schedule
from pytest_lambda_rollback.session.serving import FunctionServices, RunServices
from pytest_lambda_rollback.session.state_passes import StatePasses
from pytest_lambda_rollback.sources import events, local

GOAL = 2
ROUNDS = 7
EVENTS = 10
SUBJECT = Subject(
    target=TargetRef(function="orders", version="1"),
    current=TargetRef(function="orders", version="2"),
)
_CONFIGURATION = """
[functions.orders]
current = "2"
targets = ["1"]
events = "events"
services = { aws = { seed = "seed.py" } }
"""
_VERSION = f"""
[functions.orders.versions.%s]
code = "%s"
runtime = "{RUNTIME}"
handler = "app.handler"
environment = {{ TABLE = "orders", QUEUE = "steps" }}
"""
_SEED = """
def seed(session):
    session.client("sqs").create_queue(QueueName="steps")
    session.client("dynamodb").create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
"""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shop:
    """What both sides replay."""

    current: FunctionVersion
    target: FunctionVersion
    fixtures: tuple[EventFixture, ...]
    services: FunctionServices
    pool: EnvironmentPool

    def open_pass(self) -> ServicePass:
        opened = self.services.open()
        if opened is None:
            raise CannotMeasure("the private AWS was not found: is moto installed?")
        return opened


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """The ratio of the check and its replays."""
    with _shop(bench, events_number=2 if effort.smallest else EVENTS, say=say) as shop:
        subject_s, reference_s = take_turns(
            (lambda: _timed(_check, shop), lambda: _timed(_replay, shop)),
            rounds=effort.rounds_of(ROUNDS),
            warm_up=effort.warm_up_of(1),
            say=say,
        )
    what = f"a state check of {len(shop.fixtures)} events in the sandbox / its replays alone"
    return (
        Ratio(
            name="state-check", what=what, subject_s=subject_s, reference_s=reference_s, goal=GOAL
        ),
    )


@contextmanager
def _shop(bench: Workbench, *, events_number: int, say: Say) -> Iterator[_Shop]:
    folder = bench.folder / "state-check"
    configuration = _CONFIGURATION
    for number in ("2", "1"):
        code = folder / number
        shutil.copytree(Path(__file__).parent / "state_function", code)
        (code / "version.txt").write_text(number)  # else they are one and the same
        configuration += _VERSION % (number, number)
    (folder / "events").mkdir()
    for place in range(events_number):
        event = {"id": f"A-{place % 3}", "step": f"step {place}"}
        (folder / "events" / f"{place:02}.json").write_text(json.dumps(event))
    (folder / "seed.py").write_text(_SEED)
    (folder / "lambda-rollback.toml").write_text(configuration)
    settings = config.load(
        folder / "lambda-rollback.toml",
        config.CommandLine(),
        known_runtimes=frozenset(known_runtimes()),
        engines=(),
    )
    function = settings.function("orders")
    run, store = RunServices(), bench.store()
    services = FunctionServices(function, run)
    versions = []
    for declared in function.versions:
        if not isinstance(declared, LocalVersion):
            raise CannotMeasure("the made configuration does not declare its versions")
        version = local.function_version(
            function, declared, store.load, load_remote=_refuse, empty=store.empty
        )
        versions.append(version)
    fixtures = tuple(events.load(path, name=path.stem) for path in function.events)
    services.use(fixtures)
    services.settle(lambda doors: {})
    try:
        with bench.sandbox() as engine:
            for version in versions:
                engine.prepare(version, say)
            pool = EnvironmentPool(engine)
            yield _Shop(
                current=next(each for each in versions if each.version == "2"),
                target=next(each for each in versions if each.version == "1"),
                fixtures=fixtures,
                services=services,
                pool=pool,
            )
            pool.close()
    finally:
        run.close()


def _check(shop: _Shop) -> None:
    schedule = Schedule(1)
    try:
        judged = StatePasses(
            current=shop.current,
            pool=shop.pool,
            open_pass=shop.open_pass,
            events=shop.fixtures,
            compare=_compare,
            schedule=schedule,
            wait=_wait,
            serial=True,
        ).judge(shop.target, SUBJECT)
    finally:
        schedule.cancel()
        schedule.join(1)
    if judged.verdict is not Verdict.SAFE:
        raise CannotMeasure(f"equal versions are not judged safe: {judged}")


def _replay(shop: _Shop) -> None:
    """Two controls, the rollback with the return, and the mixed passes."""
    current, target = [shop.current] * len(shop.fixtures), [shop.target] * len(shop.fixtures)
    turns = [pair[n % 2] for n, pair in enumerate(zip(current, target, strict=True))]
    for rounds in (
        (current, current, current), (current, current, current), (current, target, current),
        (turns, turns), (turns, turns),
    ):  # fmt: skip
        services = shop.open_pass()
        try:
            for round_ in rounds:
                _round(shop, round_, services)
        finally:
            services.close()


def _round(shop: _Shop, versions: Sequence[FunctionVersion], services: ServicePass) -> None:
    environments = {
        version.version: (version, shop.pool.take(version, services))
        for version in {each.version: each for each in versions}.values()
    }
    for version, fixture in zip(versions, shop.fixtures, strict=True):
        outcome = invoked(environments[version.version][1], fixture, services)
        if outcome.kind is not OutcomeKind.RESPONSE:
            raise CannotMeasure(f"the function failed: {outcome.detail} {outcome.logs}")
    for version, environment in environments.values():
        shop.pool.give(version, environment)


def _compare(
    baseline: tuple[Outcome, ...], outcome: Outcome, fixture: EventFixture, subject: Subject
) -> Judgement:
    case = ReplayCase(
        subject=subject,
        fixture=fixture,
        baseline=baseline,
        outcome=outcome,
        response=ResponseRule(),
    )
    judged = invocation.InvocationContract().judge(case)
    return judged if judged.findings else response.ResponseContract().judge(case)


def _wait(future: Future[T], activity: str, /) -> T:
    return future.result()


def _refuse(package: RemotePackage) -> NoReturn:
    raise CannotMeasure(f"the made versions have no layers, but {package.name} is fetched from AWS")


def _timed(call: Callable[[_Shop], None], shop: _Shop) -> float:
    began = time.perf_counter()
    call(shop)
    return time.perf_counter() - began
