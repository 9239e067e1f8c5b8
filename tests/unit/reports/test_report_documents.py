"""Records of checks, and how they become one document."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.reports.json_report import Record, worse


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
