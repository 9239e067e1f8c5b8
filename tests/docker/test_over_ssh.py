"""The docker engine with a daemon that is reached over ssh."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.engines.docker.attachment import ThreadedAttachment
from pytest_lambda_rollback.engines.docker.engine import DockerEngine
from pytest_lambda_rollback.model.replay import OutcomeKind

pytestmark = pytest.mark.docker


@pytest.fixture
def _over_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from helpers.ssh_daemon import ssh_daemon  # needs paramiko, which nothing else does

    with ssh_daemon(tmp_path) as host:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("DOCKER_HOST", host)
        yield


@pytest.fixture
def engine_over_ssh(_over_ssh: None, new_engine: Callable[..., DockerEngine]) -> DockerEngine:
    return new_engine()


def test_outcomes_over_ssh(
    engine_over_ssh: DockerEngine, start: Any, ask: Any, answer: Any, store: Any
) -> None:
    environment = start(store.version(timeout_s=5.0, memory_mb=256), engine_over_ssh)
    assert isinstance(environment._container.wire, ThreadedAttachment)

    first = ask(environment)
    large = ask(environment, "answer_bytes", bytes=1_000_000)
    error = ask(environment, "fail")
    late = ask(environment, "sleep", seconds=60)

    assert (first.kind, first.payload, first.cold) == (OutcomeKind.RESPONSE, b"1", True)
    assert len(large.payload) == 1_000_002
    assert (error.error.type, error.logs) == ("ValueError", ("replay 3 fail",))
    assert (late.kind, late.detail) == (OutcomeKind.TIMEOUT, "timed out after 5 s")
    assert environment.renew()
    assert answer(environment) == 1


def test_container_killed_over_ssh(
    engine_over_ssh: DockerEngine, start: Any, ask: Any, store: Any, client: Any
) -> None:
    environment = start(store.version(timeout_s=30.0), engine_over_ssh)
    ask(environment)
    client.api.kill(environment.container)

    outcome = ask(environment)

    assert outcome.kind is OutcomeKind.HARNESS_FAILURE
    assert outcome.detail == "the container was killed by something else"
