"""Owners of containers: dead or alive, and what is removed of whom."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import docker.errors
import pytest

from pytest_lambda_rollback.engines.docker.owners import (
    OWNER_LABEL,
    is_dead,
    sweep,
    this_process,
)


def test_this_process_is_alive():
    assert not is_dead(str(this_process()))


def test_process_that_ended_is_dead():
    script = (
        "from pytest_lambda_rollback.engines.docker.owners import this_process as t; print(t())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert is_dead(done.stdout.strip())


def test_later_process_with_the_same_id_is_not_the_owner():
    assert is_dead(str(replace(this_process(), started="1")))


@pytest.mark.parametrize(
    "label",
    [
        str(replace(this_process(), namespace="1", pid=1 << 22, started="1")),
        str(replace(this_process(), boot="0-0", pid=1 << 22, started="1")),
        str(replace(this_process(), boot="", pid=1 << 22, started="1")),
        "",
        "something else",
        "a/b/c/d",
    ],
    ids=["other-pid-namespace", "other-machine", "no-boot-id", "empty", "foreign", "no-pid"],
)
def test_in_doubt_an_owner_is_alive(label):
    assert not is_dead(label)


NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HERE, ELSEWHERE = str(this_process()), "another-boot/1/17/1"
DEAD = str(replace(this_process(), started="1"))


class FakeDaemon:
    """A daemon with one container; notes whether it was removed."""

    def __init__(
        self, owner: str, state: str, *, idle: timedelta, name: str = "lambda-rollback-x"
    ) -> None:
        self.removed = False
        self.api = self
        self.info = lambda: {"SystemTime": NOW.isoformat()}
        self._container = {
            "Id": "c",
            "Names": [f"/{name}"],
            "Labels": {OWNER_LABEL: owner},
            "State": state,
        }
        moment = f"{NOW - idle:%Y-%m-%dT%H:%M:%S}.061325089Z"
        never = "0001-01-01T00:00:00Z"
        self.inspect_container = lambda container: {
            "Created": moment,
            "State": {"FinishedAt": never if state == "created" else moment},
        }

    def containers(self, **options: Any) -> list[Any]:
        return [self._container]

    def remove_container(self, container: str, **options: Any) -> None:
        self.removed = True


LONG, SHORT = timedelta(minutes=6), timedelta(seconds=20)
OWNERS = {"dead": DEAD, "here": HERE, "elsewhere": ELSEWHERE, "nobody": ""}


@pytest.mark.parametrize(
    ("owner", "state", "idle", "removed"),
    [
        ("dead", "running", SHORT, True),
        ("dead", "exited", SHORT, True),
        ("dead", "created", SHORT, True),
        ("here", "running", LONG, False),
        ("here", "exited", SHORT, False),
        ("elsewhere", "running", LONG, False),
        ("elsewhere", "paused", LONG, False),
        ("elsewhere", "exited", SHORT, False),
        ("elsewhere", "exited", LONG, True),
        ("elsewhere", "created", SHORT, False),
        ("elsewhere", "created", LONG, True),
        ("nobody", "exited", LONG, True),
    ],
)
def test_what_is_swept(owner, state, idle, removed):
    daemon = FakeDaemon(OWNERS[owner], state, idle=idle)

    sweep(daemon)

    assert daemon.removed is removed


def test_container_that_somebody_else_named_is_never_swept():
    daemon = FakeDaemon(DEAD, "exited", idle=LONG, name="precious")

    sweep(daemon)

    assert not daemon.removed


def test_container_that_another_run_removes_meanwhile_is_no_failure():
    daemon = FakeDaemon(ELSEWHERE, "exited", idle=LONG)

    def gone(container: str) -> Any:
        raise docker.errors.NotFound("404", explanation="No such container")

    daemon.inspect_container = gone

    sweep(daemon)

    assert not daemon.removed
