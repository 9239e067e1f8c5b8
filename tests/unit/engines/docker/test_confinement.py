"""Why a container's wire ended, by what the daemon says of the container."""

from __future__ import annotations

from typing import Any

import docker.errors
import pytest
import requests.exceptions

from pytest_lambda_rollback.engines.docker import confinement
from pytest_lambda_rollback.engines.docker.confinement import Container
from pytest_lambda_rollback.engines.runtime_api.environment import Ending


class FakeWire:
    """A wire that has ended, after these words on standard error."""

    def __init__(self, first_words: bytes = b"") -> None:
        self.first_words = first_words
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class FakeDaemon:
    """A daemon that says one after the other of a container; an exception is raised."""

    def __init__(self, *states: Any) -> None:
        self.api = self
        self.base_url, self.api_version = "http+docker://localhost", "1.41"
        self._states = list(states)

    def get(self, url: str, *, timeout: float) -> Any:
        assert url == "http+docker://localhost/v1.41/containers/c/json"
        assert timeout > 0
        self._state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        if isinstance(self._state, Exception):
            raise self._state
        return self

    def raise_for_status(self) -> None:
        return

    def json(self) -> Any:
        return {"State": self._state}


def container(*states: Any, words: bytes = b"", removed: list[Any] | None = None) -> Container:
    return Container(
        FakeDaemon(*states),  # type: ignore[arg-type]
        id="c",
        wire=FakeWire(words),  # type: ignore[arg-type]
        machine="arm64",
        remove=lambda *found: removed.append(found) if removed is not None else None,
    )


def ended(status: int, **more: Any) -> dict[str, Any]:
    return {"Running": False, "ExitCode": status, "OOMKilled": False, "Error": ""} | more


RUNNING = {"Running": True, "Paused": False}


@pytest.mark.parametrize(
    ("state", "words", "expected"),
    [
        (ended(137, OOMKilled=True), b"", Ending(out_of_memory=True)),
        (ended(137), b"", Ending(failure="the container was killed by something else")),
        # A process in it was killed for its memory before; the container itself was not.
        (ended(0, OOMKilled=True), b"", Ending(failure="the connection to the container was lost")),
        (ended(0), b"", Ending(failure="the connection to the container was lost")),
        (
            ended(70),
            b"carrier: no such frame\n",
            Ending(failure="the container ended with status 70: carrier: no such frame"),
        ),
        (ended(3), b"", Ending(failure="the container ended with status 3")),
        (
            ended(1),
            b"exec /lambda-rollback-carrier: exec format error\n",
            Ending(
                failure="Docker's machine cannot run programs for arm64: install qemu-user-static "
                "and binfmt-support there"
            ),
        ),
        (
            docker.errors.NotFound("404", explanation="No such container: c"),
            b"",
            Ending(failure="the container was removed by something else"),
        ),
        (
            requests.exceptions.ConnectionError("Connection refused"),
            b"",
            Ending(failure="the connection to Docker was lost: the daemon refuses the connection"),
        ),
        (
            requests.exceptions.ReadTimeout("Read timed out. (60)"),
            b"",
            Ending(failure="the connection to Docker was lost: the daemon gave no answer in time"),
        ),
    ],
)
def test_ending(state: Any, words: bytes, expected: Ending) -> None:
    assert container(state, words=words).ending() == expected


def test_state_is_waited_for() -> None:
    assert container(RUNNING, RUNNING, ended(137, OOMKilled=True)).ending().out_of_memory


def test_container_that_runs_on_has_lost_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "_SETTLE_S", 0.1)

    assert container(RUNNING).ending() == Ending(
        failure="the connection to the container was lost, which still runs"
    )


@pytest.mark.parametrize(
    ("state", "trouble"),
    [
        (RUNNING, ""),
        (RUNNING | {"Paused": True}, "the container was paused by something else"),
        (
            requests.exceptions.ReadTimeout("Read timed out. (10)"),
            "the connection to Docker was lost: the daemon gave no answer in time",
        ),
        (
            docker.errors.NotFound("404", explanation="No such container: c"),
            "the container was removed by something else",
        ),
    ],
)
def test_trouble_that_a_timeout_may_come_from(state: Any, trouble: str) -> None:
    assert container(state).trouble() == trouble


def test_end_closes_the_wire_and_has_the_container_removed_once() -> None:
    removed: list[Any] = []
    made = container(RUNNING, removed=removed)

    made.end()
    made.end()

    assert removed == [("c", made.wire)]
    assert made.wire.closed == 1  # type: ignore[union-attr]
