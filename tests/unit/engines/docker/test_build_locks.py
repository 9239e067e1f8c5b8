"""Locks of builds: one holder at a time among processes, and nothing that is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.engines.docker import build_locks
from pytest_lambda_rollback.engines.docker.build_locks import build_lock


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def add_one(counter: str, times: int) -> None:
    """Not atomic without a lock: reads, waits and writes."""
    for _ in range(times):
        with build_lock("image", timeout_s=60):
            number = int(Path(counter).read_text())
            time.sleep(0.002)
            Path(counter).write_text(str(number + 1))


def hold(ready: Any, seconds: float) -> None:
    with build_lock("image", timeout_s=60):
        ready.send("held")
        time.sleep(seconds)


def begun(target: Any, *arguments: Any) -> Any:
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
    process.start()
    return process


def test_one_process_at_a_time_holds_it(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    processes = [begun(add_one, str(counter), 15) for _ in range(4)]
    for process in processes:
        process.join(60)

    assert counter.read_text() == "60"
    assert [path.name for path in tmp_path.iterdir()] == ["counter"]


def test_lock_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    near, far = multiprocessing.Pipe()
    process = begun(hold, far, 60)
    assert near.recv() == "held"

    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    began = time.monotonic()
    with build_lock("image", timeout_s=60):
        waited_s = time.monotonic() - began

    assert waited_s < 5
    assert list(tmp_path.iterdir()) == []
    near.close()
    far.close()


def test_another_name_is_another_lock() -> None:
    with build_lock("one", timeout_s=0), build_lock("two", timeout_s=0):
        pass


def test_lock_that_is_not_had_in_time_is_done_without() -> None:
    near, far = multiprocessing.Pipe()
    process = begun(hold, far, 60)
    assert near.recv() == "held"
    began = time.monotonic()

    with build_lock("image", timeout_s=0.2):
        waited_s = time.monotonic() - began

    assert 0.2 <= waited_s < 5
    process.kill()
    process.join(10)
    near.close()
    far.close()


def test_lock_where_nothing_can_be_written_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")

    with build_lock("image", timeout_s=60):
        entered = True

    assert entered


def test_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    build_locks._path("image").symlink_to(precious)

    with build_lock("image", timeout_s=60):
        pass

    assert precious.read_text() == "kept"
