"""What a pass can reach: users' services, a private AWS, recorded answers; each pass from anew."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_lambda_rollback.errors import ConfigError, EngineError
from pytest_lambda_rollback.model.downstream import HttpExchange
from pytest_lambda_rollback.model.replay import EventFixture
from pytest_lambda_rollback.model.services import Answer, Door, RunningService, ServiceRequest
from pytest_lambda_rollback.model.settings import (
    AwsService,
    DoorService,
    FunctionSettings,
    ServiceSettings,
)
from pytest_lambda_rollback.services.http.front import UNTRUSTED
from pytest_lambda_rollback.services.interface import ServicePass
from pytest_lambda_rollback.session.serving import FunctionServices, RunServices

EVENT = EventFixture(name="create", path=Path("create.json"), payload=b"{}")
SEED = """
def seed(session):
    table = session.resource("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table.put_item(Item={"id": "1"})
"""


@pytest.fixture
def run() -> Iterator[RunServices]:
    made = RunServices()
    yield made
    made.close()


def services(
    run: RunServices,
    settings: ServiceSettings,
    given: Mapping[str, RunningService | str] | None = None,
) -> FunctionServices:
    function = FunctionSettings(
        name="orders", current=None, services=settings, region="eu-west-1", account="111122223333"
    )
    made = FunctionServices(function, run)
    made.settle(lambda _doors: given or {})
    return made


def opened(of: FunctionServices) -> ServicePass:
    found = of.open()
    assert found is not None
    return found


class Greeter:
    """A service that says its word to everybody."""

    def __init__(self, word: bytes) -> None:
        self._word = word
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(self._word)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def greeters() -> Iterator[tuple[Greeter, Greeter]]:
    both = (Greeter(b"one"), Greeter(b"two"))
    yield both
    for each in both:
        each.close()


def said(over: ServicePass, name: str, port: int) -> bytes:
    with over.connect(name, port) as connection:
        return connection.recv(10)


def door(text: str, address: str = "", reset: str = "") -> DoorService:
    name, _, port = text.rpartition(":")
    return DoorService(door=Door(name=name, port=int(port)), address=address, reset=reset)


def test_a_function_that_may_reach_nothing_has_no_pass(run: RunServices) -> None:
    of = services(run, ServiceSettings())
    assert of.open() is None
    assert not of.have_state


def test_the_most_exact_name_leads_to_its_service(
    run: RunServices, greeters: tuple[Greeter, Greeter]
) -> None:
    one, two = greeters
    doors = (door("*.internal:5432", one.address), door("db.internal:5432", two.address))
    over = opened(services(run, ServiceSettings(doors=doors)))
    assert over.doors == (Door(name="*.internal", port=5432), Door(name="db.internal", port=5432))
    assert said(over, "db.internal", 5432) == b"two"
    assert said(over, "cache.internal", 5432) == b"one"
    for name, port in (("db.internal", 5433), ("db.example.com", 5432), ("internal", 5432)):
        with pytest.raises(ConnectionRefusedError):
            over.connect(name, port)
    assert over.requests() == ()
    over.close()


def test_a_service_that_is_not_there_is_told(run: RunServices) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    over = opened(services(run, ServiceSettings(doors=(door("db:5432", address),))))
    with pytest.raises(ConnectionRefusedError):
        over.connect("db", 5432)
    (request,) = over.requests()
    assert (request.service, request.answer) == ("db:5432", Answer.UNREACHABLE)
    assert request.message == f"{address}: Connection refused"
    assert over.requests() == ()
    over.close()


def test_a_service_of_the_hook_is_reset_before_each_pass(
    run: RunServices, greeters: tuple[Greeter, Greeter]
) -> None:
    resets: list[int] = []
    given = RunningService(address=greeters[0].address, reset=lambda: resets.append(1))
    of = services(run, ServiceSettings(doors=(door("db:5432"),)), {"db:5432": given})
    assert of.have_state
    for number in (1, 2):
        over = opened(of)
        assert len(resets) == number
        assert said(over, "db", 5432) == b"one"
        over.close()
        over.close()


def test_passes_that_reach_a_service_of_the_users_wait_for_one_another(
    run: RunServices, greeters: tuple[Greeter, Greeter]
) -> None:
    of = services(run, ServiceSettings(doors=(door("db:5432", greeters[0].address),)))
    first = opened(of)
    second: list[ServicePass] = []
    other = threading.Thread(target=lambda: second.append(opened(of)), daemon=True)
    other.start()
    other.join(0.2)
    assert not second
    first.close()
    other.join(5)
    assert second
    second[0].close()


def test_connections_to_services_end_with_their_pass(run: RunServices) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        over = opened(services(run, ServiceSettings(doors=(door("db:5432", address),))))
        with over.connect("db", 5432), listener.accept()[0] as served:
            served.settimeout(5)
            over.close()
            assert served.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            over.connect("db", 5432)


def test_a_reset_is_a_command_and_says_why_it_failed(
    run: RunServices, tmp_path: Path, greeters: tuple[Greeter, Greeter]
) -> None:
    marker = tmp_path / "reset"
    of = services(
        run, ServiceSettings(doors=(door("db:1", greeters[0].address, f"touch {marker}"),))
    )
    opened(of).close()
    assert marker.exists()
    of = services(
        run, ServiceSettings(doors=(door("db:1", greeters[0].address, "ls /no/such/folder"),))
    )
    for _ in range(2):  # and nobody waits for ever for the pass that did not begin
        with pytest.raises(EngineError, match="db:1 could not be reset: `ls /no/such/folder`"):
            of.open()
    of = services(
        run, ServiceSettings(doors=(door("db:1", greeters[0].address, "/no/such/program"),))
    )
    with pytest.raises(EngineError, match="No such file or directory"):
        of.open()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "functions.orders.services has no address for db:5432"),
        ({"db:5432": 7}, "an address like 127.0.0.1:5432 or a RunningService is expected"),
        ({"db:5432": "nowhere"}, "which is not host:port"),
        ({"db:0": "127.0.0.1:1"}, "has no port from 1 to 65535"),
    ],
)
def test_a_service_that_nobody_gives_a_place_fails_each_pass(
    given: Mapping[str, RunningService | str], words: str, run: RunServices
) -> None:
    of = services(run, ServiceSettings(doors=(door("db:5432"),)), given)
    for _ in range(2):
        with pytest.raises(ConfigError) as caught:
            of.open()
        assert words in str(caught.value)


def posted(over: ServicePass, operation: str, body: object) -> object:
    """The answer of DynamoDB over TLS, as an SDK would ask for it."""
    context = ssl.create_default_context(cadata=dict(over.files)["ca.pem"].decode())
    name = "dynamodb.eu-west-1.amazonaws.com"
    content = json.dumps(body).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: {name}\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n"
        "Content-Type: application/x-amz-json-1.0\r\nConnection: close\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=dummy/20260101/eu-west-1/dynamodb/aws4_request,"
        f" SignedHeaders=host, Signature=0\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode()
    with context.wrap_socket(over.connect(name, 443), server_hostname=name) as connection:
        connection.sendall(head + content)
        received = b""
        while data := connection.recv(65536):
            received += data
    return json.loads(received.partition(b"\r\n\r\n")[2])


def test_each_pass_has_a_private_aws_of_its_own(run: RunServices, tmp_path: Path) -> None:
    (tmp_path / "seed.py").write_text(SEED)
    of = services(run, ServiceSettings(aws=AwsService(seed=tmp_path / "seed.py")))
    first, second = opened(of), opened(of)
    assert Door(name="*.amazonaws.com", port=443) in first.doors
    assert dict(first.variables)["AWS_CA_BUNDLE"] == "/run/lambda-rollback/ca.pem"
    posted(first, "PutItem", {"TableName": "orders", "Item": {"id": {"S": "2"}}})
    assert [each.operation for each in first.requests()] == ["PutItem"]
    keys = {(each.container, each.key) for each in first.stored().items if each.key}
    assert keys == {("orders", '{"id": "1"}'), ("orders", '{"id": "2"}')}
    assert {each.key for each in second.stored().items if each.key} == {'{"id": "1"}'}
    with pytest.raises(ConnectionRefusedError):
        first.connect("api.example.com", 443)
    own_api = "x1.execute-api.eu-west-1.amazonaws.com"
    assert [each.service for each in first.requests()] == ["api.example.com"]
    with pytest.raises(ConnectionRefusedError):
        first.connect(own_api, 443)
    assert [(each.service, each.answer) for each in first.requests()] == [
        (own_api, Answer.UNRECORDED)
    ]
    first.close()
    second.close()


def test_a_client_that_does_not_trust_the_authority_is_told(
    run: RunServices, tmp_path: Path
) -> None:
    (tmp_path / "seed.py").write_text(SEED)
    over = opened(services(run, ServiceSettings(aws=AwsService(seed=tmp_path / "seed.py"))))
    name = "dynamodb.eu-west-1.amazonaws.com"
    with over.connect(name, 443) as connection, pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(connection, server_hostname=name)
    told: list[ServiceRequest] = []
    deadline = time.monotonic() + 10
    while not told and time.monotonic() < deadline:
        told += over.requests()
    assert [(each.service, each.answer, each.message) for each in told] == [
        (name, Answer.UNREACHABLE, UNTRUSTED)
    ]
    over.close()


def test_recorded_answers_belong_to_the_event(run: RunServices) -> None:
    exchange = HttpExchange(method="POST", url="http://api.example.com/price", body=b"7")
    fixture = replace(EVENT, downstream=(exchange,))
    of = services(run, ServiceSettings())
    of.use([EVENT, fixture])
    over = opened(of)

    def asked() -> bytes:
        with over.connect("api.example.com", 80) as connection:
            connection.sendall(
                b"POST /price HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 0\r\n"
                b"Connection: close\r\n\r\n"
            )
            received = b""
            while data := connection.recv(65536):
                received += data
        return received.partition(b"\r\n\r\n")[2]

    for _ in range(2):  # the same event once more begins anew
        over.begin(fixture)
        assert asked() == b"7"
        over.begin(fixture)  # as when the environment was started for it before
        assert [each.answer for each in over.requests()] == [Answer.ANSWERED]
    over.begin(EVENT)
    asked()
    assert [each.answer for each in over.requests()] == [Answer.UNRECORDED]
    over.close()


def test_nothing_is_opened_once_the_run_ends(run: RunServices) -> None:
    of = services(run, ServiceSettings(aws=AwsService()))
    run.close()
    with pytest.raises(EngineError, match="the run is ending"):
        of.open()
