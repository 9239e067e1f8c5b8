"""Many events become few shapes, which tell what differs."""

from __future__ import annotations

import json
import random
import string
from typing import Any

import pytest

from helpers import made_events as made
from pytest_lambda_rollback.model.recorded import RecordedEvent
from pytest_lambda_rollback.recording.clusters import cluster
from pytest_lambda_rollback.recording.structures import structure_of
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules


def recorded(event: object, fixture: str | None = None) -> RecordedEvent:
    return RecordedEvent(event=event, source="test", function="orders", fixture=fixture)


def names(*events: object) -> list[str]:
    return [shape.name for shape in cluster(map(recorded, events)).shapes]


def post(**body: Any) -> dict[str, Any]:
    return {
        "resource": "/orders/{id}", "path": "/orders/17", "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"}, "body": json.dumps(body),
        "requestContext": {"requestId": "c6af9ac6"}, "queryStringParameters": None,
    }  # fmt: skip


def order(chance: random.Random, number: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": f"{chance.getrandbits(64):x}",
        "status": chance.choice(("open", "paid", "sent")),
        "lines": [
            {"sku": f"A-{chance.randrange(99)}", "price": chance.choice((10, 9.5))}
            for _ in range(chance.randrange(1, 4))
        ],
        "customer": {
            "email": f"u{number}@shop.com",
            "phone": chance.choice((None, "+49171123456")),
        },
    }
    for key, share, value in (
        ("gift_card", 0.2, f"G-{number}"),
        ("discount", 0.3, {"code": f"X{number}", "percent": 10}),
        ("note", 0.3, chance.choice(("", "ring twice"))),
    ):
        if chance.random() < share:
            made[key] = value
    return made


def shop(seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    events: list[dict[str, Any]] = []
    for number in range(1000):
        one = order(chance, number)
        kind = chance.randrange(4)
        if kind == 0:
            events.append(post(**one))
        elif kind == 1:
            events.append({**made.EVENTBRIDGE, "id": str(number), "detail": one})
        elif kind == 2:
            body = json.dumps({"type": chance.choice(("OrderPlaced", "OrderPaid")), "order": one})
            events.append(
                {"Records": [{"eventSource": "aws:sqs", "messageId": str(number), "body": body}]}
            )
        else:
            key = {"key": f"exports/{number}.csv"}
            events.append(
                {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                              "s3": {"object": key}}]}
            )  # fmt: skip
    return events


@pytest.mark.parametrize("seed", range(2))
def test_thousand_events_of_a_shop_are_few_fixtures(seed: int) -> None:
    selection = cluster(map(recorded, shop(seed)))
    kept = [event for shape in selection.shapes for event in shape.events]
    assert 8 <= len(kept) <= 30
    assert sum(shape.seen for shape in selection.shapes) == 1000
    everything = json.dumps([event.event for event in kept]).replace("\\", "")
    for telling in ("gift_card", "discount", '"note": ""', '"phone": null', "open", "paid", "sent"):
        assert telling in everything


def test_same_events_in_the_same_order_give_the_same_selection() -> None:
    assert cluster(map(recorded, shop(1))) == cluster(map(recorded, shop(1)))


@pytest.mark.parametrize("seed", range(2))
def test_what_was_recorded_is_neither_new_nor_stale_the_next_time(seed: int) -> None:
    events = shop(seed)
    first = cluster(map(recorded, events))
    fixtures = [
        recorded(event.event, fixture=f"{shape.name}-{shape.key}.json")
        for shape in first.shapes
        for event in shape.events
    ]
    again = cluster([*fixtures, *map(recorded, reversed(events))])
    assert [shape.name for shape in again.shapes if not shape.fixtures] == []
    assert [shape.name for shape in again.shapes if not shape.seen] == []
    assert all(not shape.events for shape in again.shapes)


def test_new_shape_and_stale_fixture_are_told_apart() -> None:
    old = recorded(post(id="1", voucher="V"), fixture="old.json")
    same = recorded(post(id="2"), fixture="same.json")
    selection = cluster([old, same, recorded(post(id="3")), recorded(post(id="4", gift_card="G"))])
    told = {shape.fixtures: (shape.seen, len(shape.events)) for shape in selection.shapes}
    assert told == {("old.json",): (0, 0), ("same.json",): (1, 0), (): (1, 1)}


def test_several_events_a_shape() -> None:
    events = [recorded(post(id=str(number))) for number in range(5)]
    (shape,) = cluster(events, per_shape=2).shapes
    assert [event.event for event in shape.events] == [event.event for event in events[:2]]
    assert shape.seen == 5
    (shape,) = cluster([recorded(post(id="x"), fixture="a.json"), *events], per_shape=2).shapes
    assert len(shape.events) == 1


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (post(id="1"), post(id="1", gift_card="G"), "post-orders-id-gift-card"),
        (post(a="1", b="2"), post(a="1"), "post-orders-id-without-b"),
        (post(a="1"), post(a=None), "post-orders-id-null-a"),
        (post(lines=[1]), post(lines=[]), "post-orders-id-empty-lines"),
        (post(status="open"), post(status="paid"), "post-orders-id-paid"),
        (post(a="1"), post(a=1), "post-orders-id-a"),
    ],
)
def test_name_says_what_is_special(first: object, second: object, name: str) -> None:
    assert name in names(first, second)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (made.REST_API, "get-orders"),
        (made.HTTP_API_2, "get-orders"),
        (made.EVENTBRIDGE, "eventbridge-order-placed"),
        (made.SNS, "sns"),
        (made.S3, "s3"),
        (made.cognito("PreSignUp_SignUp"), "cognito-pre-sign-up-sign-up"),
        (made.CUSTOM_RESOURCE, "cloudformation-create"),
        ({"order": 1}, "event"),
        ([1], "event"),
    ],
)
def test_name_of_a_source(event: object, name: str) -> None:
    assert names(event) == [name]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (post(id="1", amount=5), post(id="2", amount=7)),
        (post(tags=["a"]), post(tags=["b", "c", "d"])),
        ({**post(a="1"), "headers": {"X-Any": "1"}}, {**post(a="1"), "headers": {"X-Other": "2"}}),
        (post(by={"ann@shop.com": 1}), post(by={"bob@shop.com": 1})),
        (post(type="1234567"), post(type="9876543")),
    ],
)
def test_what_differs_always_makes_no_shape(one: object, other: object) -> None:
    assert len(names(one, other)) == 1


def test_many_values_are_no_kinds() -> None:
    words = [f"{a}{b}" for a in "abcdefgh" for b in "xyz"]
    assert len(names(*(post(type=word, id="1") for word in words))) == 1
    assert len(names(*(post(type=word, id="1") for word in words[:5]))) == 5


def test_redaction_changes_no_structure() -> None:
    redactor = Redactor(RedactionRules(), b"k" * 32)
    for event in shop(2)[:100]:
        assert structure_of(redactor.redact(event)[0]) == structure_of(event)


def test_no_name_holds_a_value() -> None:
    secret = "annlee"
    event = post(type="order", **{f"{secret}@shop.com": secret, "name": secret, secret * 9: 1})
    assert all(secret not in name for name in names(event, post(type="order")))


def test_what_a_random_text_decodes_to_is_no_structure() -> None:
    chance = random.Random(5)
    letters = string.ascii_letters + string.digits + "+/"
    found = {
        structure_of({"id": "".join(chance.choice(letters) for _ in range(48))})
        for _ in range(2_000)
    }
    assert len(found) == 1
