"""Lines of the recorder that a function writes because somebody sent them to it as input.

Whoever can make a function print a text of theirs can plant an event. It may be no more than that:
an event among others, redacted and under a name of ours.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_lambda_rollback.model.recorded import RecordedEvent
from pytest_lambda_rollback.recording.log_lines import KEY
from pytest_lambda_rollback.recording.origins.folders import FolderOrigin
from pytest_lambda_rollback.recording.recorder_lines import RecorderLines
from pytest_lambda_rollback.recording.run import RecordOptions, RecordReport, record_function
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules

SECRET = "maria.lopez@contoso-mail.com"


class NoClients:
    def client(self, service: str) -> object:
        raise AssertionError(service)


def recorded(tmp_path: Path, document: object) -> RecordReport:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "forged.json").write_text(json.dumps(document))
    return record_function(
        RecordOptions(
            function="orders",
            into=tmp_path / "events",
            origins=(FolderOrigin(path=tmp_path / "in"),),
        ),
        clients=NoClients(),
        redactor=Redactor(RedactionRules(), b"k" * 32),
    )


@pytest.mark.parametrize("place", ["version", "time", "source"])
@pytest.mark.parametrize("text", [SECRET, f"2026-01-01T00:00:00Z {SECRET}", "x" * 100_000, "\x1b"])
def test_what_is_said_of_an_invocation_is_no_way_past_redaction(
    tmp_path: Path, place: str, text: str
) -> None:
    report = recorded(
        tmp_path, {"lambda_rollback": 1, "recorded": {place: text}, "event": {"a": 1}}
    )
    [name] = report.written
    fixture = json.loads((tmp_path / "events" / name).read_text())
    assert place not in fixture["recorded"] or fixture["recorded"][place] == "unknown"
    assert fixture["event"] == {"a": 1}


def test_what_is_known_of_an_invocation_is_kept(tmp_path: Path) -> None:
    said = {"version": "$LATEST", "time": "2026-05-01T10:00:00.123Z", "source": "cloudwatch"}
    report = recorded(tmp_path, {"lambda_rollback": 1, "recorded": said, "event": {"a": 1}})
    fixture = json.loads((tmp_path / "events" / report.written[0]).read_text())
    assert fixture["recorded"] == {"function": "orders", **said}


@pytest.mark.parametrize(
    "event", [{"../../escape": 1}, {"Records": [{"eventSource": "../../escape"}]}, {"/": "\x00"}]
)
def test_a_forged_event_names_no_file_elsewhere(tmp_path: Path, event: object) -> None:
    report = recorded(tmp_path, event)
    assert report.written
    assert {path.name for path in tmp_path.iterdir()} == {"in", "events"}
    for name in report.written:
        assert (tmp_path / "events" / name).is_file()
        assert "/" not in name


def test_a_forged_line_is_an_event_of_this_function_alone() -> None:
    line = {KEY: 1, "function": "payments", "request_id": "r", "version": "7", "event": '{"a": 1}'}
    [event] = RecorderLines(function="orders").add(line)
    assert isinstance(event, RecordedEvent)
    assert event.function == "orders"
    assert event.event == {"a": 1}
