"""The Runtime API over raw sockets: what runtimes of any language may send, and what they get."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_lambda_rollback.aws_lambda.limits import RESPONSE_BYTES
from pytest_lambda_rollback.engines.runtime_api.server import (
    Endpoint,
    Phase,
    Reply,
    ReplyKind,
    RuntimeApi,
)
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import FunctionError, Invocation
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion

HOST = "127.0.0.1"
ROOT = "/2018-06-01/runtime"
HANG_GUARD_S = 20


class Runtime:
    """A Lambda runtime by hand: one connection, bytes as they are."""

    def __init__(self, endpoint: Endpoint, *, source: str = HOST) -> None:
        host, _, port = endpoint.address.partition(":")
        self.socket = socket.create_connection(
            (host, int(port)), timeout=HANG_GUARD_S, source_address=(source, 0)
        )
        self.file = self.socket.makefile("rb")

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        lines = [f"{method} {ROOT}{path} HTTP/1.1", "Host: runtime"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        return status, headers, self.file.read(int(headers.get("Content-Length", 0)))

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        self.ask(method, path, body, **headers)
        return self.answer()[0]

    def next(self) -> tuple[dict[str, str], bytes]:
        self.ask("GET", "/invocation/next")
        status, headers, body = self.answer()
        assert status == 200
        return headers, body

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    api = RuntimeApi()
    yield api
    api.close()


@pytest.fixture
def endpoint(api: RuntimeApi) -> Endpoint:
    return api.open(host=HOST, version=_version(), peer=HOST)


@pytest.fixture
def runtime(endpoint: Endpoint) -> Iterator[Runtime]:
    runtime = Runtime(endpoint)
    yield runtime
    runtime.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def _version(*, version: str = "3", timeout_s: float = 10.0) -> FunctionVersion:
    code = Artifact(label="code", digest="0" * 64, size_bytes=0, tar=Path("code.tar"))
    return FunctionVersion(
        function="orders",
        version=version,
        code=code,
        layers=(),
        configuration=FunctionConfiguration(
            runtime="python3.11", handler="app.handler", timeout_s=timeout_s
        ),
        region="eu-west-1",
        account="210987654321",
    )


def _invocation(request_id: str = "id-1", event: bytes = b"{}") -> Invocation:
    return Invocation(request_id=request_id, event=event)


def _begin(
    threads: ThreadPoolExecutor, endpoint: Endpoint, request_id: str = "id-1", event: bytes = b"{}"
) -> Future[Reply]:
    return threads.submit(endpoint.invoke, _invocation(request_id, event))


def _end(replying: Future[Reply]) -> Reply:
    return replying.result(timeout=HANG_GUARD_S)


# --- an invocation ------------------------------------------------------------------------------


def test_next_hands_out_the_event_with_the_headers_of_the_runtime_api(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    invocation = Invocation(
        request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        event=b'{"order": 7}',
        trace_id="Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
        client_context='{"custom":\n {"name": "\u00e9\u2603"}}',
        cognito_identity='{"cognitoIdentityId": "i"}',
    )
    before_ms = time.time() * 1000
    replying = threads.submit(endpoint.invoke, invocation)
    headers, body = runtime.next()
    assert body == b'{"order": 7}'
    assert headers["Content-Type"] == "application/json"
    assert headers["Lambda-Runtime-Aws-Request-Id"] == invocation.request_id
    assert headers["Lambda-Runtime-Trace-Id"] == invocation.trace_id
    assert json.loads(headers["Lambda-Runtime-Client-Context"]) == {
        "custom": {"name": "\u00e9\u2603"}
    }
    assert headers["Lambda-Runtime-Cognito-Identity"] == '{"cognitoIdentityId": "i"}'
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == (
        "arn:aws:lambda:eu-west-1:210987654321:function:orders:3"
    )
    after_ms = time.time() * 1000
    deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])
    assert before_ms - 1 + 10_000 <= deadline_ms <= after_ms + 10_000

    runtime.ask("POST", f"/invocation/{invocation.request_id}/response", b'{"ok": true}')
    status, _, answer = runtime.answer()
    assert (status, json.loads(answer)) == (202, {"status": "OK"})
    reply = _end(replying)
    assert (reply.kind, reply.payload, reply.streamed) == (
        ReplyKind.RESPONDED,
        b'{"ok": true}',
        False,
    )
    assert reply.content_type == "application/json"


def test_only_the_first_event_of_an_environment_is_cold(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    cold = []
    for request_id in ("a", "b", "c"):
        replying = _begin(threads, endpoint, request_id)
        runtime.next()
        assert runtime.call("POST", f"/invocation/{request_id}/response", b"1") == 202
        cold.append(_end(replying).cold)
    assert cold == [True, False, False]


def test_pipelined_requests_are_answered_in_their_order(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    one = f"GET {ROOT}/invocation/next HTTP/1.1\r\n\r\n"
    two = f"POST {ROOT}/invocation/a/response HTTP/1.1\r\nContent-Length: 3\r\n\r\n[1]"
    runtime.send(one + two + one)
    replying = _begin(threads, endpoint, "a", b'"first"')
    assert runtime.answer()[2] == b'"first"'
    assert runtime.answer()[0] == 202
    assert _end(replying).payload == b"[1]"
    replying = _begin(threads, endpoint, "b", b'"second"')
    assert runtime.answer()[2] == b'"second"'
    runtime.call("POST", "/invocation/b/response", b"2")
    assert _end(replying).payload == b"2"


def test_a_request_may_arrive_byte_by_byte(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    text = f"POST {ROOT}/invocation/a/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    for byte in (text + "3\r\n[1,\r\n2;note=x\r\n2]\r\n0\r\n\r\n").encode():
        runtime.send(bytes([byte]))
    assert runtime.answer()[0] == 202
    assert _end(replying).payload == b"[1,2]"


def test_expect_100_continue_is_answered_before_the_body(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    runtime.send(
        f"POST {ROOT}/invocation/a/response HTTP/1.1\r\n"
        "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert runtime.file.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert runtime.file.readline() == b"\r\n"
    runtime.send("42")
    assert runtime.answer()[0] == 202
    assert _end(replying).payload == b"42"


def test_connection_close_is_obeyed(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.ask("GET", "/invocation/next", Connection="close")
    assert runtime.answer()[1]["Connection"] == "close"
    assert runtime.file.read() == b""
    other = Runtime(endpoint)
    assert other.call("POST", "/invocation/a/response", b"1") == 202
    assert _end(replying).payload == b"1"
    other.close()


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "header", "expected"),
    [
        pytest.param(
            b'{"errorType": "KeyError", "errorMessage": "\'total\'", "requestId": "a",'
            b' "stackTrace": ["  File \\"/var/task/app.py\\", line 3, in handler\\n"]}',
            "",
            FunctionError(
                type="KeyError",
                message="'total'",
                stack_trace=('  File "/var/task/app.py", line 3, in handler\n',),
            ),
            id="python",
        ),
        pytest.param(
            b'{"errorType": "TypeError", "errorMessage": "x is undefined",'
            b' "trace": ["TypeError: x is undefined", "    at handler (/var/task/index.js:1:2)"]}',
            "Runtime.Unknown",
            FunctionError(
                type="TypeError",
                message="x is undefined",
                stack_trace=(
                    "TypeError: x is undefined",
                    "    at handler (/var/task/index.js:1:2)",
                ),
            ),
            id="node",
        ),
        pytest.param(
            b'{"errorMessage": "no", "errorType": "errorString",'
            b' "stackTrace": [{"path": "main.go", "line": 9, "label": "main"}]}',
            "",
            FunctionError(type="errorString", message="no", stack_trace=("main (main.go:9)",)),
            id="go",
        ),
        pytest.param(
            b'{"errorMessage": "bare"}',
            "Custom.Type",
            FunctionError(type="Custom.Type", message="bare"),
            id="type from the header",
        ),
        pytest.param(
            b"plain words\xff",
            "Custom.Type",
            FunctionError(type="Custom.Type", message="plain words\ufffd"),
            id="not JSON",
        ),
        pytest.param(b"[1]", "", FunctionError(type="Unknown", message="[1]"), id="no object"),
        pytest.param(b"", "", FunctionError(type="Unknown", message=""), id="empty"),
        pytest.param(
            b"[" * 100_000, "T", FunctionError(type="T", message="[" * 100_000), id="deeply nested"
        ),
    ],
)
def test_an_error_is_read_as_its_runtime_writes_it(
    endpoint: Endpoint,
    runtime: Runtime,
    threads: ThreadPoolExecutor,
    body: bytes,
    header: str,
    expected: FunctionError,
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    headers = {"Lambda_Runtime_Function_Error_Type": header} if header else {}
    assert runtime.call("POST", "/invocation/a/error", body, **headers) == 202
    reply = _end(replying)
    assert (reply.kind, reply.error) == (ReplyKind.ERRORED, expected)


def test_an_x_ray_header_of_nearly_a_megabyte_is_taken(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    status = runtime.call(
        "POST",
        "/invocation/a/error",
        b'{"errorType": "E", "errorMessage": "m"}',
        Lambda_Runtime_Function_XRay_Error_Cause="x" * 1_000_000,
    )
    assert status == 202
    assert _end(replying).error == FunctionError(type="E", message="m")


def test_an_environment_answers_after_an_error(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    runtime.call("POST", "/invocation/a/error", b"{}")
    assert _end(replying).kind is ReplyKind.ERRORED
    assert not endpoint.finished
    replying = _begin(threads, endpoint, "b")
    runtime.next()
    runtime.call("POST", "/invocation/b/response", b"1")
    assert _end(replying).payload == b"1"


def test_an_init_error_wins_over_the_exit_that_follows(
    endpoint: Endpoint, runtime: Runtime
) -> None:
    body = b'{"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named x"}'
    assert runtime.call("POST", "/init/error", body) == 202
    endpoint.runtime_exited("1")
    for _ in range(2):
        reply = endpoint.invoke(_invocation())
        assert reply.kind is ReplyKind.INIT_ERRORED
        assert reply.error == FunctionError(
            type="Runtime.ImportModuleError", message="No module named x"
        )


def test_an_init_error_that_is_still_on_its_way_at_the_exit_counts(
    endpoint: Endpoint, threads: ThreadPoolExecutor
) -> None:
    runtime = Runtime(endpoint)
    replying = _begin(threads, endpoint)
    runtime.ask("POST", "/init/error", b'{"errorType": "E"}')
    endpoint.runtime_exited("1")
    assert _end(replying).kind is ReplyKind.INIT_ERRORED
    runtime.close()


def test_an_init_error_after_the_initialisation_is_refused(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    assert runtime.call("POST", "/init/error", b"{}") == 403
    assert runtime.call("POST", "/invocation/a/response", b"1") == 202
    assert _end(replying).kind is ReplyKind.RESPONDED


# --- ends ---------------------------------------------------------------------------------------


def test_a_late_response_is_refused_and_reaches_no_other_event(
    api: RuntimeApi, threads: ThreadPoolExecutor
) -> None:
    endpoint = api.open(host=HOST, version=_version(timeout_s=0.2), peer=HOST)
    runtime = Runtime(endpoint)
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    reply = _end(replying)
    assert (reply.kind, reply.phase, reply.limit_s) == (ReplyKind.TIMED_OUT, Phase.INVOKE, 0.2)
    assert endpoint.finished
    runtime.ask("POST", "/invocation/a/response", b"late")
    status, _, body = runtime.answer()
    assert (status, json.loads(body)["errorType"]) == (400, "InvalidRequestID")
    assert endpoint.invoke(_invocation("b")).kind is ReplyKind.FAILED
    runtime.close()


def test_an_initialisation_that_never_ends_times_out_with_both_budgets(
    api: RuntimeApi,
) -> None:
    endpoint = api.open(host=HOST, version=_version(timeout_s=0.1), init_timeout_s=0.2, peer=HOST)
    reply = endpoint.invoke(_invocation())
    assert (reply.kind, reply.phase) == (ReplyKind.TIMED_OUT, Phase.INIT)
    assert reply.limit_s == pytest.approx(0.3)


def test_an_initialised_environment_may_wait_longer_than_its_budgets(
    api: RuntimeApi, threads: ThreadPoolExecutor
) -> None:
    endpoint = api.open(host=HOST, version=_version(timeout_s=0.1), init_timeout_s=0.1, peer=HOST)
    runtime = Runtime(endpoint)
    runtime.ask("GET", "/invocation/next")
    time.sleep(0.5)
    replying = _begin(threads, endpoint, "a")
    runtime.answer()
    runtime.call("POST", "/invocation/a/response", b"1")
    assert _end(replying).kind is ReplyKind.RESPONDED
    runtime.close()


def test_a_runtime_that_never_asks_again_is_told_from_one_that_is_slow_with_an_event(
    api: RuntimeApi, threads: ThreadPoolExecutor
) -> None:
    endpoint = api.open(host=HOST, version=_version(timeout_s=0.3), peer=HOST)
    runtime = Runtime(endpoint)
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    runtime.call("POST", "/invocation/a/response", b"1")
    assert _end(replying).kind is ReplyKind.RESPONDED
    reply = endpoint.invoke(_invocation("b"))
    assert (reply.kind, reply.phase) == (ReplyKind.TIMED_OUT, Phase.IDLE)
    runtime.close()


def test_an_exit_says_in_which_phase(api: RuntimeApi, threads: ThreadPoolExecutor) -> None:
    phases = []
    for phase in Phase:
        endpoint = api.open(host=HOST, version=_version(), peer=HOST)
        runtime = Runtime(endpoint)
        if phase is Phase.IDLE:
            replying = _begin(threads, endpoint, "a")
            runtime.next()
            runtime.call("POST", "/invocation/a/response", b"1")
            _end(replying)
        elif phase is Phase.INVOKE:
            replying = _begin(threads, endpoint, "a")
            runtime.next()
        runtime.close()
        endpoint.runtime_exited("7")
        reply = _end(replying) if phase is Phase.INVOKE else endpoint.invoke(_invocation("b"))
        assert (reply.kind, reply.status) == (ReplyKind.EXITED, "7")
        phases.append(reply.phase)
    assert phases == list(Phase)


def test_an_exit_is_told_even_where_a_child_keeps_the_connection(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    endpoint.runtime_exited("was killed by SIGSEGV")
    reply = _end(replying)
    assert (reply.kind, reply.phase) == (ReplyKind.EXITED, Phase.INVOKE)
    assert reply.status == "was killed by SIGSEGV"


def test_closing_ends_a_waiting_invocation(
    api: RuntimeApi, endpoint: Endpoint, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint)
    endpoint.close()
    endpoint.close()
    assert _end(replying).kind is ReplyKind.FAILED
    api.close()
    api.close()
    assert endpoint.invoke(_invocation()).detail == "the Runtime API was closed"
    with pytest.raises(EngineError, match="it was closed"):
        api.open(host=HOST, version=_version())


def test_an_address_that_is_not_ours_is_an_engine_error(api: RuntimeApi) -> None:
    with pytest.raises(EngineError, match=r"cannot serve the Lambda Runtime API on 192\.0\.2\.1"):
        api.open(host="192.0.2.1", version=_version())


# --- sizes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_a_response_over_the_limit_is_too_large(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor, chunked: bool
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    body = b"x" * (RESPONSE_BYTES + 1)
    if chunked:
        runtime.send(
            f"POST {ROOT}/invocation/a/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for begin in range(0, len(body), 1_000_000):
            part = body[begin : begin + 1_000_000]
            runtime.send(b"%x\r\n%b\r\n" % (len(part), part))
        runtime.send("0\r\n\r\n")
    else:
        runtime.ask("POST", "/invocation/a/response", body)
    status, _, answer = runtime.answer()
    assert status == 413
    assert "6291556 bytes" in json.loads(answer)["errorMessage"]
    reply = _end(replying)
    assert reply.kind is ReplyKind.TOO_LARGE
    assert (reply.size_bytes, reply.limit_bytes) == (6_291_557, 6_291_556)
    assert endpoint.finished


def test_a_response_at_the_limit_is_taken(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    assert runtime.call("POST", "/invocation/a/response", b"x" * RESPONSE_BYTES) == 202
    assert len(_end(replying).payload) == RESPONSE_BYTES


def test_an_error_over_the_limit_is_still_an_error(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    body = b"x" * (RESPONSE_BYTES + 1)
    runtime.call("POST", "/invocation/a/error", body, Lambda_Runtime_Function_Error_Type="Big")
    reply = _end(replying)
    assert reply.kind is ReplyKind.ERRORED
    assert reply.error is not None
    assert reply.error.type == "Big"
    assert "6291557 bytes" in reply.error.message


# --- streamed responses -------------------------------------------------------------------------


def _stream(runtime: Runtime, request_id: str, chunks: list[bytes], trailers: str = "") -> None:
    runtime.send(
        f"POST {ROOT}/invocation/{request_id}/response HTTP/1.1\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
        "Content-Type: application/octet-stream\r\n"
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    for chunk in chunks:
        runtime.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
    runtime.send(f"0\r\n{trailers}\r\n")


def test_a_streamed_response_may_be_larger_than_a_buffered_one(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    _stream(runtime, "a", [b"x" * RESPONSE_BYTES, b"tail"])
    assert runtime.answer()[0] == 202
    reply = _end(replying)
    assert (reply.kind, reply.streamed) == (ReplyKind.RESPONDED, True)
    assert reply.content_type == "application/octet-stream"
    assert len(reply.payload) == RESPONSE_BYTES + 4


def test_an_error_in_the_trailers_of_a_stream_is_an_error(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    body = json.dumps({"errorType": "Error", "errorMessage": "midway", "trace": ["Error: midway"]})
    encoded = base64.b64encode(body.encode()).decode()
    _stream(
        runtime,
        "a",
        [b"half"],
        "Lambda-Runtime-Function-Error-Type: Error\r\n"
        f"Lambda-Runtime-Function-Error-Body: {encoded}\r\n",
    )
    assert runtime.answer()[0] == 202
    reply = _end(replying)
    assert reply.kind is ReplyKind.ERRORED
    assert reply.error == FunctionError(
        type="Error", message="midway", stack_trace=("Error: midway",)
    )


# --- who may talk, and how ----------------------------------------------------------------------


def test_a_stranger_is_closed_without_a_byte(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    stranger = Runtime(endpoint, source="127.0.0.9")
    replying = _begin(threads, endpoint, "a", b'"secret"')
    assert runtime.next()[1] == b'"secret"'
    try:
        stranger.ask("GET", "/invocation/next")
        seen = stranger.file.read()
    except ConnectionError:
        seen = b""
    assert seen == b""
    runtime.call("POST", "/invocation/a/response", b"1")
    assert _end(replying).payload == b"1"
    stranger.close()


def test_connections_are_held_until_the_peer_is_known(
    api: RuntimeApi, threads: ThreadPoolExecutor
) -> None:
    endpoint = api.open(host=HOST, version=_version())
    stranger, runtime = Runtime(endpoint, source="127.0.0.9"), Runtime(endpoint)
    for client in (stranger, runtime):
        client.ask("GET", "/invocation/next")
    replying = _begin(threads, endpoint, "a", b'"secret"')
    runtime.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        runtime.socket.recv(1)
    runtime.socket.settimeout(HANG_GUARD_S)
    endpoint.allow(HOST)
    runtime.file.close()
    runtime.file = runtime.socket.makefile("rb")
    assert runtime.answer()[2] == b'"secret"'
    try:
        seen = stranger.file.read()
    except ConnectionError:
        seen = b""
    assert seen == b""
    runtime.call("POST", "/invocation/a/response", b"1")
    assert _end(replying).payload == b"1"
    for client in (stranger, runtime):
        client.close()


def test_two_environments_have_addresses_and_events_of_their_own(
    api: RuntimeApi, threads: ThreadPoolExecutor
) -> None:
    endpoints = [api.open(host=HOST, version=_version(version=v), peer=HOST) for v in "12"]
    assert endpoints[0].address != endpoints[1].address
    runtimes = [Runtime(endpoint) for endpoint in endpoints]
    replying = [_begin(threads, endpoint, "same-id") for endpoint in endpoints]
    arns = [runtime.next()[0]["Lambda-Runtime-Invoked-Function-Arn"] for runtime in runtimes]
    assert [arn[-1] for arn in arns] == ["1", "2"]
    for number, runtime in enumerate(runtimes):
        runtime.call("POST", "/invocation/same-id/response", str(number).encode())
        runtime.close()
    assert [_end(reply).payload for reply in replying] == [b"0", b"1"]


def test_invocations_from_several_threads_take_turns(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = [_begin(threads, endpoint, str(n), str(n).encode()) for n in range(4)]
    for _ in replying:
        headers, event = runtime.next()
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        runtime.call("POST", f"/invocation/{request_id}/response", event)
    assert [_end(reply).payload for reply in replying] == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/invocation/unknown/response", 400),
        ("POST", "/invocation/unknown/error", 400),
        ("POST", "/invocation/next", 405),
        ("GET", "/invocation/unknown/response", 405),
        ("GET", "/init/error", 405),
        ("GET", "/restore/next", 200),
        ("GET", "/elsewhere", 404),
        ("PUT", "/restore/next", 404),
    ],
)
def test_other_requests_get_the_status_that_fits(
    runtime: Runtime, method: str, path: str, status: int
) -> None:
    assert runtime.call(method, path, b"{}") == status
    assert runtime.call("GET", "/elsewhere") == 404, "the connection is still good"


def test_a_second_next_before_the_answer_is_refused(
    endpoint: Endpoint, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    assert runtime.call("GET", "/invocation/next") == 403
    assert runtime.call("POST", "/invocation/a/response", b"1") == 202
    assert runtime.call("POST", "/invocation/a/response", b"2") == 400
    assert _end(replying).payload == b"1"


NEXT = f"{ROOT}/invocation/next"
POST = f"POST {ROOT}/invocation/a/response HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param("\x16\x03\x01\x02\r\n\r\n", 400, id="TLS"),
        pytest.param(f"GET {NEXT}\r\n\r\n", 400, id="no version"),
        pytest.param(f"GET {NEXT} HTTP/2.0\r\n\r\n", 400, id="other version"),
        pytest.param(f"GET {NEXT} HTTP/1.1\r\nno colon\r\n\r\n", 400, id="no colon"),
        pytest.param(f"GET {NEXT} HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n", 400, id="folded header"),
        pytest.param(POST + "Content-Length: -1\r\n\r\n", 400, id="negative length"),
        pytest.param(POST + "Content-Length: 1e3\r\n\r\n", 400, id="length is no number"),
        pytest.param(
            POST + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, id="two lengths"
        ),
        pytest.param(
            POST + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            id="length and chunks",
        ),
        pytest.param(POST + "Transfer-Encoding: gzip\r\n\r\n", 501, id="unknown coding"),
        pytest.param(
            POST + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, id="chunk size is no number"
        ),
        pytest.param(
            POST + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400, id="chunk too long"
        ),
        pytest.param(
            POST + "Transfer-Encoding: chunked\r\n\r\n" + "1" * 5000, 400, id="endless chunk size"
        ),
        pytest.param(f"GET {NEXT} HTTP/1.1\r\nA: " + "b" * 2_100_000, 431, id="endless header"),
        pytest.param(
            f"GET {NEXT} HTTP/1.1\r\n" + "A: b\r\n" * 300 + "\r\n", 431, id="many headers"
        ),
    ],
)
def test_what_is_not_http_is_answered_and_closed_and_harms_nobody(
    endpoint: Endpoint,
    runtime: Runtime,
    threads: ThreadPoolExecutor,
    text: str,
    status: int,
) -> None:
    bad = Runtime(endpoint)
    bad.send(text)
    assert bad.answer()[0] == status
    assert bad.file.read() == b""
    bad.close()
    replying = _begin(threads, endpoint, "a")
    runtime.next()
    runtime.call("POST", "/invocation/a/response", b"1")
    assert _end(replying).payload == b"1"
