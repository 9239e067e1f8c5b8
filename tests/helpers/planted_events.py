"""Events of a shop with planted secrets, in a function's log; and what a reader finds in a file."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from unittest import mock
from urllib.parse import quote, unquote_plus

from helpers.account_content import client_of
from helpers.aws_emulator.server import AwsServer
from pytest_lambda_rollback.recording.recorder import lambda_rollback_recorder

EVENTS = 1_000
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ALPHABET = LETTERS.upper() + LETTERS + "0123456789"


@dataclass
class Secrets:
    """Makes secrets and remembers them."""

    random: random.Random
    planted: list[str] = field(default_factory=list)

    def plant(self, value: str) -> str:
        self.planted.append(value)
        return value

    def text(self, length: int, alphabet: str = ALPHABET) -> str:
        return "".join(self.random.choice(alphabet) for _ in range(length))

    def email(self) -> str:
        name = f"{self.text(7, LETTERS)}.{self.text(8, LETTERS)}"
        return self.plant(f"{name}@{self.text(9, LETTERS)}.com")

    def card(self) -> str:
        digits = "4" + self.text(14, "0123456789")
        total = 0
        for place, digit in enumerate(reversed(digits)):
            doubled = int(digit) * (2 if place % 2 == 0 else 1)
            total += doubled - 9 if doubled > 9 else doubled
        return self.plant(digits + str(-total % 10))

    def phone(self) -> str:
        return self.plant(f"+4915{self.text(9, '0123456789')}")

    def access_key(self) -> str:
        return self.plant("AKIA" + self.text(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))

    def secret_key(self) -> str:
        return self.plant(self.text(40, ALPHABET + "+/"))

    def jwt(self) -> str:
        def part(value: object) -> str:
            data = json.dumps(value).encode()
            return base64.urlsafe_b64encode(data).decode().rstrip("=")

        claims = {"iss": "https://login.example", "sub": self.person(), "email": self.email(),
                  "exp": 1_795_424_400}  # fmt: skip
        signature = self.plant(self.text(43))
        token = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{signature}"
        return self.plant(token)

    def name(self) -> str:
        return self.plant(f"{self.text(6, LETTERS).title()} {self.text(8, LETTERS).title()}")

    def person(self) -> str:
        return self.plant(str(uuid.UUID(int=self.random.getrandbits(128), version=4)))

    def session(self) -> str:
        return self.plant(self.text(32))


Maker = Callable[[Secrets, int], dict[str, object]]


def api_event(secrets: Secrets, number: int) -> dict[str, object]:
    """A REST API's event; the body is JSON text, in every third in base64."""
    body = json.dumps(
        {"customer": {"email": secrets.email(), "phone": secrets.phone()},
         "payment": {"card": secrets.card(), "amount": number / 100},
         "note": f"call {secrets.phone()} or write to {secrets.email()}"}
    )  # fmt: skip
    encoded = number % 3 == 0
    return {
        "resource": "/orders",
        "path": "/orders",
        "httpMethod": "POST",
        "headers": {
            "Authorization": f"Bearer {secrets.jwt()}",
            "Cookie": f"session={secrets.session()}; theme=dark",
            "Content-Type": "application/json",
        },
        "queryStringParameters": {"email": secrets.email()},
        "requestContext": {
            "stage": "live",
            "identity": {"sourceIp": "203.0.113.7", "user": secrets.person()},
            "authorizer": {"claims": {"sub": secrets.person(), "name": secrets.name()}},
        },
        "body": base64.b64encode(body.encode()).decode() if encoded else body,
        "isBase64Encoded": encoded,
    }


def form_event(secrets: Secrets, _: int) -> dict[str, object]:
    """An HTTP API's event with a form and cookies."""
    email = secrets.email()
    return {
        "version": "2.0",
        "routeKey": "POST /contact",
        "rawPath": "/contact",
        "rawQueryString": f"token={secrets.session()}",
        "cookies": [f"sid={secrets.session()}"],
        "headers": {
            "authorization": "Basic "
            + base64.b64encode(f"ada:{secrets.plant(secrets.text(12))}".encode()).decode(),
            "content-type": "application/x-www-form-urlencoded",
        },
        "requestContext": {"http": {"method": "POST", "path": "/contact"}, "stage": "$default"},
        "body": f"email={quote(email)}&phone={quote(secrets.phone())}&text=hello",
        "isBase64Encoded": False,
    }


def queue_event(secrets: Secrets, number: int) -> dict[str, object]:
    """A message whose body holds JSON text that holds JSON text."""
    inner = {"aws": {"accessKeyId": secrets.access_key(), "secretAccessKey": secrets.secret_key()}}
    body: dict[str, object] = {
        "kind": ("created", "paid", "cancelled")[number % 3],
        "payload": json.dumps({"contact": secrets.email(), "settings": json.dumps(inner)}),
    }
    if number % 3 == 1:
        body["card"] = secrets.card()
    return {
        "Records": [
            {"messageId": f"{number:08d}-87a3-44ab-83d2-661975830a7d",
             "receiptHandle": secrets.session(), "body": json.dumps(body), "attributes": {},
             "messageAttributes": {}, "md5OfBody": "0" * 32, "eventSource": "aws:sqs",
             "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
             "awsRegion": "eu-west-1"}
        ]
    }  # fmt: skip


def direct_event(secrets: Secrets, number: int) -> dict[str, object]:
    """An event of the function's own callers, with a log line in it."""
    return {
        "action": "export",
        "for": secrets.email(),
        "log": f"user {secrets.email()} from {secrets.phone()} used {secrets.access_key()}",
        "password": secrets.plant(secrets.text(14)),
        "page": number,
    }


def bus_event(secrets: Secrets, number: int) -> dict[str, object]:
    """An event of a bus, about one customer under several names."""
    person = secrets.person()
    detail: dict[str, object] = {
        "user": {"sub": person, "username": person, "email": secrets.email(), "exp": number},
        "owner": f"CUSTOMER#{person}",
        "signed": "https://files.shop.example/invoice.pdf?X-Amz-Signature="
        + secrets.plant(secrets.text(64, "0123456789abcdef")),
    }
    return {
        "version": "0", "id": f"{number:08d}-1c2d-44ab-83d2-661975830a7d", "source": "shop.orders",
        "detail-type": ("OrderPlaced", "OrderShipped")[number % 2], "account": "123456789012",
        "time": "2026-11-23T09:00:00Z", "region": "eu-west-1", "resources": [], "detail": detail,
    }  # fmt: skip


MAKERS = (api_event, form_event, queue_event, direct_event, bus_event)


def plain_lines(event: object, request: str) -> list[str]:
    """The line of a function that passes its event to Python's logging."""
    return [f"[INFO]\t2026-11-23T09:00:00.123Z\t{request}\tevent: {json.dumps(event)}"]


def powertools_lines(event: object, request: str) -> list[str]:
    """The line of Powertools for Python with ``inject_lambda_context(log_event=True)``."""
    record = {
        "level": "INFO", "location": "decorate:352", "message": event,
        "timestamp": "2026-11-23 09:00:00,123+0000", "service": "shop", "cold_start": False,
        "function_name": "orders", "function_memory_size": "128", "function_request_id": request,
        "function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:orders",
        "xray_trace_id": "1-58406520-a006649127e371903a2de979",
    }  # fmt: skip
    return [json.dumps(record)]


def recorder_lines(event: object, request: str) -> list[str]:
    """The line of the recorder in a function, by the recorder itself."""
    context = SimpleNamespace(function_name="orders", function_version="4", aws_request_id=request)
    written = io.StringIO()
    with mock.patch.dict(os.environ, {"LAMBDA_ROLLBACK_SAMPLE": "1"}):
        recorded = lambda_rollback_recorder.record(lambda event, context: None)
    with contextlib.redirect_stdout(written):
        recorded(event, context)
    return written.getvalue().splitlines()


FORMS = (plain_lines, powertools_lines, recorder_lines)


def fill_log(
    server: AwsServer,
    secrets: Secrets,
    group: str = "/aws/lambda/orders",
    *,
    count: int = EVENTS,
    makers: Sequence[Maker] = MAKERS,
) -> None:
    """Let a function get ``count`` events of all kinds and log them in all forms."""
    client = client_of(server, "logs")
    stream = "2026/11/23/[4]0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    for make, more in (
        (client.create_log_group, {}),
        (client.create_log_stream, {"logStreamName": stream}),
    ):
        with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
            make(logGroupName=group, **more)
    now_ms = int(time.time() * 1000)
    lines = []
    for number in range(count):
        event = makers[number % len(makers)](secrets, number // len(makers))
        request = f"8f5d7f2e-94d5-4a4e-8a0f-{number:012d}"
        for text in (
            f"START RequestId: {request} Version: 4",
            *FORMS[number // len(makers) % len(FORMS)](event, request),
            f"END RequestId: {request}",
        ):
            lines.append({"timestamp": now_ms - count + number, "message": text})
    for start in range(0, len(lines), 900):
        client.put_log_events(
            logGroupName=group, logStreamName=stream, logEvents=lines[start : start + 900]
        )


def readings(content: bytes) -> Iterator[bytes]:
    """The text of a file, and all that decoding it in every way gives, again and again."""
    seen: set[bytes] = set()
    left = [content]
    while left:
        data = left.pop()
        if data in seen:
            continue
        seen.add(data)
        yield data
        text = data.decode("utf-8", "replace")
        left.append(unquote_plus(text).encode())
        left.append(text.replace("\\", "").encode())
        for match in re.finditer(r"[A-Za-z0-9+/_-]{16,}={0,2}", text):
            found = match.group().rstrip("=").replace("-", "+").replace("_", "/")
            if len(found) % 4 != 1:
                left.append(base64.b64decode(found + "=" * (-len(found) % 4)))
