"""Function versions, layers and their packages, frozen.

Sizes ending in ``_bytes`` are bytes, in ``_mb`` MB of 1,048,576 bytes as AWS counts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One code or layer package, normalised to a deterministic tar in the local store."""

    label: str
    """The name a person gave it: the path in the configuration, or an ARN."""
    digest: str
    """SHA-256 of the tar, in hexadecimal. Equal content has an equal digest."""
    size_bytes: int
    """Unzipped size of all regular files, as Lambda's 250 MB limit counts it."""
    tar: Path
    """The normalised tar; its member names are relative to /var/task or /opt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer version, in the place it has in a function version's layer order."""

    name: str
    version: str | None
    artifact: Artifact

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name


class PackageKind(StrEnum):
    """The kinds of packages of a function version."""

    CODE = "code"
    LAYER = "layer"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePackage:
    """A code or layer zip that AWS holds, or held."""

    kind: PackageKind
    arn: str
    """Qualified function ARN for code, layer version ARN for a layer."""
    size_bytes: int
    """Of the zip; 0 where AWS did not say."""
    sha256: str | None = None
    """Of the zip, in hexadecimal. ``None`` for a layer whose version was not read yet."""

    @property
    def name(self) -> str:
        """``orders:3``, or ``third-party 2`` for a layer: how messages name it."""
        head, _, version = self.arn.rpartition(":")
        name = head.rpartition(":")[2]
        return f"{name} {version}" if self.kind is PackageKind.LAYER else f"{name}:{version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place to download a package from, valid for a short while."""

    url: str = field(repr=False)
    """Presigned: it is a credential, and is never shown or written."""
    sha256: str
    """In hexadecimal."""
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerImage:
    """The image of a function whose package type is Image, by digest."""

    uri: str
    """``…/repository@sha256:…``; what AWS resolved when the version was published. For a local
    image of a candidate build, any reference that the Docker daemon knows."""
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str | None = None
    """The overrides of the function's ImageConfig; empty ones leave what the image says."""
    local: bool = False
    """True for an image that is only in the local Docker daemon and is never pulled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionConfiguration:
    """The settings of a function version; the defaults are those of Lambda's CreateFunction API.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    """

    runtime: str = ""
    """Empty for a container image."""
    handler: str = ""
    """Empty for a container image."""
    architecture: str = "x86_64"
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Sorted (name, value) of the variables whose values are known."""
    memory_mb: int = 128
    timeout_s: float = 3.0
    ephemeral_storage_mb: int = 512


DEFAULTS: Final = FunctionConfiguration()
DEFAULT_REGION: Final = "us-east-1"
DEFAULT_ACCOUNT: Final = "123456789012"
"""Region and account of a function that is not in AWS, as its ARN shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionVersion:
    """One immutable snapshot of a function: all that an engine needs to run it.

    The ``redeploy`` strategy makes one that was never published: the code and handler of the
    target on the layers, runtime and environment of the current version.
    """

    function: str
    version: str
    code: Artifact
    layers: tuple[Layer, ...]
    configuration: FunctionConfiguration
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    image: ContainerImage | None = None
    """For a function whose package is a container image; ``code`` is then empty, ``layers`` too."""
    placeholders: tuple[str, ...] = ()
    """Environment variables whose values are not known here and were made up."""
    alias: str | None = None
    """The alias that a caller names; ``None`` where callers name the version."""

    @property
    def name(self) -> str:
        """The way messages name it, ``function:version``."""
        return f"{self.function}:{self.version}"

    @property
    def stack(self) -> tuple[object, ...]:
        """Equal for versions that no code could tell apart; names of packages are left out."""
        return (
            self.function,
            self.version,
            self.alias,
            self.region,
            self.account,
            self.code.digest,
            tuple(layer.artifact.digest for layer in self.layers),
            self.configuration,
            self.image,
            self.placeholders,
        )

    @property
    def arn(self) -> str:
        """Qualified function ARN, in the partition of the region."""
        return self._qualified(self.version)

    @property
    def invoked_arn(self) -> str:
        """The ARN in ``context.invoked_function_arn``: it ends with the alias that was called.

        https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
        """
        return self._qualified(self.alias or self.version)

    def _qualified(self, qualifier: str) -> str:
        partition = "aws"
        if self.region.startswith("cn-"):
            partition = "aws-cn"
        elif self.region.startswith("us-gov-"):
            partition = "aws-us-gov"
        return (
            f"arn:{partition}:lambda:{self.region}:{self.account}"
            f":function:{self.function}:{qualifier}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRef:
    """A rollback target: a version of this function, or of another one."""

    function: str
    version: str

    def label(self, of: str) -> str:
        """``3``, or ``orders-v1:3`` where the target is not a version of function ``of``."""
        return self.version if self.function == of else f"{self.function}:{self.version}"
