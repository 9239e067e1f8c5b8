"""Responses judged by who reads them, and by what that reader documents."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from helpers import judged_responses
from helpers import made_events as made
from helpers.judged_responses import Found, found
from helpers.subjects import said
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Event
from pytest_lambda_rollback.model.findings import Judgement

CDK: dict[str, Any] = {
    **made.CUSTOM_RESOURCE, "RequestType": "Update", "ResponseURL": "...",
    "PhysicalResourceId": "db-1",
}  # fmt: skip
SES_SYNC = {
    "Records": [
        {"eventSource": "aws:ses",
         "ses": {"mail": {}, "receipt": {"action": {"invocationType": "RequestResponse"}}}}
    ]
}  # fmt: skip


def judged(
    event: object, current: object, target: object, invoked_by: str | None = None,
    mode: str = "shape",
) -> Judgement:  # fmt: skip
    recognised = event if isinstance(event, Event) else made.recognised(event)
    return judged_responses.judged(
        [current] * 2, target, mode=mode, event=replace(recognised, invoked_by=invoked_by)
    )


def warned(judgement: Judgement) -> Found:
    assert not judgement.findings
    return [(each.kind, each.location) for each in judgement.warnings]


# --- who reads --------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [made.EVENTBRIDGE, made.SCHEDULED])
def test_where_the_reader_is_open_a_difference_is_a_warning(event: object) -> None:
    judgement = judged(event, {"orderId": "A", "approved": True}, {"id": "A"})
    assert warned(judgement) == [("lost-key", "/approved")]
    assert said(judgement.warnings[0]) == (
        "orders:2 answers without /approved, which orders:4 always returns. The event does not "
        "show whether anything reads the answer: set invoked_by for this function, to "
        '"nobody" or, for example, to "step-functions"'
    )
    assert warned(judged(event, {"a": 1}, {"a": 2, "b": 3})) == []
    assert warned(judged(event, {"a": 1}, {}, "nobody")) == []
    assert found(judged(event, {"a": 1}, {}, "step-functions")) == [("lost-key", "/a")]


@pytest.mark.parametrize("invoked_by", ["step-functions", "lambda", "pipes", "sdk"])
@pytest.mark.parametrize(
    "event", [made.S3, made.SNS, made.EVENTBRIDGE, made.sqs("m1"), made.kinesis("1"), made.LOGS]
)
def test_a_reader_that_the_configuration_names_reads_everything(
    event: object, invoked_by: str
) -> None:
    assert found(judged(event, {"done": 1}, {}, invoked_by)) == [("lost-key", "/done")]
    assert found(judged(event, {"done": 1}, {})) == []


@pytest.mark.parametrize("event", [made.REST_API, made.FIREHOSE, {"a": 1}, made.sqs("m1")])
def test_nobody_reads_an_asynchronous_invocation(event: object) -> None:
    assert found(judged(event, {"statusCode": 200, "body": "{}"}, None, "nobody")) == []


@pytest.mark.parametrize(
    "event",
    [
        # what Pipes, a Map state or another function hands on
        made.sqs("m1")["Records"],
        made.sqs("m1")["Records"][0],
        made.kinesis("1")["Records"],
        {"Payload": made.EVENTBRIDGE, "StatusCode": 200},
        {"input": made.S3, "taskToken": "t"},
        {**made.EVENTBRIDGE, "priced": {"total": 1}},
        [made.EVENTBRIDGE],
    ],
)
def test_what_shows_that_it_was_passed_on_is_read(event: object) -> None:
    assert found(judged(event, {"done": 1}, {})) == [("lost-key", "/done")]


# --- CDK's provider framework -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_type", "current", "target", "expected"),
    [
        ("Update", {"PhysicalResourceId": "db-1", "Data": {"Arn": "x"}}, None,
         [("lost-key", "/Data/Arn")]),
        ("Update", {"PhysicalResourceId": "db-1"}, None, []),
        ("Update", {}, None, []),
        ("Update", None, {"PhysicalResourceId": "db-1", "Data": None}, []),
        ("Update", None, {"PhysicalResourceId": "db-2"},
         [("other-decision", "/PhysicalResourceId")]),
        ("Update", {"PhysicalResourceId": "db-2"}, None,
         [("other-decision", "/PhysicalResourceId")]),
        ("Update", {}, "done", [("malformed-response", None)]),
        ("Update", {}, ["done"], [("malformed-response", None)]),
        ("Create", {"PhysicalResourceId": "db-1"}, {"PhysicalResourceId": "db-2"}, []),
        ("Create", {"PhysicalResourceId": "db-1"}, None, []),
        ("Create", {"Data": {"Arn": "x"}}, {"Data": {}}, [("lost-key", "/Data/Arn")]),
        ("Create", {"NoEcho": True}, {}, [("other-decision", "/NoEcho")]),
        ("Create", {"NoEcho": False}, {}, []),
        ("Delete", {"PhysicalResourceId": "db-1", "Data": {"Arn": "x"}}, None, []),
        ("Delete", None, {"PhysicalResourceId": "gone"},
         [("other-decision", "/PhysicalResourceId")]),
        ("Create", {"IsComplete": True, "Data": {"Arn": "x"}}, {"IsComplete": False},
         [("other-decision", "/IsComplete")]),
        ("Create", {"IsComplete": False}, {"IsComplete": False, "Reason": "x"}, []),
        ("Create", {"IsComplete": True}, {"isComplete": True},
         [("malformed-response", "/IsComplete")]),
        ("Create", {"IsComplete": True, "Note": "x"}, {"IsComplete": True}, []),
    ],
)  # fmt: skip
def test_cdk_provider(request_type: str, current: object, target: object, expected: Found) -> None:
    event = {**CDK, "RequestType": request_type}
    expected = [(kind, place or "") for kind, place in expected]
    assert found(judged(event, current, target)) == expected


def test_a_url_that_was_replaced_leaves_it_open_who_reads() -> None:
    replaced = {**CDK, "ResponseURL": "REDACTED"}
    assert warned(judged(replaced, {"Data": {"Arn": "x"}}, None)) == [("lost-key", "/Data/Arn")]


def test_a_custom_resource_of_its_own_uploads_its_result() -> None:
    direct = {**CDK, "ResponseURL": "http://pre-signed-S3-url-for-response"}
    assert found(judged(direct, {"Data": {"Arn": "x"}}, None)) == []
    assert found(judged(direct, {"Data": {"Arn": "x"}}, None, "cdk-provider")) == [
        ("lost-key", "/Data/Arn")
    ]


# --- decisions --------------------------------------------------------------------------------

VPN = {
    "allow": True, "error-msg-on-denied-connection": "", "posture-compliance-statuses": [],
    "schema-version": "v3",
}  # fmt: skip


@pytest.mark.parametrize(
    ("event", "current", "target", "expected"),
    [
        (SES_SYNC, {"disposition": "STOP_RULE"}, None, [("other-decision", "/disposition")]),
        (SES_SYNC, None, {"disposition": "STOP_RULE_SET"}, [("other-decision", "/disposition")]),
        (SES_SYNC, {"disposition": "CONTINUE", "log": 1}, None, []),
        (SES_SYNC, {"disposition": "CONTINUE"}, "done", []),
        (SES_SYNC, {"disposition": "STOP_RULE"}, {"disposition": "STOP_RULE", "a": 1}, []),
        (made.PROVISIONING, {"allowProvisioning": True}, {"allowProvisioning": False},
         [("other-decision", "/allowProvisioning")]),
        (made.PROVISIONING, {"allowProvisioning": False}, {"allowProvisioning": True},
         [("other-decision", "/allowProvisioning")]),
        (made.PROVISIONING, {"allowProvisioning": True}, {},
         [("malformed-response", "/allowProvisioning")]),
        (made.PROVISIONING, {"allowProvisioning": True}, {"allowProvisioning": "true"},
         [("malformed-response", "/allowProvisioning")]),
        (made.PROVISIONING, {"allowProvisioning": True}, None, [("malformed-response", "")]),
        (made.PROVISIONING, {"allowProvisioning": True, "parameterOverrides": {"Loc": "eu"}},
         {"allowProvisioning": True}, [("lost-key", "/parameterOverrides")]),
        (made.PROVISIONING, {"allowProvisioning": True, "note": "x"},
         {"allowProvisioning": True}, []),
        (made.CLIENT_VPN, VPN, {**VPN, "allow": False}, [("other-decision", "/allow")]),
        (made.CLIENT_VPN, {**VPN, "allow": False}, VPN, [("other-decision", "/allow")]),
        (made.CLIENT_VPN, VPN, {"schema-version": "v3"}, [("malformed-response", "/allow")]),
        (made.CLIENT_VPN, VPN, {"allow": True},
         [("lost-key", "/error-msg-on-denied-connection"),
          ("lost-key", "/posture-compliance-statuses"), ("lost-key", "/schema-version")]),
        (made.CLIENT_VPN, {**VPN, "trace": 1}, VPN, []),
    ],
)  # fmt: skip
def test_decisions(event: object, current: object, target: object, expected: Found) -> None:
    assert found(judged(event, current, target)) == expected
    assert found(judged(event, current, current)) == []


# --- authorizers ------------------------------------------------------------------------------

ANY = "*"
INSIDE = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}


def statement(effect: str, resource: object = made.ARN, **more: object) -> dict[str, object]:
    named = {} if "NotResource" in more else {"Resource": resource}
    return {"Action": "execute-api:Invoke", "Effect": effect, **named, **more}


def policy(*statements: object) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return {"principalId": "ann", "policyDocument": document}


ALLOW = policy(statement("Allow"))
SIMPLE = {"isAuthorized": True, "context": {"tenant": "t1"}}
DENIED = [("authorizer-denies", "/policyDocument")]
OTHER = made.ARN.replace("GET", "POST")


@pytest.mark.parametrize(
    ("current", "target", "breaks", "warnings"),
    [
        # an explicit deny without a condition wins, wherever it stands
        (policy(statement("Allow", ANY)),
         policy(statement("Allow", ANY, Condition=INSIDE), statement("Deny")), DENIED, []),
        (ALLOW, policy(statement("Deny"), statement("Allow", ANY, Condition=INSIDE)), DENIED, []),
        (ALLOW, policy(statement("Allow"), statement("Deny", OTHER, Condition=INSIDE)), [],
         [("authorizer-narrower", "/policyDocument")]),
        (ALLOW, policy(statement("Allow"), statement("Allow", OTHER, Condition=INSIDE)), [],
         [("authorizer-broader", "/policyDocument")]),
        # conditions decide, and are not evaluated
        (ALLOW, policy(statement("Allow", Condition=INSIDE)), [],
         [("authorizer-condition", "/policyDocument")]),
        (ALLOW, policy(statement("Allow"), statement("Deny", Condition=INSIDE)), [],
         [("authorizer-condition", "/policyDocument")]),
        (policy(statement("Allow", Condition=INSIDE)), ALLOW, [],
         [("authorizer-condition", "/policyDocument")]),
        (policy(statement("Allow", Condition=INSIDE)), policy(statement("Allow", Condition=INSIDE)),
         [], []),
        (ALLOW, policy(statement("Allow", Condition={})), [], []),
        # exceptions are
        (ALLOW, policy(statement("Allow", NotResource=OTHER)), [], []),
        (ALLOW, policy(statement("Allow", NotResource=made.ARN)), DENIED, []),
        (ALLOW, policy({"NotAction": "s3:*", "Effect": "Allow", "Resource": made.ARN}), [], []),
        (ALLOW, policy(statement("Allow"), statement("Deny", NotResource=OTHER)), DENIED, []),
        (ALLOW, policy(statement("Allow"), statement("Deny", NotResource=made.ARN)), [], []),
        # what a cached policy says of other methods
        (policy(statement("Allow", ANY)), ALLOW, [],
         [("authorizer-narrower", "/policyDocument")]),
        (policy(statement("Allow", [made.ARN, OTHER])), ALLOW, [],
         [("authorizer-narrower", "/policyDocument")]),
        (ALLOW, policy(statement("Allow", ANY)), [], [("authorizer-broader", "/policyDocument")]),
        (policy(statement("Allow", ANY)),
         policy(statement("Allow", ANY), statement("Deny", OTHER)), [],
         [("authorizer-narrower", "/policyDocument")]),
        (policy(statement("Allow", [made.ARN, OTHER])),
         policy(statement("Allow", OTHER), statement("Allow")), [], []),
        # a policy must say whom it is about
        (ALLOW, {"policyDocument": ALLOW["policyDocument"]},
         [("malformed-response", "/policyDocument")], []),
        # the backend gets the context's numbers and booleans as text
        ({**ALLOW, "context": {"n": 1, "b": True}}, {**ALLOW, "context": {"n": "2", "b": "false"}},
         [], []),
        ({**ALLOW, "context": {"n": 1}}, {**ALLOW, "context": {"m": 1}},
         [("lost-key", "/context/n")], []),
        # REST APIs know no simple responses
        (ALLOW, {"isAuthorized": True}, [("malformed-response", "/isAuthorized")], []),
    ],
)  # fmt: skip
def test_policies(current: object, target: object, breaks: Found, warnings: Found) -> None:
    judgement = judged(made.TOKEN_AUTHORIZER, current, target)
    assert found(judgement) == breaks
    assert [(each.kind, each.location) for each in judgement.warnings] == warnings


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        # the current version's form is the one that the authorizer is configured for
        (SIMPLE, {**ALLOW, "context": SIMPLE["context"]},
         [("malformed-response", "/policyDocument")]),
        (ALLOW, SIMPLE, [("malformed-response", "/isAuthorized")]),
        (SIMPLE, {**SIMPLE, **ALLOW}, []),
        (ALLOW, {**SIMPLE, **ALLOW}, []),
        ({**SIMPLE, **ALLOW}, {**SIMPLE, **ALLOW}, []),
        ({**SIMPLE, **ALLOW}, {**SIMPLE, **ALLOW, "isAuthorized": False},
         [("authorizer-denies", "/policyDocument")]),
        (SIMPLE, {"isAuthorized": True}, [("lost-key", "/context")]),
        ({"isAuthorized": False}, {"isAuthorized": False, "context": {}}, []),
        ({**SIMPLE, "trace": 1}, SIMPLE, []),
        ({**ALLOW, "trace": 1}, ALLOW, []),
        (ALLOW, {"policyDocument": ALLOW["policyDocument"]}, [("lost-key", "/principalId")]),
        ({**ALLOW, "usageIdentifierKey": "k"}, ALLOW, [("lost-key", "/usageIdentifierKey")]),
    ],
)  # fmt: skip
def test_the_form_of_an_http_api_authorizer(
    current: object, target: object, expected: Found
) -> None:
    assert found(judged(made.HTTP_AUTHORIZER, current, target)) == expected


@pytest.mark.parametrize("target", [SIMPLE, {**ALLOW, "context": SIMPLE["context"]}])
def test_where_both_forms_are_answered_one_alone_is_a_warning(target: object) -> None:
    both = {**SIMPLE, **ALLOW}
    judgement = judged(made.HTTP_AUTHORIZER, both, target)
    assert [each.kind for each in judgement.warnings] == ["authorizer-form"]
    assert found(judgement) == []


FIELD_ARN = "arn:aws:appsync:us-east-1:123456789012:apis/a/types/Mutation/fields/createEvent"


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        ({"deniedFields": []}, {"deniedFields": ["Mutation.createEvent"]},
         [("authorizer-denies", "/deniedFields")]),
        ({}, {"deniedFields": [FIELD_ARN]}, [("authorizer-denies", "/deniedFields")]),
        ({"deniedFields": ["Mutation.createEvent"]}, {},
         [("authorizer-allows", "/deniedFields")]),
        ({"deniedFields": ["Mutation.createEvent"]}, {"deniedFields": [FIELD_ARN]}, []),
        ({"deniedFields": ["a.b", "a.c"]}, {"deniedFields": ["a.c", "a.b"]}, []),
        ({"deniedFields": []}, {}, []),
        ({"ttlOverride": 0}, {}, []),
        ({"resolverContext": {"tenant": "t1"}}, {"resolverContext": {}},
         [("lost-key", "/resolverContext/tenant")]),
        ({"resolverContext": {"tenant": "t1"}},
         {"resolverContext": {"tenant": "t1", "more": {"a": 1}}},
         [("malformed-response", "/resolverContext/more")]),
    ],
)  # fmt: skip
def test_appsync_authorizers(
    current: dict[str, Any], target: dict[str, Any], expected: Found
) -> None:
    simple = {"isAuthorized": True}
    assert found(judged(made.APPSYNC_AUTHORIZER, simple | current, simple | target)) == expected


# --- records with data ------------------------------------------------------------------------


def record(data: bytes | str, result: str = "Ok", identity: str = "r1", **more: object) -> Any:
    text = base64.b64encode(data).decode() if isinstance(data, bytes) else data
    return {"recordId": identity, "result": result, "data": text, **more}


CSV = record(b"id;name, x\n")


@pytest.mark.parametrize("event", [made.FIREHOSE, made.PREPROCESSING])
@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (CSV, CSV, []),
        (CSV, record(b"other;columns\n"), []),
        (CSV, record("id;name, x\n"), [("record-failed", "/records/0/data")]),
        (CSV, {"recordId": "r1", "result": "Ok"}, [("record-failed", "/records/0/data")]),
        (CSV, {"recordId": "r1", "result": "Ok", "data": None},
         [("record-failed", "/records/0/data")]),
        (CSV, record(b""), [("record-empty", "/records/0/data")]),
        (CSV, record(b"id;name, x"), [("lost-separator", "/records")]),
        (record(b'{"a": 1}\n'), record(b'{"a": 2}\n'), []),
        (record(b'{"a": 1}\n'), record(b'{"a": 2}'), [("lost-separator", "/records")]),
        (record(b'{"a": 1}\n'), record(b"{}\n"), [("lost-key", "/records/0/data/a")]),
        (record(b'{"a": 1}'), record(b"a=1"), [("type-changed", "/records/0/data")]),
        (record(b'{"a": 1}'), record(b'{"a": 1}\n'), []),
        (record(b'{"a": 1}\n{"a": 2}\n'), record(b'{"a": 3}\n{"a": 4}\n{"a": 5}\n'), []),
        (record(b'{"a": 1}\n{"a": 2}\n'), record(b'{"a": 3}\n{"b": 4}\n'),
         [("lost-key", "/records/0/data/1/a")]),
        (record(b"5\n"), record(b"n/a\n"), []),
        (CSV, record(b"id;name, x\n", "Dropped"), [("record-dropped", "/records/0")]),
        (CSV, record(b"id;name, x\n", "OK"), [("record-failed", "/records/0")]),
        (CSV, record(b"id;name, x\n", identity="r9"), [("record-failed", "/records/r1")]),
        (record("no base64!"), record("other!"), []),
        (record(b"\x1f\x8b"), record(b"\x1f\x8c"), []),
        (record(b"a", metadata={"partitionKeys": {"day": "1"}}), record(b"a"),
         [("lost-key", "/records/0/metadata")]),
        (record(b"a"), {**record(b"a"), "note": 1}, []),
    ],
)  # fmt: skip
def test_records_with_data(event: object, current: Any, target: Any, expected: Found) -> None:
    assert found(judged(event, {"records": [current]}, {"records": [target]})) == expected


def batch(*codes: str, missing: str = "PermanentFailure", **more: object) -> dict[str, Any]:
    results = [{"taskId": f"t{n}", "resultCode": c} for n, c in enumerate(codes, 1) if c]
    return {
        "invocationSchemaVersion": "1.0", "invocationId": "i", "treatMissingKeysAs": missing,
        "results": results, **more,
    }  # fmt: skip


FINE = batch("Succeeded", "Succeeded")


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (FINE, FINE, []),
        (FINE, batch("Succeeded", ""), [("record-failed", "/results/t2")]),
        (FINE, batch("Succeeded", "", missing="Succeeded"), []),
        (batch("", "", missing="Succeeded"), FINE, []),
        (batch("", "", missing="Succeeded"), batch("", ""),
         [("record-failed", "/results/t1"), ("record-failed", "/results/t2")]),
        (FINE, batch("Succeeded", "TemporaryFailure"), [("record-failed", "/results/1")]),
        (FINE, {"results": FINE["results"]},
         [("malformed-response", "/invocationSchemaVersion")]),
        (FINE, batch("Succeeded", "Succeeded", invocationId=None),
         [("malformed-response", "/invocationId")]),
    ],
)  # fmt: skip
def test_tasks_of_s3_batch_operations(current: Any, target: Any, expected: Found) -> None:
    assert found(judged(made.S3_BATCH, current, target)) == expected


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        ("Ok", "Ok", []),
        ("Ok", "DeliveryFailed", [("record-failed", "/records/0")]),
        ("DeliveryFailed", "Ok", []),
        ("DeliveryFailed", "DeliveryFailed", []),
    ],
)
def test_delivery_of_an_analytics_application(current: str, target: str, expected: Found) -> None:
    runs = [{"records": [{"recordId": "r1", "result": each}]} for each in (current, target)]
    assert found(judged(made.DELIVERY, *runs)) == expected
