"""What may be wrong with the distributions of one version, as values with their sentences. Pure.

An issue says whether it is certain, and has an identity by which it is recognised in another
version. Issues with requirements are found in `unmet`; those of what is there twice, or cannot be
loaded, are worded here. Whether one matters for a rollback is decided in `dependencies`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_lambda_rollback.contracts.dependencies.binaries import Misfit, misfits
from pytest_lambda_rollback.contracts.dependencies.installed import Hidden, Installed, Provider
from pytest_lambda_rollback.contracts.dependencies.markers import parsed_version

_CALENDAR_FROM = 16
"""First numbers from here on are years (``24.1``, ``2024.2``), which say nothing of breaks."""

_LEAKED_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing that is wrong, or may be. ``says`` begins with a verb; the version goes before."""

    kind: str
    subject: str
    """Key of the distribution (or the layer's name) that is in the wrong."""
    wanted: str
    """Key of the distribution that is asked for; empty where nothing is asked for."""
    says: str
    certain: bool
    layer: str | None = None
    distribution: str | None = None
    """The distribution that makes the difference, as its name is written."""
    version: str | None = None
    """The version of that distribution here; ``None`` where it is missing."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it the same issue in another version."""
        return self.kind, self.subject, self.wanted


def placement_issues(installed: Installed) -> Iterator[Issue]:
    """What is there twice, and what the runtime cannot load."""
    for provider in installed.duplicates:
        yield Issue(
            kind="duplicate-metadata",
            subject=provider.record.key,
            wanted="",
            says=f"has metadata of {provider} beside each other in {provider.where}",
            certain=False,
            layer=provider.layer_name,
            distribution=provider.record.name,
            version=provider.versions[0],
        )
    for hidden in installed.hidden:
        yield _twice(hidden)
    version = installed.view.version
    for misfit in misfits(installed, version.configuration.architecture):
        yield _misfit(
            misfit, f"{version.configuration.runtime} ({version.configuration.architecture})"
        )


def _twice(hidden: Hidden) -> Issue:
    winner, loser = hidden.winner, hidden.loser
    shown = hidden.overriding or hidden.leaked
    names = ", ".join(_module_name(loser, path) for path in shown[:_LEAKED_SHOWN])
    if len(shown) > _LEAKED_SHOWN:
        names += f" and {len(shown) - _LEAKED_SHOWN} more"
    if not hidden.leaked:
        says = f"has {winner.record.name} twice: {' or '.join(winner.versions)} of {winner.where} "
        says += f"is imported, and {loser.record.version} of {loser.where} hidden behind it"
    else:
        says = f"mixes {winner} of {winner.where} with {loser.record.version} of {loser.where}: "
        says += f"{names} of {loser.where} "
        if hidden.overriding:
            says += f"is imported instead of {winner.where}'s"
        else:
            says += "leaks through"
    mixed = bool(hidden.leaked)
    return Issue(
        kind="mixed-distribution" if mixed else "shadowed",
        subject=winner.record.key,
        wanted="",
        says=says,
        certain=bool(hidden.overriding) or (mixed and _far_apart(winner, loser)),
        layer=winner.layer_name,
        distribution=winner.record.name,
        version=winner.versions[0],
    )


def _misfit(misfit: Misfit, runtime: str) -> Issue:
    where = f"layer {misfit.layer.layer}" if misfit.layer else "its code"
    more = f" and {len(misfit.paths) - 1} more" if len(misfit.paths) > 1 else ""
    return Issue(
        kind=misfit.kind,
        subject=misfit.key,
        wanted="",
        says=f"cannot load {misfit.name} in {where} on {runtime}: it is built for "
        f"{misfit.built_for} ({misfit.paths[0]}{more})",
        certain=misfit.certain,
        layer=misfit.layer.layer.name if misfit.layer else None,
        distribution=misfit.provider.record.name if misfit.provider else None,
        version=misfit.provider.record.version if misfit.provider else None,
    )


def _far_apart(winner: Provider, loser: Provider) -> bool:
    """Whether the versions promise to be incompatible: another major, or minor below 1.0."""
    versions = [parsed_version(each.record.version) for each in (winner, loser)]
    known = [version for version in versions if version is not None]
    if len(known) < len(versions) or any(each.major >= _CALENDAR_FROM for each in known):
        return False
    lines = {(each.major, each.minor if each.major == 0 else 0) for each in known}
    return len(lines) > 1


def _module_name(provider: Provider, path: str) -> str:
    root = provider.record.root
    inner = path.removeprefix(f"{root}/") if root else path
    return posixpath.splitext(inner)[0].removesuffix("/__init__").replace("/", ".")
