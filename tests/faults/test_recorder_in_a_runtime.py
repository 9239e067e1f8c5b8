"""The recorder in a real runtime: what it logs comes back as the very events, in both log formats.

Lambda's text format has lines of its own around an invocation; in its JSON format those are JSON
objects, AWS's client writes the records of Python's logging as such, and a line on standard output
that is a JSON object goes to the log as it is ("Log formats" in Lambda's developer guide).
"""

from __future__ import annotations

import json
import platform
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.engines.host.interpreters import InterpreterFinder
from pytest_lambda_rollback.engines.process.engine import ProcessEngine
from pytest_lambda_rollback.model.downstream import HttpExchange
from pytest_lambda_rollback.model.recorded import LogLine, RecordedEvent
from pytest_lambda_rollback.model.replay import Invocation, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, Layer
from pytest_lambda_rollback.packages.artifacts import ArtifactStore
from pytest_lambda_rollback.recording.log_events import events
from pytest_lambda_rollback.recording.recorder import HANDLER, layer_zip, recorder_source
from pytest_lambda_rollback.sources import downstream_files

pytestmark = pytest.mark.fault

STREAM = "2026/11/23/[3]0f1e2d3c4b5a69788796a5b4c3d2e1f0"
EVENTS: tuple[Any, ...] = (
    {"Records": [{"eventSource": "aws:sqs", "body": json.dumps({"kind": "paid", "n": 1.5})}]},
    {"note": 'Jürgen 日本 "quoted" \u2028 and a line\nbreak', "amount": 1, "empty": None},
    {"order": {"lines": [{"sku": f"sku-{n}", "text": "é" * 40} for n in range(700)]}},
    {"level": "INFO", "message": "an event that looks like a log record"},
    ["a", "list"],
)
"""The third is written in several parts."""
BODY = """
import logging, os

log_file = os.open(os.environ["LOG_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.dup2(log_file, 1)
os.dup2(log_file, 2)

log = logging.getLogger()
log.setLevel("INFO")

def handler(event, context):
    print("working on it")
    print('{"not": "the event", "level": "INFO", "message": "but the function\\'s own"}')
    log.info("received %s", {"some": "thing"})
    log.info({"other": "thing"})
    return {"seen": len(str(event))}
"""
CALLING = BODY.replace("import logging, os", "import http.client, logging, os").replace(
    '    return {"seen"',
    """    connection = http.client.HTTPConnection(os.environ["API"], timeout=10)
    connection.request("POST", "/seen", body=str(len(str(event))))
    assert connection.getresponse().read() == b"thanks"
    connection.close()
    return {"seen\"""",
)
DECORATED = "from lambda_rollback_recorder import record\n" + BODY.replace(
    "def handler", "@record(sample=1)\ndef handler"
)


@pytest.fixture
def engine(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[ProcessEngine]:
    finder = InterpreterFinder(cache_dir=pytestconfig.rootpath / ".cache" / "process-engine")
    engine = ProcessEngine(
        store_unpack=ArtifactStore(tmp_path / "store").unpack,
        interpreters=finder,
        work_dir=tmp_path / "work",
    )
    yield engine
    engine.close()


class Api(BaseHTTPRequestHandler):
    """Thanks for everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"thanks")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def api() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def version_of(
    tmp_path: Path, *, layered: bool, body: str = BODY, **environment: str
) -> FunctionVersion:
    store = ArtifactStore(tmp_path / "store")
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "app.py").write_text(body if layered else DECORATED)
    layers: tuple[Layer, ...] = ()
    if layered:
        packed = tmp_path / "recorder.zip"
        packed.write_bytes(layer_zip())
        artifact = store.load(packed, label="layer", root_dir="/opt")
        layers = (Layer(name="recorder", version="1", artifact=artifact),)
        environment |= {"LAMBDA_ROLLBACK_HANDLER": "app.handler", "LAMBDA_ROLLBACK_SAMPLE": "1"}
    else:
        (folder / "lambda_rollback_recorder.py").write_bytes(recorder_source())
    return FunctionVersion(
        function="orders",
        version="3",
        code=store.load(folder, label="code", root_dir="/var/task"),
        layers=layers,
        configuration=FunctionConfiguration(
            runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
            architecture={"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()],
            handler=HANDLER if layered else "app.handler",
            timeout_s=20,
            environment=(*environment.items(), ("LOG_FILE", str(tmp_path / "work" / "log"))),
        ),
    )


def logged(engine: ProcessEngine, version: FunctionVersion, work: Path) -> list[list[str]]:
    """The lines on the runtime's standard output, of each event."""
    found, begin = [], 0
    environment = engine.start(version)
    try:
        for number, event in enumerate(EVENTS):
            invocation = Invocation(request_id=request(number), event=json.dumps(event).encode())
            outcome = environment.invoke(invocation)
            assert outcome.kind is OutcomeKind.RESPONSE, outcome.detail
            assert json.loads(outcome.payload or b"") == {"seen": len(str(event))}
            (log,) = work.rglob("log")
            text = log.read_bytes()[begin:].decode()
            begin += len(text.encode())
            # The client joins the lines of one record by carriage returns.
            found.append([line for line in text.split("\n") if line])
    finally:
        environment.close()
    return found


def request(number: int) -> str:
    return f"8f5d7f2e-94d5-4a4e-8a0f-{number:012d}"


def around(number: int, lines: list[str], *, as_json: bool) -> Iterator[str]:
    """The lines of one invocation as CloudWatch Logs holds them."""
    if not as_json:
        yield f"START RequestId: {request(number)} Version: 3"
        yield from lines
        yield f"END RequestId: {request(number)}"
        yield f"REPORT RequestId: {request(number)}\tDuration: 3.41 ms\tBilled Duration: 4 ms"
        return
    for kind, record in (
        ("platform.start", {"requestId": request(number), "version": "3"}),
        (None, {}),
        ("platform.report", {"requestId": request(number), "metrics": {"durationMs": 3.4}}),
    ):
        if kind is None:
            yield from lines
        else:
            yield json.dumps({"time": "2026-11-23T09:00:00.123Z", "type": kind, "record": record})


@pytest.mark.parametrize("layered", [False, True], ids=["decorator", "layer"])
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_what_the_recorder_logs_comes_back_as_the_events(
    engine: ProcessEngine, tmp_path: Path, as_json: bool, layered: bool
) -> None:
    formats = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"} if as_json else {}
    version = version_of(tmp_path, layered=layered, **formats)
    by_event = logged(engine, version, tmp_path / "work")
    parts = [sum("lambda_rollback_record" in line for line in lines) for lines in by_event]
    assert parts == [1, 1, 3, 1, 1]
    if as_json:
        # AWS's client has understood the format, so that this test is about it.
        assert any(json.loads(line).get("requestId") == request(0)
                   for line in by_event[0] if line.startswith("{"))  # fmt: skip
    texts = [
        text
        for number, lines in enumerate(by_event)
        for text in around(number, lines, as_json=as_json)
    ]
    lines = (
        LogLine(stream=STREAM, time_ms=1_795_424_400_000 + number, text=text)
        for number, text in enumerate(texts)
    )
    found = list(events(lines, function="orders"))
    assert [each for each in found if not isinstance(each, RecordedEvent)] == []
    assert [each.event for each in found if isinstance(each, RecordedEvent)] == list(EVENTS)
    assert {(each.source, each.version) for each in found if isinstance(each, RecordedEvent)} == {
        ("recorder", "3")
    }


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_answers_of_services_come_back_with_their_events(
    engine: ProcessEngine, tmp_path: Path, api: str, as_json: bool
) -> None:
    formats = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"} if as_json else {}
    variables = {"LAMBDA_ROLLBACK_DOWNSTREAM": "1", "API": api, **formats}
    version = version_of(tmp_path, layered=True, body=CALLING, **variables)
    by_event = logged(engine, version, tmp_path / "work")
    texts = [
        text
        for number, lines in enumerate(by_event)
        for text in around(number, lines, as_json=as_json)
    ]
    lines = (LogLine(stream=STREAM, time_ms=n, text=text) for n, text in enumerate(texts))
    found = list(events(lines, function="orders"))
    assert [each.event for each in found if isinstance(each, RecordedEvent)] == list(EVENTS)
    for event, each in zip(EVENTS, found, strict=True):
        assert isinstance(each, RecordedEvent)
        [exchange] = downstream_files.read(each.downstream, "x")
        assert isinstance(exchange, HttpExchange)
        assert (exchange.method, exchange.url) == ("POST", f"http://{api}/seen")
        assert exchange.request_body == str(len(str(event))).encode()
        assert (exchange.status, exchange.body) == (200, b"thanks")


def test_parts_of_concurrent_environments_are_told_apart(
    engine: ProcessEngine, tmp_path: Path
) -> None:
    by_event = logged(engine, version_of(tmp_path, layered=False), tmp_path / "work")
    large = by_event[2]
    other = [line.replace(request(2), request(7)) for line in large]
    mixed = [
        LogLine(stream=f"{STREAM}{number % 2}", time_ms=number, text=text)
        for number, text in enumerate(text for pair in zip(large, other, strict=True)
                                      for text in pair)
    ]  # fmt: skip
    found = [each for each in events(mixed, function="orders") if isinstance(each, RecordedEvent)]
    assert [each.event for each in found] == [EVENTS[2], EVENTS[2]]
