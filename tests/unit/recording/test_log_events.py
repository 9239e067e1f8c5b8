"""Which objects in a function's log are taken for its events."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from pytest_lambda_rollback.model.recorded import LogLine, RecordedEvent, Skipped
from pytest_lambda_rollback.recording.log_events import UNCERTAIN, events
from pytest_lambda_rollback.recording.log_lines import CUT, NO_JSON
from pytest_lambda_rollback.recording.recorder_lines import MISSING

REQUEST = "8f5d7f2e-94d5-4a4e-8a0f-0123456789ab"
OTHER_REQUEST = "11111111-94d5-4a4e-8a0f-0123456789ab"
STREAM = "2026/11/23/[4]0f1e2d3c4b5a69788796a5b4c3d2e1f0"
START = f"START RequestId: {REQUEST} Version: 4\n"
END = f"END RequestId: {REQUEST}\n"
REPORT = f"REPORT RequestId: {REQUEST}\tDuration: 3.41 ms\tBilled Duration: 4 ms\n"
ORDER = {"order": {"id": 7, "lines": [{"sku": "a", "price": 1.5}], "gift": None, "paid": True}}
SQS = {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}


def read(texts: Iterable[str], stream: str = STREAM, function: str = "orders") -> list[Any]:
    lines = [LogLine(stream=stream, time_ms=1_795_424_400_000 + n, text=t)
             for n, t in enumerate(texts)]  # fmt: skip
    return list(events(lines, function=function))


def found(*texts: str) -> list[object]:
    """The events of one invocation that logged ``texts``."""
    return [
        each.event for each in read([START, *texts, END, REPORT]) if isinstance(each, RecordedEvent)
    ]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ORDER),
        json.dumps(ORDER, indent=2).replace("\n", "\r"),
        repr(ORDER),
        f"event: {ORDER!r}",
        f"EVENT {json.dumps(ORDER)}",
        f"Received event: {json.dumps(ORDER)} with context LambdaContext([aws_request_id=x])",
        f"[INFO]\t2026-11-23T09:00:00.123Z\t{REQUEST}\tReceived event: {json.dumps(ORDER)}\n",
        f"2026-11-23T09:00:00.123Z\t{REQUEST}\tINFO\tReceived event: {json.dumps(ORDER, indent=2)}",
        f"2026-11-23T09:00:00.123Z\t{REQUEST}\tINFO\t{json.dumps(ORDER)}",
        json.dumps({"timestamp": "2026-11-23T09:00:00Z", "level": "INFO", "requestId": REQUEST,
                    "message": "event: " + json.dumps(ORDER)}),
        json.dumps({"timestamp": "2026-11-23T09:00:00Z", "level": "INFO", "requestId": REQUEST,
                    "message": ORDER}),
        json.dumps({"level": "INFO", "location": "decorate:424", "message": ORDER,
                    "timestamp": "2026-11-23 09:00:00,123+0000", "service": "orders",
                    "cold_start": True, "function_name": "orders",
                    "function_request_id": REQUEST}),
        json.dumps({"level": "INFO", "message": "Lambda invocation event", "event": ORDER,
                    "function_request_id": REQUEST, "service": "orders"}),
        json.dumps({"event": "got it", "level": "info", "lambda_event": ORDER}),
    ],
    ids=[
        "json", "json-of-many-lines-by-cr", "repr", "labelled-repr", "upper-case", "text-behind",
        "python-logger", "node-indented", "node", "lambda-json-text", "lambda-json-object",
        "powertools-python", "powertools-typescript", "structlog",
    ],
)  # fmt: skip
def test_the_ways_in_which_functions_log_their_event(text: str) -> None:
    assert found(text) == [ORDER]


def test_an_event_that_is_printed_over_many_log_lines() -> None:
    assert found(*json.dumps(ORDER, indent=4).splitlines()) == [ORDER]
    assert found(*("event = " + json.dumps(ORDER, indent=1)).splitlines()) == [ORDER]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"level": "INFO", "message": "hello", "order": 1}),
        json.dumps({"_aws": {"Timestamp": 1}, "Latency": 3}),
        json.dumps({"statusCode": 200, "body": "{}"}),
        json.dumps({"errorMessage": "boom", "errorType": "ValueError", "stackTrace": []}),
        "Sending event: " + json.dumps({"source": "orders", "detail-type": "x", "detail": {}}),
        "response " + json.dumps(ORDER),
        "just words",
        "{not json at all}",
        "[1, 2, 3]",
        "{'__import__': __import__('os')}",
        "event: {'a': " + "1if 1else " * 1000 + "1}",
        "event: {'a': '\\d'",
        "event: {'a': " + "-+" * 50_000 + "1}",
    ],
)
def test_what_functions_log_besides_their_event(text: str) -> None:
    assert found(text) == []


def test_an_object_of_unknown_kind_counts_only_as_the_first_thing_logged() -> None:
    assert found(json.dumps(ORDER)) == [ORDER]
    assert found("connected to the table", json.dumps(ORDER)) == []


def test_an_event_of_a_known_source_counts_wherever_it_is_logged() -> None:
    assert found("connected to the table", json.dumps(SQS)) == [SQS]


def test_one_event_of_each_invocation_and_the_surest() -> None:
    assert found(json.dumps({"config": 1}), f"event: {json.dumps(ORDER)}") == [ORDER]
    assert found(f"event: {json.dumps(ORDER)}", json.dumps(SQS)) == [ORDER]


def test_without_the_beginning_of_an_invocation_an_unknown_object_is_not_certain() -> None:
    assert read([json.dumps(ORDER)]) == [Skipped(reason=UNCERTAIN)]


def test_the_request_id_tells_invocations_apart_where_lambdas_own_lines_are_off() -> None:
    def line(request: str, message: object) -> str:
        return json.dumps(
            {"timestamp": "x", "level": "INFO", "requestId": request, "message": message}
        )

    got = read([line(REQUEST, ORDER), line(REQUEST, {"a": 1}), line(OTHER_REQUEST, {"b": 2})])
    assert [each.event for each in got] == [ORDER, {"b": 2}]


def test_version_and_time_are_told() -> None:
    (event,) = read([START, json.dumps(ORDER), END])
    assert (event.version, event.function, event.source) == ("4", "orders", "cloudwatch")
    assert event.time == "2026-11-23T09:00:00.001Z"


def test_the_version_is_also_in_the_name_of_the_stream_and_in_json_lines() -> None:
    assert read([f"event: {json.dumps(ORDER)}"])[0].version == "4"
    start = {"time": "x", "type": "platform.start",
             "record": {"requestId": REQUEST, "version": "$LATEST"}}  # fmt: skip
    assert read([json.dumps(start), json.dumps(ORDER)])[0].version == "$LATEST"


def test_other_functions_in_a_shared_log_group_are_left_alone() -> None:
    lines = [START, json.dumps(ORDER), END]
    assert read(lines, stream="2026/11/23/billing[4]0f1e2d3c4b5a6978") == []
    assert len(read(lines, stream="2026/11/23/orders[4]0f1e2d3c4b5a6978")) == 1


def test_streams_do_not_mix() -> None:
    lines = [
        LogLine(stream="a", time_ms=1, text=START),
        LogLine(stream="b", time_ms=2, text=START.replace(REQUEST, OTHER_REQUEST)),
        LogLine(stream="a", time_ms=3, text=json.dumps({"of": "a"})),
        LogLine(stream="b", time_ms=4, text=json.dumps({"of": "b"})),
    ]
    got = events(lines, function="f")
    assert [each.event for each in got if isinstance(each, RecordedEvent)] == [
        {"of": "a"},
        {"of": "b"},
    ]


def test_lines_that_were_cut_and_events_that_cannot_be_read_are_counted_by_reason() -> None:
    long = "event: " + json.dumps({"text": "x" * 300_000})
    got = read([START, long[:262_118], END, START, "event: [object Object] {", "x", END, START,
                "event { order: { id: 7 } }", END])  # fmt: skip
    assert got == [Skipped(reason=CUT), Skipped(reason=NO_JSON)]


def recorder(part: int, of: int, text: str, request: str = REQUEST) -> str:
    return json.dumps(
        {"lambda_rollback_record": 1, "function": "orders", "version": "3",
         "request_id": request, "time": "2026-11-23T09:00:00Z", "part": [part, of],
         "event": text}
    )  # fmt: skip


def test_the_recorders_lines_are_joined_and_win_over_all_else() -> None:
    text = json.dumps(ORDER)
    lines = [START, recorder(2, 2, text[20:]), json.dumps(SQS), recorder(1, 2, text[:20]), END]
    (event,) = read(lines)
    assert (event.event, event.version, event.source) == (ORDER, "3", "recorder")


def test_what_is_logged_beside_other_words_is_counted_and_not_taken() -> None:
    settings = "loaded settings {'table': 'prod', 'ttl': 3}"
    stats = "[INFO]\t2026-11-23T09:00:00.123Z\t" + REQUEST + '\tcache stats {"hits": 1}'
    assert read([START, settings, stats, END]) == [Skipped(reason=UNCERTAIN)]
    (event,) = read([START, settings, f"event: {json.dumps(ORDER)}", stats, END])
    assert (event.event, event.guessed) == (ORDER, False)


@pytest.mark.parametrize("words", ["", "Received: ", "incoming request ", "Input = "])
def test_what_is_logged_first_is_the_event_and_is_said_to_be_a_guess(words: str) -> None:
    (event,) = read([START, f"{words}{json.dumps(ORDER)}", END])
    assert (event.event, event.guessed) == (ORDER, True)


def test_the_recorder_wins_also_where_lambdas_own_lines_are_switched_off() -> None:
    def logged(request: str, text: str) -> str:
        return f"[INFO]\t2026-11-23T09:00:00.123Z\t{request}\t{text}"

    other = REQUEST.replace(REQUEST[-1], "f" if REQUEST[-1] != "f" else "e")
    lines = [
        logged(REQUEST, f"event: {json.dumps(SQS)}"),
        recorder(1, 1, json.dumps(ORDER)),
        logged(REQUEST, "received {'some': 'thing'}"),
        logged(other, f"event: {json.dumps(SQS)}"),
    ]
    assert [(event.event, event.source) for event in read(lines)] == [
        (ORDER, "recorder"),
        (SQS, "cloudwatch"),
    ]


def test_an_event_of_which_a_line_is_missing_is_not_made_up() -> None:
    assert read([recorder(1, 2, '{"a": 1}')]) == [Skipped(reason=MISSING)]


def test_a_log_group_that_is_a_destination_gives_the_events_in_its_records() -> None:
    def record(function: str) -> str:
        arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{function}:3"
        return json.dumps(
            {"detail-type": "Lambda Function Invocation Result - Failure", "source": "lambda",
             "detail": {"requestContext": {"functionArn": arn, "condition": "RetriesExhausted"},
                        "requestPayload": ORDER}}
        )  # fmt: skip

    event, other = read([record("orders"), record("billing")], stream="8f5d7f2e-94d5")
    assert (event.event, event.version) == (ORDER, "3")
    assert other == Skipped(reason="an invocation record of another function")


def test_a_function_that_is_invoked_with_records_keeps_them_whole() -> None:
    event = {"detail-type": "Lambda Function Invocation Result - Failure", "source": "lambda",
             "detail": {"requestContext": {"functionArn": "a", "condition": "x"},
                        "requestPayload": ORDER}}  # fmt: skip
    assert found(json.dumps(event)) == [event]


def test_numbers_stay_as_they_were_written() -> None:
    from pytest_lambda_rollback.sources import json_texts

    (event,) = read([START, '{"price": 1.10, "big": 12345678901234567890, "huge": 1e400}', END])
    assert (
        json_texts.text_of(event.event, indent=0)
        == '{"price":1.10,"big":12345678901234567890,"huge":1e400}'
    )


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "{'a': " * 500 + "1" + "}" * 500,
                                  '{"a":' * 900 + "1" + "}" * 900])  # fmt: skip
def test_deep_nesting_does_no_harm(text: str) -> None:
    assert found("event: " + text, f"event: {ORDER!r}") == [ORDER]
