"""The start of a function version's containers: image, command, settings; only values.

For a zip package: base image, then the seal, then one image layer per Lambda layer in order, then
the code. For a container image: that image, then the seal. Every link is tagged with a
digest of its inputs, so that two versions share what they have in common and nothing is ever
built twice. This module names and describes the links; it knows nothing of Docker's client and
reads no file. Environment and sizes are not in an image: they belong to the container.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from pytest_lambda_rollback.model.versions import Artifact, ContainerImage, FunctionVersion

RECIPE_VERSION: Final = "1"
"""Raised whenever the same inputs would be built into a different image."""

LABEL_PREFIX: Final = "pytest-lambda-rollback"
ROLE_LABEL: Final = f"{LABEL_PREFIX}.role"
DIGEST_LABEL: Final = f"{LABEL_PREFIX}.digest"

ARTIFACT_NAME: Final = "artifact.tar"
"""Name of the artefact's tar in the build context, which its Dockerfile adds."""

_NSSWITCH: Final = b"""\
# Names resolve from /etc/hosts alone: a look-up of anything else fails at once, as nothing
# outside this execution environment can be reached anyway.
passwd: files
group: files
shadow: files
gshadow: files
hosts: files
networks: files
protocols: files
services: files
ethers: files
rpc: files
netgroup: files
"""

# Lambda's own environment has this user; the base images have not.
_PASSWD: Final = b"""\
root:x:0:0:root:/root:/bin/bash
nobody:x:65534:65534:nobody:/:/sbin/nologin
sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin
"""
_GROUP: Final = b"""\
root:x:0:
nobody:x:65534:
sbx_group1051:x:990:
"""

SEAL_FILES: Final = (("nsswitch.conf", _NSSWITCH), ("passwd", _PASSWD), ("group", _GROUP))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLink:
    """One image of the chain, as it has to be built on its parent."""

    role: str
    """``seal``, ``layer`` or ``code``."""
    tag: str
    """``lambda-rollback/<role>:<digest>``; equal content has an equal tag."""
    parent: str
    """Tag of the link before it; the id of the base image for the first link."""
    subject: str
    """The added content, for messages."""
    dockerfile: str
    labels: tuple[tuple[str, str], ...]
    artifact: Artifact | None = None
    """The package that is unpacked in ``destination``."""
    destination: str = ""
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    """(name, content) of further files in the build context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The image and settings of a version's container."""

    image: str
    """Tag or id of the image."""
    command: tuple[str, ...]
    handler: str
    """The function's ``_HANDLER``."""
    entry_point: tuple[str, ...] | None = None
    """``None`` for a zip package: the base image's own."""
    working_directory: str | None = None
    """``None`` leaves it to the image."""
    variables: tuple[str, ...] = ()
    """Names of the environment variables that a function's own image sets, sorted."""


def launch_of_package(tag: str, version: FunctionVersion) -> Launch:
    """The start of a zip package on the chain that ends with ``tag``."""
    return Launch(
        image=tag, command=(version.configuration.handler,), handler=version.configuration.handler
    )


def launch_of_image(tag: str, image: ContainerImage, config: Mapping[str, Any]) -> Launch | None:
    """The start of a function's own image; ``None`` if neither side says what to run.

    ``config`` is the image's configuration as Docker reports it. Each setting of the function's
    ImageConfig replaces one instruction and keeps the others: unlike
    ``docker run``, an ENTRYPOINT that is overridden does not reset CMD.
    https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-parms
    """
    entry_point = image.entry_point or tuple(config.get("Entrypoint") or ())
    command = image.command or tuple(config.get("Cmd") or ())
    if not entry_point + command:
        return None
    return Launch(
        image=tag,
        entry_point=entry_point,
        command=command,
        working_directory=image.working_directory or config.get("WorkingDir") or None,
        handler=command[0] if command else "",
        variables=tuple(
            sorted({each.partition("=")[0] for each in config.get("Env") or () if "=" in each})
        ),
    )


def image_chain(base_id: str, version: FunctionVersion) -> tuple[ImageLink, ...]:
    """All links over the base image with the id ``base_id``, in the order of building.

    The last link is the image that the version's containers start from.
    """
    links = [seal(base_id)]
    for layer in version.layers:
        links.append(_package("layer", links[-1].tag, layer.artifact, "/opt/", f"layer {layer}"))
    links.append(
        _package("code", links[-1].tag, version.code, "/var/task/", f"code of {version.name}")
    )
    return tuple(links)


def seal(base_id: str) -> ImageLink:
    """The link that keeps look-ups of names inside, over the image with the id ``base_id``.

    It also knows Lambda's user, as every Lambda environment does.
    """
    contents = (name.encode() + b"\0" + content for name, content in SEAL_FILES)
    return _link(
        role="seal",
        parent=base_id,
        content=sha256(b"\0".join(contents)).hexdigest(),
        subject="sealed name look-ups",
        steps=(f"COPY {' '.join(name for name, _ in SEAL_FILES)} /etc/",),
        files=SEAL_FILES,
    )


def _package(
    role: str, parent: str, artifact: Artifact, destination: str, subject: str
) -> ImageLink:
    return _link(
        role=role,
        parent=parent,
        content=artifact.digest,
        subject=subject,
        steps=(f"ADD {ARTIFACT_NAME} {destination}",),
        artifact=artifact,
        destination=destination,
    )


def _link(
    *,
    role: str,
    parent: str,
    content: str,
    subject: str,
    steps: tuple[str, ...],
    artifact: Artifact | None = None,
    destination: str = "",
    files: tuple[tuple[str, bytes], ...] = (),
) -> ImageLink:
    recipe = "\0".join((RECIPE_VERSION, role, parent, content, *steps))
    digest = sha256(recipe.encode()).hexdigest()
    return ImageLink(
        role=role,
        tag=f"lambda-rollback/{role}:{digest}",
        parent=parent,
        subject=subject,
        dockerfile="\n".join((f"FROM {parent}", *steps)) + "\n",
        labels=((ROLE_LABEL, role), (DIGEST_LABEL, digest)),
        artifact=artifact,
        destination=destination,
        files=files,
    )
