"""Lines of the recorder in any order, and damaged: an event with its answers, or a reason."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from pytest_lambda_rollback.model.recorded import LogLine, RecordedEvent, Skipped
from pytest_lambda_rollback.recording import recorder_lines
from pytest_lambda_rollback.recording.log_events import events
from pytest_lambda_rollback.recording.recorder_lines import (
    CUT_OFF,
    DAMAGED,
    DAMAGED_ANSWERS,
    MISSING,
    RecorderLines,
)

EVENT = {"order": 7}
ENTRIES = [{"service": "sqs", "operation": "SendMessage", "result": {"n": 1}}]


def line(part: tuple[int, int] = (1, 1), request: str = "r", **more: object) -> dict[str, Any]:
    return {
        "lambda_rollback_record": 1, "function": "orders", "version": "4", "request_id": request,
        "time": "2026-11-23T09:00:00Z", "part": list(part), **more,
    }  # fmt: skip


def event_lines(count: int = 1, request: str = "r") -> list[dict[str, Any]]:
    text = json.dumps(EVENT)
    at = [len(text) * n // count for n in range(count + 1)]
    return [
        line((n + 1, count), request, event=text[at[n] : at[n + 1]], answers=True)
        for n in range(count)
    ]


def answer_lines(count: int = 1, request: str = "r") -> list[dict[str, Any]]:
    text = json.dumps(ENTRIES)
    at = [len(text) * n // count for n in range(count + 1)]
    return [line((n + 1, count), request, downstream=text[at[n] : at[n + 1]]) for n in range(count)]


def joined(*lines: dict[str, Any]) -> list[RecordedEvent | Skipped]:
    recorder = RecorderLines(function="orders")
    found = [each for one in lines for each in recorder.add(one)]
    return [*found, *recorder.rest()]


def read(*lines: dict[str, Any]) -> tuple[object, object, str]:
    [event] = joined(*lines)
    assert isinstance(event, RecordedEvent)
    return event.event, event.downstream, event.no_downstream


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_parts_come_in_any_order(order: tuple[int, ...]) -> None:
    lines = [*event_lines(2), *answer_lines(2)]
    assert read(*(lines[n] for n in order)) == (EVENT, ENTRIES, "")


def test_an_event_without_answers_does_not_wait_for_any() -> None:
    recorder = RecorderLines(function="orders")
    [event] = recorder.add(line(event="{}"))
    assert isinstance(event, RecordedEvent)
    assert (event.downstream, event.no_downstream) == (None, "")
    # Answers of an event that did not announce any belong to nothing.
    assert list(recorder.add(answer_lines()[0])) == []
    assert list(recorder.rest()) == []


def test_reasons_are_kept_if_they_are_words() -> None:
    reason = "an answer is larger than LAMBDA_ROLLBACK_MAX_BYTES"
    assert read(*event_lines(), line(incomplete=reason)) == (EVENT, None, reason)
    assert read(line(incomplete=reason), *event_lines()) == (EVENT, None, reason)
    for other in ("", "x" * 200, "maria@contoso-mail.com", "\x1b[2J", "a\nb"):
        assert read(*event_lines(), line(incomplete=other)) == (EVENT, None, DAMAGED_ANSWERS)


def test_an_invocation_that_was_cut_off_keeps_its_event() -> None:
    assert read(*event_lines()) == (EVENT, None, CUT_OFF)
    assert read(*event_lines(), answer_lines(2)[0]) == (EVENT, None, CUT_OFF)


@pytest.mark.parametrize(
    "lines",
    [
        [line(downstream="{")],
        [line(downstream="{}")],
        [line(downstream="[NaN]")],
        [line(downstream="[" * 9_999 + "]" * 9_999)],
        [line((1, 2), downstream="["), line((2, 3), downstream="]")],
    ],
)
def test_damaged_answers_cost_no_event(lines: list[dict[str, Any]]) -> None:
    assert read(*event_lines(), *lines) == (EVENT, None, DAMAGED_ANSWERS)
    assert read(*lines, *event_lines()) == (EVENT, None, DAMAGED_ANSWERS)


@pytest.mark.parametrize(
    "bad", [line(), line(downstream=7), line((2, 1), downstream="[]"), line(event=None)]
)
def test_lines_without_sense(bad: dict[str, Any]) -> None:
    assert joined(bad) == [Skipped(reason=DAMAGED)]


def test_what_is_missing_and_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    assert joined(event_lines(2)[0]) == [Skipped(reason=MISSING)]
    assert joined(answer_lines(2)[0]) == []
    monkeypatch.setattr(recorder_lines, "MAX_CHARS", 60)
    assert read(*event_lines(), *answer_lines()) == (EVENT, None, DAMAGED_ANSWERS)


def test_only_so_many_are_held() -> None:
    recorder = RecorderLines(function="orders")
    found: list[RecordedEvent | Skipped] = []
    for number in range(150):
        found += recorder.add(event_lines(request=f"r{number}")[0])
    assert len(found) == 50
    assert {each.no_downstream for each in found if isinstance(each, RecordedEvent)} == {CUT_OFF}
    assert len(list(recorder.rest())) == 100


def test_held_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_lines, "_MAX_PENDING_CHARS", 400)
    recorder = RecorderLines(function="orders")
    found: list[object] = []
    for number in range(10):
        found += recorder.add(line((1, 2), f"r{number}", downstream="x" * 100))
    assert found == []
    assert len(recorder._pending) == 4
    assert recorder._chars == 400


def test_answers_in_a_log_with_other_lines() -> None:
    request = "8f5d7f2e-94d5-4a4e-8a0f-0123456789ab"
    texts = [
        f"START RequestId: {request} Version: 4",
        json.dumps(event_lines(request=request)[0]),
        "working on it",
        json.dumps({"not": "the event"}),
        json.dumps(answer_lines(request=request)[0]),
        f"END RequestId: {request}",
    ]
    stream = "2026/11/23/[4]0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    lines = [LogLine(stream=stream, time_ms=n, text=text) for n, text in enumerate(texts)]
    [event] = events(lines, function="orders")
    assert isinstance(event, RecordedEvent)
    assert (event.event, event.downstream, event.source) == (EVENT, ENTRIES, "recorder")
