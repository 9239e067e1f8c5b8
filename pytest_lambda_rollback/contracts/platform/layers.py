"""Platform rules on layers and sizes: what AWS would refuse to deploy.

Layers: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteLayerVersion.html. A deleted layer
version stays for the functions that have it, and cannot be added to any. Quotas:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html. Published versions met
them, so they are checked only for combinations that AWS has not seen yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_lambda_rollback.aws_lambda import limits
from pytest_lambda_rollback.contracts.platform.case import LATEST, Concern, PlatformCase
from pytest_lambda_rollback.model.findings import Note
from pytest_lambda_rollback.model.published import LayerFacts, PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.versions import FunctionVersion, RemotePackage


def layer_concerns(case: PlatformCase) -> Iterator[Concern]:
    """Layer versions that are deleted, or not shared any more."""
    if case.target.image is not None:
        return
    states = _states(case.facts, case.target_facts)
    if case.by_alias:
        live = set(_lost(case.current, case.current_record, states))
        for arn in _lost(case.target, case.target_record, states):
            if arn not in live:  # what the current one has as well works today
                yield _kept(case, states[arn])
        return
    latest = case.facts.version(LATEST) if case.facts is not None else None
    bound = None if latest is None else {package.arn for package in latest.layers}
    for arn in _lost(case.current, case.current_record, states):
        yield _deployed(case, states[arn], bound)


def _kept(case: PlatformCase, layer: LayerFacts) -> Concern:
    """An alias adds no layer: the published version keeps its copy."""
    return case.concern(
        f"layer-{layer.state}",
        says="layer-kept",
        layer=_name(layer.arn),
        state=_why(layer),
        target=layer.arn,
    )


def _deployed(case: PlatformCase, layer: LayerFacts, bound: set[str] | None) -> Concern:
    """A redeploy runs on the current version's layers, deployed to ``$LATEST``.

    Where ``$LATEST`` has the layer, a code-only deployment does not add it again; tools that
    also send the configuration do. Otherwise it must be added, which AWS refuses. A refusal
    to these credentials does not mean that the deployment's are refused.
    """
    name = _name(layer.arn)
    if bound is not None and layer.arn not in bound and layer.state == "deleted":
        return case.concern(
            "layer-deleted",
            says="layer-cannot-be-added",
            certain=True,
            layer=name,
            target=layer.arn,
        )
    return case.concern(
        f"layer-{layer.state}",
        says="layer-may-be-refused",
        layer=name,
        state=_why(layer),
        target=layer.arn,
    )


def limit_concerns(case: PlatformCase) -> Iterator[Concern]:
    """Quotas that the rollback exceeds, and the current version does not."""
    if case.target.image is not None or (case.by_alias and case.target_record is not None):
        return
    yield from _over(
        case,
        "too-many-layers",
        len(case.target.layers),
        len(case.current.layers),
        limits.LAYERS,
    )
    yield from _over(
        case,
        "unzipped-too-large",
        _unzipped_bytes(case.target),
        _unzipped_bytes(case.current),
        limits.UNZIPPED_BYTES,
        unit=limits.MB,
    )
    yield from _over(
        case,
        "environment-too-large",
        _environment_bytes(case.target),
        _environment_bytes(case.current),
        limits.ENVIRONMENT_BYTES,
    )


def layer_notes(case: PlatformCase) -> Iterator[Note]:
    """A zip that cannot be sent with the request."""
    record = case.target_record
    if case.by_alias or record is None or not isinstance(record.code, RemotePackage):
        return
    size = record.code.size_bytes
    if size > limits.UPLOAD_BYTES:
        yield Note(
            kind="upload-through-s3",
            about=(("target", case.published.name),),
            details=(("size", f"{size / limits.MB:.0f}"),),
        )


def _over(
    case: PlatformCase, kind: str, value: int, current: int, limit: int, *, unit: int = 1
) -> Iterator[Concern]:
    if value <= limit:
        return
    # A current version over the limit cannot be in AWS either: it is no matter of the rollback.
    yield case.concern(
        kind,
        certain=current <= limit,
        current=str(current),
        target=str(value),
        size=f"{value / unit:.0f}",
        limit=limit // unit,
        current_exceeds=current > limit,
    )


def _unzipped_bytes(version: FunctionVersion) -> int:
    return sum(a.size_bytes for a in (version.code, *(each.artifact for each in version.layers)))


def _environment_bytes(version: FunctionVersion) -> int:
    """At least the names and values: AWS measures them as JSON. Made-up values do not count."""
    made_up = set(version.placeholders)
    return sum(
        len(name.encode()) + (0 if name in made_up else len(value.encode()))
        for name, value in version.configuration.environment
    )


def _states(*functions: PublishedFunction | None) -> dict[str, LayerFacts]:
    return {
        layer.arn: layer
        for facts in functions
        if facts is not None
        for layer in facts.platform.layers
        if layer.state != "available"
    }


def _lost(
    version: FunctionVersion, record: PublishedVersion | None, states: Iterable[str]
) -> list[str]:
    """Those of these layer versions that a version has; a build's are named by its packages."""
    if record is not None:
        has = {package.arn for package in record.layers}
        return [arn for arn in states if arn in has]
    labels = {layer.artifact.label for layer in version.layers}
    return [arn for arn in states if labels & {arn, _name(arn)}]


def _name(arn: str) -> str:
    return " ".join(arn.split(":")[-2:])


def _why(layer: LayerFacts) -> str:
    return "was deleted" if layer.state == "deleted" else "is no longer shared"
