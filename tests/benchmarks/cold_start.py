"""From nothing to the first response: new and renewed environments, and what they are held against.

A new container of the docker engine is held against a new container of AWS's emulator, an
environment that is made fresh in place against a new container, and a sandbox against a
`docker run` of a program that does nothing. The function itself does nothing either; Python and
AWS's client start on every side but the last. Their start is the same in a new and in a renewed
environment, so the judged figure of these two ends where the runtime is started.
"""

from __future__ import annotations

import http.client
import subprocess
import time

from benchmarks.measures import Effort, Ratio, Result, Say, take_turns
from benchmarks.warm_replay import post, replayer, timed
from benchmarks.workbench import BASE_IMAGE, CannotMeasure, Workbench, check_answer
from pytest_lambda_rollback.engines.interface import Engine, RenewableEnvironment

GOAL = 0.8
GOAL_IN_PLACE = 0.2
GOAL_OF_THE_SANDBOX = 0.25
ROUNDS = 12
WARM_UP = 1


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """Start to first response by each way."""
    version, event = bench.idle, bench.event.payload

    up_to_runtime = _Samples()

    def started(engine: Engine, name: str) -> float:
        began = time.perf_counter()
        environment = engine.start(version)
        up_to_runtime.add(name, time.perf_counter() - began)
        outcome = replayer(environment, event)()
        taken = time.perf_counter() - began
        environment.close()
        check_answer(outcome.payload, name)
        return taken

    def emulator() -> float:
        began = time.perf_counter()
        with bench.emulator(version) as address:
            connection = http.client.HTTPConnection(address, timeout=30)
            answer = post(connection, event)
            taken = time.perf_counter() - began
            connection.close()
        check_answer(answer, "AWS's emulator")
        return taken

    with bench.engine() as docker, bench.sandbox() as sandbox:
        docker.prepare(version, say)
        sandbox.prepare(version, say)
        kept = docker.start(version)
        if not isinstance(kept, RenewableEnvironment):
            raise CannotMeasure("the docker engine's environments cannot be made fresh in place")
        check_answer(replayer(kept, event)().payload, "the docker engine")

        def renewed() -> float:
            began = time.perf_counter()
            if not kept.renew():
                raise CannotMeasure("an environment of the docker engine could not be made fresh")
            up_to_runtime.add("renewed", time.perf_counter() - began)
            outcome = replayer(kept, event)()
            taken = time.perf_counter() - began
            check_answer(outcome.payload, "a renewed environment")
            return taken

        samples = take_turns(
            (
                lambda: started(docker, "the docker engine"),
                emulator,
                renewed,
                lambda: started(sandbox, "the sandbox engine"),
                lambda: timed(_docker_run_of_nothing),
            ),
            rounds=effort.rounds_of(ROUNDS),
            warm_up=effort.warm_up_of(WARM_UP),
            say=say,
        )
        kept.close()
    return (
        Ratio(
            name="cold-start",
            what="start to first response in the docker engine / with AWS's emulator",
            subject_s=samples[0],
            reference_s=samples[1],
            goal=GOAL,
        ),
        Ratio(
            name="fresh-in-place",
            what="a container made fresh in place / a new container, until the runtime is started",
            subject_s=up_to_runtime.last("renewed", len(samples[2])),
            reference_s=up_to_runtime.last("the docker engine", len(samples[0])),
            goal=GOAL_IN_PLACE,
        ),
        Ratio(
            name="fresh-in-place-response",
            what="a container made fresh in place / a new container, to its first response",
            subject_s=samples[2],
            reference_s=samples[0],
        ),
        Ratio(
            name="sandbox-start",
            what="start to first response in the sandbox engine / docker run of nothing",
            subject_s=samples[3],
            reference_s=samples[4],
            goal=GOAL_OF_THE_SANDBOX,
        ),
    )


class _Samples:
    """Times that come about within what is timed, by name."""

    def __init__(self) -> None:
        self._of: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        """Keep one more time."""
        self._of.setdefault(name, []).append(seconds)

    def last(self, name: str, count: int) -> tuple[float, ...]:
        """The last times, without those of the warm-up."""
        return tuple(self._of[name][-count:])


def _docker_run_of_nothing() -> None:
    subprocess.run(
        ["docker", "run", "--rm", "--network=none", "--entrypoint=/bin/true", BASE_IMAGE],
        check=True,
        capture_output=True,
    )
