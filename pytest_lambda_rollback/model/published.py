"""A function and its versions as AWS has them, frozen. Standard library only.

These are the values that the AWS source reads, that a lock file keeps, and that the platform
contract judges. No value of an environment variable is in a lock file: a version knows the names,
and holds values only in memory, where the user asked for them. Sizes ending in ``_bytes`` are
bytes, in ``_mb`` MB of 1,048,576 bytes, times ISO 8601 texts in UTC. Nothing here reads
a file or calls AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_lambda_rollback.model.versions import (
    DEFAULTS,
    ContainerImage,
    FunctionConfiguration,
    RemotePackage,
)


class Environment(StrEnum):
    """How the values of a version's environment variables reach a replay."""

    PLACEHOLDER = "placeholder"
    """No value leaves AWS: each variable has its own name, marked, for a value."""
    FETCH = "fetch"
    """Values are read at run time and kept only in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSource:
    """The ``aws`` table of a function: where its versions are, and as whom they are read."""

    function_name: str
    """The name, or the function's ARN without a qualifier."""
    region: str | None = None
    """``None`` leaves it to the AWS profile or to AWS_REGION, as for every AWS tool."""
    profile: str | None = None
    role_arn: str | None = None
    """A role to assume first."""
    environment: Environment = Environment.PLACEHOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Functions to be found in an account: all given conditions must hold."""

    name: str
    """The entry's name in the configuration."""
    prefix: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    """Sorted (key, value); an empty value takes any value."""
    stack: str | None = None
    """Name or id of a CloudFormation stack whose functions are meant, nested stacks included."""
    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    environment: Environment = Environment.PLACEHOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersion:
    """One version as Lambda describes it (also ``$LATEST``, which can still change)."""

    function: str
    """The function's name in the configuration."""
    version: str
    arn: str
    """Qualified function ARN."""
    code: RemotePackage | ContainerImage
    layers: tuple[RemotePackage, ...] = ()
    configuration: FunctionConfiguration = DEFAULTS
    """Values of variables only where they were asked for; they are never written anywhere."""
    environment_names: tuple[str, ...] = ()
    """All variables, sorted."""
    environment_error: str | None = None
    """Lambda's error if it could not decrypt the variables, else ``None``."""
    role: str = ""
    dead_letter_arn: str | None = None
    kms_key_arn: str | None = None
    modified: str = ""
    """When the version was published, or ``$LATEST`` changed last."""
    description: str = ""
    state: str = ""
    """As in `VersionFacts`; lists of versions do not have it."""
    snap_start: bool = False
    gone: bool = False
    """True if AWS no longer has it and only the archive does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasFacts:
    """One alias, and what it pointed at each time it was read."""

    name: str
    version: str
    weights: tuple[tuple[str, float], ...] = ()
    """(version, share of traffic from 0 to 1) of the additional version of a weighted alias."""
    history: tuple[tuple[str, str], ...] = ()
    """(time first seen, version), oldest first, the present one included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Something that invokes one qualifier of the function and so ignores an alias switch."""

    kind: str
    """``event-source-mapping``, ``permission`` or ``function-url``."""
    qualifier: str | None
    """The version or alias; ``None`` for the unqualified function."""
    what: str
    """ARN of the event source, or the principal that may invoke."""
    identifier: str = ""
    """UUID of the mapping, or the statement id."""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """Facts that cost a request for each version, asked for the versions of a run only."""

    version: str
    update_mode: str | None = None
    """Runtime management: ``Auto``, ``FunctionUpdate``, ``Manual``; ``None`` if not known."""
    runtime_version_arn: str | None = None
    provisioned_concurrency: int = 0
    state: str = ""
    """``Active``, ``Inactive``, ``Pending``, ``Failed``, or empty if it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """The state of one layer version."""

    arn: str
    state: str = "available"
    """``available``, ``deleted``, ``forbidden`` (of another account, not shared any more)."""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFacts:
    """Facts that the platform contract needs beyond the versions themselves."""

    versions: tuple[VersionFacts, ...] = ()
    layers: tuple[LayerFacts, ...] = ()
    bindings: tuple[Binding, ...] = ()
    reserved_concurrency: int | None = None
    """For the whole function; ``None`` for none."""
    unread: tuple[str, ...] = ()
    """IAM actions that were refused, as ``lambda:GetPolicy``: their facts are unknown."""
    as_of: str = ""
    """When it was read; empty for local versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFunction:
    """One function with its versions and aliases: what planning needs, what a lock file keeps."""

    name: str
    """The name in the configuration."""
    arn: str
    """Unqualified."""
    versions: tuple[PublishedVersion, ...]
    """``$LATEST`` first if it is known, then newest first."""
    aliases: tuple[AliasFacts, ...] = ()
    """Sorted by name."""
    platform: PlatformFacts = PlatformFacts()
    as_of: str = ""
    """When AWS was asked."""

    @property
    def region(self) -> str:
        """The region in the ARN."""
        return self.arn.split(":")[3]

    @property
    def account(self) -> str:
        """The account's 12 digits in the ARN."""
        return self.arn.split(":")[4]

    def version(self, name: str) -> PublishedVersion | None:
        """The version of that name; ``None`` if it is not known."""
        return next((each for each in self.versions if each.version == name), None)

    def alias(self, name: str) -> AliasFacts | None:
        """The alias of that name; ``None`` if it is not known."""
        return next((each for each in self.aliases if each.name == name), None)
