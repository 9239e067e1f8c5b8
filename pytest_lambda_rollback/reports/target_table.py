"""The targets of one function: their table, and the sentence about them."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from pytest_lambda_rollback.model.findings import Verdict
from pytest_lambda_rollback.model.text import counted, listed
from pytest_lambda_rollback.reports.report import UNKNOWN_VERSION, FunctionReport, TargetReport


class Standing(StrEnum):
    """The targets that a function can go back to; the values say it of several functions."""

    NEWEST = "can go back to the newest target that was checked"
    OLDER = "only to an older one"
    ACCEPTED = "only where a break is accepted"
    NONE = "cannot"
    UNKNOWN = "not known"


_MOST_NAMED = 8


def matrix(function: FunctionReport) -> list[str]:
    """The table of a function's targets by strategies, with counts."""
    targets = function.targets
    strategies = list(dict.fromkeys(t.strategy for t in targets if t.strategy))
    rows: dict[str, dict[str, str]] = {}
    for target in targets:
        if target.strategy:
            name = target.label(function.function)
            rows.setdefault(name, {})[target.strategy] = _cell(target)
    if not rows:
        return []
    skipped = {
        (target.label(function.function), target.strategy) for target in function.not_checked
    }
    table = [["target", *strategies]]
    for name, row in rows.items():
        cells = ("not checked" if (name, s) in skipped else row.get(s, "-") for s in strategies)
        table.append([name, *cells])
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def _cell(target: TargetReport) -> str:
    counts = Counter(check.verdict for check in target.checks)
    missing = target.checks_planned - len(target.checks)
    parts = [
        f"{counts[verdict]} {verdict}"
        for verdict in (Verdict.BREAKS, Verdict.UNKNOWN, Verdict.ACCEPTED, Verdict.SAFE)
        if counts[verdict]
    ]
    if missing:
        parts.append(f"{missing} not checked")
    stale = sum(check.stale_accept for check in target.checks)
    if stale:
        parts.append(counted(stale, "stale acceptance"))
    verdict = target.verdict
    loud = verdict if verdict == Verdict.SAFE else verdict.upper()
    return f"{loud} ({', '.join(parts)})"


def conclusion(function: FunctionReport, name: str) -> str:
    """One sentence: which target is the newest safe one of the function that is called so.

    It also says which targets were not checked, or only in part.
    """
    by_target = _by_target(function)
    if not by_target:
        if function.current == UNKNOWN_VERSION:
            return f"Nothing was checked for {name}: see the unknown check above."
        return f"Nothing was checked for {name}: it has no rollback target."
    gaps = _gaps(function)
    tail = "".join(f"; {gap}" for gap in gaps)
    for target, verdicts in by_target.items():
        safe = [s for s, verdict in verdicts.items() if verdict == Verdict.SAFE]
        if safe:
            others = [f"by {s} it is {v}" for s, v in verdicts.items() if v != Verdict.SAFE]
            others = [text.replace("is breaks", "breaks") for text in others]
            less = f"; {', '.join(others)}" if others else ""
            return (
                f"The newest safe target of {name} is {target}, by {' and '.join(safe)}"
                f"{less}{tail}."
            )
    if accepted := _with(Verdict.ACCEPTED, by_target):
        return f"{name} has no safe target; {accepted[0]} breaks only where it is accepted{tail}."
    found = {verdict for verdicts in by_target.values() for verdict in verdicts.values()}
    if found == {Verdict.BREAKS} and not gaps:
        return f"{name} has no safe target: every one that was checked breaks."
    checks = [check for target in function.targets for check in target.checks]
    if any(check.verdict == Verdict.UNKNOWN for check in checks):
        reasons = ["see the unknown checks above", *gaps]
    elif broken := _with(Verdict.BREAKS, by_target):
        reasons = [f"{listed(broken)} {'breaks' if len(broken) == 1 else 'break'}", *gaps]
    else:
        reasons = gaps
    return f"No target of {name} is known to be safe: {'; '.join(reasons)}."


def _gaps(function: FunctionReport) -> list[str]:
    """The gaps: targets that were not checked, and targets checked only in part."""
    own = function.function
    checked = {target.label(own) for target in function.targets}
    skipped = [
        f"{name} by {target.strategy}" if name in checked else name
        for target in function.not_checked
        for name in (target.label(own),)
    ]
    # One finding decides that a target breaks, whatever its other checks would say.
    partly = [
        f"{target.label(own)} by {target.strategy}"
        for target in function.targets
        if target.strategy
        and len(target.checks) < target.checks_planned
        and target.verdict != Verdict.BREAKS
    ]
    gaps = []
    if names := list(dict.fromkeys(skipped)):
        verb = "was" if len(names) == 1 else "were"
        gaps.append(f"{_few(names)} {verb} not checked")
    if partly:
        verb = "was" if len(partly) == 1 else "were"
        gaps.append(f"{_few(partly)} {verb} checked only in part")
    return gaps


def _few(names: list[str]) -> str:
    """The first names, and how many more there are."""
    if len(names) <= _MOST_NAMED + 1:
        return listed(names)
    return listed([*names[:_MOST_NAMED], f"{len(names) - _MOST_NAMED} more"])


def _with(verdict: Verdict, by_target: dict[str, dict[str, str]]) -> list[str]:
    """The targets of that verdict, each as ``3 by alias``."""
    return [
        f"{target} by {strategy}"
        for target, verdicts in by_target.items()
        for strategy, found in verdicts.items()
        if found == verdict
    ]


def standing(function: FunctionReport) -> Standing:
    """The standing of a function, for the sentence about all functions."""
    by_target = _by_target(function)
    safe = [Verdict.SAFE in verdicts.values() for verdicts in by_target.values()]
    if safe and safe[0]:
        return Standing.NEWEST
    if any(safe):
        return Standing.OLDER
    verdicts = {verdict for found in by_target.values() for verdict in found.values()}
    if Verdict.ACCEPTED in verdicts and Verdict.UNKNOWN not in verdicts:
        return Standing.ACCEPTED
    if verdicts == {Verdict.BREAKS} and not function.not_checked:
        return Standing.NONE
    return Standing.UNKNOWN


def _by_target(function: FunctionReport) -> dict[str, dict[str, str]]:
    """Verdicts by strategy of each target, newest first."""
    found: dict[str, dict[str, str]] = {}
    for target in function.targets:
        if target.version is not None and target.strategy is not None:
            verdicts = found.setdefault(target.label(function.function), {})
            verdicts[target.strategy] = target.verdict
    return found
