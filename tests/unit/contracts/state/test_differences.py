"""Stored values by type, and how they differ."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
from typing import Any

import pytest

from pytest_lambda_rollback.contracts.state.changes import changes
from pytest_lambda_rollback.contracts.state.differences import DifferenceKind, differences
from pytest_lambda_rollback.contracts.state.matching import paired
from pytest_lambda_rollback.contracts.state.values import (
    Opaque,
    at,
    kind_of,
    place_text,
    shown,
    shown_key,
    value_of,
)
from pytest_lambda_rollback.model.services import StoredItem, StoredState

PACKED = base64.b64encode(gzip.compress(b'{"id": 1, "lines": [1, 2, 3]}')).decode()
LOST, RETYPED, UNIT = DifferenceKind


def item(value: Any, service: str = "dynamodb", container: str = "t", key: str = "k") -> StoredItem:
    return StoredItem(service=service, container=container, key=key, value=json.dumps(value))


def state(*items: StoredItem) -> StoredState:
    return StoredState(items=items)


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [
        ({"S": "a"}, "text"),
        ({"S": '{"a": 1}'}, "JSON text"),
        ({"S": "[1"}, "text"),
        ({"S": PACKED}, "base64 of gzip bytes"),
        ({"S": "ABCDEFGHIJKLMNOPQRSTUVWXYZAB"}, "text"),
        ({"N": "1.5"}, "number"),
        ({"BOOL": True}, "boolean"),
        ({"NULL": True}, "null"),
        ({"M": {"a": {"N": "1"}}}, "map"),
        ({"L": [{"N": "1"}]}, "list"),
        ({"SS": ["a"]}, "set of texts"),
        ({"NS": ["1"]}, "set of numbers"),
        ({"BS": ["YQ=="]}, "set of bytes"),
        ({"B": PACKED}, "gzip bytes"),
        ({"B": base64.b64encode(pickle.dumps([1])).decode()}, "pickle"),
        ({"B": "YWJj"}, "bytes"),
        ({"B": "not base64"}, "bytes"),
    ],
)
def test_kinds_of_a_tables_attributes(attribute: Any, kind: str) -> None:
    value = value_of(item({"a": attribute}))
    assert isinstance(value, dict)
    assert kind_of(value["a"]) == kind


def test_an_attribute_may_have_the_name_of_a_type() -> None:
    value = value_of(item({"S": {"S": "x"}, "M": {"M": {"N": {"N": "1"}}}}))
    assert value == {"S": "x", "M": {"N": 1}}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"json": {"a": 1}}, "map"),
        ({"text": "a,b"}, "text"),
        ({"bytes": 9, "kind": "gzip", "holds": {"json": {"a": 1}}}, "gzip bytes"),
        ({"bytes": 9, "kind": "pickle"}, "pickle"),
        ({"bytes": 9, "kind": "binary"}, "bytes"),
    ],
)
def test_kinds_of_an_object(content: Any, kind: str) -> None:
    value = value_of(item(content | {"content_type": "x", "metadata": {"m": "1"}}, "s3"))
    assert [kind_of(each) for each in at(value, ("content",))] == [kind]
    assert list(at(value, ("metadata", "m"))) == ["1"]


def test_places_lead_into_json_text_and_what_is_packed() -> None:
    value = value_of(
        item({"bytes": 9, "kind": "gzip", "holds": {"json": {"a": ['{"b": 1}']}}}, "s3")
    )
    assert list(at(value, ("content", "a", 0, "b"))) == [1]
    assert list(at(value, ("content", "a", "*", "b"))) == [1]
    assert list(at(value, ("content", "b"))) == []
    assert place_text(("content", "a", 0, "b")) == "content.a[0].b"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ('{"id": {"S": "o-1"}}', '{"id": "o-1"}'),
        ('{"id": "o-1", "n": 5}', '{"id": "o-1", "n": 5}'),
        ("2026/1.json", "2026/1.json"),
        ("5", "5"),
        ("a\x1b[31m", "a\\x1b[31m"),
    ],
)
def test_keys_as_they_are_shown(key: str, text: str) -> None:
    assert shown_key(item({}, key=key)) == text


S = 1_780_000_000


@pytest.mark.parametrize(
    ("samples", "target", "found"),
    [
        ([{"a": 1}, {"a": 2}], {"a": 3}, []),
        ([{"a": 1}, {"a": 1}], {"a": 1, "b": 2}, []),
        ([{"a": 1, "b": 1}] * 2, {"a": 1}, [(LOST, ("b",))]),
        ([{"a": 1, "b": 1}, {"a": 1}], {"a": 1}, []),
        ([{"a": 1}] * 2, {"a": "1"}, [(RETYPED, ("a",))]),
        ([{"a": 1}, {"a": "1"}], {"a": "1"}, []),
        ([{"a": None}] * 2, {"a": "x"}, []),
        ([{"a": "x"}] * 2, {"a": None}, [(RETYPED, ("a",))]),
        ([{"a": True}] * 2, {"a": 1}, [(RETYPED, ("a",))]),
        ([{"a": {"b": 1, "c": 1}}] * 2, {"a": {"b": 1}}, [(LOST, ("a", "c"))]),
        ([{"a": '{"b": 1, "c": 1}'}] * 2, {"a": '{"c": 1}'}, [(LOST, ("a", "b"))]),
        ([{"a": '{"b": 1}'}] * 2, {"a": PACKED}, [(RETYPED, ("a",))]),
        ([{"a": '{"b": 1}'}] * 2, {"a": '{"b": "1"}'}, [(RETYPED, ("a", "b"))]),
        ([[1, 2]] * 2, [1], []),
        ([[{"a": 1, "b": 1}]] * 2, [{"a": 1}], [(LOST, (0, "b"))]),
        ([[{"a": 1, "b": 1}] * 2] * 2, [{"a": 1}], [(LOST, ("*", "b"))]),
        ([[{"a": 1}, {"b": 1}]] * 2, [{"b": 1}, {"a": 1}], []),
        ([[{"a": 1}, {"b": 1}], [{"b": 1}, {"a": 1}]], [{"a": 1}, {"b": 1}], []),
        ([[]] * 2, [{"a": 1}], []),
        ([[1]] * 2, ["1"], [(RETYPED, (0,))]),
        ([{"t": S}, {"t": S + 9}], {"t": S * 1000}, [(UNIT, ("t",))]),
        ([{"t": S * 1000}] * 2, {"t": S}, [(UNIT, ("t",))]),
        ([{"t": 5}] * 2, {"t": 5000}, []),
        ([{"t": S}] * 2, {"t": S * 2}, []),
        ([{"t": S}] * 2, {"t": True}, [(RETYPED, ("t",))]),
        ([Opaque(kind="pickle")] * 2, Opaque(kind="pickle", text="of 9 bytes"), []),
        ([Opaque(kind="pickle")] * 2, Opaque(kind="bytes"), [(RETYPED, ())]),
        (
            [Opaque(kind="gzip bytes", within={"a": 1, "b": 1})] * 2,
            Opaque(kind="gzip bytes", within={"a": 1}),
            [(LOST, ("b",))],
        ),
    ],
)
def test_types_differ_not_values(samples: Any, target: Any, found: Any) -> None:
    assert [(each.kind, each.place) for each in differences(samples, target)] == found


def test_changes_are_told_by_key_and_messages_by_what_is_new() -> None:
    before = state(
        item({"n": {"N": "1"}}, key="a"),
        item({"n": {"N": "1"}}, key="b"),
        item({"ttl": "x"}, key=""),
        item({"body": "one"}, "sqs", "q", "1"),
        item({"body": "two"}, "sqs", "q", "2"),
    )
    after = state(
        item({"n": {"N": "2"}}, key="a"),
        item({"n": {"N": "1"}}, key="c"),
        item({"ttl": "y"}, key=""),
        item({"body": "two"}, "sqs", "q", "1"),
        item({"body": "two"}, "sqs", "q", "2"),
    )
    found = changes(before, after)
    assert [(c.key[2], c.before is None, c.after is None) for c in found.items] == [
        ("a", False, False),
        ("b", False, True),
        ("c", True, False),
    ]
    assert [json.loads(each.value)["body"] for each in found.messages] == ["two"]
    assert not changes(after, after)


@pytest.mark.parametrize(
    ("samples", "target", "pairs", "missing", "extra"),
    [
        ([["a"], ["b"]], ["c"], [(["a", "b"], 0)], [], []),
        ([["a", "b"], ["a", "b"]], ["b"], [(["b", "b"], 0)], [0], []),
        ([["a"], ["a"]], ["b", "a"], [(["a", "a"], 1)], [], [0]),
        ([["a", "b"], ["a"]], ["a"], [(["a", "a"], 0)], [], []),
        ([["a"], ["a", "b"]], ["a", "b"], [(["a", "a"], 0)], [], []),
        ([[], []], ["a"], [], [], [0]),
        ([["a"], ["a"]], [], [], [0], []),
        (
            [[{"t": "x", "n": 1}, {"t": "y", "n": 2}]] * 2,
            [{"t": "y", "n": 9}, {"t": "x", "n": 8}],
            [([{"t": "x", "n": 1}] * 2, 1), ([{"t": "y", "n": 2}] * 2, 0)],
            [],
            [],
        ),
    ],
)
def test_what_has_no_key_is_paired_by_likeness(
    samples: Any, target: Any, pairs: Any, missing: Any, extra: Any
) -> None:
    assert paired(samples, target) == (pairs, missing, extra)


def test_many_are_paired_by_their_order() -> None:
    many = [str(n) for n in range(500)]
    pairs, missing, extra = paired([many, many], many)
    assert [number for _, number in pairs] == list(range(500))
    assert (missing, extra) == ([], [])


HOSTILE = [
    "",
    "not JSON",
    "[" * 5000,
    '{"a": {"S": "' + "[" * 5000 + '"}}',
    '{"a": {"N": "NaN"}}',
    '{"a": {"N": "1E+125"}}',
    '{"a": {"N": "' + "9" * 5000 + '"}}',
    '{"a": {"N": 5}}',
    '{"a": {"B": "\\u0000"}}',
    '{"a": {"M": []}}',
    '{"a": {"L": {"S": "x"}}}',
    '{"a": {"S": "x", "N": "1"}}',
    '{"a": []}',
    '{"a": "\\ud800"}',
    '{"body": 5, "attributes": [], "detail_type": null}',
    '{"json": 1, "text": 2, "holds": 3}',
    "[[], {}, null, true]",
    "1e999",
]


@pytest.mark.parametrize("one", HOSTILE)
@pytest.mark.parametrize("service", ["dynamodb", "s3", "sqs", "events", "ssm"])
def test_nothing_that_a_function_stores_is_too_much(one: str, service: str) -> None:
    for other in HOSTILE:
        items = [
            StoredItem(service=service, container="c", key=text[:100], value=text)
            for text in (one, other)
        ]
        current, target = (value_of(each) for each in items)
        found = list(differences([current, current], target))
        assert found == [] if one == other else isinstance(found, list)
        for each in found:
            assert place_text(each.place).isprintable()
            assert shown(each.current).isprintable()
            assert shown(each.target).isprintable()
        assert shown_key(items[0]).isprintable()
        paired([[current], [current]], [target, target])
        changes(state(items[0]), state(items[1]))
