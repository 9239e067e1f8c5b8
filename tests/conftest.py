"""The gate of the Docker tests: they run, fail with a reason, or skip with what to run.

They never skip in CI, nor where LAMBDA_ROLLBACK_REQUIRE_DOCKER=1 says that Docker must be there.
"""

from __future__ import annotations

import os

import pytest

pytest_plugins = ["pytester"]

STANDIN = "lambda-rollback-standin"
RUNTIMES = ("python3.11", "python3.13")


def _missing() -> str | None:
    """What the Docker tests lack, ``None`` when they can run."""
    from pytest_lambda_rollback.engines.docker.engine import probe

    reason = probe()
    if reason is not None:
        return f"{reason} `make docker` starts one where it may."
    import docker

    client = docker.from_env()
    try:
        for runtime in RUNTIMES:
            client.images.get(f"{STANDIN}:{runtime}")
    except docker.errors.ImageNotFound:
        return f"no image {STANDIN}:{runtime}. `make images` builds it."
    finally:
        client.close()
    return None


@pytest.fixture(scope="session")
def docker_engine_ready() -> None:
    """A Docker daemon answers and has the stand-in base images."""
    reason = _missing()
    if reason is None:
        return
    required = (os.environ.get("LAMBDA_ROLLBACK_REQUIRE_DOCKER"), os.environ.get("CI"))
    if any((value or "").lower() not in ("", "0", "false") for value in required):
        pytest.fail(f"Docker tests must run here: {reason}", pytrace=False)
    pytest.skip(f"Docker tests cannot run here: {reason}")


@pytest.fixture(autouse=True)
def _docker_gate(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("docker"):
        request.getfixturevalue("docker_engine_ready")
