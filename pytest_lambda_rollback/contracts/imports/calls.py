"""Calls that do not fit the interfaces of the layers the code would run on.

A call that certainly raises TypeError there, and fitted the interface it was written for, is a
finding. Other differences that griffe calls breaking are warnings, and only those that concern
what the call does.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_lambda_rollback.contracts.imports.providers import Sides, cause_between, layer_text
from pytest_lambda_rollback.model.findings import Contract, Details, Finding
from pytest_lambda_rollback.model.modules import (
    Answered,
    ApiChange,
    ApiComparison,
    ApiObject,
    Ask,
    Call,
    Form,
    ModuleView,
    Signature,
    State,
)

_POSITIONAL = frozenset({"positional-only", "positional or keyword"})
_NAMED = frozenset({"keyword-only", "positional or keyword"})


def judge_calls(
    sides: Sides, comparison: ApiComparison
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Findings and warnings about the calls of the target's code, by ``redeploy``."""
    objects = {(one.own, one.runs_on): one for one in comparison.objects}
    before = {_key(answered): answered for answered in _calls(sides.other)}
    findings: dict[tuple[str, Details], Finding] = {}
    warnings: dict[tuple[str, Details], Finding] = {}
    for answered in _calls(sides.target):
        earlier = before.get(_key(answered))
        if earlier is None:
            continue
        ours, theirs = earlier.answer.definition, answered.answer.definition
        one = objects.get((ours, theirs)) if ours and theirs else None
        if one is None:
            continue
        for finding, certain in _judged(answered, one, sides):
            place = (finding.location or "", finding.details)
            (findings if certain else warnings).setdefault(place, finding)
    return tuple(findings.values()), tuple(warnings.values())


def conflict(call: Call, signature: Signature) -> Details | None:
    """The problem of a call that certainly raises TypeError, or ``None``."""
    parameters = signature.parameters
    kinds = {parameter.kind for parameter in parameters}
    accepted = {parameter.name for parameter in parameters if parameter.kind in _NAMED}
    if "variadic keyword" not in kinds:
        for keyword in call.keywords:
            if keyword not in accepted:
                return ("problem", "unknown-argument"), ("argument", keyword)
    places = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    if "variadic positional" not in kinds and call.positional > len(places):
        return ("problem", "too-many-arguments"), ("limit", len(places))
    twice = [p.name for p in places[: call.positional] if p.kind in _NAMED]
    for keyword in call.keywords:
        if keyword in twice:
            return ("problem", "argument-given-twice"), ("argument", keyword)
    if not call.open:
        given = {p.name for p in places[: call.positional]} | set(call.keywords)
        for parameter in parameters:
            if parameter.required and parameter.kind in _POSITIONAL | _NAMED:
                positional_only = parameter.kind == "positional-only"
                named = {p.name for p in places[: call.positional]} if positional_only else given
                if parameter.name not in named:
                    return ("problem", "missing-argument"), ("argument", parameter.name)
    return None


def _calls(view: ModuleView) -> Iterator[Answered]:
    for answered in view.asks:
        if answered.ask.call is not None and answered.answer.state is State.OFFERED:
            yield answered


def _key(answered: Answered) -> tuple[str, int, Form, str, tuple[str, ...], Call | None]:
    ask = answered.ask
    return (answered.file, ask.line, ask.form, ask.module, ask.names, ask.call)


def _judged(answered: Answered, one: ApiObject, sides: Sides) -> Iterator[tuple[Finding, bool]]:
    ask = answered.ask
    call = ask.call
    if call is None:  # pragma: no cover - _calls lets none pass
        return
    if one.own_async is False and one.runs_on_async and not call.awaited:
        became: Details = (("problem", "became-async"),)
        yield _finding(became, answered, one, sides), _certain(ask)
        return
    if one.own_async and one.runs_on_async is False and call.awaited:
        # What it returns may be awaitable all the same.
        yield _finding((("problem", "became-sync"),), answered, one, sides), False
    now = conflict(call, one.runs_on_signature) if one.runs_on_signature else None
    before = conflict(call, one.own_signature) if one.own_signature else None
    if now is not None and before is None:
        certain = one.own_signature is not None and _certain(ask)
        yield _finding(now, answered, one, sides), certain
        return
    defaults: list[ApiChange] = []
    for change in one.changes:
        if change.kind == "PARAMETER_CHANGED_DEFAULT":
            if not call.open and not _passed(change, call, one):
                defaults.append(change)
            continue
        if _concerns(change, call, one):
            problem: Details = (
                ("problem", change.kind.lower().replace("_", "-")),
                ("argument", change.parameter),
                ("change", change.detail),
            )
            yield _finding(problem, answered, one, sides), False
    if defaults:
        shown = tuple(f"{change.parameter} ({change.detail})" for change in defaults)
        problem = ("problem", "parameter-changed-default"), ("defaults", shown)
        yield _finding(problem, answered, one, sides), False


def _certain(ask: Ask) -> bool:
    return not (ask.guarded or ask.caught_by or ask.fallback_of or ask.unless_failed)


def _concerns(change: ApiChange, call: Call, one: ApiObject) -> bool:
    """True if a change means something for this call."""
    passed = _passed(change, call, one)
    match change.kind:
        case "PARAMETER_MOVED":
            return passed and change.parameter not in call.keywords
        case "PARAMETER_REMOVED":
            return passed and one.runs_on_signature is None
        case "PARAMETER_ADDED_REQUIRED" | "PARAMETER_CHANGED_REQUIRED":
            return not passed and one.runs_on_signature is None
        case kind:
            return kind == "RETURN_CHANGED_TYPE"


def _passed(change: ApiChange, call: Call, one: ApiObject) -> bool:
    """True if the call gives an argument for the parameter, by name or by place."""
    if change.parameter in call.keywords:
        return True
    if one.own_signature is None:
        return False
    places = [p.name for p in one.own_signature.parameters if p.kind in _POSITIONAL]
    return change.parameter in places[: call.positional]


def _finding(problem: Details, answered: Answered, one: ApiObject, sides: Sides) -> Finding:
    now, before = one.runs_on.provider, one.own.provider
    kind = str(dict(problem)["problem"])
    return Finding(
        contract=Contract.IMPORTS,
        kind="unknown-argument" if kind == "argument-given-twice" else kind,
        subject=sides.subject,
        location=f"{answered.file}:{answered.ask.line}",
        current=layer_text(now) if now is not None else None,
        target=layer_text(before) if before is not None else None,
        details=(("call", _called(answered.ask)), *problem),
        cause=cause_between(now, before),
    )


def _called(ask: Ask) -> str:
    return ".".join((ask.module, *ask.names))
