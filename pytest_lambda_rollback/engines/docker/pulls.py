"""Inspecting and pulling images that are made elsewhere.

Callers name the image's owner, and what to do if it is unavailable. This
module builds nothing and starts nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.engines.docker.daemon import translated, with_ticks
from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.errors import EngineError

if TYPE_CHECKING:
    from docker.client import DockerClient

_PULL_TIMEOUT_S: Final = 900
_DONE: Final = ("Pull complete", "Already exists")


def inspected(client: DockerClient, reference: str) -> dict[str, Any] | None:
    """The description of an image by ``docker image inspect``; ``None`` if there is none.

    Raises EngineError.
    """
    with translated(f"the image {reference} could not be inspected"):
        try:
            found: dict[str, Any] = client.images.get(reference).attrs
        except Exception as error:
            if getattr(error, "status_code", None) == 404:
                return None
            raise
        return found


def pull_image(
    client: DockerClient,
    reference: str,
    *,
    platform: str,
    progress: Progress,
    login: tuple[str, str] | None = None,
) -> None:
    """Pull an image and report progress.

    ``login`` is (user, password): sent to the daemon only with this request and kept nowhere.
    Without one the user's own Docker configuration counts, as for ``docker pull``. Raises
    EngineError whose ``why`` is the registry's or the daemon's own words, DaemonLost where the
    daemon does not answer.
    """
    layers: dict[str, str] = {}
    credentials: dict[str, Any] = {}
    if login is not None:
        credentials["auth_config"] = {"username": login[0], "password": login[1]}

    def text() -> str:
        done = sum(status in _DONE for status in layers.values())
        state = f", {done} of {len(layers)} parts" if layers else ""
        return f"pulling {reference}{state}"

    def pull() -> None:
        deadline = time.monotonic() + _PULL_TIMEOUT_S
        error = ""
        lines = client.api.pull(
            reference, stream=True, decode=True, platform=platform, **credentials
        )
        for line in lines:  # to the end, else the connection stays open
            error = error or str(line.get("error", ""))
            if line.get("progressDetail") is not None and "id" in line:
                layers[line["id"]] = line["status"]
            if time.monotonic() > deadline:
                raise EngineError(what, why=f"it took more than {_PULL_TIMEOUT_S} s")
        if error:
            raise EngineError(what, why=error.strip().rstrip("."))

    what = f"the pull of {reference} failed"
    with translated(what):
        with_ticks(pull, text, progress)
