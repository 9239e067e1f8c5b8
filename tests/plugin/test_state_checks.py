"""Checks of stored state as a user meets them, on real environments and a private AWS."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from helpers.made_projects import Project

ORDERS = """
import json, os, urllib.request

def aws(operation, **parameters):
    region = os.environ["AWS_REGION"]
    request = urllib.request.Request(
        f"https://dynamodb.{region}.amazonaws.com/",
        json.dumps({"TableName": os.environ["TABLE"], **parameters}).encode(),
        {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=x/20260101/{region}/dynamodb/"
            "aws4_request, SignedHeaders=host, Signature=00",
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)

def handler(event, context):
    if event["do"] == "place":
        aws("PutItem", Item={"id": {"S": event["id"]}, "total": {"N": "25"}, %s})
        return {"statusCode": 200}
    item = aws("GetItem", Key={"id": {"S": event["id"]}}).get("Item")
    if item is not None:
        aws("PutItem", Item={%s, "paid": {"BOOL": True}})
    return {"statusCode": 200}
"""
TEMPLATE = """
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: orders
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
"""
NOTE = '"note": {"S": "For you"}'
WHOLE, KNOWN = "**item", '"id": item["id"], "total": item["total"]'


@pytest.fixture
def shop(project: Project) -> Project:
    """Version 3 is current; 2 keeps what it does not know, 1 does not."""
    for number, place, pay in (("3", NOTE, WHOLE), ("2", "", WHOLE), ("1", "", KNOWN)):
        project.version(number, ORDERS % (place, pay))
    project.event("order_1_placed", {"do": "place", "id": "A-1"})
    project.event("order_2_paid", {"do": "pay", "id": "A-1"})
    (project.path / "template.yaml").write_text(TEMPLATE)
    project.configure(
        'current = "3"',
        'targets = ["2", "1"]',
        'events = "events"',
        'strategies = ["alias"]',
        *(
            f'[functions.orders.versions.{each}.environment]\nTABLE = "${{resources.Orders}}"'
            for each in "321"
        ),
        versions=("3", "2", "1"),
    )
    return project


def test_an_attribute_that_is_dropped_breaks_though_nothing_raises(shop: Project) -> None:
    result = shop.run("--lambda-rollback-json=report.json", "-k", "state")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            '*breaks: state: orders:1 by alias drops "note" from orders {"id": "A-1"}, which '
            "orders:3 keeps (order_2_paid, rollback pass)*"
        ]
    )
    report = json.loads((shop.path / "report.json").read_text())
    schema = files("pytest_lambda_rollback.reports").joinpath("report.schema.json")
    jsonschema.validate(report, json.loads(schema.read_text()))
    checks = {
        target["version"]: check
        for target in report["functions"][0]["targets"]
        for check in target["checks"]
    }
    assert (checks["2"]["verdict"], checks["1"]["verdict"]) == ("safe", "breaks")
    (finding,) = checks["1"]["findings"]
    assert (finding["contract"], finding["kind"], finding["replay_pass"]) == (
        "state",
        "drops-attribute",
        "rollback",
    )
    details: dict[str, Any] = finding["details"]
    assert details["event"] == "order_2_paid"
    assert (details["container"], details["key"]) == ("orders", '{"id": "A-1"}')
    assert details["attribute"] == "note"


def test_a_break_of_state_may_be_accepted(shop: Project) -> None:
    text = (shop.path / "lambda-rollback.toml").read_text()
    shop.write(
        f"{text}\n[[functions.orders.accept]]\n"
        'target = "1"\ncheck = "state"\nreason = "notes are unused"\nuntil = 2999-01-01\n'
    )
    result = shop.run("-k", "1-alias and state")
    result.assert_outcomes(xfailed=1)
    assert result.ret == 0
