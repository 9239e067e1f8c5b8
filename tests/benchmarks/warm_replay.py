"""A replay in an environment that is up, against the same call through AWS's emulator.

All are the same function and event, and all calls come from this process: ours through the docker
and the sandbox engine, theirs as a POST on a connection that is kept, in the very image that the
docker engine uses. What a function does itself is on all sides and would hide the difference, so
the one that is judged does nothing.
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

GOAL = 0.45
GOAL_OF_THE_SANDBOX = 0.2
ROUNDS = 500
WARM_UP = 50
PATH = "/2015-03-31/functions/function/invocations"


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """The ratios for a function without work of its own (judged), and for the example's."""
    emulated = "the same call through AWS's emulator"
    idle = _samples(bench, bench.idle, effort, say)
    example = _samples(bench, bench.current, effort, say)
    return (
        Ratio(
            name="warm-replay",
            what=f"one warm replay in the docker engine / {emulated}",
            subject_s=idle[0],
            reference_s=idle[2],
            goal=GOAL,
        ),
        Ratio(
            name="warm-replay-sandbox",
            what=f"one warm replay in the sandbox engine / {emulated}",
            subject_s=idle[1],
            reference_s=idle[2],
            goal=GOAL_OF_THE_SANDBOX,
        ),
        Ratio(
            name="warm-replay-example",
            what="of the example's function, which signs and logs, in the docker engine / "
            f"{emulated}",
            subject_s=example[0],
            reference_s=example[2],
        ),
    )


def _samples(
    bench: Workbench, version: FunctionVersion, effort: Effort, say: Say
) -> tuple[tuple[float, ...], ...]:
    """Times in the docker engine, in the sandbox engine and through the emulator."""
    event = bench.event.payload
    with (
        bench.engine() as docker,
        bench.sandbox() as sandbox,
        bench.emulator(version) as emulator,
    ):
        docker.prepare(version, say)
        sandbox.prepare(version, say)
        in_docker = replayer(docker.start(version), event)
        in_sandbox = replayer(sandbox.start(version), event)
        connection = http.client.HTTPConnection(emulator, timeout=30)
        try:
            answers = (
                check_answer(in_docker().payload, "the docker engine"),
                check_answer(in_sandbox().payload, "the sandbox engine"),
                check_answer(post(connection, event), "AWS's emulator"),
            )
            if len(set(answers)) > 1:
                raise CannotMeasure(f"the answers differ: {[sorted(each) for each in answers]}")
            samples = take_turns(
                (
                    lambda: timed(in_docker),
                    lambda: timed(in_sandbox),
                    lambda: timed(lambda: post(connection, event)),
                ),
                rounds=effort.rounds_of(ROUNDS),
                warm_up=effort.warm_up_of(WARM_UP),
                say=say,
            )
            check_answer(in_docker().payload, "the docker engine")
            check_answer(in_sandbox().payload, "the sandbox engine")
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
