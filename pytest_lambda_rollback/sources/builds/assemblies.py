"""CDK cloud assemblies: which templates a ``cdk.out`` has, and where its assets are.

A manifest names the stacks, the assembly of each stage, and one list of assets for each stack.
Differences between CDK's versions are ignored; templates of the legacy synthesiser are
read by the metadata of their resources.
https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.cloud_assembly_schema-readme.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.sources.builds.template_stacks import Asset, Stack, table
from pytest_lambda_rollback.sources.builds.templates import read_json, read_template, shown

MANIFEST = "manifest.json"

_STAGE_DEPTH = 8
_ENVIRONMENT = re.compile(r"aws://(?P<account>[^/]+)/(?P<region>[^/]+)")


def is_assembly(folder: Path) -> bool:
    """True for a folder whose manifest.json is one of CDK's."""
    path = folder / MANIFEST
    try:
        manifest = read_json(path) if path.is_file() else None
    except SourceError:
        # Nothing but CDK writes a file of this name beside it.
        return (folder / "cdk.out").is_file()
    return any(_kind(artifact).startswith(("aws:", "cdk:")) for artifact in _artifacts(manifest))


def stacks_in(folder: Path, depth: int = 0) -> Iterator[Stack]:
    """The stacks of an assembly and of its stages, without nested stacks. Raises SourceError."""
    if depth > _STAGE_DEPTH:
        raise _damaged(folder, "its stages contain each other")
    manifest = read_json(folder / MANIFEST)
    assets = assets_in(folder)
    for name, artifact in _named(manifest):
        properties = table(artifact.get("properties"))
        match _kind(artifact):
            case "aws:cloudformation:stack":
                path = folder / _text(properties, "templateFile", folder)
                place = _ENVIRONMENT.fullmatch(str(artifact.get("environment", "")))
                stack_name = properties.get("stackName")
                yield Stack(
                    path=path,
                    template=read_template(path),
                    name=stack_name if isinstance(stack_name, str) else name,
                    region=_known(place["region"] if place else None),
                    account=_known(place["account"] if place else None),
                    assets=assets,
                )
            case "cdk:cloud-assembly":
                yield from stacks_in(folder / _text(properties, "directoryName", folder), depth + 1)


def assets_in(folder: Path) -> dict[str, Asset]:
    """Every file asset of an assembly's own stacks, by its key in the bucket and by its hash."""
    manifest = read_json(folder / MANIFEST)
    found: dict[str, Asset] = {}
    for _, artifact in _named(manifest):
        if _kind(artifact) != "cdk:asset-manifest":
            continue
        listed = read_json(folder / _text(table(artifact.get("properties")), "file", folder))
        for digest, entry in table(table(listed).get("files")).items():
            source = table(table(entry).get("source"))
            path, packaging = source.get("path"), source.get("packaging", "file")
            if not isinstance(path, str):
                continue
            asset = Asset(path=Path(os.path.normpath(folder / path)), packaging=str(packaging))
            found[digest] = asset
            for destination in table(table(entry).get("destinations")).values():
                key = table(destination).get("objectKey")
                if isinstance(key, str):
                    found[key] = asset
    return found


def _artifacts(manifest: Any) -> Iterator[Mapping[str, Any]]:
    yield from (artifact for _, artifact in _named(manifest))


def _named(manifest: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, artifact in table(table(manifest).get("artifacts")).items():
        yield name, table(artifact)


def _kind(artifact: Mapping[str, Any]) -> str:
    kind = artifact.get("type")
    return kind if isinstance(kind, str) else ""


def _known(text: str | None) -> str | None:
    """``None`` for the ``unknown-region`` of a stack that goes wherever the profile says."""
    return None if text is None or text.startswith("unknown-") else text


def _text(properties: Mapping[str, Any], key: str, folder: Path) -> str:
    value = properties.get(key)
    if isinstance(value, str):
        return value
    raise _damaged(folder, f"an artifact has no {key}")


def _damaged(folder: Path, why: str) -> SourceError:
    return SourceError(
        f"{shown(folder / MANIFEST)} is not a CDK manifest", why=why, do="Run cdk synth again"
    )
