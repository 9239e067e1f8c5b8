"""The ``response`` table from the configuration to the verdict, on real replays."""

from __future__ import annotations

import json

import pytest

from helpers import made_events
from helpers.made_projects import Project

FULL_OF_CHANCE = """
import random, time, uuid
from datetime import datetime, timezone

def handler(event, context):
    lines = [{"sku": sku, "price": price, "line_id": str(uuid.uuid4())}
             for sku, price in (("tea", 4.5), ("cup", 9), ("pot", 20), ("tin", 2), ("jug", 7))]
    random.shuffle(lines)
    return {
        "id": event["id"],
        "request_id": context.aws_request_id,
        "order": str(uuid.uuid4()),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "epoch": int(time.time()),
        "lines": lines,
        "tags": random.sample(["new", "gift", "bulk", "web", "eu", "b2b"], 6),
    }
"""
ORDER = """
import uuid

def handler(event, context):
    return {"id": event["id"], "order": str(uuid.uuid4()), "total": TOTAL, "note": "NOTE"}
"""


def order(total: str = "25.0", note: str = "") -> str:
    return ORDER.replace("TOTAL", total).replace("NOTE", note)


def configure(project: Project, response: str) -> None:
    project.configure('current = "2"', 'events = "events"', f"response = {response}")


@pytest.fixture
def orders(project: Project) -> Project:
    """Both versions answer the same order, on one event."""
    (project.path / "events" / "gift_card.json").unlink()
    project.version("2", order())
    project.version("1", order())
    return project


def run(project: Project) -> pytest.RunResult:
    """The replay of the one event alone."""
    return project.run("--lambda-rollback-strategy=alias", "-k", "create")


def test_exact_is_safe_on_a_function_full_of_chance_without_any_rule(orders: Project) -> None:
    orders.version("2", FULL_OF_CHANCE)
    orders.version("1", FULL_OF_CHANCE)
    configure(orders, '{ mode = "exact" }')
    result = run(orders)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1)


def test_exact_finds_a_changed_value_in_the_midst_of_chance(orders: Project) -> None:
    orders.version("2", FULL_OF_CHANCE)
    orders.version("1", FULL_OF_CHANCE.replace('("pot", 20)', '("pot", 21)'))
    configure(orders, '{ mode = "exact" }')
    result = run(orders)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "breaks: create: *:1 by alias answers a different value at /lines/[*]/price from *:2",
            "response: value-changed at /lines/[*]/price",
            "  current  20",
            "  target   21",
        ]
    )


def test_shape_does_not_look_at_values_and_ignore_leaves_a_place_out(orders: Project) -> None:
    orders.version("1", order("26.0", "other"))
    configure(orders, '{ mode = "shape" }')
    run(orders).assert_outcomes(passed=1)
    configure(orders, '{ mode = "exact", ignore = ["/total"] }')
    result = run(orders)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["breaks: create: *a different value at /note from orders:2*"])
    result.stdout.no_fnmatch_line("*at /total*")
    configure(orders, '{ mode = "exact", ignore = ["/total", "/note"] }')
    run(orders).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("total", "note", "missed"),
    [
        ("25.009", "A12", None),
        ("25.02", "A12", "/total that is not within 0.01 of the current version's number"),
        ("25.0", "B1", "/note that is not text that matches ^A[0-9]+$"),
    ],
)
def test_matchers(orders: Project, total: str, note: str, missed: str | None) -> None:
    orders.version("2", order(note="A1"))
    orders.version("1", order(total, note))
    configure(
        orders,
        '{ mode = "exact", matchers = { "/order" = "uuid", "/total" = { tolerance = 0.01 }, '
        '"/note" = { regex = "^A[0-9]+$" } } }',
    )
    result = run(orders)
    if missed is None:
        result.assert_outcomes(passed=1)
        return
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = result.stdout.str()
    assert f"breaks: create: orders:1 by alias answers with a value at {missed}" in text
    assert "response: matcher-missed at /" in text


def test_schema(orders: Project) -> None:
    schema = {"required": ["id", "total"], "properties": {"total": {"type": "number"}}}
    (orders.path / "schemas").mkdir()
    (orders.path / "schemas" / "order.json").write_text(json.dumps(schema))
    configure(orders, '{ mode = "schema", schema = "schemas/order.json" }')
    orders.version("1", order("31").replace('"note"', '"remark"'))
    run(orders).assert_outcomes(passed=1)
    orders.version("1", order("'31'"))
    result = run(orders)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "breaks: create: orders:1 by alias answers with a value at /total that "
            "schemas/order.json does not allow: '31' is not of type 'number'",
            "response: schema-type at /total",
            "  current  25.0",
            '  target   "31"',
        ]
    )


def test_a_schema_that_the_current_version_misses_is_unknown(orders: Project) -> None:
    (orders.path / "order.json").write_text('{"required": ["price"]}')
    configure(orders, '{ mode = "schema", schema = "order.json" }')
    result = run(orders)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["unknown: *orders:2 itself does not satisfy order.json at /price: 'price' is a required*"]
    )


def test_a_schema_that_refers_elsewhere_is_a_usage_error(orders: Project) -> None:
    (orders.path / "order.json").write_text('{"$ref": "https://example.com/order.json"}')
    configure(orders, '{ mode = "schema", schema = "order.json" }')
    result = run(orders)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ['*refers to "https://example.com/order.json": a schema may refer only to itself*']
    )


def test_the_source_of_the_event_decides_what_counts(orders: Project) -> None:
    answers = "def handler(event, context):\n    return "
    orders.version("2", answers + '{"batchItemFailures": [], "seen": 2}')
    orders.version("1", answers + '{"batchItemFailures": [{"itemIdentifier": "m2"}]}')
    orders.event("create", made_events.sqs("m1", "m2"))
    configure(orders, '{ mode = "shape" }')
    result = run(orders)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "breaks: create: orders:1 by alias reports a message as failed that orders:2 handles",
            "response: batch-item-failure at /batchItemFailures/0",
            '  target   {"itemIdentifier": "m2"}',
        ]
    )
    result.stdout.no_fnmatch_line("*/seen*")
