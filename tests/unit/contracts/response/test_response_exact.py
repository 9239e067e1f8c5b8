"""Mode ``exact``: the same values, without what differs by itself."""

from __future__ import annotations

import json
import random
import time
import uuid
from dataclasses import replace

import pytest

from helpers import judged_responses
from helpers.judged_responses import found
from helpers.subjects import said, subject
from pytest_lambda_rollback.contracts import response
from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import ResponseRule


def judged(baseline: list[object], target: object, *ignore: str) -> Judgement:
    return judged_responses.judged(baseline, target, *ignore, mode="exact")


SAME = object()
ID_A, ID_B, ID_C = (
    "5a1f0f7e-5b7c-4d5e-9a51-0c2f3a0b7d11",
    "0d9d3f0c-8f3a-4f7b-b7a7-1f1a4a1f9c22",
    "c3b2a190-7d6e-4c5b-8a49-382716f5e433",
)


@pytest.mark.parametrize(
    ("first", "second", "target", "expected"),
    [
        # values
        ({"a": 1}, SAME, {"a": 1.0}, []),
        ({"a": 1}, SAME, {"a": 2}, [("value-changed", "/a")]),
        ({"a": 1}, SAME, {"a": True}, [("type-changed", "/a")]),
        ({"a": "x"}, SAME, {"a": "y"}, [("value-changed", "/a")]),
        ({"a": None}, SAME, {"a": 1}, [("type-changed", "/a")]),
        ({"a": 1}, SAME, {}, [("lost-key", "/a")]),
        ({}, SAME, {"a": 1}, [("added-key", "/a")]),
        (float("nan"), SAME, float("nan"), []),
        # noise keeps its JSON type, and its place
        ({"a": 1}, {"a": 2}, {"a": 3}, []),
        ({"a": "x"}, {"a": "y"}, {"a": 3}, [("type-changed", "/a")]),
        ({"a": "x"}, {"a": "y"}, {"a": None}, [("type-changed", "/a")]),
        ({"a": "x"}, {"a": "y"}, {}, [("lost-key", "/a")]),
        ({"a": "x"}, {"a": None}, {"a": "z"}, []),
        ({"a": {"b": 1}}, {"a": [1]}, {"a": {"c": 2}}, []),
        ({"k1": 1}, {"k2": 1}, {"k3": 1}, []),
        ({"k1": 1, "n": 1}, {"k2": 1, "n": 1}, {"n": 2}, [("value-changed", "/n")]),
        # arrays in a meaningful order
        ([1, 2, 3], SAME, [1, 2, 3], []),
        ([1, 2, 3], SAME, [1, 9, 3], [("value-changed", "/1")]),
        ([1, 2, 3], SAME, [3, 2, 1], [("order-changed", "")]),
        ([1, 2, 3], SAME, [1, 2], [("value-changed", "")]),
        (["x", ID_A], ["x", ID_B], ["y", ID_C], [("value-changed", "/0")]),
        ([{"k": "a", "v": 1}, {"k": "id", "v": 2}], [{"k": "a", "v": 1}, {"k": "id", "v": 3}],
         [{"k": "a", "v": 5}, {"k": "id", "v": 4}], [("value-changed", "/0/v")]),
        # arrays whose order varies
        ([1, 2, 3], [3, 1, 2], [2, 3, 1], []),
        ([1, 2, 3], [3, 1, 2], [2, 3, 9], [("value-changed", "/*")]),
        ([1, 2, 3], [3, 1, 2], [2, 8, 9], [("value-changed", "")]),
        ([1, 1, 2], [2, 1, 1], [1, 2, 2], [("value-changed", "/*")]),
        ([{"n": 1, "id": "r"}, {"n": 2, "id": "s"}], [{"n": 2, "id": "t"}, {"n": 1, "id": "u"}],
         [{"n": 2, "id": "v"}, {"n": 1, "id": "w"}], []),
        ([{"n": 1, "id": "r"}, {"n": 2, "id": "s"}], [{"n": 2, "id": "t"}, {"n": 1, "id": "u"}],
         [{"n": 2, "id": 7}, {"n": 1, "id": "w"}], [("type-changed", "/*/id")]),
        ([{"n": 1, "id": "r"}, {"n": 2, "id": "s"}], [{"n": 2, "id": "t"}, {"n": 1, "id": "u"}],
         [{"n": 2, "id": "v"}, {"n": 3, "id": "w"}], [("value-changed", "/*/n")]),
        # order and values free themselves alone: a list, or an item, beside them is compared
        ({"a": [1, 2, 3], "b": [1, 2, 3]}, {"a": [3, 1, 2], "b": [1, 2, 3]},
         {"a": [2, 1, 3], "b": [3, 2, 1]}, [("order-changed", "/b")]),
        ([{"l": [1, 2, 3]}, {"l": [4, 5, 6]}], [{"l": [3, 1, 2]}, {"l": [4, 5, 6]}],
         [{"l": [2, 3, 1]}, {"l": [6, 5, 4]}], [("order-changed", "/1/l")]),
        ([{"v": n} for n in range(9)], [{"v": n or 9} for n in range(9, -1, -1)][1:],
         [{"v": 77}] * 9, [("value-changed", "/4/v")]),
        ([{"n": 1, "p": 1}, {"n": 2, "p": 1}], [{"n": 2, "p": 1}, {"n": 1, "p": 1}],
         [{"n": 1}, {"n": 2}], [("lost-key", "/*/p")]),
        # arrays whose length varies keep the shape of their elements
        ([{"p": 1}], [{"p": 2}, {"p": 3}], [{"p": 4}] * 3, []),
        ([{"p": 1}], [{"p": 2}, {"p": 3}], [{"p": "x"}], [("type-changed", "/0/p")]),
        ([{"p": 1}], [{"p": 2}, {"p": 3}], [], [("value-changed", "")]),
        ([], [{"p": 2}, {"p": 3}], [], []),
        # … and what is constant in them: a member of all, one that another decides, an item
        ([{"p": 1, "c": "EUR"}], [{"p": 2, "c": "EUR"}] * 2, [{"p": 3, "c": "EUR"}] * 3, []),
        ([{"p": 1, "c": "EUR"}], [{"p": 2, "c": "EUR"}] * 2, [{"p": 3, "c": "USD"}],
         [("value-changed", "/*/c")]),
        ([{"p": 1, "m": {"c": "EUR"}}], [{"p": 2, "m": {"c": "EUR"}}] * 2,
         [{"p": 3, "m": {"c": "USD"}}], [("value-changed", "/*/m/c")]),
        ([{"s": "a", "p": 1}], [{"s": "a", "p": 1}, {"s": "b", "p": 2}],
         [{"s": "b", "p": 2}, {"s": "c", "p": 3}, {"s": "a", "p": 1}], []),
        ([{"s": "a", "p": 1}], [{"s": "b", "p": 2}, {"s": "a", "p": 1}], [{"s": "a", "p": 9}],
         [("value-changed", ""), ("value-changed", "/*/p")]),
        (["x", "a"], ["x", "b", "c"], ["d"], [("value-changed", "")]),
        (["x", "a"], ["x", "b", "c"], ["d", "x"], []),
        (["EUR"], ["EUR", "EUR"], ["USD"], [("value-changed", ""), ("value-changed", "/*")]),
        # maps whose keys are data
        ({"k1": {"c": "EUR"}}, {"k2": {"c": "EUR"}}, {"k3": {"c": "EUR"}}, []),
        ({"k1": {"c": "EUR"}}, {"k2": {"c": "EUR"}}, {"k3": {"c": "USD"}},
         [("value-changed", "/*/c")]),
        ({"k1": {"c": "EUR"}}, {"k2": {"c": "EUR"}}, {"k3": {}}, [("lost-key", "/*/c")]),
        # what is there by chance is compared where it is
        ({"n": 1, "o": "x"}, {"n": 1}, {"n": 1, "o": "y"}, []),
        ({"n": 1, "o": "x"}, {"n": 1, "o": "x"}, {"n": 1, "o": "y"}, [("value-changed", "/o")]),
        # a value that differs keeps its form
        ({"a": ID_A}, {"a": ID_B}, {"a": ID_C}, []),
        ({"a": ID_A}, {"a": ID_B}, {"a": "none"}, [("value-changed", "/a")]),
        ({"a": "x"}, {"a": "y"}, {"a": ""}, [("value-changed", "/a")]),
        ({"a": ""}, {"a": "y"}, {"a": ""}, []),
        ({"a": 1772366400}, {"a": 1772366401}, {"a": 1772366477}, []),
        ({"a": 1772366400}, {"a": 1772366401}, {"a": 0}, [("value-changed", "/a")]),
        ({"a": 1772366400}, {"a": 1772366401}, {"a": 1772966401}, [("value-changed", "/a")]),
        ({"a": 1772366400}, {"a": 1872366401}, {"a": 1272966401}, []),
        ({"a": "2026-03-01T12:00:00Z"}, {"a": "2026-03-01T12:00:01Z"}, {"a": "never"},
         [("value-changed", "/a")]),
        ({"a": "order 7f3a accepted at 12:00:01"}, {"a": "order 9c1b accepted at 12:00:01"},
         {"a": "order 11ee accepted at 12:01:00"}, []),
        ({"a": "order 7f3a accepted at 12:00:01"}, {"a": "order 9c1b accepted at 12:00:01"},
         {"a": "order 11ee refused at 12:01:00"}, [("value-changed", "/a")]),
        ({"a": "one two three"}, {"a": "four five six"}, {"a": "seven"}, []),
    ],
)  # fmt: skip
def test_exact(
    first: object, second: object, target: object, expected: list[tuple[str, str]]
) -> None:
    baseline = [first, first if second is SAME else second]
    assert found(judged(baseline, target)) == expected


@pytest.mark.parametrize(
    ("first", "second", "target"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z", "2026-03-01T12:00:07Z"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z", "2026-03-01T13:00:02+01:00"),
        ("2026-03-01 12:00:00.123456", "2026-03-01 12:00:01.5", "2026-03-01 12:00:09"),
        ("2026-03-01", "2026-03-02", "2026-03-02"),
        ("Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:01 GMT",
         "Sun, 01 Mar 2026 12:00:05 GMT"),
        (1772366400, 1772366401, 1772366402),
        (1772366400.25, 1772366401.5, 1772366402.5),
        (1772366400000, 1772366400999, 1772366402999),
    ],
)  # fmt: skip
def test_a_time_is_the_clocks_if_it_follows_it(
    first: object, second: object, target: object
) -> None:
    assert found(judged([{"v": first}, {"v": second}], {"v": target})) == []
    # One on which replays agree is a value: 1,500,000,000 is a balance as well.
    assert found(judged([{"v": first}] * 2, {"v": target})) == [("value-changed", "/v")]


def test_times_in_a_shuffled_list() -> None:
    def items(second: int, *names: str) -> list[object]:
        return [{"name": name, "at": f"2026-03-01T12:00:{second:02}Z"} for name in names]

    baseline: list[object] = [items(0, "a", "b", "c"), items(1, "c", "a", "b")]
    assert found(judged(baseline, items(2, "b", "c", "a"))) == []
    assert found(judged(baseline, items(2, "b", "c", "x"))) == [("value-changed", "/*/name")]


@pytest.mark.parametrize(
    ("key", "current", "target", "took_s", "differs"),
    [
        ("took_ms", 0, 20, (0.001, 0.021), False),
        ("tookMs", 0, 20, (0.001, 0.021), False),
        ("took", 0, 20, (0.001, 0.021), False),
        ("duration", 0, 1, (0.1, 1.2), False),
        ("elapsed_s", 0.0, 0.02, (0.001, 0.021), False),
        ("X-Response-Time", "0ms", "20ms", (0.001, 0.021), False),
        ("execution_time", "0.0 s", "0.02 s", (0.001, 0.021), False),
        ("ms", 0, 20, (0.001, 0.021), False),
        (
            "Server-Timing",
            "db;dur=0, total;dur=0.1",
            "db;dur=5, total;dur=20",
            (0.001, 0.021),
            False,
        ),
        ("message", "3 items in 0 ms", "3 items in 20 ms", (0.001, 0.021), False),
        ("message", "3 items in 0 ms", "4 items in 20 ms", (0.001, 0.021), True),
        ("message", "3 items in 0 ms", "3 items in 50 ms", (0.001, 0.021), True),
        ("message", "waits 0 ms", "waits 20 ms", (0.001, 0.021), True),
        ("remaining_ms", 3000, 2980, (0.001, 0.021), False),
        # longer than the replay, so it is not what the replay took
        ("took_ms", 0, 20, (0.001, 0.001), True),
        ("duration", 120, 125, (0.001, 0.021), True),
        ("duration_s", 5, 6, (0.001, 0.021), True),
        ("remaining_ms", 3000, 900, (0.001, 0.021), True),
        # of something else
        ("delay_ms", 0, 20, (0.001, 0.021), True),
        ("preparation_time", 0, 20, (0.001, 0.021), True),
        ("count", 0, 20, (0.001, 0.021), True),
        ("seats_left", 30, 20, (0.001, 0.021), True),
        ("took_ms", "fast", "slow", (0.001, 0.021), True),
    ],
)
def test_how_long_replays_took_is_no_difference(
    key: str, current: object, target: object, took_s: tuple[float, float], differs: bool
) -> None:
    now, then = (
        replace(judged_responses.answer({key: value}), duration_s=each)
        for value, each in zip((current, target), took_s, strict=True)
    )
    judgement = response.judge((now, now), then, ResponseRule(mode="exact"), subject=subject("2"))
    assert found(judgement) == ([("value-changed", f"/{key}")] if differs else [])


def busy_answer(chance: random.Random, size: int) -> dict[str, object]:
    def identity() -> str:
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))

    items: list[object] = [
        {
            "id": identity(),
            "sku": f"sku-{n}",
            "price": n / 4,
            "tags": chance.sample(["new", "hot", "last"], 3),
            "score": chance.randrange(10),
        }
        for n in range(size)
    ]
    chance.shuffle(items)
    return {
        "request_id": identity(),
        "created_at": "2026-03-01T12:00:00Z",
        "items": items,
        "flags": chance.sample(range(40), 40),
    }


@pytest.mark.parametrize("seed", range(20))
def test_a_function_full_of_chance_is_safe_without_any_ignore_rule(seed: int) -> None:
    chance = random.Random(seed)
    baseline: list[object] = [
        {**busy_answer(chance, 60), "created_at": f"2026-03-01T12:00:{n:02}Z"} for n in range(12)
    ]
    target = {**busy_answer(chance, 60), "created_at": "2026-03-01T12:00:07Z"}
    assert found(judged(baseline, target)) == []


def test_a_changed_value_among_chance_is_found() -> None:
    chance = random.Random(7)
    baseline: list[object] = [busy_answer(chance, 60) for _ in range(12)]
    target = json.loads(json.dumps(busy_answer(chance, 60)))
    target["items"][30]["price"] = 99
    (finding,) = judged(baseline, target).findings
    assert (finding.kind, finding.location, finding.target) == (
        "value-changed",
        "/items/*/price",
        "99",
    )
    assert said(finding) == "orders:2 answers a different value at /items/*/price from orders:4"


def test_ignored_places_have_no_part_in_matching_a_shuffled_list() -> None:
    baseline: list[object] = [
        [{"n": 1, "p": 1}, {"n": 2, "p": 2}],
        [{"n": 2, "p": 2}, {"n": 1, "p": 1}],
    ]
    target = [{"n": 1, "p": 5}, {"n": 2, "p": 6}]
    assert found(judged(baseline, target, "/*/p")) == []
    assert found(judged(baseline, target)) != []


def test_a_third_replay_narrows_what_is_compared() -> None:
    assert found(judged([{"n": 4}, {"n": 4}], {"n": 5})) == [("value-changed", "/n")]
    assert found(judged([{"n": 4}, {"n": 4}, {"n": 6}], {"n": 5})) == []


@pytest.mark.parametrize(
    ("first", "second", "target", "expected"),
    [
        (b"hello", b"hello", b"hello", []),
        (b"hello", b"hello", b"bye", [("value-changed", "")]),
        (b"hello 1", b"hello 2", b"bye", []),
    ],
)
def test_content_that_is_not_json(
    first: bytes, second: bytes, target: bytes, expected: list[tuple[str, str]]
) -> None:
    first_run, second_run, other = (
        Outcome(kind=OutcomeKind.RESPONSE, payload=payload, content_type="text/plain")
        for payload in (first, second, target)
    )
    judgement = response.judge(
        (first_run, second_run),
        other,
        ResponseRule(mode="exact"),
        subject=subject("2"),
    )
    assert found(judgement) == expected


@pytest.mark.parametrize("rotation", [0, 1])
def test_ten_thousand_shuffled_elements_are_no_matter(rotation: int) -> None:
    chance = random.Random(1)
    runs: list[object] = []
    for _ in range(2 + rotation):
        items: list[object] = [{"n": n, "id": chance.random()} for n in range(10_000)]
        chance.shuffle(items)
        runs.append(items)
    target: list[object] = [{"n": n, "id": 0.5} for n in range(10_000)]
    started = time.monotonic()
    assert found(judged(runs, target)) == []
    assert time.monotonic() - started < 60  # a quadratic comparison takes far longer
