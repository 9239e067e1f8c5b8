"""The recorder in a function that calls services: it keeps what they answered, and changes nothing.

Each function runs in a process of its own, since the recorder wraps libraries for good.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.recording.recorder import recorder_source

FUNCTION = """
import asyncio, gzip, http.client, io, json, sys, threading, time, types, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind, _, query = self.path.partition("?")
        body = (query or "hello").encode()
        head = [("Content-Type", "text/plain")]
        status = 200
        if kind == "/large":
            body = b"x" * int(query)
        elif kind == "/lines":
            body = b"one\\ntwo\\nthree"
        elif kind == "/gzip":
            body, head = gzip.compress(body), [("Content-Encoding", "gzip")]
        elif kind == "/br":
            head = [("Content-Encoding", "br")]
        elif kind == "/binary":
            body = b"\\xff\\x00"
        elif kind == "/token":
            body = b\'{"access_token": "tok-8fk20slq", "count": 1.50, "nested": {"sig": 7}}\'
        elif kind == "/none":
            status, body = 204, b""
        elif kind == "/fails":
            status, body = 503, b"later"
        self.send_response(status)
        for name, value in head:
            self.send_header(name, value)
        if kind == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"%x\\r\\n%b\\r\\n" % (len(one), one) for one in (body, b"more", b""))
        elif kind == "/closes":
            self.send_header("Connection", "close")
            self.close_connection = True
        elif status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def do_POST(self):
        if "Content-Length" in self.headers:
            self.rfile.read(int(self.headers["Content-Length"]))
        else:
            while self.rfile.readline() != b"0\\r\\n":
                pass
            self.rfile.readline()
        self.do_GET()

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    daemon_threads = True

server = Server(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_port
url = f"http://127.0.0.1:{port}"

def get(path, **more):
    with urllib.request.urlopen(url + path, timeout=10, **more) as answer:
        return answer.read().decode("utf-8", "replace")

def context(number=0):
    return types.SimpleNamespace(
        function_name="orders", function_version="4", aws_request_id=f"request-{number}"
    )

def show(value):
    print(json.dumps(value), file=sys.stderr)

from lambda_rollback_recorder import record
import lambda_rollback_recorder as recorder
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a function logged and showed."""

    log: str
    shown: list[Any]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines()]

    def entries(self, request: str = "request-0") -> list[dict[str, Any]]:
        """The answers of an invocation; bodies as text."""
        parts = [line for line in self._of(request) if "downstream" in line]
        assert [each["part"] for each in parts] == [[n + 1, len(parts)] for n in range(len(parts))]
        assert parts, self.log
        found: list[dict[str, Any]] = json.loads("".join(each["downstream"] for each in parts))
        return found

    def incomplete(self, request: str = "request-0") -> str:
        """Why an invocation has no answers."""
        assert not any("downstream" in line for line in self._of(request)), self.log
        [reason] = [line["incomplete"] for line in self._of(request) if "incomplete" in line]
        assert isinstance(reason, str)
        return reason

    def _of(self, request: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("request_id") == request]

    def bodies(self, request: str = "request-0") -> dict[str, Any]:
        """The body of each answer by the path of its request."""
        return {
            each["url"].split("/", 3)[3]: each["response"].get("body", {}).get("$text")
            for each in self.entries(request)
        }


class Function:
    """Runs code of a function under the recorder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "lambda_rollback_recorder.py").write_bytes(recorder_source())

    def __call__(self, code: str, **variables: str) -> Done:
        settings = {"DOWNSTREAM": "1", "SAMPLE": "1", **variables}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", FUNCTION + code],
            cwd=self._folder,
            env={f"LAMBDA_ROLLBACK_{name}": value for name, value in settings.items()},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Done(log=done.stdout, shown=[json.loads(x) for x in done.stderr.splitlines()])


@pytest.fixture
def function(tmp_path: Path) -> Function:
    return Function(tmp_path)


# --- what is kept ---------------------------------------------------------------------------------


def test_it_is_off_unless_it_is_wanted(function: Function) -> None:
    done = function(
        """
@record
def handler(event, context):
    return get("/plain")

show(handler({}, context()))
show(http.client.HTTPConnection.send.__module__)
show([type(each).__name__ for each in sys.meta_path if hasattr(each, "_wrappers")])
""",
        DOWNSTREAM="",
    )
    assert done.shown == ["hello", "http.client", []]
    [line] = done.lines
    assert line.keys() == {
        "lambda_rollback_record", "function", "version", "request_id", "time", "part", "event",
    }  # fmt: skip


def test_every_way_of_reading_an_answer(function: Function) -> None:
    done = function(
        """
import requests, urllib3

@record
def handler(event, context):
    seen = [get("/plain"), get("/chunks?c"), get("/closes?d"), get("/none"), get("/gzip?e")[:0]]
    with urllib.request.urlopen(url + "/lines", timeout=10) as answer:
        seen.append([line.decode() for line in answer])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/into?123456")
    answer = connection.getresponse()
    buffer = bytearray(4)
    while answer.readinto(buffer):
        pass
    connection.request("HEAD", "/head?x")
    seen.append(connection.getresponse().read().decode())
    connection.request("GET", "/chunks?small")
    answer = connection.getresponse()
    seen.append([answer.read1(3).decode(), answer.read(2).decode(), answer.read().decode()])
    pool = urllib3.PoolManager()
    seen.append(pool.request("GET", url + "/gzip?urllib3", timeout=10).data.decode())
    streamed = pool.request("GET", url + "/chunks?streamed", preload_content=False, timeout=10)
    seen.append(b"".join(streamed.stream(3)).decode())
    streamed.release_conn()
    with requests.get(url + "/gzip?requests", timeout=10) as answer:
        seen.append(answer.text)
    with requests.get(url + "/lines", stream=True, timeout=10) as answer:
        seen.append([line.decode() for line in answer.iter_lines()])
    with requests.get(url + "/binary", timeout=10) as answer:
        seen.append(answer.content.hex())
    pool.clear()
    connection.close()
    return seen

show(handler({}, context()))
"""
    )
    lines = ["one", "two", "three"]
    assert done.shown == [
        [
            "hello", "cmore", "d", "", "", ["one\n", "two\n", "three"], "",
            ["sma", "ll", "more"], "urllib3", "streamedmore", "requests", lines, "ff00",
        ]
    ]  # fmt: skip
    found = [
        (each["method"], each["url"].split("/", 3)[3], each["response"].get("body"))
        for each in done.entries()
    ]
    assert found == [
        ("GET", "plain", {"$text": "hello"}),
        ("GET", "chunks?c", {"$text": "cmore"}),
        ("GET", "closes?d", {"$text": "d"}),
        ("GET", "none", None),
        ("GET", "gzip?e", {"$text": "e"}),
        ("GET", "lines", {"$text": "one\ntwo\nthree"}),
        ("GET", "into?123456", {"$text": "123456"}),
        ("HEAD", "head?x", None),
        ("GET", "chunks?small", {"$text": "smallmore"}),
        ("GET", "gzip?urllib3", {"$text": "urllib3"}),
        ("GET", "chunks?streamed", {"$text": "streamedmore"}),
        ("GET", "gzip?requests", {"$text": "requests"}),
        ("GET", "lines", {"$text": "one\ntwo\nthree"}),
        ("GET", "binary", {"$bytes": "/wA="}),
    ]
    statuses = {each["url"].split("/", 3)[3]: each["response"]["status"] for each in done.entries()}
    assert (statuses["none"], statuses["plain"]) == (204, 200)
    headers = done.entries()[0]["response"]["headers"]
    assert headers["content-type"] == "text/plain"
    assert headers.keys().isdisjoint({"content-length", "connection", "transfer-encoding"})


def test_bodies_of_requests_however_they_are_sent(function: Function) -> None:
    done = function(
        """
@record
def handler(event, context):
    get("/bytes", data=b"a=1")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for name, body in (("list", [b"one", b"two"]), ("file", io.BytesIO(b"a file"))):
        connection.request("POST", "/" + name, body=body, encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})
        connection.getresponse().read()
    connection.request("POST", "/json", body=json.dumps({"total": 1.10}),
                       headers={"Authorization": "Bearer very-secret-token"})
    connection.getresponse().read()
    connection.close()

handler({}, context())
"""
    )
    assert [each.get("body") for each in done.entries()] == [
        {"$text": "a=1"},
        {"$text": "onetwo"},
        {"$text": "a file"},
        {"$text": '{"total": 1.1}'},
    ]
    assert all("headers" not in each for each in done.entries())
    assert "very-secret-token" not in done.log


def test_an_invocation_has_its_own_answers_and_those_of_the_initialisation(
    function: Function,
) -> None:
    done = function(
        """
get("/initial")

@record
def handler(event, context):
    get("/in?" + event)

draws = iter((0.0, 0.9, 0.0))
recorder._chance = lambda: next(draws)
handler("first", context(0))
handler("unsampled", context(1))
get("/between")
handler("third", context(2))
""",
        SAMPLE="0.5",
    )
    assert list(done.bodies("request-0")) == ["initial", "in?first"]
    assert list(done.bodies("request-2")) == ["initial", "in?third"]
    assert [line["request_id"] for line in done.lines] == ["request-0"] * 2 + ["request-2"] * 2
    assert [line.get("answers") for line in done.lines] == [True, None, True, None]


def test_calls_of_many_threads_at_the_same_time(function: Function) -> None:
    done = function(
        """
@record
def handler(event, context):
    seen = []
    def work(name):
        for number in range(20):
            seen.append(get(f"/t?{name}-{number}"))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    [each.start() for each in threads]
    [each.join() for each in threads]
    return sorted(seen)

show(handler({}, context()))
"""
    )
    bodies = done.bodies()
    assert len(bodies) == 160
    assert sorted(bodies.values()) == done.shown[0]
    assert all(path == f"t?{body}" for path, body in bodies.items())


def test_coroutines_and_functions_that_raise(function: Function) -> None:
    done = function(
        """
@record
async def awaits(event, context):
    get("/a?1")
    await asyncio.sleep(0)
    return get("/a?2")

@record
def fails(event, context):
    get("/b?1")
    raise KeyError("order")

show(asyncio.run(awaits({}, context(0))))
try:
    fails({}, context(1))
except KeyError as error:
    show(str(error))
"""
    )
    assert done.shown == ["2", "'order'"]
    assert list(done.bodies("request-0")) == ["a?1", "a?2"]
    assert list(done.bodies("request-1")) == ["b?1"]


def test_large_answers_come_in_several_lines(function: Function) -> None:
    done = function(
        """
@record
def handler(event, context):
    return len(get("/large?150000")) + len(get("/large?150000"))

show(handler({}, context()))
"""
    )
    assert done.shown == [300_000]
    assert len(done.lines) == 5
    assert all(len(line) < 200_000 for line in done.log.splitlines())
    assert [len(each["response"]["body"]["$text"]) for each in done.entries()] == [150_000] * 2


# --- what is not kept, and said so ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ('return get("/large?200001")[-1]', "an answer is larger than LAMBDA_ROLLBACK_MAX_BYTES"),
        (
            'return [get("/large?150000")[-1] for _ in range(4)][-1]',
            "the answers are larger than LAMBDA_ROLLBACK_DOWNSTREAM_BYTES",
        ),
        ('return [get("/x")[-1] for _ in range(501)][-1]', "there are more than 500 calls"),
        ('return get("/x", data=b"x" * 300_000)[-1]', "a request is larger than"),
        ('return get("/br?x")[-1]', "an answer is compressed as br"),
        (
            'with urllib.request.urlopen(url + "/lines", timeout=10) as answer:\n'
            "        return answer.read(1).decode()",
            "an answer was not read to its end",
        ),
        (
            'with urllib.request.urlopen(url + "/chunks", timeout=10) as answer:\n'
            "        return answer.read(1).decode()",
            "an answer was not read to its end",
        ),
        ('get("/x")\n    return (each for each in "o")', "the function goes on while its answer"),
    ],
)
def test_what_is_too_much_or_not_seen_is_not_written(
    function: Function, code: str, reason: str
) -> None:
    done = function(
        f"""
@record
def handler(event, context):
    {code}

show("".join(handler({{"n": 1}}, context())))
"""
    )
    [shown] = done.shown
    assert shown in ("x", "o", "h")
    assert done.incomplete().startswith(reason)
    assert json.loads(done.lines[0]["event"]) == {"n": 1}
    assert len(done.lines) == 2


def test_limits_can_be_set(function: Function) -> None:
    code = """
@record
def handler(event, context):
    get("/large?5000")
    get("/large?5000")

handler({}, context())
"""
    assert len(function(code).entries()) == 2
    assert "MAX_BYTES" in function(code, MAX_BYTES="4000").incomplete()
    assert "DOWNSTREAM_BYTES" in function(code, DOWNSTREAM_BYTES="6000").incomplete()


def test_invocations_at_the_same_time_are_not_told_apart(function: Function) -> None:
    done = function(
        """
@record
def inner(event, context):
    get("/x?2")

@record
def outer(event, context):
    get("/x?1")
    inner({}, context_of_inner)
    return get("/x?3")

context_of_inner = context(1)
show(outer({}, context(0)))
outer_again = outer({}, context(2))
"""
    )
    assert done.shown == ["3"]
    same = "invocations ran at the same time"
    reasons = [line.get("incomplete") for line in done.lines if "incomplete" in line]
    assert reasons == [same] * 4


@pytest.mark.parametrize("broken", ["_masked", "_decoded", "_unchunked", "_bytes_value"])
def test_no_fault_of_the_recorder_reaches_the_function(function: Function, broken: str) -> None:
    done = function(
        f"""
@record
def handler(event, context):
    return get("/chunks?fine")

def failing(*_, **__):
    raise RuntimeError("a fault with a secret value")

recorder.{broken} = failing
show(handler({{}}, context()))
recorder._Stream.add = failing
recorder._HttpCall.answered = failing
recorder._Calls.http_call = failing
show(handler({{}}, context(1)))
recorder._Calls.leave = failing
show(handler({{}}, context(2)))
"""
    )
    assert done.shown == ["finemore"] * 3
    assert "secret value" not in done.log
    assert done.incomplete("request-0") == "an answer could not be kept: RuntimeError"
    assert done.entries("request-1") == []
    notes = [line["lambda_rollback_note"] for line in done.lines if "lambda_rollback_note" in line]
    assert notes[-1] == "answers of services were not recorded: RuntimeError"


def test_lambdas_own_interface_is_no_service(function: Function) -> None:
    done = function(
        """
import os
os.environ["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{port}"
recorder._calls._own_hosts = (os.environ["AWS_LAMBDA_RUNTIME_API"],)

@record
def handler(event, context):
    get("/2018-06-01/runtime/invocation/next")

handler({}, context())
"""
    )
    assert done.entries() == []


# --- secrets --------------------------------------------------------------------------------------


def test_tokens_get_another_value_wherever_they_are_used(function: Function) -> None:
    done = function(
        """
from urllib.parse import quote

@record
def handler(event, context):
    token = json.loads(get("/token"))["access_token"]
    get("/use?t=" + token)
    get("/form", data=("a=1&t=" + token + "&password=p%26w-12345&client_secret=").encode())
    get("/body", data=json.dumps({"inner": json.dumps({"t": token}), "n": 1.10}).encode())
    get("/login?api_key=from-the-event-1")
    return token

show(handler({"key": "from-the-event-1"}, context()))
"""
    )
    token, use, form, body, login = done.entries()
    answer = json.loads(token["response"]["body"]["$text"])
    other = answer["access_token"]
    assert other != "tok-8fk20slq"
    assert len(other) == len("tok-8fk20slq")
    assert other[3] == "-"
    assert '"count":1.50' in token["response"]["body"]["$text"]
    assert answer["nested"]["sig"] in range(10)
    assert use["url"].endswith("/use?t=" + other)
    assert use["response"]["body"]["$text"] == "t=" + other
    assert form["body"]["$text"].startswith(f"a=1&t={other}&password=")
    assert form["body"]["$text"].endswith("&client_secret=")
    assert json.loads(json.loads(body["body"]["$text"])["inner"]) == {"t": other}
    assert '"n": 1.1' in body["body"]["$text"]
    # The event, which is in the log as it is, says what the request says.
    assert login["url"].endswith("?api_key=from-the-event-1")
    for secret in ("tok-8fk20slq", "w-12345"):
        assert secret not in done.log
    assert done.shown == ["tok-8fk20slq"]


def test_what_the_user_redacts_is_redacted_in_answers_too(function: Function) -> None:
    done = function(
        """
@record
def handler(event, context):
    get("/a?mail=" + event["mail"] + "&name=x")
    get("/b", data=json.dumps({"to": [event["mail"]], "nick": "Annie", "n": 1.50}).encode())
    get("/c", data=b"nick=Annie&x=1")

handler({"mail": "ann@shop.com"}, context())
""",
        REDACT="mail,nick",
    )
    first, second, third = done.entries()
    assert first["url"].endswith("?mail=REDACTED&name=x")
    assert first["response"]["body"]["$text"] == "mail=REDACTED&name=x"
    assert json.loads(second["body"]["$text"]) == {"to": ["REDACTED"], "nick": "REDACTED", "n": 1.5}
    assert third["body"]["$text"] == "nick=REDACTED&x=1"
    assert "ann@shop.com" not in done.log
    assert "Annie" not in done.log


def test_what_stands_for_a_secret_has_its_form(function: Function) -> None:
    done = function(
        r"""
for secret in (
    "postgres://user:pa55@db.internal:5432/shop", "https://hooks.test/T0/B0/xYz",
    "-----BEGIN KEY-----\nABC+/12\n-----END KEY-----\n", "0042", "7", "", "ü-1",
):
    show([recorder._dummy(secret), recorder._dummy(secret)])
"""
    )
    for one, again in done.shown:
        assert one == again
    made = [one for one, _ in done.shown]
    assert made[0].partition("@")[2].startswith("db.internal:5432/")
    assert made[0].startswith("postgres://")
    assert "user:pa55" not in made[0]
    assert made[1].startswith("https://hooks.test/")
    assert "xYz" not in made[1]
    assert made[2].startswith("-----BEGIN KEY-----\n")
    assert made[2].endswith("\n-----END KEY-----\n")
    assert len(made[3]) == 4
    assert made[3].isdigit()
    assert (len(made[4]), made[5], made[6][1]) == (1, "", "-")


def test_many_secrets_take_no_long_time(function: Function) -> None:
    done = function(
        """
answers = {
    "/few": {"tokens": [{"token": f"secret-{n:06}", "n": n, "t": "x" * 90} for n in range(900)]},
    "/use": {"all": " ".join(f"secret-{n:06}" for n in range(900))},
    "/many": {"tokens": [{"token": f"other-{n:06}"} for n in range(1100)]},
}
Api.do_GET = lambda self: self.answer(json.dumps(answers[self.path]).encode())
def answer(self, body):
    self.send_response(200)
    self.send_header("Content-Length", str(len(body)))
    self.end_headers()
    self.wfile.write(body)
Api.answer = answer

@record
def handler(event, context):
    for path in event:
        get(path)

handler(["/few", "/few"], context(0))
began = time.process_time()
handler(["/few", "/use"], context(1))
show(time.process_time() - began)
handler(["/many"], context(2))
"""
    )
    assert done.shown[0] < 5
    assert "secret-0" not in done.log
    few, use = (json.loads(each["response"]["body"]["$text"]) for each in done.entries("request-1"))
    assert use["all"].split() == [each["token"] for each in few["tokens"]]
    assert done.incomplete("request-2") == "there are more than 1000 secrets"
