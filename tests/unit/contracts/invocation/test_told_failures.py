"""Failures that a target tells where nobody reads its answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from helpers import made_events as made
from helpers.subjects import said, subject
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Event
from pytest_lambda_rollback.contracts.invocation import contract as invocation
from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind

OK = {"statusCode": 200, "body": "ok"}
LOST = ["answered-failure"]
MAYBE = ["warning: answered-failure"]
LOGGED = ["logged-failure"]
MAYBE_LOGGED = ["warning: logged-failure"]

UNREAD = [
    made.S3, made.SNS, made.EVENTBRIDGE, made.SCHEDULED, made.LOGS, made.MQ, made.sqs("m1"),
    made.kinesis("1"), made.dynamodb("1"), made.KAFKA,
]  # fmt: skip


def answer(value: object, *logs: str) -> Outcome:
    return Outcome(kind=OutcomeKind.RESPONSE, payload=json.dumps(value).encode(), logs=logs)


def judged(event: Event, current: Outcome, target: Outcome) -> Judgement:
    return invocation.judge(
        (current, current), target, None, subject=subject("2"), recognised=event
    )


def kinds(judgement: Judgement) -> list[str]:
    warned = [f"warning: {each.kind}" for each in judgement.warnings]
    return [each.kind for each in judgement.findings] + warned


@pytest.mark.parametrize("event", UNREAD)
def test_an_event_is_lost_where_nobody_reads_of_its_failure(event: object) -> None:
    recognised = made.recognised(event)
    failed = answer({"statusCode": 500, "body": "KeyError('sku')"})
    assert kinds(judged(recognised, answer(OK), failed)) == LOST
    assert kinds(judged(recognised, answer(OK), answer(OK))) == []
    assert kinds(judged(replace(recognised, invoked_by="sdk"), answer(OK), failed)) == []


@pytest.mark.parametrize(
    "event", [made.REST_API, made.LOAD_BALANCER, made.FIREHOSE, made.TOKEN_AUTHORIZER, {"a": 1}]
)
def test_a_reader_judges_the_answer_itself(event: object) -> None:
    recognised = made.recognised(event)
    assert kinds(judged(recognised, answer(OK), answer({"statusCode": 500}))) == []
    nobody = replace(recognised, invoked_by="nobody")
    assert kinds(judged(nobody, answer(OK), answer({"statusCode": 500}))) == LOST


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (OK, {"statusCode": 500}, LOST),
        (OK, {"statusCode": "502", "body": ""}, LOST),
        (OK, {"statusCode": 400, "body": "bad"}, MAYBE),
        (OK, {"statusCode": 204}, []),
        ({"statusCode": 404}, {"statusCode": 404}, []),
        ({"statusCode": 400}, {"statusCode": 422}, []),
        (None, {"errorType": "KeyError", "errorMessage": "'sku'"}, LOST),
        ({"ok": True}, {"error": "KeyError"}, LOST),
        ({"ok": True}, {"ok": False}, LOST),
        ({"success": True}, {"success": False, "reason": "sku"}, LOST),
        ({"status": "ok"}, {"status": "error"}, LOST),
        ({"status": "ok"}, {"status": "FAILED"}, LOST),
        ({"status": "ok"}, {"status": "done"}, []),
        ({"processed": 2}, {"processed": 1, "failed": 1}, LOST),
        ({"processed": 2, "errors": []}, {"processed": 1, "errors": ["m1"]}, LOST),
        ({"processed": 2, "failed": 0}, {"processed": 2, "failed": 0}, []),
        ({"processed": 2}, {"processed": 0}, MAYBE),
        ({"processed": 2}, {"processed": 1}, []),
        (OK, {"statusCode": 200, "body": '{"error": "KeyError"}'}, LOST),
        (OK, {"statusCode": 200, "body": {"message": "done", "error": None}}, []),
        (OK, {"statusCode": 200, "body": "KeyError('sku')"}, LOST),
        ([{"id": 1, "status": "ok"}], [{"id": 1, "status": "failed"}], LOST),
        ({"results": [{"ok": True}]}, {"results": [{"ok": False}]}, LOST),
        ({"result": {"status": "ok"}}, {"result": {"status": "error"}}, LOST),
        ({"order": {"status": "paid"}}, {"order": {"status": "failed"}}, MAYBE),
        ("done", "error: 'sku'", LOST),
        ({"failed": 1}, {"failed": 3}, LOST),
        ({"failed": 3}, {"failed": 1}, []),
        ({"errors": ["a"]}, {"errors": ["a", "b"]}, LOST),
        ("done", "Failed: 0", []),
        ("done", "errors: none", []),
        ("done", "Failed to process", LOST),
        ("done", "Errors: none seen", []),
        ("done", "botocore.exceptions.ClientError: no", LOST),
        ("done", "finished without error", []),
        ("error: a", "error: b", []),
        ({"error": "a"}, {"error": "b"}, []),
        ({"ok": 1}, {"error": None, "errors": 0, "failed": [], "exception": ""}, []),
        ({"ok": 1}, {"error": "none"}, []),
        ({"ok": 1}, None, []),
        ({"ok": 1}, ["a"], []),
    ],
)  # fmt: skip
def test_failures_in_an_answer(current: object, target: object, expected: list[str]) -> None:
    event = made.recognised(made.S3)
    assert kinds(judged(event, answer(current), answer(target))) == expected


def test_reported_records_are_judged_as_such() -> None:
    report = {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    logged = answer(report, "[ERROR]\tT\tid\tno", *TRACE)
    assert kinds(judged(made.recognised(made.sqs("m1")), answer({}), logged)) == []


TRACE = (
    "Traceback (most recent call last):",
    '  File "/var/task/app.py", line 9, in handler',
    '    event["sku"]',
    "    ~~~~~^^^^^^^",
    "KeyError: 'sku'",
)
AT_IMPORT = (
    "Traceback (most recent call last):",
    '  File "/var/task/app.py", line 4, in <module>',
    "    import orjson",
    "ModuleNotFoundError: No module named 'orjson'",
)
POWERTOOLS = json.dumps(
    {"level": "ERROR", "location": "handler:9", "message": "no", "exception": "\n".join(TRACE),
     "exception_name": "KeyError"}
)  # fmt: skip
LAMBDA_JSON = json.dumps(
    {"timestamp": "2026-03-12T19:03:58Z", "level": "ERROR", "message": "no", "logger": "root",
     "stackTrace": ['  File "/var/task/app.py", line 9, in handler\n'], "errorType": "KeyError",
     "errorMessage": "'sku'", "requestId": "1"}
)  # fmt: skip


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        ((), (), []),
        ((), ("[INFO]\tT\tid\tdone", "working"), []),
        ((), TRACE, LOGGED),
        ((), ("[ERROR]\tT\tid\tcould not", *TRACE), LOGGED),
        ((), ("[WARNING]\tT\tid\tretrying", *TRACE), MAYBE_LOGGED),
        ((), ("[WARNING]\tT\tid\tretrying after KeyError: 'sku'", *TRACE), MAYBE_LOGGED),
        ((), AT_IMPORT, MAYBE_LOGGED),
        ((), ("[ERROR]\tT\t\tno orjson", *AT_IMPORT), MAYBE_LOGGED),
        (AT_IMPORT, AT_IMPORT, []),
        (TRACE, TRACE, []),
        (("[ERROR]\tT\ta\tno", *TRACE), ("[ERROR]\tT\tb\tno", *TRACE), []),
        (TRACE, (*TRACE, *TRACE[:-1], "ValueError: 7"), LOGGED),
        # the last line of a traceback and the next entry on one line, as the runtime logs them
        ((), (*TRACE[:-1], "KeyError: 'sku'[INFO]\tT\tid\tgoing on"), LOGGED),
        ((*TRACE[:-1], "KeyError: 'sku'[INFO]\tT\tid\ta"), TRACE, []),
        # an exception of the current version's, with another message
        (TRACE, (*TRACE[:-1], "KeyError: 'total'"), MAYBE_LOGGED),
        ((*TRACE[:-1], "KeyError: 17"), (*TRACE[:-1], "KeyError: 18"), []),
        ((), (POWERTOOLS,), LOGGED),
        ((POWERTOOLS,), (POWERTOOLS,), []),
        ((), (LAMBDA_JSON,), LOGGED),
        ((), (POWERTOOLS.replace("ERROR", "WARNING"),), MAYBE_LOGGED),
        ((), ("[ERROR]\tT\tid\tfailed: KeyError('sku')",), LOGGED),
        ((), ("[WARNING]\tT\tid\tfailed: KeyError('sku')",), MAYBE_LOGGED),
        ((), ("failed: KeyError('sku')",), LOGGED),
        ((), ("Error processing m1: ValueError: no sku",), LOGGED),
        ((), ("KeyError('sku')",), MAYBE_LOGGED),
        ((), ("[ERROR]\tT\tid\tcould not process m1",), MAYBE_LOGGED),
        ((), ("ErrorCount: 0", "KeyErrors: none", "see ValueError"), []),
    ],
)
def test_failures_in_a_log(
    current: tuple[str, ...], target: tuple[str, ...], expected: list[str]
) -> None:
    event = made.recognised(made.S3)
    assert kinds(judged(event, answer(OK, *current), answer(OK, *target))) == expected


def test_a_lost_event_is_told_with_what_the_target_says() -> None:
    event = made.recognised(made.S3)
    (finding,) = judged(event, answer(OK), answer({"statusCode": 500}, *TRACE)).findings
    assert said(finding) == (
        'orders:2 answers {"statusCode": 500} where orders:4 succeeds: S3 takes any answer for '
        "success, so the event is lost"
    )
    assert finding.logs == TRACE
    (finding,) = judged(event, answer(OK), answer(OK, *TRACE)).findings
    assert said(finding) == (
        "orders:2 logs KeyError: 'sku' and answers as if it had succeeded where orders:4 succeeds: "
        "S3 takes any answer for success, so the event is lost"
    )
