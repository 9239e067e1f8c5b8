"""A small project to drive pytest on: two versions of one function, in sandboxes."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"

ANSWERS = """
def handler(event, context):
    return {"statusCode": 200, "id": event["id"]}
"""
RAISES_ON_GIFT_CARD = """
def handler(event, context):
    if "gift_card" in event:
        raise KeyError("sku")
    return {"statusCode": 200, "id": event["id"]}
"""


@dataclass(frozen=True)
class Project:
    """A folder with a configuration, versions and events; ``run`` is pytest as a user calls it."""

    path: Path
    pytester: pytest.Pytester

    def version(self, number: str, code: str = ANSWERS) -> None:
        folder = self.path / "versions" / number
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "app.py").write_text(code)

    def event(self, name: str, event: Any) -> None:
        path = self.path / "events" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(event if isinstance(event, str) else json.dumps(event))

    def configure(self, *lines: str, versions: tuple[str, ...] = ("2", "1"), top: str = "") -> None:
        tables = "".join(
            f'[functions.orders.versions.{each}]\ncode = "versions/{each}"\n'
            f'runtime = "{RUNTIME}"\nhandler = "app.handler"\n'
            for each in versions
        )
        first = [line for line in lines if not line.startswith("[")]
        tail = [line for line in lines if line.startswith("[")]
        body = "\n".join(first) or 'current = "2"\nevents = "events"'
        self.write(f"{top}\n[functions.orders]\n{body}\n{tables}\n" + "\n".join(tail))

    def write(self, text: str) -> None:
        (self.path / "lambda-rollback.toml").write_text(text)

    def run(self, *arguments: str, on: bool = True, engine: str = "sandbox") -> pytest.RunResult:
        switch = ("--lambda-rollback", f"--lambda-rollback-engine={engine}") if on else ()
        return self.pytester.runpytest_subprocess(
            *switch, "-p", "no:cacheprovider", *arguments, timeout=120
        )
