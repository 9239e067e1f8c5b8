"""Every value that passes from one step to another, frozen. Standard library only.

What a value *means* is decided here and in the design's words; what is *done* with it is decided
in the rooms. Nothing in this module reads a file, starts a process or knows pytest, Docker or AWS
clients. Sizes are in MB of 1,048,576 bytes as AWS counts them, times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.published import (
    AwsSource,
    ContainerImage,
    Environment,
    PublishedFunction,
    PublishedVersion,
    RemotePackage,
)

# --- words ----------------------------------------------------------------------------------


class Strategy(StrEnum):
    """How the rollback would be done."""

    ALIAS = "alias"
    """The alias is pointed back: the target exactly as it was published."""
    REDEPLOY = "redeploy"
    """The old code is deployed again on the current version's layers, runtime, environment."""


class Verdict(StrEnum):
    """What is known about a check."""

    SAFE = "safe"
    BREAKS = "breaks"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


class Contract(StrEnum):
    """What a target must meet to be a safe target."""

    INVOCATION = "invocation"
    RESPONSE = "response"
    DEPENDENCIES = "dependencies"
    IMPORTS = "imports"
    PLATFORM = "platform"
    STATE = "state"
    DOWNSTREAM = "downstream"


class OutcomeKind(StrEnum):
    """How a replay ended."""

    RESPONSE = "response"
    FUNCTION_ERROR = "function-error"
    INIT_ERROR = "init-error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out-of-memory"
    RUNTIME_EXIT = "runtime-exit"
    RESPONSE_TOO_LARGE = "response-too-large"
    HARNESS_FAILURE = "harness-failure"
    """Our own trouble (the engine, the network of the harness), never the function's."""


RESERVED_VARIABLES: Final = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""Environment variables that Lambda does not let a function's configuration set.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html. TZ is not among them: AWS
lists it as one that a function may set.
"""


# --- artefacts and versions -----------------------------------------------------------------


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
    runtime: str
    handler: str
    architecture: str = "x86_64"
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    memory_mb: int = 128
    timeout_s: float = 3.0
    ephemeral_storage_mb: int = 512
    region: str = "us-east-1"
    account: str = "123456789012"
    image: ContainerImage | None = None
    """For a function whose package is a container image; ``code`` is then empty, ``layers`` too."""
    placeholders: tuple[str, ...] = ()
    """Environment variables whose values are not known here and were made up."""

    @property
    def name(self) -> str:
        """The way messages name it, ``function:version``."""
        return f"{self.function}:{self.version}"

    @property
    def arn(self) -> str:
        """Qualified function ARN, in the partition of the region."""
        partition = "aws"
        if self.region.startswith("cn-"):
            partition = "aws-cn"
        elif self.region.startswith("us-gov-"):
            partition = "aws-us-gov"
        return (
            f"arn:{partition}:lambda:{self.region}:{self.account}"
            f":function:{self.function}:{self.version}"
        )


# --- events ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedError:
    """A fixture's ``expect = {"error": …}``: the current version is meant to raise."""

    type: str | None = None
    """The error type that must be raised; ``None`` accepts any function error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFixture:
    """One recorded event, as it stands in its JSON file."""

    name: str
    path: Path
    payload: bytes = field(repr=False)
    """The event as JSON text in UTF-8; for a bare event the very bytes of the file."""
    client_context: str | None = field(default=None, repr=False)
    """JSON text for ``context.client_context``, or ``None``."""
    cognito_identity: str | None = field(default=None, repr=False)
    """JSON text for ``context.identity``, or ``None``."""
    recorded: tuple[tuple[str, str], ...] = ()
    expect: ExpectedError | None = None


# --- replays --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What one replay hands to the runtime: the event and the headers of ``/next``."""

    request_id: str
    event: bytes = field(repr=False)
    trace_id: str = ""
    client_context: str | None = field(default=None, repr=False)
    cognito_identity: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionError:
    """What a runtime posts when a function or its initialisation raises."""

    type: str
    message: str
    stack_trace: tuple[str, ...] = ()
    """The frames as the runtime formatted them, outermost first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one replay ended, as it was seen from outside the function."""

    kind: OutcomeKind
    payload: bytes | None = field(default=None, repr=False)
    """The response body for ``response``, else ``None``."""
    content_type: str = "application/json"
    streamed: bool = False
    error: FunctionError | None = None
    """For ``function-error`` and ``init-error``; what the runtime posted."""
    detail: str = ""
    """One sentence without a full stop for every kind but ``response``."""
    logs: tuple[str, ...] = field(default=(), repr=False)
    """The last lines the function logged during this replay; empty for a response."""
    duration_s: float = 0.0
    cold: bool = False
    """True when this was the first replay of its execution environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDescription:
    """What the header and the report say about the engine that ran the replays."""

    name: str
    version: str = ""
    base_images: tuple[tuple[str, str, str], ...] = ()
    """(runtime, image reference, image id) of each base image that is used."""
    not_sealed: tuple[str, ...] = ()
    """What this engine does not isolate, one fragment each."""
    chosen_because: str = ""


# --- what is judged -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The dependency that makes the difference."""

    layer: str | None = None
    """Name and version of the layer, as the target would run on it."""
    distribution: str | None = None
    current_version: str | None = None
    target_version: str | None = None
    event_path: str | None = None
    """A JSON Pointer into the event, where the event itself is the cause."""
    sentence: str | None = None
    """The cause in one sentence for a person, without a full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One way in which a target misses a contract."""

    contract: Contract
    kind: str
    """A rule's name, in kebab-case: ``lost-key``, ``timeout``, …"""
    message: str
    """One sentence in the user's terms, without a final full stop."""
    location: str | None = None
    """A JSON Pointer into the response, or ``file:line`` in the code."""
    current: str | None = field(default=None, repr=False)
    target: str | None = field(default=None, repr=False)
    cause: Cause | None = None
    stack_trace: tuple[str, ...] = ()
    logs: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What contracts say of one comparison: findings, or why nothing can be said.

    ``reason`` is set for ``unknown`` alone, where ``findings`` is empty.
    """

    findings: tuple[Finding, ...] = ()
    reason: str | None = None

    @property
    def verdict(self) -> Verdict:
        """``unknown`` with a reason, else by the findings."""
        if self.reason is not None:
            return Verdict.UNKNOWN
        return Verdict.BREAKS if self.findings else Verdict.SAFE


# --- settings -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """What values at a place of a response must look like, instead of being compared."""

    pointer: str
    """A JSON Pointer; ``*`` stands for one whole reference token."""
    kind: str
    """``uuid``, ``timestamp``, ``regex`` or ``tolerance``."""
    pattern: str = ""
    """For ``regex``: what is searched for in a string, in Python's syntax."""
    tolerance: float = 0.0
    """For ``tolerance``: how far a number may be from the current version's, absolutely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRule:
    """How responses are compared: DESIGN's ``response`` table."""

    mode: str = "shape"
    """``shape``, ``exact``, ``schema`` or ``none``."""
    ignore: tuple[str, ...] = ()
    """JSON Pointers; ``*`` stands for one whole reference token."""
    matchers: tuple[Matcher, ...] = ()
    """For ``shape`` and ``exact``; the first one that covers a place counts."""
    schema: str | None = field(default=None, repr=False)
    """For ``schema``: the JSON Schema as text, already checked."""
    schema_name: str = ""
    """The schema's file, as the configuration names it."""
    schema_at: str = ""
    """JSON Pointer to the part of the response that the schema describes; all of it if empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """A break that the configuration accepts by name, until a date."""

    target: str
    check: str
    """A glob over the check's name (the event's name, or a contract's)."""
    reason: str
    until: date
    strategy: Strategy | None = None
    """Only this strategy, or both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalVersion:
    """One ``[functions.F.versions.V]`` table, its paths made absolute."""

    version: str
    code: Path
    layers: tuple[Path | RemotePackage, ...]
    """A candidate build may be bound to layer versions that AWS holds."""
    layer_names: tuple[str, ...] = ()
    """What a template calls each of them; empty where their paths say it."""
    runtime: str
    handler: str
    architecture: str = "x86_64"
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    memory_mb: int = 128
    timeout_s: float = 3.0
    ephemeral_storage_mb: int = 512
    environment_names: tuple[str, ...] = ()
    """Variables of a candidate build whose values are not known here, sorted."""
    environment_error: str | None = None
    """What Lambda said of variables that a candidate build takes over and it could not decrypt."""
    image: ContainerImage | None = None
    """For a candidate build that is a container image; nothing is read from ``code`` then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRef:
    """A rollback target: a version of this function, or of another one."""

    function: str
    version: str

    def label(self, of: str) -> str:
        """``3``, or ``orders-v1:3`` where the target is not a version of function ``of``."""
        return self.version if self.function == of else f"{self.function}:{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where the archive of a configuration file is."""

    path: Path
    """The folder; it need not exist yet."""
    bucket: str | None = None
    """``s3://bucket/prefix`` behind it, or ``None``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redact:
    """What recordings must never hold, beyond what is always redacted."""

    pointers: tuple[str, ...] = ()
    """JSON Pointers; ``*`` stands for one whole reference token."""
    keys: tuple[str, ...] = ()
    """Globs over the names of keys, in any case."""
    keep: tuple[str, ...] = ()
    """JSON Pointers to what is left as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """One ``[functions.F]`` table with all references resolved."""

    name: str
    current: LocalVersion | PublishedVersion | None
    """The version that holds the contracts; a candidate build has the version ``candidate``.
    ``None`` where it is not known, and ``reason`` says why."""
    targets: tuple[TargetRef, ...] = ()
    """Rollback targets, newest first."""
    no_targets: str = ""
    """Why there are none and what to do, where the conditions of the file say more than that there
    is no older version."""
    versions: tuple[LocalVersion | PublishedVersion, ...] = ()
    """Versions of this function that are declared in the file, or that AWS or the archive has."""
    source: AwsSource | None = None
    """Where the versions come from, if not from the file."""
    published: PublishedFunction | None = None
    """What AWS says of the function, where it was asked or a lock file tells."""
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Values that the configuration gives for variables of every version of an AWS source."""
    alias: str | None = None
    """The alias that ``current`` was named by, if it was."""
    reason: str | None = None
    """Why nothing is known of the function, so that all of it is ``unknown``."""
    events: tuple[Path, ...] = ()
    """Event fixture files, sorted by name."""
    events_root: Path | None = None
    """The folder that fixture names are relative to."""
    events_text: str = ""
    """What the configuration says under ``events``, for messages."""
    strategies: tuple[Strategy, ...] = (Strategy.ALIAS, Strategy.REDEPLOY)
    response: ResponseRule = ResponseRule()
    accept: tuple[Accept, ...] = ()
    requires: tuple[str, ...] = ()
    region: str = "us-east-1"
    account: str = "123456789012"
    inherited: tuple[str, ...] = ()
    """What was not said and was taken from elsewhere, as in ``runtime from 4``: what a candidate
    build does not say itself, and how an AWS source's current version was found."""

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Variables of the current version and the targets whose values are made up, sorted."""
        checked = {target.version for target in self.targets if target.function == self.name}
        fetched = self.source is not None and self.source.environment is Environment.FETCH
        names: set[str] = set()
        for version in (self.current, *self.versions):
            if version is None or (version is not self.current and version.version not in checked):
                continue
            if not (fetched and isinstance(version, PublishedVersion)):
                names.update(version.environment_names)
        return tuple(sorted(names - {name for name, _ in self.environment}))

    def event_name(self, path: Path) -> str:
        """Name of a fixture in ids: its path below the events folder, without ``.json``."""
        if self.events_root is not None and path.is_relative_to(self.events_root):
            return path.relative_to(self.events_root).with_suffix("").as_posix()
        return path.stem


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One configuration file joined with the command line."""

    path: Path
    """The file; its parent is what all paths in it are relative to."""
    functions: tuple[FunctionSettings, ...]
    engine: str = "auto"
    unknown: str = "fail"
    """``fail``, or ``skip`` where the user takes unknown checks upon himself."""
    base_images: tuple[tuple[str, str], ...] = ()
    """(runtime, image) overrides of the built-in table."""
    workers: int = 2
    """How many images are built and environments started at the same time."""
    use_cache: bool = True
    store: Store = Store(path=Path(".lambda-rollback"))
    offline: bool = False
    """True where nothing but the archive may be used."""
    redact: Redact = Redact()

    def function(self, name: str) -> FunctionSettings:
        """Return the settings of one function. Raises KeyError for a name that is not there."""
        for function in self.functions:
            if function.name == name:
                return function
        raise KeyError(name)


# --- plan and result ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to find out: one event (or one contract) on one target by one strategy."""

    function: str
    group: str
    """The second last part of the id, ``3-alias``."""
    name: str
    """The event's name or the contract's: the last part of the id."""
    target: TargetRef | None = None
    """``None`` only where a function has no target to check."""
    strategy: Strategy | None = None
    event: Path | None = None
    """The fixture to replay; ``None`` for a check that needs no event or cannot be made."""
    contract: Contract | None = None
    """The contract of a check that needs no event."""
    reason: str | None = None
    """Why nothing can be checked here: such a check is ``unknown`` from the start."""
    accept: Accept | None = None
    accept_covers: int = 1
    """How many checks the same acceptance covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The verdict on one check, with its evidence."""

    check: Check
    verdict: Verdict
    contract: Contract = Contract.INVOCATION
    reason: str | None = None
    """Why it is unknown, accepted, or (for a stale acceptance) breaks."""
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    """What is likely but not certain; it never makes a break."""
    notes: tuple[str, ...] = ()
    """What was not looked at and why, one sentence each."""
    duration_s: float = 0.0
    engine: str = ""
    stale_accept: str | None = None
    """Set when an acceptance does not hold any more: the suite must fail."""
