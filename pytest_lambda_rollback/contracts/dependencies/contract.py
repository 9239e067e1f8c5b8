"""The dependencies contract: requirements that the distributions of a target declare and miss.

The policy, in one place:

- Markers, extras and Requires-Python are evaluated for the target's runtime.
- An issue that the current version has too (same kind, same distribution, same requirement, and
  as certainly) does not come from the rollback. A requirement of the configuration that both miss
  still gives a warning.
- A finding is certain. Likely trouble is a warning: versions of what Lambda's runtime brings,
  leftover metadata, packages without metadata, versions that PEP 440 refuses, native modules that
  a package can do without, one version hidden behind another.

No file is read and nothing is imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_lambda_rollback.aws_lambda.runtimes import python_version
from pytest_lambda_rollback.contracts.dependencies.installed import Installed
from pytest_lambda_rollback.contracts.dependencies.issues import Issue, placement_issues
from pytest_lambda_rollback.contracts.dependencies.markers import Requirements, key_of
from pytest_lambda_rollback.contracts.dependencies.unmet import Unmet
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
    also: Iterable[PackageInventory] = (),
    parsed: dict[tuple[str, str], Requirements] | None = None,
) -> Judgement:
    """Judge a target by what is installed in its code and layers, against the current version.

    ``requires`` are the configuration's requirements (PEP 508). ``also`` are inventories of other
    versions: they also give the names of a distribution's modules. ``parsed`` keeps
    parsed requirements, by Python and architecture, for a caller that judges more. ``unknown``
    with a reason where a requirement cannot be read, or the runtime is not one that ``requires`` is
    about.
    """
    runtime, architecture = _platform(target)
    python = python_version(runtime)
    layers = _by_compatibility(target, current)
    who = Subject(target=_ref(target.version), current=_ref(current.version), strategy=strategy)
    if python is None:
        if requires:
            return Judgement(
                reason="requires cannot be checked for the runtime "
                "{runtime}: it names Python distributions",
            )
        return Judgement(findings=tuple(_finding(who, issue, None) for issue in layers))
    parsed = {} if parsed is None else parsed
    if (python, architecture) not in parsed:
        parsed[python, architecture] = Requirements(python=python, architecture=architecture)
    requirements = parsed[python, architecture]
    wrong = [text for text in requires if requirements.parse(text) is None]
    if wrong:
        return Judgement(
            reason=f"requires has {wrong[0]!r}, which is not a valid requirement (PEP 508)",
        )
    modules = _ModuleNames((target, current), also)
    here = Installed(target, python)
    then, known = _of_current(current, target, requirements, requires, modules)
    findings: list[Finding] = []
    warnings: list[Finding] = []
    unmet = Unmet(here, requirements=requirements, requires=requires, modules_of=modules)
    for issue in (*unmet, *placement_issues(here), *layers):
        finding = _finding(who, issue, then)
        is_new = issue.identity not in known or (issue.certain and not known[issue.identity])
        if is_new and issue.certain:
            findings.append(finding)
        elif is_new or issue.kind == "requirement-missed":
            warnings.append(finding)
    return Judgement(findings=_once(findings), warnings=_once(warnings))


class _ModuleNames:
    """The modules of a distribution, from any known package."""

    def __init__(self, views: Sequence[VersionView], others: Iterable[PackageInventory]) -> None:
        self._inventories = [
            *(inventory for view in views for inventory in _inventories(view)),
            *others,
        ]

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


def _of_current(
    current: VersionView,
    target: VersionView,
    requirements: Requirements,
    requires: Sequence[str],
    modules: _ModuleNames,
) -> tuple[Installed | None, dict[tuple[str, str, str], bool]]:
    """The current version's distributions and issues, each with whether it is certain.

    Nothing if it is not on Python.
    """
    runtime, architecture = _platform(current)
    python = python_version(runtime)
    if python is None:
        return None, {}
    if (runtime, architecture) != _platform(target):
        requirements = Requirements(python=python, architecture=architecture)
    then = Installed(current, python)
    unmet = Unmet(then, requirements=requirements, requires=requires, modules_of=modules)
    known: dict[tuple[str, str, str], bool] = {}
    for issue in (*unmet, *placement_issues(then)):
        known[issue.identity] = known.get(issue.identity, False) or issue.certain
    return then, known


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
                certain=True,
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
