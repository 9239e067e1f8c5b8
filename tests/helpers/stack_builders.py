"""Stacks, changes and errors as values, for the tests of the diagnosis."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from helpers.subjects import subject
from pytest_lambda_rollback.model.findings import Contract, Details, Finding
from pytest_lambda_rollback.model.packages import (
    DistributionRecord,
    LayerView,
    NativeBinary,
    NodePackage,
    PackageInventory,
    VersionView,
)
from pytest_lambda_rollback.model.replay import FunctionError
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import (
    Artifact,
    FunctionConfiguration,
    FunctionVersion,
    Layer,
)


def layer(text: str, content: str | None = None) -> Layer:
    """``shared 2``; layers of the same text or ``content`` have the same digest."""
    name, _, version = text.partition(" ")
    digest = content or text
    artifact = Artifact(label=text, digest=digest, size_bytes=1, tar=Path("/store") / digest)
    return Layer(name=name, version=version or None, artifact=artifact)


def distribution(
    name: str,
    version: str,
    *modules: str,
    root: str = "python",
    requires: Sequence[str] = (),
) -> DistributionRecord:
    key = name.lower().replace("_", "-")
    return DistributionRecord(
        key=key,
        name=name,
        version=version,
        root=root,
        metadata=f"{root}/{name}-{version}.dist-info",
        requires=tuple(requires),
        modules=modules or (key.replace("-", "_"),),
    )


def package(
    text: str,
    *records: DistributionRecord,
    files: Sequence[str] = (),
    natives: Mapping[str, str] | None = None,
    node: Mapping[str, str] | None = None,
    digest: str | None = None,
) -> LayerView:
    """A layer with the distributions and with one file for each of their modules."""
    of = layer(text, digest)
    made = [f"{each.root}/{module}/__init__.py" for each in records for module in each.modules]
    inventory = PackageInventory(
        digest=of.artifact.digest,
        role="layer",
        distributions=records,
        files=tuple(sorted({*made, *files, *(natives or {})})),
        natives=tuple(
            NativeBinary(path=path, format="elf", machine="x86_64", tag=tag)
            for path, tag in (natives or {}).items()
        ),
        node=tuple(
            NodePackage(name=name, version=version, path=f"nodejs/node_modules/{name}")
            for name, version in (node or {}).items()
        ),
    )
    return LayerView(layer=of, inventory=inventory)


def view(
    number: str = "3",
    *layers: LayerView,
    runtime: str = "python3.11",
    environment: Mapping[str, str] | None = None,
    code: PackageInventory | None = None,
) -> VersionView:
    inventory = code or PackageInventory(digest=f"code-{number}", role="code", files=("app.py",))
    return VersionView(
        version=version(
            number, *(each.layer for each in layers), runtime=runtime, environment=environment
        ),
        code=inventory,
        layers=layers,
    )


def version(
    number: str = "3",
    *layers: Layer,
    runtime: str = "python3.11",
    environment: Mapping[str, str] | None = None,
) -> FunctionVersion:
    return FunctionVersion(
        function="orders",
        version=number,
        code=replace(layer("code").artifact, digest=f"code-{number}"),
        layers=layers,
        configuration=FunctionConfiguration(
            runtime=runtime, handler="app.handler", environment=tuple((environment or {}).items())
        ),
    )


def error(type_: str, message: str, *frames: str) -> FunctionError:
    """Frames are ``/var/task/app.py:41`` or ``/var/task/app.py:41 source``, outermost first."""
    trace = []
    for frame in frames:
        file, line, source = re.fullmatch(r"(.+?):(\d+)(?: (.+))?", frame).groups()  # type: ignore[union-attr]
        text = f'  File "{file}", line {line}, in call\n'
        trace.append(text + (f"    {source}\n" if source else ""))
    return FunctionError(type=type_, message=message, stack_trace=tuple(trace))


def finding(
    kind: str = "function-error",
    *,
    contract: Contract = Contract.INVOCATION,
    location: str | None = None,
    target: str | None = None,
    raised: FunctionError | None = None,
) -> Finding:
    details: Details = ()
    if raised is not None:
        details = (("target_type", raised.type), ("target_message", raised.message))
    return Finding(
        contract=contract,
        kind=kind,
        subject=subject("3", Strategy.REDEPLOY),
        location=location,
        target=target,
        details=details,
    )
