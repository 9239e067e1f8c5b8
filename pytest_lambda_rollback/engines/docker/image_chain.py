"""The image and the start of a function version's containers; only values.

For a zip package: base image, then the carrier, then one image layer per Lambda layer in order,
then the code. For a container image: that image, then the carrier. Every link is tagged with a
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

RECIPE_VERSION: Final = "3"
"""Raised whenever the same inputs would be built into a different image."""

LABEL_PREFIX: Final = "pytest-lambda-rollback"
ROLE_LABEL: Final = f"{LABEL_PREFIX}.role"
DIGEST_LABEL: Final = f"{LABEL_PREFIX}.digest"
PARENT_LABEL: Final = f"{LABEL_PREFIX}.parent"
"""The link or image that a link stands on: a tag, or the id of an image that is not ours."""
REPOSITORY: Final = "lambda-rollback"

ARTIFACT_NAME: Final = "artifact.tar"
"""Name of the artefact's tar in the build context, which its Dockerfile adds."""

_NSSWITCH: Final = b"""\
# The name server is one that is not there (127.0.0.1), so a look-up fails at once, as nothing
# outside this execution environment can be reached anyway; but the carrier sees the name.
passwd: files
group: files
shadow: files
gshadow: files
hosts: files dns
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

CARRIER_PATH: Final = "/lambda-rollback-carrier"
"""The carrier in every image: the first process of its containers."""
CARRIER_TAR: Final = "carrier.tar"
CARRIER_MODE: Final = 0o111
"""Nobody in the environment can read the carrier, and so not trace it either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedFile:
    """A file of the carrier's link."""

    path: str
    """Without the leading slash."""
    content: bytes = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLink:
    """One image of the chain, as it has to be built on its parent."""

    role: str
    """``carrier``, ``layer`` or ``code``."""
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
    files: tuple[AddedFile, ...] = ()
    """Files that are put where their paths say."""

    @property
    def digest(self) -> str:
        """What its tag and its label `DIGEST_LABEL` both hold."""
        return self.tag.rpartition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The image of a version's containers, and what the carrier starts in them."""

    image: str
    """Tag of the image."""
    arguments: tuple[str, ...]
    """What the image itself would run: its ENTRYPOINT and CMD."""
    handler: str
    """The function's ``_HANDLER``."""
    working_directory: str = "/var/task"
    variables: tuple[str, ...] = ()
    """Names of the environment variables that a function's own image sets, sorted."""
    volumes: tuple[str, ...] = ()
    """Folders that the image declares as volumes, sorted, but for /tmp."""


def launch_of_package(
    tag: str, version: FunctionVersion, config: Mapping[str, Any]
) -> Launch | None:
    """The start of a zip package on the chain that ends with ``tag``.

    ``config`` is the base image's configuration as Docker reports it; without an ENTRYPOINT,
    which takes the handler as its argument, there is nothing to start and the answer ``None``.
    """
    entry_point = tuple(config.get("Entrypoint") or ())
    if not entry_point:
        return None
    handler = version.configuration.handler
    return Launch(
        image=tag,
        arguments=(*entry_point, handler),
        handler=handler,
        working_directory=config.get("WorkingDir") or "/",
        volumes=_volumes(config),
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
        arguments=entry_point + command,
        working_directory=image.working_directory or config.get("WorkingDir") or "/",
        handler=command[0] if command else "",
        variables=tuple(
            sorted({each.partition("=")[0] for each in config.get("Env") or () if "=" in each})
        ),
        volumes=_volumes(config),
    )


def _volumes(config: Mapping[str, Any]) -> tuple[str, ...]:
    folders = {folder.rstrip("/") for folder in config.get("Volumes") or ()}
    return tuple(sorted(folders - {"/tmp"}))  # noqa: S108


def image_chain(base_id: str, version: FunctionVersion, carrier: bytes) -> tuple[ImageLink, ...]:
    """All links over the base image with the id ``base_id``, in the order of building.

    ``carrier`` is the carrier's program for the version's architecture. The last link is the
    image that the version's containers start from.
    """
    links = [carrier_link(base_id, carrier)]
    for layer in version.layers:
        links.append(_package("layer", links[-1].tag, layer.artifact, "/opt/", f"layer {layer}"))
    links.append(
        _package("code", links[-1].tag, version.code, "/var/task/", f"code of {version.name}")
    )
    return tuple(links)


def carrier_link(base_id: str, carrier: bytes) -> ImageLink:
    """The link with the carrier, over the image with the id ``base_id``.

    It also keeps look-ups of names inside, and knows Lambda's user, as every Lambda environment
    does.
    """
    files = (
        AddedFile(path=CARRIER_PATH.lstrip("/"), content=carrier, mode=CARRIER_MODE),
        AddedFile(path="etc/nsswitch.conf", content=_NSSWITCH),
        AddedFile(path="etc/passwd", content=_PASSWD),
        AddedFile(path="etc/group", content=_GROUP),
    )
    parts = (f"{each.path} {each.mode:o} {sha256(each.content).hexdigest()}" for each in files)
    return _link(
        role="carrier",
        parent=base_id,
        content=sha256("\n".join(parts).encode()).hexdigest(),
        subject="the carrier",
        steps=(f"ADD {CARRIER_TAR} /",),
        files=files,
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
    files: tuple[AddedFile, ...] = (),
) -> ImageLink:
    recipe = "\0".join((RECIPE_VERSION, role, parent, content, *steps))
    digest = sha256(recipe.encode()).hexdigest()
    return ImageLink(
        role=role,
        tag=f"{REPOSITORY}/{role}:{digest}",
        parent=parent,
        subject=subject,
        dockerfile="\n".join((f"FROM {parent}", *steps)) + "\n",
        labels=((ROLE_LABEL, role), (DIGEST_LABEL, digest), (PARENT_LABEL, parent)),
        artifact=artifact,
        destination=destination,
        files=files,
    )
