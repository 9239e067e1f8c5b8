"""Scores the plugin on every case: what breaks and was found, false alarms, right causes.

    python tests/tools/case_scorer/score.py [--engine docker|sandbox|process] [--only NAME ...]
                                            [--workers N] [--json PATH]

Each case is built as a project and checked by a pytest of its own, as a user would. Packages come
from PyPI the first time and from a cache ever after. Exit code 0 when every break is found, there
is no false alarm and nine causes in ten are right; 1 when not, 2 when it could not be scored.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the tests' folder

from tools.case_scorer.loader import Case, CaseError, build, load_all
from tools.case_scorer.pinned_packages import PackageCache, PackageError, default_root
from tools.case_scorer.scoring import CAUSES_WANTED, Row, Score, rows_of, score

_RUN_TIMEOUT_S = 600
_AWS_IMAGE = "amazon/aws-lambda-python:{version}-x86_64"
_STANDIN = "lambda-rollback-standin:{runtime}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Builds cases below ``parent`` and runs pytest on them with ``options``."""

    parent: Path
    keep: bool
    cache: PackageCache
    options: tuple[str, ...]

    def run(self, case: Case) -> tuple[Row, ...]:
        """One case from its data to its rows. Raises PackageError."""
        project = build(case, self.parent, self.cache)
        try:
            report, trouble = self._report(project)
        finally:
            if not self.keep:
                rmtree(project, ignore_errors=True)
        return rows_of(case, report, trouble)

    def _report(self, project: Path) -> tuple[dict[str, Any] | None, str]:
        path = project / "report.json"
        command = [
            sys.executable, "-m", "pytest", "--lambda-rollback", f"--lambda-rollback-json={path}",
            "-q", "-p", "no:cacheprovider", "-c", str(project / "pytest.ini"),
            f"--rootdir={project}", *self.options, str(project),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=project, capture_output=True, text=True, timeout=_RUN_TIMEOUT_S,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None, f"pytest gave no end after {_RUN_TIMEOUT_S} s"
        if done.returncode not in (0, 1) or not path.is_file():
            lines = (done.stderr + done.stdout).strip().splitlines()
            return None, f"pytest ended with {done.returncode}: " + " / ".join(lines[-3:])
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return report, ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _options(arguments)
    try:
        cases = load_all(tuple(options.only))
        with tempfile.TemporaryDirectory(prefix="lambda-rollback-cases-") as scratch:
            if options.keep is not None:
                options.keep.mkdir(parents=True, exist_ok=True)
            runner = Runner(
                parent=options.keep or Path(scratch),
                keep=options.keep is not None,
                cache=PackageCache(root=default_root(), say=_say),
                options=_plugin_options(options, cases),
            )
            rows = _run_all(runner, cases, options.workers)
    except (CaseError, PackageError, OSError) as error:
        print(f"not scored: {error}", file=sys.stderr)
        return 2
    total = score(rows)
    print("\n".join(_table(rows)))
    print("\n".join(_summary(total, len(cases))))
    if options.json is not None:
        _write_json(options.json, rows, total)
    return 0 if total.passed else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "--engine", choices=("auto", "docker", "sandbox", "process"), default="auto"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these cases alone")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="cases at the same time"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write all rows there")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="build the projects in this folder and leave them"
    )
    parser.add_argument(
        "--base-image", action="append", default=[], metavar="RUNTIME=IMAGE",
        help="for the docker engine; without it AWS's image, or else the stand-in that is here",
    )  # fmt: skip
    return parser.parse_args(arguments)


def _plugin_options(options: argparse.Namespace, cases: Iterable[Case]) -> tuple[str, ...]:
    images = list(options.base_image)
    if not images and options.engine in ("auto", "docker"):
        runtimes = {
            dict(version.settings)["runtime"]
            for case in cases
            for version in (case.current, case.target)
        }
        images = [f"{each}={_STANDIN.format(runtime=each)}" for each in sorted(runtimes)
                  if _needs_standin(each)]  # fmt: skip
    return (
        f"--lambda-rollback-engine={options.engine}",
        *(f"--lambda-rollback-base-image={each}" for each in images),
    )


def _needs_standin(runtime: str) -> bool:
    """True if this machine has the stand-in and not AWS's base image."""
    aws = _AWS_IMAGE.format(version=runtime.removeprefix("python"))
    return not _have_image(aws) and _have_image(_STANDIN.format(runtime=runtime))


def _have_image(reference: str) -> bool:
    command = ["docker", "image", "inspect", reference]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _run_all(runner: Runner, cases: Sequence[Case], workers: int) -> list[Row]:
    """The rows of all cases in the order of their names; raises the first PackageError."""
    found: dict[str, tuple[Row, ...]] = {}
    with ThreadPoolExecutor(max_workers=max(1, workers)) as executor:
        running = {executor.submit(runner.run, case): case for case in cases}
        try:
            for number, done in enumerate(as_completed(running), start=1):
                case = running[done]
                found[case.name] = done.result()
                wrong = any(_is_wrong(row) for row in found[case.name])
                _say(f"{number}/{len(cases)} {case.name}: {'not right' if wrong else 'right'}")
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise
    return [row for case in cases for row in found[case.name]]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- what is printed ------------------------------------------------------------------------


def _is_wrong(row: Row) -> bool:
    return bool(
        row.missed or row.false_alarm or row.contract_right is False or row.cause_right is False
    )


def _table(rows: Sequence[Row]) -> list[str]:
    head = ("case", "strategy", "expected", "got", "contracts", "cause")
    cells = [
        (
            row.case,
            row.strategy,
            row.expected,
            row.got + (" (missed)" if row.missed else " (false alarm)" if row.false_alarm else ""),
            ", ".join(row.contracts) + (" (wrong)" if row.contract_right is False else ""),
            {None: "", True: "right", False: "wrong"}[row.cause_right],
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in (head, *cells)]
    details = [
        line
        for row in rows
        if _is_wrong(row)
        for line in ("", f"{row.case} by {row.strategy}", *(f"  {each}" for each in row.remarks))
    ]
    return [*lines, *details, ""]


def _summary(total: Score, cases: int) -> list[str]:
    return [
        f"{cases} cases: {'good' if total.passed else 'NOT GOOD ENOUGH'}",
        f"recall          {total.recall:.2f}  ({total.found} of {total.breaks} breaks found; "
        "1.00 wanted)",
        f"false alarms    {total.false_alarms}     (0 wanted, {total.safe} safe strategies)",
        f"right causes    {total.causes:.2f}  ({total.right_causes} of {total.breaks}; "
        f"{CAUSES_WANTED:.2f} wanted)",
        f"right contracts {total.right_contracts} of {total.breaks}",
    ]


def _write_json(path: Path, rows: Iterable[Row], total: Score) -> None:
    document = {
        "passed": total.passed,
        "recall": total.recall,
        "causes": total.causes,
        **asdict(total),
        "rows": [asdict(row) for row in rows],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
