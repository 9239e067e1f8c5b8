"""`pytest --collect-only` in an empty folder: with the plugin installed, and without it.

Two folders take the place of site-packages: pytest and what it needs, and the same with the
plugin as a wheel installs it. That is more than ``-p no:lambda_rollback`` would save, as pytest
also reads the list of files of every distribution that has a plugin. No other plugin is there
that would make this one's share look smaller. The figure that is judged is processor time (user
and system), because other processes of a machine lengthen the wall time far more than it; the
rounds go on until its confidence interval is clear of the goal, or the time for them is used up.
"""

from __future__ import annotations

import importlib.metadata
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement

import pytest_lambda_rollback
from benchmarks.measures import Effort, Ratio, Result, Say, median_interval, take_turns
from benchmarks.workbench import CannotMeasure, Workbench

GOAL = 1.02
LEAST_ROUNDS = 20
ROUNDS = 150
LIMIT_S = 75.0
LOOK_EVERY = 10
WARM_UP = 2
DISTRIBUTION = "pytest-lambda-rollback"
NOTHING_COLLECTED = 5
"""pytest's exit code."""

# Without site, so that nothing of this installation is there but the folder that is named.
_PYTEST = "import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main())"


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """Processor time against the goal; wall time for information."""
    without, with_plugin = bench.folder / "without", bench.folder / "with"
    for name in required_by("pytest"):
        link_distribution(name, without)
        link_distribution(name, with_plugin)
    install_plugin(with_plugin)
    empty = bench.folder / "empty"
    empty.mkdir()
    check_plugin(with_plugin, empty, known=True)
    check_plugin(without, empty, known=False)
    ways = (_Runs(with_plugin, empty), _Runs(without, empty))
    deadline = time.monotonic() + LIMIT_S

    def enough(samples: Sequence[Sequence[float]]) -> bool:
        count = len(samples[0])
        if effort.fixed or count < LEAST_ROUNDS:
            return False
        if time.monotonic() > deadline:
            return True
        if count % LOOK_EVERY:  # who looks after every round sees what he hopes for too soon
            return False
        low, high = median_interval([a / b for a, b in zip(samples[0], samples[1], strict=True)])
        return high < GOAL or low > GOAL

    cpu_s = take_turns(
        ways,
        rounds=effort.rounds_of(ROUNDS),
        warm_up=effort.warm_up_of(WARM_UP),
        say=say,
        enough=enough,
    )
    wall_s = [tuple(way.wall_s[-len(cpu_s[0]) :]) for way in ways]
    return (
        Ratio(
            name="collect-only",
            what="processor time with the plugin installed and off / not installed",
            subject_s=cpu_s[0],
            reference_s=cpu_s[1],
            goal=GOAL,
        ),
        Ratio(
            name="collect-only-wall",
            what="wall time with the plugin installed and off / not installed",
            subject_s=wall_s[0],
            reference_s=wall_s[1],
        ),
    )


class _Runs:
    """Each call runs pytest once and returns its processor time; wall times are kept."""

    def __init__(self, packages: Path, folder: Path) -> None:
        self._command = command(packages, "--collect-only")
        self._folder = folder
        self.wall_s: list[float] = []

    def __call__(self) -> float:
        """Seconds of user and system time."""
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            self._command,
            cwd=self._folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        self.wall_s.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != NOTHING_COLLECTED:
            raise CannotMeasure(f"pytest failed: {(done.stdout + done.stderr).decode()}")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def command(packages: Path, option: str) -> list[str]:
    """Runs pytest with nothing but the standard library and one folder of packages."""
    plain = [sys.executable, "-S", "-c", _PYTEST, str(packages)]
    return [*plain, option, "-p", "no:cacheprovider"]


def environment() -> dict[str, str]:
    """Of our own environment only what cannot change how pytest works."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONHASHSEED": "0"}


def check_plugin(packages: Path, folder: Path, *, known: bool) -> None:
    """Raise CannotMeasure unless the plugin's options are there as they should be."""
    done = subprocess.run(
        command(packages, "--help"),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or ("--lambda-rollback-engine" in done.stdout) is not known:
        raise CannotMeasure(
            f"pytest with the packages in {packages} is not what is to be measured:\n"
            f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )


# --- folders in place of site-packages --------------------------------------------------------


def required_by(name: str) -> Iterator[str]:
    """The names of a distribution and of all that it needs here."""
    yield name
    for text in importlib.metadata.requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from required_by(requirement.name)


def link_distribution(name: str, into: Path) -> None:
    """Link the top-level files and folders of an installed distribution."""
    distribution = importlib.metadata.distribution(name)
    into.mkdir(exist_ok=True)
    for top in {file.parts[0] for file in distribution.files or ()}:
        source = Path(str(distribution.locate_file(top)))
        if top not in ("..", "__pycache__") and not (into / top).exists():
            (into / top).symlink_to(source.resolve())


def install_plugin(into: Path) -> None:
    """Copy the plugin and its metadata, with the list of files that a wheel leaves behind."""
    package = Path(pytest_lambda_rollback.__file__).parent
    shutil.copytree(
        package, into / package.name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(into / package.name)], check=True)
    source = importlib.metadata.distribution(DISTRIBUTION)
    folder = into / f"{package.name}-{source.version}.dist-info"
    folder.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (folder / name).write_text(source.read_text(name) or "")
    files = [path for path in into.rglob("*") if path.is_relative_to(into / package.name)]
    names = [path.relative_to(into).as_posix() for path in files if path.is_file()]
    names += [f"{folder.name}/{name}" for name in ("METADATA", "RECORD", "entry_points.txt")]
    (folder / "RECORD").write_text("".join(f"{name},,\n" for name in sorted(names)))
