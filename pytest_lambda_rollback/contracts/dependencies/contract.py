"""The dependencies contract: requirements that the distributions of a target declare and miss.

Markers, extras and Requires-Python are evaluated for the target's runtime. What an issue weighs
for a rollback is decided in `weights`. No file is read and nothing is imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_lambda_rollback.aws_lambda.runtimes import python_version
from pytest_lambda_rollback.contracts.dependencies.installed import Installed
from pytest_lambda_rollback.contracts.dependencies.issues import Issue, placement_issues
from pytest_lambda_rollback.contracts.dependencies.markers import Requirements, key_of
from pytest_lambda_rollback.contracts.dependencies.unmet import Unmet
from pytest_lambda_rollback.contracts.dependencies.weights import (
    Codes,
    Examined,
    Weight,
    Weights,
)
from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.findings import Contract, Finding, Judgement, Subject
from pytest_lambda_rollback.model.packages import LayerView, PackageInventory, VersionView
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import FunctionVersion, TargetRef


def judge(
    target: VersionView,
    current: VersionView,
    *,
    requires: Sequence[str] = (),
    strategy: Strategy | None = None,
    published: VersionView | None = None,
    code: Codes | None = None,
    parsed: dict[tuple[str, str], Requirements] | None = None,
) -> Judgement:
    """Judge a target by what is installed in its code and layers, against the current version.

    ``published`` is the target on its own stack; without it, nothing is known to have been wrong
    there. ``code`` has the imports of the two versions' code; without it, the target's code may
    need anything that is installed. ``requires`` are the configuration's requirements (PEP 508).
    ``parsed`` keeps parsed requirements, by Python and architecture, for a caller that
    judges more. ``unknown`` with a reason where a requirement cannot be read, or the runtime is not
    one that ``requires`` is about.
    """
    layers = _by_compatibility(target, current)
    who = Subject(target=_ref(target.version), current=_ref(current.version), strategy=strategy)
    python = python_version(target.version.configuration.runtime)
    if python is None:
        if requires:
            return Judgement(
                reason="requires cannot be checked for the runtime "
                "{runtime}: it names Python distributions",
            )
        return Judgement(warnings=tuple(_finding(who, issue, None) for issue in layers))
    parsed = {} if parsed is None else parsed
    requirements = _requirements(target, parsed)
    wrong = [text for text in requires if requirements.parse(text) is None]
    if wrong:
        return Judgement(
            reason=f"requires has {wrong[0]!r}, which is not a valid requirement (PEP 508)",
        )
    published = target if strategy is Strategy.ALIAS else published
    modules = _ModuleNames([view for view in (target, current, published) if view])

    def examined(view: VersionView) -> Examined | None:
        return _examined(view, requires=requires, modules=modules, parsed=parsed)

    here = examined(target)
    then = here if current is target else examined(current)
    own = here if published is target else examined(published) if published else None
    weights = Weights(
        here=here, then=then, own=own, untouched=strategy is Strategy.ALIAS, code=code
    )
    findings: list[Finding] = []
    warnings: list[Finding] = []
    for issue in (*(here.issues if here else ()), *layers):
        weight = weights.of(issue)
        if weight is not None:
            finding = _finding(who, issue, then.installed if then else None)
            (findings if weight is Weight.FINDING else warnings).append(finding)
    return Judgement(findings=_once(findings), warnings=_once(warnings))


def _requirements(view: VersionView, parsed: dict[tuple[str, str], Requirements]) -> Requirements:
    configuration = view.version.configuration
    python = python_version(configuration.runtime) or ""
    key = python, configuration.architecture
    if key not in parsed:
        parsed[key] = Requirements(python=python, architecture=configuration.architecture)
    return parsed[key]


def _examined(
    view: VersionView,
    *,
    requires: Sequence[str],
    modules: _ModuleNames,
    parsed: dict[tuple[str, str], Requirements],
) -> Examined | None:
    """``None`` for a version that is not on Python."""
    python = python_version(view.version.configuration.runtime)
    if python is None:
        return None
    installed = Installed(view, python)
    unmet = Unmet(
        installed,
        requirements=_requirements(view, parsed),
        requires=requires,
        modules_of=modules,
    )
    return Examined(installed=installed, unmet=unmet, issues=(*unmet, *placement_issues(installed)))


class _ModuleNames:
    """The modules of a distribution, from any known package."""

    def __init__(self, views: Iterable[VersionView]) -> None:
        self._inventories = [inventory for view in views for inventory in _inventories(view)]

    def __call__(self, key: str) -> set[str]:
        """Paths below its root; empty if no package has the distribution."""
        return {
            module
            for inventory in self._inventories
            for record in inventory.distributions
            if record.key == key
            for module in record.modules
        }


def _inventories(view: VersionView) -> Iterator[PackageInventory]:
    yield view.code
    yield from (layer.inventory for layer in view.layers)


def _by_compatibility(target: VersionView, current: VersionView) -> list[Issue]:
    """Layers that their publisher did not mark as compatible with the runtime or architecture."""
    known = {issue.identity for layer in current.layers for issue in _incompatible(current, layer)}
    return [
        issue
        for layer in target.layers
        for issue in _incompatible(target, layer)
        if issue.identity not in known
    ]


def _platform(view: VersionView) -> tuple[str, str]:
    configuration = view.version.configuration
    return configuration.runtime, configuration.architecture


def _incompatible(view: VersionView, layer: LayerView) -> Iterator[Issue]:
    runtime, architecture = _platform(view)
    for marked, own in (
        (layer.compatible_runtimes, runtime),
        (layer.compatible_architectures, architecture),
    ):
        if marked and own not in marked:
            yield Issue(
                kind="layer-not-compatible",
                subject=layer.layer.name,
                wanted=own,
                details=(
                    ("problem", "layer-not-compatible"),
                    ("platform", own),
                    ("name", str(layer.layer)),
                    ("marked", ", ".join(marked)),
                ),
                certain=False,
                layer=layer.layer.name,
            )


def _ref(version: FunctionVersion) -> TargetRef:
    return TargetRef(function=version.function, version=version.version)


def _finding(who: Subject, issue: Issue, then: Installed | None) -> Finding:
    key = key_of(issue.distribution) if issue.distribution else ""
    before = then.find(key) if then is not None and key else None
    before_version = before.versions[0] if before else None
    return Finding(
        contract=Contract.DEPENDENCIES,
        kind=issue.kind,
        subject=who,
        details=issue.details,
        current=f"{before} in {before.where}" if before else None,
        target=issue.version,
        cause=Cause(
            layer=issue.layer or (before.layer_name if before and not issue.version else None),
            distribution=issue.distribution,
            current_version=before_version,
            target_version=issue.version,
        ),
    )


def _once(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Without those that say the same, as two entries of ``requires`` may make them."""
    return tuple(dict.fromkeys(findings))
