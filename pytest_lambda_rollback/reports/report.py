"""The report of a run: what the JSON report, the summary and other reports are made from.

A `Record` is one check's result. It travels, as plain data, on pytest's own test reports, so that
a distributed run gives the same report as a run in one process. `report_of` joins records into a
`Report`. Both know names and sentences only, no values of the steps that made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pytest_lambda_rollback import __version__
from pytest_lambda_rollback.model.coverage import Coverage
from pytest_lambda_rollback.model.findings import Verdict
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.reports.coverage_report import merged

SCHEMA_VERSION = 1
UNKNOWN_VERSION = "unknown"
"""Stands for a current version that could not be found out."""

_WORST_FIRST = (Verdict.BREAKS, Verdict.UNKNOWN, Verdict.ACCEPTED, Verdict.SAFE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseReport:
    """The cause of a finding; ``sentence`` is ``None`` if the other keys say it all."""

    kind: str
    layer: str | None = None
    distribution: str | None = None
    current_version: str | None = None
    target_version: str | None = None
    event_path: str | None = None
    sentence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingReport:
    """One finding or warning, with its sentences."""

    contract: str
    kind: str
    message: str
    """Names the target and the strategy."""
    why: str
    """The cause, or else the message, without the target and the strategy."""
    location: str | None = None
    replay_pass: str | None = None
    after: tuple[str, ...] = ()
    current: str | None = None
    target: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    cause: CauseReport | None = None
    stack_trace: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteReport:
    """Something that was not checked, with the reason."""

    text: str
    key: str
    """Equal for all functions with the same facts."""
    named: bool = False
    """True if the text names the function that it is true of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """One check."""

    id: str
    name: str
    """The event's name or the contract's: the last part of the id."""
    contract: str
    event: str | None = None
    event_digest: str | None = None
    """SHA-256 of the event, in hexadecimal."""
    verdict: Verdict
    reason: str | None = None
    stale_accept: bool = False
    engine: str | None = None
    passes: tuple[str, ...] = ()
    """The passes that the target was tried in."""
    duration_s: float = 0.0
    findings: tuple[FindingReport, ...] = ()
    warnings: tuple[FindingReport, ...] = ()
    notes: tuple[NoteReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyTarget:
    """A target by one strategy; a function without targets has ``None`` for both."""

    function: str
    version: str | None = None
    strategy: str | None = None

    def label(self, own: str) -> str:
        """``3``, or ``orders-v1:3`` where the target is not a version of function ``own``."""
        version = str(self.version)
        return version if self.function == own else f"{self.function}:{version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport(StrategyTarget):
    """All checks of a target by one strategy."""

    verdict: Verdict = Verdict.SAFE
    """``unknown`` where fewer checks ran than were planned and none of them breaks."""
    checks_planned: int = 1
    events_replayed: int = 0
    events_tried_cold: int = 0
    coverage: Coverage | None = None
    checks: tuple[CheckReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeTarget:
    """A target that is safe by at least one strategy."""

    function: str
    version: str
    strategies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSource:
    """The function in AWS that versions come from, and when AWS was asked (ISO 8601)."""

    arn: str
    as_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionReport:
    """All targets of one function, newest first."""

    file: str
    """The configuration file, relative to pytest's rootdir."""
    function: str
    current: str
    current_from: str | None = None
    """How the current version was found where the configuration does not name it."""
    inherited: tuple[str, ...] = ()
    source: VersionSource | None = None
    placeholders: tuple[str, ...] = ()
    verdict: Verdict = Verdict.UNKNOWN
    """The worst verdict of its targets; ``unknown`` where some were not checked and none breaks."""
    newest_safe_target: SafeTarget | None = None
    targets: tuple[TargetReport, ...] = ()
    not_checked: tuple[StrategyTarget, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationReport:
    """A configuration file, and the SHA-256 of its content in hexadecimal."""

    file: str
    digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a run found out."""

    schema_version: int = SCHEMA_VERSION
    tool_version: str = __version__
    started: str | None = None
    """When the first check began, in UTC (ISO 8601)."""
    duration_s: float | None = None
    """From the start of the first check to the end of the last."""
    engine: str | None = None
    engines: tuple[EngineDescription, ...] = ()
    verdict: Verdict = Verdict.UNKNOWN
    """The worst verdict of the functions."""
    stale_acceptances: tuple[str, ...] = ()
    configurations: tuple[ConfigurationReport, ...] = ()
    functions: tuple[FunctionReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceRecord:
    """The acceptance that a check falls under, with the number of checks that it covers."""

    target: str
    check: str
    strategy: str | None
    covers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One check's result, with what a report needs of its function and target."""

    order: int
    """The check's place in its file's plan."""
    configuration: ConfigurationReport
    function: FunctionReport
    """Without its targets."""
    target: StrategyTarget
    planned: int
    """The number of checks of the target by its strategy, selected or not."""
    targets: tuple[StrategyTarget, ...] = ()
    """All targets of the function with their strategies, selected or not."""
    engines: tuple[EngineDescription, ...] = ()
    accept: AcceptanceRecord | None = None
    coverage: dict[str, Any] | None = None
    started_at: float | None = None
    """Seconds since the epoch."""
    ended_at: float | None = None
    check: CheckReport

    @property
    def key(self) -> tuple[object, ...]:
        """The same for all checks of a target by one strategy."""
        target = self.target
        named = (target.function, target.version, target.strategy)
        return self.function.file, self.function.function, *named


def report_of(records: Iterable[Record]) -> Report:
    """The whole report. A target of whose checks some did not run is never ``safe``."""
    ordered = sorted(records, key=lambda record: (record.function.file, record.order))
    groups: dict[tuple[object, ...], list[Record]] = {}
    by_function: dict[tuple[str, str], list[Record]] = {}
    for record in ordered:
        groups.setdefault(record.key, []).append(record)
        name = (record.function.file, record.function.function)
        by_function.setdefault(name, []).append(record)
    targets = {key: _target(found) for key, found in groups.items()}
    engines = tuple(dict.fromkeys(engine for record in ordered for engine in record.engines))
    begun = [record.started_at for record in ordered if record.started_at is not None]
    ended = [record.ended_at for record in ordered if record.ended_at is not None]
    functions = tuple(_function(found, targets) for found in by_function.values())
    return Report(
        started=_moment(min(begun)) if begun else None,
        duration_s=round(max(ended) - min(begun), 3) if begun and ended else None,
        engine="+".join(sorted({engine.name for engine in engines})) or None,
        engines=engines,
        verdict=worst(function.verdict for function in functions),
        stale_acceptances=stale_acceptances(ordered),
        configurations=tuple(dict.fromkeys(record.configuration for record in ordered)),
        functions=functions,
    )


def stale_acceptances(records: Iterable[Record]) -> tuple[str, ...]:
    """Acceptances of several checks of which all ran and none breaks any more."""
    covered: dict[tuple[str, str, AcceptanceRecord], list[Record]] = {}
    for record in records:
        if record.accept is not None and record.accept.covers > 1:
            key = (record.function.file, record.function.function, record.accept)
            covered.setdefault(key, []).append(record)
    return tuple(
        f"{file}: functions.{function}.accept: none of the {accept.covers} checks that "
        f"{accept.check!r} on {accept.target} covers breaks any more. Remove this acceptance"
        for (file, function, accept), found in covered.items()
        if len(found) == accept.covers
        and all(record.check.verdict is Verdict.SAFE for record in found)
    )


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that decides: breaks, then unknown, then accepted, then safe."""
    found = set(verdicts) or {Verdict.UNKNOWN}
    return next(verdict for verdict in _WORST_FIRST if verdict in found)


def _target(records: list[Record]) -> TargetReport:
    first = records[0]
    verdict = worst(record.check.verdict for record in records)
    if len(records) < first.planned and verdict in (Verdict.SAFE, Verdict.ACCEPTED):
        verdict = Verdict.UNKNOWN
    evidence = [record.coverage for record in records if record.coverage is not None]
    return TargetReport(
        function=first.target.function,
        version=first.target.version,
        strategy=first.target.strategy,
        verdict=verdict,
        checks_planned=first.planned,
        events_replayed=sum(bool(record.check.passes) for record in records),
        events_tried_cold=sum("cold" in record.check.passes for record in records),
        coverage=merged(evidence) if evidence else None,
        checks=tuple(record.check for record in records),
    )


def _function(
    records: list[Record], targets: Mapping[tuple[object, ...], TargetReport]
) -> FunctionReport:
    first = records[0].function
    own = tuple(targets[key] for key in dict.fromkeys(record.key for record in records))
    checked = {(target.function, target.version, target.strategy) for target in own}
    not_checked = tuple(
        target
        for target in records[-1].targets
        if (target.function, target.version, target.strategy) not in checked
    )
    verdict = worst(target.verdict for target in own)
    if not_checked and verdict in (Verdict.SAFE, Verdict.ACCEPTED):
        verdict = Verdict.UNKNOWN
    return replace(
        first,
        verdict=verdict,
        newest_safe_target=_newest_safe(own),
        targets=own,
        not_checked=not_checked,
    )


def _newest_safe(targets: Iterable[TargetReport]) -> SafeTarget | None:
    safe: dict[tuple[str, str], list[str]] = {}
    for target in targets:
        if target.verdict is Verdict.SAFE and target.version is not None and target.strategy:
            safe.setdefault((target.function, target.version), []).append(target.strategy)
    for (function, version), strategies in safe.items():
        return SafeTarget(function=function, version=version, strategies=tuple(strategies))
    return None


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
