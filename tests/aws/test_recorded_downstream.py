"""From the answers that a function got in production to those of its fixture, by the real parts.

A function with boto3, requests and http.client runs under the recorder against AWS and an API on
loopback; what it logged is recorded by the console command; the fixture is read as a run reads it.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from helpers.account_content import Version, client_of, publish_function, zip_of
from helpers.aws_emulator.server import AwsServer
from helpers.aws_projects import JSON, Project, breaks_of, report_of, unknowns_of
from helpers.sandbox_gate import needed_bubblewrap
from pytest_lambda_rollback.model.downstream import AwsExchange, Exchange, HttpExchange
from pytest_lambda_rollback.model.replay import EventFixture
from pytest_lambda_rollback.recording.recorder import recorder_source
from pytest_lambda_rollback.sources import events

API_KEY = "sk9xQ7LmZ2vBn4Kc8Rt1"
DB_PASSWORD = "Tr0ub4dor-and-3"
SESSION = "f3a9c1d7e5b24680aa17"
EMAIL = "maria.lopez@contoso-mail.com"
NAME = "Lopez"

APP = """
import http.client, io, json, os, sys
from decimal import Decimal
from urllib.parse import urlsplit
import boto3
from botocore.exceptions import ClientError

SECRET = json.loads(
    boto3.client("secretsmanager").get_secret_value(SecretId="shop")["SecretString"]
)
FLAG = boto3.client("ssm").get_parameter(Name="/shop/flag", WithDecryption=True)
API = os.environ["API"]

def handler(event, context):
    import requests  # after the recorder

    table = boto3.resource("dynamodb").Table("orders")
    table.put_item(Item={
        "id": "USER#" + event["last_name"], "mail": event["email"], "raw": b"\\xff\\x00",
        "amount": Decimal("1.10"), "tags": {"a", "b"}, "text": b"plain",
    })
    item = table.get_item(Key={"id": "USER#" + event["last_name"]})["Item"]
    try:
        table.put_item(Item={"id": "USER#" + event["last_name"]},
                       ConditionExpression="attribute_not_exists(id)")
    except ClientError as error:
        refused = error.response["Error"]["Code"]
    s3 = boto3.client("s3")
    s3.upload_fileobj(io.BytesIO(b"\\x00\\x01 report"), "reports", "new")
    report = s3.get_object(Bucket="reports", Key="old")["Body"]
    first, rest = report.read(6), report.read()
    login = requests.post(
        API + "/login", json={"customer": event["email"], "api_key": SECRET["api_key"]},
        headers={"Authorization": "Bearer " + SECRET["api_key"]}, timeout=5,
    ).json()
    with requests.Session() as session:
        rates = session.get(
            API + "/rates", params={"mail": event["email"], "session": login["access_token"]},
            timeout=5,
        ).json()
    where = urlsplit(API)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=5)
    connection.request("POST", "/charges?try=1", body="amount=5&name=" + event["last_name"])
    answer = connection.getresponse()
    charge = answer.status, answer.read()
    connection.request("GET", "/gone")
    gone = connection.getresponse()
    return {
        "item": [item["id"], item["mail"], bytes(item["raw"]).hex(), str(item["amount"])],
        "refused": refused, "report": (first + rest).decode(), "rates": rates,
        "charge": [charge[0], charge[1].decode()], "gone": [gone.status, gone.read().decode()],
        "flag": FLAG["Parameter"]["Value"], "port": SECRET["port"],
    }
"""
SHOP = """
import json, os, urllib.request
import boto3

SECRET = json.loads(
    boto3.client("secretsmanager").get_secret_value(SecretId="shop")["SecretString"]
)

def handler(event, context):
    table = boto3.resource("dynamodb").Table("orders")
    key = {"id": "USER#" + event["last_name"]}
    table.put_item(Item={**key, "mail": event["email"], "tags": {"a", "b"}, "raw": b"\\xff"})
    item = table.get_item(Key=key)["Item"]
    report = boto3.client("s3").get_object(Bucket="reports", Key="old")["Body"].read().decode()
    url = os.environ["API"] + "/rates?mail=" + item["mail"] + "&key=" + SECRET["api_key"]
    with urllib.request.urlopen(url, timeout=20) as answer:
        rates = json.load(answer)
    return {"mail": item["mail"], "report": len(report), "rate": rates["rate"], "who": rates["for"]}
"""
DRIVER = """
import json, os, socket, sys, types
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **other: resolve(
    "127.0.0.1" if host == "api.shop.test" else host, *more, **other
)
import lambda_rollback_recorder
answers = open(os.environ["ANSWERS"], "w")
for number, event in enumerate(json.loads(os.environ["EVENTS"])):
    request = f"8f5d7f2e-94d5-4a4e-8a0f-{number:012d}"
    context = types.SimpleNamespace(
        function_name="orders", function_version="4", aws_request_id=request
    )
    handler = lambda_rollback_recorder.handler
    print("START RequestId:", request, "Version: 4", flush=True)
    answers.write(json.dumps(handler(event, context)) + "\\n")
    print("END RequestId:", request, flush=True)
"""


class Api(BaseHTTPRequestHandler):
    """An API that answers with JSON, compressed, in chunks, as text and with errors."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/rates?"):
            body = b'{"rate": 1.10, "for": "' + EMAIL.encode() + b'"}'
            if "gzip" in self.headers.get("Accept-Encoding", ""):
                body = gzip.compress(body)
                self._answer(200, body, ("Content-Encoding", "gzip"), chunked=True)
            else:
                self._answer(200, body)
        else:
            self._answer(404, b"gone", ("Content-Type", "text/plain"))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/login":
            body = json.dumps({"access_token": SESSION, "hello": NAME}).encode()
            self._answer(200, body, ("Set-Cookie", f"sid={SESSION}; Path=/; HttpOnly"))
        else:
            self._answer(201, b'{"id": 12345678901234567890}')

    def _answer(
        self, status: int, body: bytes, header: tuple[str, str] = ("X", "y"), *,
        chunked: bool = False,
    ) -> None:  # fmt: skip
        self.send_response(status)
        self.send_header(*header)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            pieces = [body[:7], body[7:], b""]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def api() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


@pytest.fixture
def aws(aws_environment: AwsServer) -> AwsServer:
    secret = {"api_key": API_KEY, "password": DB_PASSWORD, "host": "db.internal", "port": 5432}
    client_of(aws_environment, "secretsmanager").create_secret(
        Name="shop", SecretString=json.dumps(secret)
    )
    client_of(aws_environment, "ssm").put_parameter(
        Name="/shop/flag", Value="hidden-flag-1", Type="SecureString"
    )
    client_of(aws_environment, "dynamodb").create_table(
        TableName="orders", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    s3 = client_of(aws_environment, "s3")
    s3.create_bucket(
        Bucket="reports", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    s3.put_object(Bucket="reports", Key="old", Body=f"report for {EMAIL}".encode())
    return aws_environment


def invoked(
    tmp_path: Path, app: str, *given: object, code: int = 0, **variables: str
) -> tuple[list[str], list[Any]]:
    """The lines that the function logged under the recorder, and what it answered."""
    folder = tmp_path / "task"
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(app)
    (folder / "lambda_rollback_recorder.py").write_bytes(recorder_source())
    answers = tmp_path / "answers"
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=folder,
        env={
            **os.environ,
            "EVENTS": json.dumps(given),
            "ANSWERS": str(answers),
            "LAMBDA_ROLLBACK_HANDLER": "app.handler",
            "LAMBDA_ROLLBACK_SAMPLE": "1",
            "LAMBDA_ROLLBACK_DOWNSTREAM": "1",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout.splitlines(), [json.loads(line) for line in answers.read_text().splitlines()]


def logged(server: AwsServer, lines: list[str]) -> None:
    client = client_of(server, "logs")
    names = {
        "logGroupName": "/aws/lambda/orders",
        "logStreamName": "2026/11/23/[4]0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    }
    client.create_log_group(logGroupName=names["logGroupName"])
    client.create_log_stream(**names)
    now_ms = int(time.time() * 1000)
    client.put_log_events(
        **names, logEvents=[{"timestamp": now_ms, "message": line} for line in lines]
    )


def fixture_of(project: Project) -> EventFixture:
    [path] = (project.path / "events" / "orders").glob("*.json")
    return events.load(path, name=path.stem)


def one(found: tuple[Exchange, ...], operation: str) -> Any:
    """The last exchange of an operation, or of a path."""
    return [
        each
        for each in found
        if (isinstance(each, AwsExchange) and each.operation == operation)
        or (isinstance(each, HttpExchange) and operation in each.url)
    ][-1]


def test_answers_of_production_become_those_of_the_fixture(
    project: Project, aws: AwsServer, api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
        (tmp_path / name.lower()).mkdir()
    publish_function(client_of(aws), "orders", [Version(code=zip_of({"app.py": APP}))] * 2)
    project.configure('[functions.orders]\naws = "orders"\n')
    event = {"email": EMAIL, "last_name": NAME, "n": 1}
    lines, [answer] = invoked(tmp_path, APP, event, API=api)

    # The function got what it would have got without the recorder.
    assert answer["item"] == [f"USER#{NAME}", EMAIL, "ff00", "1.10"]
    assert answer["refused"] == "ConditionalCheckFailedException"
    assert answer["report"] == f"report for {EMAIL}"
    assert answer["rates"] == {"rate": 1.10, "for": EMAIL}
    assert answer["charge"] == [201, '{"id": 12345678901234567890}']
    assert (answer["gone"], answer["flag"], answer["port"]) == (
        [404, "gone"],
        "hidden-flag-1",
        5432,
    )

    # Secrets of the services do not reach the log.
    log = "\n".join(lines)
    assert "incomplete" not in log
    assert "lambda_rollback_note" not in log
    for secret in (API_KEY, DB_PASSWORD, SESSION, "hidden-flag-1", "a-secret-of-the-tests"):
        assert secret not in log
    assert "Authorization" not in log
    assert "authorization" not in log

    logged(aws, lines)
    recorded = project.console("record", "orders")
    assert recorded.code == 0, recorded.text
    fixture = fixture_of(project)
    text = fixture.path.read_text()
    for private in (EMAIL, NAME, "contoso", API_KEY, DB_PASSWORD, SESSION):
        assert private not in text
    checked = project.console("record", "--check")
    assert checked.code == 0, checked.text

    # Same request, same answer: what the function makes of the redacted event is what is recorded.
    given = json.loads(fixture.payload)
    key, mail = {"S": f"USER#{given['last_name']}"}, {"S": given["email"]}
    found = fixture.downstream
    put = [each for each in found if isinstance(each, AwsExchange) and each.operation == "PutItem"]
    assert [json.loads(each.parameters)["Item"]["id"] for each in put] == [key, key]
    item = json.loads(put[0].parameters)["Item"]
    assert item["mail"] == mail
    assert item["raw"] == {"B": {"$bytes": "/wA="}}
    assert item["text"] == {"B": {"$text": "plain"}}
    assert item["amount"] == {"N": "1.10"}
    assert sorted(item["tags"]["SS"]) == ["a", "b"]
    assert put[1].error_code == "ConditionalCheckFailedException"
    assert put[1].status == 400
    get = one(found, "GetItem")
    assert json.loads(get.parameters) == {"TableName": "orders", "Key": {"id": key}}
    assert json.loads(get.result)["Item"] == item
    assert "ResponseMetadata" not in json.loads(get.result)
    report = json.loads(one(found, "GetObject").result)
    assert report["Body"] == {"$text": f"report for {given['email']}"}
    assert report["LastModified"]["$time"].endswith("Z")
    assert json.loads(one(found, "PutObject").parameters)["Body"] == {"$text": "\0\1 report"}

    secret = json.loads(json.loads(one(found, "GetSecretValue").result)["SecretString"])
    assert (secret["host"], secret["port"]) == ("db.internal", 5432)
    assert len(secret["api_key"]) == len(API_KEY)
    login, rates = one(found, "/login"), one(found, "/rates")
    assert json.loads(login.request_body) == {
        "customer": given["email"], "api_key": secret["api_key"],
    }  # fmt: skip
    token = json.loads(login.body)["access_token"]
    assert json.loads(login.body)["hello"] == given["last_name"]
    assert dict(login.headers)["set-cookie"].endswith("; Path=/; HttpOnly")
    assert login.request_headers == ()
    assert parse_qs(urlsplit(rates.url).query) == {"mail": [given["email"]], "session": [token]}
    assert rates.url.startswith(f"{api}/rates?")
    assert json.loads(rates.body)["for"] == given["email"]
    assert b"1.10" in rates.body
    charge, gone = one(found, "/charges"), one(found, "/gone")
    assert (charge.method, charge.url) == ("POST", f"{api}/charges?try=1")
    assert charge.request_body == f"amount=5&name={given['last_name']}".encode()
    assert (charge.status, charge.body) == (201, b'{"id":12345678901234567890}')
    assert (gone.status, gone.body) == (404, b"gone")
    assert one(found, "GetParameter").operation == "GetParameter"
    names = [each.operation if isinstance(each, AwsExchange) else each.url for each in found]
    assert names[:2] == ["GetSecretValue", "GetParameter"]
    assert len(names) == 11


def test_a_recorded_fixture_replays_without_any_set_up(
    project: Project, aws: AwsServer, api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed_bubblewrap()
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
        (tmp_path / name.lower()).mkdir()
    named = api.replace("127.0.0.1", "api.shop.test")
    versions = [
        Version(code=zip_of({"app.py": code}), environment={"API": named})
        for code in (SHOP.replace('rates["for"]', 'rates["to"]'), SHOP + "# 2", SHOP)
    ]
    publish_function(client_of(aws), "orders", versions)
    project.configure(
        f'[functions.orders]\naws = "orders"\n[functions.orders.environment]\nAPI = "{named}"\n'
    )
    lines, [answer] = invoked(tmp_path, SHOP, {"email": EMAIL, "last_name": NAME}, API=named)
    assert (answer["mail"], answer["who"]) == (EMAIL, EMAIL)
    logged(aws, lines)
    recorded = project.console("record", "orders")
    assert recorded.code == 0, recorded.text
    assert len(fixture_of(project).downstream) == 5

    # Neither the services nor what is in them are there any more.
    client_of(aws, "secretsmanager").delete_secret(SecretId="shop", ForceDeleteWithoutRecovery=True)
    run = project.pytest(JSON)
    report = report_of(project)
    assert unknowns_of(report) == [], run.text
    assert breaks_of(report) == {
        ("1", strategy): {fixture_of(project).name} for strategy in ("alias", "redeploy")
    }
    run.shows("KeyError", "'to'")
