"""What holds of services in every engine's environments. Each takes a version of `FUNCTION`."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any, Protocol

from helpers.doors import PIECE, FakeServices, bulk, digest, echo, served, web
from pytest_lambda_rollback.engines.interface import ServedEnvironment, ServingEngine
from pytest_lambda_rollback.model.replay import Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionVersion

SIZE = 50 * 1024 * 1024 // len(PIECE) * len(PIECE)


class Check(Protocol):
    __name__: str

    def __call__(self, engine: ServingEngine, version: FunctionVersion) -> None: ...


def invoked(environment: ServedEnvironment, do: str, **arguments: object) -> Outcome:
    event = json.dumps({"do": do, **arguments}).encode()
    return environment.invoke(Invocation(request_id="id", event=event))


def value(outcome: Outcome) -> Any:
    assert outcome.kind is OutcomeKind.RESPONSE, f"{outcome.kind} {outcome.detail} {outcome.logs}"
    return json.loads(outcome.payload or b"")


class Opened:
    """An environment that is closed at the end, and that nobody's thread outlives."""

    def __init__(
        self, engine: ServingEngine, version: FunctionVersion, services: FakeServices
    ) -> None:
        self.environment = engine.start_serving(version, services)

    def __enter__(self) -> ServedEnvironment:
        return self.environment

    def __exit__(self, *_: object) -> None:
        self.environment.close()
        assert [each for each in threading.enumerate() if "doors" in each.name] == []


def names_lead_to_services(engine: ServingEngine, version: FunctionVersion) -> None:
    with served(echo) as echo_port, web() as web_port:
        ports = {
            "db.internal:5432": echo_port,
            "*.example.com:80": web_port,
            "localhost:6379": echo_port,
            "*:443": echo_port,
        }
        services = FakeServices(ports=ports)
        with Opened(engine, version, services) as environment:
            text = "x" * 300_000
            outcome = invoked(environment, "echo", name="db.internal", port=5432, text=text)
            assert value(outcome) == text
            assert outcome.calls == ()
            page = value(invoked(environment, "get", url="http://api.example.com/orders/7?x=1"))
            assert page == [200, "api.example.com/orders/7?x=1"]
            for name, port in (("localhost", 6379), ("sqs.eu-west-1.amazonaws.com", 443)):
                outcome = invoked(environment, "echo", name=name, port=port, text="hello")
                assert value(outcome) == "hello"
            outcome = invoked(environment, "echo", name="DB.Internal", port=5432, text="case")
            assert value(outcome) == "case"
        assert set(services.asked) == {
            ("db.internal", 5432),
            ("api.example.com", 80),
            ("localhost", 6379),
            ("sqs.eu-west-1.amazonaws.com", 443),
        }


def without_a_door_a_call_is_refused_and_named(
    engine: ServingEngine, version: FunctionVersion
) -> None:
    with served(echo) as port:
        services = FakeServices(ports={"db.internal:5432": port})
        with Opened(engine, version, services) as environment:
            for name, where, shown in (
                ("cache.internal", 6379, "cache.internal:6379"),
                ("db.internal", 5433, "db.internal:5433"),
                ("api.example.com", 443, "api.example.com"),
                ("short", 8080, "short:8080"),
            ):
                outcome = invoked(environment, "refused", name=name, port=where)
                error, took_s = value(outcome)
                assert error == "ECONNREFUSED"
                assert took_s < 1
                assert outcome.calls == (shown,)
        assert services.asked == []


def nothing_goes_on_after_a_fresh_start(engine: ServingEngine, version: FunctionVersion) -> None:
    ended = threading.Event()

    def until_the_end(connection: Any) -> None:
        while connection.recv(65_536):
            pass
        ended.set()

    with served(echo) as one, served(until_the_end) as other:
        first = FakeServices(
            ports={"db.internal:5432": one, "held.internal:1": other},
            variables=(("FROM_SERVICES", "first"),),
            files=(("ca.pem", b"first"), ("more.pem", b"x" * 65_536)),
        )
        second = FakeServices(ports={"new.internal:5432": one}, files=(("ca.pem", b"second"),))
        with Opened(engine, version, first) as environment:
            seen = value(invoked(environment, "look"))
            assert {name: len(text) for name, text in seen.items()} == {
                "ca.pem": 5,
                "more.pem": 65_536,
            }
            assert value(invoked(environment, "variables", names=["FROM_SERVICES"])) == ["first"]
            value(invoked(environment, "hold", name="held.internal", port=1))
            environment.serve(second)
            assert environment.renew()
            assert ended.wait(5)
            assert value(invoked(environment, "look")) == {"ca.pem": "second"}
            outcome = invoked(environment, "refused", name="db.internal", port=5432)
            assert value(outcome)[0] == "ECONNREFUSED"
            assert outcome.calls == ("db.internal:5432",)
            outcome = invoked(environment, "echo", name="new.internal", port=5432, text="hi")
            assert (value(outcome), outcome.calls) == ("hi", ())
            environment.serve(None)
            assert environment.renew()
            assert value(invoked(environment, "look")) == {}
            assert value(invoked(environment, "variables", names=["FROM_SERVICES"])) == [None]
            outcome = invoked(environment, "refused", name="new.internal", port=5432)
            assert outcome.calls == ("new.internal:5432",)


def the_functions_own_variables_win(engine: ServingEngine, version: FunctionVersion) -> None:
    services = FakeServices(
        variables=(
            ("OWN", "services"),
            ("AWS_REGION", "services"),
            ("AWS_CA_BUNDLE", "services"),
            ("AWS_MAX_ATTEMPTS", "3"),
        )
    )
    with Opened(engine, version, services) as environment:
        names = ["OWN", "AWS_REGION", "AWS_CA_BUNDLE", "AWS_MAX_ATTEMPTS"]
        own, region, bundle, attempts = value(invoked(environment, "variables", names=names))
    assert (own, bundle, attempts) == ("function", "services", "3")
    assert region != "services"


def fifty_megabytes_go_both_ways(engine: ServingEngine, version: FunctionVersion) -> None:
    with served(digest) as up, served(bulk) as down:
        services = FakeServices(ports={"up.internal:80": up, "down.internal:80": down})
        with Opened(engine, version, services) as environment:
            sent, got = value(
                invoked(environment, "upload", name="up.internal", port=80, size=SIZE)
            )
            assert sent == got
            count, made = value(
                invoked(environment, "download", name="down.internal", port=80, size=SIZE)
            )
            expected = hashlib.sha256()
            for _ in range(SIZE // len(PIECE)):
                expected.update(PIECE)
            assert (count, made) == (SIZE, expected.hexdigest())


def who_does_not_read_holds_up_nobody_else(engine: ServingEngine, version: FunctionVersion) -> None:
    sent: list[int] = []

    def count(connection: Any) -> None:
        at = len(sent)
        sent.append(0)
        for _ in range(SIZE // len(PIECE)):
            connection.sendall(PIECE)
            sent[at] += len(PIECE)

    with served(count) as flood, served(echo) as port:
        services = FakeServices(ports={"flood.internal:80": flood, "db.internal:5432": port})
        with Opened(engine, version, services) as environment:
            for _ in range(3):
                value(invoked(environment, "hold", name="flood.internal", port=80))
            for _ in range(20):
                outcome = invoked(environment, "echo", name="db.internal", port=5432, text="hi")
                assert value(outcome) == "hi"
            assert len(sent) == 3
            assert max(sent) < 20_000_000, "buffers of the system and of ours, not all of it"


def a_service_that_is_not_there_resets(engine: ServingEngine, version: FunctionVersion) -> None:
    services = FakeServices(ports={"db.internal:5432": 1}, failure=ConnectionRefusedError())
    with Opened(engine, version, services) as environment:
        outcome = invoked(environment, "reset", name="db.internal", port=5432)
        error, _ = value(outcome)
        assert error in ("ECONNRESET", "EPIPE")
        assert outcome.calls == ()
        services.failure = ZeroDivisionError("a fault of ours")
        outcome = invoked(environment, "reset", name="db.internal", port=5432)
        assert outcome.kind is OutcomeKind.HARNESS_FAILURE
        assert "ZeroDivisionError: a fault of ours" in outcome.detail


def doors_that_cannot_be_are_refused(engine: ServingEngine, version: FunctionVersion) -> None:
    for text, why in (
        ("localhost:9001", "localhost:9001 is the carrier's own"),
        ("Db.internal:80", "'Db.internal:80' is no host name and port"),
        ("db.internal:0", "'db.internal:0' is no host name and port"),
    ):
        with Opened(engine, version, FakeServices(ports={text: 1})) as environment:
            outcome = invoked(environment, "look")
            assert outcome.kind is OutcomeKind.HARNESS_FAILURE
            assert why in outcome.detail


def more_names_than_there_is_room_for_make_doubt(
    engine: ServingEngine, version: FunctionVersion
) -> None:
    with Opened(engine, version, FakeServices()) as environment:
        assert value(invoked(environment, "names", count=200)) == 200
        outcome = invoked(environment, "names", count=270)
        assert value(outcome) == 256
        assert "more host names than an environment has addresses for" in outcome.doubt
        assert environment.renew()
        outcome = invoked(environment, "names", count=10)
        assert (value(outcome), outcome.doubt) == (10, "")


CHECKS: tuple[Check, ...] = (
    names_lead_to_services,
    without_a_door_a_call_is_refused_and_named,
    nothing_goes_on_after_a_fresh_start,
    the_functions_own_variables_win,
    fifty_megabytes_go_both_ways,
    who_does_not_read_holds_up_nobody_else,
    a_service_that_is_not_there_resets,
    doors_that_cannot_be_are_refused,
    more_names_than_there_is_room_for_make_doubt,
)
