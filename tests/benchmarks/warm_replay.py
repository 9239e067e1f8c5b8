"""A replay in an environment that is up, against the same call through AWS's emulator.

Both are the same image, function and event, and both calls come from this process: ours through
the docker engine, theirs as a POST on a connection that is kept. What a function does itself is on
both sides and would hide the difference, so the one that is judged does nothing.
"""

from __future__ import annotations

import http.client
import itertools
import time
from collections.abc import Callable

from benchmarks.measures import Effort, Ratio, Result, Say, take_turns
from benchmarks.workbench import CannotMeasure, Workbench, check_answer
from pytest_lambda_rollback.engines.interface import ExecutionEnvironment
from pytest_lambda_rollback.model.replay import Invocation, Outcome
from pytest_lambda_rollback.model.versions import FunctionVersion

GOAL = 0.5
ROUNDS = 500
WARM_UP = 50
PATH = "/2015-03-31/functions/function/invocations"


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """The ratio for a function without work of its own (judged), and for the example's."""
    ways = "in the docker engine / the same call through AWS's emulator"
    idle = _samples(bench, bench.idle, effort, say)
    example = _samples(bench, bench.current, effort, say)
    return (
        Ratio(
            name="warm-replay",
            what=f"one warm replay {ways}",
            subject_s=idle[0],
            reference_s=idle[1],
            goal=GOAL,
        ),
        Ratio(
            name="warm-replay-example",
            what=f"of the example's function, which signs and logs, {ways}",
            subject_s=example[0],
            reference_s=example[1],
        ),
    )


def _samples(
    bench: Workbench, version: FunctionVersion, effort: Effort, say: Say
) -> tuple[tuple[float, ...], ...]:
    event = bench.event.payload
    with bench.engine() as engine, bench.emulator(version) as emulator:
        engine.prepare(version, say)
        replay = replayer(engine.start(version), event)
        connection = http.client.HTTPConnection(emulator, timeout=30)
        try:
            ours = check_answer(replay().payload, "the docker engine")
            theirs = check_answer(post(connection, event), "AWS's emulator")
            if ours != theirs:
                raise CannotMeasure(f"the answers differ: {sorted(ours)}, {sorted(theirs)}")
            samples = take_turns(
                (lambda: timed(replay), lambda: timed(lambda: post(connection, event))),
                rounds=effort.rounds_of(ROUNDS),
                warm_up=effort.warm_up_of(WARM_UP),
                say=say,
            )
            check_answer(replay().payload, "the docker engine")
        finally:
            connection.close()
    return samples


def replayer(environment: ExecutionEnvironment, event: bytes) -> Callable[[], Outcome]:
    """Replays an event with another request id each time."""
    numbers = itertools.count(1)

    def replay() -> Outcome:
        return environment.invoke(
            Invocation(request_id=f"00000000-0000-4000-8000-{next(numbers):012}", event=event)
        )

    return replay


def post(connection: http.client.HTTPConnection, event: bytes) -> bytes:
    """One call through the emulator."""
    connection.request("POST", PATH, body=event)
    return connection.getresponse().read()


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
