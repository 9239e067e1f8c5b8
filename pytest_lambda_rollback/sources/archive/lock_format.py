"""A published function as JSON data and back: the format of a lock file.

What has its default value is left out, layers stand once under their ARN, and values of
environment variables are never part of it. `locks` keeps the text.

`decode` takes what `encode` gave and nothing else. Lock files come from version control, where
anyone may propose a change. Their content becomes names of checks, addresses of AWS, limits of
containers and lines on a terminal, so it accepts nothing that AWS itself could not have
returned. `decode` raises ValueError with the place that is wrong: a lock file is the only
record of versions that AWS has lost, so guessing is useless.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from pytest_lambda_rollback.aws_lambda.architectures import ARCHITECTURES
from pytest_lambda_rollback.aws_lambda.names import (
    ALIAS,
    FUNCTION_ARN,
    LAYER_VERSION_ARN,
    VARIABLE,
    VERSION,
)
from pytest_lambda_rollback.model.published import PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.versions import (
    ContainerImage,
    FunctionConfiguration,
    PackageKind,
    RemotePackage,
)

_T = TypeVar("_T")

FORMAT: Final = 1
"""Increase it with every change that makes an older release lose data."""

_FORMAT_KEY: Final = "lambda_rollback_lock"
_VARIABLES: Final = (FunctionConfiguration, "environment")
"""The values of environment variables, which are never written."""
_CONFIGURATION: Final = tuple(
    field.name
    for field in dataclasses.fields(FunctionConfiguration)
    if (FunctionConfiguration, field.name) != _VARIABLES
)
"""Settings, which stand beside the other fields of a version."""
_TIMES: Final = frozenset({"as_of"})

_PATTERNS: Final = {
    "function ARN": FUNCTION_ARN,
    "version": VERSION,
    "layer version ARN": LAYER_VERSION_ARN,
    "SHA-256": re.compile(r"[0-9a-f]{64}"),
    "runtime": re.compile(r"[A-Za-z0-9._-]{0,64}"),
    "architecture": re.compile("|".join(ARCHITECTURES)),
    "alias": ALIAS,
    "variable name": VARIABLE,
    "image by digest": re.compile(r"|[A-Za-z0-9][A-Za-z0-9._:/-]{0,1023}@sha256:[0-9a-f]{64}"),
}
_HANDLER_CHARS: Final = 1024
_MAX_MB: Final = 1_048_576
_TIMEOUT_S: Final = 86_400.0
_SIZE_BYTES: Final = 1 << 40
_VERSIONS: Final = 100_000


class NewerFormat(ValueError):
    """The data was written by a later release."""


def encode(function: PublishedFunction) -> dict[str, Any]:
    """JSON data that is equal for equal functions."""
    packages = {layer.arn: layer for layer in _best(function.versions)}
    data: dict[str, Any] = {_FORMAT_KEY: FORMAT, **_plain(function)}
    data["layers"] = {
        arn: {"size_bytes": layer.size_bytes, "sha256": layer.sha256}
        for arn, layer in packages.items()
    }
    for version, written in zip(function.versions, data.get("versions", ()), strict=True):
        written |= written.pop("configuration", {})
        written["layers"] = [layer.arn for layer in version.layers]
        if isinstance(version.code, RemotePackage):
            written["code"] = {
                "sha256": version.code.sha256,
                "size_bytes": version.code.size_bytes,
            }
            if version.code.arn != version.arn:
                written["code"]["arn"] = version.code.arn
        else:
            written["code"] = {"image": _plain(version.code)}
    return data


def decode(data: object) -> PublishedFunction:
    """The published function that `encode` made the data from. Raises ValueError, NewerFormat."""
    table = dict(_table(data, "the file"))
    number = table.pop(_FORMAT_KEY, None)
    if type(number) is not int:
        raise ValueError(f"{_FORMAT_KEY} is not a whole number")
    if number > FORMAT:
        raise NewerFormat(f"its format is {number}, and this release knows up to {FORMAT}")
    layers = {
        arn: _made(
            RemotePackage,
            {"kind": "layer", "arn": arn, **_table(each, f"layers/{arn}")},
            f"layers/{arn}",
        )
        for arn, each in _table(table.pop("layers", None), "layers").items()
    }
    versions = table.pop("versions", None)
    if not isinstance(versions, list):
        raise ValueError("versions is not a list")
    read = tuple(_version(each, layers, f"versions/{n}") for n, each in enumerate(versions))
    fields = _fields(_made(_Function, {**table, "versions": read}, "the file"))
    function = PublishedFunction(**fields)
    _check(function)
    return function


def without_times(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data without what changes each time AWS is asked, to see whether anything else did."""
    kept: dict[str, Any] = {key: each for key, each in data.items() if key not in _TIMES}
    if "platform" in kept:
        kept["platform"] = without_times(kept["platform"])
    if "aliases" in kept:
        kept["aliases"] = [
            {**alias, "history": [version for _time, version in alias.get("history", ())]}
            for alias in kept["aliases"]
        ]
    return kept


def _best(versions: Iterable[PublishedVersion]) -> tuple[RemotePackage, ...]:
    """Each layer once; a layer version never changes, so what one place knows holds for all."""
    best: dict[str, RemotePackage] = {}
    for layer in (layer for version in versions for layer in version.layers):
        known = best.setdefault(layer.arn, layer)
        best[layer.arn] = dataclasses.replace(
            known,
            size_bytes=known.size_bytes or layer.size_bytes,
            sha256=known.sha256 or layer.sha256,
        )
    return tuple(best.values())


def _plain(value: Any) -> Any:
    """A value as JSON data, without what is at its default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if (type(value), field.name) != _VARIABLES
            and getattr(value, field.name) != field.default
        }
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.value if isinstance(value, StrEnum) else value


# --- reading --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Function(PublishedFunction):
    """A function whose versions are converted before the rest of it."""

    versions: Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Version(PublishedVersion):
    """A version whose code and layers are converted before the rest of it."""

    code: Any
    layers: Any = ()


def _version(data: object, layers: Mapping[str, RemotePackage], where: str) -> PublishedVersion:
    table = dict(_table(data, where))
    arns = table.pop("layers", [])
    if not isinstance(arns, list) or not all(isinstance(a, str) and a in layers for a in arns):
        raise ValueError(f"{where}/layers names a layer that the file does not describe")
    code = _table(table.pop("code", None), f"{where}/code")
    package: RemotePackage | ContainerImage
    if "image" in code:
        package = _made(ContainerImage, code["image"], f"{where}/code/image")
    else:
        own = {"kind": PackageKind.CODE.value, "arn": table.get("arn")}
        package = _made(RemotePackage, {**own, **code}, f"{where}/code")
    if "configuration" in table:
        raise ValueError(f'{where} has "configuration", which is not known')
    table["configuration"] = {name: table.pop(name) for name in _CONFIGURATION if name in table}
    own_layers = tuple(layers[arn] for arn in arns)
    read = _made(_Version, {**table, "code": package, "layers": own_layers}, where)
    return PublishedVersion(**_fields(read))


def _fields(value: _Function | _Version) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


def _made(kind: type[_T], data: object, where: str) -> _T:
    """The value of a dataclass, each of its fields checked for its type."""
    table = _table(data, where)
    try:
        made = msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}") from error
    _refuse_unknown(table, msgspec.to_builtins(made), where)
    return made


def _refuse_unknown(data: object, known: Any, where: str) -> None:
    """Raise ValueError for a key that no value came from; ``known`` has every field."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key not in known:
                raise ValueError(f'{where} has "{key}", which is not known')
            _refuse_unknown(value, known[key], f"{where}/{key}")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            _refuse_unknown(value, known[index], f"{where}/{index}")


def _table(data: object, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{where} is not a table")
    return data


# --- what AWS could have said ---------------------------------------------------------------


def _check(function: PublishedFunction) -> None:
    """Raise ValueError, which names the place and does not repeat what is there."""
    for kind, value, where in _named(function):
        if not _PATTERNS[kind].fullmatch(value):
            raise ValueError(f"{where} is not a valid {kind}")
    if len(function.versions) > _VERSIONS:
        raise ValueError(f"there are more than {_VERSIONS} versions")
    known = [version.version for version in function.versions]
    if len(set(known)) != len(known):
        raise ValueError("versions lists a version twice")
    for index, version in enumerate(function.versions):
        _check_version(version, function.arn, f"versions/{index}")
    for index, alias in enumerate(function.aliases):
        if not all(math.isfinite(share) and 0 <= share <= 1 for _, share in alias.weights):
            raise ValueError(
                f"aliases/{index}/weights has a share of traffic that is not from 0 to 1"
            )


def _named(function: PublishedFunction) -> Iterator[tuple[str, str, str]]:
    """(kind, value, place) of everything that has a pattern."""
    yield "function ARN", function.arn, "arn"
    layers: dict[str, RemotePackage] = {}
    for index, version in enumerate(function.versions):
        where = f"versions/{index}"
        yield "version", version.version, f"{where}/version"
        yield "runtime", version.configuration.runtime, f"{where}/runtime"
        yield "architecture", version.configuration.architecture, f"{where}/architecture"
        for name in version.environment_names:
            yield "variable name", name, f"{where}/environment_names"
        if isinstance(version.code, ContainerImage):
            yield "image by digest", version.code.uri, f"{where}/code/image/uri"
        elif version.code.sha256 is not None:
            yield "SHA-256", version.code.sha256, f"{where}/code/sha256"
        layers.update((layer.arn, layer) for layer in version.layers)
    for arn, layer in layers.items():
        yield "layer version ARN", arn, "layers"
        if layer.sha256 is not None:
            yield "SHA-256", layer.sha256, f"layers/{arn}/sha256"
    for index, alias in enumerate(function.aliases):
        where = f"aliases/{index}"
        yield "alias", alias.name, f"{where}/name"
        for number in (
            alias.version,
            *(name for name, _ in alias.weights),
            *(name for _, name in alias.history),
        ):
            yield "version", number, where


def _check_version(version: PublishedVersion, function_arn: str, where: str) -> None:
    if version.arn != f"{function_arn}:{version.version}":
        raise ValueError(f"{where}/arn is not of this function and version")
    if isinstance(version.code, ContainerImage):
        if version.code.local:
            raise ValueError(f"{where}/code/image/local is true, and AWS has no local images")
        words = (*version.code.entry_point, *version.code.command)
        if not "".join((*words, version.code.working_directory or "")).isprintable():
            raise ValueError(f"{where}/code/image has control characters")
    elif version.code.kind is not PackageKind.CODE or version.code.arn != version.arn:
        raise ValueError(f"{where}/code is not the code of this version")
    if any(layer.kind is not PackageKind.LAYER for layer in version.layers):
        raise ValueError(f"{where}/layers has a package that is not a layer")
    handler = version.configuration.handler
    if len(handler) > _HANDLER_CHARS or not handler.isprintable() or " " in handler:
        raise ValueError(f"{where}/handler is not a valid handler")
    packages = (version.code, *version.layers)
    sizes = [each.size_bytes for each in packages if isinstance(each, RemotePackage)]
    if not all(0 <= size <= _SIZE_BYTES for size in sizes):
        raise ValueError(f"{where} has a package of an impossible size")
    if not (
        0 < version.configuration.memory_mb <= _MAX_MB
        and 0 < version.configuration.ephemeral_storage_mb <= _MAX_MB
    ):
        raise ValueError(f"{where} has an impossible size of memory or storage")
    if not 0 < version.configuration.timeout_s <= _TIMEOUT_S:
        raise ValueError(f"{where}/timeout_s is not a possible time")
