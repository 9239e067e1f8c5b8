"""The whole of `pytest --lambda-rollback example_project`, when everything is built already.

Where its time goes is told by Docker's own events: until the first container runs, until the last
one is gone, and the rest.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.measures import Duration, Effort, Result, Say
from benchmarks.workbench import BASE_IMAGE, EXAMPLE, RUNTIME, CannotMeasure, Workbench
from pytest_lambda_rollback.engines.docker.daemon import connect
from pytest_lambda_rollback.engines.docker.owners import OWNER_LABEL

ROUNDS = 1
LIMIT_S = 300.0
CLEAN_UP_S = 30.0
EVENTS_S = 0.5
SMALLEST = "2-redeploy and create_order and not lines"
"""The checks of the smallest run; one of them breaks."""
TESTS_FAILED = 1
"""pytest's exit code: the example has a break on purpose."""


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """For information: the whole and its parts, in seconds."""
    _ = bench.current  # the seal, from which all other images have the label of this run
    checks = ("-k", SMALLEST) if effort.smallest else ()
    say("a first run, which builds what is missing")
    _pytest(bench, *checks, expected=TESTS_FAILED)
    before = bench.built_images()
    runs = []
    rounds = effort.rounds_of(ROUNDS)
    for number in range(rounds):
        say(f"second run, {number + 1} of {rounds}")
        runs.append(_run(bench, checks))
    built = bench.built_images() - before
    if built:
        raise CannotMeasure(f"a second run of the example built images: {', '.join(built)}")
    return tuple(
        Duration(
            name=f"example-{name}",
            what=what,
            samples_s=tuple(run[name] for run in runs),
        )
        for name, what in (
            ("whole", "pytest --lambda-rollback example_project, nothing to build"),
            ("python", "of this, Python and imports up to the end of collection (--collect-only)"),
            ("prepare", "of this, from the start to the first container, with the line above"),
            ("containers", "of this, from the first container to the end of the last one"),
            ("end", "of this, from the end of the last container to the end of pytest"),
            ("replays", "sum over all checks of the replay on the target alone"),
        )
    )


def _run(bench: Workbench, checks: tuple[str, ...]) -> dict[str, float]:
    report = bench.folder / "report.json"
    collected = _pytest(bench, *checks, "--collect-only", expected=0)
    with _Events() as events:
        run = _pytest(bench, *checks, f"--lambda-rollback-json={report}", expected=TESTS_FAILED)
    first, last = events.moments(run.pid)
    reported = [
        check
        for function in json.loads(report.read_text())["functions"]
        for target in function["targets"]
        for check in target["checks"]
    ]
    unknown = [check["id"] for check in reported if check["verdict"] == "unknown"]
    if unknown:
        raise CannotMeasure(f"the example's checks are unknown here: {', '.join(unknown)}")
    return {
        "whole": run.taken_s,
        "python": collected.taken_s,
        "prepare": first - run.began,
        "containers": last - first,
        "end": run.began + run.taken_s - last,
        "replays": sum(check["duration_s"] for check in reported),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """A process that came to its end."""

    pid: int
    began: float
    """By the wall clock, which Docker's events have too."""
    taken_s: float


def _pytest(bench: Workbench, *options: str, expected: int) -> _Ended:
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
    return _Ended(pid=process.pid, began=began, taken_s=taken_s)


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


class _Events:
    """Docker's events while a context is open; asked for later, it has forgotten most."""

    def __init__(self) -> None:
        self._client = connect()
        self._events: list[dict[str, Any]] = []
        self._stream: Any = self._client.api.events(decode=True, filters={"type": ["container"]})
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        time.sleep(EVENTS_S)  # the last ones are on their way
        self._stream.close()
        self._thread.join(timeout=EVENTS_S)
        self._client.close()

    def _read(self) -> None:
        with suppress(OSError, ValueError):  # what a closed stream raises
            self._events.extend(iter(self._stream))

    def moments(self, pid: int) -> tuple[float, float]:
        """When a process's first container ran, and its last was gone."""
        containers = [
            (event["Action"], event["timeNano"] / 1e9)
            for event in self._events
            if event["Type"] == "container"
            and f"/{pid}/" in event["Actor"]["Attributes"].get(OWNER_LABEL, "")
        ]
        starts = [moment for action, moment in containers if action == "start"]
        ends = [moment for action, moment in containers if action == "destroy"]
        if not (starts and ends):
            raise CannotMeasure("Docker told of no container of the example's run")
        return min(starts), max(ends)
