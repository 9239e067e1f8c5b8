"""Do the code's calls fit the interfaces of the layers it would run on? Pure.

A call that certainly raises TypeError there, and fitted the interface it was written for, is a
finding. Other differences that griffe calls breaking are warnings, and only those that concern
what the call does.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_lambda_rollback.contracts.imports.wording import Sides, cause_between, layer_text
from pytest_lambda_rollback.model.findings import Contract, Finding
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
    findings: dict[tuple[str, str], Finding] = {}
    warnings: dict[tuple[str, str], Finding] = {}
    for answered in _calls(sides.target):
        earlier = before.get(_key(answered))
        if earlier is None:
            continue
        ours, theirs = earlier.answer.definition, answered.answer.definition
        one = objects.get((ours, theirs)) if ours and theirs else None
        if one is None:
            continue
        for finding, certain in _judged(answered, one, sides):
            place = (finding.location or "", finding.message)
            (findings if certain else warnings).setdefault(place, finding)
    return tuple(findings.values()), tuple(warnings.values())


def conflict(call: Call, signature: Signature) -> tuple[str, str] | None:
    """(kind, what is wrong) of a call that certainly raises TypeError, or ``None``."""
    parameters = signature.parameters
    kinds = {parameter.kind for parameter in parameters}
    accepted = {parameter.name for parameter in parameters if parameter.kind in _NAMED}
    if "variadic keyword" not in kinds:
        for keyword in call.keywords:
            if keyword not in accepted:
                return "unknown-argument", f"does not take {keyword}="
    places = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    if "variadic positional" not in kinds and call.positional > len(places):
        limit = len(places)
        return "too-many-arguments", f"takes {limit} positional argument{'s'[: limit != 1]} at most"
    twice = [p.name for p in places[: call.positional] if p.kind in _NAMED]
    for keyword in call.keywords:
        if keyword in twice:
            return "unknown-argument", f"takes {keyword} at the place of another argument"
    if not call.open:
        given = {p.name for p in places[: call.positional]} | set(call.keywords)
        for parameter in parameters:
            if parameter.required and parameter.kind in _POSITIONAL | _NAMED:
                positional_only = parameter.kind == "positional-only"
                named = {p.name for p in places[: call.positional]} if positional_only else given
                if parameter.name not in named:
                    return "missing-argument", f"requires {parameter.name}"
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
    now = conflict(call, one.runs_on_signature) if one.runs_on_signature else None
    before = conflict(call, one.own_signature) if one.own_signature else None
    if now is not None and before is None:
        certain = one.own_signature is not None and not (ask.guarded or ask.caught_by)
        certain = certain and not (ask.fallback_of or ask.unless_failed)
        yield _finding(now[0], now[1], answered, one, sides), certain
        return
    defaults: list[ApiChange] = []
    for change in one.changes:
        if change.kind == "PARAMETER_CHANGED_DEFAULT":
            if not call.open and not _passed(change, call, one):
                defaults.append(change)
            continue
        said = _concerns(change, call, one)
        if said is not None:
            kind = change.kind.lower().replace("_", "-")
            yield _finding(kind, said, answered, one, sides), False
    if defaults:
        yield _finding("parameter-changed-default", _other(defaults), answered, one, sides), False


def _other(defaults: list[ApiChange]) -> str:
    """``has other defaults of a (1 -> 2), b (3 -> 4) and 2 more``."""
    shown = [f"{change.parameter} ({change.detail})" for change in defaults[:2]]
    more = f" and {len(defaults) - len(shown)} more" if len(defaults) > len(shown) else ""
    return f"has {'another default' if len(defaults) == 1 else 'other defaults'} of " + (
        ", ".join(shown) + more
    )


def _concerns(change: ApiChange, call: Call, one: ApiObject) -> str | None:
    """What a change means for this call; ``None`` where it does not concern it."""
    detail = f": {change.detail}" if change.detail else ""
    passed = _passed(change, call, one)
    match change.kind:
        case "PARAMETER_MOVED" if passed and change.parameter not in call.keywords:
            return f"has {change.parameter} at another place"
        case "PARAMETER_REMOVED" if passed and one.runs_on_signature is None:
            return f"may not take {change.parameter}"
        case "PARAMETER_ADDED_REQUIRED" | "PARAMETER_CHANGED_REQUIRED" if (
            not passed and one.runs_on_signature is None
        ):
            return f"may require {change.parameter}"
        case "RETURN_CHANGED_TYPE":
            return f"returns another type{detail}"
    return None


def _passed(change: ApiChange, call: Call, one: ApiObject) -> bool:
    """Whether the call gives an argument for the parameter, by name or by place."""
    if change.parameter in call.keywords:
        return True
    if one.own_signature is None:
        return False
    places = [p.name for p in one.own_signature.parameters if p.kind in _POSITIONAL]
    return change.parameter in places[: call.positional]


def _finding(kind: str, said: str, answered: Answered, one: ApiObject, sides: Sides) -> Finding:
    location = f"{answered.file}:{answered.ask.line}"
    now, before = one.runs_on.provider, one.own.provider
    who = layer_text(now) if now is not None else sides.current
    earlier = f"; it was written for {layer_text(before)}" if before is not None else ""
    name = _called(answered.ask)
    return Finding(
        contract=Contract.IMPORTS,
        kind=kind,
        message=f"{sides.name} calls {name}() ({location}), which in {who} {said}{earlier}",
        location=location,
        current=layer_text(now) if now is not None else None,
        target=layer_text(before) if before is not None else None,
        cause=cause_between(now, before),
    )


def _called(ask: Ask) -> str:
    return ".".join((ask.module, *ask.names))
