"""Doors to services in sandboxes, as root and as another user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from helpers.door_checks import CHECKS, Check, invoked, value
from helpers.doors import FUNCTION, FakeServices
from pytest_lambda_rollback.engines.sandbox.engine import SandboxEngine
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import FunctionVersion

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_doors(
    engine: SandboxEngine, make_version: Callable[..., FunctionVersion], check: Check
) -> None:
    version = make_version(FUNCTION, environment=(("OWN", "function"),), timeout_s=120.0)
    check(engine, version)


def test_services_need_low_ports(
    engine: SandboxEngine,
    make_version: Callable[..., FunctionVersion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without = replace(engine._bubblewrap, opens_low_ports=False)
    monkeypatch.setattr(engine, "_bubblewrap", without)
    version = make_version(FUNCTION)
    with pytest.raises(EngineError, match="does not let bubblewrap open low ports"):
        engine.start_serving(version, FakeServices(ports={"a:1": 1}))
    environment = engine.start(version)
    outcome = invoked(environment, "look")
    environment.close()
    assert value(outcome) == {}
