"""The whole of `pytest --lambda-rollback example_project`, when everything is built already.

Where its time goes is told by Docker's own events: until the first network, until the first
container runs, until the last container is gone, and the rest.
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
from typing import Any

from measures import Duration, Result, Say
from workbench import BASE_IMAGE, EXAMPLE, RUNTIME, CannotMeasure, Workbench

from pytest_lambda_rollback.engines.docker_daemon import OWNER_LABEL

ROUNDS = 3
LIMIT_S = 120.0
CLEAN_UP_S = 30.0
TESTS_FAILED = 1
"""pytest's exit code: the example has a break on purpose."""


def measure(bench: Workbench, rounds: int | None, say: Say) -> tuple[Result, ...]:
    """For information: the whole and its parts, in seconds."""
    _ = bench.current  # builds what is missing, so that each run is a second run
    before = bench.built_images()
    runs = []
    for number in range(min(rounds or ROUNDS, ROUNDS)):
        say(f"run {number + 1} of {ROUNDS}")
        runs.append(_run(bench))
    if bench.built_images() != before:
        raise CannotMeasure("a second run of the example built an image")
    return tuple(
        Duration(
            name=f"example-{name}",
            what=what,
            samples_s=tuple(run[name] for run in runs),
        )
        for name, what in (
            ("whole", "pytest --lambda-rollback example_project, nothing to build"),
            ("python", "of this, Python and imports up to the end of collection (--collect-only)"),
            ("prepare", "of this, from the start to the first network, with the line above"),
            ("network", "of this, from the first network to the first container"),
            ("containers", "of this, from the first container to the end of the last one"),
            ("end", "of this, from the end of the last container to the end of pytest"),
            ("replays", "sum over all checks of the replay on the target alone"),
        )
    )


def _run(bench: Workbench) -> dict[str, float]:
    report = bench.folder / "report.json"
    collect_s, _, _ = _pytest(bench, "--collect-only", expected=0)
    began, ended = 0.0, 0.0
    whole_s, began, ended = _pytest(
        bench, f"--lambda-rollback-json={report}", expected=TESTS_FAILED
    )
    network, first, last = _moments(bench, began, ended)
    checks = [
        check
        for function in json.loads(report.read_text())["functions"]
        for target in function["targets"]
        for check in target["checks"]
    ]
    unknown = [check["id"] for check in checks if check["verdict"] == "unknown"]
    if unknown:
        raise CannotMeasure(f"the example's checks are unknown here: {', '.join(unknown)}")
    return {
        "whole": whole_s,
        "python": collect_s,
        "prepare": network - began,
        "network": first - network,
        "containers": last - first,
        "end": ended - last,
        "replays": sum(check["duration_s"] for check in checks),
    }


def _pytest(bench: Workbench, *options: str, expected: int) -> tuple[float, float, float]:
    """Seconds that it took, and when it began and ended by the wall clock that Docker has."""
    command = [
        *(sys.executable, "-m", "pytest", "--lambda-rollback", "-q", str(EXAMPLE)),
        *("-c", os.devnull, f"--rootdir={EXAMPLE}", "-p", "no:cacheprovider"),
        "--lambda-rollback-engine=docker",
        f"--lambda-rollback-base-image={RUNTIME}={BASE_IMAGE}",
        *options,
    ]
    output = bench.folder / "output.txt"
    began, clock = time.time(), time.perf_counter()
    with _process(command, {**os.environ, "XDG_CACHE_HOME": str(bench.cache)}, output) as process:
        status = process.wait(timeout=LIMIT_S)
    taken_s = time.perf_counter() - clock
    if status != expected:
        raise CannotMeasure(
            f"{' '.join(command)} ended with exit code {status}, not {expected}:\n"
            f"{output.read_text(errors='replace')[-3000:]}"
        )
    return taken_s, began, began + taken_s


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


def _moments(bench: Workbench, began: float, ended: float) -> tuple[float, float, float]:
    """When the first network was made, the first container ran, and the last one was gone.

    They are the plugin's own by the image that they run, which no other process has.
    """
    events: list[dict[str, Any]] = list(
        bench.client.api.events(since=int(began), until=int(ended) + 1, decode=True)
    )
    containers = [
        event
        for event in events
        if event["Type"] == "container"
        and event["Actor"]["Attributes"].get("image", "").startswith("lambda-rollback/code:")
        and OWNER_LABEL in event["Actor"]["Attributes"]
    ]
    starts = [event["timeNano"] for event in containers if event["Action"] == "start"]
    ends = [event["timeNano"] for event in containers if event["Action"] == "destroy"]
    networks = [
        event["timeNano"]
        for event in events
        if event["Type"] == "network"
        and event["Action"] == "create"
        and event["Actor"]["Attributes"].get("name", "").startswith("lambda-rollback-")
    ]
    if not (starts and ends and networks):
        raise CannotMeasure("Docker told of no container, or of no network, of the example's run")
    return min(networks) / 1e9, min(starts) / 1e9, max(ends) / 1e9
