"""Version tables, and candidates that a build describes.

A version that AWS would refuse to publish is refused here, before anything runs; the limits are
those of "Lambda quotas" and "Working with Lambda environment variables" in the AWS Lambda
Developer Guide. It knows neither functions, aliases nor targets, and reads no package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.aws_lambda import limits
from pytest_lambda_rollback.aws_lambda.architectures import ARCHITECTURES
from pytest_lambda_rollback.aws_lambda.names import VARIABLE
from pytest_lambda_rollback.aws_lambda.runtimes import Language, language_of
from pytest_lambda_rollback.config.paths import package
from pytest_lambda_rollback.config.toml_table import Table, kind
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.settings import LocalVersion
from pytest_lambda_rollback.model.text import counted, listed, nearest
from pytest_lambda_rollback.model.versions import (
    DEFAULTS,
    FunctionConfiguration,
    PackageKind,
    RemotePackage,
)

VERSION_KEYS = ("code", "layers", *(each.name for each in fields(FunctionConfiguration)))

_IN_IMAGES = frozenset({"layers", "runtime", "handler"})
"""Parts of a container image, which a version of one does not state."""


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
        values = {key: read() for key, read in self._readers(table, "").items()}
        return LocalVersion(
            version=name,
            code=code,
            layers=values.pop("layers"),
            configuration=FunctionConfiguration(**values),
        )

    def candidate(
        self, table: Table, *, build: Build, origin: LocalVersion | None
    ) -> tuple[LocalVersion, tuple[str, ...]]:
        """A build that is not published yet, and the settings it inherited from ``origin``.

        ``table`` overrides the build's own values. The second value has one entry
        for each key that neither says and ``origin`` does, as in ``runtime from 4``. Raises
        ConfigError.
        """
        values: dict[str, Any] = {}
        taken_over: list[str] = []
        stated = _stated(build, origin)
        runtime = stated.get("runtime") or (origin.configuration.runtime if origin else "")
        for key, read in self._readers(table, runtime).items():
            if key in table:
                values[key] = read()
            elif key in stated:
                values[key] = stated[key]
            elif build.image is not None and key in _IN_IMAGES:
                values[key] = () if key == "layers" else ""
            elif origin is None:
                values[key] = read()
            else:
                values[key] = (
                    origin.layers if key == "layers" else getattr(origin.configuration, key)
                )
                taken_over.append(key)
        inherited = [f"{key} from {origin.version}" for key in taken_over if origin is not None]
        unknown: tuple[str, ...] = ()
        error: str | None = None
        if "environment" in taken_over and origin is not None:
            unknown, error = origin.environment_names, origin.environment_error
        elif "environment" in stated and "environment" not in table:
            known = dict(stated["environment"])
            unknown = tuple(name for name in build.environment_names if name not in known)
            inherited += _computed_variables(build, origin)
        layers = values.pop("layers")
        candidate = LocalVersion(
            version="candidate",
            code=build.path,
            image=build.image,
            layers=layers,
            layer_names=build.layer_names if layers is stated.get("layers") else (),
            configuration=FunctionConfiguration(**values),
            environment_names=unknown,
            environment_error=error,
        )
        return candidate, tuple(inherited)

    def _readers(self, table: Table, runtime: str) -> Mapping[str, Callable[[], Any]]:
        """How each key but ``code`` is read; ``runtime`` holds where the table states none."""
        bound = table.values.get("runtime", runtime)
        # An operating-system-only runtime hands the handler to the function's own bootstrap.
        own_bootstrap = language_of(str(bound)) is Language.PROVIDED
        return {
            "layers": lambda: self._layers(table),
            "runtime": lambda: self._runtime(table),
            "handler": lambda: _handler(table, own_bootstrap),
            "architecture": lambda: table.choice(
                "architecture", ARCHITECTURES, DEFAULTS.architecture
            ),
            "environment": lambda: _environment(table),
            "memory_mb": lambda: table.integer(
                "memory_mb", DEFAULTS.memory_mb, low=limits.MEMORY_MB[0], high=limits.MEMORY_MB[1]
            ),
            "timeout_s": lambda: table.number(
                "timeout_s", DEFAULTS.timeout_s, low=limits.TIMEOUT_S[0], high=limits.TIMEOUT_S[1]
            ),
            "ephemeral_storage_mb": lambda: table.integer(
                "ephemeral_storage_mb",
                DEFAULTS.ephemeral_storage_mb,
                low=limits.EPHEMERAL_STORAGE_MB[0],
                high=limits.EPHEMERAL_STORAGE_MB[1],
            ),
        }

    def _layers(self, table: Table) -> tuple[Path, ...]:
        layers = table.strings("layers")
        if len(layers) > limits.LAYERS:
            raise ConfigError(
                f"{table.at('layers')} has {counted(len(layers), 'layer')}",
                why=f"Lambda allows at most {limits.LAYERS}",
                do="List the layers that the published version has",
            )
        return tuple(
            package(text, base=self.base, where=f"{table.at('layers')}[{index}]")
            for index, text in enumerate(layers)
        )

    def _runtime(self, table: Table) -> str:
        example = 'Name its Lambda runtime, as in runtime = "python3.13"'
        runtime = table.string("runtime", do=example)
        if runtime in self.runtimes:
            return runtime
        near = nearest(runtime, self.runtimes)
        guess = f'Did you mean "{near}"? ' if near else ""
        raise ConfigError(
            f'{table.at("runtime")} is "{runtime}", which is not a known Lambda runtime',
            why=f"known are {', '.join(sorted(self.runtimes)) or 'none'}",
            do=f"{guess}Correct it, or give it a base image under base_images "
            f"or with --lambda-rollback-base-image {runtime}=IMAGE",
        )


def _stated(build: Build, origin: LocalVersion | None) -> dict[str, Any]:
    """The values that a build states, by the keys of a version's table."""
    stated: dict[str, Any] = {key: getattr(build.configuration, key) for key in build.stated}
    if build.layers is not None:
        stated["layers"] = tuple(
            RemotePackage(kind=PackageKind.LAYER, arn=layer, size_bytes=0)
            if isinstance(layer, str)
            else layer
            for layer in build.layers
        )
    if "environment" in build.stated:
        # A computed value is what the function has today, where that is known.
        known = dict(origin.configuration.environment) if origin is not None else {}
        known = {name: value for name, value in known.items() if name in build.environment_names}
        values = known | dict(build.configuration.environment)
        stated["environment"] = tuple(sorted(values.items()))
    return stated


def _computed_variables(build: Build, origin: LocalVersion | None) -> Iterator[str]:
    """The variables that a template computes and ``origin`` has a value of."""
    if origin is None:
        return
    written = dict(build.configuration.environment)
    computed = {name for name in build.environment_names if name not in written}
    known = sorted(name for name, _ in origin.configuration.environment if name in computed)
    if known:
        noun = "environment variable" if len(known) == 1 else "environment variables"
        yield f"{noun} {listed(known)} from {origin.version}"


def _handler(table: Table, own_bootstrap: bool) -> str:
    example = 'Name the module and the function in it, as in handler = "app.handler"'
    handler = table.string("handler", do=example)
    if re.search(r"\s", handler) or len(handler) > limits.HANDLER_CHARACTERS:
        raise table.wrong(
            "handler",
            f"at most {limits.HANDLER_CHARACTERS} characters without white space",
            do=example,
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
        if name in limits.RESERVED_VARIABLES:
            raise ConfigError(
                f"{variables.at(name)} is reserved",
                why="AWS Lambda sets it itself and refuses functions that do",
                do="Remove it",
            )
        if not VARIABLE.fullmatch(name):
            raise ConfigError(
                f"{variables.at(name)} is not a valid name for an environment variable",
                why="AWS Lambda allows only letters, digits and _, a letter "
                "first, and at least two characters",
                do="Correct the name",
            )
        if not isinstance(value, str):
            raise ConfigError(
                f"{variables.at(name)} is {kind(value)}, expected a string",
                do="Put the value in quotes",
            )
        pairs.append((name, value))
    size = sum(len(name.encode()) + len(value.encode()) for name, value in pairs)
    if size > limits.ENVIRONMENT_BYTES:
        raise ConfigError(
            f"{variables.at()} has {size} bytes of names and values",
            why=f"AWS Lambda allows at most {limits.ENVIRONMENT_BYTES}",
            do="Keep the variables that the published version has",
        )
    return tuple(sorted(pairs))
