"""From a function's log to a verdict, as a user does it: record, check, replay."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path

import pytest

from helpers.account_content import Version, client_of, publish_function, zip_of
from helpers.aws_projects import JSON, Project, breaks_of, report_of, unknowns_of
from helpers.planted_events import EVENTS, MAKERS, Secrets, fill_log, queue_event, readings

HANDLER = """
import base64
import json

def handler(event, context):
    if "Records" in event:
        for record in event["Records"]:
            handle(json.loads(record["body"]))
        return {"batchItemFailures": []}
    if "detail-type" in event:
        user, owner = event["detail"]["user"], event["detail"]["owner"]
        if owner != "CUSTOMER#" + user["sub"] or user["username"] != user["sub"]:
            raise ValueError("another customer's")
        return None
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
    fixtures = sorted((shop.path / "events" / "orders").glob("*.json"))
    assert len(MAKERS) <= len(fixtures) <= 12
    number = len(fixtures)
    recorded.shows(
        f"orders: {number} fixtures written to events/orders, {number} new shapes in 1,000 events",
        "new     eventbridge-order-placed.json: 100 events of shape eventbridge-order-placed",
        f"read    {EVENTS:,} events from the function's log group",
        "values with pseudonyms: ",
    )
    assert "skipped" not in recorded.text

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
    checked.shows(f"no secrets or personal data found in {number} fixtures")
    before = contents(shop)
    again = shop.console("record", "orders")
    assert again.code == 0, again.text
    again.shows("nothing new in 1,000 events: events/orders has a fixture for every shape")
    assert "new     " not in again.text
    assert "stale" not in again.text
    assert contents(shop) == before
    leaking = shop.path / "events" / "orders" / "by-hand.json"
    leaking.write_text(json.dumps({"mail": secrets.email()}))
    found = shop.console("record", "--check")
    assert found.code == 1
    found.shows("LEAK", "by-hand.json /mail: email", "1 value in ")
    assert secrets.planted[-1] not in found.text


def contents(shop: Project) -> dict[str, bytes]:
    """All that is in the folder of fixtures."""
    folder = shop.path / "events" / "orders"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_fixtures_of_a_shape_and_stale_ones(shop: Project) -> None:
    secrets = Secrets(random.Random(7))
    fill_log(shop.server, secrets, count=60)
    first = shop.console("record", "orders")
    assert first.code == 0, first.text
    few = contents(shop)
    more = shop.console("record", "orders", "--per-shape", "2")
    assert more.code == 0, more.text
    more.shows("for known shapes", "added   eventbridge-order-placed-2.json")
    assert set(few) < set(contents(shop))

    # The queue is gone from production, and somebody keeps an event of their own.
    shop.event("orders", "by-hand", {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]})
    client = client_of(shop.server, "logs")
    client.delete_log_group(logGroupName="/aws/lambda/orders")
    left = [make for make in MAKERS if make is not queue_event]
    fill_log(shop.server, secrets, count=60, makers=left)
    stale = shop.console("record", "orders", "--per-shape", "2")
    assert stale.code == 0, stale.text
    queued = sorted(name for name in contents(shop) if name.startswith("sqs"))
    assert len(queued) == 6, queued
    stale.shows(*(f"stale   {name}: its shape was not seen" for name in queued))
    stale.shows("stale   by-hand.json", "--remove-stale removes those that were recorded")

    removed = shop.console("record", "orders", "--per-shape", "2", "--remove-stale")
    assert removed.code == 0, removed.text
    removed.shows(*(f"removed {name}" for name in queued), "stale   by-hand.json")
    names = contents(shop)
    assert not any(name.startswith("sqs") for name in names)
    assert "by-hand.json" in names


def test_only_what_is_needed_is_asked_of_aws(shop: Project) -> None:
    fill_log(shop.server, Secrets(random.Random(8)), count=10)
    shop.server.reset_counts()
    run = shop.console("record", "orders")
    assert run.code == 0, run.text
    assert set(shop.server.requested()) == {"GetFunctionConfiguration", "FilterLogEvents"}


def test_a_log_without_events_is_said_and_what_to_do(shop: Project) -> None:
    fill_log(shop.server, Secrets(random.Random(9)), count=0)
    run = shop.console("record", "orders")
    assert run.code == 1
    run.shows("orders: no events found. Let the function log its events", "--layer recorder.zip")
    assert not (shop.path / "events").exists()
    check = shop.console("record", "--check")
    assert check.code == 1
    check.shows("nothing to check: there are no fixtures")


def test_what_aws_refuses_is_said(shop: Project) -> None:
    fill_log(shop.server, Secrets(random.Random(10)), count=10)
    shop.server.fail("FilterLogEvents", "access-denied")
    run = shop.console("record", "orders")
    assert run.code == 1
    run.shows("log group /aws/lambda/orders cannot be read", "logs:FilterLogEvents")
    assert "Traceback" not in run.text


def test_a_queue_that_reading_harms_is_not_read_unless_that_is_wanted(shop: Project) -> None:
    client = client_of(shop.server, "sqs")
    dead = client.create_queue(QueueName="dead")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 5}
    queue = client.create_queue(
        QueueName="orders", Attributes={"RedrivePolicy": json.dumps(policy)}
    )["QueueUrl"]
    client.send_message(QueueUrl=queue, MessageBody=json.dumps({"mail": "ann.lee@shop.com"}))
    refused = shop.console("record", "orders", "--from", "sqs=orders")
    assert refused.code == 2
    refused.shows("queue orders was not read", "may go there", "take the risk with --accept-risks")
    taken = shop.console("record", "orders", "--from", "sqs=orders", "--accept-risks")
    assert taken.code == 0, taken.text
    taken.shows("1 fixture written to events/orders, 1 new shape in 1 event")
    assert "ann.lee" not in str(contents(shop))


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


def test_two_configurations_with_one_function_name_are_told_apart(shop: Project) -> None:
    for folder in ("a", "b"):
        (shop.path / folder).mkdir()
        text = (shop.path / "lambda-rollback.toml").read_text()
        (shop.path / folder / "lambda-rollback.toml").write_text(text)
    (shop.path / "in").mkdir()
    (shop.path / "in" / "one.json").write_text('{"mail": "ann.lee@shop.com"}')
    both = shop.console("record", "orders", "--config", "a", "--config", "b", "--from=folder=in")
    assert both.code == 2
    both.shows("each have a function orders", "Choose one with --config")
    one = shop.console("record", "orders", "--config", "b", "--from=folder=in")
    assert one.code == 0, one.text
    assert list((shop.path / "b" / "events" / "orders").glob("*.json"))
    assert not (shop.path / "a" / "events").exists()
