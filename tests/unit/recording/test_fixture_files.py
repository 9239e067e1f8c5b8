"""Fixture files: added under new names, never overwritten, removed only if they are ours."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.recorded import RecordedEvent
from pytest_lambda_rollback.recording import json_text
from pytest_lambda_rollback.recording.fixture_files import LEDGER, FixtureFolder
from pytest_lambda_rollback.sources import events


def event(value: Any = None, **more: Any) -> RecordedEvent:
    return RecordedEvent(event=value or {"order": 7}, source="sqs", function="orders", **more)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_fixture_is_an_envelope_that_replays_the_very_event(tmp_path: Path) -> None:
    folder = FixtureFolder.open(tmp_path / "events" / "orders")
    recorded = event(
        json_text.parse('{"price": 1.10, "name": "Zoë \\ud83d\\ude00", "half": "\\ud800"}'),
        version="4",
        time="2026-11-23T09:00:00Z",
        origin="secret",
        client_context={"client": {"app": 1}},
        identity={"cognitoIdentityId": "i", "other": 1},
    )
    name = folder.add(recorded, name="sqs-order-created")
    assert name == "sqs-order-created.json"
    path = tmp_path / "events" / "orders" / name
    fixture = events.load(path, name="x")
    assert fixture.payload.decode() == '{"price":1.10,"name":"Zoë 😀","half":"\\ud800"}'
    assert dict(fixture.recorded) == {
        "function": "orders", "version": "4", "time": "2026-11-23T09:00:00Z", "source": "sqs",
    }  # fmt: skip
    assert fixture.client_context == '{"client":{"app":1}}'
    assert fixture.cognito_identity == '{"cognitoIdentityId":"i"}'
    assert "secret" not in path.read_text()


def test_a_name_that_is_taken_gets_a_number_and_its_file_stays(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "B.json").write_text("{}")
    folder = FixtureFolder.open(tmp_path)
    (tmp_path / "c.json").write_text("{}")  # somebody else, meanwhile
    names = [folder.add(event(), name=name) for name in ("a", "a", "b", "c")]
    assert names == ["a-2.json", "a-3.json", "b-2.json", "c-2.json"]
    assert [(tmp_path / name).read_text() for name in ("a.json", "B.json", "c.json")] == ["{}"] * 3


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../etc/passwd", "etc-passwd.json"),
        ("POST /orders?x=1", "post-orders-x-1.json"),
        ("é", "event.json"),
        ("a" * 300, "a" * 60 + ".json"),
    ],
)
def test_names_are_safe_on_every_system(tmp_path: Path, name: str, file: str) -> None:
    assert FixtureFolder.open(tmp_path).add(event(), name=name) == file
    assert files(tmp_path) == [LEDGER, file]


def test_an_event_that_lambda_would_not_take_leaves_nothing(tmp_path: Path) -> None:
    folder = FixtureFolder.open(tmp_path)
    with pytest.raises(ConfigError, match="at most 6291456 bytes"):
        folder.add(event({"text": "x" * 6_300_000}), name="large")
    assert files(tmp_path) == []


def test_only_what_a_recording_wrote_and_nobody_changed_is_removed(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    folder = FixtureFolder.open(tmp_path)
    for name in ("kept", "edited", "gone"):
        folder.add(event(), name=name)
    (tmp_path / "edited.json").write_text('{"order": 8}')
    again = FixtureFolder.open(tmp_path)
    assert {each.name: each.recorded for each in again.existing} == {
        "mine.json": False, "kept.json": True, "edited.json": False, "gone.json": True,
    }  # fmt: skip
    removed = [again.remove(name) for name in ("mine.json", "edited.json", "gone.json", "no.json")]
    assert removed == [False, False, True, False]
    assert files(tmp_path) == [LEDGER, "edited.json", "kept.json", "mine.json"]


def test_the_ledger_is_one_that_sha256sum_checks(tmp_path: Path) -> None:
    FixtureFolder.open(tmp_path).add(event(), name="a")
    done = subprocess.run(
        ["sha256sum", "--check", LEDGER], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "a.json: OK\n"


def test_fixtures_below_and_in_any_form_are_known(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "bare.json").write_text('{"a": 1}')
    (tmp_path / "envelope.json").write_text('{"lambda_rollback": 1, "event": {"a": 2}}')
    (tmp_path / "broken.json").write_text("{")
    folder = FixtureFolder.open(tmp_path)
    assert [(each.name, each.event) for each in folder.existing] == [
        ("below/bare.json", {"a": 1}),
        ("envelope.json", {"a": 2}),
    ]
    assert folder.unreadable == ("broken.json",)


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = FixtureFolder.open(tmp_path / "file")
    with pytest.raises(ConfigError, match="could not write fixtures"):
        folder.add(event(), name="a")


def test_files_are_json_that_a_person_can_read(tmp_path: Path) -> None:
    FixtureFolder.open(tmp_path).add(event({"a": [1, {}], "b": []}), name="a")
    text = (tmp_path / "a.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2) + "\n"
