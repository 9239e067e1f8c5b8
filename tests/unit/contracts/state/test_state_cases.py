"""Pairs of handlers that share one state: what breaks, and where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from helpers.shared_state import Aws, Handler, Shared, numbered
from helpers.subjects import said, worded
from pytest_lambda_rollback.model.findings import Verdict

CREATE, PAY, SHOW = (
    {"name": "order_1_placed", "do": "place", "id": "A-1"},
    {"name": "order_2_paid", "do": "pay", "id": "A-1"},
    {"name": "order_3_shown", "do": "show", "id": "A-1"},
)


@dataclass(frozen=True, kw_only=True)
class Case:
    current: Handler
    target: Handler
    events: tuple[Mapping[str, Any], ...] = (CREATE, PAY, SHOW)
    start: Aws = field(default_factory=Aws)
    told: tuple[str, ...] = ()
    """Each is in the sentence of a finding."""


def orders(
    place: Any = lambda event: {"total": 25},
    pay: Any = lambda item: item | {"paid": True},
    show: Any = lambda item: {"total": item["total"]},
    *,
    new: bool = False,
) -> Handler:
    """A handler of orders, by what it stores, how it pays and what it shows."""

    def handler(event: Any, aws: Aws) -> Any:
        if event["do"] == "place":
            aws.put("orders", {"id": event["id"]} | place(event), new=new)
            return {"id": event["id"]}
        item = aws.get("orders", event["id"])
        if item is None:
            return {"message": "none"}
        if event["do"] == "pay":
            aws.put("orders", pay(item))
            return {"id": event["id"]}
        return show(item)

    return handler


def only(*names: str) -> Any:
    return lambda item: {name: item[name] for name in names if name in item} | {"paid": True}


def session(factor: int) -> Handler:
    def handler(event: Any, aws: Aws) -> Any:
        aws.update("sessions", event["id"], expires_at=(1_780_000_000 + 60) * factor)

    return handler


def sender(body: Any, **attributes: str) -> Handler:
    def handler(event: Any, aws: Aws) -> Any:
        aws.send("parcels", body(event) if callable(body) else body, **attributes)

    return handler


def idempotent(key: str | None) -> Handler:
    def handler(event: Any, aws: Aws) -> Any:
        if key is not None:
            name = f"{key}#{event['id']}"
            if aws.get("payments", name) is not None:
                return {"done": True}
            aws.put("payments", {"id": name})
        aws.send("charges", {"order": event["id"]})
        return {"done": True}

    return handler


def publisher(kind: str) -> Handler:
    def handler(event: Any, aws: Aws) -> Any:
        aws.publish("shop", {"body": '{"id": 1}', "source": "shop", "detail_type": kind})

    return handler


def once(body: Any) -> Handler:
    def handler(event: Any, aws: Aws) -> Any:
        if aws.get("sent", event["id"]) is None:
            aws.put("sent", {"id": event["id"]})
            aws.send("parcels", body)

    return handler


def payer(*, again: bool) -> Handler:
    def handler(event: Any, aws: Aws) -> Any:
        item = aws.get("orders", event["id"])
        if again or (item and not item["paid"]):
            aws.send("paid", {"id": event["id"]})
        aws.update("orders", event["id"], paid=True)

    return handler


def reports(write: Any, read: Any) -> Handler:
    def handler(event: Any, aws: Aws) -> Any:
        if event["do"] == "place":
            aws.write("reports", "a.json", write)
            return {}
        return read(aws.read("reports", "a.json"))

    return handler


def plain_json(stored: Any) -> Any:
    return {"orders": stored["json"]["orders"]}


def any_form(stored: Any) -> Any:
    return {"orders": 41}


identity: Any = lambda item: item  # noqa: E731
WRITE, READ = ({"name": "report_1", "do": "place"}, {"name": "report_2", "do": "show"})

BREAKS = {
    "renamed attribute": Case(
        current=orders(place=lambda _: {"amount": 25}, show=lambda item: {"total": item["amount"]}),
        target=orders(),
        told=("KeyError: 'total'", 'orders {"id": "A-1"} of orders:4', "order_3_shown, rollback"),
    ),
    "number that became text": Case(
        current=orders(place=lambda _: {"total": "25.00"}, show=lambda i: {"t": float(i["total"])}),
        target=orders(show=lambda item: {"t": item["total"] + 1}),
        told=("TypeError", "rollback pass"),
    ),
    "new value of an enumeration": Case(
        current=orders(place=lambda _: {"total": 1, "status": "HOLD"}),
        target=orders(
            show=lambda i: {"total": i["total"], "s": {"NEW": 1}[i.get("status", "NEW")]}
        ),
        told=("KeyError: 'HOLD'", "order_3_shown, rollback pass"),
    ),
    "dropped on write-back": Case(
        current=orders(place=lambda _: {"total": 25, "currency": "EUR"}),
        target=orders(pay=only("id", "total")),
        told=('drops "currency" from orders {"id": "A-1"}, which orders:4 keeps', "order_2_paid"),
    ),
    "dropped from a nested map": Case(
        current=orders(place=lambda _: {"total": 25, "to": {"city": "Cork", "zip": "T12"}}),
        target=orders(pay=lambda i: i | {"paid": True, "to": {"city": i["to"]["city"]}}),
        told=('drops "to.zip" from orders {"id": "A-1"}',),
    ),
    "dropped from each line": Case(
        current=orders(place=lambda _: {"total": 1, "lines": [{"sku": "a", "tax": 1}] * 2}),
        target=orders(pay=lambda i: i | {"lines": [{"sku": x["sku"]} for x in i.get("lines", [])]}),
        told=('drops "lines[0].tax" from orders {"id": "A-1"}',),
    ),
    "dropped from JSON in a text": Case(
        current=orders(place=lambda _: {"total": 1, "doc": json.dumps({"a": 1, "b": 2})}),
        target=orders(pay=lambda i: i | {"doc": json.dumps({"a": 1})}),
        told=('drops "doc.b" from orders {"id": "A-1"}',),
    ),
    "dropped from a seeded item": Case(
        current=orders(),
        target=orders(pay=only("id", "total")),
        events=(PAY,),
        start=Aws(tables={"orders": {"A-1": {"id": "A-1", "total": 1, "note": "x"}}}),
        told=('drops "note" from orders {"id": "A-1"}', "order_2_paid, rollback pass"),
    ),
    "map written back as text": Case(
        current=orders(place=lambda _: {"total": 1, "to": {"city": "Cork"}}),
        target=orders(pay=lambda item: item | {"to": "Cork"}),
        told=('turns "to" of orders {"id": "A-1"} from map into text (order_2_paid, rollback',),
    ),
    "list written back as map": Case(
        current=orders(place=lambda _: {"total": 1, "lines": ["a"]}),
        target=orders(pay=lambda item: item | {"lines": {"a": 1}}),
        told=('turns "lines" of orders {"id": "A-1"} from list into map',),
    ),
    "JSON text written back compressed": Case(
        current=orders(place=lambda _: {"total": 1, "doc": '{"a": 1}'}),
        target=orders(pay=lambda item: item | {"doc": "H4sIAAAAAAAAA6tWSlSyMqwFAJ9cbVwHAAAA"}),
        told=('turns "doc"', "from JSON text into base64 of gzip bytes"),
    ),
    "time to live in milliseconds": Case(
        current=session(1),
        target=session(1000),
        events=({"name": "login_1", "id": "d-1"}, {"name": "login_2", "id": "d-1"}),
        start=Aws(ttl={"sessions": "expires_at"}),
        told=(
            'writes 1780000060000 as "expires_at" of sessions {"id": "d-1"} where orders:4 writes '
            "1780000060: seconds and milliseconds; DynamoDB deletes items by it",
        ),
    ),
    "schema version": Case(
        current=orders(place=lambda _: {"schema": 2, "total": 1}),
        target=orders(
            place=lambda _: {"schema": 1, "total": 1},
            show=lambda i: {"total": i["total"]} if i["schema"] == 1 else 1 // 0,
        ),
        told=("ZeroDivisionError", 'orders {"id": "A-1"} of orders:4', "rollback"),
    ),
    "what the target creates cannot be read": Case(
        current=orders(place=lambda _: {"total": 1, "at": 5}, show=lambda i: {"at": i["at"]}),
        target=orders(show=lambda item: {"at": 5}),
        told=(
            "leaves data with which orders:4 raises KeyError: 'at'",
            "order_3_shown, return pass",
        ),
    ),
    "what the target creates on a new state cannot be read": Case(
        current=orders(
            place=lambda _: {"total": 1, "at": 5}, show=lambda i: {"at": i["at"]}, new=True
        ),
        target=orders(show=lambda item: {"at": 5}, new=True),
        told=(
            "leaves data with which orders:4 raises KeyError: 'at'",
            "order_3_shown, return pass",
        ),
    ),
    "compressed object": Case(
        current=reports({"bytes": 40, "kind": "gzip"}, any_form),
        target=reports({"json": {"orders": 41}}, plain_json),
        events=(WRITE, READ),
        told=("KeyError: 'json'", "reports a.json of orders:4 (report_2, rollback pass)"),
    ),
    "lost key in a message": Case(
        current=sender({"id": 1, "carrier": "post"}),
        target=sender({"id": 1}),
        events=({"name": "parcel_1"},),
        told=('sends to the queue parcels without "carrier", which orders:4 always sends',),
    ),
    "lost attribute of a message": Case(
        current=sender({"id": 1}, carrier="post"),
        target=sender({"id": 1}),
        events=({"name": "parcel_1"},),
        told=(
            'sends to the queue parcels without the message attribute "carrier"',
            "parcel_1, rollback pass",
        ),
    ),
    "type in a message": Case(
        current=sender({"id": 1}),
        target=sender({"id": "1"}),
        events=({"name": "parcel_1"},),
        told=('sends "id" to the queue parcels as text where orders:4 sends number',),
    ),
    "message that is not sent": Case(
        current=sender({"id": 1}),
        target=lambda event, aws: None,
        events=({"name": "parcel_1"},),
        told=("sends nothing to the queue parcels where orders:4 does (parcel_1, rollback pass)",),
    ),
    "event that no rule would choose": Case(
        current=publisher("order-placed"),
        target=publisher("OrderPlaced\x1b[31m"),
        events=({"name": "order_1"},),
        told=(
            'sends to the bus shop with "detail_type" OrderPlaced\\x1b[31m where orders:4 sends '
            "order-placed: rules may not choose it any more (order_1, rollback pass)",
        ),
    ),
    "item that is not written": Case(
        current=lambda event, aws: aws.put("audit", {"id": event["name"], "n": aws_count(aws)}),
        target=lambda event, aws: None,
        events=({"name": "a"},),
        told=('does not update audit {"id": "a"}, which orders:4 does (a, rollback pass)',),
    ),
    "item that is deleted": Case(
        current=orders(),
        target=lambda event, aws: aws.delete("orders", "A-1") or {"id": "A-1"},
        events=(PAY,),
        start=Aws(tables={"orders": {"A-1": {"id": "A-1", "total": 1}}}),
        told=('deletes orders {"id": "A-1"}, which orders:4 keeps (order_2_paid, rollback pass)',),
    ),
    "idempotency that the target does not know": Case(
        current=idempotent("by-order"),
        target=idempotent(None),
        events=({"name": "payment_1", "id": "A-1"},),
        told=('does not write payments {"id": "by-order#A-1"}', "payment_1, rollback pass"),
    ),
    "key of a message that is sent once": Case(
        current=once({"id": 1, "carrier": "post"}),
        target=once({"id": 1}),
        events=({"name": "parcel_1", "id": "A-1"},),
        told=('sends to the queue parcels without "carrier"', "parcel_1, rollback pass"),
    ),
    "work that is done twice": Case(
        current=idempotent("by-order"),
        target=idempotent("by-message"),
        events=({"name": "payment_1", "id": "A-1"},),
        told=(
            "sends 1 to the queue charges where orders:4 sends 0: the work is done twice "
            "(payment_1, rollback pass)",
        ),
    ),
}


def aws_count(aws: Aws) -> int:
    return len(aws.all("audit")) + sum(item["n"] for item in aws.all("audit"))


NUMBER = numbered()


def with_ids(more: Any) -> Handler:
    def handler(event: Any, aws: Aws) -> Any:
        if event["do"] == "show":
            return {"orders": len(aws.all("orders"))}
        order = {"id": NUMBER(), "sku": event["id"]} | more
        aws.put("orders", order)
        aws.send("placed", order)
        return {"id": order["id"]}

    return handler


HARMLESS = {
    "the same": Case(current=orders(), target=orders()),
    "more attributes of the target": Case(
        current=orders(), target=orders(place=lambda _: {"total": 25, "legacy": 1})
    ),
    "kept by update expressions": Case(
        current=orders(place=lambda _: {"total": 25, "currency": "EUR"}),
        target=orders(pay=lambda item: item | {"paid": True}),
    ),
    "read with a default": Case(
        current=orders(
            place=lambda _: {"total": 25, "currency": "EUR"},
            show=lambda i: {"total": f"{i['total']} {i.get('currency', 'EUR')}"},
        ),
        target=orders(show=lambda i: {"total": f"{i['total']} EUR"}),
    ),
    "generated ids and times": Case(
        current=with_ids({"at": "2026-01-31T12:00:00.5Z", "expires": 1_780_000_000}),
        target=with_ids({"at": "2026-01-31", "expires": 1_790_000_000}),
        events=(*({"name": f"o_{n}", "do": "place", "id": n} for n in "ab"), SHOW),
    ),
    "more messages, as the target ever sent": Case(
        current=payer(again=False),
        target=payer(again=True),
        events=(PAY,),
        start=Aws(tables={"orders": {"A-1": {"id": "A-1", "total": 1, "paid": False}}}),
    ),
    "another order of elements": Case(
        current=orders(place=lambda _: {"total": 1, "lines": [{"a": 1}, {"b": 1}]}),
        target=orders(place=lambda _: {"total": 1, "lines": [{"b": 1}, {"a": 1}]}),
    ),
    "more keys in a message": Case(
        current=sender({"id": 1}),
        target=sender({"id": 1, "legacy": 7}, source="orders-1"),
        events=({"name": "parcel_1"},),
    ),
    "the same conflict": Case(current=orders(new=True), target=orders(new=True)),
    "both forms are read": Case(
        current=reports({"bytes": 40, "kind": "gzip"}, any_form),
        target=reports({"json": {"orders": 41}}, any_form),
        events=(WRITE, READ),
    ),
    "an attribute of the current version alone": Case(
        current=orders(pay=lambda item: item | {"paid": True, "paid_at": 1}),
        target=orders(),
    ),
    "a counter of the current version alone": Case(
        current=orders(pay=lambda item: item | {"paid": True, "rev": item.get("rev", 0) + 1}),
        target=orders(),
    ),
}


@pytest.mark.parametrize("case", BREAKS.values(), ids=BREAKS.keys())
def test_what_breaks_is_named_with_pass_event_and_item(case: Case) -> None:
    shared = Shared(current=case.current, target=case.target, events=case.events, start=case.start)
    judged = worded(shared.judge())
    told = [said(each) for each in judged.findings]
    assert judged.verdict is Verdict.BREAKS, judged
    assert any(all(part in text for part in case.told) for text in told), told


@pytest.mark.parametrize("case", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_is_harmless_is_safe(case: Case) -> None:
    shared = Shared(current=case.current, target=case.target, events=case.events, start=case.start)
    judged = worded(shared.judge())
    assert [said(each) for each in judged.findings] == []
    assert judged.verdict is Verdict.SAFE


@pytest.mark.parametrize("case", BREAKS.values(), ids=BREAKS.keys())
def test_a_version_is_safe_for_itself(case: Case) -> None:
    for handler in (case.current, case.target):
        shared = Shared(current=handler, target=handler, events=case.events, start=case.start)
        judged = worded(shared.judge())
        assert [said(each) for each in judged.findings] == []
        assert judged.verdict is Verdict.SAFE
