"""The main job as a user calls it: the example on both engines, and what an interrupt leaves."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from helpers.child_processes import heed_interrupts
from pytest_lambda_rollback.engines.docker.image_retention import remove_images
from pytest_lambda_rollback.engines.docker.owners import OWNER_LABEL
from pytest_lambda_rollback.reports.json_report import SCHEMA_PATH

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 240

CHECKS = (
    "dependencies",
    "imports",
    "platform",
    "create_order",
    "create_order_lines",
    "gift_card",
    "marketplace_order",
    "marketplace_order_lines",
    "marketplace_quantity_zero",
    "reject_order",
)
STATED: dict[tuple[str, str], dict[str, str]] = {
    # What the README says, by target and strategy; every check that is not named is safe.
    ("3", "alias"): {},
    ("3", "redeploy"): {},
    ("2", "alias"): {"gift_card": "accepted"},
    ("2", "redeploy"): {
        "create_order": "breaks",
        "create_order_lines": "breaks",
        "gift_card": "accepted",
    },
    ("1", "alias"): {
        "create_order": "breaks",
        "create_order_lines": "breaks",
        "gift_card": "breaks",
        "marketplace_order_lines": "breaks",
    },
    ("1", "redeploy"): dict.fromkeys(CHECKS, "breaks")
    | {"dependencies": "safe", "platform": "safe"},
}
LOYALTY_CHECKS = ("dependencies", "imports", "platform", "state", "points_earned", "points_shown")
LOYALTY_STATED: dict[tuple[str, str], dict[str, str]] = {
    ("3", "alias"): {},
    ("3", "redeploy"): {},
    ("2", "alias"): {"state": "breaks"},
    ("2", "redeploy"): {"state": "breaks"},
}


def pytest_command(*arguments: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "pytest",
        "--lambda-rollback",
        "-p",
        "no:cacheprovider",
        *arguments,
    ]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with its layers built."""
    folder = tmp_path_factory.mktemp("example") / "example_project"
    shutil.copytree(ROOT / "example_project", folder)
    subprocess.run([sys.executable, folder / "build.py"], check=True, timeout=TIMEOUT_S)
    return folder


@pytest.fixture(scope="module")
def base_image(client: Any) -> Iterator[str]:
    """Option with a base image of these tests alone, so that nobody else has their images.

    Images that are built on it inherit its label, and are removed by that.
    """
    label, value = "pytest-lambda-rollback.test-session", secrets.token_hex(8)
    tag = f"lambda-rollback-test:{value}"
    text = f"FROM lambda-rollback-standin:python3.11\nLABEL {label}={value}\n"
    client.images.build(fileobj=io.BytesIO(text.encode()), tag=tag, rm=True)
    yield f"--lambda-rollback-base-image=python3.11={tag}"
    remove_images(client, f"{label}={value}")
    client.api.remove_image(tag)


@pytest.fixture(scope="module")
def reports(example: Path, base_image: str) -> Callable[[str], Any]:
    """The example's JSON report by engine, each run once."""
    found: dict[str, Any] = {}

    def report(engine: str) -> Any:
        if engine not in found:
            path = example.parent / f"{engine}.json"
            done = subprocess.run(
                pytest_command(
                    f"--lambda-rollback-engine={engine}",
                    base_image,
                    f"--lambda-rollback-json={path}",
                    "-q",
                    str(example),
                ),
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
            found[engine] = json.loads(path.read_text())
        return found[engine]

    return report


def matrix(report: Any, name: str) -> dict[tuple[str, str], dict[str, str]]:
    (function,) = (each for each in report["functions"] if each["function"] == name)
    return {
        (target["version"], target["strategy"]): {
            check["id"].rpartition("::")[2]: check["verdict"] for check in target["checks"]
        }
        for target in function["targets"]
    }


@pytest.mark.parametrize("engine", ["docker", "sandbox"])
def test_the_example_gives_the_stated_verdicts(reports: Callable[[str], Any], engine: str) -> None:
    report = reports(engine)
    jsonschema.validate(report, json.loads(SCHEMA_PATH.read_text()))
    assert report["engine"] == engine
    assert report["verdict"] == "breaks"
    for name, checks, verdicts in (
        ("orders", CHECKS, STATED),
        ("loyalty", LOYALTY_CHECKS, LOYALTY_STATED),
    ):
        assert matrix(report, name) == {
            target: {check: stated.get(check, "safe") for check in checks}
            for target, stated in verdicts.items()
        }


def test_both_engines_find_the_same(reports: Callable[[str], Any]) -> None:
    def found(engine: str) -> list[tuple[str, str, list[tuple[str, str | None, str]]]]:
        return [
            (
                check["id"].rpartition("lambda-rollback.toml")[2],
                check["verdict"],
                [(f["kind"], f["location"], f["message"]) for f in check["findings"]],
            )
            for function in reports(engine)["functions"]
            for target in function["targets"]
            for check in target["checks"]
        ]

    assert found("docker") == found("sandbox")


SLEEPS = "import time\n\ndef handler(event, context):\n    print('asleep')\n    time.sleep(60)\n"


@pytest.fixture
def sleeping(tmp_path: Path) -> Path:
    """A project whose current version sleeps for a minute."""
    for version in ("2", "1"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "app.py").write_text(SLEEPS)
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "e.json").write_text("{}")
    (tmp_path / "lambda-rollback.toml").write_text(
        '[functions.f]\ncurrent = "2"\nevents = "events"\n'
        + "".join(
            f'[functions.f.versions.{version}]\ncode = "{version}"\nruntime = "python3.11"\n'
            f'handler = "app.handler"\ntimeout_s = 90\n'
            for version in ("2", "1")
        )
    )
    return tmp_path


def owned(client: Any, pid: int) -> list[str]:
    """Containers that a process has made and that are still there."""

    def belongs(labels: dict[str, str] | None) -> bool:
        parts = (labels or {}).get(OWNER_LABEL, "").split("/")
        return str(pid) in parts

    return [each["Id"] for each in client.api.containers(all=True) if belongs(each["Labels"])]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(
    client: Any, sleeping: Path, base_image: str, number: signal.Signals
) -> None:
    with subprocess.Popen(
        pytest_command("--lambda-rollback-engine=docker", base_image, str(sleeping)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    ) as process:
        try:
            deadline = time.monotonic() + TIMEOUT_S
            while len(owned(client, process.pid)) < 2:
                assert process.poll() is None, process.stdout.read() if process.stdout else ""
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(2)
            os.kill(process.pid, number)
            output, _ = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                process.kill()
    assert process.returncode == (2 if number is signal.SIGINT else 143), output
    assert owned(client, process.pid) == []
    assert "Traceback" not in output


def test_the_repository_example_needs_no_flag_to_be_left_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--co", "-q", str(ROOT / "example_project")],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
