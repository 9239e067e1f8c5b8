"""Limiting the images that this plugin has built, by age and by size; no other image is removed.

An image is ours if its tag is of our form and its label of that digest is ours: an image that
somebody builds on one of ours inherits the labels, never the tag. Nothing that was used lately is
removed, because a run may be using it just now. A plan is made first and can be shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.engines.docker.daemon import NotThere, translated
from pytest_lambda_rollback.engines.docker.image_chain import (
    DIGEST_LABEL,
    PARENT_LABEL,
    REPOSITORY,
    ROLE_LABEL,
)
from pytest_lambda_rollback.engines.docker.images import moment
from pytest_lambda_rollback.engines.docker.pulls import inspected

if TYPE_CHECKING:
    from docker.client import DockerClient

IMAGE_GRACE_S: Final = 3_600.0
"""The daemon's record says to within half an hour when an image was used."""

_DAY_S: Final = 86_400.0
_TAG: Final = re.compile(rf"{REPOSITORY}/[a-z]+:(?P<digest>[0-9a-f]{{64}})")
_UNTAGGED: Final = "<none>:<none>"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """An image of this plugin."""

    tag: str
    parent: str
    """Tag of the link that it stands on, or the id of an image that is not ours."""
    size_bytes: int
    """Without what it has from its parent."""
    used_s: float
    """When it was used last, in seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRemoval:
    """An image that is to go."""

    tag: str
    size_bytes: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """Images to remove, and those that stay."""

    removals: tuple[ImageRemoval, ...] = ()
    """Each before the image that it stands on, the longest unused first."""
    kept: int = 0
    kept_bytes: int = 0
    over_bytes: int = 0
    """By how much the rest is still over the bound, because it was used lately."""

    @property
    def removed_bytes(self) -> int:
        """Bytes that the plan frees."""
        return sum(removal.size_bytes for removal in self.removals)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReport:
    """The outcome of a clean."""

    removed: int = 0
    removed_bytes: int = 0
    in_use: int = 0
    """Images that stayed because a container uses them."""


def plan_images(
    images: Iterable[BuiltImage],
    *,
    max_age_days: float | None,
    max_bytes: int | None,
    now: float,
    grace_s: float = IMAGE_GRACE_S,
) -> ImagePlan:
    """The images to remove: unused for longer than that, or over that size in all.

    An image is used whenever one that stands on it is. ``None`` means no bound; ``now`` is in
    seconds since 1970.
    """
    by_tag = {image.tag: image for image in images}
    used, depth = _with_descendants(by_tag)
    order = sorted(by_tag, key=lambda tag: (used[tag], -depth[tag], tag))
    total = sum(image.size_bytes for image in by_tag.values())
    removals: list[ImageRemoval] = []
    for tag in order:
        idle_s = now - used[tag]
        if idle_s < grace_s:
            break
        if max_age_days is not None and idle_s > max_age_days * _DAY_S:
            reason = f"unused for {idle_s / _DAY_S:.0f} days"
        elif max_bytes is not None and total > max_bytes:
            reason = "the least recently used while over the size"
        else:
            continue
        total -= by_tag[tag].size_bytes
        removals.append(ImageRemoval(tag=tag, size_bytes=by_tag[tag].size_bytes, reason=reason))
    return ImagePlan(
        removals=tuple(removals),
        kept=len(by_tag) - len(removals),
        kept_bytes=total,
        over_bytes=max(0, total - max_bytes) if max_bytes is not None else 0,
    )


def _with_descendants(
    by_tag: dict[str, BuiltImage],
) -> tuple[dict[str, float], dict[str, int]]:
    """By tag: the last use of an image or of what stands on it, and how many links lie below."""
    used = {tag: image.used_s for tag, image in by_tag.items()}
    depth: dict[str, int] = {}
    for tag, image in by_tag.items():
        below, seen = image, {tag}
        while (parent := by_tag.get(below.parent)) is not None and parent.tag not in seen:
            seen.add(parent.tag)
            used[parent.tag] = max(used[parent.tag], image.used_s)
            below = parent
        depth[tag] = len(seen)
    return used, depth


def built_images(client: DockerClient) -> tuple[BuiltImage, ...]:
    """The images that this plugin has built and the daemon has. Raises EngineError."""
    found: dict[str, dict[str, Any]] = {}
    with translated("images could not be listed"):
        listed = client.api.images(filters={"label": ROLE_LABEL})
    for each in listed:
        for tag in _our_tags(each):
            with suppress(NotThere):
                details = inspected(client, tag)
                if details is not None:
                    found[tag] = details
    sizes = {tag: int(details.get("Size") or 0) for tag, details in found.items()}
    images = []
    for tag, details in found.items():
        parent = _labels(details).get(PARENT_LABEL, "")
        if parent and parent not in sizes:
            below = inspected(client, parent)
            sizes[parent] = int((below or {}).get("Size") or 0)
        images.append(
            BuiltImage(
                tag=tag,
                parent=parent,
                size_bytes=max(0, sizes[tag] - sizes.get(parent, 0)),
                used_s=_used_s(details),
            )
        )
    return tuple(images)


def clean_images(client: DockerClient, plan: ImagePlan) -> ImageReport:
    """Remove the images of a plan. One that a container uses stays. Raises EngineError."""
    removed, removed_bytes, in_use = 0, 0, 0
    for removal in plan.removals:
        if _remove(client, removal.tag):
            removed += 1
            removed_bytes += removal.size_bytes
        else:
            in_use += 1
    return ImageReport(removed=removed, removed_bytes=removed_bytes, in_use=in_use)


def remove_images(client: DockerClient, label: str = ROLE_LABEL) -> int:
    """Remove the images of this plugin that carry a label and that no container uses.

    ``label`` is ``name`` or ``name=value``. Returns how many tags went. Raises EngineError when
    the daemon does not answer.
    """
    removed = 0
    while True:
        with translated("images could not be listed"):
            images = client.api.images(filters={"label": label})
        parents = {_labels(image).get(PARENT_LABEL) for image in images}
        before = removed
        for image in images:  # what others stand on would only lose its tag, and stay
            tags = (tag for tag in _our_tags(image) if tag not in parents)
            removed += sum(_remove(client, tag) for tag in tags)
        if removed == before:
            return removed


def _our_tags(image: dict[str, Any]) -> list[str]:
    digest = _labels(image).get(DIGEST_LABEL, "")
    tags = [tag for tag in image.get("RepoTags") or () if tag != _UNTAGGED]
    matches = ((tag, _TAG.fullmatch(tag)) for tag in tags)
    return [tag for tag, match in matches if match is not None and match["digest"] == digest]


def _labels(image: dict[str, Any]) -> dict[str, str]:
    """Of an image in a list or in its description, which have them in different places."""
    return image.get("Labels") or (image.get("Config") or {}).get("Labels") or {}


def _used_s(details: dict[str, Any]) -> float:
    noted = moment((details.get("Metadata") or {}).get("LastTagTime"))
    created = moment(details.get("Created"))
    found = max((each for each in (noted, created) if each is not None), default=None)
    return (found or datetime.fromtimestamp(0, UTC)).timestamp()


def _remove(client: DockerClient, tag: str) -> bool:
    """Remove one of our images; False if it is in use or gone.

    With it go the untagged images below it that are steps of its own build. Docker would also
    take the untagged image of a function that it stands on, whose user tagged a newer one.
    """
    import docker.errors

    with translated(f"the image {tag} could not be removed"):
        try:
            details = inspected(client, tag)
            if details is None:
                return False
            steps = _steps(client, details)
            client.api.remove_image(tag, noprune=True)
            for step in steps:
                client.api.remove_image(step, noprune=True)
        except docker.errors.APIError as error:
            if error.status_code in (404, 409):
                return inspected(client, tag) is None
            raise
    return True


def _steps(client: DockerClient, details: dict[str, Any]) -> list[str]:
    """Ids of the untagged images between one of ours and the one that it stands on."""
    parent_of_link = _labels(details).get(PARENT_LABEL, "")
    below = inspected(client, parent_of_link) if parent_of_link else None
    last = below["Id"] if below is not None else ""
    steps: list[str] = []
    step = details
    while (parent := step.get("Parent") or "") and parent != last:
        found = inspected(client, parent)
        if found is None or found.get("RepoTags") or found.get("RepoDigests"):
            break
        if ROLE_LABEL not in _labels(found) and not last:
            break  # what it stands on is gone, so this may be anybody's
        steps.append(parent)
        step = found
    return steps
