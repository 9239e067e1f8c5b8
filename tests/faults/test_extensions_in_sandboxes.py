"""Extensions and wrapper scripts of layers in sandboxes, as the docker tests try them in images."""

from __future__ import annotations

import itertools
import json
import platform
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.made_versions import changed
from helpers.sandbox_gate import needed_bubblewrap
from pytest_lambda_rollback.engines.host.interpreters import InterpreterFinder
from pytest_lambda_rollback.engines.sandbox.engine import SandboxEngine
from pytest_lambda_rollback.model.replay import Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, Layer
from pytest_lambda_rollback.packages.artifacts import ArtifactStore

pytestmark = pytest.mark.fault

EXTENSION = (Path(__file__).parents[1] / "assets" / "layer_extension.py").read_bytes()
CODE = """
import json, os, time
from pathlib import Path

SEEN = Path("/tmp/seen.jsonl")

def seen():
    return [json.loads(line) for line in SEEN.read_text().splitlines()] if SEEN.exists() else []

def handler(event, context):
    deadline = time.monotonic() + 5
    while len(seen()) < event.get("lines", 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    return {"seen": seen(), "request_id": context.aws_request_id, "variables": dict(os.environ)}

def other(event, context):
    return "the other handler"
"""
FOR_S390 = b"\x7fELF\x02\x02\x01".ljust(16, b"\0") + struct.pack(
    ">HHIQQQIHHHHHH", 2, 22, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0
)
_numbers = itertools.count(1)


@pytest.fixture
def start(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Callable[..., Any]]:
    """Start an environment of a version with one layer, given by its files and their mode."""
    store = ArtifactStore(tmp_path / "store")
    engine = SandboxEngine(
        bubblewrap=needed_bubblewrap(),
        store_unpack=store.unpack,
        interpreters=InterpreterFinder(
            cache_dir=pytestconfig.rootpath / ".cache" / "process-engine"
        ),
        work_dir=tmp_path / "work",
    )

    def begin(files: dict[str, bytes], mode: int = 0o755, **changes: Any) -> Any:
        code, layer = tmp_path / "code", tmp_path / f"layer-{next(_numbers)}"
        for path, content in (
            (code / "app.py", CODE.encode()),
            *((layer / name, content) for name, content in files.items()),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o644 if path.suffix == ".py" else mode)
        version = FunctionVersion(
            function="orders",
            version="3",
            code=store.load(code, label="code", root_dir="/var/task"),
            layers=(
                Layer(
                    name="agent",
                    version="1",
                    artifact=store.load(layer, label="layer", root_dir="/opt"),
                ),
            ),
            configuration=FunctionConfiguration(
                runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
                architecture={"aarch64": "arm64"}.get(platform.machine(), platform.machine()),
                handler="app.handler",
                timeout_s=20.0,
            ),
        )
        version = changed(version, **changes)
        engine.prepare(version, lambda line: None)
        return engine.start(version)

    yield begin
    engine.close()


def replay(environment: Any, **event: Any) -> Outcome:
    return environment.invoke(
        Invocation(request_id=f"request-{next(_numbers)}", event=json.dumps(event).encode())
    )


def test_extension_is_told_of_every_event_and_starts_again_with_its_environment(start):
    environment = start({"extensions/first": EXTENSION})

    for _ in range(2):
        outcome = replay(environment, lines=2)
        assert outcome.payload is not None, outcome
        answered = json.loads(outcome.payload)
        registered, told = answered["seen"]
        assert (registered["registered"], registered["directory"]) == (200, "/")
        assert told["event"]["eventType"] == "INVOKE"
        assert told["event"]["requestId"] == answered["request_id"]
        assert environment.renew()


@pytest.mark.parametrize(
    ("name", "content", "mode", "error", "message"),
    [
        ("crash_at_start", EXTENSION, 0o755, "Extension.Crash", "ended: exit status 7"),
        ("agent", FOR_S390, 0o755, "Extension.LaunchError", "exec format error"),
        ("agent", EXTENSION, 0o644, "Extension.LaunchError", "permission denied"),
    ],
    ids=["crash", "other-machine", "not-executable"],
)
def test_extension_that_fails_fails_the_initialisation(start, name, content, mode, error, message):
    outcome = replay(start({f"extensions/{name}": content}, mode))

    assert outcome.kind is OutcomeKind.INIT_ERROR, outcome
    assert outcome.error.type == error
    assert message in outcome.error.message


def wrapped(name: str) -> dict[str, Any]:
    return {"environment": (("AWS_LAMBDA_EXEC_WRAPPER", f"/opt/{name}"),)}


def test_wrapper_may_change_the_handler(start):
    script = b'#!/bin/sh\nexport _HANDLER=app.other\nexec "$@"\n'

    outcome = replay(start({"wrapper": script}, **wrapped("wrapper")))

    assert outcome.payload == b'"the other handler"'


@pytest.mark.parametrize(
    ("name", "mode", "status", "log"),
    [
        ("missing", 0o755, 127, "/opt/missing: does not exist"),
        ("wrapper", 0o644, 126, "/opt/wrapper: is not an executable"),
    ],
)
def test_wrapper_that_cannot_run_ends_the_initialisation(start, name, mode, status, log):
    outcome = replay(start({"wrapper": b"#!/bin/sh\n"}, mode, **wrapped(name)))

    assert outcome.kind is not OutcomeKind.RESPONSE
    assert outcome.detail == f"the runtime exited with status {status} during the initialisation"
    assert outcome.logs == (log,)
