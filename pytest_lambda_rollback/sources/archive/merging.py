"""A function as AWS has it today, joined with what its lock file knows.

AWS forgets: versions and layers are deleted, an alias does not show what it pointed at before. A
version number never comes back while a function lives, so the lock's facts of a version remain
valid; only where a function was deleted and recreated do numbers begin again, and then the digest
of the code tells, or, where that was not asked for, when the version was published.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import (
    AliasFacts,
    Binding,
    LayerFacts,
    PlatformFacts,
    PublishedFunction,
    PublishedVersion,
    VersionFacts,
)
from pytest_lambda_rollback.model.versions import ContainerImage, RemotePackage

_HISTORY_LIMIT = 100
"""Changes of one alias that are kept; lock files are read by people."""

_AT_ONCE = timedelta(days=1)
"""How far apart two parallel runs may have asked AWS; more means a wrong clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The joined function, and what a user should know of the joining."""

    function: PublishedFunction
    notes: tuple[str, ...] = ()
    """One sentence each, without a final full stop."""


def merged(remote: PublishedFunction, locked: PublishedFunction | None) -> Merged:
    """Join both; with what came out as ``remote`` it gives the same again.

    Versions that only the lock has stay, with ``gone`` set. Raises SourceError for a lock of
    another function: then two configurations share an archive that should have one each.
    """
    if locked is None:
        aliases = tuple(_alias(alias, None, remote.as_of) for alias in remote.aliases)
        return Merged(function=replace(remote, aliases=aliases))
    if locked.arn != remote.arn:
        raise another_function(remote.name, locked.arn, f"AWS has {remote.arn}")
    notes, known = _trusted(remote, locked)
    digests = _digests(known)
    images = {
        version.version: version.code
        for version in known
        if isinstance(version.code, ContainerImage) and version.version.isdecimal()
    }
    names = {
        version.version: version.environment_names
        for version in known
        if version.version.isdecimal()
    }
    have = {version.version for version in remote.versions}
    gone = [
        replace(version, gone=True, configuration=replace(version.configuration, environment=()))
        for version in known
        if version.version not in have and version.version.isdecimal()
    ]
    versions = sorted([*remote.versions, *gone], key=_order)
    return Merged(
        function=replace(
            remote,
            versions=tuple(
                _with_names(_with_image(_with_digests(version, digests), images), names)
                for version in versions
            ),
            aliases=tuple(
                _alias(alias, _before(locked, alias.name), remote.as_of) for alias in remote.aliases
            ),
            platform=_platform(remote.platform, locked.platform),
        ),
        notes=tuple(notes),
    )


def another_function(name: str, locked_arn: str, instead: str) -> SourceError:
    """The error for a lock file that is about another function than the configuration."""
    return SourceError(
        f"{name}: the archive's lock file is about another function",
        why=f"it describes {locked_arn}, and {instead}",
        do=f"If `aws` was changed on purpose, delete the lock file of {name}; else correct the"
        " name, profile or region, or give this configuration an archive of its own, as in"
        ' `store = "folder"`',
    )


def recorded(remote: PublishedFunction, locked: PublishedFunction | None) -> Merged:
    """The function to write: as `merged`, or as the lock has it if that is the newer answer.

    The process that asked AWS first may be the last to write. Raises SourceError.
    """
    if locked is None or locked.arn != remote.arn or not _later(locked.as_of, remote.as_of):
        return merged(remote, locked)
    if _newest(remote) > _newest(locked):  # numbers only grow: one of the clocks is wrong
        return merged(remote, locked)
    # The older answer still tells of versions that were deleted in between, and nothing of
    # aliases.
    return merged(locked, replace(remote, aliases=()))


def with_platform(known: PublishedFunction, facts: PlatformFacts) -> PublishedFunction:
    """The function with facts that were read for some of its versions; those of others stay."""
    asked: set[str | None] = {None, *(each.version for each in facts.versions)}
    asked |= {
        alias.name
        for alias in known.aliases
        if not asked.isdisjoint({alias.version, *(version for version, _ in alias.weights)})
    }
    named = {each.version for each in known.versions} | {each.name for each in known.aliases}

    def stays(binding: Binding) -> bool:
        other = binding.qualifier not in asked and binding.qualifier in named
        return binding.kind == "permission" and other

    platform = _platform(facts, known.platform)
    bindings = (*platform.bindings, *filter(stays, known.platform.bindings))
    return replace(known, platform=replace(platform, bindings=bindings))


def _newest(function: PublishedFunction) -> int:
    return max((int(v.version) for v in function.versions if v.version.isdecimal()), default=0)


def _later(one: str, other: str) -> bool:
    try:
        by = datetime.fromisoformat(one) - datetime.fromisoformat(other)
    except (TypeError, ValueError):  # no times, or only one of them with a zone
        return False
    return timedelta(0) < by < _AT_ONCE


def _trusted(
    remote: PublishedFunction, locked: PublishedFunction
) -> tuple[list[str], tuple[PublishedVersion, ...]]:
    """The lock's versions that are of this function and not of a former one of its name."""
    other = [
        version.version
        for version in locked.versions
        if version.version.isdecimal()
        and (now := remote.version(version.version)) is not None
        and not now.gone
        and _another(now, version)
    ]
    if not other:
        return [], locked.versions
    one = len(other) == 1
    note = (
        f"{remote.name}: version{'' if one else 's'} {', '.join(other)}"
        f" {'has' if one else 'have'} other code in AWS than in the lock file, so the function"
        f" was deleted and recreated; what the lock file had about"
        f" {'it' if one else 'them'} was dropped"
    )
    return [note], tuple(version for version in locked.versions if version.version not in other)


def _another(now: PublishedVersion, version: PublishedVersion) -> bool:
    """True if two that have one number are not one version."""
    code, before = _code(now), _code(version)
    if code is not None and before is not None:
        return code != before
    # Which image it is costs a request; a published version is never modified.
    image = isinstance(now.code, ContainerImage) and isinstance(version.code, ContainerImage)
    return image and bool(now.modified and version.modified) and now.modified != version.modified


def _code(version: PublishedVersion) -> str | None:
    """The identity of a version's code; ``None`` if AWS was not asked for it."""
    if isinstance(version.code, ContainerImage):
        return version.code.uri or None
    return version.code.sha256


def _order(version: PublishedVersion) -> tuple[bool, int]:
    """``$LATEST``, which can still change, then the newest first."""
    number = int(version.version) if version.version.isdecimal() else 0
    return version.version.isdecimal(), -number


def _digests(versions: tuple[PublishedVersion, ...]) -> dict[str, RemotePackage]:
    return {layer.arn: layer for version in versions for layer in version.layers if layer.sha256}


def _with_digests(version: PublishedVersion, digests: dict[str, RemotePackage]) -> PublishedVersion:
    if all(layer.sha256 for layer in version.layers):
        return version
    layers = tuple(
        replace(
            layer,
            sha256=digests[layer.arn].sha256,
            size_bytes=layer.size_bytes or digests[layer.arn].size_bytes,
        )
        if layer.sha256 is None and layer.arn in digests
        else layer
        for layer in version.layers
    )
    return replace(version, layers=layers)


def _with_image(version: PublishedVersion, images: dict[str, ContainerImage]) -> PublishedVersion:
    """Keep known images: each costs a request, and none changes once a version is published."""
    known = images.get(version.version)
    if known is None or not isinstance(version.code, ContainerImage) or version.code.uri:
        return version
    return replace(version, code=replace(version.code, uri=known.uri))


def _with_names(version: PublishedVersion, names: dict[str, tuple[str, ...]]) -> PublishedVersion:
    """Lambda names no variable that it may not decrypt; a published version's do not change."""
    if version.environment_error is None or version.environment_names:
        return version
    return replace(version, environment_names=names.get(version.version, ()))


def _before(locked: PublishedFunction, name: str) -> tuple[tuple[str, str], ...]:
    alias = locked.alias(name)
    if alias is None:
        return ()
    return alias.history or ((locked.as_of, alias.version),)


def _alias(alias: AliasFacts, before: tuple[tuple[str, str], ...] | None, now: str) -> AliasFacts:
    """The alias with its history, which grows by one where it points elsewhere than last seen."""
    seen = alias.history or ((now, alias.version),)
    if not before:
        return replace(alias, history=seen)
    if before[-1][1] != alias.version:
        before = (*before, (seen[-1][0], alias.version))
    return replace(alias, history=before[-_HISTORY_LIMIT:])


def _platform(remote: PlatformFacts, locked: PlatformFacts) -> PlatformFacts:
    """Facts that were read for other versions in another run are still the last word on them."""
    versions = {each.version: each for each in locked.versions}
    versions |= {each.version: each for each in remote.versions}
    layers = {each.arn: each for each in locked.layers}
    layers |= {each.arn: each for each in remote.layers}
    if not remote.as_of:  # AWS was not asked for any of it
        remote = replace(
            remote,
            bindings=remote.bindings or locked.bindings,
            reserved_concurrency=locked.reserved_concurrency
            if remote.reserved_concurrency is None
            else remote.reserved_concurrency,
            unread=remote.unread or locked.unread,
            as_of=locked.as_of,
        )
    return replace(remote, versions=_sorted_versions(versions), layers=_sorted_layers(layers))


def _sorted_versions(facts: dict[str, VersionFacts]) -> tuple[VersionFacts, ...]:
    def newest_first(facts: VersionFacts) -> tuple[bool, int]:
        number = int(facts.version) if facts.version.isdecimal() else 0
        return facts.version.isdecimal(), -number

    return tuple(sorted(facts.values(), key=newest_first))


def _sorted_layers(facts: dict[str, LayerFacts]) -> tuple[LayerFacts, ...]:
    return tuple(sorted(facts.values(), key=lambda each: each.arn))
