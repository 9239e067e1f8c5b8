"""Cases of the platform contract: two alike versions of one function, and what differs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from helpers.made_versions import changed
from helpers.subjects import worded
from pytest_lambda_rollback.contracts.platform.contract import PlatformCase, judge
from pytest_lambda_rollback.model.findings import Finding, Judgement
from pytest_lambda_rollback.model.published import (
    AliasFacts,
    Binding,
    PlatformFacts,
    PublishedFunction,
    PublishedVersion,
)
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import (
    Artifact,
    FunctionConfiguration,
    FunctionVersion,
    Layer,
    PackageKind,
    RemotePackage,
)

ALIAS, REDEPLOY = Strategy.ALIAS, Strategy.REDEPLOY
TODAY = date(2026, 11, 23)
MB = 1024 * 1024

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"
LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:shared:{}"
ROLE = "arn:aws:iam::123456789012:role/{}"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"

LIVE = AliasFacts(name="live", version="4")
MAPPING = Binding(kind="event-source-mapping", qualifier="4", what=QUEUE, identifier="1b2c")
PERMISSION = Binding(
    kind="permission", qualifier="4", what="s3.amazonaws.com", identifier="allow-s3"
)


def artifact(label: str, size_bytes: int = MB) -> Artifact:
    return Artifact(label=label, digest=label, size_bytes=size_bytes, tar=Path(label))


def layer(number: int, size_bytes: int = MB) -> Layer:
    label = LAYER.format(number)
    return Layer(name="shared", version=str(number), artifact=artifact(label, size_bytes))


def version(number: str, **changes: Any) -> FunctionVersion:
    plain = FunctionVersion(
        function="orders",
        version=number,
        code=artifact(f"code {number}"),
        layers=(),
        configuration=FunctionConfiguration(runtime="python3.12", handler="app.handler"),
    )
    return changed(plain, **changes)


def record(number: str, **changes: Any) -> PublishedVersion:
    arn = f"{ARN}:{number}"
    plain = PublishedVersion(
        function="orders",
        version=number,
        arn=arn,
        code=RemotePackage(kind=PackageKind.CODE, arn=arn, size_bytes=MB),
        configuration=FunctionConfiguration(runtime="python3.12"),
        role=ROLE.format("orders"),
        state="Active",
    )
    return changed(plain, **changes)


def package(number: int) -> RemotePackage:
    return RemotePackage(kind=PackageKind.LAYER, arn=LAYER.format(number), size_bytes=MB)


def function(
    *records: PublishedVersion,
    aliases: Iterable[AliasFacts] = (LIVE,),
    name: str = "orders",
    **platform: Any,
) -> PublishedFunction:
    return PublishedFunction(
        name=name,
        arn=ARN.replace("orders", name),
        versions=records or (record("4"), record("3")),
        aliases=tuple(aliases),
        platform=PlatformFacts(as_of="2026-11-23T08:00:00Z", **platform),
    )


def case(
    strategy: Strategy = ALIAS,
    *,
    facts: PublishedFunction | None = None,
    published: FunctionVersion | None = None,
    current: FunctionVersion | None = None,
    alias: str | None = "live",
    **more: Any,
) -> PlatformCase:
    published = published or version("3")
    current = current or version("4")
    target = published
    if strategy is REDEPLOY:
        target = changed(
            current,
            version=published.version,
            code=published.code,
            handler=published.configuration.handler,
        )
    facts = facts or function()
    return PlatformCase(
        **{
            "strategy": strategy,
            "target": target,
            "published": published,
            "current": current,
            "facts": facts,
            "target_facts": facts,
            "current_alias": alias,
            **more,
        }
    )


def judged(which: PlatformCase, today: date = TODAY) -> Judgement:
    return worded(judge(which, today=today))


def kinds(findings: Iterable[Finding]) -> list[str]:
    return [finding.kind for finding in findings]


def only(findings: tuple[Finding, ...], kind: str) -> Finding:
    (finding,) = (each for each in findings if each.kind == kind)
    return finding
