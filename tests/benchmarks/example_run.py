"""The whole of `pytest --lambda-rollback example_project` in Docker, against it in the sandbox.

Everything is built already. Both runs replay the same events by the same strategies and passes, so
the ratio is what containers cost above sandboxes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measures import Duration, Effort, Ratio, Result, Say, take_turns
from benchmarks.workbench import BASE_IMAGE, EXAMPLE, RUNTIME, CannotMeasure, Workbench

GOAL = 1.7
ROUNDS = 5
LIMIT_S = 300.0
CLEAN_UP_S = 30.0
SMALLEST = "2-redeploy and create_order and not lines"
"""The checks of the smallest run; one of them breaks."""
TESTS_FAILED = 1
"""pytest's exit code: the example has a break on purpose."""
ENGINES = ("docker", "sandbox")


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """The ratio, and for information the part that is not replays."""
    _ = bench.current  # the first image, from which all others have the label of this run
    checks = ("-k", SMALLEST) if effort.smallest else ()
    for engine in ENGINES:
        say(f"a first run with the {engine} engine, which prepares what is missing")
        _run(bench, engine, checks)
    before = bench.built_images()
    docker, sandbox, collected = take_turns(
        (
            lambda: _run(bench, "docker", checks),
            lambda: _run(bench, "sandbox", checks),
            lambda: _pytest(bench, "docker", *checks, "--collect-only", expected=0),
        ),
        rounds=effort.rounds_of(ROUNDS),
        warm_up=0,
        say=say,
    )
    built = bench.built_images() - before
    if built:
        raise CannotMeasure(f"a second run of the example built images: {', '.join(built)}")
    return (
        Ratio(
            name="example",
            what="pytest --lambda-rollback example_project in Docker, nothing to build / in the "
            "sandbox",
            subject_s=docker,
            reference_s=sandbox,
            goal=GOAL,
        ),
        Duration(
            name="example-python",
            what="of this, Python and imports up to the end of collection (--collect-only)",
            samples_s=collected,
        ),
    )


def _run(bench: Workbench, engine: str, checks: tuple[str, ...]) -> float:
    """Seconds of one run. Raises CannotMeasure where a check is unknown."""
    report = bench.folder / "report.json"
    report.unlink(missing_ok=True)
    option = f"--lambda-rollback-json={report}"
    taken_s = _pytest(bench, engine, *checks, option, expected=TESTS_FAILED)
    unknown = [
        check["id"]
        for function in json.loads(report.read_text())["functions"]
        for target in function["targets"]
        for check in target["checks"]
        if check["verdict"] == "unknown"
    ]
    if unknown:
        raise CannotMeasure(f"the example's checks are unknown here: {', '.join(unknown)}")
    return taken_s


def _pytest(bench: Workbench, engine: str, *options: str, expected: int) -> float:
    command = [
        *(sys.executable, "-m", "pytest", "--lambda-rollback", "-q", str(EXAMPLE)),
        *("-c", os.devnull, f"--rootdir={EXAMPLE}", "-p", "no:cacheprovider"),
        f"--lambda-rollback-engine={engine}",
        f"--lambda-rollback-base-image={RUNTIME}={BASE_IMAGE}",
        *options,
    ]
    output = bench.folder / "output.txt"
    began = time.perf_counter()
    with _process(command, {**os.environ, "XDG_CACHE_HOME": str(bench.cache)}, output) as process:
        status = process.wait(timeout=LIMIT_S)
    taken_s = time.perf_counter() - began
    if status != expected:
        raise CannotMeasure(
            f"{' '.join(command)} ended with exit code {status}, not {expected}:\n"
            f"{output.read_text(errors='replace')[-3000:]}"
        )
    return taken_s


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], output: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that may clean up after itself when we are interrupted."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches it once, through us
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(timeout=CLEAN_UP_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
