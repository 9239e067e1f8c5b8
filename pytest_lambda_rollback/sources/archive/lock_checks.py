"""What a lock file may say, beyond its form. Pure.

Lock files come out of version control, from whoever may propose a change. What they say becomes
names of checks, addresses of AWS, limits of containers and lines on a terminal, so nothing is
taken from one that AWS itself could not have said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

from pytest_lambda_rollback.model.published import PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.versions import ContainerImage, PackageKind, RemotePackage

# AWS's own patterns, a little wider where AWS may add to what there is.
_FUNCTION: Final = r"arn:aws[a-z-]*:lambda:[a-z0-9-]{1,40}:[0-9]{12}:function:[A-Za-z0-9_-]{1,140}"
LAYER_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]{1,40}:[0-9a-z]{1,12}:layer:[A-Za-z0-9_-]{1,140}:[0-9]{1,20}"
)
_PATTERNS: Final = {
    "function ARN": re.compile(_FUNCTION),
    "version": re.compile(r"\$LATEST(\.PUBLISHED)?|[0-9]{1,20}"),
    "layer version ARN": LAYER_ARN,
    "SHA-256": re.compile(r"[0-9a-f]{64}"),
    "runtime": re.compile(r"[A-Za-z0-9._-]{0,64}"),
    "architecture": re.compile(r"x86_64|arm64"),
    "alias": re.compile(r"[A-Za-z0-9_-]{1,128}"),
    "variable's name": re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,4095}"),
    "image by digest": re.compile(r"|[A-Za-z0-9][A-Za-z0-9._:/-]{0,1023}@sha256:[0-9a-f]{64}"),
}
_HANDLER_CHARS: Final = 1024
_MB: Final = 1_048_576
_TIMEOUT_S: Final = 86_400.0
_SIZE_BYTES: Final = 1 << 40
_VERSIONS: Final = 100_000


def check(function: PublishedFunction) -> None:
    """Raise ValueError, which names the place and does not repeat what is there."""
    for kind, value, where in _named(function):
        if not _PATTERNS[kind].fullmatch(value):
            raise ValueError(f"{where} is no {kind}")
    if len(function.versions) > _VERSIONS:
        raise ValueError(f"there are more than {_VERSIONS} versions")
    known = [version.version for version in function.versions]
    if len(set(known)) != len(known):
        raise ValueError("versions has a version twice")
    for index, version in enumerate(function.versions):
        _check_version(version, function.arn, f"versions/{index}")
    for index, alias in enumerate(function.aliases):
        if not all(math.isfinite(share) and 0 <= share <= 1 for _, share in alias.weights):
            raise ValueError(f"aliases/{index}/weights has no share of traffic from 0 to 1")


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
            yield "variable's name", name, f"{where}/environment_names"
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
            raise ValueError(f"{where}/code/image/local is true, and AWS knows no local image")
        words = (*version.code.entry_point, *version.code.command)
        if not "".join((*words, version.code.working_directory or "")).isprintable():
            raise ValueError(f"{where}/code/image has control characters")
    elif version.code.kind is not PackageKind.CODE or version.code.arn != version.arn:
        raise ValueError(f"{where}/code is not the code of this version")
    if any(layer.kind is not PackageKind.LAYER for layer in version.layers):
        raise ValueError(f"{where}/layers has what is no layer")
    handler = version.configuration.handler
    if len(handler) > _HANDLER_CHARS or not handler.isprintable() or " " in handler:
        raise ValueError(f"{where}/handler is no handler")
    packages = (version.code, *version.layers)
    sizes = [each.size_bytes for each in packages if isinstance(each, RemotePackage)]
    if not all(0 <= size <= _SIZE_BYTES for size in sizes):
        raise ValueError(f"{where} has a package without a possible size")
    if not (
        0 < version.configuration.memory_mb <= _MB
        and 0 < version.configuration.ephemeral_storage_mb <= _MB
    ):
        raise ValueError(f"{where} has no possible size of memory or storage")
    if not 0 < version.configuration.timeout_s <= _TIMEOUT_S:
        raise ValueError(f"{where}/timeout_s is no possible time")
