"""The recorder in a function: it writes events to the log, and changes nothing else."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import inspect
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_lambda_rollback.recording.recorder import MEMBER, layer_zip, recorder_source

CONTEXT = SimpleNamespace(
    function_name="orders", function_version="4", aws_request_id="c6af9ac6-7b61-11e6"
)


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The file as it lies beside a function's code."""
    for name in ("SAMPLE", "HANDLER", "MAX_BYTES", "PER_MINUTE", "REDACT"):
        monkeypatch.delenv(f"LAMBDA_ROLLBACK_{name}", raising=False)
    path = tmp_path / "lambda_rollback_recorder.py"
    path.write_bytes(recorder_source())
    spec = importlib.util.spec_from_file_location("lambda_rollback_recorder", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def event_of(found: list[dict[str, Any]]) -> Any:
    assert [line["part"] for line in found] == [[n + 1, len(found)] for n in range(len(found))]
    return json.loads("".join(line["event"] for line in found))


def test_one_line_an_event(recorder: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    @recorder.record(sample=1)
    def handler(event: Any, context: Any) -> Any:
        return event["order"]

    event = {"order": "Jürgen 日本", "price": 1.5}
    assert handler(event, CONTEXT) is event["order"]
    (line,) = lines(capsys)
    assert line.pop("time")[-1] == "Z"
    assert json.loads(line.pop("event")) == event
    assert line == {
        "lambda_rollback_record": 1, "function": "orders", "version": "4",
        "request_id": "c6af9ac6-7b61-11e6", "part": [1, 1],
    }  # fmt: skip


def test_event_is_recorded_before_the_handler_changes_it(
    recorder: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    @recorder.record(sample=1)
    def handler(event: Any, context: Any) -> None:
        event.clear()
        raise KeyError("order")

    event = {"a": 1}
    with pytest.raises(KeyError, match="order"):
        handler(event, CONTEXT)
    assert event == {}
    assert event_of(lines(capsys)) == {"a": 1}


def test_large_event_comes_in_parts(
    recorder: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_ROLLBACK_MAX_BYTES", "1000000")
    event = {"body": json.dumps({"a": ['"\\é'] * 30_000})}
    recorder.record(lambda event, context: None, sample=1)(event, CONTEXT)
    out = capsys.readouterr().out
    assert all(len(line.encode()) <= 200_000 for line in out.splitlines())
    found = [json.loads(line) for line in out.splitlines()]
    assert len(found) > 1
    assert event_of(found) == event


def test_too_large_event_is_named_and_left_out(
    recorder: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = recorder.record(lambda event, context: "answer", sample=1)
    assert handler({"body": "x" * 200_001}, CONTEXT) == "answer"
    assert handler({"body": ["é"] * 40_000}, CONTEXT) == "answer"
    found = lines(capsys)
    assert len(found) == 2
    assert all("larger than" in line["lambda_rollback_note"] for line in found)


def test_sample_of_none_and_of_some(
    recorder: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    none = recorder.record(lambda event, context: None, sample=0)
    for _ in range(100):
        none({}, CONTEXT)
    assert lines(capsys) == []
    draws = iter((0.2, 0.009, 0.5, 0.001))
    monkeypatch.setattr(recorder, "_chance", lambda: next(draws))
    default = recorder.record(lambda event, context: None)
    for number in range(4):
        default({"n": number}, CONTEXT)
    assert [json.loads(line["event"])["n"] for line in lines(capsys)] == [1, 3]


def test_environment_says_otherwise(
    recorder: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_ROLLBACK_SAMPLE", "1")
    recorder.record(sample=0)(lambda event, context: None)({}, CONTEXT)
    assert len(lines(capsys)) == 1
    monkeypatch.setenv("LAMBDA_ROLLBACK_SAMPLE", "many")
    recorder.record(sample=0)(lambda event, context: None)({}, CONTEXT)
    assert [list(line) for line in lines(capsys)] == [["lambda_rollback_note"]]


def test_bounded_rate(
    recorder: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setenv("LAMBDA_ROLLBACK_PER_MINUTE", "3")
    monkeypatch.setattr(recorder.time, "monotonic", lambda: clock.now)
    handler = recorder.record(lambda event, context: None, sample=1)
    for _ in range(10):
        handler({}, CONTEXT)
    assert len(lines(capsys)) == 3
    clock.now = 61.0
    handler({}, CONTEXT)
    assert len(lines(capsys)) == 1


def test_redaction_in_the_function(
    recorder: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_ROLLBACK_REDACT", "Pass*, *token,email")
    event = {
        "passport": {"number": 17, "name": "Ann", "ok": True, "none": None},
        "body": json.dumps({"items": [{"AccessToken": "abc", "sku": "A"}]}),
        "Email": ["ann@shop.com", ""],
    }
    before = json.dumps(event)
    recorder.record(lambda event, context: None, sample=1)(event, CONTEXT)
    assert json.dumps(event) == before
    assert event_of(lines(capsys)) == {
        "passport": {"number": 0, "name": "REDACTED", "ok": True, "none": None},
        "body": '{"items":[{"AccessToken":"REDACTED","sku":"A"}]}',
        "Email": ["REDACTED", ""],
    }


class Unwritable:
    """Standard output that is gone."""

    def write(self, text: str) -> int:
        raise OSError("gone")

    def flush(self) -> None:
        raise OSError("gone")


@pytest.mark.parametrize(
    "event", [{1, 2}, {"a": {1}}, {"a": float("nan")}, {"a": b"x"}, None, [], 7]
)
def test_nothing_in_an_event_makes_it_fail(
    recorder: ModuleType, capsys: pytest.CaptureFixture[str], event: object
) -> None:
    assert recorder.record(lambda event, context: (event, context), sample=1)(event, None) == (
        event, None,
    )  # fmt: skip
    assert len(lines(capsys)) == 1


def test_event_within_itself(recorder: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    event: dict[str, Any] = {}
    event["self"] = event
    assert recorder.record(lambda event, context: 1, sample=1)(event, CONTEXT) == 1
    assert "lambda_rollback_note" in lines(capsys)[0]


def test_log_that_is_gone(recorder: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Unwritable())
    assert recorder.record(lambda event, context: 1, sample=1)({}, CONTEXT) == 1


def test_callables_of_every_kind(recorder: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    class Orders:
        @recorder.record(sample=1)
        def handle(self, event: Any, context: Any) -> Any:
            return self, event, context

        def __call__(self, event: Any, context: Any) -> Any:
            return event

    @recorder.record(sample=1)
    async def coroutine(event: Any, context: Any) -> Any:
        """Awaits."""
        return event

    @recorder.record(sample=1)
    def generator(event: Any, context: Any) -> Any:
        yield event

    orders, event = Orders(), {"a": 1}
    assert orders.handle(event, CONTEXT) == (orders, event, CONTEXT)
    assert recorder.record(orders, sample=1)(event, CONTEXT) is event
    assert inspect.iscoroutinefunction(coroutine)
    assert (coroutine.__name__, coroutine.__doc__) == ("coroutine", "Awaits.")
    assert asyncio.run(coroutine(event, CONTEXT)) is event
    assert list(generator(event, context=CONTEXT)) == [event]
    assert orders.handle(event=event, context=CONTEXT)[1] is event
    found = lines(capsys)
    assert len(found) == 5
    assert all(json.loads(line["event"]) == event for line in found)


def test_interrupt_is_the_functions_own(
    recorder: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(recorder.json, "dumps", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recorder.record(lambda event, context: 1, sample=1)({}, CONTEXT)


def test_random_numbers_of_the_function_are_its_own(recorder: ModuleType) -> None:
    recorder.random.seed(1)
    expected = recorder.random.random()
    recorder.random.seed(1)
    recorder.record(lambda event, context: None)({}, CONTEXT)
    assert recorder.random.random() == expected


# --- as a layer -----------------------------------------------------------------------------


def test_layer_is_one_file_and_always_the_same() -> None:
    packed = layer_zip()
    assert packed == layer_zip()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == [MEMBER]
        assert archive.read(MEMBER) == recorder_source()
        assert archive.getinfo(MEMBER).external_attr >> 16 == 0o100644


def run(folder: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{folder / 'python'}", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("handler", ["app.handler", "nested/app.handler", "nested.app.handler"])
def test_handler_by_layer_and_variable(tmp_path: Path, handler: str) -> None:
    with zipfile.ZipFile(io.BytesIO(layer_zip())) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "nested").mkdir()
    for folder in (tmp_path, tmp_path / "nested"):
        (folder / "app.py").write_text("def handler(event, context):\n    return {'got': event}\n")
    code = "import lambda_rollback_recorder as r; print(getattr(r, 'handler')({'a': 1}, None))"
    done = run(tmp_path, code, LAMBDA_ROLLBACK_HANDLER=handler, LAMBDA_ROLLBACK_SAMPLE="1")
    record, answer = done.stdout.splitlines()
    assert json.loads(json.loads(record)["event"]) == {"a": 1}
    assert answer == "{'got': {'a': 1}}"


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({}, "RuntimeError: LAMBDA_ROLLBACK_HANDLER must name"),
        (
            {"LAMBDA_ROLLBACK_HANDLER": "gone.handler"},
            "ModuleNotFoundError: No module named 'gone'",
        ),
        ({"LAMBDA_ROLLBACK_HANDLER": "json.gone"}, "AttributeError: module 'json'"),
    ],
)
def test_mistakes_of_the_layer_fail_at_initialisation(
    tmp_path: Path, variables: dict[str, str], error: str
) -> None:
    (tmp_path / "lambda_rollback_recorder.py").write_bytes(recorder_source())
    done = run(tmp_path, "import lambda_rollback_recorder as r; r.handler", **variables)
    assert done.returncode == 1
    assert error in done.stderr


def test_it_needs_the_standard_library_of_python_3_8_alone() -> None:
    tree = ast.parse(recorder_source(), feature_version=(3, 8))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= set(sys.stdlib_module_names)
    assert "annotations" in {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        for alias in node.names
    }
