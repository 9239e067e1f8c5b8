"""Extensions of layers in real containers: what they are told, and every way in which one fails."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.model.replay import OutcomeKind

pytestmark = pytest.mark.docker

EXTENSION = (Path(__file__).parents[1] / "assets" / "layer_extension.py").read_text()
CODE = """
import json, time
from pathlib import Path

SEEN = Path("/tmp/seen.jsonl")
AT_IMPORT = SEEN.exists()

def seen():
    return [json.loads(line) for line in SEEN.read_text().splitlines()] if SEEN.exists() else []

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    deadline = time.monotonic() + 5
    while len(seen()) < event.get("lines", 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    return {"at_import": AT_IMPORT, "seen": seen(), "request_id": context.aws_request_id}
"""
FOR_ARM64 = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
    "<HHIQQQIHHHHHH", 2, 183, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0
)


@pytest.fixture
def extended(start: Any, store: Any) -> Any:
    """Start a version with extensions, given by name; ``mode`` is that of their files."""

    def begin(*names: str, content: Any = EXTENSION, mode: int = 0o755, **changes: Any) -> Any:
        engine = changes.pop("engine", None)
        files = {f"extensions/{name}": content for name in names}
        version = store.version(CODE, layers=(store.layer("extensions", files, mode=mode),))
        version = version if not changes else store.version(CODE, layers=version.layers, **changes)
        return start(version) if engine is None else start(version, engine)

    return begin


def test_extension_starts_before_the_runtime_and_is_told_of_every_event(extended, answer):
    environment = extended("slow", timeout_s=9.0)

    first = answer(environment, "call", lines=2)
    second = answer(environment, "call", lines=3)

    assert first["at_import"]
    registered, *events = second["seen"]
    assert registered["registered"] == 200
    assert registered["directory"] == "/"
    assert registered["answer"] == {
        "functionName": "orders",
        "functionVersion": "4",
        "handler": "app.handler",
        "accountId": "123456789012",
    }
    assert [each["status"] for each in events] == [200, 200]
    assert all(each["has_id"] for each in events)
    told = events[1]["event"]
    assert told["eventType"] == "INVOKE"
    assert told["requestId"] == second["request_id"] != first["request_id"]
    assert told["invokedFunctionArn"] == "arn:aws:lambda:us-east-1:123456789012:function:orders:4"
    assert 0 < told["deadlineMs"] / 1000 - time.time() <= 9
    assert told["tracing"]["type"] == "X-Amzn-Trace-Id"


def test_several_extensions_and_their_logs(extended, answer, ask):
    environment = extended("first", "second.sh", "telemetry")

    seen = answer(environment, "call", lines=7)["seen"]

    assert {each["extension"] for each in seen} == {"first", "second.sh", "telemetry"}
    subscribed = next(each for each in seen if "subscribed" in each)
    assert (subscribed["subscribed"], subscribed["answer"].strip()) == (200, '"OK"')
    assert sum("event" in each for each in seen) == 3


def test_name_that_is_no_file_may_not_ask_for_the_end(extended, answer):
    seen = answer(extended("wrong"), "call", lines=2)["seen"]

    status, text = seen[0]["refused"]
    assert (status, json.loads(text)["errorType"]) == (403, "Extension.InvalidEventType")
    assert seen[0]["registered"] == 200


def test_renewed_environment_starts_its_extensions_again(extended, answer):
    environment = extended("first")
    before = answer(environment, "call", lines=2)["seen"]

    assert environment.renew()
    after = answer(environment, "call", lines=2)["seen"]

    assert [sorted(each) for each in after] == [sorted(each) for each in before]
    assert len(after) == 2


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("crash_at_start", "Extension.Crash", "ended: exit status 7"),
        ("crash_after_registering", "Extension.Crash", "ended: exit status 7"),
        ("init_error", "Extension.NoLicence", "no licence"),
    ],
)
def test_extension_that_fails_while_it_starts_fails_the_initialisation(
    extended, ask, name, error, message
):
    environment = extended(name)

    outcome = ask(environment)

    assert outcome.kind is OutcomeKind.INIT_ERROR, outcome
    assert outcome.error.type == error
    assert name in outcome.error.message
    assert message in outcome.error.message
    assert f"extension {name} starts" in outcome.logs
    assert not environment.alive


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("crash_with_an_event", "Extension.Crash", "ended: exit status 7"),
        ("exit_error", "Extension.NoLicence", "no licence"),
    ],
)
def test_extension_that_fails_while_an_event_runs_fails_the_event(
    extended, ask, name, error, message
):
    environment = extended(name)

    outcome = ask(environment, seconds=3)

    assert outcome.kind is OutcomeKind.FUNCTION_ERROR, outcome
    assert outcome.error.type == error
    assert name in outcome.error.message
    assert message in outcome.error.message
    assert not environment.alive


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (FOR_ARM64, 0o755, "exec format error"),
        (EXTENSION, 0o644, "permission denied"),
        ("#!/usr/bin/no-such-program\n", 0o755, "no such file or directory"),
    ],
    ids=["other-machine", "not-executable", "no-interpreter"],
)
def test_extension_that_cannot_be_executed(extended, ask, content, mode, why):
    environment = extended("agent", content=content, mode=mode)

    outcome = ask(environment)

    assert outcome.kind is OutcomeKind.INIT_ERROR, outcome
    assert outcome.error.type == "Extension.LaunchError"
    assert outcome.error.message == f"/opt/extensions/agent could not be started: {why}"


def test_extension_that_never_registers_uses_up_the_initialisation(extended, new_engine, ask):
    engine = new_engine(init_timeout_s=1.0)
    environment = extended("never_registers", engine=engine, timeout_s=1.0)

    outcome = ask(environment)

    assert outcome.kind is OutcomeKind.TIMEOUT
    assert outcome.detail == "did not finish its initialisation within 2 s"


# --- initialisation that lasts longer than ten seconds --------------------------------------

SLOW_AT_FIRST = """
import time
from pathlib import Path
print("initialising", flush=True)
time.sleep({seconds})
def handler(event, context):
    return context.get_remaining_time_in_millis()
"""


def test_initialisation_that_is_late_begins_again_within_the_functions_timeout(
    new_engine, start, ask, store
):
    engine = new_engine(init_timeout_s=1.0)
    environment = start(store.version(SLOW_AT_FIRST.format(seconds=2), timeout_s=8.0), engine)

    outcome = ask(environment)

    assert outcome.kind is OutcomeKind.RESPONSE, outcome
    assert outcome.cold
    # The second initialisation is a part of the first event.
    assert 0 < json.loads(outcome.payload) < 6_000


def test_initialisation_that_is_late_twice_times_out(new_engine, start, ask, store):
    engine = new_engine(init_timeout_s=1.0)
    environment = start(store.version(SLOW_AT_FIRST.format(seconds=30), timeout_s=2.0), engine)

    outcome = ask(environment)

    assert outcome.kind is OutcomeKind.TIMEOUT
    assert outcome.detail == "did not finish its initialisation within 3 s"
    assert not environment.alive


# --- a whole run ----------------------------------------------------------------------------


def test_layer_with_an_extension_for_another_machine_is_a_finding(tmp_path):
    (tmp_path / "lambda-rollback.toml").write_text(
        """
[functions.orders]
current = "2"
targets = ["1"]
events = "events"
[functions.orders.versions.2]
code = "code"
handler = "app.handler"
runtime = "python3.11"
[functions.orders.versions.1]
code = "code"
layers = ["agent"]
handler = "app.handler"
runtime = "python3.11"
"""
    )
    for name, content in {
        "code/app.py": b"def handler(event, context): return 1\n",
        "agent/extensions/agent": FOR_ARM64,
        "events/order.json": b"{}",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "agent/extensions/agent").chmod(0o755)

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--lambda-rollback", "-p", "no:cacheprovider"),
            *("--lambda-rollback-engine=docker", "--lambda-rollback-strategy=alias"),
            "--lambda-rollback-base-image=python3.11=lambda-rollback-standin:python3.11",
        ],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "Extension.LaunchError" in done.stdout
    assert "/opt/extensions/agent could not be started: exec format error" in done.stdout
