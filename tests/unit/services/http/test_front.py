"""Connections that a front serves, by clients that people use and by hand."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import urllib3

from helpers.front_doors import Echo, FrontDoor, authority_file, trusting
from pytest_lambda_rollback.services.http.conversations import BODY_BYTES, HEAD_BYTES
from pytest_lambda_rollback.services.http.front import UNTRUSTED, Front, Onward
from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    yield made
    made.close()


@pytest.fixture
def echo() -> Echo:
    return Echo()


def _raw(front: Front, to: Echo, sent: bytes, *, finish: bool = True) -> bytes:
    with front.connect(host="api.example.com", port=80, to=to) as client:
        client.settimeout(20)
        client.sendall(sent)
        if finish:
            client.shutdown(socket.SHUT_WR)
        received = b""
        while data := client.recv(65536):
            received += data
    return received


def _until(noted: list) -> None:
    """Wait for a note: a client learns of the end of its connection at the same moment."""
    deadline = time.monotonic() + 10
    while not noted and time.monotonic() < deadline:
        time.sleep(0.01)


# --- clients --------------------------------------------------------------------------------------


def test_http_client(front: Front, echo: Echo) -> None:
    with FrontDoor(front, echo) as door:
        client = http.client.HTTPSConnection("localhost", door.port, context=trusting(front))
        client.request("POST", "/a?b=1", body=b"text")
        response = client.getresponse()
        assert response.read() == b"POST /a?b=1 text"
        client.request("GET", "/again")  # on the same connection
        assert client.getresponse().read() == b"GET /again "
        client.close()
    assert [request.url for request in echo.requests] == [
        f"https://localhost:{door.port}/a?b=1",
        f"https://localhost:{door.port}/again",
    ]


def test_requests(front: Front, echo: Echo, tmp_path) -> None:
    with FrontDoor(front, echo) as door, requests.Session() as session:
        session.trust_env = False  # a REQUESTS_CA_BUNDLE of this machine would win
        session.verify = str(authority_file(front, tmp_path))
        answer = session.post(door.url("/v1"), json={"a": 1})
        assert answer.text == 'POST /v1 {"a": 1}'
        streamed = session.put(door.url("/v1"), data=iter([b"one", b"two"]))
        assert streamed.text == "PUT /v1 onetwo"
        assert session.head(door.url("/v1")).headers["Content-Length"] == "9"


def test_urllib3_with_many_connections(front: Front, echo: Echo) -> None:
    with (
        FrontDoor(front, echo) as door,
        urllib3.PoolManager(ssl_context=trusting(front), maxsize=8) as pool,
        ThreadPoolExecutor(8) as threads,
    ):
        paths = [f"/{number}" for number in range(80)]
        answers = threads.map(lambda path: pool.request("GET", door.url(path)).data, paths)
        assert list(answers) == [f"GET {path} ".encode() for path in paths]


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl(front: Front, echo: Echo, tmp_path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"x" * 3_000_000)
    with FrontDoor(front, echo, host="api.example.com", port=443) as door:
        done = subprocess.run(
            ["curl", "-sS", "--http2", "--cacert", str(authority_file(front, tmp_path)),
             "--connect-to", f"api.example.com:443:127.0.0.1:{door.port}",
             "-H", "Expect: 100-continue", "--data-binary", f"@{big}",
             "https://api.example.com/v1/up", "https://api.example.com/v1/more"],
            capture_output=True, check=True, timeout=60,
            env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    assert done.stdout == b"".join(
        b"POST /v1/%s " % name + b"x" * 3_000_000 for name in (b"up", b"more")
    )
    assert echo.requests[0].url == "https://api.example.com/v1/up"


_NODE = """
const https = require('https');
const [port] = process.argv.slice(1);
(async () => {
  const answer = await fetch(`https://localhost:${port}/fetch`, {method: 'POST', body: 'hello'});
  console.log(await answer.text());
  https.get(`https://localhost:${port}/get`, (res) => {
    let text = '';
    res.on('data', (part) => text += part);
    res.on('end', () => console.log(text));
  });
})();
"""


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
def test_node(front: Front, echo: Echo, tmp_path) -> None:
    with FrontDoor(front, echo) as door:
        done = subprocess.run(
            ["node", "-e", _NODE, str(door.port)],
            capture_output=True, text=True, check=True, timeout=60,
            env={"PATH": "/usr/bin:/bin",
                 "NODE_EXTRA_CA_CERTS": str(authority_file(front, tmp_path))},
        )  # fmt: skip
    assert done.stdout.splitlines() == ["POST /fetch hello", "GET /get "]


def test_a_client_that_does_not_trust_the_authority_is_not_answered(
    front: Front, echo: Echo
) -> None:
    with FrontDoor(front, echo) as door, pytest.raises(requests.exceptions.SSLError):
        requests.get(door.url(), timeout=20)
    _until(echo.refusals)
    assert echo.requests == []
    assert echo.refusals == [UNTRUSTED]


def test_a_client_of_a_service_behind_that_does_not_trust_is_noted(front: Front) -> None:
    noted: list[tuple[str, int, str]] = []
    to = Onward(open=lambda: socket.socketpair()[0], refused=lambda *what: noted.append(what))
    with (
        front.connect(host="dynamodb.aws.test", port=443, to=to) as client,
        pytest.raises(ssl.SSLError),
    ):
        ssl.create_default_context().wrap_socket(client, server_hostname="dynamodb.aws.test")
    _until(noted)
    assert noted == [("dynamodb.aws.test", 443, UNTRUSTED)]


def test_a_client_that_breaks_tls_off_is_noted(front: Front, echo: Echo) -> None:
    with front.connect(host="a", port=443, to=echo) as client:
        client.settimeout(20)
        client.sendall(b"\x16\x03\x01\x00\x05hello")
        while client.recv(1000):
            pass
    _until(echo.refusals)
    assert len(echo.refusals) == 1
    assert echo.refusals[0].startswith("TLS was not agreed on (")


def test_a_client_of_http_2_alone_is_noted(front: Front, echo: Echo) -> None:
    context = trusting(front)
    context.set_alpn_protocols(["h2"])
    with (
        front.connect(host="grpc.example.com", port=443, to=echo) as client,
        context.wrap_socket(client, server_hostname="grpc.example.com") as secure,
    ):
        secure.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert secure.recv(100) == b""
    _until(echo.refusals)
    assert echo.refusals == ["it speaks HTTP/2, which cannot be answered here"]


# --- TLS ------------------------------------------------------------------------------------------


def test_the_certificate_is_for_the_name_that_the_client_asks_for(front: Front, echo: Echo) -> None:
    context = trusting(front)
    names = {
        "api.example.com": "api.example.com",
        "Bucket.s3.eu-west-1.amazonaws.com": "bucket.s3.eu-west-1.amazonaws.com",
    }
    for name, certified in names.items():
        with (
            front.connect(host="other.example.com", port=443, to=echo) as client,
            context.wrap_socket(client, server_hostname=name) as secure,
        ):
            assert secure.getpeercert()["subjectAltName"] == (("DNS", certified),)


@pytest.mark.parametrize(
    "name", ["xn--a", "-a.example.com", "a..b", "a_b.example.com", "a" * 64 + ".example.com"]
)
def test_a_name_that_no_certificate_can_hold_ends_nothing_but_its_connection(
    front: Front, echo: Echo, name: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=front.certificate.decode())
    with (
        front.connect(host=name, port=443, to=echo) as client,
        context.wrap_socket(client) as secure,
    ):
        names = secure.getpeercert()["subjectAltName"]
    assert names == (("DNS", "unnamed.lambda-rollback.internal"),)
    assert _raw(front, echo, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"GET / ")


def test_the_certificate_is_for_the_connections_name_without_another(
    front: Front, echo: Echo
) -> None:
    context = trusting(front)
    context.check_hostname = False
    with (
        front.connect(host="old.example.com", port=443, to=echo) as client,
        context.wrap_socket(client) as secure,
    ):
        assert secure.getpeercert()["subjectAltName"] == (("DNS", "old.example.com"),)


def test_only_http_1_1_is_agreed_on(front: Front, echo: Echo) -> None:
    context = trusting(front)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        front.connect(host="api.example.com", port=443, to=echo) as client,
        context.wrap_socket(client, server_hostname="api.example.com") as secure,
    ):
        assert secure.selected_alpn_protocol() == "http/1.1"


def test_plain_http_on_the_port_of_tls(front: Front, echo: Echo) -> None:
    with front.connect(host="api.example.com", port=443, to=echo) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_without_trustme_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['trustme'] = None\n"
        "from pytest_lambda_rollback.services.http.front import Front\n"
        "Front().certificate"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert (
        'TLS connections of functions cannot be answered: this needs the extra "state". '
        'Run `pip install "pytest-lambda-rollback[state]"`.'
    ) in done.stderr


# --- HTTP/1.1 -------------------------------------------------------------------------------------


def test_requests_that_come_together_are_answered_in_order(front: Front) -> None:
    first_may_go = threading.Event()

    class Slow(Echo):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            if request.target == "/1":
                assert first_may_go.wait(20)
            else:
                assert first_may_go.is_set()
            return super().answer(request)

    slow = Slow()
    sent = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in (1, 2, 3))
    threading.Timer(0.2, first_may_go.set).start()
    received = _raw(front, slow, sent)
    assert [request.target for request in slow.requests] == ["/1", "/2", "/3"]
    assert [line for line in received.split(b"\r\n") if line.startswith(b"X-Url")] == [
        b"X-Url: http://a/1", b"X-Url: http://a/2", b"X-Url: http://a/3",
    ]  # fmt: skip


def test_a_client_that_waits_for_continue_gets_it(front: Front, echo: Echo) -> None:
    with front.connect(host="api.example.com", port=80, to=echo) as client:
        client.settimeout(20)
        client.sendall(
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ok")
        assert client.recv(1000).endswith(b"PUT / ok")


@pytest.mark.parametrize(
    ("sent", "status", "why"),
    [
        (b"nonsense\r\n\r\n", b"400 Bad Request", "malformed HTTP"),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"400 Bad Request", "malformed HTTP"),
        (b"GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", b"400 Bad Request", "malformed HTTP"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400 Bad Request", "malformed HTTP"),
        (
            b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            b"405 Method Not Allowed",
            "use GET or POST",
        ),
        (
            b"GET / HTTP/1.1\r\nA: " + b"x" * (2 * HEAD_BYTES) + b"\r\n\r\n",
            b"431 Request Header Fields Too Large",
            "headers exceed 65536 bytes",
        ),
    ],
)
def test_what_is_malformed_is_refused_and_noted(
    front: Front, echo: Echo, sent: bytes, status: bytes, why: str
) -> None:
    received = _raw(front, echo, sent, finish=False)
    assert received.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert b"Connection: close" in received
    assert echo.requests == []
    assert len(echo.refusals) == 1
    assert echo.refusals[0].startswith(why)


def test_http_2_is_closed_and_noted(front: Front, echo: Echo) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    assert _raw(front, echo, preface, finish=False) == b""
    assert echo.refusals == ["it speaks HTTP/2, which cannot be answered here"]


def test_a_body_beyond_the_limit_is_refused(front: Front, echo: Echo) -> None:
    with front.connect(host="a", port=80, to=echo) as client:
        client.settimeout(60)
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES + 1)
        )
        for _ in range(64):
            client.sendall(b"x" * 1024 * 1024)
        client.sendall(b"x")
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")
    assert echo.requests == []


def test_an_absolute_target_is_taken_apart(front: Front, echo: Echo) -> None:
    _raw(front, echo, b"GET http://a.example.com/x?y HTTP/1.1\r\nHost: a.example.com\r\n\r\n")
    assert echo.requests[0].target == "/x?y"
    assert echo.requests[0].url == "http://a.example.com/x?y"


def test_an_answerer_that_raises_ends_its_connection_alone(front: Front, echo: Echo) -> None:
    class Broken(Echo):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            raise RuntimeError("broken")

    broken = Broken()
    assert _raw(front, broken, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == b""
    assert broken.refusals == ["the plugin failed with RuntimeError"]
    assert _raw(front, echo, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"GET / ")


# --- passing on -----------------------------------------------------------------------------------


def test_bytes_are_passed_on_without_tls(front: Front) -> None:
    seen: list[bytes] = []

    def serve(there: socket.socket) -> None:
        with there:
            while data := there.recv(65536):
                seen.append(data)
                there.sendall(b"<" + data + b">")
            there.sendall(b"end")

    threads: list[threading.Thread] = []

    def opened() -> socket.socket:
        here, there = socket.socketpair()
        threads.append(threading.Thread(target=serve, args=(there,)))
        threads[-1].start()
        return here

    with (
        front.connect(host="dynamodb.aws.test", port=443, to=Onward(open=opened)) as client,
        trusting(front).wrap_socket(client, server_hostname="dynamodb.aws.test") as secure,
    ):
        secure.sendall(b"one")
        assert secure.recv(100) == b"<one>"
        secure.sendall(b"two")
        assert secure.recv(100) == b"<two>"
    threads[0].join(10)
    assert not threads[0].is_alive()
    assert seen == [b"one", b"two"]

    with front.connect(host="dynamodb.aws.test", port=80, to=Onward(open=opened)) as client:
        client.sendall(b"plain")
        client.shutdown(socket.SHUT_WR)
        received = b""
        while data := client.recv(100):
            received += data
    assert received == b"<plain>end"


def test_a_service_that_is_gone_ends_the_connection(front: Front) -> None:
    def opened() -> socket.socket:
        raise ConnectionRefusedError

    with front.connect(host="a", port=80, to=Onward(open=opened)) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert client.recv(100) == b""


def _threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith(("front", "answers"))]


# --- the end --------------------------------------------------------------------------------------


def test_closing_ends_every_connection_and_the_thread(echo: Echo) -> None:
    front = Front()
    idle = front.connect(host="a", port=80, to=echo)
    half = front.connect(host="a", port=443, to=echo)
    half.sendall(b"\x16\x03\x01")
    talking = front.connect(host="a", port=80, to=echo)
    talking.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert talking.recv(1000)
    front.close()
    front.close()
    for client in (idle, half, talking):
        client.settimeout(10)
        assert client.recv(100) == b""
        client.close()
    deadline = time.monotonic() + 10
    while _threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _threads() == []
    with pytest.raises(ConnectionRefusedError):
        front.connect(host="a", port=80, to=echo)


def test_nothing_is_started_before_it_is_needed() -> None:
    before = threading.active_count()
    front = Front()
    assert front.certificate.startswith(b"-----BEGIN CERTIFICATE-----")
    assert front.certificate == front.certificate
    assert threading.active_count() == before
    front.close()
