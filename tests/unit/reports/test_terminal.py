"""The text of one check that is not safe."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from helpers.subjects import subject
from pytest_lambda_rollback.model.causes import Cause, CauseKind
from pytest_lambda_rollback.model.findings import (
    Check,
    CheckResult,
    Contract,
    Details,
    Finding,
    Verdict,
)
from pytest_lambda_rollback.model.settings import Accept, Strategy
from pytest_lambda_rollback.model.versions import TargetRef
from pytest_lambda_rollback.reports.terminal import failure, likeness, short

CHECK = Check(
    function="orders",
    group="2-alias",
    name="create",
    target=TargetRef(function="orders", version="2"),
    strategy=Strategy.ALIAS,
    event=Path("create.json"),
)


def raising(message: str, kind: str = "function-error") -> Details:
    return (
        ("target_outcome", kind),
        ("target_type", "KeyError"),
        ("target_message", message),
        ("current_outcome", "response"),
        ("current_type", None),
        ("current_message", None),
        ("expected", False),
    )


RAISED = Finding(
    contract=Contract.INVOCATION,
    kind="function-error",
    subject=subject("2", Strategy.ALIAS),
    details=raising("'sku'"),
    location="app.py:4",
    current="{}",
    target="KeyError: 'sku'",
    stack_trace=('  File "/var/task/app.py", line 4, in handler\n    event["sku"]\n',),
)


def broken(finding: Finding = RAISED, check: Check = CHECK) -> CheckResult:
    return CheckResult(check=check, verdict=Verdict.BREAKS, findings=(finding,))


def other(name: str = "lines", strategy: Strategy = Strategy.ALIAS) -> CheckResult:
    """The same break of another check."""
    check = replace(CHECK, name=name, strategy=strategy, group=f"2-{strategy}")
    return broken(replace(RAISED, subject=subject("2", strategy), current="[]"), check)


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (broken(), "breaks: KeyError: 'sku' where orders:4 answers"),
        (broken(replace(RAISED, details=raising("", "timeout"))),
         "breaks: times out where orders:4 answers"),
        (CheckResult(check=CHECK, verdict=Verdict.UNKNOWN, reason="AWS is out"),
         "unknown: AWS is out"),
        (CheckResult(check=CHECK, verdict=Verdict.SAFE, reason="it is past", stale_accept="it"),
         "stale acceptance: it is past"),
        (CheckResult(check=CHECK, verdict=Verdict.UNKNOWN, reason="two\nlines \x1b[2J"),
         "unknown: two\\nlines \\x1b[2J"),
    ],
)  # fmt: skip
def test_the_line_after_an_id_begins_with_what_is_wrong(result: CheckResult, line: str) -> None:
    assert short(result) == line


def test_a_break_that_was_told_shows_what_differs() -> None:
    told = failure(broken(), repeat="pytest it")
    assert told.endswith('    event["sku"]\n\nRepeat just this check with:\n  pytest it')
    assert failure(other(), repeat="pytest it", like="orders::2-alias::create").splitlines() == [
        "breaks: lines: orders:2 by alias raises KeyError: 'sku' where orders:4 answers",
        "event: create.json",
        "",
        "invocation: function-error at app.py:4",
        "  current  []",
        "  target   KeyError: 'sku'",
        "",
        "Same failure as orders::2-alias::create; see it for details",
    ]


def test_what_was_not_known_before_is_one_line() -> None:
    check = replace(CHECK, name="events", event=None)
    result = CheckResult(check=check, verdict=Verdict.UNKNOWN, reason="there is no event")
    line = "unknown: orders:2 by alias on events: there is no event"
    assert failure(result, repeat="pytest it", like="orders::3-alias::events") == line
    assert failure(result, repeat="pytest it").startswith(f"{line}\n\nRepeat just this check")


def test_what_is_alike_and_what_is_not() -> None:
    first = likeness(broken())
    assert first == likeness(other())
    assert first == likeness(other(strategy=Strategy.REDEPLOY))
    for change in (
        {"kind": "timeout"},
        {"location": "app.py:5"},
        {"stack_trace": ()},
        {"details": raising("'qty'")},
        {"text": "orders:2 by alias drops /total from what it stores"},
        {"cause": Cause(kind=CauseKind.CODE)},
    ):
        assert first != likeness(broken(replace(RAISED, **change)))
    assert first != likeness(broken(check=replace(CHECK, function="billing")))
    late = Accept(target="2", check="create", reason="r", until=date(2020, 1, 1))
    assert first != likeness(replace(broken(), reason=f"{late.check} ended", stale_accept="ended"))


@pytest.mark.parametrize(
    ("cause", "line"),
    [
        (Cause(layer="acme-shared", distribution="acme-shared", current_version="2.0.0",
               target_version="1.4.0"),
         "  cause    layer acme-shared: 1.4.0 for the target, 2.0.0 for the current version"),
        (Cause(layer="acme-shared 2", distribution="acme-shared", current_version="2.0.0",
               target_version="1.4.0"),
         "  cause    layer acme-shared 2: 1.4.0 for the target, 2.0.0 for the current version"),
        (Cause(layer="third-party 2", distribution="PyJWT", current_version="2",
               target_version="1"),
         "  cause    layer third-party 2 PyJWT: 1 for the target, 2 for the current version"),
    ],
)  # fmt: skip
def test_a_layer_and_its_only_distribution_are_named_once(cause: Cause, line: str) -> None:
    text = failure(broken(replace(RAISED, cause=cause)), repeat="pytest it")
    assert line in text.splitlines()
