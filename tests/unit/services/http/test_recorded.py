"""Answers from the recordings of an event, and what is told of each request."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import requests

from helpers.front_doors import FrontDoor
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.downstream import Exchange, HttpExchange
from pytest_lambda_rollback.model.replay import EventFixture
from pytest_lambda_rollback.model.services import Answer, ServiceRequest
from pytest_lambda_rollback.services.http.front import Front
from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest
from pytest_lambda_rollback.services.http.recorded import RecordedAnswers
from pytest_lambda_rollback.services.http.translation import AwsTranslation


def _event(*downstream: Exchange, name: str = "paid") -> EventFixture:
    return EventFixture(name=name, path=Path(f"{name}.json"), payload=b"{}", downstream=downstream)


def _charge(sent: object = None, **answer: object) -> HttpExchange:
    return HttpExchange(
        method="POST",
        url="https://api.example.com/v1/charges",
        request_body=b"" if sent is None else json.dumps(sent).encode(),
        **answer,  # type: ignore[arg-type]
    )


def _request(
    method: str = "POST", target: str = "/v1/charges", body: object = None, **headers: str
) -> HttpRequest:
    return HttpRequest(
        method=method,
        scheme="https",
        host="api.example.com",
        port=443,
        target=target,
        headers=(("host", "api.example.com"), ("content-type", "application/json"),
                 *headers.items()),
        body=b"" if body is None else json.dumps(body).encode(),
    )  # fmt: skip


def test_a_recorded_answer_is_given_once() -> None:
    answers = RecordedAnswers()
    answers.begin(
        _event(_charge({"amount": 5}, status=201, headers=(("X-Id", "1"),), body=b'{"id":"ch_1"}'))
    )
    given = answers.answer(_request(body={"amount": 5}))
    assert given == HttpAnswer(status=201, headers=(("X-Id", "1"),), body=b'{"id":"ch_1"}')
    again = answers.answer(_request(body={"amount": 5}))
    assert (again.status, again.reason) == (400, "Recorded Answers Used Up")
    assert json.loads(again.body) == {
        "error": "LambdaRollbackUsedUp",
        "message": "POST https://api.example.com/v1/charges was asked for more often than it is "
        "recorded with this event",
    }
    first, second = answers.requests()
    assert first == ServiceRequest(
        service="api.example.com",
        operation="POST /v1/charges",
        parameters='{"query": {}, "body": {"amount": 5}}',
        status=201,
        answer=Answer.ANSWERED,
    )
    assert (second.status, second.answer, second.nearest) == (400, Answer.USED_UP, "")


def test_what_is_not_recorded_is_refused_and_named_with_the_nearest() -> None:
    answers = RecordedAnswers()
    answers.begin(_event(_charge({"card": "4111", "amount": 5})))
    given = answers.answer(_request(body={"amount": 5}))
    assert (given.status, given.reason) == (400, "Not Recorded")
    assert dict(given.headers)["X-Lambda-Rollback"] == "LambdaRollbackNotRecorded"
    (told,) = answers.requests()
    assert told.answer is Answer.UNRECORDED
    assert told.nearest == (
        "POST https://api.example.com/v1/charges, where /body/card is a text of 4 characters, and "
        "missing in this request"
    )
    assert json.loads(given.body)["message"].endswith(f"the nearest is {told.nearest}")


@pytest.mark.parametrize(
    ("recorded", "sent", "there", "here"),
    [
        (True, False, "true", "false"),
        (None, "secret", "null", "a text of 6 characters"),
        ({"b": 1}, 10**9, "an object of 1 member", "a large number"),
        ([1, 2], {}, "a list of 2 items", "an object of 0 members"),
        ("2026-01-01", 1.5, "a time", "1.5"),
        ("x_0f8fad5bd9cb469fa16570867728950e", 2, "an id", "2"),
    ],
)
def test_no_text_of_a_function_is_in_the_words(
    recorded: object, sent: object, there: str, here: str
) -> None:
    answers = RecordedAnswers()
    answers.begin(_event(_charge({"a": recorded})))
    answers.answer(_request(body={"a": sent, "b": 1}))
    assert answers.requests()[0].nearest == (
        "POST https://api.example.com/v1/charges, "
        f"where /body/a is {there}, and {here} in this request"
    )


@pytest.mark.parametrize(
    ("recorded", "sent", "words"),
    [
        ("EUR", "USD", "is another text of 3 characters"),
        (10**7, 10**8, "is another large number"),
        (
            {"x": 1},
            [{"x": 1}],
            "is an object of 1 member, and a list of 1 item in this request",
        ),
    ],
)
def test_values_of_one_kind_are_told_as_another(recorded: object, sent: object, words: str) -> None:
    answers = RecordedAnswers()
    answers.begin(_event(_charge({"a": recorded}), _charge({"a": recorded})))
    answers.answer(_request(body={"a": sent}))
    assert answers.requests()[0].nearest.endswith(f", where /body/a {words}")


def test_names_that_could_steer_a_terminal_are_escaped() -> None:
    answers = RecordedAnswers()
    answers.begin(_event(_charge({"a\x1b": 1})))
    answers.answer(_request(body={"b": 2}))
    assert "/body/a\\x1b is 1, and missing in this request" in answers.requests()[0].nearest


def test_nothing_is_recorded() -> None:
    answers = RecordedAnswers()
    for event in (None, _event()):
        if event is not None:
            answers.begin(event)
        assert answers.answer(_request("GET", "/a?x=1&x=2&y=3")).status == 400
        assert answers.requests() == (
            ServiceRequest(
                service="api.example.com",
                operation="GET /a",
                parameters='{"query": {"x": ["1", "2"], "y": "3"}, "body": null}',
                status=400,
                answer=Answer.UNRECORDED,
            ),
        )


def test_each_event_has_answers_of_its_own() -> None:
    answers = RecordedAnswers()
    paid, refunded = _event(_charge(body=b"paid")), _event(_charge(body=b"refunded"))
    for event, body in ((paid, b"paid"), (refunded, b"refunded"), (paid, b"paid")):
        answers.begin(event)
        assert answers.answer(_request()).body == body
        assert len(answers.requests()) == 1


def test_requests_are_told_once_whatever_begins_in_between() -> None:
    answers = RecordedAnswers()
    answers.answer(_request("GET", "/of-the-initialisation"))
    answers.begin(_event())
    answers.answer(_request("GET", "/of-the-event"))
    assert [each.operation for each in answers.requests()] == [
        "GET /of-the-initialisation",
        "GET /of-the-event",
    ]
    assert answers.requests() == ()


def test_a_read_that_only_another_event_has_is_answered_from_there() -> None:
    keys = HttpExchange(method="GET", url="https://api.example.com/keys", body=b"[]")
    answers = RecordedAnswers(elsewhere=(keys, _charge(body=b"elsewhere")))
    answers.begin(_event(name="other"))
    for _ in range(2):
        assert answers.answer(_request("GET", "/keys")).body == b"[]"
    assert answers.answer(_request("GET", "/keys?v=2")).status == 400
    assert answers.answer(_request("POST", "/v1/charges")).status == 400  # not a read
    assert [each.answer for each in answers.requests()] == [
        Answer.ANSWERED, Answer.ANSWERED, Answer.UNRECORDED, Answer.UNRECORDED,
    ]  # fmt: skip
    # An event that has the read itself has said how often.
    answers.begin(_event(keys))
    assert [answers.answer(_request("GET", "/keys")).status for _ in range(2)] == [200, 400]


def test_an_answer_that_is_recorded_unpacked_is_not_said_to_be_packed() -> None:
    answers = RecordedAnswers()
    headers = (("Content-Encoding", "gzip"), ("Content-Type", "text/plain"))
    answers.begin(_event(_charge(headers=headers, body=b"plain")))
    assert answers.answer(_request()).headers == (("Content-Type", "text/plain"),)


def test_a_large_body_is_told_by_its_size() -> None:
    answers = RecordedAnswers()
    answers.answer(_request(body="x" * 300_000))
    assert json.loads(answers.requests()[0].parameters) == {"query": {}, "body": {"$size": 300_002}}


def test_requests_that_are_kept_are_bounded() -> None:
    answers = RecordedAnswers()
    for _ in range(10_050):
        answers.answer(_request("GET", "/"))
    assert len(answers.requests()) == 10_000


def test_threads_of_a_function_get_each_answer_once() -> None:
    answers = RecordedAnswers()
    answers.begin(_event(*(_charge(body=b"%d" % number) for number in range(100))))
    given: list[bytes] = []

    def ask() -> None:
        for _ in range(25):
            given.append(answers.answer(_request()).body)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given, key=int) == [b"%d" % number for number in range(100)]


def test_through_the_front_a_client_sees_why() -> None:
    front = Front()
    answers = RecordedAnswers()
    try:
        with FrontDoor(front, answers) as door:
            answers.begin(
                _event(HttpExchange(method="GET", url=door.url("/a", scheme="http"), body=b"[1]"))
            )
            session = requests.Session()
            session.trust_env = False
            assert session.get(door.url("/a", scheme="http"), timeout=20).json() == [1]
            again = session.get(door.url("/a", scheme="http"), timeout=20)
            with pytest.raises(
                requests.HTTPError, match="400 Client Error: Recorded Answers Used Up"
            ):
                again.raise_for_status()
            session.close()
    finally:
        front.close()


def test_a_connection_without_a_request_is_told() -> None:
    answers = RecordedAnswers()
    answers.refused("grpc.example.com", 443, "it speaks HTTP/2, which cannot be answered here")
    answers.refused("db.internal", 5432, "malformed HTTP")
    assert [(each.service, each.operation, each.message) for each in answers.requests()] == [
        ("grpc.example.com", "", "it speaks HTTP/2, which cannot be answered here"),
        ("db.internal:5432", "", "malformed HTTP"),
    ]


def test_aws_without_a_translation_is_refused_in_the_protocol_of_the_request() -> None:
    answers = RecordedAnswers()
    json_request = HttpRequest(
        method="POST", scheme="https", host="dynamodb.eu-west-1.amazonaws.com", port=443,
        target="/",
        headers=(("x-amz-target", "DynamoDB_20120810.GetItem"),
                 ("content-type", "application/x-amz-json-1.0")),
        body=b"{}",
    )  # fmt: skip
    given = answers.answer(json_request)
    assert given.status == 400
    assert json.loads(given.body)["__type"] == "LambdaRollbackNotRecorded"
    (told,) = answers.requests()
    assert (told.service, told.operation, told.error) == (
        "dynamodb.eu-west-1.amazonaws.com", "GetItem", "LambdaRollbackNotRecorded",
    )  # fmt: skip


def test_aws_without_moto_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def call(_request: HttpRequest) -> None:
        raise EngineError("requests to AWS cannot be answered", why='this needs the extra "state"')

    translation = AwsTranslation()
    monkeypatch.setattr(translation, "call", call)
    answers = RecordedAnswers(translation)
    request = HttpRequest(
        method="POST", scheme="https", host="sqs.eu-west-1.amazonaws.com", port=443, target="/",
        headers=(("x-amz-target", "AmazonSQS.SendMessage"),),
    )  # fmt: skip
    assert answers.answer(request).status == 400
    (told,) = answers.requests()
    assert told.message == 'requests to AWS cannot be answered: this needs the extra "state"'
