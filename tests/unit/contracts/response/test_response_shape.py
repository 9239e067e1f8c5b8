"""What callers of the current version may rely on: keys and JSON types, in mode ``shape``."""

from __future__ import annotations

import json
import time

import pytest

from helpers.judged_responses import answer, found, judged
from helpers.subjects import said, subject
from pytest_lambda_rollback.contracts import response
from pytest_lambda_rollback.model.findings import Contract, Judgement, Verdict
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import ResponseRule

SAME = object()


@pytest.mark.parametrize(
    ("first", "second", "target", "expected"),
    [
        # objects
        ({"a": 1}, SAME, {"a": 2}, []),
        ({"a": 1}, SAME, {"a": 1, "more": True}, []),
        ({"a": 1}, SAME, {}, [("lost-key", "/a")]),
        ({"a": {"b": 1}}, SAME, {"a": {}}, [("lost-key", "/a/b")]),
        ({"a": 1}, {"a": 1, "b": 2}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"a": 1}, {"b": 2}, [("lost-key", "/a")]),
        ({"x1": "a"}, {"x2": "b"}, {"x3": "c"}, []),
        ({"x1": "a", "n": 1}, {"x2": "b", "n": 1}, {"x3": "c"}, [("lost-key", "/n")]),
        ({"a/b": 1, "c~d": 1}, SAME, {}, [("lost-key", "/a~1b"), ("lost-key", "/c~0d")]),
        # types
        ({"a": 1}, SAME, {"a": 1.5}, []),
        ({"a": 1}, SAME, {"a": True}, [("type-changed", "/a")]),
        ({"a": True}, SAME, {"a": 0}, [("type-changed", "/a")]),
        ({"a": 1}, SAME, {"a": "1"}, [("type-changed", "/a")]),
        ({"a": []}, SAME, {"a": {}}, [("type-changed", "/a")]),
        ({"a": 1}, {"a": "x"}, {"a": "y"}, []),
        ({"a": 1}, {"a": "x"}, {"a": []}, [("type-changed", "/a")]),
        # null
        ({"a": 1}, SAME, {"a": None}, [("type-changed", "/a")]),
        ({"a": None}, SAME, {"a": 1}, []),
        ({"a": None}, {"a": 1}, {"a": None}, []),
        ({"a": None}, {"a": 1}, {"a": "x"}, [("type-changed", "/a")]),
        # the top level
        (None, SAME, {"a": 1}, []),
        ({"a": 1}, SAME, None, [("type-changed", "")]),
        ("x", SAME, 1, [("type-changed", "")]),
        # arrays
        ([{"p": 1}], SAME, [{"p": 1}, {}, {}], [("lost-key", "/1/p")]),
        ([{"p": 1}, {"p": 1, "q": 1}], SAME, [{"p": 1}], []),
        ([{"p": 1}, {"p": "x"}], SAME, [{"p": "y"}], []),
        ([{"p": 1}], [{"p": 1}, {}], [{}], []),
        ([], SAME, [1, "x"], []),
        ([1, 2], SAME, [], []),
        ([], [{"p": 1}], [{}], [("lost-key", "/0/p")]),
        ([[1]], SAME, [[1, "x"]], [("type-changed", "/0/1")]),
        ([1], SAME, ["a", "b", "c"], [("type-changed", "/0")]),
        # lists of several kinds of items
        ([{"type": "card", "last4": "1"}, {"type": "sepa", "iban": "x"}], SAME,
         [{"type": "card"}, {"type": "sepa", "iban": "x"}], [("lost-key", "/0/last4")]),
        ([{"type": "card", "last4": "1"}, {"type": "sepa", "iban": "x"}], SAME,
         [{"type": "sepa", "iban": "y"}, {"type": "card", "last4": "2"}], []),
        ([{"type": "card", "last4": "1"}, {"type": "sepa", "iban": "x"}], SAME,
         [{"type": "cash"}], []),
        ([{"type": "card", "last4": "1"}, {"type": "sepa", "iban": "x"}], SAME, [], []),
        ([{"type": "a", "d": {"x": 1}}, {"type": "b", "d": {"y": 1}}], SAME,
         [{"type": "a", "d": {"x": 1}}, {"type": "b", "d": {}}], [("lost-key", "/1/d/y")]),
        ([{"type": "n", "value": 1}, {"type": "s", "value": "x"}], SAME,
         [{"type": "n", "value": "1"}, {"type": "s", "value": "x"}],
         [("type-changed", "/0/value")]),
        ([{"name": "cpu", "percent": 5}, {"name": "disk", "bytes": 7}], SAME,
         [{"name": "cpu"}, {"name": "disk", "bytes": 7}], [("lost-key", "/0/percent")]),
        ([{"ok": True, "v": 1}, {"ok": True, "v": 2}, {"ok": False, "error": "x"}], SAME,
         [{"ok": True}], [("lost-key", "/0/v")]),
        ([{"k": "a", "x": 1}, {"k": "a", "x": 2}, {"k": "b"}], SAME, [{"k": "a"}],
         [("lost-key", "/0/x")]),
        ([{"a": 1, "x": 1}, {"b": 1, "y": 1}], SAME, [{"a": 1}], [("lost-key", "/0/x")]),
        ([{"a": 1, "x": 1}, {"b": 1, "y": 1}], SAME, [{"c": 1}], []),
        ([{"m": {"type": "a"}, "x": 1}, {"m": {"type": "b"}, "y": 1}], SAME,
         [{"m": {"type": "a"}}, {"m": {"type": "b"}, "y": 1}], [("lost-key", "/0/x")]),
        ([{"id": 1, "no": "x", "exp": "y"}, {"id": 2, "iban": "z", "bic": "w"}], SAME,
         [{"id": 1, "no": "x"}, {"id": 2, "iban": "z", "bic": "w"}], [("lost-key", "/0/exp")]),
        ([{"id": 1, "no": "x", "exp": "y"}, {"id": 2, "iban": "z", "bic": "w"}], SAME,
         [{"id": 1}], []),
        ([{"type": "n", "v": [1]}, {"type": "s", "v": ["x"]}, {"type": "n", "v": []}], SAME,
         [{"type": "n", "v": ["1"]}], [("type-changed", "/0/v/0")]),
        ([{"type": "n", "v": [1]}, {"type": "s", "v": ["x"]}], SAME,
         [{"type": "s", "v": ["1"]}, {"type": "n", "v": []}], []),
        ([{"t": "a", "x": None}, {"t": "b", "x": 1}], SAME, [{"t": "a", "x": 5}], []),
        ([{"status": "open", "n": 1}, {"status": "closed"}], SAME, [{"status": "open"}], []),
        (["text", {"type": "a", "x": 1}, {"type": "b", "y": 1}], SAME, ["t", {"type": "b"}],
         [("lost-key", "/1/y")]),
        # an item that happens to have more makes no kind
        ([{"id": 1, "name": "a"}, {"id": 2, "name": "b", "note": "x"}], SAME,
         [{"id": 1, "name": "a", "note": "y"}, {"id": 2, "name": "b"}], []),
        ([{"id": 1, "email": "a"}, {"id": 2, "phone": "b"}], SAME, [{"id": 1}, {"id": 2}], []),
        # which of several keys tells the kind is open: any will do
        ([{"no": "x", "type": "card", "last4": "1"}, {"no": "y", "type": "sepa", "iban": "x"}],
         SAME, [{"no": "x", "type": "sepa", "iban": "x"}], []),
        # rows, column by column
        ([["a", 1], ["b", 2]], SAME, [["c", 3], ["d", 4], ["e", 5]], []),
        ([["a", 1], ["b", 2]], SAME, [["c"], ["d", 4]], [("lost-key", "/0/1")]),
        ([["a", 1], ["b", 2]], SAME, [[3, "c"]], [("type-changed", "/0/0")]),
        ([["a", 1], ["b", 2]], SAME, [["c", 3, True]], []),
        ([["a", 1], ["b", None]], SAME, [["c", None]], []),
        ([["h", "i"], ["a", 1, 2], ["b", 3, 4]], SAME, [["h", "i"], ["a", 1, "x"]],
         [("type-changed", "/1/2")]),
        ([[9.1, 48.2], [9.2, 48.3], [9.3, 48.4]], SAME, [[9.1], [9.2, 1.0]],
         [("lost-key", "/0/1")]),
        ([["a", "b"], ["c"]], SAME, [["a"], ["c", "d", "e"], []], []),
        ([["n", "q"], ["a", 1], ["b", 2]], SAME, [["n", "q"], ["a", "1"]],
         [("type-changed", "/1/1")]),
        ([["n", "q"], ["a", 1], ["b", 2]], SAME, [["n", "q", "r"], ["c", 9, 0]], []),
        ([["n", "q"], ["a", 1], ["b", 2]], SAME, [["n", "q"]], []),
        ([["dot", 5], ["box", 2, 3]], SAME, [["dot", 5], ["box", 2]], [("lost-key", "/1/2")]),
        ([["dot", 5], ["box", 2, 3]], SAME, [["ring", 5], ["box", 2, 3, 4]], []),
        ([["a", 1], {"a": 1}], SAME, [["a"], {}], [("lost-key", "/1/a")]),
        # maps whose keys are data
        ({"u1": {"n": 1}}, {"u2": {"n": 1}}, {"u3": {"n": 2}}, []),
        ({"u1": {"n": 1}}, {"u2": {"n": 1}}, {"u3": {}}, [("lost-key", "/*/n")]),
        ({"u1": {"n": 1}}, {"u2": {"n": 1}}, {"u3": 5}, [("type-changed", "/*")]),
        ({"t": 1, "u1": {"n": 1}}, {"t": 1, "u2": {"n": 1}}, {"t": 1, "u3": {}},
         [("lost-key", "/*/n")]),
        ({"x": 1, "n": 1}, {"y": 2, "n": 1}, {"x": 1, "n": 1, "z": "t"}, []),
        ({"x": 1, "n": 1}, {"n": 1}, {"n": 1, "z": "t"}, []),
    ],
)  # fmt: skip
def test_shape(
    first: object, second: object, target: object, expected: list[tuple[str, str]]
) -> None:
    baseline = [first, first if second is SAME else second]
    assert found(judged(baseline, target)) == expected


def test_a_finding_says_it_in_one_sentence_with_both_values() -> None:
    lost, retyped = judged([{"total": 9, "id": "x"}] * 2, {"id": [1]}).findings[::-1]
    assert lost.contract is Contract.RESPONSE
    assert said(lost) == "orders:2 answers without /total, which orders:4 always returns"
    assert (lost.current, lost.target) == ("9", None)
    assert said(retyped) == "orders:2 answers an array at /id where orders:4 answers a string"
    assert (retyped.current, retyped.target) == ('"x"', "[1]")


def test_elements_with_the_same_difference_are_one_finding_with_a_count() -> None:
    (finding,) = judged([{"items": [{"p": 1}]}] * 2, {"items": [{}] * 40}).findings
    assert finding.location == "/items/0/p"
    assert said(finding).endswith("always returns (and so in 39 more elements)")


def test_findings_are_sorted_by_place_with_indexes_as_numbers() -> None:
    target: list[object] = [{"v": 1}] * 12
    target[10], target[2] = {"v": "x"}, {}
    assert [location for _, location in found(judged([[{"v": 1}]] * 2, target))] == [
        "/2/v",
        "/10/v",
    ]


def test_values_are_shown_short() -> None:
    (finding,) = judged([{"a": list(range(10_000))}] * 2, {"a": "é" * 10_000}).findings
    assert finding.current is not None
    assert finding.target is not None
    assert finding.current.startswith("[0, 1, 2,")
    assert finding.current.endswith("…")
    assert finding.target.startswith('"éé')
    assert max(len(finding.current), len(finding.target)) <= 200


@pytest.mark.parametrize("hostile", ["\x1b[31m", "\ud800", "\r\n"])
def test_what_is_shown_can_be_printed(hostile: str) -> None:
    (finding,) = judged([{hostile: "x"}] * 2, {}).findings
    assert finding.location is not None
    assert (said(finding) + finding.location).isprintable()
    (finding,) = judged([{"a": 1}] * 2, {"a": hostile}).findings
    assert finding.target is not None
    assert finding.target.isprintable()


@pytest.mark.parametrize(
    ("ignore", "expected"),
    [
        ("/a", ["/list/0/p", "/x~1y"]),
        ("/a/b", ["/list/0/p", "/x~1y"]),
        ("/a/b/c", ["/a/b", "/list/0/p", "/x~1y"]),
        ("/*/b", ["/list/0/p", "/x~1y"]),
        ("/list/*/p", ["/a/b", "/x~1y"]),
        ("/list/0/p", ["/a/b", "/list/1/p", "/x~1y"]),
        ("/list/*", ["/a/b", "/x~1y"]),
        ("/x~1y", ["/a/b", "/list/0/p"]),
        ("/x/y", ["/a/b", "/list/0/p", "/x~1y"]),
        ("/*", []),
        ("", []),
    ],
)
def test_ignore_covers_a_place_and_all_below_it(ignore: str, expected: list[str]) -> None:
    current = {"a": {"b": {"c": 1}}, "list": [{"p": 1}, {"p": 1}], "x/y": 1}
    judgement = judged([current] * 2, {"a": {}, "list": [{}, {}]}, ignore)
    assert [location for _, location in found(judgement)] == expected


def test_mode_none_compares_nothing() -> None:
    assert judged([{"a": 1}] * 2, "other", mode="none") == Judgement()


@pytest.mark.parametrize(
    ("baseline", "target", "expected"),
    [
        (b'{"a": NaN, "a": NaN}', b'{"a": 1}', []),
        (b'{"a": 1}', b'{"a": ' + b"9" * 5_000 + b"}", []),
        (b"[" + b"9" * 5_000 + b"]", b'["x"]', [("type-changed", "/0")]),
        (b'{"a": 1}', b'{"a": ', [("not-json", "")]),
        (b'{"a": 1}', b"", [("not-json", "")]),
        (b'{"a": 1}', b"\xff\xfe", [("not-json", "")]),
        (b"not json", b"neither", []),
        (b"not json", b'{"a": 1}', []),
    ],
)
def test_odd_json(baseline: bytes, target: bytes, expected: list[tuple[str, str]]) -> None:
    assert found(judged([baseline] * 2, target)) == expected


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        ("text/html; charset=utf-8", "text/html", []),
        ("text/html; charset=utf-8", "text/plain", [("content-type", "")]),
        ("text/html", "image/png", [("content-type", "")]),
        ("application/pdf", "application/zip", [("content-type", "")]),
        ("application/json", "application/vnd.orders+json", []),
        ("text/csv", "application/json", [("content-type", "")]),
    ],
)
def test_what_is_not_json_keeps_its_kind(
    current: str, target: str, expected: list[tuple[str, str]]
) -> None:
    judgement = response.judge(
        (answer(b"a;b", current), answer(b"a;c", current)),
        answer(b"other", target),
        ResponseRule(),
        subject=subject("2"),
    )
    assert found(judgement) == expected


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize("depth", [101, 900, 5_000, 200_000])
def test_bottomless_nesting_is_unknown_and_not_a_crash(mode: str, depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    in_body = json.dumps({"statusCode": 200, "body": deep.decode()}).encode()
    for payload in (deep, in_body):
        judgement = judged([payload] * 2, payload, mode=mode)
        assert judgement.verdict is Verdict.UNKNOWN
        assert "nests deeper than 100 levels" in str(judgement.reason)


@pytest.mark.parametrize("mode", ["shape", "exact"])
def test_nesting_that_is_compared(mode: str) -> None:
    deep = b'{"a":' * 99 + b"1" + b"}" * 99
    other = b'{"a":' * 99 + b'"1"' + b"}" * 99
    assert found(judged([deep] * 2, other, mode=mode)) == [("type-changed", "/a" * 99)]


def test_ten_thousand_elements_are_no_matter() -> None:
    items = [{"id": n, "price": 1.5, "tags": ["a"]} for n in range(10_000)]
    started = time.monotonic()
    assert found(judged([items] * 2, [{**item, "price": "1.5"} for item in items])) == [
        ("type-changed", "/0/price")
    ]
    assert time.monotonic() - started < 60  # a quadratic comparison takes far longer


@pytest.mark.parametrize(
    ("baseline", "target", "rule"),
    [
        ((), answer(1), ResponseRule()),
        ((answer(1),), Outcome(kind=OutcomeKind.TIMEOUT), ResponseRule()),
        ((answer(1),), answer(1), ResponseRule(mode="sharp")),
        ((answer(1),), answer(1), ResponseRule(ignore=("no-slash",))),
    ],
)
def test_misuse_is_refused(
    baseline: tuple[Outcome, ...], target: Outcome, rule: ResponseRule
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        response.judge(baseline, target, rule, subject=subject("2"))
