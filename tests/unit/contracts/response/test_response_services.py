"""Responses judged by the documented members that a service reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers import judged_responses
from helpers import made_events as made
from helpers.judged_responses import Found, found


def judged(event: object, current: object, target: object, mode: str = "shape") -> Found:
    judgement = judged_responses.judged(
        [current] * 2, target, mode=mode, event=made.recognised(event)
    )
    same = judged_responses.judged([current] * 2, current, event=made.recognised(event))
    assert found(same) == []
    return found(judgement)


# --- AppSync ----------------------------------------------------------------------------------

REQUEST = {
    "arguments": {}, "identity": None, "source": {"id": "1"}, "request": {"headers": {}},
    "info": {"parentTypeName": "Post", "fieldName": "related"},
}  # fmt: skip
BATCH = [REQUEST, REQUEST]
PAYLOADS = [{"field": "related", "source": {"id": "1"}}, {"field": "related", "source": {}}]


@pytest.mark.parametrize("event", [BATCH, PAYLOADS])
@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        ([{"id": "1"}, {"id": "2"}], [{"id": "3"}, {"id": "4"}], []),
        ([{"id": "1"}, {"id": "2"}], [{"id": "1"}], [("batch-size", "")]),
        ([{"id": "1"}, {"id": "2"}], [{"id": "1"}] * 3, [("batch-size", "")]),
        ([{"id": "1"}, {"id": "2"}], {"id": "1"}, [("batch-size", "")]),
        ([{"id": "1"}, {"id": "2"}], None, [("batch-size", "")]),
        ([{"id": "1"}, {"id": "2"}], [{"id": "2"}, {"id": "1"}], [("batch-order", "")]),
        ([{"id": "1"}, {"id": "2"}], [{"id": "1"}, {}], [("lost-key", "/1/id")]),
        ([{"id": "1"}, {"id": "2"}], [{"id": "1"}, None], [("type-changed", "/1")]),
        ([{"data": 1}, {"data": 2}], [{"data": 1}, {"data": 2, "errorMessage": None}], []),
        ([{"data": 1}, {"data": 2}], [{"data": 1}, {"data": None, "errorMessage": "no"}],
         [("record-failed", "/1")]),
        ([{"errorMessage": "a"}, {"data": 2}], [{"errorMessage": "b"}, {"data": 2}], []),
        ([[1], [2]], [[], [3]], []),
        # not a result for each request today
        ([{"id": "1"}], [{"id": "1"}, {"id": "2"}], []),
    ],
)  # fmt: skip
def test_batches_of_appsync(event: object, current: object, target: object, expected: Any) -> None:
    assert judged(event, current, target) == expected


def test_one_request_of_appsync() -> None:
    assert judged(REQUEST, {"id": "1"}, {"id": "2"}) == []
    assert judged(REQUEST, {"id": "1"}, None) == [("type-changed", "")]
    assert judged(REQUEST, [1, 2], [1]) == []


# --- bots -------------------------------------------------------------------------------------

LEX = {
    "sessionId": "1", "inputTranscript": "hi", "bot": {"name": "shop"}, "messageVersion": "1.0",
    "sessionState": {"intent": {"name": "Order"}}, "invocationSource": "DialogCodeHook",
}  # fmt: skip
LEX_1 = {
    "currentIntent": {"name": "Order"}, "bot": {"name": "shop"}, "userId": "1",
    "inputTranscript": "hi", "messageVersion": "1.0",
}  # fmt: skip


def lex(action: object = "Close", state: str = "Fulfilled", **more: object) -> dict[str, Any]:
    return {
        "sessionState": {
            "dialogAction": {"type": action},
            "intent": {"name": "Order", "state": state, "slots": {"sku": None}},
            "sessionAttributes": {"cart": "1"},
        },
        "messages": [{"contentType": "PlainText", "content": "done"}],
        **more,
    }


def without(value: dict[str, Any], *path: str) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(value))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return copy


ACTION = "/sessionState/dialogAction/type"


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (lex(), lex(), []),
        (lex(), lex("ElicitIntent"), [("other-decision", ACTION)]),
        (lex(), lex("close"), [("malformed-response", ACTION)]),
        (lex(), lex(None), [("malformed-response", ACTION)]),
        (lex(), without(lex(), "sessionState", "dialogAction"), [("malformed-response", ACTION)]),
        (lex(), without(lex(), "sessionState"), [("malformed-response", ACTION)]),
        (lex(), None, [("malformed-response", "")]),
        (lex(), {"statusCode": 200}, [("malformed-response", ACTION)]),
        (lex(), lex(state="Failed"), [("other-decision", "/sessionState/intent/state")]),
        (lex(), without(lex(), "sessionState", "intent", "state"),
         [("lost-key", "/sessionState/intent/state")]),
        (lex(), without(lex(), "messages"), [("lost-key", "/messages")]),
        (lex(), without(lex(), "sessionState", "sessionAttributes", "cart"),
         [("lost-key", "/sessionState/sessionAttributes/cart")]),
        (lex(), lex(messages=[]), [("lost-item", "/messages")]),
        (lex(trace="x"), lex(), []),
        (lex(requestAttributes=None), lex(), []),
    ],
)  # fmt: skip
def test_lex(current: object, target: object, expected: Found) -> None:
    assert judged(LEX, current, target) == expected


def lex_1(action: str = "Close", **more: object) -> dict[str, Any]:
    return {"dialogAction": {"type": action, "fulfillmentState": "Fulfilled", **more}}


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (lex_1(), lex_1(), []),
        (lex_1(), lex_1("Delegate"), [("other-decision", "/dialogAction/type")]),
        (lex_1(), lex_1(fulfillmentState="Failed"),
         [("other-decision", "/dialogAction/fulfillmentState")]),
        (lex_1(), {}, [("malformed-response", "/dialogAction/type")]),
        (lex_1(message={"contentType": "PlainText", "content": "a"}), lex_1(),
         [("lost-key", "/dialogAction/message")]),
        ({**lex_1(), "trace": 1}, lex_1(), []),
    ],
)  # fmt: skip
def test_lex_1(current: object, target: object, expected: Found) -> None:
    assert judged(LEX_1, current, target) == expected


ALEXA = {
    "version": "1.0", "session": {"new": True}, "context": {"System": {}},
    "request": {"type": "IntentRequest", "intent": {"name": "Order"}},
}  # fmt: skip
SPEECH = {"outputSpeech": {"type": "PlainText", "text": "hi"}, "shouldEndSession": True}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"version": "1.0", "response": SPEECH}, []),
        ({"version": "1.0", "response": {**SPEECH, "shouldEndSession": False}},
         [("other-decision", "/response/shouldEndSession")]),
        ({"version": "1.0", "response": {"shouldEndSession": True}},
         [("lost-key", "/response/outputSpeech")]),
        ({"version": "1.0"}, [("lost-key", "/response")]),
        ("hi", [("malformed-response", "")]),
    ],
)  # fmt: skip
def test_alexa(target: object, expected: Found) -> None:
    current = {"version": "1.0", "userAgent": "ask-python/1.18", "response": SPEECH}
    assert judged(ALEXA, current, target) == expected


AGENT = {
    "messageVersion": "1.0", "agent": {"name": "shop"}, "actionGroup": "orders",
    "apiPath": "/orders", "httpMethod": "GET", "parameters": [],
}  # fmt: skip


def agent(status: object = 200, body: object = '{"id": 1}', **more: object) -> dict[str, Any]:
    return {
        "messageVersion": "1.0",
        "response": {
            "actionGroup": "orders", "apiPath": "/orders", "httpMethod": "GET",
            "httpStatusCode": status, "responseBody": {"application/json": {"body": body}}, **more,
        },
    }  # fmt: skip


BODY = "/response/responseBody/application~1json/body"


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (agent(), agent(body='{"id": 2}'), []),
        (agent(), agent(201), []),
        (agent(), agent(500), [("status-code", "/response/httpStatusCode")]),
        (agent(), agent(body="{}"), [("lost-key", f"{BODY}/id")]),
        (agent(), agent(body={"id": 1}), [("type-changed", BODY)]),
        (agent(body="done"), agent(body="other"), []),
        (agent(), agent(apiPath="/items"), [("malformed-response", "/response/apiPath")]),
        (agent(), without(agent(), "response", "actionGroup"),
         [("lost-key", "/response/actionGroup")]),
        (agent(), without(agent(), "messageVersion"), [("lost-key", "/messageVersion")]),
        (agent(), {"statusCode": 200, "body": "{}"}, [("malformed-response", "/response")]),
        ({**agent(), "trace": 1}, agent(), []),
        ({**agent(), "sessionAttributes": {"a": "1"}}, agent(),
         [("lost-key", "/sessionAttributes")]),
    ],
)  # fmt: skip
def test_bedrock_agents(current: object, target: object, expected: Found) -> None:
    assert judged(AGENT, current, target) == expected


def function(body: str = "done", **more: object) -> dict[str, Any]:
    answer = {"responseBody": {"TEXT": {"body": body}}, **more}
    response = {"actionGroup": "orders", "function": "place", "functionResponse": answer}
    return {"messageVersion": "1.0", "response": response}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (function("other"), []),
        (function(responseState="FAILURE"),
         [("other-decision", "/response/functionResponse/responseState")]),
        (function(responseState="REPROMPT"),
         [("other-decision", "/response/functionResponse/responseState")]),
    ],
)  # fmt: skip
def test_functions_of_bedrock_agents(target: object, expected: Found) -> None:
    event = {**without(AGENT, "apiPath"), "function": "place"}
    assert judged(event, function(), target) == expected


# --- Cognito ----------------------------------------------------------------------------------


def message(trigger: str, **response: object) -> dict[str, Any]:
    event = made.cognito(f"CustomMessage_{trigger}", **response)
    event["request"] |= {
        "codeParameter": "{####}", "linkParameter": "{##Click Here##}",
        "usernameParameter": "{username}",
    }  # fmt: skip
    return event


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        ({"smsMessage": "code {####}"}, {"smsMessage": "your code: {####}"}, []),
        ({"smsMessage": "code {####}"}, {"smsMessage": "your code"},
         [("lost-placeholder", "/response/smsMessage")]),
        ({"smsMessage": "code {####}"}, {}, [("lost-key", "/response/smsMessage")]),
        ({"emailMessage": "<b>{####}</b>"}, {"emailMessage": "<b>{0}</b>"},
         [("lost-placeholder", "/response/emailMessage")]),
        ({"emailMessage": "{##Click Here##}"}, {"emailMessage": "Click Here"},
         [("lost-placeholder", "/response/emailMessage")]),
        ({"emailMessage": "{username} {####}"}, {"emailMessage": "{####}"},
         [("lost-placeholder", "/response/emailMessage")]),
        ({"emailMessage": "no code"}, {"emailMessage": "none either"}, []),
        ({"emailSubject": "Welcome"}, {"emailSubject": "Hi"}, []),
    ],
)  # fmt: skip
def test_messages_of_cognito(
    current: dict[str, Any], target: dict[str, Any], expected: Found
) -> None:
    event = message("SignUp")
    assert judged(event, message("SignUp", **current), message("SignUp", **target)) == expected


# --- IoT, Transfer Family, macros -------------------------------------------------------------

IOT = {"token": "t", "signatureVerified": True, "protocols": ["mqtt"], "protocolData": {"mqtt": {}}}


def statement(action: object, resource: object = "*", effect: str = "Allow") -> dict[str, Any]:
    return {"Action": action, "Effect": effect, "Resource": resource}


def iot(*statements: object, **more: object) -> dict[str, Any]:
    return {
        "isAuthenticated": True, "principalId": "ann", "disconnectAfterInSeconds": 3600,
        "refreshAfterInSeconds": 300,
        "policyDocuments": [{"Version": "2012-10-17", "Statement": list(statements)}], **more,
    }  # fmt: skip


BOTH = iot(statement(["iot:Connect", "iot:Publish"]))
POLICIES = "/policyDocuments"


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (BOTH, iot(statement("iot:Publish"), statement("iot:Connect")), []),
        (BOTH, iot(policyDocuments=[json.dumps(BOTH["policyDocuments"][0])]), []),
        (BOTH, {**BOTH, "isAuthenticated": False}, [("other-decision", "/isAuthenticated")]),
        ({**BOTH, "isAuthenticated": False}, BOTH, [("other-decision", "/isAuthenticated")]),
        (BOTH, without(BOTH, "isAuthenticated"), [("malformed-response", "/isAuthenticated")]),
        (BOTH, {"isAuthorized": True}, [("malformed-response", "/isAuthenticated")]),
        (BOTH, None, [("malformed-response", "")]),
        (BOTH, iot(statement("iot:Connect")), [("authorizer-denies", POLICIES)]),
        (BOTH, iot(statement("iot:*")), [("authorizer-allows", POLICIES)]),
        (iot(statement("iot:*")), BOTH, [("authorizer-denies", POLICIES)]),
        (BOTH, iot(policyDocuments=[]), [("authorizer-denies", POLICIES)]),
        (BOTH, iot(statement("iot:*", effect="Deny")), [("authorizer-denies", POLICIES)]),
        (BOTH, without(BOTH, "policyDocuments"), [("malformed-response", POLICIES)]),
        (BOTH, iot(policyDocuments=["{"]), [("malformed-response", POLICIES)]),
        (BOTH, without(BOTH, "principalId"), [("lost-key", "/principalId")]),
        (BOTH, without(BOTH, "refreshAfterInSeconds"), [("lost-key", "/refreshAfterInSeconds")]),
        ({**BOTH, "trace": 1}, BOTH, []),
        ({"isAuthenticated": False}, {"isAuthenticated": False, "principalId": "x"}, []),
    ],
)  # fmt: skip
def test_iot_authorizers(current: object, target: object, expected: Found) -> None:
    assert judged(IOT, current, target) == expected


def test_iot_authorizers_warn_of_fewer_resources() -> None:
    judgement = judged_responses.judged(
        [BOTH] * 2, iot(statement(["iot:Connect", "iot:Publish"], "arn:aws:iot:x:topic/a")),
        event=made.recognised(IOT),
    )  # fmt: skip
    assert found(judgement) == []
    assert [each.kind for each in judgement.warnings] == ["authorizer-narrower"]


USER = {"username": "ann", "password": "x", "protocol": "SFTP", "serverId": "s-1"}
ROLE = {"Role": "arn:aws:iam::123456789012:role/user", "HomeDirectory": "/ann"}


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (ROLE, {**ROLE, "Role": "arn:aws:iam::123456789012:role/other"}, []),
        (ROLE, {}, [("authorizer-denies", "")]),
        (ROLE, None, [("authorizer-denies", "")]),
        ({}, ROLE, [("authorizer-allows", "")]),
        ({}, {"error": "no"}, []),
        (ROLE, without(ROLE, "HomeDirectory"), [("lost-key", "/HomeDirectory")]),
    ],
)
def test_transfer_family(current: object, target: object, expected: Found) -> None:
    assert judged(USER, current, target) == expected


MACRO = {"transformId": "123456789012::Upper", "requestId": "1", "fragment": {"Resources": {}}}
DONE = {"requestId": "1", "status": "success", "fragment": {"Resources": {"Table": {"Type": "x"}}}}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (DONE, []),
        ({**DONE, "status": "failed"}, [("other-decision", "/status")]),
        (without(DONE, "status"), [("other-decision", "/status")]),
        (without(DONE, "fragment"), [("lost-key", "/fragment")]),
        ({**DONE, "fragment": {"Resources": {}}}, [("lost-key", "/fragment/Resources/Table")]),
        (None, [("malformed-response", "")]),
    ],
)
def test_macros(target: object, expected: Found) -> None:
    assert judged(MACRO, DONE, target) == expected
