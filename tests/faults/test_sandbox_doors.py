"""Doors to services in sandboxes, as root and as another user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from helpers.door_checks import CHECKS, Check, Opened, invoked, value
from helpers.doors import FUNCTION, FakeServices, echo, served
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


def test_an_initialisation_that_is_begun_again_finds_its_services(
    engine: SandboxEngine,
    make_version: Callable[..., FunctionVersion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Lambda begins a late initialisation again; connections of the first have an end."""
    monkeypatch.setattr(engine, "_init_timeout_s", 2.5)
    begin = (
        "\nheld = [socket.create_connection(('db.internal', 5432))]\n"
        "held[0].sendall(b'x')\ntime.sleep(4)\nfound = look()\n"
        "def again(): return [found, echo('db.internal', 5432, 'hi')]\n"
    )
    with served(echo) as port:
        services = FakeServices(ports={"db.internal:5432": port}, files=(("ca.pem", b"first"),))
        with Opened(engine, make_version(FUNCTION + begin), services) as environment:
            assert value(invoked(environment, "again")) == [{"ca.pem": "first"}, "hi"]
    assert len(services.asked) == 3
