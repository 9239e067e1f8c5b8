"""Mode ``exact``: the same values, without what differs by itself."""

from __future__ import annotations

import json
import random
import time
import uuid

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
        ([{"n": 1, "id": ID_A}, {"n": 2, "id": ID_B}], [{"n": 2, "id": ID_C}, {"n": 1, "id": "u"}],
         [{"n": 2, "id": "v"}, {"n": 1, "id": "w"}], []),
        ([{"n": 1, "id": ID_A}, {"n": 2, "id": ID_B}], [{"n": 2, "id": ID_C}, {"n": 1, "id": "u"}],
         [{"n": 2, "id": 7}, {"n": 1, "id": "w"}], [("type-changed", "/*/id")]),
        ([{"n": 1, "id": ID_A}, {"n": 2, "id": ID_B}], [{"n": 2, "id": ID_C}, {"n": 1, "id": "u"}],
         [{"n": 2, "id": "v"}, {"n": 3, "id": "w"}], [("value-changed", "/*/n")]),
        ([{"n": 1, "p": 1}, {"n": 2, "p": 1}], [{"n": 2, "p": 1}, {"n": 1, "p": 1}],
         [{"n": 1}, {"n": 2}], [("lost-key", "/*/p")]),
        # arrays whose length varies keep the shape of their elements
        ([{"p": 1}], [{"p": 2}, {"p": 3}], [], []),
        ([{"p": 1}], [{"p": 2}, {"p": 3}], [{"p": "x"}], [("type-changed", "/0/p")]),
    ],
)  # fmt: skip
def test_exact(
    first: object, second: object, target: object, expected: list[tuple[str, str]]
) -> None:
    baseline = [first, first if second is SAME else second]
    assert found(judged(baseline, target)) == expected


@pytest.mark.parametrize(
    ("current", "target", "differs"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z", False),
        ("2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", False),
        ("2026-03-01 12:00:00.123456", "2026-03-01 12:00:09", False),
        ("2026-03-01", "2026-03-02", False),
        ("Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:05 GMT", False),
        (1772366400, 1772366401, False),
        (1772366400.25, 1772366401.5, False),
        (1772366400000, 1772366400999, False),
        # further apart than a day, another form, or no time at all
        ("2026-03-01T12:00:00Z", "2026-03-03T12:00:00Z", True),
        ("2026-03-01", "2026-03-03", True),
        ("2026-13-01", "2026-13-02", True),
        ("2026-03-01T12:00:00Z", "soon", True),
        (1772366400, 1772366400000, True),
        (1772366400, 1772556400, True),
        (4711, 4712, True),
        # an identity on which two environments agree
        (ID_A, ID_B, True),
    ],
)
def test_times_near_each_other_are_the_clocks(
    current: object, target: object, differs: bool
) -> None:
    assert found(judged([{"v": current}] * 2, {"v": target})) == (
        [("value-changed", "/v")] if differs else []
    )


def test_times_on_which_a_shuffled_list_agreed_by_luck() -> None:
    def items(second: int, *names: str) -> list[object]:
        return [{"name": name, "at": f"2026-03-01T12:00:{second:02}Z"} for name in names]

    baseline: list[object] = [items(0, "a", "b", "c"), items(0, "c", "a", "b")]
    assert found(judged(baseline, items(1, "b", "c", "a"))) == []
    assert found(judged(baseline, items(1, "b", "c", "x"))) == [("value-changed", "/*/name")]


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
    baseline: list[object] = [busy_answer(chance, 60) for _ in range(2)]
    target = {**busy_answer(chance, 60), "created_at": "2026-03-01T12:00:07Z"}
    assert found(judged(baseline, target)) == []


def test_a_changed_value_among_chance_is_found() -> None:
    chance = random.Random(7)
    baseline: list[object] = [busy_answer(chance, 60) for _ in range(2)]
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
