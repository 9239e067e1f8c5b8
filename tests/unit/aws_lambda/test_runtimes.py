"""The table of runtimes: complete, in order, and not too old to be shipped."""

from __future__ import annotations

from datetime import date, timedelta

import botocore.session
import pytest

from pytest_lambda_rollback.aws_lambda.runtimes import AS_OF, RUNTIMES, SOURCE, RuntimeSupport

LONGEST_AGE = timedelta(days=400)


def known_to_botocore() -> list[str]:
    model = botocore.session.get_session().get_service_model("lambda")
    return list(model.shape_for("Runtime").enum)  # type: ignore[attr-defined]


def test_every_runtime_that_botocore_knows_is_in_the_table() -> None:
    missing = set(known_to_botocore()) - set(RUNTIMES)

    assert "python3.12" in known_to_botocore()
    assert missing == set(), f"add {sorted(missing)} to runtimes.py, with the dates from {SOURCE}"


def test_the_table_is_not_too_old() -> None:
    age = date.today() - AS_OF

    assert age <= LONGEST_AGE, (
        f"the runtime table is {age.days} days old: compare it with {SOURCE} and set AS_OF"
    )


@pytest.mark.parametrize("runtime", RUNTIMES.values(), ids=lambda runtime: runtime.identifier)
def test_a_runtime_is_update_blocked_last(runtime: RuntimeSupport) -> None:
    days = (runtime.deprecated, runtime.create_blocked, runtime.update_blocked)

    assert all(days) or not any(days)
    if runtime.create_blocked and runtime.update_blocked:
        assert runtime.create_blocked <= runtime.update_blocked


@pytest.mark.parametrize(
    ("identifier", "deprecated", "update_blocked"),
    [
        ("python3.13", date(2029, 6, 30), date(2029, 8, 31)),
        ("nodejs22.x", date(2027, 4, 30), date(2027, 7, 1)),
        ("dotnetcore3.1", date(2023, 4, 3), date(2023, 5, 3)),
        ("python2.7", date(2021, 7, 15), date(2022, 5, 30)),
    ],
)
def test_dates_that_a_second_source_has_too(
    identifier: str, deprecated: date, update_blocked: date
) -> None:
    """endoflife.date's copies of AWS's tables: the rows of this table must not slip."""
    assert RUNTIMES[identifier].deprecated == deprecated
    assert RUNTIMES[identifier].update_blocked == update_blocked
