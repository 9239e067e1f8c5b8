"""Issues of one version: what is, or may be, wrong with its distributions.

An issue says whether it is certain, and has an identity by which it is recognised in another
version. Issues with requirements are found in `unmet`; those of what is there twice, or cannot be
loaded, are found here. `contract` decides whether one matters for a rollback.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pytest_lambda_rollback.contracts.dependencies.binaries import Misfit, misfits
from pytest_lambda_rollback.contracts.dependencies.installed import Hidden, Installed, Provider
from pytest_lambda_rollback.contracts.dependencies.markers import parsed_version
from pytest_lambda_rollback.model.findings import Details

_CALENDAR_FROM = 16
"""First numbers from here on are years (``24.1``, ``2024.2``), which say nothing of breaks."""


class Ground(StrEnum):
    """What an issue rests on."""

    CONFIGURATION = "configuration"
    """The user's ``requires``."""
    METADATA = "metadata"
    """What distributions and layers say of themselves."""
    BINARY = "binary"
    """The header of a native module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing that is wrong, or may be."""

    kind: str
    ground: Ground = Ground.METADATA
    subject: str
    """Key of the distribution (or the layer's name) that is in the wrong."""
    wanted: str
    """Key of the distribution that is asked for; empty if nothing is asked for."""
    details: Details
    """The problem, and what its sentence needs."""
    certain: bool
    layer: str | None = None
    distribution: str | None = None
    """The distribution that makes the difference, as its name is written."""
    version: str | None = None
    """The version of that distribution here; ``None`` if it is missing."""
    leaks: tuple[str, ...] = ()
    """Modules of a hidden version that can be imported, where that is all that is wrong."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """Equal for the same issue in another version."""
        return self.kind, self.subject, self.wanted


def placement_issues(installed: Installed) -> Iterator[Issue]:
    """Distributions that are there twice, and native modules that the runtime cannot load."""
    for provider in installed.duplicates:
        yield Issue(
            kind="duplicate-metadata",
            subject=provider.record.key,
            wanted="",
            details=(
                ("problem", "duplicate-metadata"),
                ("provider", str(provider)),
                ("place", provider.where),
            ),
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
    problem = "twice"
    if hidden.leaked:
        problem = "overrides" if hidden.overriding else "leaks"
    mixed = bool(hidden.leaked)
    modules = tuple(_module_name(loser, path) for path in shown)
    return Issue(
        kind="mixed-distribution" if mixed else "shadowed",
        subject=winner.record.key,
        wanted="",
        details=(
            ("problem", problem),
            ("name", winner.record.name),
            ("provider", str(winner)),
            ("versions", " or ".join(winner.versions)),
            ("place", winner.where),
            ("other_version", loser.record.version),
            ("other_place", loser.where),
            ("modules", modules),
        ),
        certain=bool(hidden.overriding) or (mixed and _far_apart(winner, loser)),
        layer=winner.layer_name,
        distribution=winner.record.name,
        version=winner.versions[0],
        leaks=modules if mixed and not hidden.overriding else (),
    )


def _misfit(misfit: Misfit, runtime: str) -> Issue:
    where = f"layer {misfit.layer.layer}" if misfit.layer else "its code"
    more = f" and {len(misfit.paths) - 1} more" if len(misfit.paths) > 1 else ""
    return Issue(
        kind=misfit.kind,
        ground=Ground.BINARY,
        subject=misfit.key,
        wanted="",
        details=(
            ("problem", "binary"),
            ("name", misfit.name),
            ("place", where),
            ("runtime", runtime),
            ("built_for", misfit.built_for),
            ("files", f"{misfit.paths[0]}{more}"),
        ),
        certain=misfit.certain,
        layer=misfit.layer.layer.name if misfit.layer else None,
        distribution=misfit.provider.record.name if misfit.provider else None,
        version=misfit.provider.record.version if misfit.provider else None,
    )


def _far_apart(winner: Provider, loser: Provider) -> bool:
    """True if the versions promise to be incompatible: another major, or minor below 1.0."""
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
