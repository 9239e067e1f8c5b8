"""The local source: versions whose code and layers are folders or zips beside the configuration.

It joins what the configuration declares with the packages in the artefact store. Which versions
there are, and which are checked, is decided elsewhere; how a package is read is the store's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Protocol

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion
from pytest_lambda_rollback.model.versions import Artifact, FunctionVersion, Layer, RemotePackage

CODE_DIR = "/var/task"
LAYER_DIR = "/opt"

_LAYER_STEM = re.compile(r"(?P<name>.*[^-])-(?P<version>[0-9]+(\.[0-9]+)*)")


class LoadArtifact(Protocol):
    """Brings a package into the artefact store; raises SourceError."""

    def __call__(self, path: Path, *, label: str, root_dir: str) -> Artifact:
        """``root_dir`` is where Lambda unpacks the package."""
        ...


def function_version(
    settings: FunctionSettings,
    local: LocalVersion,
    load_artifact: LoadArtifact,
    *,
    load_remote: Callable[[RemotePackage], Layer],
    empty: Callable[[str], Artifact],
) -> FunctionVersion:
    """One declared version with its packages read.

    ``load_remote`` brings a layer version that AWS holds, ``empty`` an artefact without a file,
    for the code of a container image. Raises SourceError that names the version.
    """
    try:
        if local.image is None:
            code = load_artifact(local.code, label=str(local.code), root_dir=CODE_DIR)
        else:
            code = empty(local.image.uri)
        layers = tuple(
            load_remote(layer)
            if isinstance(layer, RemotePackage)
            else _layer(layer, load_artifact, name)
            for layer, name in zip_longest(local.layers, local.layer_names)
        )
    except SourceError as error:
        raise SourceError(
            f"{settings.name}:{local.version}: {error.what}", why=error.why, do=error.do
        ) from error
    if local.environment_error is not None:
        raise SourceError(
            f"the environment of {settings.name}:{local.version} is not known",
            why="it is inherited from AWS, and Lambda could not decrypt it"
            f" ({local.environment_error})",
            do="Allow kms:Decrypt on its key, or give all variables under"
            f" functions.{settings.name}.environment",
        )
    environment, placeholders = with_placeholders(
        local.configuration.environment, local.environment_names
    )
    return FunctionVersion(
        function=settings.name,
        version=local.version,
        code=code,
        layers=layers,
        configuration=replace(local.configuration, environment=environment),
        region=settings.region,
        account=settings.account,
        image=local.image,
        placeholders=placeholders,
    )


def redeployed(target: FunctionVersion, current: FunctionVersion) -> FunctionVersion:
    """The target's code and handler on all else of the current version, where that one runs.

    A container image is code, layers and runtime in one: only what is around it is the current
    version's. A zip package stays on its own layers and runtime where the current version is an
    image and has none to give.
    """
    own = target.configuration
    if target.image is not None or current.image is not None:
        return replace(
            target,
            configuration=replace(
                current.configuration,
                runtime=own.runtime,
                handler=own.handler,
                architecture=own.architecture,
            ),
            placeholders=current.placeholders,
        )
    return replace(
        current,
        version=target.version,
        code=target.code,
        configuration=replace(current.configuration, handler=own.handler),
    )


def with_placeholders(
    values: Iterable[tuple[str, str]], names: Collection[str]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """All variables, sorted, and the names of those whose values were made up.

    A variable must be there, or the function fails for a reason that has nothing to do with a
    rollback; its value must not look like a real one, nor like another variable's. Equal names
    get equal values, in every version and every run.
    """
    known = dict(values)
    made_up = tuple(sorted(name for name in names if name not in known))
    known |= {name: f"placeholder-for-{name}" for name in made_up}
    return tuple(sorted(known.items())), made_up


def _layer(path: Path, load_artifact: LoadArtifact, name: str | None) -> Layer:
    """``acme-shared-2`` is version 2 of acme-shared; a name without a number has no version."""
    if name:
        artifact = load_artifact(path, label=str(path), root_dir=LAYER_DIR)
        return Layer(name=name, version=None, artifact=artifact)
    stem = path.stem if path.suffix.lower() == ".zip" else path.name
    match = _LAYER_STEM.fullmatch(stem)
    return Layer(
        name=match["name"] if match else stem,
        version=match["version"] if match else None,
        artifact=load_artifact(path, label=str(path), root_dir=LAYER_DIR),
    )
