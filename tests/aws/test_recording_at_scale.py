"""A thousand events with planted secrets: none is in any file, and few fixtures tell it all."""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.aws_emulator.server import AwsServer
from helpers.planted_events import EVENTS, MAKERS, Secrets, fill_log, readings
from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.recording.origins.logs import LogsOrigin
from pytest_lambda_rollback.recording.run import RecordOptions, RecordReport, record_function
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules
from pytest_lambda_rollback.sources import events


@dataclass(frozen=True)
class Recorded:
    report: RecordReport
    secrets: Secrets
    folder: Path
    """All that the process may write to is below it."""
    duration_s: float


@pytest.fixture
def recorded(
    aws_environment: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Recorded:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
        (tmp_path / name.lower()).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmpdir"))
    secrets = Secrets(random.Random(20261123))
    group = "/aws/lambda/orders"
    fill_log(aws_environment, secrets, group)
    began = time.monotonic()
    report = record_function(
        RecordOptions(
            function="orders",
            into=tmp_path / "events" / "orders",
            origins=(LogsOrigin(group=group),),
            max_events=EVENTS,
        ),
        clients=Account(region=None, profile=None, role_arn=None),
        redactor=Redactor(RedactionRules(), b"a key of the tests, 32 bytes long"),
    )
    return Recorded(report, secrets, tmp_path, time.monotonic() - began)


def test_a_thousand_events_become_few_fixtures_without_a_secret(recorded: Recorded) -> None:
    report = recorded.report
    assert report.events == EVENTS
    assert report.skipped == ()
    assert sum(each.seen for each in report.new) == EVENTS

    written = [path for path in recorded.folder.rglob("*") if path.is_file()]
    planted = [value.encode() for value in recorded.secrets.planted]
    assert len(planted) > 5 * EVENTS
    leaks = {
        (path.name, value)
        for path in written
        for data in readings(path.read_bytes())
        for value in planted
        if value in data
    }
    assert leaks == set()

    folder = recorded.folder / "events" / "orders"
    assert len(MAKERS) <= len(report.written) <= 12
    assert sorted(report.written) == sorted(path.name for path in folder.glob("*.json"))
    for name in report.written:
        assert re.fullmatch(r"[a-z0-9-]+\.json", name)
        fixture = events.load(folder / name, name=name)
        assert dict(fixture.recorded)["version"] == "4"
    assert recorded.duration_s < 120


def test_planted_secrets_would_be_found() -> None:
    secrets = Secrets(random.Random(1))
    event = json.dumps([make(secrets, number) for make in MAKERS for number in range(3)])
    found = {
        value
        for data in readings(event.encode())
        for value in secrets.planted
        if value.encode() in data
    }
    assert found == set(secrets.planted)
