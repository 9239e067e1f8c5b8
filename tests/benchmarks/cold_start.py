"""From nothing to the first response: a fresh environment, and a fresh emulator container."""

from __future__ import annotations

import http.client
import time

from benchmarks.measures import Effort, Ratio, Result, Say, take_turns
from benchmarks.warm_replay import post, replayer
from benchmarks.workbench import Workbench, check_answer

ROUNDS = 8
WARM_UP = 1


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """For information: the containers' starts are Docker's work, on both sides."""
    version, event = bench.current, bench.event.payload
    with bench.engine() as engine:
        engine.prepare(version, say)

        def environment() -> float:
            began = time.perf_counter()
            started = engine.start(version)
            outcome = replayer(started, event)()
            taken = time.perf_counter() - began
            started.close()
            check_answer(outcome.payload, "the docker engine")
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

        engine.start(version).close()  # leftovers are looked for with the first start
        samples = take_turns(
            (environment, emulator),
            rounds=min(effort.rounds_of(ROUNDS), ROUNDS),
            warm_up=effort.warm_up_of(WARM_UP),
            say=say,
        )
    return (
        Ratio(
            name="cold-start",
            what="start to first response in the docker engine / with AWS's emulator",
            subject_s=samples[0],
            reference_s=samples[1],
        ),
    )
