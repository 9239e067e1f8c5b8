"""Doors to services in sandboxes, as root and as another user."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from helpers.door_checks import CHECKS, Check
from helpers.doors import FUNCTION
from pytest_lambda_rollback.engines.sandbox.engine import SandboxEngine
from pytest_lambda_rollback.model.versions import FunctionVersion

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_doors(
    engine: SandboxEngine, make_version: Callable[..., FunctionVersion], check: Check
) -> None:
    version = make_version(FUNCTION, environment=(("OWN", "function"),), timeout_s=120.0)
    check(engine, version)
