"""One function of a template, as a build.

Code and layers must be on this machine; each property is a literal or it is named as computed.
Messages name properties and files, never the value of an environment variable.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.aws_lambda.architectures import ARCHITECTURES
from pytest_lambda_rollback.aws_lambda.names import LAYER_VERSION_ARN
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.versions import (
    DEFAULTS,
    ContainerImage,
    FunctionConfiguration,
)
from pytest_lambda_rollback.sources.builds.template_functions import (
    SAM,
    TemplateFunction,
    construct_of,
)
from pytest_lambda_rollback.sources.builds.template_packages import (
    code_of,
    local_path,
    package,
    refuse_unbuilt,
    unbuilt_requirements,
)
from pytest_lambda_rollback.sources.builds.template_stacks import (
    ABSENT,
    COMPUTED,
    LAYER_TYPES,
    Reference,
    Stacks,
    table,
)
from pytest_lambda_rollback.sources.builds.templates import shown

_SAID_BY_TEMPLATES = (
    "Runtime",
    "Handler",
    "Architectures",
    "Layers",
    "Environment",
    "MemorySize",
    "Timeout",
    "EphemeralStorage",
)


def build_of(function: TemplateFunction, stacks: Stacks, *, path: Path) -> Build:
    """The build of one function; ``path`` is what the user named. Raises SourceError."""
    image = _image(function, stacks)
    code = path if image else code_of(function, stacks)
    if function.macros:
        # Whatever stands here may be another thing once it is deployed.
        return Build(
            path=code,
            image=image,
            origin=function.origin,
            function_name=function.aws_name,
            computed=_SAID_BY_TEMPLATES,
        )
    read = _Properties(function, stacks)
    layers, layer_names = read.layers() if image is None else ((), ())
    environment, environment_names = read.environment()
    values: dict[str, Any] = {
        "runtime": None if image else read.text("Runtime"),
        "handler": None if image else read.text("Handler"),
        "architecture": read.architecture(),
        "environment": environment,
        "memory_mb": read.whole("MemorySize", DEFAULTS.memory_mb),
        "timeout_s": read.number("Timeout", DEFAULTS.timeout_s),
        "ephemeral_storage_mb": read.whole("EphemeralStorage.Size", DEFAULTS.ephemeral_storage_mb),
    }
    stated = {name: value for name, value in values.items() if value is not None}
    return Build(
        path=code,
        image=image,
        origin=function.origin,
        function_name=function.aws_name,
        layers=layers,
        layer_names=layer_names,
        configuration=FunctionConfiguration(**stated),
        stated=frozenset(stated),
        environment_names=environment_names,
        template=function.stack.path,
        computed_environment=tuple(read.computed_environment),
        computed=tuple(read.computed),
        unbuilt=None if image else unbuilt_requirements(function, code),
    )


class _Properties:
    """Reads one function's properties, and notes those that only a deployment knows."""

    def __init__(self, function: TemplateFunction, stacks: Stacks) -> None:
        self._function = function
        self._stacks = stacks
        self.computed: list[str] = []
        self.computed_environment: list[tuple[str, str]] = []

    def value(self, name: str, value: Any) -> Any:
        """A literal, or ``COMPUTED``, or ``ABSENT``; ``name`` is noted for what is computed."""
        found = self._stacks.value(value, self._function.stack)
        if found is COMPUTED or isinstance(found, Reference):
            self.computed.append(name)
            return COMPUTED
        return found

    def said(self, name: str) -> Any:
        """One property, whose name may have one dot in it."""
        outer, dot, inner = name.partition(".")
        found = self.value(outer if not dot else name, self._function.properties.get(outer))
        if not dot or isinstance(found, type(COMPUTED)):
            return found
        if not isinstance(found, dict):
            raise self._wrong(outer, "a table")
        return self.value(name, found.get(inner))

    def text(self, name: str) -> str | None:
        """A literal string."""
        found = self.said(name)
        if isinstance(found, str | type(COMPUTED)):
            return found if isinstance(found, str) else None
        raise self._wrong(name, "a string")

    def number(self, name: str, default: float) -> float | None:
        """A literal number, also one in quotes; the default where nothing is said."""
        found = self.said(name)
        if isinstance(found, type(COMPUTED)):
            return default if found is ABSENT else None
        try:
            number = math.nan if isinstance(found, bool) else float(found)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or number <= 0:
            raise self._wrong(name, "a number above 0")
        return number

    def whole(self, name: str, default: int) -> int | None:
        """The same without a fraction."""
        number = self.number(name, default)
        if number is not None and number != int(number):
            raise self._wrong(name, "a whole number")
        return None if number is None else int(number)

    def architecture(self) -> str | None:
        """The one instruction set."""
        found = self.said("Architectures")
        if isinstance(found, type(COMPUTED)):
            return DEFAULTS.architecture if found is ABSENT else None
        if not isinstance(found, list) or len(found) != 1:
            raise self._wrong("Architectures", "a list of one architecture")
        one = self.value("Architectures", found[0])
        if isinstance(one, type(COMPUTED)):
            return None
        if one not in ARCHITECTURES:
            raise self._wrong("Architectures", " or ".join(ARCHITECTURES))
        return str(one)

    def environment(self) -> tuple[tuple[tuple[str, str], ...] | None, tuple[str, ...]]:
        """The written-out variables, ``None`` if all are computed, and the names of all."""
        found = self.said("Environment.Variables")
        if isinstance(found, type(COMPUTED)):
            return () if found is ABSENT else None, ()
        if not isinstance(found, dict):
            raise self._wrong("Environment.Variables", "a table")
        pairs: list[tuple[str, str]] = []
        names: list[str] = []
        for name, said in sorted((str(name), said) for name, said in found.items()):
            value = self.value(f"Environment.Variables.{name}", said)
            if value is ABSENT:
                continue
            names.append(name)
            if isinstance(value, bool):
                pairs.append((name, "true" if value else "false"))
            elif isinstance(value, str | int | float):
                pairs.append((name, str(value)))
            elif value is COMPUTED:
                self.computed_environment.append((name, json.dumps(said, default=str)))
            else:
                raise self._wrong(f"Environment.Variables.{name}", "a string")
        return tuple(pairs), tuple(names)

    def layers(self) -> tuple[tuple[Path | str, ...] | None, tuple[str, ...]]:
        """Layers and their names in order; none of both as soon as one of them is computed."""
        listed = self.said("Layers")
        if isinstance(listed, type(COMPUTED)):
            return (() if listed is ABSENT else None), ()
        if not isinstance(listed, list):
            raise self._wrong("Layers", "a list")
        layers: list[Path | str] = []
        names: list[str] = []
        computed: list[str] = []
        for index, said in enumerate(listed):
            found = self._stacks.value(said, self._function.stack)
            if isinstance(found, Reference):
                found = self._local_layer(found)
            if found is ABSENT:
                continue
            if not isinstance(found, Path | str):
                computed.append(f"Layers[{index}]")
                continue
            if isinstance(found, str) and not LAYER_VERSION_ARN.fullmatch(found):
                raise self._wrong(f"Layers[{index}]", "the ARN of a layer version")
            layers.append(found)
            names.append(self._layer_name(said, found))
        self.computed += computed
        return (None, ()) if computed else (tuple(layers), tuple(names))

    def _local_layer(self, layer: Reference) -> Any:
        """The folder or zip of a layer of the build, ``COMPUTED`` for one that is elsewhere."""
        resource = layer.stack.resource(layer.logical_id)
        if resource.get("Type") not in LAYER_TYPES:
            return COMPUTED
        found = local_path(
            layer.stack, resource["Type"], table(resource.get("Properties")), resource, self._stacks
        )
        if found is None:
            return COMPUTED
        what = f"layer {layer.logical_id} in {shown(layer.stack.path)}"
        refuse_unbuilt(table(resource.get("Metadata")), what)
        return package(found, what, layer.stack)

    def _layer_name(self, said: Any, found: Path | str) -> str:
        """``LayerName``, else what its template calls it; of an ARN the name in it."""
        if isinstance(found, str):
            parts = found.split(":")
            return parts[6] if len(parts) > 6 else found
        layer = self._stacks.value(said, self._function.stack)
        resource = layer.stack.resource(layer.logical_id)
        name = self._stacks.text(table(resource.get("Properties")).get("LayerName"), layer.stack)
        return name or construct_of(resource).rpartition("/")[2] or str(layer.logical_id)

    def _wrong(self, name: str, expected: str) -> SourceError:
        return SourceError(
            f"{name} of {self._function.origin} is not {expected}", do="Correct the template"
        )


def _image(function: TemplateFunction, stacks: Stacks) -> ContainerImage | None:
    """The local image of a function whose package type is Image. Raises SourceError."""
    properties = function.properties
    code = table(properties.get("Code"))
    said = properties.get("ImageUri") if function.kind == SAM else code.get("ImageUri")
    if properties.get("PackageType") != "Image" and said is None:
        return None
    if not isinstance(said, str) or stacks.text(said, function.stack) is None:
        template = shown(function.stack.path)
        cdk = f"Run sam build -t {template} and name .aws-sam/build"
        raise SourceError(
            f"{function.origin} is a container image that is not built",
            why="only the template of a build names an image on this machine",
            do=cdk if function.construct else "Run sam build and name .aws-sam/build",
        )
    config = table(properties.get("ImageConfig"))
    folder = stacks.text(config.get("WorkingDirectory"), function.stack)
    return ContainerImage(
        uri=said,
        entry_point=_words(config.get("EntryPoint"), function, stacks),
        command=_words(config.get("Command"), function, stacks),
        working_directory=folder,
        local="@" not in said,
    )


def _words(said: Any, function: TemplateFunction, stacks: Stacks) -> tuple[str, ...]:
    found = [stacks.text(each, function.stack) for each in said] if isinstance(said, list) else []
    words = tuple(each for each in found if each is not None)
    if len(words) == len(found) and (said is None or isinstance(said, list)):
        return words
    raise SourceError(
        f"ImageConfig of {function.origin} is computed",
        why="only a deployment knows it",
        do="Write EntryPoint and Command as literal lists of strings",
    )
