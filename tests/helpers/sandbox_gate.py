"""Decides whether tests that need the sandbox engine run, fail with a reason, or skip."""

from __future__ import annotations

import functools

from helpers.docker_gate import stop
from pytest_lambda_rollback.engines.sandbox.bubblewrap import Bubblewrap, find_bubblewrap
from pytest_lambda_rollback.errors import EngineError


@functools.cache
def _found() -> Bubblewrap | EngineError:
    try:
        return find_bubblewrap()
    except EngineError as error:
        return error


def needed_bubblewrap() -> Bubblewrap:
    """This machine's bubblewrap; stops the test where there is none that works."""
    found = _found()
    if isinstance(found, EngineError):
        stop(f"{found} `.ci/setup bubblewrap` installs it where it may.")
    return found
