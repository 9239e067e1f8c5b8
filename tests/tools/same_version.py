"""Judges function versions against copies of themselves: whatever they do, nothing may break.

    python tests/tools/same_version.py [--engine ENGINE] [--only NAME ...] [PROJECT ...]

A version that replaces itself serves its callers as before, in every mode of the response contract
and by both strategies. So each version of every case in tests/cases, or of the projects named,
becomes the current version and the target of functions of its own, one for each mode. A check
that breaks is a false alarm. So is one that is ``unknown`` while the version's own project calls
it safe, but that is the project's to say: it is printed and not counted. Exit code 0 when nothing
breaks, 1 when something does, 2 when it could not be judged.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tests' folder

from tools.case_scorer.loader import CaseError, build, load_all
from tools.case_scorer.pinned_packages import PackageCache, PackageError, default_root

MODES = ("shape", "exact", "schema", "none")
_CONFIGURATION = "lambda-rollback.toml"
_ANY_SCHEMA = "any-answer.json"
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One project, every version of it judged against itself."""

    project: str
    checks: int = 0
    broken: tuple[str, ...] = ()
    """A line for each check that breaks."""
    unknown: tuple[str, ...] = ()
    """A line for each check that is unknown."""
    trouble: str = ""
    """Why there is no report."""


def against_itself(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in which each version of a function takes over from itself.

    ``configuration`` is a parsed lambda-rollback.toml whose functions have local versions. The
    settings of a function stay, apart from what is said about one version of it.
    """
    functions: dict[str, Any] = {}
    for name, function in configuration["functions"].items():
        kept = {key: value for key, value in function.items()
                if key not in ("current", "targets", "versions", "accept", "response")}  # fmt: skip
        for number, version in function["versions"].items():
            for mode in MODES:
                functions[f"{name}-{number}-{mode}"] = {
                    **kept,
                    "current": "2",
                    "targets": ["1"],
                    "response": _response(function.get("response", {}), mode),
                    "versions": {"2": version, "1": version},
                }
    rest = {key: configuration[key] for key in ("defaults",) if key in configuration}
    return {**rest, "functions": functions}


def _response(own: Mapping[str, Any], mode: str) -> dict[str, Any]:
    if mode == "none":
        return {"mode": mode}
    if mode == "schema":
        return {"mode": mode, "schema": _ANY_SCHEMA}
    kept = {key: value for key, value in own.items() if not key.startswith("schema")}
    return {**kept, "mode": mode}


def judge(project: Path, engine: str) -> Judged:
    """Rewrite a project's configuration in place, run it, and read the report."""
    path = project / _CONFIGURATION
    configuration = against_itself(tomllib.loads(path.read_text(encoding="utf-8")))
    path.write_text(
        "\n".join(f"{key} = {toml(value)}" for key, value in configuration.items()) + "\n",
        encoding="utf-8",
    )
    (project / _ANY_SCHEMA).write_text("{}", encoding="utf-8")
    (project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    report = project / "report.json"
    command = [
        sys.executable, "-m", "pytest", "--lambda-rollback", f"--lambda-rollback-json={report}",
        f"--lambda-rollback-engine={engine}", "-q", "-p", "no:cacheprovider",
        "-c", str(project / "pytest.ini"), f"--rootdir={project}", str(path),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=project, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Judged(project=project.name, trouble=f"no end after {_TIMEOUT_S} s")
    if done.returncode not in (0, 1) or not report.is_file():
        lines = (done.stderr + done.stdout).strip().splitlines()
        return Judged(project=project.name, trouble=" / ".join(lines[-3:]))
    return _read(project.name, json.loads(report.read_text(encoding="utf-8")))


def _read(project: str, report: Mapping[str, Any]) -> Judged:
    checks = [
        check
        for function in report["functions"]
        for target in function["targets"]
        for check in target["checks"]
    ]
    by_verdict: dict[str, list[str]] = {}
    for check in checks:
        says = "; ".join(finding["message"] for finding in check["findings"])
        line = f"{check['id'].partition('::')[2]}: {says or check.get('reason')}"
        by_verdict.setdefault(check["verdict"], []).append(line)
    return Judged(
        project=project,
        checks=len(checks),
        broken=tuple(by_verdict.get("breaks", ())),
        unknown=tuple(by_verdict.get("unknown", ())),
    )


def toml(value: Any) -> str:
    """A value as TOML with inline tables; strings as JSON writes them, which TOML reads alike."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(k)} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str | bool | int | float):
        return json.dumps(value, ensure_ascii=False)
    return str(value)  # dates


def built(parent: Path, only: tuple[str, ...]) -> Iterable[Path]:
    """The cases as project folders below ``parent``. Raises CaseError and PackageError."""
    cache = PackageCache(root=default_root())
    for case in load_all(only):
        yield build(case, parent, cache)


def copied(parent: Path, projects: Iterable[Path]) -> Iterable[Path]:
    """Copies of projects below ``parent``."""
    for project in projects:
        yield Path(shutil.copytree(project, parent / project.name, symlinks=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "--engine", choices=("auto", "docker", "sandbox", "process"), default="auto"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these cases alone")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("project", type=Path, nargs="*", help="folders instead of the cases")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="lambda-rollback-same-") as scratch:
        parent = Path(scratch)
        try:
            projects = list(
                copied(parent, options.project)
                if options.project
                else built(parent, tuple(options.only))
            )
        except (CaseError, PackageError, OSError) as error:
            print(f"not judged: {error}", file=sys.stderr)
            return 2
        with ThreadPoolExecutor(max_workers=max(1, options.workers)) as executor:
            return _show(executor.map(lambda each: judge(each, options.engine), projects))


def _show(judged: Iterable[Judged]) -> int:
    checks = broken = unknown = troubled = projects = 0
    for each in judged:
        projects += 1
        checks += each.checks
        broken += len(each.broken)
        unknown += len(each.unknown)
        troubled += bool(each.trouble)
        lines = [f"breaks: {line}" for line in each.broken]
        lines += [f"unknown: {line}" for line in each.unknown]
        lines += [f"no report: {each.trouble}"] if each.trouble else []
        if lines:
            print("\n  ".join([each.project, *lines]), flush=True)
    print(f"{projects} projects, {checks} checks: {broken} break, {unknown} unknown, "
          f"{troubled} projects without a report")  # fmt: skip
    if troubled or not checks:
        return 2
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
