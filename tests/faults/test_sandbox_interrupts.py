"""A run in sandboxes that is interrupted, terminated or killed leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.child_processes import heed_interrupts
from helpers.host_processes import processes_with, wait_until_none_with
from helpers.made_projects import RUNTIME
from helpers.sandbox_gate import needed_bubblewrap

pytestmark = pytest.mark.fault

TIMEOUT_S = 60
SLEEPS = "import time\n\ndef handler(event, context):\n    time.sleep(60)\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose versions sleep for a minute."""
    needed_bubblewrap()
    folder = tmp_path / "project"
    text = '[functions.f]\ncurrent = "2"\nevents = "events"\n'
    for version in ("2", "1"):
        (folder / version).mkdir(parents=True)
        (folder / version / "app.py").write_text(SLEEPS)
        text += (
            f'[functions.f.versions.{version}]\ncode = "{version}"\nruntime = "{RUNTIME}"\n'
            'handler = "app.handler"\ntimeout_s = 90\n'
        )
    (folder / "events").mkdir()
    (folder / "events" / "e.json").write_text("{}")
    (folder / "lambda-rollback.toml").write_text(text)
    return folder


def started(project: Path, temporary: Path) -> subprocess.Popen[str]:
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "--lambda-rollback", "--lambda-rollback-engine=sandbox",
         "-p", "no:cacheprovider", "-q", str(project)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left(project: Path, tmp_path: Path, number: signal.Signals) -> None:
    temporary = tmp_path / "temporary"
    inside = f"{temporary}/lambda-rollback-run-"
    with started(project, temporary) as run:
        try:
            deadline = time.monotonic() + TIMEOUT_S
            while not processes_with(inside):
                assert run.poll() is None, run.stdout.read() if run.stdout else ""
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(0.5)
            os.kill(run.pid, number)
            output, _ = run.communicate(timeout=TIMEOUT_S)
        finally:
            if run.poll() is None:
                run.kill()
    codes = {signal.SIGINT: 2, signal.SIGTERM: 143, signal.SIGKILL: -9}
    assert run.returncode == codes[number], output
    assert "Traceback" not in output
    wait_until_none_with(inside)
    left = list(temporary.iterdir())
    if number is not signal.SIGKILL:
        assert left == []
        return
    (dead,) = left
    with started(project, temporary) as following:
        deadline = time.monotonic() + TIMEOUT_S
        while dead.exists():
            assert following.poll() is None, following.stdout.read() if following.stdout else ""
            assert time.monotonic() < deadline
            time.sleep(0.05)
        following.terminate()
        following.communicate(timeout=TIMEOUT_S)
    wait_until_none_with(inside)
    assert list(temporary.iterdir()) == []
