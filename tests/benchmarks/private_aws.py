"""A private AWS: ready once for a worker, fresh for each pass, and one request to it.

Ready and fresh are held against the start of a container, which a pass needs anyway, a request
against the same one to moto's own server in a process of its own. Both are sent as bytes, so
that no client's work is on either side, and over a connection of their own, for moto's server
keeps none.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from benchmarks.measures import Effort, Ratio, Result, Say, take_turns
from benchmarks.workbench import BASE_IMAGE, CannotMeasure, Workbench
from pytest_lambda_rollback.model.settings import AwsService
from pytest_lambda_rollback.services.aws.private_aws import PrivateAws, SeededAws

GOAL_READY = 2.5
GOAL_FRESH = 0.05
GOAL_REQUEST = 1.3
STARTS = 8
REQUESTS = 300
WARM_UP = 20

Connect = Callable[[], socket.socket]

_SEED = """
def seed(session):
    client = session.client("dynamodb")
    client.create_table(
        TableName="orders", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    client.put_item(TableName="orders", Item={"id": {"S": "o-1"}, "total": {"N": "5"}})
"""

_MOTO_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """Ready and fresh against a container's start, and a GetItem against moto's server."""
    path = bench.folder / "seed.py"
    path.write_text(_SEED)
    content = AwsService(seed=path)
    with closing(PrivateAws()) as private:
        seeded = _seeded(private, content)
        fresh, ready, container = take_turns(
            (
                lambda: _timed(lambda: _first_answer(seeded)),
                lambda: _ready(content),
                lambda: _timed(_container),
            ),
            rounds=effort.rounds_of(STARTS),
            warm_up=effort.warm_up_of(1),
            say=say,
        )
        with closing(seeded.open()) as opened, _moto() as moto:
            to_pass, to_moto = take_turns(
                (
                    lambda: _timed(lambda: _get_item(opened.connect)),
                    lambda: _timed(lambda: _get_item(moto)),
                ),
                rounds=effort.rounds_of(REQUESTS),
                warm_up=effort.warm_up_of(WARM_UP),
                say=say,
            )
    return (
        Ratio(
            name="private-aws-ready",
            what="a private AWS from nothing to its first answer / docker run of nothing",
            subject_s=ready,
            reference_s=container,
            goal=GOAL_READY,
        ),
        Ratio(
            name="private-aws-fresh",
            what="a fresh copy of it to its first answer / docker run of nothing",
            subject_s=fresh,
            reference_s=container,
            goal=GOAL_FRESH,
        ),
        Ratio(
            name="private-aws-request",
            what="one DynamoDB GetItem / the same to moto's own server",
            subject_s=to_pass,
            reference_s=to_moto,
            goal=GOAL_REQUEST,
        ),
    )


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _seeded(private: PrivateAws, content: AwsService) -> SeededAws:
    return private.seeded(content, region="eu-west-1", account="111122223333")


def _ready(content: AwsService) -> float:
    with closing(PrivateAws()) as private:
        return _timed(lambda: _first_answer(_seeded(private, content)))


def _first_answer(seeded: SeededAws) -> None:
    with closing(seeded.open()) as opened:
        _get_item(opened.connect)


def _get_item(connect: Connect) -> None:
    _asked(connect, "GetItem", {"TableName": "orders", "Key": {"id": {"S": "o-1"}}})


def _asked(connect: Connect, operation: str, parameters: object) -> None:
    body = json.dumps(parameters).encode()
    scope = "key/20260101/eu-west-1/dynamodb/aws4_request"
    head = (
        "POST / HTTP/1.1",
        "Host: dynamodb.eu-west-1.amazonaws.com",
        f"X-Amz-Target: DynamoDB_20120810.{operation}",
        "Content-Type: application/x-amz-json-1.0",
        f"Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        f"Content-Length: {len(body)}",
    )
    answer = b""
    with closing(connect()) as connection:
        connection.settimeout(30)
        connection.sendall("\r\n".join((*head, "", "")).encode() + body)
        while not _is_whole(answer):
            content = connection.recv(65536)
            if not content:
                raise CannotMeasure(f"{operation} was not answered: {answer[:200]!r}")
            answer += content
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise CannotMeasure(f"{operation} failed: {answer[:200]!r}")


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    ]
    return bool(end and lengths) and len(body) >= lengths[0]


@contextmanager
def _moto() -> Iterator[Connect]:
    """Connects to moto's own server, which has the same item in it."""
    server = subprocess.Popen(
        [sys.executable, "-c", _MOTO_SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        if not select.select([server.stdout], [], [], 60)[0]:
            raise CannotMeasure("moto's server does not start")
        address = ("127.0.0.1", int(server.stdout.readline()))

        def connect() -> socket.socket:
            return socket.create_connection(address)

        table = {
            "TableName": "orders",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        }
        _asked(connect, "CreateTable", table)
        item = {"id": {"S": "o-1"}, "total": {"N": "5"}}
        _asked(connect, "PutItem", {"TableName": "orders", "Item": item})
        yield connect
    finally:
        server.kill()
        server.communicate()


def _container() -> None:
    subprocess.run(
        ["docker", "run", "--rm", "--network=none", "--entrypoint=/bin/true", BASE_IMAGE],
        check=True,
        capture_output=True,
    )
