"""Fills the test account by boto3: functions with versions, layers and aliases."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

ROLE = "arn:aws:iam::123456789012:role/orders"
HANDLER = "def handler(event, context):\n    return {'version': %r}\n"


def client_of(server: Any, service: str = "lambda", **options: Any) -> Any:
    """A boto3 client that talks to the server, whatever the environment says."""
    environment = server.environment
    client: Any = boto3.client  # its stubs list every service by name
    return client(
        service,
        endpoint_url=server.url,
        region_name=options.pop("region_name", environment["AWS_REGION"]),
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        **options,
    )


def zip_of(files: Mapping[str, str | bytes]) -> bytes:
    """A zip; equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
    return buffer.getvalue()


def zip_of_folder(folder: Path) -> bytes:
    """A zip of a folder's files, without what Python caches."""
    return zip_of(
        {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
    )


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version to publish; ``code`` is a zip, or made to be unlike every other."""

    code: bytes | None = None
    layers: Sequence[str] = ()
    """Layer version ARNs, in order."""
    environment: Mapping[str, str] = field(default_factory=dict)
    runtime: str = "python3.11"
    handler: str = "app.handler"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """More parameters of UpdateFunctionConfiguration, as ``{"MemorySize": 256}``."""


def publish_layer(client: Any, name: str, files: Mapping[str, str | bytes] | bytes) -> str:
    """Publish a layer version; returns its ARN."""
    data = files if isinstance(files, bytes) else zip_of(files)
    answered = client.publish_layer_version(LayerName=name, Content={"ZipFile": data})
    arn: str = answered["LayerVersionArn"]
    return arn


def publish_function(
    client: Any,
    name: str,
    versions: Sequence[Version] = (Version(), Version(), Version(), Version()),
    *,
    aliases: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Publish versions 1, 2, … and point aliases at them; returns the unqualified ARN.

    ``$LATEST`` is as the last version. Without ``aliases`` there is ``live``, which points at
    the last version.
    """
    arn = ""
    for number, version in enumerate(versions, start=1):
        code = version.code
        if code is None:
            code = zip_of({"app.py": HANDLER % f"{name}:{number}"})
        settings: dict[str, Any] = {
            "Runtime": version.runtime,
            "Handler": version.handler,
            "Layers": list(version.layers),
            "Environment": {"Variables": dict(version.environment)},
            "Role": ROLE,
            **version.settings,
        }
        if number == 1:
            created = client.create_function(
                FunctionName=name, Code={"ZipFile": code}, Tags=dict(tags or {}), **settings
            )
            arn = created["FunctionArn"]
        else:
            client.update_function_configuration(FunctionName=name, **settings)
            client.update_function_code(FunctionName=name, ZipFile=code)
        client.publish_version(FunctionName=name)
    for alias, version_number in (aliases or {"live": str(len(versions))}).items():
        client.create_alias(FunctionName=name, Name=alias, FunctionVersion=version_number)
    return arn


def publish_example(client: Any, example_project: Path, name: str = "orders") -> dict[str, str]:
    """Publish the example project's four versions on their layers, alias ``live`` at 4.

    The layers of third-party packages must have been made (``python build.py``). Returns the
    ARN of each layer by its folder's name.
    """
    layers = {
        folder: publish_layer(
            client, folder.rpartition("-")[0], zip_of_folder(example_project / "layers" / folder)
        )
        for folder in ("acme-shared-1", "acme-shared-2", "third-party-1", "third-party-2")
    }
    key = {"RECEIPT_KEY": "an-example-key-that-signs-nothing-real"}
    plan: tuple[tuple[tuple[str, ...], dict[str, str]], ...] = (
        (("acme-shared-1",), {}),
        (("acme-shared-1", "third-party-1"), key),
        (("acme-shared-1", "third-party-2"), key),
        (("acme-shared-2", "third-party-2"), key),
    )
    versions = [
        Version(
            code=zip_of_folder(example_project / "versions" / str(number)),
            layers=[layers[folder] for folder in folders],
            environment=environment,
        )
        for number, (folders, environment) in enumerate(plan, start=1)
    ]
    publish_function(client, name, versions)
    return layers
