"""The data that a KeyError asks for, by the line of code that raised it."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.diagnosis.asks import Wanted, asked
from pytest_lambda_rollback.model.replay import FunctionError


@pytest.mark.parametrize(
    ("line", "wanted", "certain"),
    [
        ('total = order["sku"] * 2', [Wanted.KEY], True),
        ("return event['order']['sku']", [Wanted.KEY], True),
        ("if order['sku']:", [Wanted.KEY], True),
        ("return reply(order['sku'],", [Wanted.KEY], True),
        ('order.pop("sku")', [Wanted.KEY, Wanted.VALUE], True),
        ("", [Wanted.KEY, Wanted.VALUE], True),
        ("return order[name]", [Wanted.KEY, Wanted.VALUE], False),
        ("return RATES[order['currency']]", [Wanted.VALUE], True),
        ("return self._RATES[code]", [Wanted.VALUE], True),
        ("return settings.RATES['EUR'][code]", [Wanted.VALUE], True),
        ("return Colour[name]", [Wanted.VALUE], True),
        ("return TABLE['sku']", [], True),
        ("return settings.TABLE['sku']", [], True),
        ("return TABLE['sku'] + order['sku']", [Wanted.KEY], True),
        ("return order[RATES[code]]", [Wanted.KEY, Wanted.VALUE], False),
    ],
)
def test_a_key_error_asks_the_event_only_for_what_the_code_asks_it(
    line: str, wanted: list[Wanted], certain: bool
) -> None:
    frame = f'  File "/var/task/app.py", line 7, in handler\n    {line}'
    asks = asked(FunctionError(type="KeyError", message="'sku'", stack_trace=(frame,)))
    assert [ask.wanted for ask in asks] == wanted
    assert all(ask.names == ("sku",) for ask in asks)
    assert all(ask.certain for ask in asks if ask.wanted is Wanted.KEY) is certain
