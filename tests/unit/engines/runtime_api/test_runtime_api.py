"""The Runtime API over raw sockets: what runtimes of any language may send, and what they get."""

from __future__ import annotations

import base64
import contextlib
import json
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.fake_carrier import FakeCarrier
from helpers.runtimes import (
    ROOT,
    RUNTIME,
    Place,
    Runtime,
    begin,
    end,
    invocation_of,
    started,
    version_of,
)
from pytest_lambda_rollback.aws_lambda.limits import RESPONSE_BYTES
from pytest_lambda_rollback.engines.runtime_api.environment import Ending
from pytest_lambda_rollback.model.replay import FunctionError, Invocation, OutcomeKind

Open = Callable[..., Place]


# --- an invocation ------------------------------------------------------------------------------


def test_next_hands_out_the_event_with_the_headers_of_the_runtime_api(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    invocation = Invocation(
        request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        event=b'{"order": 7}',
        trace_id="Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
        client_context='{"custom":\n {"name": "\u00e9\u2603"}}',
        cognito_identity='{"cognitoIdentityId": "i"}',
    )
    before_ms = time.time() * 1000
    replying = threads.submit(place.invoke, invocation)
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
    reply = end(replying)
    assert (reply.kind, reply.payload, reply.streamed) == (
        OutcomeKind.RESPONSE,
        b'{"ok": true}',
        False,
    )
    assert reply.content_type == "application/json"


def test_only_the_first_event_of_an_environment_is_cold(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    cold = []
    for request_id in ("a", "b", "c"):
        replying = begin(threads, place, request_id)
        runtime.next()
        assert runtime.call("POST", f"/invocation/{request_id}/response", b"1") == 202
        cold.append(end(replying).cold)
    assert cold == [True, False, False]


def test_pipelined_requests_are_answered_in_their_order(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    one = f"GET {ROOT}/invocation/next HTTP/1.1\r\n\r\n"
    two = f"POST {ROOT}/invocation/a/response HTTP/1.1\r\nContent-Length: 3\r\n\r\n[1]"
    runtime.send(one + two + one)
    replying = begin(threads, place, "a", b'"first"')
    assert runtime.answer()[2] == b'"first"'
    assert runtime.answer()[0] == 202
    assert end(replying).payload == b"[1]"
    replying = begin(threads, place, "b", b'"second"')
    assert runtime.answer()[2] == b'"second"'
    runtime.call("POST", "/invocation/b/response", b"2")
    assert end(replying).payload == b"2"


def test_a_request_may_arrive_byte_by_byte(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    text = f"POST {ROOT}/invocation/a/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    for byte in (text + "3\r\n[1,\r\n2;note=x\r\n2]\r\n0\r\n\r\n").encode():
        runtime.send(bytes([byte]))
    assert runtime.answer()[0] == 202
    assert end(replying).payload == b"[1,2]"


def test_expect_100_continue_is_answered_before_the_body(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    runtime.send(
        f"POST {ROOT}/invocation/a/response HTTP/1.1\r\n"
        "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert runtime.file.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert runtime.file.readline() == b"\r\n"
    runtime.send("42")
    assert runtime.answer()[0] == 202
    assert end(replying).payload == b"42"


def test_connection_close_is_obeyed(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.ask("GET", "/invocation/next", Connection="close")
    assert runtime.answer()[1]["Connection"] == "close"
    assert runtime.file.read() == b""
    other = Runtime(place.carrier)
    assert other.call("POST", "/invocation/a/response", b"1") == 202
    assert end(replying).payload == b"1"
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
    place: Place,
    runtime: Runtime,
    threads: ThreadPoolExecutor,
    body: bytes,
    header: str,
    expected: FunctionError,
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    headers = {"Lambda_Runtime_Function_Error_Type": header} if header else {}
    assert runtime.call("POST", "/invocation/a/error", body, **headers) == 202
    reply = end(replying)
    assert (reply.kind, reply.error) == (OutcomeKind.FUNCTION_ERROR, expected)


def test_an_x_ray_header_of_nearly_a_megabyte_is_taken(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    status = runtime.call(
        "POST",
        "/invocation/a/error",
        b'{"errorType": "E", "errorMessage": "m"}',
        Lambda_Runtime_Function_XRay_Error_Cause="x" * 1_000_000,
    )
    assert status == 202
    assert end(replying).error == FunctionError(type="E", message="m")


def test_an_environment_answers_after_an_error(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    runtime.call("POST", "/invocation/a/error", b"{}")
    assert end(replying).kind is OutcomeKind.FUNCTION_ERROR
    assert place.environment.alive
    replying = begin(threads, place, "b")
    runtime.next()
    runtime.call("POST", "/invocation/b/response", b"1")
    assert end(replying).payload == b"1"


def test_an_init_error_wins_over_the_exit_that_follows(place: Place, runtime: Runtime) -> None:
    body = b'{"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named x"}'
    assert runtime.call("POST", "/init/error", body) == 202
    place.carrier.exit(RUNTIME, "exited=1")
    for _ in range(2):
        reply = place.invoke(invocation_of())
        assert reply.kind is OutcomeKind.INIT_ERROR
        assert reply.error == FunctionError(
            type="Runtime.ImportModuleError", message="No module named x"
        )


def test_an_init_error_that_is_still_on_its_way_at_the_exit_counts(
    place: Place, threads: ThreadPoolExecutor
) -> None:
    runtime = Runtime(place.carrier)
    replying = begin(threads, place)
    runtime.ask("POST", "/init/error", b'{"errorType": "E"}')
    place.carrier.exit(RUNTIME, "exited=1")
    assert end(replying).kind is OutcomeKind.INIT_ERROR
    runtime.close()


def test_an_init_error_after_the_initialisation_is_refused(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    assert runtime.call("POST", "/init/error", b"{}") == 403
    assert runtime.call("POST", "/invocation/a/response", b"1") == 202
    assert end(replying).kind is OutcomeKind.RESPONSE


# --- ends ---------------------------------------------------------------------------------------


def test_a_late_response_is_refused_and_reaches_no_other_event(
    open_place: Open, threads: ThreadPoolExecutor
) -> None:
    place = open_place(version=version_of(timeout_s=0.2))
    runtime = Runtime(place.carrier)
    replying = begin(threads, place, "a")
    runtime.next()
    reply = end(replying)
    assert (reply.kind, reply.detail) == (OutcomeKind.TIMEOUT, "timed out after 0.2 s")
    assert not place.environment.alive
    runtime.ask("POST", "/invocation/a/response", b"late")
    while not runtime.is_answered():  # what arrives is taken with the next event
        assert place.invoke(invocation_of("b")).kind is OutcomeKind.HARNESS_FAILURE
    status, _, body = runtime.answer()
    assert (status, json.loads(body)["errorType"]) == (400, "InvalidRequestID")
    runtime.close()


def test_an_initialisation_that_never_ends_is_begun_again_and_then_times_out(
    open_place: Open,
) -> None:
    place = open_place(version=version_of(timeout_s=0.1), init_timeout_s=0.2)
    reply = place.invoke(invocation_of())
    assert reply.kind is OutcomeKind.TIMEOUT
    assert reply.detail == "did not finish its initialisation within 0.3 s"
    assert [process for process, _ in place.carrier.started] == [RUNTIME, RUNTIME]
    assert place.carrier.resets == 1


def test_a_second_initialisation_is_part_of_the_first_events_time(
    open_place: Open, threads: ThreadPoolExecutor
) -> None:
    place = open_place(version=version_of(timeout_s=5), init_timeout_s=0.1)
    replying = begin(threads, place, "a")
    while len(place.carrier.started) < 2:
        time.sleep(0.01)
    time.sleep(0.5)
    runtime = Runtime(place.carrier)
    headers, _ = runtime.next()
    left_s = int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
    assert left_s < 4.6
    runtime.call("POST", "/invocation/a/response", b"1")
    assert end(replying).kind is OutcomeKind.RESPONSE
    runtime.close()


def test_an_initialised_environment_may_wait_longer_than_its_budgets(
    open_place: Open, threads: ThreadPoolExecutor
) -> None:
    place = open_place(version=version_of(timeout_s=0.5), init_timeout_s=1.0)
    runtime = Runtime(place.carrier)
    started(place, 1)
    runtime.ask("GET", "/invocation/next")
    time.sleep(1.6)
    replying = begin(threads, place, "a")
    runtime.answer()
    runtime.call("POST", "/invocation/a/response", b"1")
    assert end(replying).kind is OutcomeKind.RESPONSE
    runtime.close()


def test_a_runtime_that_never_asks_again_is_told_from_one_that_is_slow_with_an_event(
    open_place: Open, threads: ThreadPoolExecutor
) -> None:
    place = open_place(version=version_of(timeout_s=1.0))
    runtime = Runtime(place.carrier)
    replying = begin(threads, place, "a")
    runtime.next()
    runtime.call("POST", "/invocation/a/response", b"1")
    assert end(replying).kind is OutcomeKind.RESPONSE
    reply = place.invoke(invocation_of("b"))
    assert reply.kind is OutcomeKind.HARNESS_FAILURE
    assert "did not ask for the next event within 1 s" in reply.detail
    runtime.close()


@pytest.mark.parametrize(
    ("phase", "kind", "words"),
    [
        ("init", OutcomeKind.RUNTIME_EXIT, "during the initialisation"),
        ("invoke", OutcomeKind.RUNTIME_EXIT, "during the invocation"),
        ("idle", OutcomeKind.HARNESS_FAILURE, "before it received this event"),
    ],
)
def test_an_exit_says_in_which_phase(
    place: Place, threads: ThreadPoolExecutor, phase: str, kind: OutcomeKind, words: str
) -> None:
    runtime = Runtime(place.carrier)
    if phase == "idle":
        replying = begin(threads, place, "a")
        runtime.next()
        runtime.call("POST", "/invocation/a/response", b"1")
        end(replying)
    elif phase == "invoke":
        replying = begin(threads, place, "a")
        runtime.next()
    runtime.close()
    place.carrier.exit(RUNTIME, "exited=7")
    reply = end(replying) if phase == "invoke" else place.invoke(invocation_of("b"))
    assert reply.kind is kind
    assert "exited with status 7" in reply.detail
    assert words in reply.detail


def test_an_exit_is_told_even_where_a_child_keeps_the_connection(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    place.carrier.exit(RUNTIME, "signalled=11")
    reply = end(replying)
    assert reply.kind is OutcomeKind.RUNTIME_EXIT
    assert reply.detail == "the runtime was killed by SIGSEGV during the invocation"


def test_a_runtime_that_cannot_be_executed_says_why(place: Place) -> None:
    place.carrier.exit(RUNTIME, "failed=8")
    reply = place.invoke(invocation_of())
    assert reply.kind is OutcomeKind.RUNTIME_EXIT
    assert "could not be started: /var/runtime/bootstrap: exec format error" in reply.detail


def test_a_machine_with_too_many_processes_is_no_fault_of_the_function(place: Place) -> None:
    place.carrier.exit(RUNTIME, "failed=11")
    reply = place.invoke(invocation_of())
    assert reply.kind is OutcomeKind.HARNESS_FAILURE
    assert reply.detail == "a process could not be started: resource temporarily unavailable"


def test_closing_ends_a_waiting_invocation(place: Place, threads: ThreadPoolExecutor) -> None:
    replying = begin(threads, place)
    place.environment.close()
    place.environment.close()
    assert end(replying).kind is OutcomeKind.HARNESS_FAILURE
    assert place.invoke(invocation_of()).detail == "the execution environment was closed"


# --- memory and the carrier's end ---------------------------------------------------------------


def test_a_kill_by_memory_is_out_of_memory(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    place.carrier.memory = ["peak=134217728", "oom_kills=1", "over=0"]
    place.carrier.exit(RUNTIME, "signalled=9")
    reply = end(replying)
    assert reply.kind is OutcomeKind.OUT_OF_MEMORY
    assert reply.peak_memory_bytes == 134_217_728


def test_a_kill_without_a_reason_is_no_lack_of_memory(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    place.carrier.exit(RUNTIME, "signalled=9")
    assert end(replying).kind is OutcomeKind.RUNTIME_EXIT


def test_an_answer_from_above_the_watched_limit_is_out_of_memory(
    open_place: Open, threads: ThreadPoolExecutor
) -> None:
    place = open_place(memory_limit_bytes=5000)
    runtime = Runtime(place.carrier)
    for peak, kind in ((4999, OutcomeKind.RESPONSE), (5001, OutcomeKind.OUT_OF_MEMORY)):
        place.carrier.memory = [f"peak={peak}", f"anonymous={peak}", "oom_kills=0", "over=0"]
        replying = begin(threads, place, "a")
        runtime.next()
        runtime.call("POST", "/invocation/a/response", b"1")
        reply = end(replying)
        assert (reply.kind, reply.peak_memory_bytes) == (kind, peak)
    assert not place.environment.alive
    runtime.close()


def test_memory_far_below_the_limit_is_not_asked_for_after_each_event(
    open_place: Open, threads: ThreadPoolExecutor
) -> None:
    place = open_place(memory_limit_bytes=1 << 62)
    runtime = Runtime(place.carrier)
    for _ in range(3):
        replying = begin(threads, place, "a")
        runtime.next()
        runtime.call("POST", "/invocation/a/response", b"1")
        assert end(replying).peak_memory_bytes == 1000
    assert place.carrier.asked == 1
    runtime.close()


@pytest.mark.parametrize(
    ("why", "kind", "detail"),
    [
        (Ending(), OutcomeKind.HARNESS_FAILURE, "the carrier ended unexpectedly"),
        (Ending(failure="somebody killed it"), OutcomeKind.HARNESS_FAILURE, "somebody killed it"),
        (Ending(out_of_memory=True), OutcomeKind.OUT_OF_MEMORY, "ran out of memory (limit 128 MB)"),
    ],
)
def test_the_carriers_end_is_what_its_engine_says(
    place: Place,
    runtime: Runtime,
    threads: ThreadPoolExecutor,
    why: Ending,
    kind: OutcomeKind,
    detail: str,
) -> None:
    place.carrier.why = why
    replying = begin(threads, place, "a")
    runtime.next()
    place.carrier.die()
    reply = end(replying)
    assert (reply.kind, reply.detail) == (kind, detail)
    assert not place.environment.alive
    assert not place.environment.renew()


def test_bytes_that_are_no_frame_end_the_environment(place: Place) -> None:
    place.carrier.send_raw(b"GET / HTTP/1.1\r\n\r\n")
    reply = place.invoke(invocation_of())
    assert reply.kind is OutcomeKind.HARNESS_FAILURE
    assert "unknown frame" in reply.detail


# --- fresh in place -----------------------------------------------------------------------------


def test_a_renewed_environment_is_cold_again(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    runtime.call("POST", "/invocation/a/response", b"1")
    assert end(replying).cold
    assert place.environment.renew()
    assert runtime.file.read() == b"", "the former connection is closed"
    fresh = Runtime(place.carrier)
    replying = begin(threads, place, "b")
    fresh.next()
    fresh.call("POST", "/invocation/b/response", b"2")
    reply = end(replying)
    assert (reply.payload, reply.cold) == (b"2", True)
    assert [process for process, _ in place.carrier.started] == [RUNTIME, RUNTIME]
    fresh.close()


def test_an_environment_that_timed_out_can_be_renewed(
    open_place: Open, threads: ThreadPoolExecutor
) -> None:
    place = open_place(version=version_of(timeout_s=0.2))
    runtime = Runtime(place.carrier)
    replying = begin(threads, place, "a")
    runtime.next()
    assert end(replying).kind is OutcomeKind.TIMEOUT
    assert not place.environment.alive
    assert place.environment.renew()
    assert place.environment.alive
    runtime.close()


def test_an_environment_with_leftovers_is_not_renewed(open_place: Open) -> None:
    place = open_place(carrier=FakeCarrier(left=["a port in TIME_WAIT"]))
    runtime = Runtime(place.carrier)
    runtime.ask("GET", "/invocation/next")
    assert not place.environment.renew()
    assert place.environment.left == ("a port in TIME_WAIT",)
    assert not place.environment.alive
    runtime.close()


def test_variables_and_arguments_reach_the_process(place: Place, runtime: Runtime) -> None:
    runtime.ask("GET", "/invocation/next")
    while not place.carrier.started:
        time.sleep(0.01)
    assert place.carrier.started == [(RUNTIME, ("d/var/task", "a/var/runtime/bootstrap", "eA=b"))]


# --- sizes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_a_response_over_the_limit_is_too_large(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor, chunked: bool
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    body = b"x" * (RESPONSE_BYTES + 1)
    if chunked:
        runtime.send(
            f"POST {ROOT}/invocation/a/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for start in range(0, len(body), 1_000_000):
            part = body[start : start + 1_000_000]
            runtime.send(b"%x\r\n%b\r\n" % (len(part), part))
        runtime.send("0\r\n\r\n")
    else:
        runtime.ask("POST", "/invocation/a/response", body)
    status, _, answer = runtime.answer()
    assert status == 413
    assert "6291556 bytes" in json.loads(answer)["errorMessage"]
    reply = end(replying)
    assert reply.kind is OutcomeKind.RESPONSE_TOO_LARGE
    assert reply.detail == "answered 6,291,557 bytes, more than Lambda's limit of 6,291,556"
    assert not place.environment.alive


def test_a_response_at_the_limit_is_taken(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    assert runtime.call("POST", "/invocation/a/response", b"x" * RESPONSE_BYTES) == 202
    assert len(end(replying).payload) == RESPONSE_BYTES


def test_an_error_over_the_limit_is_still_an_error(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    body = b"x" * (RESPONSE_BYTES + 1)
    runtime.call("POST", "/invocation/a/error", body, Lambda_Runtime_Function_Error_Type="Big")
    reply = end(replying)
    assert reply.kind is OutcomeKind.FUNCTION_ERROR
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
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    _stream(runtime, "a", [b"x" * RESPONSE_BYTES, b"tail"])
    assert runtime.answer()[0] == 202
    reply = end(replying)
    assert (reply.kind, reply.streamed) == (OutcomeKind.RESPONSE, True)
    assert reply.content_type == "application/octet-stream"
    assert len(reply.payload) == RESPONSE_BYTES + 4


def test_an_error_in_the_trailers_of_a_stream_is_an_error(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
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
    reply = end(replying)
    assert reply.kind is OutcomeKind.FUNCTION_ERROR
    assert reply.error == FunctionError(
        type="Error", message="midway", stack_trace=("Error: midway",)
    )


# --- who may talk, and how ----------------------------------------------------------------------


def test_two_environments_have_events_of_their_own(
    open_place: Open, threads: ThreadPoolExecutor
) -> None:
    places = [open_place(version=version_of(version=v)) for v in "12"]
    runtimes = [Runtime(place.carrier) for place in places]
    replying = [begin(threads, place, "same-id") for place in places]
    arns = [runtime.next()[0]["Lambda-Runtime-Invoked-Function-Arn"] for runtime in runtimes]
    assert [arn[-1] for arn in arns] == ["1", "2"]
    for number, runtime in enumerate(runtimes):
        runtime.call("POST", "/invocation/same-id/response", str(number).encode())
        runtime.close()
    assert [end(reply).payload for reply in replying] == [b"0", b"1"]


def test_only_the_awaited_answer_is_kept(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    tracemalloc.start()
    liars = [Runtime(place.carrier) for _ in range(4)]
    for liar in liars:
        assert liar.call("POST", "/invocation/other/response", b"x" * 3_000_000) == 400
        assert liar.call("POST", "/elsewhere", b"x" * 3_000_000) == 404
        liar.close()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20_000_000
    assert runtime.call("POST", "/invocation/a/response", b"1") == 202
    assert end(replying).payload == b"1"


def test_a_second_answer_beside_the_first_is_not_kept(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    begun = b"x" * 100_000
    runtime.send(f"{POST}Content-Length: 200000\r\n\r\n".encode() + begun)
    time.sleep(0.1)
    second = Runtime(place.carrier)
    assert second.call("POST", "/invocation/a/response", b"y" * 200_000) == 400
    runtime.send(begun)
    assert runtime.answer()[0] == 202
    assert end(replying).payload == b"x" * 200_000
    second.close()


def test_a_client_that_reads_no_answers_is_dropped_and_harms_nobody(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    deaf = Runtime(place.carrier)
    deaf.socket.settimeout(0.5)
    pipeline = f"GET {ROOT}/elsewhere HTTP/1.1\r\n\r\n".encode() * 1000
    with contextlib.suppress(OSError):
        for _ in range(40):
            deaf.send(pipeline)
    runtime.ask("POST", "/invocation/a/response", b"1")
    assert end(replying).payload == b"1"
    deaf.close()


def test_invocations_from_several_threads_take_turns(
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = [begin(threads, place, str(n), str(n).encode()) for n in range(4)]
    for _ in replying:
        headers, event = runtime.next()
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        runtime.call("POST", f"/invocation/{request_id}/response", event)
    assert [end(reply).payload for reply in replying] == [b"0", b"1", b"2", b"3"]


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
    place: Place, runtime: Runtime, threads: ThreadPoolExecutor
) -> None:
    replying = begin(threads, place, "a")
    runtime.next()
    assert runtime.call("GET", "/invocation/next") == 403
    assert runtime.call("POST", "/invocation/a/response", b"1") == 202
    assert end(replying).payload == b"1"
    runtime.ask("POST", "/invocation/a/response", b"2")
    replying = begin(threads, place, "b")
    assert runtime.answer()[0] == 400
    runtime.next()
    runtime.call("POST", "/invocation/b/response", b"3")
    assert end(replying).payload == b"3"


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
    place: Place,
    runtime: Runtime,
    threads: ThreadPoolExecutor,
    text: str,
    status: int,
) -> None:
    bad = Runtime(place.carrier)
    bad.send(text)
    assert bad.answer()[0] == status
    assert bad.file.read() == b""
    bad.close()
    replying = begin(threads, place, "a")
    runtime.next()
    runtime.call("POST", "/invocation/a/response", b"1")
    assert end(replying).payload == b"1"
