"""A configuration file joined with the command line, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path

from pytest_lambda_rollback.model.published import (
    AwsSource,
    Environment,
    PublishedFunction,
    PublishedVersion,
)
from pytest_lambda_rollback.model.services import Door, TemplateResources
from pytest_lambda_rollback.model.versions import (
    DEFAULT_ACCOUNT,
    DEFAULT_REGION,
    ContainerImage,
    FunctionConfiguration,
    RemotePackage,
    TargetRef,
)

COLD_BUDGET_S = 60.0


class Strategy(StrEnum):
    """How the rollback would be done."""

    ALIAS = "alias"
    """The alias is pointed back: the target exactly as it was published."""
    REDEPLOY = "redeploy"
    """The old code is deployed again on the current version's layers, runtime, environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """A form that values at a place of a response must have, instead of being compared."""

    pointer: str
    """A JSON Pointer; ``*`` matches one whole reference token."""
    kind: str
    """``uuid``, ``timestamp``, ``regex`` or ``tolerance``."""
    pattern: str = ""
    """For ``regex``: what is searched for in a string, in Python's syntax."""
    tolerance: float = 0.0
    """For ``tolerance``: how far a number may be from the current version's, absolutely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRule:
    """How responses are compared: the ``response`` table."""

    mode: str = "shape"
    """``shape``, ``exact``, ``schema`` or ``none``."""
    ignore: tuple[str, ...] = ()
    """JSON Pointers; ``*`` matches one whole reference token."""
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
    """A template's names for them; empty if their paths say it."""
    configuration: FunctionConfiguration
    environment_names: tuple[str, ...] = ()
    """Variables of a candidate build whose values are not known here, sorted."""
    environment_error: str | None = None
    """Lambda's error if it could not decrypt variables that a candidate takes over."""
    image: ContainerImage | None = None
    """For a candidate build that is a container image; nothing is read from ``code`` then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The archive's place for a configuration file."""

    path: Path
    """The folder; it need not exist yet."""
    bucket: str | None = None
    """``s3://bucket/prefix`` behind it, or ``None``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redact:
    """Values that recordings must never hold, beyond those that are always redacted."""

    pointers: tuple[str, ...] = ()
    """JSON Pointers; ``*`` matches one whole reference token."""
    keys: tuple[str, ...] = ()
    """Globs over the names of keys, in any case."""
    keep: tuple[str, ...] = ()
    """JSON Pointers to values that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsService:
    """A private AWS for a function's replays, and what is in it at the start of each pass."""

    seed: Path | None = None
    """A Python file with ``def seed(session)``; the session is boto3's."""
    template: TemplateResources | None = None
    template_name: str = ""
    """The template's file, as messages name it; empty without one."""
    variables: tuple[tuple[str, str], ...] = ()
    """Variables that the template computes: (name, JSON text of the intrinsic function)."""
    data: tuple[Path, ...] = ()
    """Files and folders: ``TABLE.json`` (DynamoDB JSON) and ``BUCKET/`` (objects)."""
    found: bool = False
    """True if nothing was configured and a template was at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorService:
    """A service that the user runs."""

    door: Door
    address: str = ""
    """``host:port`` as the plugin reaches it; empty where a fixture or a hook says it."""
    fixture: str = ""
    """A pytest fixture whose value is the address."""
    reset: str = ""
    """A command that brings the service back to its first state; run before each pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """The ``services`` table of a function: what its replays may reach."""

    aws: AwsService | None = None
    http: bool = False
    """Whether HTTP is answered from recordings although no fixture has any."""
    openapi: tuple[tuple[str, Path], ...] = ()
    """(host, OpenAPI document)."""
    doors: tuple[DoorService, ...] = ()

    @property
    def have_state(self) -> bool:
        """Whether something that replays write can be brought back to its first state."""
        return self.aws is not None or any(door.reset for door in self.doors)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """One ``[functions.F]`` table with all references resolved."""

    name: str
    current: LocalVersion | PublishedVersion | None
    """The version that holds the contracts; a candidate build has the version ``candidate``.
    ``None`` if it is not known, and ``reason`` says why."""
    targets: tuple[TargetRef, ...] = ()
    """Rollback targets, newest first."""
    no_targets: str = ""
    """Why there are none and what to do, where the conditions of the file say more than that there
    is no older version."""
    versions: tuple[LocalVersion | PublishedVersion, ...] = ()
    """Versions of this function that are declared in the file, or that AWS or the archive has."""
    source: AwsSource | None = None
    """The function in AWS, if its versions come from there."""
    version_source: str | None = None
    """The kind of the plugin's version source that the versions come from, if they do."""
    published: PublishedFunction | None = None
    """The function as AWS has it, where it was asked or a lock file tells."""
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Values that the configuration gives for variables of every version of an AWS source."""
    alias: str | None = None
    """The alias that ``current`` was named by, if it was."""
    aliases: tuple[tuple[str, str], ...] = ()
    """(alias, version) of every alias that is declared, or that AWS or the archive has."""
    reason: str | None = None
    """Why nothing is known of the function, so that all of it is ``unknown``."""
    events: tuple[Path, ...] = ()
    """Event fixture files, sorted by name."""
    events_root: Path | None = None
    """The folder that fixture names are relative to."""
    events_text: str = ""
    """The value of ``events`` in the configuration, for messages."""
    strategies: tuple[Strategy, ...] = (Strategy.ALIAS, Strategy.REDEPLOY)
    response: ResponseRule = ResponseRule()
    invoked_by: str | None = None
    """Who reads the answers, where the events do not show it: one of `event_sources.INVOKERS`."""
    cold_budget_s: float = COLD_BUDGET_S
    """The time that replays in fresh environments may take on one target."""
    accept: tuple[Accept, ...] = ()
    requires: tuple[str, ...] = ()
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    current_from: str | None = None
    """How the current version was found where the configuration does not name it: ``alias live``,
    ``the newest published version``."""
    services: ServiceSettings = ServiceSettings()
    inherited: tuple[str, ...] = ()
    """Settings that a candidate build does not state itself, each with its origin: ``runtime
    from 4``."""

    @property
    def weights(self) -> tuple[int, int]:
        """The shares of events of the current version and of a target in mixed passes.

        They are those of the alias, if it is weighted; else equal.
        """
        aliases = self.published.aliases if self.published is not None else ()
        for alias in aliases:
            if alias.name == self.alias and alias.weights:
                other = round(100 * sum(share for _, share in alias.weights))
                other = min(99, max(1, other))
                return 100 - other, other
        return 1, 1

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

    def called_by(self, version: str) -> str | None:
        """The alias that callers of a version name; ``None`` if none or several point at it."""
        if self.alias is not None and self.current is not None and version == self.current.version:
            return self.alias
        pointing = [alias for alias, points_at in self.aliases if points_at == version]
        return pointing[0] if len(pointing) == 1 else None

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
    """``fail``, or ``skip`` where the user accepts unknown checks."""
    base_images: tuple[tuple[str, str], ...] = ()
    """(runtime, image) overrides of the built-in table."""
    workers: int = 2
    """How many images are built and environments started at the same time."""
    use_cache: bool = True
    store: Store = Store(path=Path(".lambda-rollback"))
    offline: bool = False
    """True if nothing but the archive may be used."""
    redact: Redact = Redact()
    contracts: tuple[str, ...] = ()
    """Contracts of plugins that need no replay; every target has a check for each."""

    def function(self, name: str) -> FunctionSettings:
        """Return the settings of one function. Raises KeyError for a name that is not there."""
        for function in self.functions:
            if function.name == name:
                return function
        raise KeyError(name)
