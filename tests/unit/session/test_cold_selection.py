"""The events that are tried cold where there is no time for all."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN
from pytest_lambda_rollback.session.cold_selection import affordable, most_different_first


def order(*events: Any) -> tuple[int, ...]:
    return most_different_first([json.dumps(each).encode() for each in events], BUILT_IN)


def sqs(body: str) -> dict[str, Any]:
    return {"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": body}]}


def test_the_first_event_is_first_and_the_most_different_ones_follow() -> None:
    assert order({"a": 1}, {"a": 2}, {"a": 1, "b": {"c": []}}, {"a": "text"}) == (0, 2, 3, 1)


def test_events_of_another_source_come_before_more_of_the_same() -> None:
    assert order({"a": 1}, {"a": 2}, sqs("x"), sqs("y"))[:2] == (0, 2)


def test_json_in_a_text_counts_as_what_it_is() -> None:
    plain, one, same, other = "x", '{"sku": 1}', '{"sku": 2}', '{"sku": {"id": 1}}'
    found = order(sqs(plain), sqs(one), sqs(same), sqs(other))
    assert found[0] == 0
    assert found[-1] == 2


def test_ties_keep_the_order_and_every_event_has_a_place() -> None:
    assert order(*[{"a": 1}] * 5) == (0, 1, 2, 3, 4)
    assert most_different_first([b"not JSON", b"{}", b""], BUILT_IN) == (0, 1, 2)


def test_a_thousand_events_are_ordered_in_no_time() -> None:
    events = [{f"k{n % 97}": n, f"l{n % 89}": {"m": [n]}} for n in range(1000)]
    started = time.monotonic()
    assert sorted(order(*events)) == list(range(1000))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("cost_s", "expected"),
    [(0.01, 40), (1.5, 40), (1.6, 20), (2.9, 20), (3.1, 10), (7.0, 5), (29.0, 2), (100.0, 1)],
)
def test_the_number_of_events_is_all_or_a_round_one(cost_s: float, expected: int) -> None:
    """So that a little more or less time does not change what is tried."""
    assert affordable(40, cost_s=cost_s, budget_s=60.0) == expected
