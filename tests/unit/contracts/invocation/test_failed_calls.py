"""Recognising calls to services that replays lack, in the words of the client libraries."""

# ruff: noqa: E501 (the messages stand as the libraries write them)

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from pytest_lambda_rollback.contracts.invocation.services import (
    call_without_answer,
    failed_call,
    is_address,
)
from pytest_lambda_rollback.model.replay import FunctionError, Outcome, OutcomeKind

NO_NAME = "[Errno -2] Name or service not known"
CHAIN = (
    "[ERROR] could not save",
    "Traceback (most recent call last):",
    '  File "/var/task/app.py", line 9, in save',
    'botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL: '
    '"https://sqs.eu-west-1.amazonaws.com/"',
    "",
    "During handling of the above exception, another exception occurred:",
    "",
    "Traceback (most recent call last):",
    "KeyError: 'order'",
)  # fmt: skip


def raised(
    type_: str, message: str, trace: tuple[str, ...] = (), logs: tuple[str, ...] = ()
) -> Outcome:
    return Outcome(
        kind=OutcomeKind.FUNCTION_ERROR,
        error=FunctionError(type=type_, message=message, stack_trace=trace),
        logs=logs,
    )


@pytest.mark.parametrize(
    ("type_", "message", "service"),
    [
        # botocore
        ("EndpointConnectionError", 'Could not connect to the endpoint URL: "https://dynamodb.us-east-1.amazonaws.com/"', "dynamodb.us-east-1.amazonaws.com"),
        ("EndpointConnectionError", 'Could not connect to the endpoint URL: "https://my-bucket.s3.amazonaws.com/a"', "my-bucket.s3.amazonaws.com"),
        ("EndpointConnectionError", 'Could not connect to the endpoint URL: "http://localhost:4566/"', "localhost:4566"),
        ("ConnectTimeoutError", 'Connect timeout on endpoint URL: "https://sqs.us-east-1.amazonaws.com/123/q"', "sqs.us-east-1.amazonaws.com"),
        ("ProxyConnectionError", 'Failed to connect to proxy URL: "http://user:secret@proxy:3128"', "proxy:3128"),
        ("ClientError", "An error occurred (UnrecognizedClientException) when calling the GetItem operation: The security token included in the request is invalid.", "the AWS operation GetItem"),
        # urllib3, requests
        ("ConnectionError", "HTTPSConnectionPool(host='api.example.com', port=443): Max retries exceeded with url: /v1 (Caused by NameResolutionError(\"HTTPSConnection(host='api.example.com', port=443): Failed to resolve 'api.example.com' ([Errno -3] Temporary failure in name resolution)\"))", "api.example.com"),
        ("ConnectTimeout", "HTTPConnectionPool(host='10.1.2.3', port=8080): Max retries exceeded with url: / (Caused by ConnectTimeoutError(<x>, 'Connection to 10.1.2.3 timed out.'))", "10.1.2.3:8080"),
        ("NameResolutionError", "HTTPSConnection(host='api.example.com', port=443): Failed to resolve 'api.example.com' ([Errno -2])", "api.example.com"),
        # the standard library
        ("URLError", f"<urlopen error {NO_NAME}>", None),
        ("URLError", "<urlopen error [Errno 101] Network is unreachable>", None),
        ("gaierror", NO_NAME, None),
        ("gaierror", "[Errno -3] Temporary failure in name resolution", None),
        ("gaierror", "[Errno -5] No address associated with hostname", None),
        ("OSError", "[Errno 101] Network is unreachable", None),
        ("TimeoutError", "[Errno 110] Connection timed out", None),
        ("OSError", "[Errno 113] No route to host", None),
        ("ConnectionRefusedError", "[Errno 111] Connection refused", None),
        # httpx, aiohttp
        ("ConnectError", NO_NAME, None),
        ("ConnectError", "All connection attempts failed", None),
        ("ClientConnectorDNSError", "Cannot connect to host api.example.com:443 ssl:default [Name or service not known]", "api.example.com"),
        ("ClientConnectorError", "Cannot connect to host 10.1.2.3:8443 ssl:default [Network is unreachable]", "10.1.2.3:8443"),
        # data stores
        ("OperationalError", 'could not translate host name "db" to address: Name or service not known\n', "db"),
        ("OperationalError", f"failed to resolve host 'db.internal': {NO_NAME}", "db.internal"),
        ("OperationalError", 'connection is bad: connection to server at "10.1.2.3", port 5432 failed: Network is unreachable\n\tIs the server running on that host?', "10.1.2.3:5432"),
        ("OperationalError", 'connection to server at "db" (10.0.0.9), port 5432 failed: Connection refused', "db:5432"),
        ("InterfaceError", "Can't create a connection to host db.internal and port 5432 (timeout is None and source_address is None).", "db.internal:5432"),
        ("OperationalError", f"(2003, \"Can't connect to MySQL server on 'db.internal' ({NO_NAME})\")", "db.internal"),
        ("DatabaseError", "2005 (HY000): Unknown MySQL server host 'db' (-2)", "db"),
        ("ConnectionError", "Error -2 connecting to cache:6379. Name or service not known.", "cache:6379"),
        ("TimeoutError", "Timeout connecting to server", None),
        ("ServerSelectionTimeoutError", f"mongo.internal:27017: {NO_NAME} (configured timeouts: connectTimeoutMS: 20000.0ms), Timeout: 0.5s, Topology Description: <x>", "mongo.internal:27017"),
        ("NoBrokersAvailable", "NoBrokersAvailable", None),
        # Node.js
        ("Error", "getaddrinfo ENOTFOUND api.example.com", "api.example.com"),
        ("Error", "getaddrinfo EAI_AGAIN dynamodb.us-east-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com"),
        ("Error", "connect ENETUNREACH 10.1.2.3:443 - Local (0.0.0.0:0)", "10.1.2.3"),
        ("Error", "connect ECONNREFUSED ::1:5432", "::1:5432"),
        ("Error", "queryA ECONNREFUSED api.example.com", "api.example.com"),
        ("TypeError", "fetch failed", None),
        # said again by the function
        ("OrderError", 'could not save: Could not connect to the endpoint URL: "https://sqs.eu-west-1.amazonaws.com/"', "sqs.eu-west-1.amazonaws.com"),
        ("ValueError", f"no rate: {NO_NAME}", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [OutcomeKind.FUNCTION_ERROR, OutcomeKind.INIT_ERROR])
def test_an_error_of_a_client_library(
    kind: OutcomeKind, type_: str, message: str, service: str | None
) -> None:
    error = FunctionError(type=type_, message=message)
    call = failed_call(Outcome(kind=kind, error=error))
    assert call is not None
    assert call.service == service
    assert call.evidence.startswith((type_, message[:20]))
    assert len(call.evidence) <= 200
    assert "\n" not in call.evidence


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        ("KeyError", "'https://api.example.com/'"),
        ("KeyError", "'Could not connect to the endpoint URL: \"https://x.example/\"'"),
        ("ValueError", "not an order: https://api.example.com/"),
        ("TypeError", "'NoneType' object is not subscriptable"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'x'"),
        ("NoCredentialsError", "Unable to locate credentials"),
        ("TimeoutError", ""),
        ("ConnectionError", "the order is not connected to a customer"),
        ("ClientError", "An error occurred (ValidationException) when calling the PutItem operation: bad"),
        ("Runtime.ImportModuleError", "Unable to import module 'app': No module named 'requests'"),
        ("Error", "order ENOTFOUNDED"),
    ],
)  # fmt: skip
def test_an_error_that_is_none(type_: str, message: str) -> None:
    assert failed_call(raised(type_, message)) is None


def test_a_source_line_that_speaks_of_the_network_is_no_evidence() -> None:
    trace = ('  File "/var/task/app.py", line 3, in handler\n    raise E("Connection refused")\n',)
    assert failed_call(raised("OrderError", "no stock", trace)) is None


@pytest.mark.parametrize(
    ("line", "service"),
    [
        ('urllib.request.urlopen("http://tax.internal/rate")', "tax.internal"),
        ("urlopen('https://tax.internal:8443/rate')", "tax.internal:8443"),
        ('connect("postgresql://user:secret@db.internal:5432/orders")', "db.internal:5432"),
        ('socket.create_connection(("db.internal", 5432))', "db.internal:5432"),
        ('connect(host="db", user="x")', "db"),
        ('http.client.HTTPSConnection("api.example.com")', "api.example.com"),
        ('urlopen(f"https://{HOST}/rate")', None),
        ('urlopen(f"https://tax.{ZONE}.internal/rate")', None),
        ("urlopen(url)", None),
    ],
)
def test_a_nameless_error_is_named_by_the_source_line(line: str, service: str | None) -> None:
    trace = (
        f'  File "/var/task/app.py", line 12, in rate\n    {line}\n',
        '  File "/var/lang/lib/python3.11/urllib/request.py", line 216, in urlopen\n'
        "    return opener.open(url, data, timeout)\n",
    )
    call = failed_call(raised("URLError", f"<urlopen error {NO_NAME}>", trace))
    assert call is not None
    assert call.service == service


def test_a_nameless_error_is_named_by_the_logs() -> None:
    logs = ("INFO asking https://tax.internal/rate", "INFO waiting")
    call = failed_call(raised("gaierror", NO_NAME, logs=logs))
    assert call is not None
    assert call.service == "tax.internal"
    logs = ("see https://docs.example/", "cause: getaddrinfo ENOTFOUND tax.internal")
    call = failed_call(raised("TypeError", "fetch failed", logs=logs))
    assert call is not None
    assert call.service == "tax.internal"


def test_a_host_without_a_name_says_so() -> None:
    call = failed_call(raised("gaierror", NO_NAME))
    assert call is not None
    assert call.named == "a host that the error does not name"


def test_nodes_error_for_several_addresses() -> None:
    trace = ("AggregateError [ECONNREFUSED]: ", "    at internalConnectMultiple (node:net:1117:18)")
    assert failed_call(raised("AggregateError", "", trace)) is not None
    assert failed_call(raised("AggregateError", "", ("AggregateError: two orders",))) is None


@pytest.mark.parametrize(
    ("type_", "message", "logs", "service"),
    [
        ("OrderError", "could not save", CHAIN[:4], "sqs.eu-west-1.amazonaws.com"),
        ("OrderError", "could not save", (), None),
        ("OrderError", "could not save", ("see https://api.example.com/",), None),
        # an error about data is its own cause, unless Python says otherwise
        ("KeyError", "'order'", CHAIN, "sqs.eu-west-1.amazonaws.com"),
        ("KeyError", "'order'", CHAIN[:4], None),
        ("ValidationError", "1 error", ("WARN statsd: [Errno -2] Name or service not known",), None),
        ("IndexError", "x", CHAIN, None),
    ],
)  # fmt: skip
def test_logs_tell_of_a_wrapped_failure(
    type_: str, message: str, logs: tuple[str, ...], service: str | None
) -> None:
    call = failed_call(raised(type_, message, logs=logs))
    assert (call.service if call else None) == service


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        (OutcomeKind.TIMEOUT, True),
        (OutcomeKind.RUNTIME_EXIT, True),
        (OutcomeKind.OUT_OF_MEMORY, False),
        (OutcomeKind.RESPONSE_TOO_LARGE, False),
        (OutcomeKind.HARNESS_FAILURE, False),
    ],
)
def test_how_else_a_replay_may_end(kind: OutcomeKind, counts: bool) -> None:
    logs = ("retrying: Error -2 connecting to cache:6379. Name or service not known.",)
    call = failed_call(Outcome(kind=kind, detail="timed out after 3 s", logs=logs))
    assert (call is not None and call.service == "cache:6379") is counts
    assert failed_call(Outcome(kind=kind, detail="timed out after 3 s")) is None


@pytest.mark.parametrize(
    ("value", "logs", "service"),
    [
        ({"statusCode": 500, "body": '{"error": "getaddrinfo ENOTFOUND tax.internal"}'}, (), "tax.internal"),
        ({"statusCode": "502", "body": json.dumps({"e": CHAIN[3]})}, (), "sqs.eu-west-1.amazonaws.com"),
        ({"statusCode": 500, "body": "Internal Server Error"}, CHAIN[:4], "sqs.eu-west-1.amazonaws.com"),
        ({"batchItemFailures": [{"itemIdentifier": "m1"}]}, CHAIN[:4], "sqs.eu-west-1.amazonaws.com"),
        ({"statusCode": 500, "body": "Internal Server Error"}, (), None),
        # Words of an answer that no client library says.
        ({"statusCode": 503, "body": "stock: Connection refused"}, (), None),
        ({"statusCode": 200, "body": "getaddrinfo ENOTFOUND tax.internal"}, CHAIN[:4], None),
        ({"batchItemFailures": []}, CHAIN[:4], None),
        ({"ok": True}, CHAIN[:4], None),
    ],
)  # fmt: skip
def test_only_a_response_that_says_failure_can_lack_a_service(
    value: object, logs: tuple[str, ...], service: str | None
) -> None:
    outcome = Outcome(kind=OutcomeKind.RESPONSE, payload=json.dumps(value).encode(), logs=logs)
    call = failed_call(outcome)
    assert (call.service if call else None) == service


def test_credentials_in_an_address_are_not_shown_as_the_service() -> None:
    message = 'Failed to connect to proxy URL: "http://user:secret@proxy:3128"'
    call = failed_call(raised("ProxyConnectionError", message))
    assert call is not None
    assert "secret" not in call.named


LINE = "nginx: connect() failed (111: Connection refused) while connecting to upstream"


@pytest.mark.parametrize(
    ("event", "message", "counts"),
    [
        ({"lines": [LINE]}, f"cannot parse line: {LINE}", False),
        ({"log": {LINE: 1}}, f"unknown key {LINE}", False),
        ({"body": json.dumps({"lines": [LINE]})}, f"cannot parse line: {LINE}", False),
        # A record of Kinesis, log lines of CloudWatch, a form.
        ({"data": base64.b64encode(LINE.encode()).decode()}, f"cannot parse: {LINE}", False),
        (
            {"awslogs": {"data": base64.b64encode(gzip.compress(LINE.encode())).decode()}},
            f"cannot parse: {LINE}",
            False,
        ),
        ({"body": "message=db%3A+Connection+refused"}, "db: Connection refused", False),
        ({"awslogs": {"data": "H4sIAAAAAAAAAAAAAAAAAAAA"}}, "db: Connection refused", True),
        ({"lines": ["ok"]}, "db: Connection refused", True),
        ({"host": "db.internal"}, "could not translate host name 'db.internal'", True),
        # The whole message came with the event, and not from a client library.
        (
            {"error": "Cannot connect to host db:5432"},
            "bad record: Cannot connect to host db:5432",
            False,
        ),
    ],
)
def test_words_of_the_event_show_no_call(event: Any, message: str, counts: bool) -> None:
    error = FunctionError(type="ValueError", message=message)
    outcome = Outcome(kind=OutcomeKind.FUNCTION_ERROR, error=error)
    assert (failed_call(outcome, json.dumps(event).encode()) is not None) is counts
    assert failed_call(outcome) is not None


@pytest.mark.parametrize(
    ("message", "calls", "service"),
    [
        ("db says: Connection refused", None, "a host that the error does not name"),
        ("db says: Connection refused", ("db.internal",), "db.internal"),
        # The carrier knows better than the words, except the name behind an address.
        ("Error 111 connecting to cache:6379", ("db.internal",), "db.internal"),
        ("Error 111 connecting to cache:6379", ("db.internal", "cache:6379"), "cache:6379"),
        ("Error 111 connecting to cache:6379", ("10.0.0.9:6379",), "cache:6379"),
        ("Error 111 connecting to 10.0.0.8:6379", ("10.0.0.9:6379",), "10.0.0.9:6379"),
        ("Error 111 connecting to cache:6379", ("[fd00::9]:6379",), "cache:6379"),
        ("Error 111 connecting to cache:6379", ("statsd:8125", "db:5432"), "db:5432"),
        ("Error 111 connecting to cache:6379", ("statsd:8125",), "statsd:8125"),
        ("Error 111 connecting to cache:6379", (), None),
        ("db says: Connection refused", (), None),
        # In the environment itself nothing is seen, as an extension may listen there.
        ("Error 111 connecting to localhost:6379", (), "localhost:6379"),
        ("Error 111 connecting to 127.0.0.1:6379", (), "127.0.0.1:6379"),
        ("Error 111 connecting to localhost.example.com:6379", (), None),
        # An address that a name got there.
        ("connect ECONNREFUSED 127.64.0.1:5432", ("db.internal:5432",), "db.internal:5432"),
        ("connect ECONNREFUSED 127.64.0.1:5432", (), None),
    ],
)
def test_words_count_where_a_call_was_made(
    message: str, calls: tuple[str, ...] | None, service: str | None
) -> None:
    error = FunctionError(type="RuntimeError", message=message)
    call = failed_call(Outcome(kind=OutcomeKind.FUNCTION_ERROR, error=error, calls=calls))
    assert (call.named if call else None) == service


CALLS = ("statsd:8125", "db.internal:5432")


@pytest.mark.parametrize(
    ("outcome", "evidence"),
    [
        (raised("OrderError", "no stock"), "OrderError: no stock"),
        (raised("shop.NoAnswer", ""), "shop.NoAnswer"),
        (
            Outcome(kind=OutcomeKind.INIT_ERROR, error=FunctionError(type="E", message="x")),
            "E: x",
        ),
        (Outcome(kind=OutcomeKind.TIMEOUT, detail="timed out after 3 s"), "timed out after 3 s"),
        (Outcome(kind=OutcomeKind.RUNTIME_EXIT), "runtime-exit"),
        (
            Outcome(kind=OutcomeKind.RESPONSE, payload=b'{"statusCode": 500}'),
            '{"statusCode": 500}',
        ),
        (
            Outcome(kind=OutcomeKind.RESPONSE, payload=b'{"batchItemFailures": [{}]}'),
            '{"batchItemFailures": [{}]}',
        ),
        # An error about data is its own cause, unless a traceback says otherwise.
        (raised("KeyError", "'order'"), None),
        (raised("KeyError", "'order'", logs=CHAIN), CHAIN[3]),
        (raised("Runtime.ImportModuleError", "No module named 'jwt'"), None),
        (Outcome(kind=OutcomeKind.OUT_OF_MEMORY), None),
        (Outcome(kind=OutcomeKind.HARNESS_FAILURE), None),
        (Outcome(kind=OutcomeKind.RESPONSE, payload=b'{"statusCode": 404}'), None),
        (Outcome(kind=OutcomeKind.RESPONSE, payload=b"no JSON"), None),
    ],
)
def test_a_failure_after_a_call_that_the_carrier_saw(
    outcome: Outcome, evidence: str | None
) -> None:
    call = failed_call(replace(outcome, calls=CALLS))
    assert (call and (call.service, call.evidence)) == (
        ("db.internal:5432", evidence) if evidence else None
    )
    assert failed_call(replace(outcome, calls=())) is None
    # What takes reports makes nothing fail by itself.
    words = "EndpointConnection" in (evidence or "")
    assert (failed_call(replace(outcome, calls=CALLS[:1])) is not None) is words


@pytest.mark.parametrize(
    ("service", "is_one"),
    [("10.0.0.5", True), ("10.0.0.5:5432", True), ("[fd00::1]:5432", True), ("[fd00::1]", True),
     ("::1", True), ("db.internal:5432", False), ("a host, by a name", False), ("", False)],
)  # fmt: skip
def test_literal_addresses(service: str, is_one: bool) -> None:
    assert is_address(service) is is_one


@pytest.mark.parametrize(
    ("calls", "service"),
    [
        (("prices.internal",), "prices.internal"),
        (("o1.ingest.sentry.io", "prices.internal"), "prices.internal"),
        (("o1.ingest.sentry.io",), None),
        ((), None),
    ],
)
def test_a_call_that_the_carrier_saw(calls: tuple[str, ...], service: str | None) -> None:
    # What a log says does not count beside it.
    answer = Outcome(kind=OutcomeKind.RESPONSE, payload=b"{}", logs=CHAIN, calls=calls)
    call = call_without_answer(answer)
    assert (call.service if call else None) == service


SENTRY = "HTTPSConnectionPool(host='o1.ingest.sentry.io', port=443): Max retries exceeded"


@pytest.mark.parametrize(
    ("logs", "event", "service"),
    [
        (CHAIN[:4], {}, "sqs.eu-west-1.amazonaws.com"),
        ((f"[WARNING] {CHAIN[3]}",), {}, "sqs.eu-west-1.amazonaws.com"),
        # Words that the event brought along, words without a host, and what takes reports.
        (("got getaddrinfo ENOTFOUND db",), {"line": "getaddrinfo ENOTFOUND db"}, None),
        (("cache: Connection refused",), {}, None),
        ((SENTRY,), {}, None),
        ((SENTRY, CHAIN[3]), {}, "sqs.eu-west-1.amazonaws.com"),
        ((), {}, None),
    ],
)
def test_a_call_that_an_answer_did_without(
    logs: tuple[str, ...], event: object, service: str | None
) -> None:
    payload = json.dumps(event).encode()
    answer = Outcome(kind=OutcomeKind.RESPONSE, payload=b"{}", logs=logs)
    call = call_without_answer(answer, payload)
    assert (call.service if call else None) == service
    assert call_without_answer(raised("ConnectError", "x", logs=logs), payload) is None
