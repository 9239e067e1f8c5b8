"""Measures what a large account costs: API requests, memory, and what a killed sync repeats.

    python3 tests/benchmarks/aws_sweep.py [--functions N] [--versions N] [--rate N] [--json PATH]

By default 200 functions with 20 versions each on 60 shared layer versions, in a server on
loopback that lets 15 requests a second through, as Lambda does; some six minutes. Planning is
`pytest --lambda-rollback --collect-only`; the sync is killed at a third and begun again.

Requests that the server refused as too many do not count; their number is shown.

Exit code 0 when every goal is met, 1 when one is missed, 2 when something cannot be measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tests' folder

from helpers.aws_emulator.server import AwsServer

FUNCTIONS = 200
VERSIONS = 20
RATE = 15.0
START_S = 60.0
SLOWNESS = 5.0
"""A command may take this many times what the throttle alone makes it take."""
PLANNING = (sys.executable, "-m", "pytest", "--lambda-rollback", "--collect-only", "-qq")
SYNC = (sys.executable, "-m", "pytest_lambda_rollback.cli", "sync")
OF_A_PACKAGE = ("GetFunction", "GetLayerVersionByArn", "GetLayerVersion")
"""Requests for one package; all others are planning."""
CONFIGURATION = """\
[discover.all]
aws = { prefix = "orders-" }
current = "live"
events = "events"
"""
MB = 1024 * 1024


class CannotMeasure(Exception):
    """Something failed, so that there is nothing to measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One result."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    """The largest value that is good enough; ``None`` for information."""

    @property
    def missed(self) -> bool:
        """True when there is a goal and the figure is above it."""
        return self.goal is not None and self.value > self.goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One command and its effect."""

    seconds: float
    peak_mb: float
    requests: Mapping[str, int]
    """Let through, by operation."""
    throttled: int
    digests: frozenset[str]
    """Of the zips that were downloaded, in hexadecimal."""
    downloads: int

    def of_packages(self) -> int:
        """Requests for single packages."""
        return sum(self.requests.get(name, 0) for name in OF_A_PACKAGE)

    def planning(self) -> int:
        """All others."""
        return sum(self.requests.values()) - self.of_packages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A configuration for the whole account, and the server that is the account."""

    server: AwsServer
    folder: Path
    limit_s: float

    def run(self, command: Sequence[str], *, kill_at: int | None = None) -> Run:
        """Run a command to its end, or until it has downloaded ``kill_at`` zips."""
        self.server.reset_counts()
        began = time.monotonic()
        own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        log = self.folder.parent / "output.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=own | self.server.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            code, peak_kb = self._waited(process, began, kill_at)
        if code != 0 and not (kill_at is not None and code == -9):
            tail = log.read_text(errors="replace")[-2000:]
            raise CannotMeasure(f"{' '.join(command[2:])} ended with {code}:\n{tail}")
        if kill_at is not None and code == 0:
            raise CannotMeasure(f"{' '.join(command[2:])} ended before it could be killed")
        counts = self.server.counts()
        return Run(
            seconds=time.monotonic() - began,
            peak_mb=peak_kb * 1024 / MB,
            requests=counts["requests"],
            throttled=sum(counts["throttled"].values()),
            digests=frozenset(counts["digests"]),
            downloads=sum(counts["downloads"].values()),
        )

    def _waited(
        self, process: subprocess.Popen[bytes], began: float, kill_at: int | None
    ) -> tuple[int, int]:
        """Exit code, and peak memory in units of 1,024 bytes, as the kernel counted it."""
        try:
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    process.returncode = os.waitstatus_to_exitcode(status)
                    return process.returncode, usage.ru_maxrss
                if time.monotonic() - began > self.limit_s:
                    raise CannotMeasure(f"no end after {self.limit_s:.0f} s")
                if kill_at is not None and self.server.downloads() >= kill_at:
                    process.kill()
                time.sleep(0.1)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()

    def held(self) -> frozenset[str]:
        """SHA-256 of the packages that are whole and in their places: ``<sha256>.zip``."""
        found = set()
        for path in self.folder.rglob("*.zip"):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if path.stem == digest:
                found.add(digest)
        return frozenset(found)


def measure(
    sweep: Sweep, functions: int, versions: int, say: Callable[[str], None]
) -> list[Figure]:
    """All figures, in the order in which they come about."""
    say("planning: pytest --lambda-rollback --collect-only")
    planning = sweep.run(PLANNING)
    say(f"planned in {planning.seconds:.0f} s; sync, to be killed at a third")
    killed = sweep.run(SYNC, kill_at=functions * versions // 3)
    finished = sweep.held()
    say(f"killed after {killed.downloads} downloads, {len(finished)} of them finished; sync again")
    resumed = sweep.run(SYNC)
    fetched = sweep.held() - finished
    say(f"fetched {len(fetched)} packages in {resumed.seconds:.0f} s; sync with nothing new")
    idle = sweep.run(SYNC)
    if len(finished | fetched) < functions * versions or not finished:
        raise CannotMeasure(f"only {len(finished | fetched)} packages are in the archive")
    syncs = (killed, resumed, idle)
    return [
        Figure(
            name="requests of planning",
            value=sum(planning.requests.values()) / functions,
            unit="a function",
            goal=4,
        ),
        Figure(
            name="requests of sync for what there is",
            value=max(each.planning() for each in syncs) / functions,
            unit="a function",
            goal=4,
        ),
        Figure(
            name="requests of sync for packages",
            value=resumed.of_packages() / len(fetched),
            unit="a package not held",
            goal=1,
        ),
        Figure(
            name="packages fetched again that were finished before SIGKILL",
            value=len(resumed.digests & finished),
            unit=f"of {len(finished)}",
            goal=0,
        ),
        Figure(
            name="downloads of sync with nothing new", value=idle.downloads, unit="in all", goal=0
        ),
        Figure(
            name="requests of sync with nothing new for packages",
            value=idle.of_packages(),
            unit="in all",
            goal=0,
        ),
        Figure(name="memory of planning", value=planning.peak_mb, unit="MB at most", goal=300),
        Figure(
            name="memory of sync",
            value=max(each.peak_mb for each in syncs),
            unit="MB at most",
            goal=300,
        ),
        Figure(
            name="refused as too many",
            value=sum(each.throttled for each in (planning, *syncs)),
            unit=f"beside {sum(sum(each.requests.values()) for each in (planning, *syncs))}",
        ),
        Figure(name="time of planning", value=planning.seconds, unit="s"),
        Figure(name="time of sync, both parts", value=killed.seconds + resumed.seconds, unit="s"),
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="aws_sweep.py", description=__doc__.splitlines()[0])
    parser.add_argument("--functions", type=int, default=FUNCTIONS, metavar="N")
    parser.add_argument("--versions", type=int, default=VERSIONS, metavar="N")
    parser.add_argument("--rate", type=float, default=RATE, metavar="N", help="requests a second")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures to this file")
    options = parser.parse_args(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"   {time.monotonic() - began:4.0f} s  {text}", flush=True)

    # Each function is asked about in every run, each package once.
    most = options.functions * (4 + options.versions) + 100
    try:
        with (
            tempfile.TemporaryDirectory(prefix="aws-sweep-") as folder,
            AwsServer(process=True) as server,
        ):
            say(f"an account with {options.functions} functions of {options.versions} versions")
            server.fill(functions=options.functions, versions=options.versions)
            server.throttle(options.rate)
            project = Path(folder) / "project"
            (project / "events").mkdir(parents=True)
            (project / "events" / "order.json").write_text('{"order": 1}')
            (project / "lambda-rollback.toml").write_text(CONFIGURATION)
            limit_s = START_S + SLOWNESS * most / options.rate
            sweep = Sweep(server=server, folder=project, limit_s=limit_s)
            figures = measure(sweep, options.functions, options.versions, say)
    except CannotMeasure as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 2
    for figure in figures:
        verdict = "    " if figure.goal is None else "MISS" if figure.missed else "PASS"
        goal = "" if figure.goal is None else f", goal at most {figure.goal:g}"
        print(f"   {verdict}  {figure.value:9.2f}  {figure.name}, {figure.unit}{goal}")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(each) for each in figures], indent=1) + "\n")
    return 1 if any(each.missed for each in figures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
