"""Events of different routes and operations are different shapes; keys that are data are none."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from helpers import made_events as made
from pytest_lambda_rollback.model.recorded import RecordedEvent
from pytest_lambda_rollback.recording.clusters import cluster


def recorded(event: object, fixture: str | None = None) -> RecordedEvent:
    return RecordedEvent(event=event, source="test", function="orders", fixture=fixture)


def names(*events: object) -> list[str]:
    return [shape.name for shape in cluster(map(recorded, events)).shapes]


def alb(method: str, path: str) -> dict[str, Any]:
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": method, "path": path,
        "queryStringParameters": {}, "headers": {}, "body": "", "isBase64Encoded": False,
    }  # fmt: skip


def url(method: str, path: str) -> dict[str, Any]:
    http = {"method": method, "path": path}
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {}, "requestContext": {"http": http, "stage": "$default"},
    }  # fmt: skip


def proxy(method: str, path: str) -> dict[str, Any]:
    return {
        "resource": "/{proxy+}", "path": path, "httpMethod": method, "headers": {},
        "pathParameters": {"proxy": path[1:]}, "requestContext": {"stage": "prod"}, "body": None,
    }  # fmt: skip


def lex(intent: str, hook: str) -> dict[str, Any]:
    return {
        "bot": {"name": "shop"}, "invocationSource": hook, "inputTranscript": "x",
        "sessionState": {"intent": {"name": intent, "state": "InProgress"}},
    }  # fmt: skip


def alexa(intent: str) -> dict[str, Any]:
    request = {"type": "IntentRequest", "intent": {"name": intent, "slots": {}}}
    return {"version": "1.0", "session": {}, "context": {"System": {}}, "request": request}


def appsync(field: str) -> dict[str, Any]:
    info = {"fieldName": field, "parentTypeName": "Query", "selectionSetList": ["id"]}
    return {"arguments": {"id": "1"}, "identity": None, "request": {}, "info": info}


ROUTES = [(way, path) for way in ("GET", "POST") for path in ("/orders", "/users", "/health")]
GROUPS = {
    "load balancer": [alb(*route) for route in ROUTES],
    "function URL": [url(*route) for route in ROUTES],
    "any path in a REST API": [proxy(*route) for route in ROUTES],
    "any path in an HTTP API": [
        {**url(*route), "routeKey": f"{route[0]} /shop/{{rest+}}"} for route in ROUTES
    ],
    "AppSync": [appsync(field) for field in ("getOrder", "getUser", "listOrders")],
    "GraphQL": [
        proxy("POST", "/graphql") | {"body": json.dumps({"operationName": name, "query": "q"})}
        for name in ("Orders", "Users", "Pay")
    ],
    "Lex": [
        lex(intent, hook)
        for intent in ("Book", "Cancel")
        for hook in ("DialogCodeHook", "FulfillmentCodeHook")
    ],
    "Alexa": [alexa(intent) for intent in ("BookIntent", "AMAZON.HelpIntent")],
}


@pytest.mark.parametrize("events", GROUPS.values(), ids=GROUPS)
def test_each_route_and_operation_is_a_shape(events: list[Any]) -> None:
    assert len(names(*events, *reversed(events))) == len(events)


def test_a_route_names_its_fixture_by_what_comes_first() -> None:
    found = names(
        alb("GET", "/api/v2/orders/17/lines"), alb("POST", "/orders/jane"), alb("GET", "/")
    )
    assert found == ["get", "get-api-v2-orders", "post-orders"]


@pytest.mark.parametrize("make", [alb, url, proxy])
def test_ids_in_paths_are_no_routes(make: Any) -> None:
    ids = ("17", "a1", "4f0e-b2", "jane%40acme.io", "ann@acme.io", "x" * 21, "jürgen")
    assert len(names(*(make("GET", f"/orders/{each}/lines") for each in ids))) == 1
    assert len(names(make("GET", "/orders/17"), make("GET", "/orders/17/lines"))) == 2


def words(count: int, seed: int = 3) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(count)]


def test_names_of_persons_in_paths_are_no_routes_once_they_are_many() -> None:
    events = [alb("GET", f"/users/{word}/orders") for word in words(60)]
    others = [alb("GET", f"/{word}") for word in ("orders", "health", "users")] * 5
    assert len(names(*events, *others)) == 4
    found = names(*(proxy("GET", f"/{one}/{word}") for one in ("a", "b") for word in words(20)))
    assert found == ["get-proxy-a", "get-proxy-b"]


def test_names_that_come_again_and_again_are_no_routes_and_no_keys() -> None:
    chance = random.Random(5)
    users = words(90)
    paths = [alb("GET", f"/users/{chance.choice(users)}/orders") for _ in range(500)]
    assert names(*paths) == ["get-users"]
    some = words(60)
    scores = [{"scores": dict.fromkeys(chance.sample(some, 2), 1)} for _ in range(500)]
    assert names(*scores) == ["event"]


@pytest.mark.parametrize("seed", range(4))
def test_keys_that_are_data_are_so_in_any_order(seed: int) -> None:
    chance = random.Random(1)
    users = words(95)

    def user() -> str:
        return users[min(int(chance.paretovariate(0.8)), len(users)) - 1]

    events = [{"scores": {user(): 1 for _ in range(3)}} for _ in range(1000)]
    random.Random(seed).shuffle(events)
    assert names(*events) == ["event"]


def test_a_few_kinds_of_content_stay_kinds() -> None:
    kinds = words(30)
    assert len(names(*({"one_of": {kind: {"id": 1}}} for kind in kinds * 10))) == 30
    paths = words(35)
    assert len(names(*(alb("POST", f"/rpc/{path}") for path in paths * 10))) == 35


def test_sentences_make_no_names() -> None:
    sns = {"EventSource": "aws:sns", "Sns": {"Subject": "Invoice for John Smith", "Message": "x"}}
    mail = proxy("POST", "/mail") | {"body": json.dumps({"subject": "To Ann Lee"})}
    call = {**made.EVENTBRIDGE, "detail-type": "Phone Call Was Made", "source": "shop"}
    assert names({"Records": [sns]}) == ["sns"]
    assert names(mail) == ["post-proxy-mail"]
    assert names({**call, "detail": {"command": "call Anna Schmidt"}}) == [
        "eventbridge-phone-call-was-made"
    ]
    assert names({**call, "detail": {"n": 1}}, {**call, "detail": {"role": "to Ann Lee"}}) == [
        "eventbridge-phone-call-was-made",
        "eventbridge-phone-call-was-made-role",
    ]


def test_an_api_may_have_many_routes() -> None:
    routes = words(35)
    assert len(names(*(url("GET", f"/{word}") for word in routes))) == 35
    assert len(names(*(url("GET", f"/api/v1/{word}") for word in routes))) == 35
    more = words(60) * 3
    assert len(names(*(url("GET", f"/{word}") for word in more))) == 60


def kafka(partition: int) -> dict[str, Any]:
    value = base64.b64encode(json.dumps({"order": partition}).encode()).decode()
    record = {"topic": "t", "partition": partition, "offset": 1, "value": value}
    return {"eventSource": "aws:kafka", "records": {f"topic-{partition}": [record]}}


def test_partitions_and_queues_are_no_structure() -> None:
    assert names(*map(kafka, range(20))) == ["kafka"]
    queues = ({"eventSource": "aws:rmq", "rmqMessagesByQueue": {f"{word}::/": [{"data": "eA=="}]}}
              for word in words(20))  # fmt: skip
    assert names(*queues) == ["mq"]


def test_keys_that_are_data_make_no_shapes_and_no_names() -> None:
    keys = words(100)
    found = names(*({"users": {key: {"score": 1}}} for key in keys))
    assert found == ["event"]
    found = names(*({"users": {key: {"score": 1}}} for key in keys[:20]))
    assert found == ["event"]


def test_one_random_parameter_makes_no_shapes() -> None:
    events = [
        {**proxy("GET", "/orders"), "queryStringParameters": {word: "1"} if half else None}
        for half, word in enumerate(words(40))
        for half in (half % 2,)
    ]
    assert len(names(*events)) == 2


def test_fields_that_come_again_stay_fields_however_many_they_are() -> None:
    fields = words(40)
    chance = random.Random(1)
    kinds = [fields[start : start + 4] for start in range(0, 40, 4)]
    for events in (
        [{"order": dict.fromkeys(fields, 1)} for _ in range(50)],
        [{"order": dict.fromkeys(chance.choice(kinds), 1)} for _ in range(200)],
    ):
        selection = cluster(map(recorded, events))
        seen = {
            key
            for shape in selection.shapes
            for each in shape.events
            for key in each.event["order"]
        }  # type: ignore[index]
        assert seen == set(fields)


def test_what_was_recorded_of_data_keys_is_known_the_next_time() -> None:
    events = [{"users": {key: {"score": 1}}} for key in words(100)]
    (shape,) = cluster(map(recorded, events)).shapes
    fixture = recorded(shape.events[0].event, fixture="event.json")
    again = cluster([fixture, *map(recorded, events)])
    assert [(one.fixtures, one.events, one.seen > 0) for one in again.shapes] == [
        (("event.json",), (), True)
    ]


def test_aws_names_the_route_where_it_can() -> None:
    assert names(made.REST_API, {**made.REST_API, "path": "/other"}) == ["get-orders"]
