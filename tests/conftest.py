"""Tests that are marked ``docker`` run only where Docker and the stand-in base images are."""

from __future__ import annotations

import pytest

from helpers.docker_gate import RUNTIMES, STANDIN, missing_images, stop

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def docker_engine_ready() -> None:
    """A Docker daemon answers and has the stand-in base images."""
    images = (f"{STANDIN}:{runtime}" for runtime in RUNTIMES)
    reason = missing_images(images, made_by="make images")
    if reason is not None:
        stop(reason)


@pytest.fixture(autouse=True)
def _docker_gate(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("docker"):
        request.getfixturevalue("docker_engine_ready")
