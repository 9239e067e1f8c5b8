"""What functions ask services for: what a user is told, in real environments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers.made_projects import Project

CALLS = """
import json, os, urllib.error, urllib.request

def aws(operation, **parameters):
    request = urllib.request.Request(
        f"https://dynamodb.{os.environ['AWS_REGION']}.amazonaws.com/",
        json.dumps(parameters).encode(),
        {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=x/20260101/"
            f"{os.environ['AWS_REGION']}/dynamodb/aws4_request, SignedHeaders=host, Signature=00",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return {"refused": error.code}

def post(url, body):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)

def handler(event, context):
    %s
    return {"statusCode": 200, "id": event["id"]}
"""
GET = 'aws("GetItem", TableName="%s", Key={"id": {"S": event["id"]}})'
SEED = """
def seed(session):
    session.client("dynamodb").create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
"""
AWS = '[functions.orders.services]\naws = { seed = "seed.py" }'


@pytest.fixture
def told(project: Project) -> Any:
    """Runs versions that make these calls; the lines of the report."""

    def run(current: str, target: str, services: str, downstream: Any = None) -> str:
        project.version("2", CALLS % current)
        project.version("1", CALLS % target)
        project.event("create", {"id": "o-1"})
        (project.path / "seed.py").write_text(SEED)
        if downstream is not None:
            content = {"lambda_rollback_downstream": 1, "downstream": downstream}
            path = project.path / "events" / "create.downstream.json"
            path.write_text(json.dumps(content))
        project.configure('current = "2"', 'events = "events"', services)
        result = project.run("-k", "create", "-rA", "--lambda-rollback-strategy=alias")
        return " ".join(result.stdout.str().split())

    return run


def test_a_refused_request_breaks_though_the_target_answers(told: Any) -> None:
    text = told(GET % "orders", GET % "old-orders", AWS)
    assert (
        "sends dynamodb GetItem on old-orders, which is refused (ResourceNotFoundException: "
        "Requested resource not found) where orders:2 meets no such refusal; if AWS has it today, "
        "add it to the seed"
    ) in text
    assert "1 failed" in text


def test_a_request_beside_those_of_the_current_version_warns(told: Any) -> None:
    text = told(GET % "orders", f'{GET % "orders"}; aws("Scan", TableName="orders")', AWS)
    assert "sends dynamodb Scan on orders, which orders:2 never does" in text
    assert "1 passed" in text


def test_what_the_private_aws_does_not_do_is_unknown(told: Any) -> None:
    export = 'aws("ListContributorInsights", TableName="orders")'
    text = told(GET % "orders", export, AWS)
    assert "sends dynamodb ListContributorInsights on orders, which the private AWS does" in text
    assert "remove aws from [functions.orders.services]" in text
    assert "unknown" in text


def test_a_table_that_the_seed_lacks_is_named(told: Any) -> None:
    text = told(GET % "carts", GET % "carts", AWS)
    assert (
        "create proves little: orders:2, the current version, sends dynamodb GetItem on carts, "
        "which is refused (ResourceNotFoundException). If AWS has it today, add it to the"
    ) in text
    assert "1 passed" in text


CHARGE = 'post("https://api.example.com/v1/charges", {"amount": %s})'
RECORDED = [
    {
        "method": "POST",
        "url": f"https://api.example.com{path}",
        "body": {"amount": amount},
        "response": {"status": 200, "headers": {}, "body": {"ok": True}},
    }
    for path, amount in (("/v1/charges", 5), ("/v1/charges", "5"))
]
DOCUMENT = """
openapi: 3.0.3
paths:
  /v1/charges:
    post:
      requestBody:
        content:
          application/json:
            schema:
              properties:
                amount: {type: integer}
"""


def test_a_request_that_an_openapi_document_does_not_allow_breaks(
    told: Any, project: Project
) -> None:
    (project.path / "openapi.yaml").write_text(DOCUMENT)
    services = '[functions.orders.services]\nopenapi = { "api.example.com" = "openapi.yaml" }'
    text = told(CHARGE % 5, CHARGE % '"5"', services, RECORDED)
    assert (
        "sends POST /v1/charges to api.example.com, whose body openapi.yaml does not allow at "
        "/amount: '5' is not of type 'integer'"
    ) in text


def test_a_request_that_is_not_recorded_is_unknown(told: Any) -> None:
    text = told(CHARGE % 5, CHARGE.replace("v1", "v2") % 5, "", RECORDED)
    assert "sends POST /v2/charges to api.example.com, to which no answer is recorded (the" in text
    assert "and which orders:2 never sends" in text
    assert "NAME.downstream.json" in text


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (GET % "orders", "aws = {} under [functions.orders.services]"),
        (CHARGE % 5, "lambda-rollback record orders --downstream --allow api.example.com"),
        (
            'import socket; socket.create_connection(("db.internal", 5432))',
            '"db.internal:5432" = "127.0.0.1:5432" under [functions.orders.services]',
        ),
    ],
)
def test_a_call_without_a_door_names_the_lines_to_add(told: Any, call: str, line: str) -> None:
    text = told(call, call, "")
    assert "which does not answer in a replay" in text
    assert line in text
