"""The table of base images by Lambda runtime.

The images are the ones that AWS publishes for each runtime, under their short Docker Hub names.
Runtimes that AWS deprecated stay in the table as long as AWS keeps their image, because a version
that was published on one of them is still a possible rollback target. Nothing here talks to Docker.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from pytest_lambda_rollback.aws_lambda.architectures import ARCHITECTURES
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import DEFAULTS

_REPOSITORIES: Final = {
    # runtime -> (repository, tag without the architecture)
    **{
        f"python3.{minor}": ("amazon/aws-lambda-python", f"3.{minor}")
        for minor in (8, 9, 10, 11, 12, 13, 14)
    },
    **{
        f"nodejs{major}.x": ("amazon/aws-lambda-nodejs", f"{major}")
        for major in (16, 18, 20, 22, 24)
    },
}


def known_runtimes() -> tuple[str, ...]:
    """Identifiers of all runtimes that have a base image without an override, oldest first."""
    return tuple(_REPOSITORIES)


def nearest_runtimes(runtime: str, overrides: tuple[tuple[str, str], ...] = ()) -> tuple[str, ...]:
    """Up to three known runtimes whose names look like ``runtime``, the nearest first."""
    known = (*known_runtimes(), *(name for name, _ in overrides))
    return tuple(get_close_matches(runtime, known, n=3, cutoff=0.5))


def base_image(
    runtime: str,
    architecture: str = DEFAULTS.architecture,
    overrides: tuple[tuple[str, str], ...] = (),
) -> str:
    """Image reference of a runtime's base image, ``amazon/aws-lambda-python:3.11-x86_64``.

    ``overrides`` are (runtime, image) pairs; the last one for a runtime wins, and one for a
    runtime that the table does not have adds it. Raises EngineError for a runtime that is in
    neither, naming the nearest ones, and for an architecture that Lambda does not have.
    """
    if architecture not in ARCHITECTURES:
        raise EngineError(
            f"no base image for the architecture {architecture!r}",
            why="Lambda has the architectures " + " and ".join(ARCHITECTURES),
            do="Correct the version's architecture",
        )
    for name, image in reversed(overrides):
        if name == runtime:
            return image
    if runtime not in _REPOSITORIES:
        nearest = nearest_runtimes(runtime, overrides)
        hint = f"Did you mean {' or '.join(nearest)}? " if nearest else ""
        raise EngineError(
            f"no base image is known for the runtime {runtime!r}",
            why="the table has " + ", ".join(known_runtimes()),
            do=f"{hint}Correct the runtime, or name an image for it with "
            f"--lambda-rollback-base-image {runtime}=IMAGE",
        )
    repository, tag = _REPOSITORIES[runtime]
    return f"{repository}:{tag}-{architecture}"
