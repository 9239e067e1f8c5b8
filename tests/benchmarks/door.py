"""A service behind a door, against the same service straight: what the way through costs.

A function in a sandbox and this process run the same code against the same server: requests on one
connection, as an SDK's pool makes them, and bytes both ways. The server waits as long as a small
call of an emulated AWS takes, and answers at once beside it.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.measures import Duration, Effort, Ratio, Result, Say, take_turns
from benchmarks.workbench import CannotMeasure, Workbench
from helpers.doors import FakeServices, served
from pytest_lambda_rollback.engines.interface import ServedEnvironment, ServingEngine
from pytest_lambda_rollback.model.replay import Invocation

GOAL = 1.3
"""Of a request whose answer takes `WORK_S`."""
WORK_S = 0.0025
ROUNDS = 60
WARM_UP = 5
REQUESTS = 20
REQUEST_BYTES = 700
"""As a GetItem of DynamoDB with its headers."""
BULK_BYTES = 4 * 1024 * 1024

CODE = """
import socket, time

def ask(name, port, count, size):
    with socket.create_connection((name, port), timeout=30) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = time.perf_counter()
        for _ in range(count):
            s.sendall(b"x" * size)
            left = size
            while left:
                left -= len(s.recv(left))
        return (time.perf_counter() - begun) / count

def handler(event, context):
    return ask(**event)
"""


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """The ratios of a request with work behind it (judged) and of much data; one without."""
    with (
        served(lambda each: _answer(each, WORK_S)) as working,
        served(lambda each: _answer(each, 0.0)) as idle,
        _environment(bench, say, working, idle) as environment,
    ):
        here: dict[str, Callable[..., float]] = {}
        exec(CODE, here)
        direct = here["ask"]

        def pair(name: str, port: int, count: int, size: int) -> tuple[tuple[float, ...], ...]:
            return take_turns(
                (
                    lambda: _through(environment, name, count, size),
                    lambda: direct("127.0.0.1", port, count, size),
                ),
                rounds=effort.rounds_of(ROUNDS),
                warm_up=effort.warm_up_of(WARM_UP),
                say=say,
            )

        work = pair("working.internal", working, REQUESTS, REQUEST_BYTES)
        none, _ = pair("idle.internal", idle, REQUESTS, REQUEST_BYTES)
        bulk = pair("idle.internal", idle, 1, BULK_BYTES)
    return (
        Ratio(
            name="door",
            what=f"a request through a door, answered after {WORK_S * 1000:g} ms / straight",
            subject_s=work[0],
            reference_s=work[1],
            goal=GOAL,
        ),
        Duration(
            name="door-idle",
            what="a request through a door that is answered at once",
            samples_s=none,
        ),
        Ratio(
            name="door-bulk",
            what="4 MB and the same back through a door / straight",
            subject_s=bulk[0],
            reference_s=bulk[1],
        ),
    )


def _answer(connection: socket.socket, work_s: float) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := connection.recv(1 << 16):
        if work_s:
            time.sleep(work_s)
        connection.sendall(data)


@contextmanager
def _environment(
    bench: Workbench, say: Say, working: int, idle: int
) -> Iterator[ServedEnvironment]:
    folder = bench.folder / "door"
    folder.mkdir()
    (folder / "app.py").write_text(CODE)
    store = bench.store()
    code = store.load(folder, label="code", root_dir="/var/task")
    declared = bench.load(store, bench.declared[0])
    version = replace(declared, function="door", code=code, layers=())
    services = FakeServices(ports={"working.internal:80": working, "idle.internal:80": idle})
    with bench.sandbox() as engine:
        if not isinstance(engine, ServingEngine):
            raise CannotMeasure("the sandbox engine has no doors")
        engine.prepare(version, say)
        environment = engine.start_serving(version, services)
        try:
            yield environment
        finally:
            environment.close()


def _through(environment: ServedEnvironment, name: str, count: int, size: int) -> float:
    event = {"name": name, "port": 80, "count": count, "size": size}
    outcome = environment.invoke(Invocation(request_id="id", event=json.dumps(event).encode()))
    try:
        return float(json.loads(outcome.payload or b""))
    except ValueError as error:
        raise CannotMeasure(f"the function did not answer: {outcome.detail}") from error
