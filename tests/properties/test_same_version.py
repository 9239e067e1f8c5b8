"""A version that replaces itself breaks nothing: a sample of ``make same``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.same_version import MODES, against_itself

SAMPLE = (
    "harmless-ids-times-and-shuffled-lists",
    "answer-lost-a-key",
    "sqs-message-fails-in-silence",
)


def test_every_version_of_a_project_is_judged_by_every_mode() -> None:
    own = {
        "functions": {
            "orders": {
                "current": "4",
                "targets": ["3"],
                "events": "events",
                "response": {"mode": "schema", "schema": "s.json", "ignore": ["/id"]},
                "versions": {"4": {"code": "new"}, "3": {"code": "old"}},
            }
        }
    }
    functions = against_itself(own)["functions"]
    assert sorted(functions) == sorted(f"orders-{v}-{mode}" for v in "34" for mode in MODES)
    assert functions["orders-3-exact"] == {
        "current": "2",
        "targets": ["1"],
        "events": "events",
        "response": {"mode": "exact", "ignore": ["/id"]},
        "versions": {"2": {"code": "old"}, "1": {"code": "old"}},
    }


def judged(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    tool = Path(__file__).parents[1] / "tools" / "same_version.py"
    return subprocess.run(
        [sys.executable, tool, "--engine", "sandbox", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_real_functions_against_themselves_are_safe() -> None:
    done = judged("--only", *SAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(SAMPLE)} projects" in done.stdout
    assert " 0 break, 0 unknown" in done.stdout


def test_a_version_that_is_not_itself_anymore_is_told(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(
        "import os\n"
        "def handler(event, context):\n"
        "    return {'id': 1} if os.environ['AWS_LAMBDA_FUNCTION_VERSION'] == '2' else {}\n"
    )
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "order.json").write_text("{}")
    (tmp_path / "lambda-rollback.toml").write_text(
        "[functions.orders]\n"
        'current = "2"\n'
        'targets = ["1"]\n'
        'events = "events"\n'
        "[functions.orders.versions.2]\n"
        'code = "code"\n'
        'runtime = "python3.11"\n'
        'handler = "app.handler"\n'
    )
    done = judged(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "breaks: orders-2-shape::1-alias::order: " in done.stdout
    assert "/id" in done.stdout
