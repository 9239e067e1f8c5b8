"""Doors to services in containers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from docker.errors import APIError

from helpers.door_checks import CHECKS, Check, invoked
from helpers.doors import FUNCTION
from pytest_lambda_rollback.engines.docker.confinement import LOW_PORTS_SETTING
from pytest_lambda_rollback.engines.docker.engine import DockerEngine
from pytest_lambda_rollback.model.replay import OutcomeKind

pytestmark = pytest.mark.docker

VARIABLES = (("OWN", "function"),)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_doors(engine: DockerEngine, store: Any, check: Check) -> None:
    version = store.version(FUNCTION, environment=VARIABLES, timeout_s=120.0)
    engine.prepare(version, lambda line: None)
    check(engine, version)


def test_a_daemon_may_refuse_to_open_low_ports(
    new_engine: Callable[..., DockerEngine],
    new_client: Callable[[], Any],
    store: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = new_client()
    create = client.api.create_container
    asked: list[bool] = []

    def refuse(*arguments: Any, **options: Any) -> Any:
        asked.append("Sysctls" in options["host_config"])
        if asked[-1]:
            raise APIError(f"sysctl {LOW_PORTS_SETTING} is not allowed")
        return create(*arguments, **options)

    monkeypatch.setattr(client.api, "create_container", refuse)
    engine = new_engine(client=client)
    version = store.version(FUNCTION)
    engine.prepare(version, lambda line: None)
    for _ in range(2):
        environment = engine.start(version)
        assert invoked(environment, "look").kind is OutcomeKind.RESPONSE
        environment.close()
    assert asked == [True, False, False]
