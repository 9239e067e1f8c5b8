"""macOS and Windows, simulated: the plugin loads, and says what to do where there is no Docker."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from helpers.made_projects import Project

SIMULATED = """
import os, sys, types
MISSING = {missing!r}


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in MISSING:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


import pytest, _pytest.capture, _pytest.terminal, _pytest.tmpdir, docker, requests, subprocess
import concurrent.futures.thread, multiprocessing, socket, tempfile, shutil, platform, asyncio
for name in MISSING:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Finder())
import pytest_lambda_rollback.plugin


class Elsewhere:
    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self):
        # From here on: pytest itself has found its way on the real system.
        sys.platform = {system!r}
        if sys.platform == "win32":
            os.O_NOINHERIT = os.O_BINARY = 0
            sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=lambda *_: None)


arguments = ["--lambda-rollback", "-p", "no:cacheprovider", "-q", *sys.argv[1:]]
sys.exit(pytest.main(arguments, plugins=[Elsewhere()]))
"""


@pytest.mark.parametrize(
    ("system", "name", "missing"),
    [
        ("darwin", "macOS", ()),
        ("win32", "Windows", ("fcntl", "grp", "pwd", "resource", "termios")),
    ],
)
def test_without_docker_one_sentence_says_what_to_do(
    project: Project, system: str, name: str, missing: tuple[str, ...]
) -> None:
    script = SIMULATED.format(missing=missing, system=system)
    done = subprocess.run(
        [sys.executable, "-c", script, "-k", "1-alias and create"],
        cwd=project.path,
        env={**os.environ, "DOCKER_HOST": "tcp://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    text = " ".join(done.stdout.split())
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert f"functions can be run on {name} with Docker only: " in text
    assert "Install and start Docker Desktop, or set DOCKER_HOST to a daemon that answers" in text
