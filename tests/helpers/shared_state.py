"""A small AWS of dictionaries, handlers of Python, and state checks of them, for tests."""

from __future__ import annotations

import copy
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from helpers.fakes import FakeEngine, FakeEnvironment, answer, raises
from helpers.subjects import subject
from pytest_lambda_rollback.contracts import invocation, response
from pytest_lambda_rollback.engines.interface import Services
from pytest_lambda_rollback.model.findings import Judgement, Subject, Verdict
from pytest_lambda_rollback.model.replay import EventFixture, Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.services import (
    Answer,
    Door,
    ServiceRequest,
    StoredItem,
    StoredState,
)
from pytest_lambda_rollback.model.settings import ResponseRule
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion
from pytest_lambda_rollback.session.pool import EnvironmentPool
from pytest_lambda_rollback.session.schedule import Schedule
from pytest_lambda_rollback.session.state_passes import StatePasses
from pytest_lambda_rollback.session.work import Work


class ConflictError(Exception):
    """There is such an item."""


@dataclass
class Aws:
    """Tables by name and key, queues by name, buckets by name and key."""

    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    queues: dict[str, list[Any]] = field(default_factory=dict)
    buckets: dict[str, dict[str, Any]] = field(default_factory=dict)
    buses: dict[str, list[Any]] = field(default_factory=dict)
    ttl: dict[str, str] = field(default_factory=dict)
    asked: list[ServiceRequest] = field(default_factory=list)

    def get(self, table: str, key: str) -> dict[str, Any] | None:
        self._ask("dynamodb", "GetItem", {"TableName": table, "Key": {"id": {"S": key}}})
        item = self.tables.setdefault(table, {}).get(key)
        return copy.deepcopy(item)

    def all(self, table: str) -> list[dict[str, Any]]:
        self._ask("dynamodb", "Scan", {"TableName": table})
        return copy.deepcopy([*self.tables.setdefault(table, {}).values()])

    def put(self, table: str, item: dict[str, Any], *, new: bool = False) -> None:
        self._ask("dynamodb", "PutItem", {"TableName": table, "Item": typed(item)["M"]})
        items = self.tables.setdefault(table, {})
        if new and item["id"] in items:
            raise ConflictError(item["id"])
        items[item["id"]] = copy.deepcopy(item)

    def update(self, table: str, key: str, **values: Any) -> None:
        self._ask("dynamodb", "UpdateItem", {"TableName": table, "Key": {"id": {"S": key}}})
        self.tables.setdefault(table, {}).setdefault(key, {"id": key}).update(values)

    def delete(self, table: str, key: str) -> None:
        self._ask("dynamodb", "DeleteItem", {"TableName": table, "Key": {"id": {"S": key}}})
        self.tables.setdefault(table, {}).pop(key, None)

    def send(self, queue: str, body: Any, **attributes: str) -> None:
        self._ask("sqs", "SendMessage", {"QueueUrl": queue})
        text = body if isinstance(body, str) else json.dumps(body)
        named = {k: {"type": "String", "value": v} for k, v in attributes.items()}
        self.queues.setdefault(queue, []).append({"body": text, "attributes": named})

    def publish(self, bus: str, event: dict[str, Any]) -> None:
        self._ask("events", "PutEvents", {"Entries": [event]})
        self.buses.setdefault(bus, []).append(event)

    def read(self, bucket: str, key: str) -> Any:
        self._ask("s3", "GetObject", {"Bucket": bucket, "Key": key})
        return self.buckets.setdefault(bucket, {})[key]

    def write(self, bucket: str, key: str, content: Any) -> None:
        self._ask("s3", "PutObject", {"Bucket": bucket, "Key": key})
        self.buckets.setdefault(bucket, {})[key] = content

    def cannot(self) -> None:
        """Ask for what this AWS does not do."""
        parameters = {"TransactStatements": [{"Statement": "SELECT * FROM orders"}]}
        self._ask("dynamodb", "ExecuteTransaction", parameters, Answer.UNSUPPORTED)

    def stored(self) -> StoredState:
        items = [
            StoredItem(
                service="dynamodb",
                container=table,
                key=json.dumps({"id": key}),
                value=json.dumps(typed(item)["M"]),
            )
            for table, items in self.tables.items()
            for key, item in items.items()
        ]
        items += [
            StoredItem(
                service="dynamodb", container=table, key="", value=json.dumps({"ttl": attribute})
            )
            for table, attribute in self.ttl.items()
        ]
        items += [
            StoredItem(service=service, container=queue, key=str(n), value=json.dumps(message))
            for service, sent in (("sqs", self.queues), ("events", self.buses))
            for queue, messages in sent.items()
            for n, message in enumerate(messages, start=1)
        ]
        items += [
            StoredItem(service="s3", container=bucket, key=key, value=json.dumps(content))
            for bucket, objects in self.buckets.items()
            for key, content in objects.items()
        ]
        return StoredState(items=tuple(sorted(items)))

    def _ask(
        self, service: str, operation: str, parameters: Any, how: Answer = Answer.ANSWERED
    ) -> None:
        self.asked.append(
            ServiceRequest(
                service=service,
                operation=operation,
                parameters=json.dumps(parameters),
                status=200,
                answer=how,
            )
        )


def typed(value: Any) -> dict[str, Any]:
    """A value with DynamoDB's types."""
    match value:
        case bool():
            return {"BOOL": value}
        case None:
            return {"NULL": True}
        case int() | float() | Decimal():
            return {"N": str(value)}
        case bytes():
            return {"B": value.decode("ascii")}
        case dict():
            return {"M": {key: typed(each) for key, each in value.items()}}
        case list():
            return {"L": [typed(each) for each in value]}
    return {"S": str(value)}


Handler = Callable[[Any, Aws], Any]
"""(event, AWS) to the answer; what it raises is a function error."""


@dataclass
class AwsPass:
    """The services of one pass: a copy of the first state."""

    aws: Aws
    doors: tuple[Door, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    closed: bool = False
    began: list[str] = field(default_factory=list)

    def connect(self, name: str, port: int) -> socket.socket:
        raise ConnectionRefusedError(name)

    def begin(self, fixture: EventFixture) -> None:
        self.began.append(fixture.name)
        self.aws.asked.clear()

    def requests(self) -> tuple[ServiceRequest, ...]:
        return tuple(self.aws.asked)

    def stored(self) -> StoredState:
        return self.aws.stored()

    def close(self) -> None:
        self.closed = True


@dataclass
class StatefulEnvironment(FakeEnvironment):
    """Calls a handler with the services of its pass."""

    handler: Handler = lambda _event, _aws: None
    services: AwsPass | None = None
    handled: list[str] = field(default_factory=list)

    def invoke(self, invocation: Invocation) -> Outcome:
        assert self.services is not None
        assert not self.services.closed
        event = json.loads(invocation.event)
        self.handled.append(event["name"])
        try:
            value = self.handler(event, self.services.aws)
        except Exception as error:
            return raises(type(error).__name__, str(error))
        if isinstance(value, Outcome):
            self.alive = value.kind in (OutcomeKind.RESPONSE, OutcomeKind.FUNCTION_ERROR)
            return value
        return answer(value)


@dataclass
class StatefulEngine(FakeEngine):
    """Starts environments that reach services; a handler for each version."""

    handlers: Mapping[str, Handler] = field(default_factory=dict)

    def start_serving(self, version: FunctionVersion, services: Services) -> Any:
        assert isinstance(services, AwsPass)
        with self.lock:
            made = StatefulEnvironment(
                version,
                self.respond,
                len(self.environments),
                handler=self.handlers[version.version],
                services=services,
            )
            self.environments.append(made)
        return made


def version(name: str, memory_mb: int = 128) -> FunctionVersion:
    return FunctionVersion(
        function="orders",
        version=name,
        code=Artifact(label=name, digest=name, size_bytes=1, tar=Path(name)),
        layers=(),
        configuration=FunctionConfiguration(memory_mb=memory_mb),
    )


def compared(
    baseline: tuple[Outcome, ...], outcome: Outcome, fixture: EventFixture, about: Subject
) -> Judgement:
    """The contracts that judge an outcome, where somebody reads every answer."""
    judged = invocation.judge(
        baseline, outcome, fixture.expect, subject=about, event=fixture.payload
    )
    both = {each.kind for each in (*baseline, outcome)} == {OutcomeKind.RESPONSE}
    if judged.verdict is not Verdict.SAFE or not both:
        return judged
    return response.judge(baseline, outcome, ResponseRule(), subject=about)


@dataclass(kw_only=True)
class Shared:
    """Version 4 current and 2 its target, on one state."""

    current: Handler
    target: Handler
    events: tuple[Mapping[str, Any], ...]
    """Each with a ``name``."""
    start: Aws = field(default_factory=Aws)
    weights: tuple[int, int] = (1, 1)
    serial: bool = False
    budget_s: float = 60.0
    lanes: int = 2
    memory_mb: int | None = None
    passes: list[AwsPass] = field(default_factory=list)
    engine: StatefulEngine = field(init=False)

    def open_pass(self) -> AwsPass:
        with self.engine.lock:
            self.passes.append(AwsPass(aws=copy.deepcopy(self.start)))
            return self.passes[-1]

    def judge(self, **more: Any) -> Judgement:
        """The judgement on version 2."""
        self.engine = StatefulEngine(
            lambda *_: answer(None), handlers={"4": self.current, "2": self.target}
        )
        schedule = Schedule(self.lanes)
        try:
            checks = StatePasses(
                current=version("4"),
                pool=EnvironmentPool(self.engine, memory_mb=self.memory_mb),
                open_pass=self.open_pass,
                events=[
                    EventFixture(
                        name=str(each["name"]),
                        path=Path(f"{each['name']}.json"),
                        payload=json.dumps(dict(each)).encode(),
                    )
                    for each in self.events
                ],
                compare=compared,
                schedule=schedule,
                wait=Work(threads=1, progress=lambda _text: None).wait,
                weights=self.weights,
                serial=self.serial,
                budget_s=self.budget_s,
            )
            return checks.judge(replace(version("2"), **more), subject("2"))
        finally:
            schedule.cancel()
            assert schedule.join(10)
            assert all(each.closed for each in self.passes)


def numbered() -> Callable[[], str]:
    """Ids that no two calls share, as random ones are."""
    lock = threading.Lock()
    made = iter(range(10**6))

    def number() -> str:
        with lock:
            return f"{next(made) * 7919 % 999983:06d}"

    return number
