"""A published function as JSON data and back: the format of a lock file. Pure.

What has its default value is left out, layers stand once under their ARN, and values of
environment variables are never part of it. Where the text is kept is not known here.

`decode` takes what `encode` gave and nothing else, and of that only what AWS could have said
(`lock_checks`). It raises ValueError with the place that is wrong: a lock file is the only word on
versions that AWS has lost, so a guess is worth nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from pytest_lambda_rollback.model.published import PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.versions import (
    ContainerImage,
    FunctionConfiguration,
    PackageKind,
    RemotePackage,
)
from pytest_lambda_rollback.sources.archive.lock_checks import check

_T = TypeVar("_T")

FORMAT = 1
"""Raise it with every change after which an older release would lose something."""

_FORMAT_KEY = "lambda_rollback_lock"
_NEVER_WRITTEN = frozenset({(FunctionConfiguration, "environment")})
_TIMES = frozenset({"as_of"})
_CONFIGURATION = tuple(
    field.name
    for field in dataclasses.fields(FunctionConfiguration)
    if (FunctionConfiguration, field.name) not in _NEVER_WRITTEN
)


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
    """The function that `encode` made the data from. Raises ValueError, NewerFormat."""
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
    function = dataclasses.replace(
        _made(PublishedFunction, {**table, "versions": []}, "the file"),
        versions=tuple(
            _version(each, layers, f"versions/{index}") for index, each in enumerate(versions)
        ),
    )
    check(function)
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
    configured = {name: table.pop(name) for name in _CONFIGURATION if name in table}
    hints = _hints(PublishedVersion)
    values = _values(
        PublishedVersion, table, hints, where, skip=("code", "layers", "configuration")
    )
    return PublishedVersion(
        code=package,
        layers=tuple(layers[arn] for arn in arns),
        configuration=_made(FunctionConfiguration, configured, where),
        **values,
    )


def _plain(value: Any) -> Any:
    """A value as JSON data, without what is at its default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if (type(value), field.name) not in _NEVER_WRITTEN
            and getattr(value, field.name) != field.default
        }
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.value if isinstance(value, StrEnum) else value


@functools.cache
def _hints(kind: type[Any]) -> Mapping[str, Any]:
    """Types of a dataclass's fields; finding them out takes longer than all else here."""
    return typing.get_type_hints(kind)


def _made(kind: type[_T], data: object, where: str) -> _T:
    hints = _hints(typing.cast("Any", kind))
    return kind(**_values(kind, _table(data, where), hints, where))


def _values(
    kind: type[Any],
    table: Mapping[str, Any],
    hints: Mapping[str, Any],
    where: str,
    *,
    skip: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The arguments for a dataclass, each checked for its type."""
    fields = {
        field.name: field
        for field in dataclasses.fields(kind)
        if (kind, field.name) not in _NEVER_WRITTEN and field.name not in skip
    }
    strange = sorted(table.keys() - fields.keys())
    if strange:
        raise ValueError(f'{where} has "{strange[0]}", which is not known')
    missing = [
        name
        for name, field in fields.items()
        if name not in table and field.default is dataclasses.MISSING
    ]
    if missing:
        raise ValueError(f'{where} has no "{missing[0]}"')
    return {name: _typed(hints[name], each, f"{where}/{name}") for name, each in table.items()}


def _typed(hint: Any, data: Any, where: str) -> Any:
    """The value of a type that the published values use. Raises ValueError for another one."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if data is None and type(None) in arguments:
            return None
        return _typed(next(each for each in arguments if each is not type(None)), data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{where} is not a list")
        kinds = (arguments[0],) * len(data) if arguments[-1] is Ellipsis else arguments
        if len(kinds) != len(data):
            raise ValueError(f"{where} does not have {len(kinds)} entries")
        return tuple(
            _typed(kind, each, f"{where}/{index}")
            for index, (kind, each) in enumerate(zip(kinds, data, strict=True))
        )
    if dataclasses.is_dataclass(hint):
        return _made(typing.cast("type[Any]", hint), data, where)
    if issubclass(hint, StrEnum):
        return hint(data)
    if hint is float and type(data) is int:
        return float(data)
    if type(data) is not hint:
        raise ValueError(f"{where} is not of the type {hint.__name__}")
    return data


def _table(data: object, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{where} is not a table")
    return data
