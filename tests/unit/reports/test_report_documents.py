"""Records of checks, and how they become one document."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.model.findings import Contract, Verdict
from pytest_lambda_rollback.reports import report
from pytest_lambda_rollback.reports.json_report import Record, worse
from pytest_lambda_rollback.reports.report import (
    CheckReport,
    ConfigurationReport,
    FunctionReport,
    SafeTarget,
    StrategyTarget,
)


def record(verdict: str, name: str = "a") -> Record:
    return {"check": {"verdict": verdict, "id": name}}


@pytest.mark.parametrize(
    ("one", "other", "decides"),
    [
        ("safe", "breaks", "breaks"),
        ("breaks", "unknown", "breaks"),
        ("safe", "unknown", "unknown"),
        ("accepted", "safe", "accepted"),
    ],
)
def test_of_two_records_of_one_check_the_worse_decides(one: str, other: str, decides: str) -> None:
    for first, second in ((one, other), (other, one)):
        assert worse(record(first), record(second)) == record(decides)


def test_of_two_equal_records_the_first_stays() -> None:
    assert worse(record("safe", "new"), record("safe", "old")) == record("safe", "new")


# --- the report ----------------------------------------------------------------------------------


def made(
    version: str = "3",
    strategy: str = "alias",
    verdict: Verdict = Verdict.SAFE,
    *,
    name: str = "create",
    planned: int = 1,
    targets: tuple[tuple[str, str], ...] = (),
    at: float = 0.0,
) -> report.Record:
    """The record of one check of orders."""
    return report.Record(
        order=0,
        configuration=ConfigurationReport(file="lambda-rollback.toml", digest="c0ffee"),
        function=FunctionReport(file="lambda-rollback.toml", function="orders", current="4"),
        target=StrategyTarget(function="orders", version=version, strategy=strategy),
        planned=planned,
        targets=tuple(
            StrategyTarget(function="orders", version=each, strategy=by) for each, by in targets
        ),
        started_at=1_700_000_000.0 + at,
        ended_at=1_700_000_000.5 + at,
        check=CheckReport(
            id=f"lambda-rollback.toml::orders::{version}-{strategy}::{name}",
            name=name,
            contract=Contract.INVOCATION,
            verdict=verdict,
            reason="r" if verdict is Verdict.UNKNOWN else None,
        ),
    )


def test_a_report_names_verdict_and_newest_safe_target_of_each_function() -> None:
    (function,) = report.report_of(
        [
            made("3", "alias", Verdict.BREAKS),
            made("2", "alias"),
            made("2", "redeploy"),
            made("1", "alias"),
        ]
    ).functions
    assert function.verdict is Verdict.BREAKS
    safe = SafeTarget(function="orders", version="2", strategies=("alias", "redeploy"))
    assert function.newest_safe_target == safe


def test_a_target_that_was_checked_in_part_is_not_safe() -> None:
    (function,) = report.report_of([made(planned=2)]).functions
    assert function.targets[0].verdict is Verdict.UNKNOWN
    assert function.newest_safe_target is None


def test_a_function_with_targets_that_were_not_checked_is_not_safe() -> None:
    every = (("3", "alias"), ("2", "alias"))
    found = report.report_of([made(targets=every)])
    (function,) = found.functions
    assert found.verdict is function.verdict is Verdict.UNKNOWN
    assert [target.version for target in function.not_checked] == ["2"]
    found = report.report_of([made(targets=every), made("2", targets=every)])
    assert found.verdict is found.functions[0].verdict is Verdict.SAFE


def test_a_report_holds_the_time_of_the_run_and_the_digests_of_configurations() -> None:
    found = report.report_of([made("3", at=10.0), made("2"), made("1", at=2.0)])
    assert found.started == "2023-11-14T22:13:20+00:00"
    assert found.duration_s == 10.5
    assert [each.digest for each in found.configurations] == ["c0ffee"]
    assert report.report_of([]).started is None
    assert report.report_of([]).verdict is Verdict.UNKNOWN
