"""`lambda-rollback record` of functions that are not in AWS, as the console script runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_lambda_rollback.cli import main
from pytest_lambda_rollback.recording.origins.registry import BUILT_IN

Record = Callable[..., tuple[int, str, str]]

LOCAL = """
[functions.orders]
current = "2"
targets = ["1"]
{events}
[functions.orders.versions.1]
code = "code"
runtime = "python3.13"
handler = "app.handler"
[functions.orders.versions.2]
code = "code"
runtime = "python3.13"
handler = "app.handler"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with code and raw events, and no fixture."""
    monkeypatch.setenv("LAMBDA_ROLLBACK_PSEUDONYM_KEY", "k" * 32)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("def handler(event, context):\n    return event\n")
    (tmp_path / "raw").mkdir()
    event = {"action": "create", "mail": "ann.lee@shop.com"}
    (tmp_path / "raw" / "one.json").write_text(json.dumps(event))
    return tmp_path


@pytest.fixture
def record(project: Path, capsys: pytest.CaptureFixture[str]) -> Record:
    """Run ``lambda-rollback record`` in the project: exit code, standard output and error."""

    def run(*arguments: str, events: str = "") -> tuple[int, str, str]:
        (project / "lambda-rollback.toml").write_text(LOCAL.format(events=events))
        code = main(["record", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.mark.parametrize(
    ("events", "folder"),
    [
        ("", "events/orders"),
        ('events = "fixtures"', "fixtures"),
        ('events = "a/b/c"', "a/b/c"),
    ],
    ids=["no key", "no folder", "no parent"],
)
def test_the_first_recording_creates_the_folder_of_fixtures(
    project: Path, record: Record, events: str, folder: str
) -> None:
    code, out, err = record("orders", "--from", "folder=raw", events=events)
    assert code == 0, err
    assert f"orders: 1 fixture written to {folder}, 1 new shape in 1 event" in out
    (fixture,) = (project / folder).glob("*.json")
    assert json.loads(fixture.read_text())["event"]["action"] == "create"
    assert "ann.lee" not in fixture.read_text()
    hint = 'next    add events = "events/orders" to functions.orders in lambda-rollback.toml'
    assert (hint in out) == (not events)

    code, out, err = record("orders", "--from", "folder=raw", events=events)
    assert code == 0, err
    assert "next " not in out
    assert f"nothing new in 1 event: {folder} has a fixture for every shape" in out


def test_a_first_recording_without_events_creates_nothing(project: Path, record: Record) -> None:
    (project / "raw" / "one.json").unlink()
    code, out, _ = record("orders", "--from", "folder=raw")
    assert code == 1
    assert "orders: no events found. Name another origin with --from" in out
    assert not (project / "events").exists()


def test_there_is_nothing_to_check_before_the_first_recording(record: Record) -> None:
    code, out, _ = record("--check")
    assert code == 1
    assert out == "nothing to check: there are no fixtures\n"


def test_a_folder_named_by_into_needs_no_configured_events(project: Path, record: Record) -> None:
    code, out, err = record("orders", "--from", "folder=raw", "--into", "new")
    assert code == 0, err
    assert "1 fixture written to new" in out
    assert len(list((project / "new").glob("*.json"))) == 1


def test_the_help_names_every_origin(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["record", "--help"])
    shown = "".join(capsys.readouterr().out.split())
    assert [origin.form for origin in BUILT_IN if origin.form not in shown] == []


def test_a_check_goes_on_after_a_file_that_is_no_json(project: Path, record: Record) -> None:
    folder = project / "checked"
    folder.mkdir()
    (folder / "a.json").write_text("{")
    (folder / "b.json").write_text('{"email": "ann.lee@shop.com"}')
    (folder / "c.json").write_text('{"total": 1}')
    code, out, _ = record("--check", "checked")
    assert code == 1
    assert "UNREAD  checked/a.json: it is not valid JSON" in out
    assert "LEAK    checked/b.json /email" in out
    assert "1 value in 2 fixtures may be" in out
    assert "1 file could not be checked" in out
    (folder / "b.json").unlink()
    code, out, _ = record("--check", "checked")
    assert code == 1
    assert "no secrets or personal data found in 1 fixture\n" in out
