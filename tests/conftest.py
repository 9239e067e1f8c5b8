"""Tests that are marked ``docker`` run only where Docker and the stand-in base images are."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.docker_gate import RUNTIMES, STANDIN, missing_images, stop

pytest_plugins = ["pytester"]

TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together under ``--dist loadgroup``, and all that share a daemon."""
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        in_docker = path.startswith("docker/") or item.get_closest_marker("docker") is not None
        group = "docker" if in_docker else path
        item.add_marker(pytest.mark.xdist_group(group))


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
