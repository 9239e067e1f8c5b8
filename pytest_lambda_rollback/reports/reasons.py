"""Reasons why targets of one function are not safe, each distinct one once.

The same cause breaks many events, and what is not known of a version is not known at each of its
checks. The texts of the checks tell it each time; here it is told once, with what it is true of.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

from pytest_lambda_rollback.model.findings import Verdict
from pytest_lambda_rollback.model.text import listed
from pytest_lambda_rollback.reports.report import CheckReport, FunctionReport

_WIDTH = 100
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
    """The checks, by name where they are few; nothing where it is not about single ones."""
    names = list(dict.fromkeys(of.checks))
    if not of.targets or names == ["events"]:
        return ""
    if len(names) > _MOST_NAMED:
        return f" ({len(of.checks)} checks)"
    return f" ({', '.join(names)})"
