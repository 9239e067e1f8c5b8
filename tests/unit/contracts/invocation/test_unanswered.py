"""Requests that services could not answer, and what a check says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.subjects import subject
from pytest_lambda_rollback.contracts.invocation import contract as invocation
from pytest_lambda_rollback.contracts.invocation.unanswered import unanswered
from pytest_lambda_rollback.model.findings import Verdict
from pytest_lambda_rollback.model.replay import ExpectedError, FunctionError, Outcome, OutcomeKind
from pytest_lambda_rollback.model.services import Answer, ServiceRequest

GET = ServiceRequest(
    service="dynamodb", operation="GetItem", parameters='{"TableName": "orders"}', status=200
)
TRANSACTION = ServiceRequest(
    service="dynamodb", operation="ExecuteTransaction", status=501, answer=Answer.UNSUPPORTED
)
CHARGE = ServiceRequest(
    service="api.example.com",
    operation="POST /v1/charges",
    answer=Answer.UNRECORDED,
    nearest="POST https://api.example.com/v1/charges, where /body/amount is 5",
)
REFUND = ServiceRequest(
    service="api.example.com:8443", operation="POST /v1/refunds", answer=Answer.UNRECORDED
)
ITEM = ServiceRequest(
    service="dynamodb",
    operation="PutItem",
    parameters='{"TableName": "orders"}',
    answer=Answer.UNRECORDED,
)
HTTP2 = ServiceRequest(
    service="grpc.example.com", operation="", answer=Answer.UNRECORDED, message="it is HTTP/2"
)
USED_UP = ServiceRequest(
    service="api.example.com", operation="GET /v1/rates", answer=Answer.USED_UP
)
DATABASE = ServiceRequest(
    service="db.internal:5432",
    operation="",
    answer=Answer.UNREACHABLE,
    message="Connection refused",
)
ALLOW = "`lambda-rollback record orders --downstream --allow api.example.com`"


def answers(*requests: ServiceRequest, payload: bytes = b"{}") -> Outcome:
    return Outcome(kind=OutcomeKind.RESPONSE, payload=payload, requests=requests)


def fails(*requests: ServiceRequest, type_: str = "KeyError") -> Outcome:
    error = FunctionError(type=type_, message="'x'")
    return Outcome(kind=OutcomeKind.FUNCTION_ERROR, error=error, requests=requests)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (TRANSACTION,
         "orders:2 sends dynamodb ExecuteTransaction, which the private AWS does not do: what the "
         "function does with an answer was not compared. Use an event that does without it, or "
         "remove aws from [functions.orders.services] and record the answers with "
         "`lambda-rollback record orders --downstream --profile NAME`"),
        (CHARGE,
         "orders:2 sends POST /v1/charges to api.example.com, to which no answer is recorded (the "
         "nearest is POST https://api.example.com/v1/charges, where /body/amount is 5). Record it "
         f"with {ALLOW}"),
        (REFUND,
         "orders:2 sends POST /v1/refunds to api.example.com:8443, to which no answer is recorded. "
         f"Record it with {ALLOW}"),
        (ITEM,
         "orders:2 sends dynamodb PutItem on orders, to which no answer is recorded. Record it "
         "with `lambda-rollback record orders --downstream --profile NAME`"),
        (HTTP2,
         "orders:2 sends bytes to grpc.example.com, to which no answer is recorded (it is HTTP/2). "
         "Record it with `lambda-rollback record orders --downstream --allow grpc.example.com`"),
        (USED_UP,
         "orders:2 sends GET /v1/rates to api.example.com more often than answers to it are "
         f"recorded, and each is given once. Record it with {ALLOW}"),
        (DATABASE,
         "orders:2 needs db.internal:5432, which could not be reached (Connection refused). Start "
         "the service that its entry under [functions.orders.services] leads to, and run the check "
         "again"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ends", [answers, fails])
def test_a_target_that_sends_what_is_not_answered(
    ends: object, request_: ServiceRequest, said: str
) -> None:
    assert callable(ends)
    current = answers(GET, request_)
    judgement = invocation.judge((current, current), ends(GET, request_), None, subject=subject())
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason == said


def test_what_only_the_target_sends_cannot_be_recorded() -> None:
    judgement = invocation.judge((answers(CHARGE),), answers(REFUND), None, subject=subject())
    assert judgement.reason == (
        "orders:2 sends POST /v1/refunds to api.example.com:8443, to which no answer is recorded, "
        "and which orders:4 never sends: what the function does with an answer was not compared. "
        "Add the answer to the event's downstream by hand, in its envelope or in "
        "NAME.downstream.json beside it"
    )


@pytest.mark.parametrize(
    ("current", "target", "reason"),
    [
        # Only the current version lacks an answer: what it would answer is not known,
        (answers(TRANSACTION), answers(GET), "orders:4, the current version, sends dynamodb Exec"),
        # but a target that fails on its own fails whatever that is.
        (answers(TRANSACTION), fails(GET), None),
        (answers(GET), fails(GET), None),
        (answers(GET), answers(GET), None),
    ],
)
def test_a_current_version_that_lacks_an_answer(
    current: Outcome, target: Outcome, reason: str | None
) -> None:
    judgement = invocation.judge((answers(GET), current), target, None, subject=subject())
    assert (judgement.reason or "").startswith(reason or "")
    assert (judgement.reason is None) is (reason is None)
    breaks = reason is None and target.kind is OutcomeKind.FUNCTION_ERROR
    assert [each.kind for each in judgement.findings] == (["function-error"] if breaks else [])


@pytest.mark.parametrize(
    ("runs", "expect", "reason"),
    [
        ((fails(CHARGE), fails(CHARGE)), None, "sends POST /v1/charges"),
        ((fails(CHARGE), fails(CHARGE)), ExpectedError(), "sends POST /v1/charges"),
        ((fails(CHARGE), fails(CHARGE)), ExpectedError(type="KeyError"), None),
        ((answers(CHARGE), fails(USED_UP)), None, "sends POST /v1/charges"),
        ((answers(GET), fails(USED_UP)), None, "sends GET /v1/rates"),
        ((answers(GET), fails(GET)), None, "flaky"),
        ((answers(CHARGE, payload=b'{"statusCode": 502}'),) * 2, None, "sends POST /v1/charges"),
        ((answers(GET, payload=b'{"statusCode": 502}'),) * 2, None, "answers this event with"),
        # What a version answers without it is weighed beside the target.
        ((answers(CHARGE), answers(CHARGE)), None, None),
    ],
)
def test_a_baseline_that_lacks_an_answer(
    runs: tuple[Outcome, ...], expect: ExpectedError | None, reason: str | None
) -> None:
    judgement = invocation.judge_baseline(runs, expect, version_name="orders:4")
    assert (reason or "") in (judgement.reason or "")
    assert (judgement.reason is None) is (reason is None)


GONE = replace(GET, status=400, error="ResourceNotFoundException")


@pytest.mark.parametrize(
    "run",
    [
        fails(GONE),
        replace(fails(GONE), kind=OutcomeKind.INIT_ERROR),
        answers(GONE, payload=b'{"statusCode": 500}'),
    ],
)
def test_what_a_seed_lacks_is_told_where_the_current_version_fails(run: Outcome) -> None:
    judgement = invocation.judge_baseline((run, run), None, version_name="orders:4")
    seed = (
        ". Before, dynamodb GetItem on orders was refused (ResourceNotFoundException): if AWS has "
        "it today, add it to the template or seed under [functions.orders.services]"
    )
    assert str(judgement.reason).endswith(seed)
    run = replace(run, requests=(GET,))
    judgement = invocation.judge_baseline((run, run), None, version_name="orders:4")
    assert judgement.reason is not None
    assert seed not in judgement.reason


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("o1.ingest.sentry.io", "POST /api/1/envelope"),
        ("cloudwatch", "PutMetricData"),
        ("logs", "PutLogEvents"),
        ("xray", "PutTraceSegments"),
        ("statsd.internal:8125", ""),
    ],
)
def test_what_takes_reports_needs_no_answer(service: str, operation: str) -> None:
    report = ServiceRequest(service=service, operation=operation, answer=Answer.UNRECORDED)
    assert unanswered(answers(report)) is None
    assert unanswered(answers(report, GET, USED_UP, TRANSACTION)) == USED_UP
