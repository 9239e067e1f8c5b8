"""What one version table may say, and the limits AWS Lambda sets to it.

A version that AWS would refuse to publish is refused here, before anything runs; the limits are
those of "Lambda quotas" and "Working with Lambda environment variables" in the AWS Lambda
Developer Guide. This room knows neither functions, aliases nor targets, and reads no package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.aws_lambda.limits import RESERVED_VARIABLES
from pytest_lambda_rollback.config.paths import package
from pytest_lambda_rollback.config.toml_table import Table, kind
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.settings import LocalVersion
from pytest_lambda_rollback.model.text import listed, nearest
from pytest_lambda_rollback.model.versions import PackageKind, RemotePackage

ARCHITECTURES = ("x86_64", "arm64")
VERSION_KEYS = (
    "code",
    "layers",
    "runtime",
    "handler",
    "architecture",
    "environment",
    "memory_mb",
    "timeout_s",
    "ephemeral_storage_mb",
)
MAX_LAYERS = 5

_OF_IMAGES: Mapping[str, Any] = {"layers": (), "runtime": "", "handler": ""}
"""What a container image has inside, so that Lambda does not say it."""
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_ENVIRONMENT_BYTES = 4096
_HANDLER_CHARACTERS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionReader:
    """Reads version tables; ``base`` is what their paths are relative to."""

    base: Path
    runtimes: frozenset[str]

    def version(self, table: Table, name: str) -> LocalVersion:
        """One ``[functions.F.versions.V]`` table. Raises ConfigError."""
        table.only(VERSION_KEYS)
        text = table.string("code", do='Name the folder or .zip file, as in code = "versions/3"')
        code = package(text, base=self.base, where=table.at("code"))
        read = self._readers(table, None, None)
        return LocalVersion(version=name, code=code, **{key: read[key]() for key in read})

    def candidate(
        self, table: Table, *, build: Build, origin: LocalVersion | None
    ) -> tuple[LocalVersion, tuple[str, ...]]:
        """A build that is not published yet, and what it took over from ``origin``.

        What ``table`` says goes before what the build says itself. The second value has one entry
        for each key that neither says and ``origin`` does, as in ``runtime from 4``. Raises
        ConfigError.
        """
        fields: dict[str, Any] = {"environment_names": ()}
        inherited: list[str] = []
        said = _said(build, origin)
        for key, read in self._readers(table, said.get("runtime"), origin).items():
            if key in table:
                fields[key] = read()
            elif key in said:
                fields[key] = said[key]
            elif build.image is not None and key in _OF_IMAGES:
                fields[key] = _OF_IMAGES[key]
            elif origin is None:
                fields[key] = read()
            else:
                fields[key] = getattr(origin, key)
                if key == "environment":
                    fields["environment_names"] = origin.environment_names
                    fields["environment_error"] = origin.environment_error
                inherited.append(f"{key} from {origin.version}")
        if "environment_names" in said and "environment" not in table:
            fields["environment_names"] = said["environment_names"]
            inherited += _computed_variables(build, origin)
        if fields["layers"] is said.get("layers"):
            fields["layer_names"] = build.layer_names
        candidate = LocalVersion(version="candidate", code=build.path, image=build.image, **fields)
        return candidate, tuple(inherited)

    def _readers(
        self, table: Table, built: str | None, origin: LocalVersion | None
    ) -> Mapping[str, Callable[[], Any]]:
        """How each key but ``code`` is read; ``built`` is the runtime that a build says."""
        bound = table.values.get("runtime", built or (origin.runtime if origin else ""))
        # An operating-system-only runtime hands the handler to the function's own bootstrap.
        own_bootstrap = str(bound).startswith("provided")
        return {
            "layers": lambda: self._layers(table),
            "runtime": lambda: self._runtime(table),
            "handler": lambda: _handler(table, own_bootstrap),
            "architecture": lambda: table.choice("architecture", ARCHITECTURES, "x86_64"),
            "environment": lambda: _environment(table),
            "memory_mb": lambda: table.integer("memory_mb", 128, low=128, high=10240),
            "timeout_s": lambda: table.number("timeout_s", 3.0, low=1, high=900),
            "ephemeral_storage_mb": lambda: table.integer(
                "ephemeral_storage_mb", 512, low=512, high=10240
            ),
        }

    def _layers(self, table: Table) -> tuple[Path, ...]:
        layers = table.strings("layers")
        if len(layers) > MAX_LAYERS:
            raise ConfigError(
                f"{table.at('layers')} has {len(layers)} layers",
                why=f"Lambda takes at most {MAX_LAYERS}",
                do="List the layers that the published version has",
            )
        return tuple(
            package(text, base=self.base, where=f"{table.at('layers')}[{index}]")
            for index, text in enumerate(layers)
        )

    def _runtime(self, table: Table) -> str:
        example = 'Say which Lambda runtime it is bound to, as in runtime = "python3.13"'
        runtime = table.string("runtime", do=example)
        if runtime in self.runtimes:
            return runtime
        near = nearest(runtime, self.runtimes)
        guess = f'Did you mean "{near}"? ' if near else ""
        raise ConfigError(
            f'{table.at("runtime")} is "{runtime}", which is no Lambda runtime known here',
            why=f"known are {', '.join(sorted(self.runtimes)) or 'none'}",
            do=f"{guess}Correct it, or give it a base image under base_images "
            f"or with --lambda-rollback-base-image {runtime}=IMAGE",
        )


def _said(build: Build, origin: LocalVersion | None) -> dict[str, Any]:
    """What a build says itself, by the names of a version's keys."""
    said: dict[str, Any] = {
        key: value
        for key in ("runtime", "handler", "architecture", "memory_mb", "timeout_s")
        if (value := getattr(build, key)) is not None
    }
    if build.ephemeral_storage_mb is not None:
        said["ephemeral_storage_mb"] = build.ephemeral_storage_mb
    if build.layers is not None:
        said["layers"] = tuple(
            RemotePackage(kind=PackageKind.LAYER, arn=layer, size_bytes=0)
            if isinstance(layer, str)
            else layer
            for layer in build.layers
        )
    if build.environment_names is not None:
        # A computed value is what the function has today, where that is known.
        known = dict(origin.environment) if origin is not None else {}
        known = {name: value for name, value in known.items() if name in build.environment_names}
        values = known | dict(build.environment)
        said["environment"] = tuple(sorted(values.items()))
        said["environment_names"] = tuple(
            name for name in build.environment_names if name not in values
        )
    return said


def _computed_variables(build: Build, origin: LocalVersion | None) -> Iterator[str]:
    """The variables that a template computes and ``origin`` has a value of."""
    written = {name for name, _ in build.environment}
    computed = {name for name in build.environment_names or () if name not in written}
    known = sorted(name for name, _ in (origin.environment if origin else ()) if name in computed)
    if known and origin is not None:
        yield f"environment variable{'s'[: len(known) > 1]} {listed(known)} from {origin.version}"


def _handler(table: Table, own_bootstrap: bool) -> str:
    example = 'Name the module and the function in it, as in handler = "app.handler"'
    handler = table.string("handler", do=example)
    if re.search(r"\s", handler) or len(handler) > _HANDLER_CHARACTERS:
        raise table.wrong(
            "handler", f"at most {_HANDLER_CHARACTERS} characters without white space", do=example
        )
    module, _, function = handler.rpartition(".")
    if not own_bootstrap and not (module and function):
        raise table.wrong("handler", "a module and a function joined by a dot", do=example)
    return handler


def _environment(table: Table) -> tuple[tuple[str, str], ...]:
    """Sorted (name, value) pairs. Messages name variables and never show a value."""
    variables = table.table("environment")
    pairs: list[tuple[str, str]] = []
    for name, value in variables.values.items():
        if name in RESERVED_VARIABLES:
            raise ConfigError(
                f"{variables.at(name)} is reserved",
                why="AWS Lambda sets it itself and refuses a function that does",
                do="Remove it",
            )
        if not _ENVIRONMENT_NAME.fullmatch(name):
            raise ConfigError(
                f"{variables.at(name)} is no name for an environment variable",
                why="AWS Lambda wants a letter first, at least two characters, "
                "and letters, digits and _ alone",
                do="Correct the name",
            )
        if not isinstance(value, str):
            raise ConfigError(
                f"{variables.at(name)} is {kind(value)}, expected a string",
                do="Put the value in quotes",
            )
        pairs.append((name, value))
    size = sum(len(name.encode()) + len(value.encode()) for name, value in pairs)
    if size > _ENVIRONMENT_BYTES:
        raise ConfigError(
            f"{variables.at()} has {size} bytes of names and values",
            why=f"AWS Lambda takes at most {_ENVIRONMENT_BYTES}",
            do="Keep what the published version has",
        )
    return tuple(sorted(pairs))
