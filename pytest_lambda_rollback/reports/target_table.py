"""The targets of one function in the report's document: their table, and what it comes to. Pure."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Any

from pytest_lambda_rollback.model.findings import Verdict
from pytest_lambda_rollback.model.text import listed
from pytest_lambda_rollback.reports.terminal import UNKNOWN_VERSION


class Standing(StrEnum):
    """Where traffic of a function can go back to; the values are how that is said of several."""

    NEWEST = "can go back to the newest target that was checked"
    OLDER = "only to an older one"
    ACCEPTED = "only where a break is accepted"
    NONE = "cannot"
    UNKNOWN = "not known"


def matrix(targets: list[dict[str, Any]]) -> list[str]:
    """The table of targets by strategies, with counts."""
    strategies = list(dict.fromkeys(t["strategy"] for t in targets if t["strategy"]))
    rows: dict[str, dict[str, str]] = {}
    for target in targets:
        if target["strategy"]:
            rows.setdefault(label(target, targets), {})[target["strategy"]] = _cell(target)
    if not rows:
        return []
    table = [["target", *strategies]]
    table += [[name, *(row.get(s, "-") for s in strategies)] for name, row in rows.items()]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def label(target: dict[str, Any], targets: list[dict[str, Any]]) -> str:
    """``3``, or ``orders-v1:3`` where targets are of several functions."""
    if len({each["function"] for each in targets}) > 1:
        return f"{target['function']}:{target['version']}"
    return str(target["version"])


def _cell(target: dict[str, Any]) -> str:
    counts = Counter(check["verdict"] for check in target["checks"])
    missing = target["checks_planned"] - len(target["checks"])
    parts = [
        f"{counts[verdict]} {verdict}"
        for verdict in (Verdict.BREAKS, Verdict.UNKNOWN, Verdict.ACCEPTED, Verdict.SAFE)
        if counts[verdict]
    ]
    if missing:
        parts.append(f"{missing} not run")
    stale = sum(check["stale_accept"] for check in target["checks"])
    if stale:
        parts.append(f"{stale} stale acceptance" + ("s" if stale > 1 else ""))
    verdict = target["verdict"]
    loud = verdict if verdict == Verdict.SAFE else verdict.upper()
    return f"{loud} ({', '.join(parts)})"


def conclusion(function: dict[str, Any], name: str) -> str:
    """One sentence: which target is the newest safe one of the function that is called so."""
    own = function["function"]
    by_target = _by_target(function)
    if not by_target:
        if function["current"] == UNKNOWN_VERSION:
            return f"Nothing was checked for {name}: see the unknown check above."
        return f"Nothing was checked for {name}: it has no rollback target."
    for (of, version), verdicts in by_target.items():
        safe = [s for s, verdict in verdicts.items() if verdict == Verdict.SAFE]
        if safe:
            others = [f"by {s} it is {v}" for s, v in verdicts.items() if v != Verdict.SAFE]
            others = [text.replace("is breaks", "breaks") for text in others]
            newest = version if of == own else f"{of}:{version}"
            tail = f"; {', '.join(others)}" if others else ""
            return f"The newest safe target of {name} is {newest}, by {' and '.join(safe)}{tail}."
    if accepted := _with(Verdict.ACCEPTED, by_target):
        return f"{name} has no target that is safe; {accepted[0]} breaks only where it is accepted."
    found = [verdict for verdicts in by_target.values() for verdict in verdicts.values()]
    if all(verdict == Verdict.BREAKS for verdict in found):
        return f"{name} has no safe target: every one that was checked breaks."
    checks = [check for target in function["targets"] for check in target["checks"]]
    planned = sum(target["checks_planned"] for target in function["targets"])
    if len(checks) < planned and not any(c["verdict"] == Verdict.UNKNOWN for c in checks):
        if broken := _with(Verdict.BREAKS, by_target):
            verb = "breaks" if len(broken) == 1 else "break"
            return (
                f"No target of {name} is known to be safe: {listed(broken)} {verb}, and not all "
                "checks ran."
            )
        return f"No target of {name} is known to be safe: not all of its checks ran."
    return f"No target of {name} is known to be safe: see the unknown checks above."


def _with(verdict: Verdict, by_target: dict[tuple[str, str], dict[str, str]]) -> list[str]:
    """The targets of that verdict, each as ``3 by alias``."""
    return [
        f"{version} by {strategy}"
        for (_, version), verdicts in by_target.items()
        for strategy, found in verdicts.items()
        if found == verdict
    ]


def standing(function: dict[str, Any]) -> Standing:
    """How a function stands, for the sentence over all functions."""
    by_target = _by_target(function)
    safe = [Verdict.SAFE in verdicts.values() for verdicts in by_target.values()]
    if safe and safe[0]:
        return Standing.NEWEST
    if any(safe):
        return Standing.OLDER
    verdicts = {verdict for found in by_target.values() for verdict in found.values()}
    if not verdicts or Verdict.UNKNOWN in verdicts:
        return Standing.UNKNOWN
    return Standing.ACCEPTED if Verdict.ACCEPTED in verdicts else Standing.NONE


def _by_target(function: dict[str, Any]) -> dict[tuple[str, str], dict[str, str]]:
    """Verdicts by strategy of each target, newest first."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for target in function["targets"]:
        if target["version"] is not None:
            verdicts = found.setdefault((target["function"], target["version"]), {})
            verdicts[target["strategy"]] = target["verdict"]
    return found
