"""Handlers as people have them, judged as they are: AWS, HTTP, PostgreSQL and Redis.

docs/services.md has a table of the lines of configuration that each needs; these are they. Packages
come from PyPI once and from the cache of the cases ever after.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpers import databases, npm_packages
from helpers.docker_gate import STANDIN
from tools.case_scorer.pinned_packages import PackageCache, Pins, default_root

RUNTIME = "python3.11"
"""The runtime of the pinned packages, which both engines have."""

TEMPLATE = """
Resources:
  OrdersTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
  Receipts:
    Type: AWS::S3::Bucket
  Parcels:
    Type: AWS::SQS::Queue
  PaymentKey:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: payment-key
      SecretString: '{"key": "not-a-real-key"}'
"""
VARIABLES = {
    "TABLE": "${resources.OrdersTable}",
    "BUCKET": "${resources.Receipts}",
    "QUEUE": "${resources.Parcels}",
    "SECRET": "${resources.PaymentKey}",
}
DYNAMODB = """
import os
import boto3

orders = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def handler(event, context):
    orders.put_item(Item={"id": event["id"], "total": event["total"]})
    item = orders.get_item(Key={"id": event["id"]})["Item"]
    return {"total": int(item["total"])}
"""
S3 = """
import json
import os
import boto3

s3 = boto3.client("s3")

def handler(event, context):
    place = {"Bucket": os.environ["BUCKET"], "Key": f"2026/{event['id']}.json"}
    s3.put_object(**place, Body=json.dumps({"total": event["total"]}))
    receipt = json.load(s3.get_object(**place)["Body"])
    return {"total": receipt["total"]}
"""
SQS = """
import json
import os
import boto3

parcels = boto3.resource("sqs").Queue(os.environ["QUEUE"])

def handler(event, context):
    sent = parcels.send_message(MessageBody=json.dumps(event))
    return {"total": event["total"], "sent": bool(sent["MessageId"])}
"""
SECRET_AT_IMPORT = """
import json
import os
import boto3

secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["SECRET"])
total = len(json.loads(secret["SecretString"])["key"])

def handler(event, context):
    return {"total": total}
"""
URLLIB3 = """
import json
import urllib3

http = urllib3.PoolManager()

def handler(event, context):
    body = json.dumps({"order": event["id"], "amount": event["total"]})
    answer = http.request("POST", "https://api.example.com/v1/charges", body=body,
                          headers={"content-type": "application/json"})
    return {"total": json.loads(answer.data)["total"]}
"""
REQUESTS = """
import requests

def handler(event, context):
    charge = {"order": event["id"], "amount": event["total"]}
    answer = requests.post("https://api.example.com/v1/charges", json=charge, timeout=5)
    answer.raise_for_status()
    return {"total": answer.json()["total"]}
"""
POSTGRESQL = """
import os
import pg8000.dbapi

connection = pg8000.dbapi.connect(
    host="db.internal", user="shop", password="no-secret", database="shop")

def handler(event, context):
    cursor = connection.cursor()
    cursor.execute("INSERT INTO orders VALUES (%s, %s) ON CONFLICT DO NOTHING",
                   (event["id"], event["total"]))
    connection.commit()
    cursor.execute("SELECT id, total FROM orders WHERE id = %s", (event["id"],))
    names = [column[0] for column in cursor.description]
    row = dict(zip(names, cursor.fetchone()))
    return {"total": row["total"]}
"""
REDIS = """
import redis

cache = redis.Redis(host="cache.internal", port=6379)

def handler(event, context):
    cache.hset(event["id"], mapping={"total": event["total"]})
    return {"total": int(cache.hgetall(event["id"])[b"total"])}
"""
NODE = """
const { DynamoDBClient, GetItemCommand, PutItemCommand } = require("@aws-sdk/client-dynamodb");

const client = new DynamoDBClient({});
const TableName = process.env.TABLE;

exports.handler = async (event) => {
  const Item = { id: { S: event.id }, total: { N: String(event.total) } };
  await client.send(new PutItemCommand({ TableName, Item }));
  const found = await client.send(new GetItemCommand({ TableName, Key: { id: Item.id } }));
  return { total: Number(found.Item.total.N) };
};
"""
CHARGE = {
    "method": "POST",
    "url": "https://api.example.com/v1/charges",
    "body": {"order": "A-1", "amount": 25},
    "response": {
        "status": 200,
        "headers": {"content-type": "application/json"},
        "body": {"charge": "ch-1", "total": 25},
    },
}
PG8000 = ("pg8000==1.31.2", "scramp==1.4.5", "asn1crypto==1.5.1", "python-dateutil==2.9.0.post0",
          "six==1.16.0")  # fmt: skip
REQUESTS_PINS = ("requests==2.32.3", "urllib3==2.2.2", "idna==3.7", "certifi==2024.7.4",
                 "charset-normalizer==3.3.2")  # fmt: skip
BEFORE_ENDPOINT_URLS = ("boto3==1.26.165", "botocore==1.29.165", "jmespath==1.0.1",
                        "s3transfer==0.6.2", "urllib3==1.26.20", "python-dateutil==2.9.0.post0",
                        "six==1.16.0")  # fmt: skip
RECORDED_GET = {
    "service": "dynamodb",
    "operation": "GetItem",
    "parameters": {"TableName": "orders", "Key": {"id": {"S": "A-1"}}},
    "result": {"Item": {"id": {"S": "A-1"}, "total": {"N": "25"}}},
}
READS = """
import boto3

dynamodb = boto3.client("dynamodb")

def handler(event, context):
    found = dynamodb.get_item(TableName="orders", Key={"id": {"S": event["id"]}})
    return {"total": int(found["Item"]["total"]["N"])}
"""
Door = Callable[[], AbstractContextManager[str]]


@dataclass(frozen=True)
class Handler:
    """One handler, and what beside its code a project has for it."""

    code: str
    wrong: tuple[str, str]
    """What an older version has another word for: it breaks by that and nothing else."""
    layer: tuple[str, ...] = ()
    service: Door | None = None
    """A service that runs meanwhile; its value is the line of configuration."""
    recorded: tuple[Mapping[str, Any], ...] = ()
    """Answers of HTTP that lie beside the fixture."""
    runtime: str = RUNTIME
    """For another one than Python, ``layer`` is of npm's packages."""

    @property
    def uses_template(self) -> bool:
        """True for code that is told of resources by variables."""
        return "os.environ" in self.code or "process.env" in self.code

    @property
    def has_state(self) -> bool:
        """True if there is a state check: something can be brought back to its first state."""
        return self.uses_template or self.service is not None

    @property
    def file(self) -> str:
        return "app.py" if self.runtime == RUNTIME else "app.js"

    def install_layer(self, folder: Path) -> None:
        """Write the layer's content as a pipeline builds it."""
        if self.runtime == RUNTIME:
            packages = PackageCache(root=default_root()).installed(Pins(pins=self.layer))
            shutil.copytree(packages, folder / "python", copy_function=os.link)
        else:
            packages = npm_packages.installed(default_root(), *self.layer)
            shutil.copytree(packages, folder / "nodejs" / "node_modules", copy_function=os.link)


def _postgresql() -> Iterator[str]:
    with databases.postgresql("CREATE TABLE orders (id text PRIMARY KEY, total int)") as port:
        reset = " ".join([*databases.psql_command(port), "-c", "'TRUNCATE orders'"])
        yield f'"db.internal:5432" = {{ address = "127.0.0.1:{port}", reset = "{reset}" }}'


def _redis() -> Iterator[str]:
    with databases.redis() as port:
        reset = f"redis-cli -p {port} flushall"
        yield f'"cache.internal:6379" = {{ address = "127.0.0.1:{port}", reset = "{reset}" }}'


HANDLERS = {
    "dynamodb": Handler(DYNAMODB, ('item["total"]', 'item["sum"]')),
    "s3": Handler(S3, ('receipt["total"]', 'receipt["sum"]')),
    "sqs": Handler(SQS, ('sent["MessageId"]', 'sent["message_id"]')),
    "secrets-manager-at-import": Handler(SECRET_AT_IMPORT, ('["key"]', '["token"]')),
    "boto3-before-endpoint-urls": Handler(
        DYNAMODB, ('item["total"]', 'item["sum"]'), layer=BEFORE_ENDPOINT_URLS
    ),
    "urllib3": Handler(URLLIB3, ('(answer.data)["total"]', '(answer.data)["sum"]'),
                       recorded=(CHARGE,)),
    "requests": Handler(REQUESTS, ('["total"]}', '["sum"]}'), layer=REQUESTS_PINS,
                        recorded=(CHARGE,)),
    "postgresql": Handler(POSTGRESQL, ('row["total"]', 'row["sum"]'), layer=PG8000,
                          service=contextmanager(_postgresql)),
    "redis": Handler(REDIS, ('[b"total"]', '[b"sum"]'), layer=("redis==5.0.8",),
                     service=contextmanager(_redis)),
    "recorded-call-of-aws": Handler(READS, ('["total"]', '["sum"]'), recorded=(RECORDED_GET,)),
}  # fmt: skip


def write_project(folder: Path, handler: Handler, line: str | None) -> None:
    """Version 3 is current, 2 is the same, 1 reads another name; configuration as documented.

    The function has the folder's name.
    """
    folder.mkdir()
    name, layers, variables = folder.name, "", ""
    if handler.layer:
        handler.install_layer(folder / "layer")
        layers = 'layers = ["layer"]\n'
    if handler.uses_template:
        (folder / "template.yaml").write_text(TEMPLATE)
        named = ", ".join(f'{name} = "{value}"' for name, value in VARIABLES.items())
        variables = f"environment = {{ {named} }}\n"
    events = folder / "events"
    events.mkdir()
    (events / "placed.json").write_text(json.dumps({"id": "A-1", "total": 25}))
    if handler.recorded:
        answers = {"lambda_rollback_downstream": 1, "downstream": handler.recorded}
        (events / "placed.downstream.json").write_text(json.dumps(answers))
    tables = ""
    for version in ("3", "2", "1"):
        code = folder / "versions" / version / handler.file
        code.parent.mkdir(parents=True)
        code.write_text(handler.code.replace(*handler.wrong) if version == "1" else handler.code)
        tables += (
            f'\n[functions.{name}.versions.{version}]\ncode = "versions/{version}"\n{layers}'
            f'runtime = "{handler.runtime}"\nhandler = "app.handler"\n'
            f"{variables}"
        )
    services = f"[functions.{name}.services]\n{line}\n" if line else ""
    (folder / "lambda-rollback.toml").write_text(
        f'strategies = ["alias"]\n[functions.{name}]\ncurrent = "3"\ntargets = ["2", "1"]\n'
        f'events = "events"\n{services}{tables}'
    )


def verdicts(pytester: pytest.Pytester, *options: str) -> dict[str, str]:
    """Run pytest as a user does; the verdict of each check that replays, with its reason if any."""
    pytester.runpytest_subprocess(
        "--lambda-rollback", "--lambda-rollback-json=report.json", "-p", "no:cacheprovider",
        "-k", "placed or state", *options, timeout=300,
    )  # fmt: skip
    report = json.loads((pytester.path / "report.json").read_text())
    found: dict[str, str] = {}
    for function in report["functions"]:
        for target in function["targets"]:
            for check in target["checks"]:
                words = (check["verdict"], *filter(None, [check["reason"]]))
                of = f"{function['function']}:{target['version']}"
                found[f"{of} {check['event'] or check['contract']}"] = " ".join(words)
    return found


def judged(
    pytester: pytest.Pytester, handlers: Mapping[str, Handler], *options: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Verdicts of all handlers in one run, and those that are right."""
    right: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for name, handler in handlers.items():
            line = stack.enter_context(handler.service()) if handler.service else None
            write_project(pytester.path / name, handler, line)
            right |= {f"{name}:2 placed": "safe", f"{name}:1 placed": "breaks"}
            if handler.has_state:
                right[f"{name}:2 state"] = "safe"
        told = verdicts(pytester, *options)
    # A version that breaks on one event may break on shared state or not be worth asking.
    return {name: told.get(name, "") for name in told if not name.endswith(":1 state")}, right


def test_typical_handlers_are_judged_as_they_are(pytester: pytest.Pytester) -> None:
    told, right = judged(pytester, HANDLERS, "--lambda-rollback-engine=sandbox")
    assert told == right


IN_CONTAINERS = {
    "dynamodb": HANDLERS["dynamodb"],
    "postgresql": HANDLERS["postgresql"],
    "nodejs-sdk-3": Handler(
        NODE, ("Item.total.N", "Item.sum.N"), layer=("@aws-sdk/client-dynamodb@3.600.0",),
        runtime="nodejs22.x",
    ),
}  # fmt: skip


@pytest.mark.docker
def test_typical_handlers_are_judged_in_containers(pytester: pytest.Pytester) -> None:
    runtimes = sorted({each.runtime for each in IN_CONTAINERS.values()})
    images = [f"--lambda-rollback-base-image={each}={STANDIN}:{each}" for each in runtimes]
    told, right = judged(pytester, IN_CONTAINERS, "--lambda-rollback-engine=docker", *images)
    assert told == right


KNOCKS = """
import os
import socket

import boto3

PORT = int(os.environ["PORT"])
NAMES = ("127.0.0.1", os.environ["HOST"], "example.com", "dynamodb.us-east-1.amazonaws.com")

def handler(event, context):
    boto3.client("s3").list_buckets()
    opened = []
    for name in NAMES:
        try:
            socket.create_connection((name, PORT), timeout=2).close()
        except OSError:
            continue
        opened.append(name)
    return {"opened": opened, "total": 1}
"""


def own_address() -> str:
    """The address of this machine in its network; of loopback where it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])
    return "127.0.0.2"


def test_services_open_nothing_else(pytester: pytest.Pytester) -> None:
    seen: list[Any] = []
    with socket.create_server(("", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        host = own_address()
        code = KNOCKS.replace('os.environ["PORT"]', f'"{port}"')
        handler = Handler(code.replace('os.environ["HOST"]', f'"{host}"'), ("opened, ", "other, "))
        write_project(pytester.path / "knocks", handler, "aws = true")
        told = verdicts(pytester, "--lambda-rollback-engine=sandbox")
        with contextlib.suppress(TimeoutError):
            seen.append(listener.accept())
    assert seen == []
    assert told["knocks:2 placed"].startswith("unknown")
    assert f"{host}:{port}, which does not answer" in told["knocks:2 placed"]
