"""From a function's log to a verdict, as a user does it: record, check, replay."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path

import pytest
from account_content import Version, client_of, publish_function, zip_of
from planted_events import EVENTS, MAKERS, Secrets, fill_log, readings
from user_projects import JSON, Project, breaks_of, report_of, unknowns_of

HANDLER = """
import base64
import json

def handler(event, context):
    if "Records" in event:
        for record in event["Records"]:
            handle(json.loads(record["body"]))
        return {"batchItemFailures": []}
    if "routeKey" in event:
        fields = dict(pair.split("=") for pair in event["body"].split("&"))
        return {"statusCode": 200, "body": fields["text"]}
    if "resource" in event:
        body = event["body"]
        order = json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)
        if "@" not in order["customer"]["email"] or len(order["payment"]["card"]) != 16:
            raise ValueError("no customer or no card")
        return {"statusCode": 201, "body": json.dumps({"amount": order["payment"]["amount"]})}
    return {"page": event["page"]}

def handle(message):
    settings = json.loads(json.loads(message["payload"])["settings"])
    return settings["aws"]["accessKeyId"][:4]
"""
OLD = HANDLER.replace('message["payload"]', 'message["data"]')


@pytest.fixture
def shop(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Three versions, of which the oldest expects another message; recorded in the project."""
    for name in ("HOME", "XDG_CONFIG_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
        (tmp_path / name.lower()).mkdir()
    versions = [Version(code=zip_of({"app.py": code})) for code in (OLD, HANDLER, HANDLER)]
    publish_function(client_of(project.server), "orders", versions)
    project.configure('[functions.orders]\naws = "orders"\n')
    return project


def test_a_thousand_logged_events_become_fixtures_that_replay(
    shop: Project, tmp_path: Path
) -> None:
    secrets = Secrets(random.Random(20261124))
    fill_log(shop.server, secrets)
    recorded = shop.console("record", "orders")
    assert recorded.code == 0, recorded.text
    recorded.shows(f"{EVENTS} events read")
    fixtures = sorted((shop.path / "events" / "orders").glob("*.json"))
    assert len(MAKERS) <= len(fixtures) <= 12

    run = shop.pytest(JSON)
    report = report_of(shop)
    assert unknowns_of(report) == [], run.text
    broken = breaks_of(report)
    assert set(broken) == {("1", "alias"), ("1", "redeploy")}
    assert all(name.startswith("sqs") for names in broken.values() for name in names), broken
    run.shows("The newest safe target of orders is 2, by alias and redeploy.")

    planted = [value.encode() for value in secrets.planted]
    shown = [("output", (recorded.text + run.text).encode())]
    files = [(str(path), path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file()]
    # Code and layers are AWS's and hold no event; all else that was written is looked at hard.
    leaks = {
        (name, value)
        for name, content in (*shown, *files)
        if "/cache/" not in name and "/objects/" not in name
        for data in readings(content)
        for value in planted
        if value in data
    }
    assert leaks == set()
    cached = [content for name, content in files if "/cache/" in name or "/objects/" in name]
    assert not any(value in content for content in cached for value in planted)

    checked = shop.console("record", "--check")
    assert checked.code == 0, checked.text
    again = shop.console("record", "orders")
    assert again.code == 0, again.text
    again.shows("0 fixtures written")
    leaking = shop.path / "events" / "orders" / "by-hand.json"
    leaking.write_text(json.dumps({"mail": secrets.email()}))
    found = shop.console("record", "--check")
    assert found.code == 1
    found.shows("LEAK", "by-hand.json /mail: email")
    assert secrets.planted[-1] not in found.text


def test_mistakes_and_refusals_are_one_message(shop: Project) -> None:
    unknown = shop.console("record", "ordres")
    assert unknown.code == 2
    unknown.shows('no configuration has a function "ordres". Did you mean "orders"?')
    origin = shop.console("record", "orders", "--from", "kafka")
    assert origin.code == 2
    origin.shows('--from is "kafka"', "test-events")
    span = shop.console("record", "orders", "--since", "week")
    assert span.code == 2
    missing = shop.console("record", "orders")
    assert missing.code == 1
    missing.shows("/aws/lambda/orders")
    queue = shop.console("record", "orders", "--from", "dlq")
    assert queue.code == 2
    queue.shows("orders has no dead-letter queue to record from")
    for run in (unknown, origin, span, missing, queue):
        assert "Traceback" not in run.text


def test_the_recorders_layer_is_a_zip_that_lambda_takes(shop: Project) -> None:
    run = shop.console("record", "--layer", "build/recorder.zip")
    assert run.code == 0, run.text
    run.shows("lambda_rollback_recorder.handler", "LAMBDA_ROLLBACK_HANDLER")
    with zipfile.ZipFile(shop.path / "build" / "recorder.zip") as archive:
        assert archive.namelist() == ["python/lambda_rollback_recorder.py"]
