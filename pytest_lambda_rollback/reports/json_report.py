"""The JSON report: its records, and how records become one document. Pure but for `write`.

A record is the plain-data form of one check's result. It travels on pytest's own test reports, so
that a distributed run gathers the same document as a run in one process. The document's shape is
fixed by ``report.schema.json`` beside this file; changing it is a breaking change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_lambda_rollback import __version__
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.coverage import EventCoverage
from pytest_lambda_rollback.model.findings import CheckResult, Finding, Verdict
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.settings import FunctionSettings, Strategy
from pytest_lambda_rollback.model.versions import TargetRef
from pytest_lambda_rollback.reports import sentences
from pytest_lambda_rollback.reports.coverage_report import (
    coverage_lines,
    event_data,
    merged,
    report_data,
)
from pytest_lambda_rollback.reports.terminal import UNKNOWN_VERSION

SCHEMA_VERSION = 1
SCHEMA_PATH = Path(__file__).with_name("report.schema.json")

Record = dict[str, Any]
_TARGET_KEYS = ("function", "version", "strategy")
_WORST_FIRST = (Verdict.BREAKS, Verdict.UNKNOWN, Verdict.ACCEPTED, Verdict.SAFE)


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
) -> Record:
    """One check's result as plain data.

    ``order`` is the check's place in its file's plan; ``planned`` is the number of checks that
    the same target and strategy has in all, selected or not. ``targets`` are all targets of the
    function with their strategies, selected or not.
    """
    check = result.check
    file, _, _ = nodeid.partition("::")
    return {
        "file": file,
        "order": order,
        "function": check.function,
        "current": function.current.version if function.current is not None else UNKNOWN_VERSION,
        "inherited": list(function.inherited),
        "source": _source(function),
        "placeholders": list(function.placeholders),
        "target": None
        if check.target is None
        else {
            "function": check.target.function,
            "version": check.target.version,
            "strategy": str(check.strategy),
        },
        "planned": planned,
        "targets": [[ref.function, ref.version, str(strategy)] for ref, strategy in targets],
        "engines": [asdict(engine) for engine in engines],
        "accept": None
        if check.accept is None
        else {
            "target": check.accept.target,
            "check": check.accept.check,
            "strategy": str(check.accept.strategy) if check.accept.strategy else None,
            "covers": check.accept_covers,
        },
        "coverage": event_data(coverage) if coverage is not None else None,
        "check": {
            "id": nodeid,
            "contract": str(result.contract),
            "event": check.name if check.event is not None else None,
            "verdict": str(result.verdict),
            "reason": result.reason,
            "stale_accept": result.stale_accept is not None,
            "engine": result.engine or None,
            "duration_s": round(result.duration_s, 6),
            "findings": [_finding(finding) for finding in result.findings],
            "warnings": [_finding(warning) for warning in result.warnings],
            "notes": list(result.notes),
        },
    }


def document_of(records: Iterable[Record]) -> dict[str, Any]:
    """The whole report. A target of whose checks some did not run is never ``safe``."""
    functions: dict[tuple[str, str], dict[str, Any]] = {}
    targets: dict[tuple[object, ...], dict[str, Any]] = {}
    engines: dict[str, dict[str, Any]] = {}
    parts: dict[tuple[object, ...], list[dict[str, Any]]] = {}
    records = sorted(records, key=lambda record: (record["file"], record["order"]))
    for record in records:
        for engine in record["engines"]:
            engines[json.dumps(engine, sort_keys=True)] = engine
        function = functions.setdefault(
            (record["file"], record["function"]),
            {
                "file": record["file"],
                "function": record["function"],
                "current": record["current"],
                "inherited": record["inherited"],
                "source": record["source"],
                "placeholders": record["placeholders"],
                "targets": [],
                "not_checked": [],
            },
        )
        named = record["target"] or {
            "function": record["function"],
            "version": None,
            "strategy": None,
        }
        key = (record["file"], record["function"], *named.values())
        if key not in targets:
            targets[key] = {
                **named,
                "verdict": str(Verdict.SAFE),
                "checks_planned": record["planned"],
                "coverage": None,
                "checks": [],
            }
            function["targets"].append(targets[key])
        targets[key]["checks"].append(record["check"])
        if record["coverage"] is not None:
            parts.setdefault(key, []).append(record["coverage"])
    for key, evidence in parts.items():
        targets[key]["coverage"] = report_data(merged(evidence))
    for target in targets.values():
        target["verdict"] = _target_verdict(target)
    for record in records:
        functions[record["file"], record["function"]]["not_checked"] = [
            dict(zip(_TARGET_KEYS, named, strict=True))
            for named in record["targets"]
            if (record["file"], record["function"], *named) not in targets
        ]
    verdicts = [target["verdict"] for target in targets.values()]
    names = sorted({engine["name"] for engine in engines.values()})
    return {
        "schema_version": SCHEMA_VERSION,
        "tool_version": __version__,
        "engine": "+".join(names) or None,
        "engines": list(engines.values()),
        "verdict": worst(verdicts) if verdicts else str(Verdict.UNKNOWN),
        "stale_acceptances": stale_acceptances(records),
        "functions": list(functions.values()),
    }


def stale_acceptances(records: Iterable[Record]) -> list[str]:
    """Acceptances of several checks of which all ran and none breaks any more."""
    covered: dict[tuple[object, ...], list[Record]] = {}
    for record in records:
        if record["accept"] is not None and record["accept"]["covers"] > 1:
            key = (record["file"], record["function"], *record["accept"].values())
            covered.setdefault(key, []).append(record)
    return [
        f"{file}: functions.{function}.accept: none of the {covers} checks that {check!r} on "
        f"{target} covers breaks any more. Remove this acceptance"
        for (file, function, target, check, _, covers), found in covered.items()
        if len(found) == covers
        and all(record["check"]["verdict"] == Verdict.SAFE for record in found)
    ]


def evidence_lines(records: Iterable[Record]) -> list[str]:
    """What the events reached on each target, for the terminal; empty without coverage."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for record in sorted(records, key=lambda record: (record["file"], record["order"])):
        target = record["target"]
        if record["coverage"] is not None and target is not None:
            name = f"{target['function']}:{target['version']} by {target['strategy']}"
            parts.setdefault(name, []).append(record["coverage"])
    return [line for name, part in parts.items() for line in coverage_lines(merged(part), of=name)]


def worse(one: Record, other: Record) -> Record:
    """The record that decides where a check was made twice; the first of two that are equal."""
    verdicts = [record["check"]["verdict"] for record in (one, other)]
    return (one, other)[verdicts.index(worst(verdicts))]


def worst(verdicts: Iterable[str]) -> str:
    """The verdict that decides: breaks, then unknown, then accepted, then safe."""
    found = set(verdicts)
    return next(str(verdict) for verdict in _WORST_FIRST if verdict in found)


def write(document: dict[str, Any], path: Path) -> None:
    """Write the report, making its folder. Raises ConfigError when that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the JSON report cannot be written to {path}",
            why=error.strerror or str(error),
            do="Give --lambda-rollback-json a path in a folder that can be written",
        ) from error


def _target_verdict(target: dict[str, Any]) -> str:
    verdict = worst(check["verdict"] for check in target["checks"])
    incomplete = len(target["checks"]) < target["checks_planned"]
    if incomplete and verdict in (Verdict.SAFE, Verdict.ACCEPTED):
        return str(Verdict.UNKNOWN)
    return verdict


def _source(function: FunctionSettings) -> dict[str, str] | None:
    """Where the versions come from; ``None`` for those that the file declares."""
    published = function.published
    if published is None:
        return None
    return {"arn": published.arn, "as_of": published.as_of}


def _finding(finding: Finding) -> dict[str, Any]:
    cause = finding.cause
    return {
        "contract": str(finding.contract),
        "kind": finding.kind,
        "message": sentences.of_finding(finding),
        "why": sentences.why(finding),
        "location": finding.location,
        "replay_pass": finding.replay_pass,
        "current": finding.current,
        "target": finding.target,
        "details": dict(finding.details),
        "cause": None
        if cause is None
        else {
            "kind": str(cause.kind),
            "layer": cause.layer,
            "distribution": cause.distribution,
            "current_version": cause.current_version,
            "target_version": cause.target_version,
            "event_path": cause.event_path,
            "sentence": sentences.of_cause(cause, finding.subject),
        },
        "stack_trace": list(finding.stack_trace),
        "logs": list(finding.logs),
    }
