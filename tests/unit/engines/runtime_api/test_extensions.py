"""The Extensions API over raw sockets, and what an extension does to its environment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.fake_carrier import FakeCarrier
from helpers.runtimes import RUNTIME, Place, Runtime, begin, end, invocation_of, started, version_of
from pytest_lambda_rollback.engines.runtime_api.environment import CarriedEnvironment
from pytest_lambda_rollback.model.replay import OutcomeKind

API = "/2020-01-01/extension"
AGENT = 2
"""The process id of the first extension."""

Open = Callable[..., Place]


class Agent(Runtime):
    """An extension by hand."""

    identifier = ""

    def register(self, *events: str, name: str = "agent", **headers: str) -> int:
        body = json.dumps({"events": events}).encode()
        self.ask("POST", f"{API}/register", body, Lambda_Extension_Name=name, **headers)
        status, told, content = self.answer()
        self.identifier = told.get("Lambda-Extension-Identifier", "")
        self.told = json.loads(content)
        return status

    def ask_next(self) -> None:
        self.ask("GET", f"{API}/event/next", Lambda_Extension_Identifier=self.identifier)

    def event(self) -> dict[str, object]:
        status, headers, body = self.answer()
        assert status == 200
        assert headers["Lambda-Extension-Event-Identifier"]
        document = json.loads(body)
        assert isinstance(document, dict)
        return document

    def call_as(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        return self.call(method, path, body, Lambda_Extension_Identifier=self.identifier, **headers)


@pytest.fixture
def extended(open_place: Open) -> Place:
    return open_place(carrier=FakeCarrier(extensions=["agent"]))


@pytest.fixture
def agent(extended: Place) -> Iterator[Agent]:
    started(extended, 1)
    agent = Agent(extended.carrier)
    yield agent
    agent.close()


def test_the_runtime_starts_once_every_extension_has_registered(
    open_place: Open, threads: ThreadPoolExecutor
) -> None:
    place = open_place(carrier=FakeCarrier(extensions=["one", "two"]))
    started(place, 2)
    one, two = Agent(place.carrier), Agent(place.carrier)
    assert one.register("INVOKE", name="one") == 200
    assert started(place, 2) == [AGENT, AGENT + 1]
    time.sleep(0.05)
    assert len(place.carrier.started) == 2
    assert two.register(name="two") == 200
    assert started(place, 3) == [AGENT, AGENT + 1, RUNTIME]
    assert place.carrier.started[0][1][:2] == ("d/", "a/opt/extensions/one")
    for agent in (one, two):
        agent.close()


def test_extensions_start_first_where_a_replay_overtakes_the_initialisation(
    open_place: Open, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CarriedEnvironment, "_initialise", lambda self, endpoint: None)
    place = open_place(carrier=FakeCarrier(extensions=["agent"]))
    threads.submit(place.environment.invoke, invocation_of("id-1"))
    assert started(place, 1) == [AGENT]
    time.sleep(0.05)
    assert len(place.carrier.started) == 1
    agent = Agent(place.carrier)
    assert agent.register() == 200
    assert started(place, 2) == [AGENT, RUNTIME]
    place.environment.close()
    agent.close()


def test_an_event_reaches_extensions_and_waits_for_them(
    extended: Place, agent: Agent, threads: ThreadPoolExecutor
) -> None:
    agent.register("INVOKE", Lambda_Extension_Accept_Feature="accountId")
    assert agent.told == {
        "functionName": "orders",
        "functionVersion": "3",
        "handler": "app.handler",
        "accountId": "210987654321",
    }
    runtime = Runtime(extended.carrier)
    replying = begin(threads, extended, "a")
    runtime.ask("GET", "/invocation/next")
    time.sleep(0.1)
    assert not replying.done()
    agent.ask_next()
    assert runtime.answer()[0] == 200
    told = agent.event()
    assert told.pop("deadlineMs") > time.time() * 1000
    assert told == {
        "eventType": "INVOKE",
        "requestId": "a",
        "invokedFunctionArn": "arn:aws:lambda:eu-west-1:210987654321:function:orders:3",
        "tracing": {"type": "X-Amzn-Trace-Id", "value": ""},
    }
    runtime.call("POST", "/invocation/a/response", b"1")
    assert end(replying).payload == b"1"
    # The next event waits until the extension has finished with this one.
    replying = begin(threads, extended, "b")
    runtime.ask("GET", "/invocation/next")
    time.sleep(0.1)
    agent.ask_next()
    assert runtime.answer()[0] == 200
    assert agent.event()["requestId"] == "b"
    runtime.call("POST", "/invocation/b/response", b"2")
    assert end(replying).payload == b"2"
    runtime.close()


def test_an_extension_that_never_finishes_fails_the_next_event(
    open_place: Open, threads: ThreadPoolExecutor
) -> None:
    place = open_place(carrier=FakeCarrier(extensions=["agent"]), version=version_of(timeout_s=1.0))
    started(place, 1)
    agent, runtime = Agent(place.carrier), Runtime(place.carrier)
    agent.register("INVOKE")
    agent.ask_next()
    replying = begin(threads, place, "a")
    runtime.next()
    runtime.call("POST", "/invocation/a/response", b"1")
    assert end(replying).kind is OutcomeKind.RESPONSE
    runtime.ask("GET", "/invocation/next")
    reply = place.invoke(invocation_of("b"))
    assert reply.kind is OutcomeKind.FUNCTION_ERROR
    assert reply.error is not None
    assert "the extension agent was not ready within 1 s" in reply.error.message
    for each in (agent, runtime):
        each.close()


@pytest.mark.parametrize("status", ["exited=1", "exited=0"])
def test_a_crash_while_initialising_is_an_init_error(extended: Place, status: str) -> None:
    started(extended, 1)
    extended.carrier.exit(AGENT, status)
    reply = extended.invoke(invocation_of())
    assert reply.kind is OutcomeKind.INIT_ERROR
    assert reply.error is not None
    assert reply.error.type == "Extension.Crash"
    assert "the extension agent ended: exit status" in reply.error.message


def test_a_crash_during_an_event_fails_it(
    extended: Place, agent: Agent, threads: ThreadPoolExecutor
) -> None:
    agent.register("INVOKE")
    agent.ask_next()
    runtime = Runtime(extended.carrier)
    replying = begin(threads, extended, "a")
    runtime.next()
    extended.carrier.exit(AGENT, "signalled=11")
    reply = end(replying)
    assert reply.kind is OutcomeKind.FUNCTION_ERROR
    assert reply.error is not None
    assert reply.error.type == "Extension.Crash"
    assert not extended.environment.alive
    runtime.close()


def test_a_crash_between_events_needs_a_fresh_environment(
    extended: Place, agent: Agent, threads: ThreadPoolExecutor
) -> None:
    agent.register("INVOKE")
    agent.ask_next()
    runtime = Runtime(extended.carrier)
    replying = begin(threads, extended, "a")
    runtime.next()
    runtime.call("POST", "/invocation/a/response", b"1")
    end(replying)
    extended.carrier.exit(AGENT, "exited=3")
    reply = extended.invoke(invocation_of("b"))
    assert reply.kind is OutcomeKind.HARNESS_FAILURE
    assert "Extension.Crash" in reply.detail
    runtime.close()


def test_an_extension_for_another_machine_is_an_init_error(extended: Place) -> None:
    started(extended, 1)
    extended.carrier.exit(AGENT, "failed=8")
    reply = extended.invoke(invocation_of())
    assert reply.kind is OutcomeKind.INIT_ERROR
    assert reply.error is not None
    assert reply.error.type == "Extension.LaunchError"
    assert reply.error.message == "/opt/extensions/agent could not be started: exec format error"


@pytest.mark.parametrize("path", ["init/error", "exit/error"])
def test_a_reported_error_ends_the_environment(extended: Place, agent: Agent, path: str) -> None:
    agent.register()
    body = json.dumps({"errorType": "x", "errorMessage": "no licence"}).encode()
    assert agent.call_as("POST", f"{API}/{path}", body) == 403, "without a type in the header"
    header = {"Lambda_Extension_Function_Error_Type": "Agent.NoLicence"}
    assert agent.call_as("POST", f"{API}/{path}", body, **header) == 202
    reply = extended.invoke(invocation_of())
    assert reply.kind is OutcomeKind.INIT_ERROR
    assert reply.error is not None
    assert reply.error.type == "Agent.NoLicence"
    assert "no licence" in reply.error.message


def test_an_extension_that_never_registers_holds_the_initialisation_up(open_place: Open) -> None:
    place = open_place(
        carrier=FakeCarrier(extensions=["agent"]),
        version=version_of(timeout_s=0.1),
        init_timeout_s=0.1,
    )
    reply = place.invoke(invocation_of())
    assert reply.kind is OutcomeKind.TIMEOUT
    assert RUNTIME not in [process for process, _ in place.carrier.started]


def test_an_extension_is_told_of_the_end_and_may_finish(
    extended: Place, agent: Agent, threads: ThreadPoolExecutor
) -> None:
    agent.register("INVOKE", "SHUTDOWN")
    agent.ask_next()
    runtime = Runtime(extended.carrier)
    replying = begin(threads, extended, "a")
    runtime.next()
    runtime.call("POST", "/invocation/a/response", b"1")
    end(replying)
    agent.event()
    agent.ask_next()
    closing = threads.submit(extended.environment.close)
    told = agent.event()
    assert (told["eventType"], told["shutdownReason"]) == ("SHUTDOWN", "spindown")
    assert not closing.done()
    extended.carrier.exit(AGENT, "exited=0")
    closing.result(timeout=1.5)
    runtime.close()


def test_a_subscription_to_telemetry_is_accepted_and_not_waited_for(
    extended: Place, agent: Agent, threads: ThreadPoolExecutor
) -> None:
    agent.register("INVOKE")
    body = b'{"schemaVersion": "2022-12-13", "types": ["platform"], "destination": {}}'
    assert agent.call_as("PUT", "/2022-07-01/telemetry", body) == 200
    agent.ask_next()
    runtime = Runtime(extended.carrier)
    for name in ("a", "b"):  # the extension waits for news of the first one for ever
        replying = begin(threads, extended, name)
        runtime.next()
        runtime.call("POST", f"/invocation/{name}/response", b"1")
        assert end(replying).kind is OutcomeKind.RESPONSE
    runtime.close()


def test_what_is_not_allowed_is_refused_as_aws_does(extended: Place, agent: Agent) -> None:
    assert agent.call("GET", f"{API}/event/next") == 403, "no identifier"
    assert agent.call("GET", f"{API}/event/next", Lambda_Extension_Identifier="x") == 403
    assert agent.call("POST", f"{API}/register", b"{}") == 403, "no name"
    assert agent.call("POST", f"{API}/register", b"[", Lambda_Extension_Name="agent") == 403
    assert agent.register("NIGHT") == 403
    assert agent.register("SHUTDOWN", name="inner") == 403, "internal extensions cannot"
    assert agent.call("GET", f"{API}/elsewhere") == 404
    assert agent.call("GET", f"{API}/register", Lambda_Extension_Name="agent") == 404
    assert agent.register("INVOKE") == 200
    assert agent.register("INVOKE") == 403, "twice"


def test_internal_extensions_register_until_the_runtime_is_initialised(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    inner = Agent(place.carrier)
    for number in range(10):
        assert inner.register("INVOKE", name=f"inner-{number}") == 200
    assert inner.register("INVOKE", name="inner-10") == 403, "too many"
    inner.close()


def test_registration_closes_with_the_initialisation(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    late = Agent(place.carrier)
    assert late.register("INVOKE", name="late") == 403
    runtime.call("POST", "/invocation/a/response", b"1")
    assert end(replying).kind is OutcomeKind.RESPONSE
    late.close()
