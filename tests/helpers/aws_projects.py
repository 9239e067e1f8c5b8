"""A user's project on disk beside the tests' AWS: what is run in it, and what its report says."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.aws_emulator.server import AwsServer

JSON = "--lambda-rollback-json=report.json"


@dataclass(frozen=True)
class Project:
    path: Path
    server: AwsServer

    def configure(self, text: str) -> None:
        (self.path / "lambda-rollback.toml").write_text(text)

    def event(self, function: str, name: str, event: Any) -> None:
        folder = self.path / "events" / function
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(event))

    def pytest(self, *arguments: str, engine: str = "sandbox") -> Run:
        command = [sys.executable, "-m", "pytest", "--lambda-rollback", "-p", "no:cacheprovider"]
        return self._run(*command, f"--lambda-rollback-engine={engine}", *arguments)

    def console(self, *arguments: str) -> Run:
        return self._run(sys.executable, "-m", "pytest_lambda_rollback.cli", *arguments)

    def _run(self, *command: str) -> Run:
        done = subprocess.run(
            [*command], cwd=self.path, capture_output=True, text=True, timeout=300, check=False
        )
        return Run(code=done.returncode, text=done.stdout + done.stderr)

    def lock(self, function: str) -> str:
        return (self.path / ".lambda-rollback" / "locks" / f"{function}.json").read_text()


@dataclass(frozen=True)
class Run:
    code: int
    text: str

    def shows(self, *parts: str) -> None:
        for part in parts:
            assert part in self.text, self.text


def report_of(project: Project) -> Any:
    return json.loads((project.path / "report.json").read_text())


def breaks_of(report: Any) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for target in report["functions"][0]["targets"]:
        names = {c["id"].rpartition("::")[2] for c in target["checks"] if c["verdict"] == "breaks"}
        if names:
            found[target["version"], target["strategy"]] = names
    return found


def unknowns_of(report: Any) -> list[str]:
    return [
        f"{check['id']}: {check['reason']}"
        for target in report["functions"][0]["targets"]
        for check in target["checks"]
        if check["verdict"] == "unknown"
    ]


def verdicts_of(report: Any) -> dict[str, str]:
    return {
        check["id"]: check["verdict"]
        for target in report["functions"][0]["targets"]
        for check in target["checks"]
    }
