"""Decides whether tests that need Docker run, fail with a reason, or skip with what to run.

Those of two processes take turns: some look at all that a daemon has, or at what is left of others.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

STANDIN = "lambda-rollback-standin"
RUNTIMES = ("python3.11", "python3.13", "nodejs22.x")


def missing_images(images: Iterable[str], *, made_by: str) -> str | None:
    """The first thing these images lack, the daemon itself included; ``None`` if all are there."""
    from pytest_lambda_rollback.engines.docker.daemon import connect
    from pytest_lambda_rollback.engines.docker.engine import probe

    reason = probe()
    if reason is not None:
        return f"{reason} `make docker` starts one where it may."
    client = connect()
    try:
        for image in images:
            if not client.api.images(name=image):
                return f"no image {image}. `{made_by}` builds it."
    finally:
        client.close()
    return None


@contextmanager
def turn() -> Iterator[None]:
    """Wait until no other process runs these tests in Docker, and keep it so."""
    folder = os.open(Path(__file__).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def stop(reason: str) -> NoReturn:
    """Fail in CI and where LAMBDA_ROLLBACK_REQUIRE_DOCKER=1 promises Docker; skip elsewhere."""
    required = (os.environ.get("LAMBDA_ROLLBACK_REQUIRE_DOCKER"), os.environ.get("CI"))
    if any((value or "").lower() not in ("", "0", "false") for value in required):
        pytest.fail(f"Docker tests must run here: {reason}", pytrace=False)
    pytest.skip(f"Docker tests cannot run here: {reason}")
