"""Tests that are marked ``docker`` run only where Docker and the stand-in base images are."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from helpers.docker_gate import RUNTIMES, STANDIN, missing_images, stop, turn

pytest_plugins = ["pytester"]

TESTS = Path(__file__).parent


class _ByFile(LoadScopeScheduling):
    """Gives a worker whole files, and one worker all files whose tests share the Docker daemon.

    xdist's own groups are names that it adds to node ids, which pytest 9.2 does not let it do.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "docker" if _shares_the_daemon(file) else file


@functools.cache
def _shares_the_daemon(file: str) -> bool:
    """True for a file, from the root folder, with a test that is marked ``docker``."""
    return "pytest.mark.docker" in (TESTS.parent / file).read_text("utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Distribute by files, for ``--dist loadfile``."""
    return _ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def docker_engine_ready() -> Iterator[None]:
    """A Docker daemon answers, has the stand-in base images, and is used by no other tests."""
    with turn():
        images = (f"{STANDIN}:{runtime}" for runtime in RUNTIMES)
        reason = missing_images(images, made_by="make images")
        if reason is not None:
            stop(reason)
        yield


@pytest.fixture(autouse=True)
def _docker_gate(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("docker"):
        request.getfixturevalue("docker_engine_ready")
