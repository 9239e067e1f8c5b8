"""What functions ask services for: what a user is told, in real environments."""

from __future__ import annotations

import json
from typing import Any

from helpers.made_projects import RUNTIME, Project

CALLS = """
import json, os, socket, urllib.error, urllib.request

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

WORK = {
%s
}

def handler(event, context):
    WORK[event["do"]]()
    return {"statusCode": 200, "did": event["do"]}
"""
SEED = """
def seed(session):
    session.client("dynamodb").create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
"""
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
RECORDED = [
    {
        "method": "POST",
        "url": "https://api.example.com/v1/charges",
        "body": {"amount": amount},
        "response": {"status": 200, "headers": {}, "body": {"ok": True}},
    }
    for amount in (5, "5")
]
SERVICES = """
[functions.orders.services]
aws = { seed = "seed.py" }
openapi = { "api.example.com" = "openapi.yaml" }
"""

GET = 'aws("GetItem", TableName="{}", Key={{"id": {{"S": "o-1"}}}})'
CHARGE = 'post("https://api.example.com/{}/charges", {{"amount": {}}})'
ORDERS = {
    # event: (current version's call, target's, verdict, words)
    "refused": (
        GET.format("orders"),
        GET.format("old-orders"),
        "breaks",
        "sends dynamodb GetItem on old-orders, which is refused (ResourceNotFoundException: "
        "Requested resource not found) where orders:2 meets no such refusal; if AWS has it today, "
        "add it to the seed",
    ),
    "other": (
        GET.format("orders"),
        f'({GET.format("orders")}, aws("Scan", TableName="orders"))',
        "safe",
        "sends dynamodb Scan on orders, which orders:2 never does",
    ),
    "unsupported": (
        GET.format("orders"),
        'aws("ListContributorInsights", TableName="orders")',
        "unknown",
        "sends dynamodb ListContributorInsights on orders, which the private AWS does not do",
    ),
    "missing": (
        GET.format("carts"),
        GET.format("carts"),
        "safe",
        "missing proves little: orders:2, the current version, sends dynamodb GetItem on carts, "
        "which is refused (ResourceNotFoundException). If AWS has it today, add it to the",
    ),
    "body": (
        CHARGE.format("v1", 5),
        CHARGE.format("v1", '"5"'),
        "breaks",
        "sends POST /v1/charges to api.example.com, whose body openapi.yaml does not allow at "
        "/amount: '5' is not of type 'integer'",
    ),
    "unrecorded": (
        CHARGE.format("v1", 5),
        CHARGE.format("v2", 5),
        "unknown",
        "sends POST /v2/charges to api.example.com, to which no answer is recorded (the nearest is",
    ),
}
CLOSED = {
    "aws": (GET.format("orders"), "aws = {} under [functions.carts.services]"),
    "http": (
        CHARGE.format("v1", 5),
        "`lambda-rollback record carts --downstream --allow api.example.com`",
    ),
    "door": (
        'socket.create_connection(("db.internal", 5432))',
        '"db.internal:5432" = "127.0.0.1:5432" under [functions.carts.services]',
    ),
}


def written(
    project: Project, function: str, current: dict[str, str], target: dict[str, str]
) -> str:
    """The tables of a function whose versions 2 and 1 make these calls."""
    text = f'[functions.{function}]\ncurrent = "2"\nevents = "events/{function}"\n'
    for version, work in (("2", current), ("1", target)):
        folder = project.path / function / version
        folder.mkdir(parents=True)
        lines = (f'    "{name}": lambda: {call},' for name, call in work.items())
        (folder / "app.py").write_text(CALLS % "\n".join(lines))
        text += (
            f'[functions.{function}.versions.{version}]\ncode = "{function}/{version}"\n'
            f'runtime = "{RUNTIME}"\nhandler = "app.handler"\n'
        )
    for name in current:
        project.event(f"{function}/{name}", {"do": name})
    return text


def test_what_a_user_is_told(project: Project) -> None:
    orders = written(
        project,
        "orders",
        {name: each[0] for name, each in ORDERS.items()},
        {name: each[1] for name, each in ORDERS.items()},
    )
    closed = {name: each[0] for name, each in CLOSED.items()}
    project.write(f"{orders}{SERVICES}\n{written(project, 'carts', closed, closed)}")
    (project.path / "seed.py").write_text(SEED)
    (project.path / "openapi.yaml").write_text(DOCUMENT)
    content = {"lambda_rollback_downstream": 1, "downstream": RECORDED}
    for name in ("body", "unrecorded"):
        path = project.path / "events" / "orders" / f"{name}.downstream.json"
        path.write_text(json.dumps(content))

    project.run(
        "-k",
        " or ".join((*ORDERS, *CLOSED)),
        "--lambda-rollback-strategy=alias",
        "--lambda-rollback-json=report.json",
    )

    report: Any = json.loads((project.path / "report.json").read_text())
    checks = {
        each["id"].rpartition("::")[2]: each
        for function in report["functions"]
        for target in function["targets"]
        for each in target["checks"]
    }
    for name, (_, _, verdict, words) in ORDERS.items():
        assert checks[name]["verdict"] == verdict, checks[name]
        assert words in json.dumps(checks[name]).replace('\\"', '"')
    for name, (_, line) in CLOSED.items():
        assert checks[name]["verdict"] == "unknown", checks[name]
        assert "which does not answer in a replay" in checks[name]["reason"]
        assert line in checks[name]["reason"]
