"""The target's requests to AWS, against botocore's models and against today's answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.subjects import noted, said, subject, worded
from pytest_lambda_rollback.contracts.downstream import DownstreamContract, aws_models
from pytest_lambda_rollback.contracts.interface import ReplayCase
from pytest_lambda_rollback.model.findings import Contract, Judgement, Verdict
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind
from pytest_lambda_rollback.model.services import Answer, ServiceRequest
from pytest_lambda_rollback.model.settings import ResponseRule

GET = {"TableName": "orders", "Key": {"id": {"S": "o-1"}}}
MODEL = f"({aws_models.model_version()})"


def asked(
    service: str,
    operation: str,
    parameters: Any = None,
    error: str = "",
    *,
    status: int = 0,
    message: str = "",
    answer: Answer = Answer.ANSWERED,
) -> ServiceRequest:
    return ServiceRequest(
        service=service,
        operation=operation,
        parameters=json.dumps(parameters or {}),
        status=status or (400 if error else 200),
        error=error,
        message=message,
        answer=answer,
    )


def outcome(*requests: ServiceRequest) -> Outcome:
    return Outcome(kind=OutcomeKind.RESPONSE, payload=b"{}", requests=requests)


def judged(
    current: tuple[ServiceRequest, ...],
    target: tuple[ServiceRequest, ...],
    contract: DownstreamContract | None = None,
) -> Judgement:
    case = ReplayCase(
        subject=subject("2"),
        fixture=EventFixture(name="create", path=Path("create.json"), payload=b"{}"),
        baseline=(outcome(*current), outcome(*current)),
        outcome=outcome(*target),
        response=ResponseRule(),
    )
    return worded((contract or DownstreamContract()).judge(case))


def sentences(judgement: Judgement) -> list[str]:
    assert {each.contract for each in judgement.findings} <= {Contract.DOWNSTREAM}
    return [said(each) for each in judgement.findings]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked("dynamodb", "GetItem", GET), []),
        (asked("dynamodb", "GetItem", {**GET, "AttributeToGet": ["a"]}),
         ["orders:2 sends dynamodb GetItem with AttributeToGet, which the operation does not take "
          f"{MODEL}"]),
        (asked("dynamodb", "GetItem", {"TableName": "orders"}),
         [f"orders:2 sends dynamodb GetItem without Key, which the operation requires {MODEL}"]),
        (asked("dynamodb", "GetItem", {**GET, "ConsistentRead": "yes"}),
         ["orders:2 sends dynamodb GetItem with text as ConsistentRead, which the operation takes "
          f"as a boolean {MODEL}"]),
        (asked("dynamodb", "GetItem", {**GET, "Key": {"id": {"STR": "o-1"}}}),
         [f"orders:2 sends dynamodb GetItem with Key.id.STR, which the operation does not take "
          f"{MODEL}"]),
        (asked("dynamodb", "Query", {"TableName": "orders", "Limit": "5"}),
         ["orders:2 sends dynamodb Query with text as Limit, which the operation takes as a number "
          f"{MODEL}"]),
        (asked("dynamodb", "FetchItem", GET),
         ["orders:2 sends dynamodb FetchItem, an operation that dynamodb does not have "
          f"{MODEL}"]),
        # What a query or a path sends is text.
        (asked("sqs", "ReceiveMessage", {"QueueUrl": "https://q/1/in", "MaxNumberOfMessages": "5"}),
         []),
        (asked("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": {"$bytes": "AAA="},
                                   "Metadata": {"a": "b"}, "Expires": {"$time": "2026-01-01"}}),
         []),
        (asked("ses", "SendEmail", {"Source": "a", "Message": {"Subject": {"Data": "a"}}}), []),
        (asked("ses", "SendEmail", {"Message": {"Subject": {"Data": "a"}}}),
         ["orders:2 sends ses SendEmail without Source, which the operation requires "
          f"{MODEL}"]),
        (asked("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": "text"}), []),
        (asked("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": ["text"]}),
         [f"orders:2 sends s3 PutObject with a list as Body, which the operation takes as text "
          f"{MODEL}"]),
        (asked("kinesis", "PutRecord", {"StreamName": "s", "Data": "aGk=", "PartitionKey": "1"}),
         []),
        (asked("events", "PutEvents", {"Entries": [{"Source": "a", "Detail": {"a": 1}}]}),
         ["orders:2 sends events PutEvents with an object as Entries[0].Detail, which the "
          f"operation takes as text {MODEL}"]),
        # Documents take anything.
        (asked("bedrock-runtime", "Converse",
               {"modelId": "m", "additionalModelRequestFields": {"any": [1, {"thing": None}]}}),
         []),
        # botocore does not know it; parameters that are none.
        (asked("no-such-service", "GetItem", {"x": 1}), []),
        (ServiceRequest(service="dynamodb", operation="GetItem", parameters="{", status=200), []),
        (asked("dynamodb", "GetItem", {"$large": 900000}), []),
        (asked("s3", "PutObject", {"Bucket": "b", "Key": "k",
                                   "Body": {"$large": 9, "sha256": "00"}}), []),
        (ServiceRequest(service="dynamodb", operation="GetItem", status=200), []),
        (ServiceRequest(service="sts", operation="GetCallerIdentity", status=200), []),
    ],
)  # fmt: skip
def test_what_the_model_does_not_allow(request_: ServiceRequest, words: list[str]) -> None:
    judgement = judged((asked("dynamodb", "GetItem", GET),), (request_,))
    assert sentences(judgement) == words


def test_a_misfit_that_the_current_version_has_too_is_noted() -> None:
    new = asked("events", "PutEvents", {"Entries": [{"Sauce": "a"}]})
    old = asked("events", "PutEvents", {"Entries": [{"Source": "a"}, {"Sauce": "b"}]})
    judgement = judged((new,), (old,))
    assert judgement.verdict is Verdict.SAFE
    assert noted(judgement) == (
        "orders:4 itself sends events PutEvents with Entries[1].Sauce, which the operation does "
        f"not take {MODEL}: this is no difference",
    )


def test_equal_misfits_are_one_finding() -> None:
    old = asked("events", "PutEvents", {"Entries": [{"Sauce": "a"}, {"Sauce": "b"}]})
    assert len(judged((), (old, old)).findings) == 1


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "error", "on"),
    [
        ("dynamodb", "GetItem", GET, "ResourceNotFoundException", "dynamodb GetItem on orders"),
        ("dynamodb", "BatchGetItem", {"RequestItems": {"old": {"Keys": [GET["Key"]]}}},
         "ResourceNotFoundException", "dynamodb BatchGetItem on old"),
        ("dynamodb", "TransactWriteItems", {"TransactItems": [{"Delete": GET}]},
         "ValidationException", "dynamodb TransactWriteItems on orders"),
        ("sqs", "SendMessage", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/sold",
                                "MessageBody": "x"},
         "AWS.SimpleQueueService.NonExistentQueue", "sqs SendMessage on sold"),
        ("sns", "Publish", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:sold",
                            "Message": "x"}, "NotFound", "sns Publish on sold"),
        ("s3", "GetObject", {"Bucket": "old", "Key": "k"}, "NoSuchBucket", "s3 GetObject on old"),
        ("ssm", "GetParameter", {"Name": "/shop/limit"}, "ParameterNotFound",
         "ssm GetParameter on /shop/limit"),
        ("secretsmanager", "GetSecretValue", {"SecretId": "shop/db"}, "ResourceNotFoundException",
         "secretsmanager GetSecretValue on shop/db"),
        ("stepfunctions", "StartExecution",
         {"stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:ship"},
         "StateMachineDoesNotExist", "stepfunctions StartExecution on ship"),
    ],
)  # fmt: skip
def test_a_request_that_todays_service_refuses(
    service: str, operation: str, parameters: Any, error: str, on: str
) -> None:
    request = asked(service, operation, parameters, error, message="it is not there")
    judgement = judged((asked("dynamodb", "PutItem", {**GET, "Item": {}}),), (request,))
    assert [each.kind for each in judgement.findings if each.kind == "refused"] == ["refused"]
    seed = "" if error == "ValidationException" else "; if AWS has it today, add it to the seed"
    assert (
        f"orders:2 sends {on}, which is refused ({error}: it is not there) where orders:4 meets "
        f"no such refusal{seed}"
    ) in sentences(judgement)
    # The same refusal on both sides is the functions' logic; what is missing is told.
    both = judged((request,), (request,))
    assert both == Judgement(notes=both.notes)
    assert len(both.notes) == (error != "ValidationException")


def test_a_refusal_of_another_table_is_another_refusal() -> None:
    new, old = (
        asked("dynamodb", "GetItem", {**GET, "TableName": name}, "ResourceNotFoundException")
        for name in ("a", "b")
    )
    assert [each.kind for each in judged((new,), (old,)).findings] == ["refused"]


def test_a_table_that_is_missing_for_both_is_noted_once() -> None:
    new, old = (
        asked("dynamodb", each, {"TableName": "carts"}, "ResourceNotFoundException")
        for each in ("DescribeTable", "Scan")
    )
    judgement = judged((new,), (new, old))
    assert judgement.findings == ()
    assert noted(judgement) == (
        "create proves little: orders:4, the current version, sends dynamodb DescribeTable on "
        "carts, which is refused (ResourceNotFoundException). If AWS has it today, add it to the "
        "template or seed",
    )


@pytest.mark.parametrize(
    ("service", "operation", "error", "status"),
    [
        ("dynamodb", "PutItem", "ConditionalCheckFailedException", 400),
        ("dynamodb", "TransactWriteItems", "TransactionCanceledException", 400),
        ("s3", "GetObject", "NoSuchKey", 404),
        ("s3", "HeadObject", "404", 404),
        ("s3", "HeadObject", "NotFound", 404),
        ("s3", "PutObject", "PreconditionFailed", 412),
        ("stepfunctions", "StartExecution", "ExecutionAlreadyExists", 400),
        ("secretsmanager", "CreateSecret", "ResourceExistsException", 400),
    ],
)
def test_a_refusal_that_may_be_an_answer_warns(
    service: str, operation: str, error: str, status: int
) -> None:
    parameters = {"TableName": "orders", "Bucket": "b"}
    old = asked(service, operation, parameters, error, status=status)
    judgement = judged((asked(service, operation, parameters),), (old,))
    assert [each for each in judgement.findings if each.kind == "refused"] == []
    assert [each.kind for each in judgement.warnings] == ["refused"]
    assert [each for each in judged((old,), (old,)).warnings if each.kind == "refused"] == []


def test_asking_for_what_is_created_then_is_no_fault() -> None:
    url = {"QueueName": "out"}
    missing = asked("sqs", "GetQueueUrl", url, "AWS.SimpleQueueService.NonExistentQueue")
    made = asked("sqs", "CreateQueue", url)
    assert judged((made,), (missing, made)).findings == ()
    assert [each.kind for each in judged((made,), (made, missing)).findings] == ["refused"]


@pytest.mark.parametrize("answer", [Answer.UNRECORDED, Answer.USED_UP, Answer.UNREACHABLE])
def test_a_request_without_an_answer_is_not_judged(answer: Answer) -> None:
    request = asked("dynamodb", "FetchItem", {"x": 1}, "ResourceNotFoundException", answer=answer)
    assert judged((), (request,)) == Judgement()


def test_of_what_the_private_aws_cannot_do_only_the_form_is_judged() -> None:
    good, bad = (
        asked("dynamodb", "GetItem", each, "NotImplemented", status=501, answer=Answer.UNSUPPORTED)
        for each in (GET, {**GET, "Sauce": 1})
    )
    assert judged((), (good,)) == Judgement()
    assert [each.kind for each in judged((), (bad,)).findings] == ["unknown-parameter"]


def test_a_hostile_target_gets_a_bounded_judgement() -> None:
    refused = tuple(
        asked("dynamodb", "GetItem", {"TableName": f"t{each}"}, error)
        for each in range(2000)
        for error in ("ValidationException", "ThrottlingException")
    )
    judgement = judged((), refused)
    assert len(judgement.findings) == 20
    assert len(judgement.warnings) == 20


def test_requests_that_the_current_version_never_makes_warn() -> None:
    new = (asked("dynamodb", "GetItem", GET), asked("api.example.com", "GET /v1/rates/17"))
    old = (
        asked("dynamodb", "GetItem", GET),
        asked("dynamodb", "Query", {"TableName": "orders"}),
        asked("dynamodb", "GetItem", {**GET, "TableName": "customers"}),
        asked("api.example.com", "GET /v1/rates/18"),
        asked("api.example.com", "GET /v2/rates/18"),
        asked("api.example.com", "POST /v1/rates/18"),
        ServiceRequest(service="db.internal:5432", operation=""),
        asked("dynamodb", "Query", {"TableName": "orders"}),
    )
    judgement = judged(new, old)
    assert judgement.findings == ()
    (warning,) = judgement.warnings
    assert said(warning) == (
        "orders:2 sends dynamodb Query on orders, dynamodb GetItem on customers, "
        "GET /v2/rates/18 to api.example.com, POST /v1/rates/18 to api.example.com and bytes "
        "to db.internal:5432, which orders:4 never does"
    )
    assert judged(old, new) == Judgement()


def test_a_long_list_of_other_requests_is_cut() -> None:
    old = tuple(asked("api.example.com", f"GET /{each}") for each in "abcdefgh")
    (warning,) = judged((), old).warnings
    assert said(warning).endswith("GET /e to api.example.com and 3 more, which orders:4 never does")


@pytest.mark.parametrize(
    ("status", "finds", "warns"),
    [(200, 0, 0), (400, 1, 0), (422, 1, 0), (410, 1, 0), (404, 0, 1), (409, 0, 1), (401, 0, 1),
     (503, 0, 0)],
)  # fmt: skip
def test_refusals_of_other_hosts(status: int, finds: int, warns: int) -> None:
    old = asked("api.example.com", "POST /v1/charges/17", status=status)
    new = asked("api.example.com", "POST /v1/charges/18")
    judgement = judged((new,), (old,))
    assert (len(judgement.findings), len(judgement.warnings)) == (finds, warns)
    if finds:
        assert sentences(judgement) == [
            f"orders:2 sends POST /v1/charges/17 to api.example.com, which is refused ({status}) "
            "where orders:4 meets no such refusal"
        ]
    refused = asked("api.example.com", "POST /v1/charges/18", status=status)
    assert judged((refused,), (old,)) == Judgement()


def test_no_requests_no_findings() -> None:
    assert judged((asked("dynamodb", "GetItem", GET),), ()) == Judgement()


def test_values_of_a_hostile_request_stay_on_one_line() -> None:
    request = asked(
        "dynamodb", "GetItem", {"TableName": "a\n\x1b[31m" * 900}, "ValidationException",
        message="x\n\x1b" * 900,
    )  # fmt: skip
    for text in sentences(judged((), (request,))):
        assert text.isprintable()
        assert len(text) < 900
