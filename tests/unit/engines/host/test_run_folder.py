"""The folder of a run goes with it, or with the next run once it is dead."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_lambda_rollback.engines.host.run_folder import PREFIX, RunFolder


def folders(parent: Path) -> list[Path]:
    return sorted(parent.glob(f"{PREFIX}*"))


def test_it_is_removed_with_what_is_in_it(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "work")
    made = run.new("tree")
    (made / "file").touch()
    made.chmod(0o500)
    assert made.parent == run.path
    run.remove()
    run.remove()
    assert folders(tmp_path / "work") == []


def test_that_of_a_run_that_lives_is_left_alone(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    assert folders(tmp_path) == sorted([first.path, second.path])
    first.remove()
    second.remove()


def test_that_of_a_killed_run_is_removed_by_the_next(tmp_path: Path) -> None:
    code = f"""
import os, sys
from pathlib import Path
from pytest_lambda_rollback.engines.host.run_folder import RunFolder
run = RunFolder(Path({str(tmp_path)!r}))
(run.new("tree") / "file").touch()
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert len(folders(tmp_path)) == 1
    run = RunFolder(tmp_path)
    assert folders(tmp_path) == [run.path]
    run.remove()


@pytest.mark.parametrize(("age_s", "left"), [(10, True), (7200, False)])
def test_one_without_a_lease_may_be_being_made(tmp_path: Path, age_s: int, left: bool) -> None:
    unfinished = tmp_path / f"{PREFIX}young"
    unfinished.mkdir()
    then = time.time() - age_s
    os.utime(unfinished, (then, then))
    RunFolder(tmp_path).remove()
    assert unfinished.exists() == left


def test_a_link_and_what_it_leads_to_are_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "lease").touch()
    parent = tmp_path / "work"
    parent.mkdir()
    (parent / f"{PREFIX}link").symlink_to(target)
    RunFolder(parent).remove()
    assert (target / "lease").exists()
