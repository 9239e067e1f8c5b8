"""Records from results, and the report as the document that its JSON Schema describes.

``report.schema.json`` beside this file fixes the document; keys are only ever added.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.coverage import EventCoverage
from pytest_lambda_rollback.model.findings import CheckResult, Finding, Subject, Verdict
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.settings import FunctionSettings, Strategy
from pytest_lambda_rollback.model.versions import TargetRef
from pytest_lambda_rollback.reports import report, sentences
from pytest_lambda_rollback.reports.coverage_report import event_data, report_data
from pytest_lambda_rollback.reports.report import (
    UNKNOWN_VERSION,
    AcceptanceRecord,
    CauseReport,
    CheckReport,
    ConfigurationReport,
    FindingReport,
    FunctionReport,
    NoteReport,
    Report,
    StrategyTarget,
    VersionSource,
    worst,
)

SCHEMA_PATH = Path(__file__).with_name("report.schema.json")

Record = dict[str, Any]
"""A `report.Record` as plain data, which travels between processes."""


def record_of(
    result: CheckResult,
    *,
    nodeid: str,
    order: int,
    function: FunctionSettings,
    planned: int,
    targets: Iterable[tuple[TargetRef, Strategy]],
    engines: tuple[EngineDescription, ...],
    coverage: EventCoverage | None = None,
    configuration_digest: str | None = None,
) -> Record:
    """One check's result as plain data.

    ``order`` is the check's place in its file's plan; ``planned`` is the number of checks that
    the same target and strategy has in all, selected or not. ``targets`` are all targets of the
    function with their strategies, selected or not.
    """
    check = result.check
    file, _, _ = nodeid.partition("::")
    target = StrategyTarget(function=check.function)
    if check.target is not None:
        target = _target(check.target, check.strategy)
    record = report.Record(
        order=order,
        configuration=ConfigurationReport(file=file, digest=configuration_digest),
        function=_function(function, file),
        target=target,
        planned=planned,
        targets=tuple(_target(ref, strategy) for ref, strategy in targets),
        engines=engines,
        accept=None
        if check.accept is None
        else AcceptanceRecord(
            target=check.accept.target,
            check=check.accept.check,
            strategy=str(check.accept.strategy) if check.accept.strategy else None,
            covers=check.accept_covers,
        ),
        coverage=event_data(coverage) if coverage is not None else None,
        started_at=result.started_at,
        ended_at=result.ended_at,
        check=CheckReport(
            id=nodeid,
            name=check.name,
            contract=result.contract,
            event=check.name if check.event is not None else None,
            event_digest=result.event_digest,
            verdict=result.verdict,
            reason=result.reason,
            stale_accept=result.stale_accept is not None,
            engine=result.engine or None,
            passes=result.passes,
            duration_s=round(result.duration_s, 6),
            findings=tuple(_finding(finding) for finding in result.findings),
            warnings=tuple(_finding(warning) for warning in result.warnings),
            notes=tuple(
                NoteReport(text=sentences.of_note(note), key=note.key, named=bool(note.about))
                for note in result.notes
            ),
        ),
    )
    return _plain(record)


def report_of(records: Iterable[Record]) -> Report:
    """The whole report. A target of whose checks some did not run is never ``safe``."""
    return report.report_of(map(_read, records))


def document_of(records: Iterable[Record]) -> dict[str, Any]:
    """The whole report as the JSON Schema describes it."""
    found = report_of(records)
    document = _plain(replace(found, functions=()))
    document["functions"] = [_function_data(function) for function in found.functions]
    return document


def stale_acceptances(records: Iterable[Record]) -> tuple[str, ...]:
    """Acceptances of several checks of which all ran and none breaks any more."""
    return report.stale_acceptances(map(_read, records))


def worse(one: Record, other: Record) -> Record:
    """The record that decides where a check was made twice; the first of two that are equal."""
    verdicts = [Verdict(record["check"]["verdict"]) for record in (one, other)]
    return (one, other)[verdicts.index(worst(verdicts))]


@cache
def file_digest(path: Path) -> str | None:
    """SHA-256 of a file in hexadecimal; ``None`` for one that is gone."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def write(document: Mapping[str, Any], path: Path) -> None:
    """Write the report, making its folder. Raises ConfigError when that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the JSON report could not be written to {path}",
            why=error.strerror or str(error),
            do="Give --lambda-rollback-json a path in a writable folder",
        ) from error


def _read(record: Record) -> report.Record:
    return msgspec.convert(record, report.Record)


def _plain(value: object) -> dict[str, Any]:
    """A value as objects, arrays and scalars of JSON."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(value))
    return found


def _function_data(function: FunctionReport) -> dict[str, Any]:
    targets = []
    for target in function.targets:
        data = _plain(replace(target, coverage=None))
        for check, of in zip(data["checks"], target.checks, strict=True):
            check["notes"] = [note.text for note in of.notes]
        data["coverage"] = report_data(target.coverage) if target.coverage is not None else None
        targets.append(data)
    found = _plain(replace(function, targets=()))
    if function.current_from is not None:
        found["inherited"].insert(0, f"current from {function.current_from}")
    return {**found, "targets": targets}


def _function(function: FunctionSettings, file: str) -> FunctionReport:
    published = function.published
    return FunctionReport(
        file=file,
        function=function.name,
        current=function.current.version if function.current is not None else UNKNOWN_VERSION,
        current_from=function.current_from,
        inherited=function.inherited,
        source=VersionSource(arn=published.arn, as_of=published.as_of) if published else None,
        placeholders=function.placeholders,
    )


def _target(target: TargetRef, strategy: Strategy | None) -> StrategyTarget:
    return StrategyTarget(
        function=target.function,
        version=target.version,
        strategy=str(strategy) if strategy is not None else None,
    )


def _finding(finding: Finding) -> FindingReport:
    cause = finding.cause
    return FindingReport(
        contract=finding.contract,
        kind=finding.kind,
        message=sentences.of_finding(finding),
        why=sentences.why(finding),
        location=finding.location,
        replay_pass=finding.replay_pass,
        after=finding.after,
        current=finding.current,
        target=finding.target,
        details=dict(finding.details),
        cause=_cause(cause, finding.subject) if cause is not None else None,
        stack_trace=finding.stack_trace,
        logs=finding.logs,
    )


def _cause(cause: Cause, subject: Subject) -> CauseReport:
    return CauseReport(
        kind=str(cause.kind),
        layer=cause.layer,
        distribution=cause.distribution,
        current_version=cause.current_version,
        target_version=cause.target_version,
        event_path=cause.event_path,
        sentence=sentences.of_cause(cause, subject),
    )
