"""Every measurement runs once on its smallest input, so that none breaks unseen.

What a measurement finds is not judged here: a busy machine says little about speed. The account
sweep counts requests, which do not depend on the machine, so its goals hold here too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import large_run, run
from benchmarks.workbench import BASE_IMAGE
from helpers.docker_gate import missing_images, stop

PROGRAMS = Path(__file__).parent
TIMEOUT_S = 300
WITHOUT_DOCKER = {
    "collect-only": {"collect-only", "collect-only-wall"},
    "static": {"static-cold", "static-unchanged", "static-with-store"},
    "large-run": {"large-run", "large-run-workers"},
    "door": {"door", "door-idle", "door-bulk"},
    "state-check": {"state-check"},
}
IN_DOCKER = {
    "warm-replay": {"warm-replay", "warm-replay-sandbox", "warm-replay-example"},
    "second-run": {
        "second-run-first",
        "second-run-later",
        "second-run-command",
        "second-run-connect",
        "second-run-leftovers",
    },
    "cold-start": {"cold-start", "fresh-in-place", "fresh-in-place-response", "sandbox-start"},
    "example": {"example", "example-python"},
    "private-aws": {"private-aws-ready", "private-aws-fresh", "private-aws-request"},
}


def run_program(name: str, *arguments: str | Path) -> str:
    """Run a program of this folder to its end and return what it printed."""
    done = subprocess.run(
        [sys.executable, PROGRAMS / name, *arguments],
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def measured(folder: Path, *names: str) -> Mapping[str, Mapping[str, Any]]:
    """The results of some measurements by name."""
    path = folder / "results.json"
    only = [option for name in names for option in ("--only", name)]
    run_program("run.py", "--smallest", "--json", path, *only)
    return {result["name"]: result for result in json.loads(path.read_text())["results"]}


def check_samples(results: Mapping[str, Mapping[str, Any]], names: set[str]) -> None:
    """See that each result has a plausible time on both of its sides."""
    for name in names:
        samples = [
            value for key, values in results[name].items() if key.endswith("_s") for value in values
        ]
        assert samples
        assert all(0 < value < TIMEOUT_S for value in samples), results[name]


def knows_the_last_release() -> bool:
    commit = f"{large_run.LAST_RELEASE}^{{commit}}"
    known = subprocess.run(
        ["git", "-C", large_run.ROOT, "cat-file", "-e", commit], capture_output=True, check=False
    )
    return known.returncode == 0


@pytest.mark.parametrize("name", WITHOUT_DOCKER)
def test_a_measurement_without_docker_runs(name: str, tmp_path: Path) -> None:
    if name == "large-run" and not knows_the_last_release():  # a clone without its history
        with pytest.raises(AssertionError, match="git fetch --unshallow"):
            measured(tmp_path, name)
        return
    results = measured(tmp_path, name)
    assert set(results) == WITHOUT_DOCKER[name]
    check_samples(results, WITHOUT_DOCKER[name])


@pytest.fixture(scope="module")
def docker_results(
    docker_engine_ready: None, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Mapping[str, Any]]:
    """All measurements in Docker, in one run: they share their images."""
    reason = missing_images([BASE_IMAGE], made_by=".ci/setup emulator")
    if reason is not None:
        stop(reason)
    return measured(tmp_path_factory.mktemp("benchmark"), *IN_DOCKER)


@pytest.mark.docker
@pytest.mark.parametrize("name", IN_DOCKER)
def test_a_measurement_in_docker_runs(
    name: str, docker_results: Mapping[str, Mapping[str, Any]]
) -> None:
    check_samples(docker_results, IN_DOCKER[name])


def test_the_recorder_is_measured() -> None:
    names = [line[:25].strip() for line in run_program("recorder.py", "--smallest").splitlines()]
    assert names == ["not decorated", "decorated, not sampled", "decorated, 10 KB sampled"]


def test_a_small_account_is_swept() -> None:
    printed = run_program("aws_sweep.py", "--functions", "3", "--versions", "4")
    assert printed.count("PASS") == 8
    assert "MISS" not in printed


def test_every_program_is_run_here() -> None:
    programs = {
        path.name
        for path in PROGRAMS.glob("[!t]*.py")
        if "argparse.ArgumentParser(" in path.read_text("utf-8")
    }
    assert programs == {"run.py", "recorder.py", "aws_sweep.py"}
    assert set(run.MEASUREMENTS) == {*WITHOUT_DOCKER, *IN_DOCKER}
