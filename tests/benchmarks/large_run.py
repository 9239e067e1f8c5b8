"""A run over many functions, against the last release's process engine in the same run.

Thirty functions with three rollback targets and ten events each, by both strategies; every version
has a layer of its own, so that the strategies give different stacks. The last release is taken
from this repository's history and runs the same project with the engine that it used where Docker
is missing; today's run uses the sandbox and replays every event cold and warm. Today's run on two
pytest-xdist workers is compared with today's run on one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measures import Effort, Ratio, Result, Say, take_turns
from benchmarks.workbench import CannotMeasure, Workbench

GOAL = 1.2
GOAL_OF_TWO_WORKERS = 0.65
ROUNDS = 2
LIMIT_S = 1800.0
FUNCTIONS, TARGETS, EVENTS = 30, 3, 10
SMALLEST = (2, 2, 2)
ROOT = Path(__file__).resolve().parents[2]
LAST_RELEASE = "65c8437"
PACKAGE = "pytest_lambda_rollback"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"

_CODE = """\
import hashlib
import json

import shared


def handler(event, context):
    lines = [shared.line(each) for each in event["lines"]]
    digest = hashlib.sha256(json.dumps(lines).encode()).hexdigest()
    return {"statusCode": 200, "id": event["id"], "lines": lines, "digest": digest}
"""
_LAYER = """\
VERSION = @VERSION@


def line(each):
    return {"sku": each["sku"], "total": each["price"] * each["quantity"]}
"""


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """Wall time: the whole run against the last release, two workers against one."""
    size = SMALLEST if effort.smallest else (FUNCTIONS, TARGETS, EVENTS)
    project = bench.folder / "large-project"
    make_project(project, *size)
    release = last_release(bench.folder / "last-release")
    checks = size[0] * size[1] * size[2] * 2
    former = _Side(name="the last release", engine="process", project=project, source=release)
    today = _Side(name="today's package", engine="sandbox", project=project, source=ROOT)
    for side in (former, today):
        say(f"a first run of {side.name}, which prepares what is missing")
        side.run(bench.folder, checks)
    samples = take_turns(
        (
            lambda: today.run(bench.folder, checks),
            lambda: former.run(bench.folder, checks),
            lambda: today.run(bench.folder, checks, "-n", "2"),
        ),
        rounds=effort.rounds_of(ROUNDS),
        warm_up=0,
        say=say,
    )
    what = f"{size[0]} functions with {size[1]} targets and {size[2]} events"
    return (
        Ratio(
            name="large-run",
            what=f"{what} in the sandbox, cold and warm / with the last release's process engine",
            subject_s=samples[0],
            reference_s=samples[1],
            goal=GOAL,
        ),
        Ratio(
            name="large-run-workers",
            what=f"{what} on two workers (-n 2) / on one",
            subject_s=samples[2],
            reference_s=samples[0],
            goal=GOAL_OF_TWO_WORKERS,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One version of the package, run on the project."""

    name: str
    engine: str
    project: Path
    source: Path
    """The folder that the package is imported from."""

    def run(self, folder: Path, checks: int, *options: str) -> float:
        """Seconds of a whole run. Raises CannotMeasure unless every check is safe."""
        report = folder / "large-report.json"
        report.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "pytest", "--lambda-rollback", "-q", "-p", "no:cacheprovider"),
            *(f"--lambda-rollback-engine={self.engine}", f"--lambda-rollback-json={report}"),
            *options,
        ]
        began = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                cwd=self.project,
                env=self._environment(folder),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CannotMeasure(f"{self.name} did not end within {LIMIT_S:.0f} s") from error
        taken_s = time.perf_counter() - began
        safe = _safe_events(report) if done.returncode == 0 else 0
        if safe != checks:
            raise CannotMeasure(
                f"{self.name}: {safe} of {checks} events are safe, exit code {done.returncode}:\n"
                f"{done.stdout[-3000:]}{done.stderr[-2000:]}"
            )
        return taken_s

    def _environment(self, folder: Path) -> dict[str, str]:
        own = {name: each for name, each in os.environ.items() if not name.startswith("PYTEST_")}
        cache = folder / f"cache-of-{self.engine}"
        return {**own, "PYTHONPATH": str(self.source), "XDG_CACHE_HOME": str(cache)}


def _safe_events(report: Path) -> int:
    checks = [
        check
        for function in json.loads(report.read_text())["functions"]
        for target in function["targets"]
        for check in target["checks"]
    ]
    return sum(check["verdict"] == "safe" and "::event" in check["id"] for check in checks)


def last_release(folder: Path) -> Path:
    """The last release's package, from this repository's history, in a new folder.

    Raises CannotMeasure where the history does not reach back to it.
    """
    folder.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", LAST_RELEASE, PACKAGE], capture_output=True, check=False
    )
    if archive.returncode:
        why = " ".join(archive.stderr.decode(errors="replace").split())
        raise CannotMeasure(
            f"the last release, commit {LAST_RELEASE}, is not in this clone ({why}). Fetch the "
            "whole history: git fetch --unshallow"
        )
    subprocess.run(["tar", "--extract", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def make_project(folder: Path, functions: int, targets: int, events: int) -> None:
    """A configuration file with its versions, layers and events."""
    versions = range(1, targets + 2)
    lines = []
    for function in (f"orders-{number}" for number in range(functions)):
        names = ", ".join(f'"{each}"' for each in versions[:-1])
        lines += [
            f"[functions.{function}]",
            f'current = "{versions[-1]}"',
            f"targets = [{names}]",
            f'events = "{function}/events"',
        ]
        for version in versions:
            lines += [
                f"[functions.{function}.versions.{version}]",
                f'code = "{function}/code-{version}"',
                f'layers = ["{function}/layer-{version}"]',
                'handler = "app.handler"',
                f'runtime = "{RUNTIME}"',
            ]
            mark = f"# {function}, version {version}\n"
            _write(folder / function / f"code-{version}" / "app.py", mark + _CODE)
            layer = mark + _LAYER.replace("@VERSION@", str(version))
            _write(folder / function / f"layer-{version}" / "python" / "shared.py", layer)
        for event in range(events):
            line = {"sku": f"s-{event}", "price": 3 + event, "quantity": 2}
            document = {"id": f"{function}-{event}", "lines": [line] * (event + 1)}
            _write(folder / function / "events" / f"event-{event}.json", json.dumps(document))
    _write(folder / "lambda-rollback.toml", "\n".join(lines) + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
