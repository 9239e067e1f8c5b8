"""A run on unchanged input, up to its first container, against looking at images in Docker.

For each version of the example: its packages are found in the artefact store, its image is found
in Docker, and its start goes as far as the request that makes the container. That is timed
against five round trips of ``docker image inspect``: through the same docker package (the
stricter form, which is judged), and with the docker command.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn
from unittest import mock

from benchmarks.measures import Duration, Effort, Ratio, Result, Say, take_turns
from benchmarks.workbench import BASE_IMAGE, CannotMeasure, Workbench
from pytest_lambda_rollback.engines.docker.daemon import connect
from pytest_lambda_rollback.engines.docker.engine import DockerEngine
from pytest_lambda_rollback.model.versions import FunctionVersion

if TYPE_CHECKING:
    from docker.client import DockerClient

GOAL = 1.0
ROUNDS = 20
WARM_UP = 2
INSPECTS = 5


class _Reached(Exception):
    """Raised in place of making the container."""


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """The ratio for the first version and for the later ones; what a run costs once."""
    _ = bench.current  # the first run: packages read, images built
    before = bench.built_images()
    run = _SecondRun(bench, say)
    api: Any = bench.client.api
    samples = take_turns(
        (
            run,
            lambda: _five(lambda: api.inspect_image(BASE_IMAGE)),
            lambda: _five(_inspect_command),
        ),
        rounds=effort.rounds_of(ROUNDS),
        warm_up=effort.warm_up_of(WARM_UP),
        say=say,
    )
    if bench.built_images() != before:
        raise CannotMeasure("the second run built an image")
    kept = len(samples[0])
    return (
        Ratio(
            name="second-run-first",
            what=f"the first version up to its container, with its base image / {INSPECTS} image "
            "inspects",
            subject_s=samples[0],
            reference_s=samples[1],
            goal=GOAL,
        ),
        Ratio(
            name="second-run-later",
            what=f"each later version up to its container / {INSPECTS} image inspects",
            subject_s=tuple(run.later_s[-kept:]),
            reference_s=samples[1],
            goal=GOAL,
        ),
        Ratio(
            name="second-run-command",
            what=f"the first version / {INSPECTS} times the command docker image inspect",
            subject_s=samples[0],
            reference_s=samples[2],
        ),
        Duration(
            name="second-run-connect",
            what="once a run: Docker is connected to",
            samples_s=tuple(run.connect_s[-kept:]),
        ),
        Duration(
            name="second-run-leftovers",
            what="once a run: leftovers of earlier runs are looked for",
            samples_s=tuple(run.leftovers_s[-kept:]),
        ),
    )


class _SecondRun:
    """Each call is one more run with a new store, client and engine; nothing may be built."""

    def __init__(self, bench: Workbench, say: Say) -> None:
        self._bench = bench
        self._say = say
        self.later_s: list[float] = []
        """The mean later version of each run."""
        self.connect_s: list[float] = []
        self.leftovers_s: list[float] = []

    def __call__(self) -> float:
        """Seconds for the first version, from its packages to its container."""
        bench = self._bench
        client = connect()
        with (
            mock.patch.object(client.api, "build", side_effect=_refuse),
            mock.patch.object(client.api, "pull", side_effect=_refuse),
            bench.engine(client) as engine,
        ):
            began = time.perf_counter()
            engine.describe()
            self.connect_s.append(time.perf_counter() - began)
            store = bench.store()
            versions: list[FunctionVersion] = []
            taken_s: list[float] = []
            for declared in bench.declared:
                began = time.perf_counter()
                version = bench.load(store, declared)
                engine.prepare(version, self._say)
                taken_s.append(time.perf_counter() - began)
                versions.append(version)
            with_leftovers_s = self._until_container(engine, client, versions[0])
            for number, version in enumerate(versions):
                start_s = self._until_container(engine, client, version)
                if not number:
                    self.leftovers_s.append(with_leftovers_s - start_s)
                taken_s[number] += start_s
        self.later_s.append(statistics.mean(taken_s[1:]))
        return taken_s[0]

    @staticmethod
    def _until_container(
        engine: DockerEngine, client: DockerClient, version: FunctionVersion
    ) -> float:
        """Seconds from the start's begin to the request that makes the container."""
        reached = 0.0

        def stop(*_arguments: object, **_options: object) -> NoReturn:
            nonlocal reached
            reached = time.perf_counter()
            raise _Reached

        began = time.perf_counter()
        with (
            mock.patch.object(client.api, "create_container", side_effect=stop),
            suppress(_Reached),
        ):
            engine.start(version)
        return reached - began


def _refuse(*_arguments: object, **_options: object) -> NoReturn:
    raise CannotMeasure("the second run wanted to build or pull an image")


def _five(inspect: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(INSPECTS):
        inspect()
    return time.perf_counter() - began


def _inspect_command() -> None:
    subprocess.run(["docker", "image", "inspect", BASE_IMAGE], check=True, capture_output=True)
