"""Recorded answers of services: what a file says is what a replay answers, or a clear error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pytest_lambda_rollback.config.paths import event_files
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.downstream import AwsExchange, Exchange, HttpExchange
from pytest_lambda_rollback.sources import downstream_files, events
from pytest_lambda_rollback.sources.json_texts import Number

GET: dict[str, Any] = {
    "service": "dynamodb",
    "operation": "GetItem",
    "parameters": {"TableName": "orders", "Key": {"id": "7"}},
    "result": {"Item": {"id": "7", "raw": {"$bytes": "/w=="}}},
}
GET_EXCHANGE = AwsExchange(
    service="dynamodb",
    operation="GetItem",
    parameters='{"TableName":"orders","Key":{"id":"7"}}',
    result='{"Item":{"id":"7","raw":{"$bytes":"/w=="}}}',
)
CHARGE: dict[str, Any] = {
    "method": "POST",
    "url": "https://api.example.com/v1/charges?x=1",
    "headers": {"Accept": "application/json"},
    "body": {"amount": 5},
    "response": {
        "status": 201,
        "headers": {"Content-Type": "application/json", "Set-Cookie": ["a=1", "b=2"]},
        "body": [True, None],
    },
}
CHARGE_EXCHANGE = HttpExchange(
    method="POST",
    url="https://api.example.com/v1/charges?x=1",
    request_headers=(("Accept", "application/json"),),
    request_body=b'{"amount":5}',
    status=201,
    headers=(("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
    body=b"[true,null]",
)


def document(*entries: object) -> str:
    return json.dumps({"lambda_rollback_downstream": 1, "downstream": entries})


def test_entries_of_both_kinds_become_exchanges_and_entries_again() -> None:
    exchanges = downstream_files.read([GET, CHARGE], "event fixture x.json")
    assert exchanges == (GET_EXCHANGE, CHARGE_EXCHANGE)
    assert downstream_files.entries(exchanges) == [GET, CHARGE]


def test_an_error_of_aws() -> None:
    error = {"code": "ConditionalCheckFailedException", "message": "no", "status": 400}
    entry = {"service": "dynamodb", "operation": "PutItem", "parameters": {}, "error": error}
    exchange = AwsExchange(
        service="dynamodb", operation="PutItem", error_code="ConditionalCheckFailedException",
        error_message="no", status=400,
    )  # fmt: skip
    assert downstream_files.read([entry], "x") == (exchange,)
    assert downstream_files.entries([exchange]) == [entry]


def test_the_least_that_an_entry_needs() -> None:
    found = downstream_files.read(
        [
            {"service": "sqs", "operation": "SendMessage"},
            {"url": "http://localhost:8080/", "response": {}},
        ],
        "x",
    )
    assert found == (
        AwsExchange(service="sqs", operation="SendMessage"),
        HttpExchange(method="GET", url="http://localhost:8080/"),
    )


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ({"$text": "plain"}, b"plain"),
        ({"$text": "Zürich"}, "Zürich".encode()),
        ({"$text": '{"$text": "itself"}'}, b'{"$text": "itself"}'),
        ({"$bytes": base64.b64encode(b"\xff\x00").decode()}, b"\xff\x00"),
        ({"$text": "NaN"}, b"NaN"),
        ({"$text": '{"a":1,"a":2}'}, b'{"a":1,"a":2}'),
        ("a JSON text", b'"a JSON text"'),
        (None, b"null"),
        (0, b"0"),
        ([], b"[]"),
    ],
)
def test_bodies(body: object, content: bytes) -> None:
    entry = {
        "method": "PUT", "url": "https://a.test/", "body": body,
        "response": {"status": 200, "body": body},
    }  # fmt: skip
    (exchange,) = downstream_files.read([entry], "x")
    assert isinstance(exchange, HttpExchange)
    assert (exchange.request_body, exchange.body) == (content, content)
    assert downstream_files.entries([exchange]) == [entry]


NUMBERS = '{"price":1.10,"huge":1e400,"long":' + "9" * 5000 + ',"zero":-0.0,"plain":1E+2}'


def test_numbers_stay_as_written_in_a_file_and_back(tmp_path: Path) -> None:
    path = tmp_path / "paid.downstream.json"
    path.write_text(
        '{"lambda_rollback_downstream": 1, "downstream": [\n'
        f'{{"service": "s3", "operation": "X", "parameters": {NUMBERS}, "result": {NUMBERS}}},\n'
        f'{{"url": "https://a.test/", "response": {{"body": {NUMBERS}}}}}]}}'
    )
    aws, http = downstream_files.load(path)
    assert isinstance(aws, AwsExchange)
    assert isinstance(http, HttpExchange)
    assert (aws.parameters, aws.result, http.body.decode()) == (NUMBERS, NUMBERS, NUMBERS)
    downstream_files.write(path, (aws, http))
    assert downstream_files.load(path) == (aws, http)
    assert str(Number("1.10")) == "1.10"


def any_text(chance: Random) -> str:
    return "".join(chance.choices('ab "\\\\\n{}[]$é\u2028日', k=chance.randrange(8)))


def any_json(chance: Random, depth: int = 0) -> Any:
    kind = chance.randrange(8 if depth < 3 else 6)
    if kind == 6:
        return [any_json(chance, depth + 1) for _ in range(chance.randrange(3))]
    if kind == 7:
        keys = [chance.choice(("$text", "$bytes", "id", any_text(chance))) for _ in range(2)]
        return {key: any_json(chance, depth + 1) for key in keys[: chance.randrange(3)]}
    numbers = (chance.randrange(-9, 10**20), chance.random())
    return (None, True, False, any_text(chance), numbers[chance.randrange(2)], 0)[kind]


def any_body(chance: Random) -> bytes:
    made = chance.randrange(3)
    if made == 0:
        return chance.randbytes(chance.randrange(12))
    text = any_text(chance) if made == 1 else json.dumps(any_json(chance), ensure_ascii=False)
    return text.encode()


def any_exchange(chance: Random) -> Exchange:
    if chance.random() < 0.5:
        parameters, result = ({"a": any_json(chance), "é": any_json(chance)} for _ in range(2))
        return AwsExchange(
            service="sqs",
            operation="SendMessage",
            parameters=json.dumps(parameters, ensure_ascii=False, separators=(",", ":")),
            result=json.dumps(result, ensure_ascii=False, separators=(",", ":")),
        )
    headers = (("Accept", any_text(chance).replace("\n", "")), ("X", "1"), ("X", "2"))
    return HttpExchange(
        method="POST",
        url="https://a.test/?q=1",
        request_headers=headers[: chance.randrange(4)],
        request_body=any_body(chance),
        status=chance.randrange(100, 600),
        headers=headers[: chance.randrange(4)],
        body=any_body(chance),
    )


def comparable(exchange: Exchange) -> object:
    """All of an exchange, a body of JSON without its white space."""

    def body(content: bytes) -> object:
        try:
            return "json", json.dumps(json.loads(content.decode()), sort_keys=True)
        except ValueError:
            return "bytes", content

    if isinstance(exchange, AwsExchange):
        return exchange
    bodies = body(exchange.request_body), body(exchange.body)
    return replace(exchange, request_body=b"", body=b""), bodies


def test_every_exchange_survives(tmp_path: Path) -> None:
    for seed in range(1_000):
        exchanges = tuple(any_exchange(Random(seed * 3 + number)) for number in range(3))
        path = tmp_path / "some.downstream.json"
        downstream_files.write(path, exchanges)
        found = downstream_files.load(path)
        assert [comparable(each) for each in found] == [comparable(each) for each in exchanges]
        assert downstream_files.read(downstream_files.entries(exchanges), "x") == found


def test_any_value_is_read_or_refused() -> None:
    refused = 0
    for seed in range(1_000):
        value = any_json(Random(seed))
        entries = (
            value,
            [value],
            [{"service": "a", "operation": value}],
            [GET | {"result": value}],
        )
        for each in entries:
            with suppress(ConfigError):
                downstream_files.read(each, "x")
                continue
            refused += 1
    assert refused > 2_000


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (7, 'has an invalid "downstream[1]": expected an object'),
        ({}, 'has an invalid "downstream[1]": expected an entry with "service"'),
        (GET | {"service": ""}, 'has an invalid "downstream[1].service"'),
        (GET | {"operation": None}, 'has an invalid "downstream[1].operation"'),
        (GET | {"parameters": []}, 'has an invalid "downstream[1].parameters"'),
        (GET | {"results": {}}, 'has the unknown key "results" in "downstream[1]"'),
        (GET | {"error": {"code": "X"}}, 'has an invalid "downstream[1]": expected either'),
        (
            {"service": "s3", "operation": "X", "error": {"code": ""}},
            'has an invalid "downstream[1].error.code"',
        ),
        (
            {"service": "s3", "operation": "X", "error": {"code": "A", "status": "400"}},
            'has an invalid "downstream[1].error.status"',
        ),
        (CHARGE | {"method": "P T"}, 'has an invalid "downstream[1].method"'),
        (CHARGE | {"url": "/v1/charges"}, 'has an invalid "downstream[1].url"'),
        (CHARGE | {"url": "ftp://a.test/"}, 'has an invalid "downstream[1].url"'),
        (CHARGE | {"url": "https://a.test:99999/"}, 'has an invalid "downstream[1].url"'),
        (CHARGE | {"url": "https://a.test/\r\nX: y"}, 'has an invalid "downstream[1].url"'),
        (CHARGE | {"headers": {"A": 1}}, 'has an invalid "downstream[1].headers.A"'),
        (CHARGE | {"headers": {"A": "x\r\nB: y"}}, 'has an invalid "downstream[1].headers.A"'),
        (CHARGE | {"headers": {"A:": "x"}}, 'has an invalid "downstream[1].headers"'),
        (CHARGE | {"body": {"$bytes": "%"}}, 'has an invalid "downstream[1].body.$bytes"'),
        (CHARGE | {"body": {"$text": 1}}, 'has an invalid "downstream[1].body"'),
        (CHARGE | {"response": None}, 'has an invalid "downstream[1].response"'),
        (CHARGE | {"response": {"status": 99}}, 'has an invalid "downstream[1].response.status"'),
        (CHARGE | {"response": {"code": 1}}, 'the unknown key "code" in "downstream[1].response"'),
    ],
)
def test_mistakes_name_file_and_entry(tmp_path: Path, entry: object, message: str) -> None:
    path = tmp_path / "paid.downstream.json"
    path.write_text(document(GET, entry))
    with pytest.raises(ConfigError) as caught:
        downstream_files.load(path)
    assert str(caught.value).startswith(f"downstream file {path} ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("{", "is not valid JSON"),
        ("[]", 'has no "lambda_rollback_downstream"'),
        ('{"order": 1}', 'has no "lambda_rollback_downstream"'),
        ('{"lambda_rollback_downstream": 2}', "has the format 2"),
        ('{"lambda_rollback_downstream": 1, "more": 1}', 'has the unknown key "more"'),
        ('{"lambda_rollback_downstream": 1, "downstream": {}}', 'an invalid "downstream"'),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "paid.downstream.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"downstream file .*paid\.downstream\.json") as caught:
        downstream_files.load(path)
    assert message in str(caught.value)


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "paid.downstream.json"
    path.write_text(document(GET))
    with pytest.raises(ConfigError, match="at most 10000 entries"):
        downstream_files.read([GET] * 10_001, "x")
    monkeypatch.setattr(downstream_files, "MAX_FILE_BYTES", 10)
    with pytest.raises(ConfigError, match="at most 10 bytes"):
        downstream_files.load(path)


def test_writing_replaces_a_file_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "paid.downstream.json"
    downstream_files.write(path, [GET_EXCHANGE])
    downstream_files.write(path, [CHARGE_EXCHANGE])
    assert downstream_files.load(path) == (CHARGE_EXCHANGE,)
    assert list(tmp_path.iterdir()) == [path]
    assert '\n      "url": "https://api.example.com/v1/charges?x=1",\n' in path.read_text()
    with pytest.raises(ConfigError, match="could not be written"):
        downstream_files.write(tmp_path / "none" / "x.downstream.json", [])


# --- with fixtures --------------------------------------------------------------------------------

Write = Callable[[str, object], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, value: object) -> Path:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return written


def test_answers_of_the_envelope_come_before_those_of_the_file(write: Write) -> None:
    event = write("paid.v1.json", {"lambda_rollback": 1, "event": {}, "downstream": [GET]})
    write("paid.v1.downstream.json", document(CHARGE))
    fixture = events.load(event, name="paid.v1")
    assert fixture.downstream == (GET_EXCHANGE, CHARGE_EXCHANGE)
    assert "orders" not in repr(fixture)


def test_a_bare_event_has_the_answers_beside_it(write: Write) -> None:
    event = write("paid.json", '{ "price": 1.10 }')
    assert events.load(event, name="paid").downstream == ()
    write("paid.downstream.json", document(GET))
    fixture = events.load(event, name="paid")
    assert (fixture.payload, fixture.downstream) == (b'{ "price": 1.10 }', (GET_EXCHANGE,))


def test_numbers_of_an_envelope_stay_as_written(write: Write) -> None:
    entry = f'{{"service": "s3", "operation": "X", "result": {NUMBERS}}}'
    text = f'{{"lambda_rollback": 1, "downstream": [{entry}], "event": {{}}}}'
    (exchange,) = events.load(write("paid.json", text), name="paid").downstream
    assert isinstance(exchange, AwsExchange)
    assert exchange.result == NUMBERS


def test_a_mistake_in_an_envelope_names_the_fixture(write: Write) -> None:
    bad = {"lambda_rollback": 1, "event": {}, "downstream": [GET, {}]}
    path = write("paid.json", bad)
    with pytest.raises(ConfigError, match=r"event fixture .*paid\.json has an invalid .*\[1\]"):
        events.load(path, name="paid")
    del bad["event"]
    with pytest.raises(ConfigError, match='an envelope without "event"'):
        events.load(write("paid.json", bad), name="paid")


def test_files_of_answers_are_no_fixtures(write: Write, tmp_path: Path) -> None:
    event = write("paid.json", {})
    write("paid.downstream.json", document(GET))
    for pattern in (".", "*.json", "paid.downstream.json"):
        files, _ = event_files([pattern], base=tmp_path, where="events")
        assert files == ((event,) if "downstream" not in pattern else ())
