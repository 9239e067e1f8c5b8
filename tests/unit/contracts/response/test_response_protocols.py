"""Responses judged by what the service that sent the event does with them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from helpers import judged_responses
from helpers import made_events as made
from helpers.judged_responses import Found, found
from helpers.subjects import said
from pytest_lambda_rollback.model.findings import Judgement


def judged(
    event: object, current: object, target: object, mode: str = "shape", *ignore: str
) -> Judgement:
    return judged_responses.judged(
        [current] * 2, target, *ignore, mode=mode, event=made.recognised(event)
    )


# --- nobody reads the response --------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [made.SNS, made.S3, made.EVENTBRIDGE, made.SCHEDULED, made.LOGS, made.CUSTOM_RESOURCE, made.MQ,
     made.cognito("CustomSMSSender_SignUp")],
)  # fmt: skip
def test_a_response_that_nobody_reads_is_compared_only_where_values_are(event: object) -> None:
    assert found(judged(event, {"done": 1}, ["other"])) == []
    assert found(judged(event, {"done": 1}, "x" * 9)) == []
    assert found(judged(event, {"done": 1}, {"done": 2}, "exact")) == [("value-changed", "/done")]


def test_a_response_to_an_unknown_caller_is_compared() -> None:
    assert found(judged({"order": 1}, {"done": 1}, {})) == [("lost-key", "/done")]


# --- HTTP -----------------------------------------------------------------------------------

OK: dict[str, Any] = {"statusCode": 200, "body": '{"id": 1}'}
STRICT = [made.REST_API, made.HTTP_API_1, made.LOAD_BALANCER]
INFERRING = [made.HTTP_API_2, made.FUNCTION_URL]


@pytest.mark.parametrize("event", STRICT)
@pytest.mark.parametrize(
    ("target", "location"),
    [
        (None, ""),
        ("ok", ""),
        ([OK], ""),
        ({}, "/statusCode"),
        ({"id": 1}, "/statusCode"),
        ({"body": '{"id": 1}'}, "/statusCode"),
        ({**OK, "statusCode": None}, "/statusCode"),
        ({**OK, "statusCode": "OK"}, "/statusCode"),
        ({**OK, "statusCode": True}, "/statusCode"),
        ({**OK, "statusCode": 200.5}, "/statusCode"),
        ({**OK, "body": {"id": 1}}, "/body"),
        ({**OK, "body": [1]}, "/body"),
        ({**OK, "headers": []}, "/headers"),
        ({**OK, "headers": "a: b"}, "/headers"),
        ({**OK, "multiValueHeaders": [["a", "b"]]}, "/multiValueHeaders"),
        ({**OK, "isBase64Encoded": {}}, "/isBase64Encoded"),
    ],
)
def test_a_malformed_answer_is_a_break_where_the_front_end_refuses_it(
    event: object, target: object, location: str
) -> None:
    assert found(judged(event, OK, target)) == [("malformed-response", location)]
    assert found(judged(event, OK, target, "exact")) == [("malformed-response", location)]
    assert found(judged(event, target, target)) == []
    assert found(judged(event, {"ok": 1}, {"ok": 2})) == []  # malformed today as well


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ({**OK, "ok": True}, "/ok"),
        ({**OK, "headers": {"X": ["a"]}}, "/headers/X"),
        ({**OK, "headers": {"X": {}}}, "/headers/X"),
        ({**OK, "multiValueHeaders": {"X": "a"}}, "/multiValueHeaders/X"),
    ],
)
def test_rest_apis_refuse_more(target: object, location: str) -> None:
    assert found(judged(made.REST_API, OK, target)) == [("malformed-response", location)]
    assert found(judged(made.HTTP_API_1, OK, target)) == []


TOLERATED: list[dict[str, Any]] = [
    {**OK, "statusCode": "200"},
    {**OK, "headers": None},
    {**OK, "headers": {"X-Total": 1, "X-Cached": True, "X": None}},
]


@pytest.mark.parametrize("event", [made.REST_API, made.HTTP_API_1, *INFERRING])
@pytest.mark.parametrize("target", TOLERATED)
def test_what_api_gateway_tolerates(event: object, target: object) -> None:
    assert found(judged(event, OK, target)) == []


@pytest.mark.parametrize("target", TOLERATED)
def test_load_balancers_refuse_what_api_gateway_tolerates(target: object) -> None:
    ((kind, _),) = found(judged(made.LOAD_BALANCER, OK, target))
    assert kind == "malformed-response"


@pytest.mark.parametrize("event", [*STRICT, *INFERRING])
@pytest.mark.parametrize(
    "target",
    [
        OK,
        {**OK, "multiValueHeaders": {"X": ["a", "b"]}},
        {**OK, "isBase64Encoded": False},
        {"statusCode": 200, "body": base64.b64encode(b'{"id": 2}').decode(),
         "isBase64Encoded": True},
    ],
)  # fmt: skip
def test_a_proper_answer_is_none(event: object, target: object) -> None:
    assert found(judged(event, OK, target)) == []


def test_a_malformed_answer_is_told_with_what_it_leads_to() -> None:
    (finding,) = judged(made.REST_API, OK, {**OK, "body": {"id": 1}}).findings
    assert said(finding) == (
        "orders:2 answers an object as body, which must be text, which API Gateway refuses: "
        "its client gets a server error"
    )
    assert (finding.current, finding.target) == (r'"{\"id\": 1}"', '{"id": 1}')


@pytest.mark.parametrize("event", INFERRING)
@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        # a status and a JSON body are inferred from any response without a status
        (OK, {"id": 2}, []),
        ({"id": 1}, OK, []),
        (OK, {"no": 2}, [("lost-key", "/body/id")]),
        (OK, [1], [("type-changed", "/body")]),
        (OK, "done", [("body-not-json", "/body")]),
        (OK, None, [("type-changed", "/body")]),
        ({**OK, "statusCode": 201}, {"id": 1}, [("status-code", "/statusCode")]),
        ({**OK, "headers": {"X-Total": "1"}}, {"id": 1}, [("lost-key", "/headers/X-Total")]),
        ({"statusCode": 200, "headers": {"content-type": "text/html"}, "body": "<p>"}, {"id": 1},
         [("content-type", "/headers/content-type")]),
        ({"id": 1}, {"statusCode": 500, "body": "oops"}, [("status-code", "/statusCode")]),
        # and the whole response is the body of one that only lost its status
        (OK, {"body": '{"id": 1}'}, [("lost-key", "/statusCode")]),
        (OK, {"headers": {}, "data": 1}, [("lost-key", "/statusCode")]),
        (OK, {**OK, "statusCode": "OK"}, [("malformed-response", "/statusCode")]),
        # where neither has a status, both are what they are
        ({"id": 1}, {}, [("lost-key", "/id")]),
        ("a", "b", []),
    ],
)  # fmt: skip
def test_inferred_answers(event: object, current: object, target: object, expected: Found) -> None:
    assert found(judged(event, current, target)) == expected


def test_a_forgotten_status_is_told_with_what_it_leads_to() -> None:
    (finding,) = judged(made.FUNCTION_URL, OK, {"body": '{"id": 1}'}).findings
    assert said(finding) == (
        "orders:2 answers without /statusCode, which orders:4 always returns: without it, the "
        "function URL sends the whole answer as the body"
    )
    assert (finding.current, finding.target) == ("200", None)


def test_nothing_is_asked_where_the_current_version_answers_with_server_errors_only() -> None:
    broken = {"statusCode": 502, "body": '{"message": "later"}'}
    for target in (OK, {"statusCode": 500, "body": "oops"}, {"statusCode": 404}):
        assert found(judged(made.REST_API, broken, target)) == []
    assert found(judged(made.REST_API, broken, OK, "exact")) != []
    assert found(judged(made.REST_API, {"statusCode": 404}, {"statusCode": 500})) == [
        ("status-code", "/statusCode")
    ]


def with_headers(**members: object) -> dict[str, object]:
    return {**OK, **members}


MULTI = {**made.LOAD_BALANCER, "multiValueHeaders": {}}


@pytest.mark.parametrize(
    ("event", "current", "target", "expected"),
    [
        # API Gateway merges both objects
        (made.REST_API, {"headers": {"X-Total": "1"}}, {"multiValueHeaders": {"x-total": ["2"]}},
         []),
        (made.REST_API, {"multiValueHeaders": {"X-Total": ["1"]}}, {"headers": {"x-total": "2"}},
         []),
        (made.REST_API, {"headers": {"X-Total": "1"}}, {"multiValueHeaders": {"X-Other": ["2"]}},
         [("lost-key", "/headers/X-Total")]),
        (made.REST_API, {"headers": {"Content-Type": "application/json"}},
         {"multiValueHeaders": {"content-type": ["text/html"]}},
         [("content-type", "/headers/Content-Type")]),
        # a load balancer reads the one that its target group is set to
        (made.LOAD_BALANCER, {"headers": {"X": "1"}}, {"multiValueHeaders": {"X": ["1"]}},
         [("lost-key", "/headers/X")]),
        (MULTI, {"headers": {"X": "1"}}, {}, []),
        (MULTI, {"multiValueHeaders": {"X": ["1"]}}, {"headers": {"X": "1"}},
         [("lost-key", "/multiValueHeaders/X")]),
        # payload format 2.0 has no multiValueHeaders
        (made.HTTP_API_2, {"multiValueHeaders": {"X": ["1"]}}, {}, []),
        # cookies
        (made.HTTP_API_2, {"cookies": ["a=1; Secure", "b=2"]}, {"cookies": ["b=9", "a=8"]}, []),
        (made.HTTP_API_2, {"cookies": ["a=1; Secure", "b=2"]}, {"cookies": ["b=9"]},
         [("lost-cookie", "/cookies")]),
        (made.HTTP_API_2, {"cookies": ["a=1"]}, {}, [("lost-cookie", "/cookies")]),
        (made.REST_API, {"headers": {"Set-Cookie": "a=1; Path=/"}},
         {"headers": {"set-cookie": "a=2; Path=/"}}, []),
        (made.REST_API, {"headers": {"Set-Cookie": "a=1"}}, {"headers": {"set-cookie": "b=1"}},
         [("lost-cookie", "/headers/Set-Cookie")]),
        (made.REST_API, {"multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]}},
         {"headers": {"Set-Cookie": "a=1"}}, [("lost-cookie", "/multiValueHeaders/Set-Cookie")]),
    ],
)  # fmt: skip
def test_headers_and_cookies(
    event: object, current: dict[str, object], target: dict[str, object], expected: Found
) -> None:
    assert found(judged(event, with_headers(**current), with_headers(**target))) == expected


def test_a_lost_cookie_is_named() -> None:
    current, target = with_headers(cookies=["session=1", "lang=de"]), with_headers(cookies=["x=1"])
    (finding,) = judged(made.FUNCTION_URL, current, target).findings
    assert said(finding) == (
        "orders:2 does not set a cookie that orders:4 always sets: lang, session"
    )
    assert (finding.current, finding.target) == ("lang, session", "x")


@pytest.mark.parametrize(
    ("event_type", "expected"),
    [("CONNECT", [("status-code", "/statusCode")]), ("DISCONNECT", [])],
)
def test_a_websocket_connection(event_type: str, expected: Found) -> None:
    event = {"requestContext": {"connectionId": "c", "eventType": event_type}}
    assert found(judged(event, {"statusCode": 200}, {"statusCode": 403})) == expected


def test_ignored_places_are_ignored_by_protocols_too() -> None:
    assert found(judged(made.REST_API, OK, {**OK, "ok": 1}, "shape", "/ok")) == []
    assert found(judged(made.REST_API, OK, {"id": 1}, "shape", "/statusCode", "/body")) == []


# --- batches --------------------------------------------------------------------------------


def failed(*names: object) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


def item(index: int, kind: str = "batch-item-failure") -> tuple[str, str]:
    return kind, f"/batchItemFailures/{index}"


M123 = made.sqs("m1", "m2", "m3")
FIFO = made.sqs("m1", "m2", "m3", group="g")
S123 = made.kinesis("100", "101", "102")
D123 = made.dynamodb("100", "101", "102")


@pytest.mark.parametrize(
    ("event", "current", "target", "expected"),
    [
        # a record that both refuse is no break, one that the current version handles is
        (M123, failed("m1"), failed("m1"), []),
        (M123, failed("m1", "m2"), failed("m2"), []),
        (M123, failed("m1"), failed(), []),
        (M123, failed("m1"), failed("m1", "m3"), [item(1)]),
        (M123, None, failed("m3"), [item(0)]),
        (M123, "done", failed("m3"), [item(0)]),
        # what the whole batch fails by
        (M123, failed(), failed(None), [item(0)]),
        (M123, failed(), failed(""), [item(0)]),
        (M123, failed(), {"batchItemFailures": [{"messageId": "m1"}]}, [item(0)]),
        (M123, failed(), {"batchItemFailures": ["m1"]}, [item(0)]),
        (M123, failed(), failed("m9"), [item(0, "unknown-batch-item")]),
        (M123, failed(), failed("m9", "m1"), [item(0, "unknown-batch-item"), item(1)]),
        (M123, failed("m9"), failed("m1"), []),
        (M123, failed(None), failed("m1", "m2"), []),
        # what it succeeds by, and what nobody reads
        (M123, failed(), None, []),
        (M123, failed(), {}, []),
        (M123, failed(), {"ok": 1}, []),
        (M123, {"ok": 1}, {}, []),
        (M123, {"statusCode": 200, "body": "{}"}, {"statusCode": 500}, []),
        (M123, None, "done", []),
        (M123, failed(), "done", [("type-changed", "")]),
        (M123, failed(), {"batchItemFailures": "m1"}, [("type-changed", "/batchItemFailures")]),
        (M123, {**failed("m1"), "seen": 3}, failed("m1"), []),
        # the order of a FIFO queue is kept by reporting all that follow
        (FIFO, failed("m2"), failed("m2", "m3"), []),
        (FIFO, failed("m2"), failed("m1", "m2", "m3"), [item(0)]),
        (M123, failed("m2"), failed("m2", "m3"), [item(1)]),
        # a stream is read again from the first failure on
        (S123, failed("101"), failed("101", "102"), []),
        (S123, failed("101"), failed("102"), []),
        (S123, failed("101"), failed("100"), [item(0)]),
        (S123, failed(), failed("102"), [item(0)]),
        (D123, failed("101"), failed("100", "101"), [item(0)]),
        (D123, failed(), failed("103"), [item(0, "unknown-batch-item")]),
        (made.KAFKA, failed(), failed({"partition": "orders-0", "offset": 15}), [item(0)]),
        (made.KAFKA, failed({"partition": "orders-0", "offset": 15}),
         failed({"offset": 15, "partition": "orders-0"}), []),
    ],
)  # fmt: skip
def test_batches(event: object, current: object, target: object, expected: Found) -> None:
    assert found(judged(event, current, target)) == expected


@pytest.mark.parametrize(("event", "item"), [(M123, "message"), (S123, "record")])
def test_a_failed_item_is_told(event: dict[str, Any], item: str) -> None:
    name = "m1" if item == "message" else "100"
    (finding,) = judged(event, failed(), failed(name)).findings
    assert said(finding) == f"orders:2 reports a {item} as failed that orders:4 handles"
    assert finding.current == "not reported as failed"
    assert finding.target == f'{{"itemIdentifier": "{name}"}}'


def test_the_state_of_a_window_goes_into_the_next_event() -> None:
    event = {**S123, "window": {"start": "a", "end": "b"}, "state": {}}
    current = {"state": {"total": 4, "seen": ["a"]}, **failed()}
    assert found(judged(event, current, {"state": {"total": 5, "seen": []}})) == []
    assert found(judged(event, current, {"state": {"total": "5"}})) == [
        ("lost-key", "/state/seen"),
        ("type-changed", "/state/total"),
    ]
    assert found(judged(S123, current, {})) == []


# --- Firehose and S3 Batch Operations -------------------------------------------------------


def transformed(*results: tuple[str, str, object]) -> dict[str, Any]:
    return {
        "records": [
            {"recordId": name, "result": result,
             "data": base64.b64encode(json.dumps(data).encode()).decode()}
            for name, result, data in results
        ]
    }  # fmt: skip


BOTH = transformed(("r1", "Ok", {"id": 1}), ("r2", "Ok", {"id": 2}))


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (BOTH, BOTH, []),
        (BOTH, transformed(("r2", "Ok", {"id": 9}), ("r1", "Ok", {"id": 8, "more": 1})), []),
        (BOTH, transformed(("r1", "Ok", {"id": 1})), [("record-failed", "/records/r2")]),
        (BOTH, transformed(("r1", "Ok", {"id": 1}), ("r9", "Ok", {"id": 2})),
         [("record-failed", "/records/r2")]),
        (BOTH, transformed(("r1", "Ok", {"id": 1}), ("r2", "ProcessingFailed", {})),
         [("record-failed", "/records/1")]),
        (BOTH, transformed(("r1", "Ok", {"id": 1}), ("r2", "OK", {"id": 2})),
         [("record-failed", "/records/1")]),
        (BOTH, transformed(("r1", "Dropped", {}), ("r2", "Ok", {"id": 2})),
         [("record-dropped", "/records/0")]),
        (BOTH, transformed(("r1", "Ok", {"id": "1"}), ("r2", "Ok", {})),
         [("type-changed", "/records/0/data/id"), ("lost-key", "/records/1/data/id")]),
        (BOTH, {"records": None}, [("malformed-response", "")]),
        (BOTH, None, [("malformed-response", "")]),
        (transformed(("r1", "Dropped", {}), ("r2", "ProcessingFailed", {})), BOTH, []),
        (transformed(("r1", "ProcessingFailed", {})), transformed(), []),
    ],
)  # fmt: skip
def test_firehose(current: object, target: object, expected: Found) -> None:
    assert sorted(found(judged(made.FIREHOSE, current, target)), key=str) == sorted(
        expected, key=str
    )


def test_firehose_data_is_compared_as_json_in_mode_exact() -> None:
    target = transformed(("r1", "Ok", {"id": 1}), ("r2", "Ok", {"id": 3}))
    assert found(judged(made.FIREHOSE, BOTH, target, "exact")) == [
        ("value-changed", "/records/1/data/id")
    ]


def tasks(**codes: str) -> dict[str, Any]:
    results = [{"taskId": name, "resultCode": code, "resultString": ""}
               for name, code in codes.items()]  # fmt: skip
    return {"invocationSchemaVersion": "1.0", "invocationId": "i", "results": results}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (tasks(t2="TemporaryFailure", t1="Succeeded"), []),
        (tasks(t1="PermanentFailure", t2="Succeeded"), [("record-failed", "/results/0")]),
        (tasks(t2="Succeeded"), [("record-failed", "/results/t1")]),
    ],
)
def test_s3_batch_operations(target: object, expected: Found) -> None:
    current = tasks(t1="Succeeded", t2="PermanentFailure")
    assert found(judged(made.S3_BATCH, current, target)) == expected


# --- authorizers ----------------------------------------------------------------------------


def policy(effect: str, resource: object = made.ARN, **more: object) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource, **more}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "ann", "policyDocument": document, "context": {"tenant": "t1"}}


ALL = "arn:aws:execute-api:*:*:*/*/*"
INSIDE = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
DENIES = [("authorizer-denies", "/policyDocument")]
ALLOWS = [("authorizer-allows", "/policyDocument")]
UNREADABLE = [("malformed-response", "/policyDocument")]


@pytest.mark.parametrize(
    "event", [made.TOKEN_AUTHORIZER, made.REQUEST_AUTHORIZER, made.HTTP_AUTHORIZER]
)
@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (policy("Allow"), policy("Allow"), []),
        (policy("Allow"), policy("Deny"), DENIES),
        (policy("Deny"), policy("Allow"), ALLOWS),
        (policy("Allow", ALL), policy("Deny", "*"), DENIES),
        (policy("Allow"), policy("Allow", "arn:aws:execute-api:*:*:*/*/POST/*"), DENIES),
        (policy("Allow", "arn:aws:s3:::x"), policy("Deny", "arn:aws:s3:::x"), DENIES),
        (policy("Allow", Action="execute-api:*"), policy("Allow", Action="s3:*"), DENIES),
        (policy("Allow"), {"principalId": "ann"}, UNREADABLE),
        (policy("Allow"), policy("allow"), UNREADABLE),
        (policy("Allow"), None, [("malformed-response", "/policyDocument")]),
    ],
)  # fmt: skip
def test_authorizer_policies(
    event: object, mode: str, current: object, target: object, expected: Found
) -> None:
    assert found(judged(event, current, target, mode)) == expected


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        # another policy with the same decision
        (policy("Allow"), policy("Allow", ALL), []),
        (policy("Allow"), policy("Allow", [ALL, "arn:aws:s3:::x"], Sid="1"), []),
        (policy("Allow"), policy("Allow", "arn:aws:execute-api:us-east-?:*"), []),
        (policy("Deny"), policy("Deny", "*"), []),
        (policy("Deny"), {"principalId": "ann"}, []),
        # an explicit deny wins
        (policy("Allow"),
         {**policy("Allow"), "policyDocument": {"Statement": [
             *policy("Allow")["policyDocument"]["Statement"],
             *policy("Deny", "*")["policyDocument"]["Statement"]]}}, DENIES),
        # conditions are not looked into, but what only denies never lets anybody through
        (policy("Allow"), policy("Allow", [ALL], Condition=INSIDE), []),
        (policy("Allow", Condition=INSIDE), policy("Allow", [ALL]), []),
        (policy("Allow"), policy("Deny", Condition=INSIDE), DENIES),
        (policy("Allow", Condition=INSIDE), {"principalId": "ann", "context": {"tenant": "t1"}},
         [("lost-key", "/policyDocument")]),
        # what the backend gets along with the request
        (policy("Allow"), {**policy("Allow"), "context": {}}, [("lost-key", "/context/tenant")]),
        (policy("Allow"), {**policy("Allow"), "context": {"tenant": "t1", "groups": ["a"]}},
         [("malformed-response", "/context/groups")]),
        (policy("Deny"), {**policy("Deny"), "context": {}}, []),
    ],
)  # fmt: skip
def test_authorizer_policies_by_what_they_say(
    current: object, target: object, expected: Found
) -> None:
    assert found(judged(made.TOKEN_AUTHORIZER, current, target)) == expected


@pytest.mark.parametrize("event", [made.HTTP_AUTHORIZER, made.APPSYNC_AUTHORIZER])
@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (True, True, []),
        (True, False, [("authorizer-denies", "/isAuthorized")]),
        (False, True, [("authorizer-allows", "/isAuthorized")]),
        (True, "true", [("malformed-response", "/isAuthorized")]),
        (False, False, []),
    ],
)
def test_simple_authorizer_responses(
    event: object, current: object, target: object, expected: Found
) -> None:
    answers = [{"isAuthorized": value, "context": {"a": {"b": 1}}} for value in (current, target)]
    assert found(judged(event, *answers)) == expected


def test_a_simple_response_where_a_policy_is_wanted_lets_nobody_through() -> None:
    assert found(judged(made.TOKEN_AUTHORIZER, policy("Allow"), {"isAuthorized": True})) == [
        ("malformed-response", "/isAuthorized")
    ]


def test_an_authorizers_decision_is_told() -> None:
    (finding,) = judged(
        made.HTTP_AUTHORIZER, {"isAuthorized": False}, {"isAuthorized": True}
    ).findings
    assert said(finding) == "orders:2 lets a request through that orders:4 refuses"
    assert (finding.current, finding.target) == ("false", "true")


# --- Cognito --------------------------------------------------------------------------------


def decision(name: str) -> Found:
    return [("trigger-decision", f"/response/{name}")]


SIGN_UP = "PreSignUp_SignUp"
CLAIMS = "TokenGeneration_HostedAuth"


@pytest.mark.parametrize(
    ("trigger", "current", "target", "expected"),
    [
        (SIGN_UP, {"autoConfirmUser": True}, {"autoConfirmUser": True}, []),
        (SIGN_UP, {"autoConfirmUser": True}, {"autoConfirmUser": False},
         decision("autoConfirmUser")),
        (SIGN_UP, {"autoConfirmUser": True}, {}, decision("autoConfirmUser")),
        (SIGN_UP, {"autoConfirmUser": False, "autoVerifyEmail": None}, {}, []),
        (SIGN_UP, {}, {"autoConfirmUser": True}, decision("autoConfirmUser")),
        ("VerifyAuthChallengeResponse_Authentication", {"answerCorrect": True},
         {"answerCorrect": False}, decision("answerCorrect")),
        ("DefineAuthChallenge_Authentication",
         {"challengeName": "CUSTOM_CHALLENGE", "issueTokens": False},
         {"challengeName": "SRP_A", "issueTokens": False}, decision("challengeName")),
        ("UserMigration_Authentication", {"finalUserStatus": "CONFIRMED", "userAttributes": {}},
         {"finalUserStatus": "CONFIRMED"}, [("lost-key", "/response/userAttributes")]),
        ("CustomMessage_SignUp", {"emailMessage": "Hi {####}"}, {"emailMessage": "Bye {####}"}, []),
        ("CustomMessage_SignUp", {"emailMessage": "Hi {####}"}, {"emailMessage": None},
         [("lost-key", "/response/emailMessage")]),
        (CLAIMS, {"claimsOverrideDetails": {"claimsToAddOrOverride": {"tenant": "t1"}}},
         {"claimsOverrideDetails": {"claimsToAddOrOverride": {}}},
         [("lost-key", "/response/claimsOverrideDetails/claimsToAddOrOverride/tenant")]),
        (CLAIMS, {"claimsOverrideDetails": {"claimsToSuppress": ["email", "phone"]}},
         {"claimsOverrideDetails": {"claimsToSuppress": ["phone"]}},
         [("lost-item", "/response/claimsOverrideDetails/claimsToSuppress")]),
        (CLAIMS, {"claimsOverrideDetails": {"claimsToSuppress": ["email", "phone"]}},
         {"claimsOverrideDetails": {"claimsToSuppress": ["phone", "name", "email"]}}, []),
        ("PostConfirmation_ConfirmSignUp", {}, {"more": 1}, []),
    ],
)  # fmt: skip
def test_cognito_responses(
    trigger: str, current: dict[str, Any], target: dict[str, Any], expected: Found
) -> None:
    event = made.cognito(trigger)
    answers = made.cognito(trigger, **current), made.cognito(trigger, **target)
    assert found(judged(event, *answers)) == expected


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    ("trigger", "target", "expected"),
    [
        (SIGN_UP, None, [("malformed-response", "")]),
        (SIGN_UP, "ok", [("malformed-response", "")]),
        (SIGN_UP, {}, [("malformed-response", "/response")]),
        (SIGN_UP, {"autoConfirmUser": True}, [("malformed-response", "/response")]),
        ("PostConfirmation_ConfirmSignUp", None, [("malformed-response", "")]),
    ],
)
def test_a_trigger_has_to_hand_back_its_event(
    mode: str, trigger: str, target: object, expected: Found
) -> None:
    event = made.cognito(trigger)
    assert found(judged(event, event, target, mode)) == expected
    assert found(judged(event, target, target, mode)) == []


def test_only_the_response_of_a_trigger_is_read() -> None:
    event = made.cognito(SIGN_UP)
    assert found(judged(event, event, {"response": {}})) == []


def test_a_triggers_decision_is_told() -> None:
    event = made.cognito(SIGN_UP)
    current = made.cognito(SIGN_UP, autoConfirmUser=True)
    (finding,) = judged(event, current, event).findings
    assert said(finding) == (
        "orders:2 decides differently from orders:4 at /response/autoConfirmUser"
    )
    assert (finding.current, finding.target) == ("true", "false")
