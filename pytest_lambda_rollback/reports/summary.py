"""The text at the end of a run.

It is the same text in a distributed run. One function is shown in full. Of many functions those
that are safe have a line each, and the last line is the answer for all.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_lambda_rollback.model.findings import Verdict
from pytest_lambda_rollback.model.text import counted, listed
from pytest_lambda_rollback.reports.coverage_report import coverage_lines
from pytest_lambda_rollback.reports.report import CheckReport, FunctionReport, NoteReport, Report
from pytest_lambda_rollback.reports.target_table import (
    Standing,
    conclusion,
    matrix,
    standing,
)

_MOST = 8
_MOST_NAMED = 3


@dataclass(slots=True)
class _Of:
    """The targets and checks that one reason is true of."""

    targets: dict[str, list[str]] = field(default_factory=dict)
    """Strategies by target."""
    checks: list[str] = field(default_factory=list)


def reason_lines(function: FunctionReport) -> list[str]:
    """One paragraph for each reason: targets and strategies, the reason, and its checks."""
    reasons: dict[str, _Of] = {}
    every = _Of()
    for target in function.targets:
        name = target.label(function.function)
        if target.strategy is not None:
            every.targets.setdefault(name, []).append(target.strategy)
        for check in target.checks:
            if check.verdict not in (Verdict.BREAKS, Verdict.UNKNOWN):
                continue
            of = reasons.setdefault(_reason(check), _Of())
            of.checks.append(check.name)
            if target.strategy is not None:
                strategies = of.targets.setdefault(name, [])
                if target.strategy not in strategies:
                    strategies.append(target.strategy)
    lines: list[str] = []
    for text, of in list(reasons.items())[:_MOST]:
        who = _who(of, every)
        lines += textwrap.wrap(
            f"{who}{text}{_checks(of)}",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    if len(reasons) > _MOST:
        lines.append(f"  and {len(reasons) - _MOST} more reasons; see the failures above")
    return lines


def _reason(check: CheckReport) -> str:
    """The reason, without the names of target and strategy."""
    if not check.findings:
        return f"{check.verdict}: {check.reason}" if check.reason else check.verdict
    findings = check.findings
    caused = [finding for finding in findings if finding.cause and finding.cause.sentence]
    text = (caused or findings)[0].why
    return f"{text} [{check.reason}]" if check.stale_accept else text


def _who(of: _Of, every: _Of) -> str:
    if not of.targets:
        return ""
    if of.targets == every.targets and len(every.targets) > 1:
        return "every target: "
    by_strategies: dict[str, list[str]] = {}
    for target, strategies in of.targets.items():
        by_strategies.setdefault(" and ".join(strategies), []).append(target)
    parts = [f"{listed(names)} by {how}" for how, names in by_strategies.items()]
    return f"{'; '.join(parts)}: "


def _checks(of: _Of) -> str:
    """The checks, by name where they are few; nothing if it is not about single ones."""
    names = list(dict.fromkeys(of.checks))
    if not of.targets or names == ["events"]:
        return ""
    if len(names) > _MOST_NAMED:
        return f" ({len(of.checks)} checks)"
    return f" ({', '.join(names)})"


_WIDTH = 100
_WARNINGS = 10
_NOTES = 8
_IN_FULL = 3
"""This many functions are shown in full, whatever their verdict."""
_NAMED = 10


def summary(report: Report, *, verbose: bool = False, has_json: bool = False) -> list[str]:
    """The matrix of each function, why it is as it is, and the sentence under it.

    ``has_json`` says that the JSON report is written, which has all that is left out here.
    """
    functions = report.functions
    files = {function.file for function in functions}
    shared = Counter(function.function for function in functions)
    rest = "in the JSON report" if has_json else "(--lambda-rollback-json PATH has all)"
    short: list[str] = []
    full: list[str] = []
    for function in functions:
        name = function.function
        place = f"{name} ({function.file})" if len(files) > 1 else name
        if len(functions) > _IN_FULL and not verbose and _is_all_safe(function):
            short.append(_safe_line(function, place))
            continue
        full += ["", *_block(function, place, place if shared[name] > 1 else name, rest)]
    if short and len(short) == len(functions):
        full = []
    lines = [*short, *full] if short else full[1:]
    lines += _notes(functions, rest)
    if len(functions) > 1:
        lines += ["", *_wrapped(_overall(functions, shared))]
    return lines


def evidence_lines(report: Report) -> list[str]:
    """The lines that events reached on each target; empty without coverage."""
    return [
        line
        for function in report.functions
        for target in function.targets
        if target.coverage is not None
        for line in coverage_lines(
            target.coverage, of=f"{target.function}:{target.version} by {target.strategy}"
        )
    ]


def _block(function: FunctionReport, place: str, name: str, rest: str) -> list[str]:
    """All of one function."""
    where = f", from {function.current_from}" if function.current_from else ""
    lines = [f"{place}, current version {function.current}{where}"]
    if function.inherited:
        lines.append(f"  inherited: {', '.join(function.inherited)}")
    if function.source:
        source = function.source
        lines.append(f"  versions of {source.arn}, as of {source.as_of}")
    if function.placeholders:
        text = f"  placeholders for values of: {', '.join(function.placeholders)}"
        lines += textwrap.wrap(text, _WIDTH, subsequent_indent="    ")
    lines += matrix(function)
    lines += reason_lines(function)
    lines.append(conclusion(function, name))
    messages = _warnings(function)
    lines += [f"  warning: {message}" for message in messages[:_WARNINGS]]
    if len(messages) > _WARNINGS:
        lines.append(f"  and {len(messages) - _WARNINGS} more warnings {rest}")
    return lines


def _is_all_safe(function: FunctionReport) -> bool:
    targets = function.targets
    stale = any(check.stale_accept for target in targets for check in target.checks)
    safe = all(target.verdict == Verdict.SAFE for target in targets)
    return safe and not stale and not function.not_checked


def _safe_line(function: FunctionReport, place: str) -> str:
    """One line for a function of which every target is safe."""
    names = dict.fromkeys(target.label(function.function) for target in function.targets)
    verb = "is" if len(names) == 1 else "are"
    line = f"{place}, current version {function.current}: {listed(names)} {verb} safe"
    warnings = len(_warnings(function))
    if warnings:
        line += f" ({counted(warnings, 'warning')}, shown with -v)"
    return line


def _warnings(function: FunctionReport) -> list[str]:
    """The warnings, each sentence once."""
    return list(
        dict.fromkeys(
            warning.message
            for target in function.targets
            for check in target.checks
            for warning in check.warnings
        )
    )


def _overall(functions: Sequence[FunctionReport], shared: Counter[str]) -> str:
    """One sentence over all functions, with the names of those that cannot simply go back."""
    names: dict[Standing, list[str]] = {}
    for function in functions:
        name = function.function
        if shared[name] > 1:
            name += f" ({function.file})"
        names.setdefault(standing(function), []).append(name)
    newest = len(names.get(Standing.NEWEST, ()))
    total = f"{len(functions)} functions"
    if newest == len(functions):
        return f"{total}: all {Standing.NEWEST}."
    parts = [f"{newest} {Standing.NEWEST}"]
    for each in (Standing.OLDER, Standing.ACCEPTED, Standing.NONE, Standing.UNKNOWN):
        if each in names:
            parts.append(f"{len(names[each])} {each}: {_some(names[each])}")
    return f"{total}: {'; '.join(parts)}."


def _some(names: list[str]) -> str:
    if len(names) <= _NAMED + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


# --- notes ----------------------------------------------------------------------------------


def _notes(functions: Sequence[FunctionReport], rest: str) -> list[str]:
    """The notes, each once for all functions that it applies to."""
    notes: dict[str, tuple[NoteReport, list[str]]] = {}
    for function in functions:
        for target in function.targets:
            for check in target.checks:
                for note in check.notes:
                    _, names = notes.setdefault(note.key, (note, []))
                    if function.function not in names:
                        names.append(function.function)
    lines = [""] if notes else []
    for note, (_, *others) in list(notes.values())[:_NOTES]:
        likewise = f" (also: {_some(others)})" if others and note.named else ""
        lines += _wrapped(f"note: {note.text}{likewise}")
    if len(notes) > _NOTES:
        lines.append(f"and {len(notes) - _NOTES} more notes {rest}")
    return lines


def _wrapped(text: str) -> list[str]:
    """The lines of a paragraph. Words are never broken: people copy policies from it."""
    return textwrap.wrap(
        text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
