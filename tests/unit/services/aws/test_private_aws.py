"""Processes of a private AWS: fresh states, what becomes of them, what a seed may be."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.aws_bridge import Bridge, bridged
from pytest_lambda_rollback.errors import ConfigError, EngineError
from pytest_lambda_rollback.model.services import Answer
from pytest_lambda_rollback.model.settings import AwsService
from pytest_lambda_rollback.services.aws.private_aws import AwsPass, PrivateAws

Open = Callable[..., tuple[AwsPass, Bridge]]
Seed = Callable[..., AwsService]

TABLE = (
    'db = session.client("dynamodb")',
    'db.create_table(TableName="orders", BillingMode="PAY_PER_REQUEST",',
    '    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],',
    '    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])',
    'db.put_item(TableName="orders", Item={"id": {"S": "o-1"}, "total": {"N": "5"}})',
)


def children_of(pid: int) -> set[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for each in lists for child in each.read_text().split()}


def below(pid: int) -> set[int]:
    found = children_of(pid)
    return found.union(*(below(child) for child in found))


def wait_until(condition: Callable[[], bool], *, within_s: float = 10.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_passes_of_a_seed_begin_equal_and_do_not_see_one_another(
    opened: Open, seed_file: Seed
) -> None:
    content = seed_file(*TABLE)
    first, to_first = opened(content)
    second, to_second = opened(content)
    assert first.stored() == second.stored()
    to_first.client("dynamodb").put_item(
        TableName="orders", Item={"id": {"S": "o-2"}, "total": {"N": "7"}}
    )
    assert [item.key for item in first.stored().items] == ["", '{"id": "o-1"}', '{"id": "o-2"}']
    assert [item.key for item in second.stored().items] == ["", '{"id": "o-1"}']
    items = to_second.client("dynamodb").scan(TableName="orders")["Items"]
    assert items == [{"id": {"S": "o-1"}, "total": {"N": "5"}}]


def test_an_empty_private_aws(opened: Open) -> None:
    opened_pass, bridge = opened()
    assert opened_pass.stored().items == ()
    with pytest.raises(ClientError) as raised:
        bridge.client("dynamodb").get_item(TableName="orders", Key={"id": {"S": "o-1"}})
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"
    (request,) = opened_pass.requests()
    assert (request.service, request.operation) == ("dynamodb", "GetItem")
    assert (request.status, request.error) == (400, "ResourceNotFoundException")
    assert request.message == "Requested resource not found"
    assert request.answer is Answer.ANSWERED
    assert json.loads(request.parameters) == {"TableName": "orders", "Key": {"id": {"S": "o-1"}}}


def test_region_and_account_are_the_functions(opened: Open) -> None:
    _, bridge = opened(region="ap-southeast-2", account="444455556666")
    identity = bridge.client("sts", region="ap-southeast-2").get_caller_identity()
    assert identity["Account"] == "444455556666"
    queue = bridge.client("sqs", region="ap-southeast-2").create_queue(QueueName="jobs")
    url = queue["QueueUrl"]
    assert url.endswith("://sqs.ap-southeast-2.amazonaws.com/444455556666/jobs")


def test_ids_differ_between_passes(opened: Open) -> None:
    ids = set()
    for _ in range(2):
        _, bridge = opened()
        sqs = bridge.client("sqs")
        url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
        ids.add(sqs.send_message(QueueUrl=url, MessageBody="{}")["MessageId"])
    assert len(ids) == 2


def test_twenty_passes_side_by_side(opened: Open, seed_file: Seed) -> None:
    content = seed_file(*TABLE)
    pairs = [opened(content) for _ in range(20)]
    failures: list[str] = []

    def write(number: int, bridge: Bridge) -> None:
        client = bridge.client("dynamodb")
        for count in range(3):
            key = {"id": {"S": f"{number}-{count}"}}
            client.put_item(TableName="orders", Item=key)
            if client.get_item(TableName="orders", Key=key)["Item"] != key:
                failures.append(f"{number}-{count}")

    threads = [
        threading.Thread(target=write, args=(number, bridge))
        for number, (_, bridge) in enumerate(pairs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for number, (opened_pass, _) in enumerate(pairs):
        keys = [item.key for item in opened_pass.stored().items][1:]
        assert keys == [*(f'{{"id": "{number}-{count}"}}' for count in range(3)), '{"id": "o-1"}']


def test_several_connections_of_one_pass_at_once(opened: Open, seed_file: Seed) -> None:
    opened_pass, bridge = opened(seed_file(*TABLE))

    def add() -> None:
        client = bridge.client("dynamodb")
        for _ in range(10):
            client.update_item(
                TableName="orders",
                Key={"id": {"S": "o-1"}},
                UpdateExpression="ADD amount :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    item = opened_pass.stored().items[1]
    assert json.loads(item.value)["amount"] == {"N": "40"}
    assert len(opened_pass.requests()) == 40


def test_waiting_for_messages_holds_nobody_up(opened: Open) -> None:
    _, bridge = opened()
    sqs = bridge.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    waiting = threading.Thread(target=lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=3))
    waiting.start()
    time.sleep(0.2)
    begun = time.monotonic()
    bridge.client("sts").get_caller_identity()
    assert time.monotonic() - begun < 2
    waiting.join()


def test_a_seed_that_fails_names_its_line(private_aws: PrivateAws, seed_file: Seed) -> None:
    content = seed_file(
        'print("looking for prices")', 'session.client("s3").get_object(Bucket="b")'
    )
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"failed at seed\.py:3") as raised:
            private_aws.seeded(content, region="eu-west-1", account="111122223333")
        assert "Missing required parameter" in raised.value.why
        assert "looking for prices" in raised.value.why


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("def seeds(session): pass", "has no function seed"),
        ("def seed(session)\n", "failed at seed.py:1"),
        ("import sys\nsys.exit(3)", "failed at seed.py:2"),
        (
            "import threading, time\n"
            "def seed(session):\n"
            "    threading.Thread(target=time.sleep, args=(60,), name='late').start()\n",
            "is not finished",
        ),
    ],
)
def test_seeds_that_are_none(private_aws: PrivateAws, tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "seed.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=what):
        private_aws.seeded(AwsService(seed=path), region="eu-west-1", account="111122223333")


def test_a_seed_imports_what_is_beside_it(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "beside_the_seed.py").write_text("NAME = 'prices'\n")
    path = tmp_path / "seed.py"
    path.write_text(
        "import beside_the_seed\n"
        "def seed(session):\n"
        "    session.resource('s3').create_bucket(Bucket=beside_the_seed.NAME,\n"
        "        CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})\n"
    )
    _, bridge = opened(AwsService(seed=path))
    assert [b["Name"] for b in bridge.client("s3").list_buckets()["Buckets"]] == ["prices"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["beside_the_seed.py", "seed.py"]


def test_a_seed_sees_no_credentials_and_no_home(
    monkeypatch: pytest.MonkeyPatch, seed_file: Seed, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALONE")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    monkeypatch.setenv("HOME", str(tmp_path))
    content = seed_file(
        "import json, os, pathlib",
        "credentials = session.get_credentials()",
        "raise ValueError(json.dumps([credentials.access_key, sorted(os.environ),"
        " str(pathlib.Path.home())]))",
    )
    private = PrivateAws()
    try:
        with pytest.raises(ConfigError) as raised:
            private.seeded(content, region="eu-west-1", account="111122223333")
    finally:
        private.close()
    key, names, home = json.loads(raised.value.why.partition(": ")[2])
    assert key == "lambda-rollback-dummy"
    assert not {"AWS_PROFILE", "HTTPS_PROXY"} & set(names)
    assert home == os.devnull


def test_a_seed_of_more_than_its_time(
    monkeypatch: pytest.MonkeyPatch, private_aws: PrivateAws, seed_file: Seed
) -> None:
    monkeypatch.setattr("pytest_lambda_rollback.services.aws.private_aws.SEED_LIMIT_S", 1.0)
    content = seed_file("import time; time.sleep(600)")
    with pytest.raises(ConfigError, match="was not ready in time"):
        private_aws.seeded(content, region="eu-west-1", account="111122223333")
    another = private_aws.seeded(AwsService(), region="eu-west-1", account="111122223333")
    another.open().close()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def own_aws() -> Any:
    """A private AWS for a test that harms it, and its child program's process id."""
    before = children_of(os.getpid())
    private = PrivateAws()
    private.start_ahead()
    (pid,) = children_of(os.getpid()) - before
    yield private, pid
    private.close()


def test_close_ends_every_process(own_aws: tuple[PrivateAws, int], seed_file: Seed) -> None:
    private, pid = own_aws
    seeded = private.seeded(seed_file(*TABLE), region="eu-west-1", account="111122223333")
    passes = [seeded.open() for _ in range(3)]
    passes[0].close()
    # The seeded process, two passes, and the process that waits for the next one.
    assert wait_until(lambda: len([each for each in below(pid) if alive(each)]) == 4)
    every = {pid, *below(pid)}
    private.close()
    assert wait_until(lambda: not any(alive(each) for each in every))
    for one in passes:
        with closing(one), pytest.raises(EngineError, match=r"has ended|does not answer"):
            one.stored()
    private.close()


def test_a_killed_pass_is_an_engine_error_and_the_next_one_works(
    own_aws: tuple[PrivateAws, int], stack: ExitStack
) -> None:
    private, pid = own_aws
    seeded = private.seeded(AwsService(), region="eu-west-1", account="111122223333")
    (holder,) = children_of(pid)
    assert wait_until(lambda: len(children_of(holder)) == 1)
    (process,) = children_of(holder)  # it waits for the next pass
    lost = stack.enter_context(closing(seeded.open()))
    os.kill(process, signal.SIGKILL)
    with pytest.raises(EngineError, match=r"has ended|does not answer"):
        lost.requests()
    with pytest.raises(ConnectionRefusedError):
        lost.connect()
    with closing(seeded.open()) as opened:
        assert opened.stored().items == ()


def test_a_process_that_is_killed_before_its_pass_begins(
    own_aws: tuple[PrivateAws, int],
) -> None:
    private, pid = own_aws
    seeded = private.seeded(AwsService(), region="eu-west-1", account="111122223333")
    (holder,) = children_of(pid)
    assert wait_until(lambda: len(children_of(holder)) == 1)
    (process,) = children_of(holder)
    os.kill(process, signal.SIGKILL)
    assert wait_until(lambda: not alive(process))
    with closing(seeded.open()) as opened:
        assert opened.stored().items == ()


def test_a_killed_seeded_process_is_made_again(own_aws: tuple[PrivateAws, int]) -> None:
    private, pid = own_aws
    seeded = private.seeded(AwsService(), region="eu-west-1", account="111122223333")
    (process,) = children_of(pid)
    os.kill(process, signal.SIGKILL)
    with pytest.raises(EngineError, match=r"has ended|does not answer"):
        seeded.open()
    again = private.seeded(AwsService(), region="eu-west-1", account="111122223333")
    with closing(again.open()) as opened:
        assert opened.stored().items == ()


def test_a_killed_child_program_takes_all_with_it_and_starts_again(
    own_aws: tuple[PrivateAws, int], stack: ExitStack
) -> None:
    private, pid = own_aws
    seeded = private.seeded(AwsService(), region="eu-west-1", account="111122223333")
    lost = stack.enter_context(closing(seeded.open()))
    every = below(pid)
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not any(alive(each) for each in every))
    with pytest.raises(EngineError):
        lost.stored()
    with pytest.raises(EngineError):
        seeded.open()
    again = private.seeded(AwsService(), region="eu-west-1", account="111122223333")
    with closing(again.open()) as opened:
        assert opened.stored().items == ()


def test_nothing_outlives_a_killed_plugin(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pytest_lambda_rollback.model.settings import AwsService\n"
        "from pytest_lambda_rollback.services.aws.private_aws import PrivateAws\n"
        "seeded = PrivateAws().seeded(AwsService(), region='eu-west-1', account='111122223333')\n"
        "opened = seeded.open()\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as plugin:
        try:
            assert plugin.stdout is not None
            assert plugin.stdout.readline() == b"ready\n"
            assert wait_until(lambda: len(below(plugin.pid)) == 4)
            every = below(plugin.pid)
        finally:
            plugin.kill()
    assert wait_until(lambda: not any(alive(each) for each in every))


def test_without_the_extra() -> None:
    code = (
        "import sys\n"
        "sys.modules['moto'] = None\n"
        "from pytest_lambda_rollback.errors import EngineError\n"
        "from pytest_lambda_rollback.model.settings import AwsService\n"
        "from pytest_lambda_rollback.services.aws.private_aws import PrivateAws\n"
        "try:\n"
        "    PrivateAws().seeded(AwsService(), region='eu-west-1', account='111122223333')\n"
        "except EngineError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        'A private AWS needs the extra "state": moto is not installed.'
        ' pip install "pytest-lambda-rollback[state]".\n'
    )


def test_moto_is_not_loaded_into_the_plugin() -> None:
    code = (
        "import sys\n"
        "import pytest_lambda_rollback.services.aws.private_aws\n"
        "print(sorted({'moto', 'boto3', 'botocore', 'werkzeug'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_pass_reaches_no_network_and_starts_no_program(opened: Open) -> None:
    opened_pass, bridge = opened()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        sns = bridge.client("sns")
        arn = sns.create_topic(Name="orders")["TopicArn"]
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with contextlib.suppress(ClientError):
            sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=address)
        with pytest.raises(ClientError) as raised:
            sns.publish(TopicArn=arn, Message="{}")
        assert raised.value.response["Error"]["Code"] == "NotImplemented"
        with pytest.raises(TimeoutError):
            listener.accept()
    assert opened_pass.requests()[-1].answer is Answer.UNSUPPORTED


def test_nonsense_ends_a_connection_and_nothing_else(opened: Open) -> None:
    opened_pass, bridge = opened()
    with opened_pass.connect() as connection:
        connection.sendall(b"\x16\x03\x01\x00\xff" * 50)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
        assert connection.recv(4096) == b""
    with opened_pass.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 65_600)
        assert connection.recv(4096).startswith(b"HTTP/1.1 431 ")
    assert bridge.client("sts").get_caller_identity()["Account"] == "111122223333"


def test_a_connection_stays_open_for_several_requests(opened: Open) -> None:
    opened_pass, _ = opened()
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    request = (
        b"POST / HTTP/1.1\r\nHost: sts.eu-west-1.amazonaws.com\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )
    with opened_pass.connect() as connection:
        for _ in range(2):
            connection.sendall(request)
            assert b"<Account>111122223333</Account>" in connection.recv(65536)


def test_two_private_aws_have_nothing_in_common(seed_file: Seed, stack: ExitStack) -> None:
    one, other = (stack.enter_context(closing(PrivateAws())) for _ in range(2))
    seeded = one.seeded(seed_file(*TABLE), region="eu-west-1", account="111122223333")
    empty = other.seeded(AwsService(), region="eu-west-1", account="111122223333")
    first, second = (stack.enter_context(closing(each.open())) for each in (seeded, empty))
    bridge = stack.enter_context(bridged(second.connect))
    assert bridge.client("dynamodb").list_tables()["TableNames"] == []
    assert len(first.stored().items) == 2
