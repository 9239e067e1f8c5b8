"""Node.js in real containers: AWS's runtime client, ES modules and CommonJS, every outcome."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.made_versions import changed
from pytest_lambda_rollback.aws_lambda.stack_traces import location
from pytest_lambda_rollback.model.replay import OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionVersion

pytestmark = pytest.mark.docker

RUNTIME = "nodejs22.x"
SOURCES = {
    path.name: path.read_text() for path in (Path(__file__).parent / "node_function").iterdir()
}
FAILING = {
    "gone.mjs": 'import gone from "gone";\nexport const handler = async () => gone;\n',
    "gone_cjs.js": '"use strict";\nconst gone = require("gone");\nexports.handler = gone;\n',
    "name.mjs": 'import { join, joint } from "node:path";\nexport const handler = joint;\n',
    "syntax.mjs": "export const handler = async () => {;\n",
    "syntax_cjs.js": "exports.handler = async ( => {};\n",
    "throws.mjs": 'export const handler = async () => 1;\n\nthrow new Error("no table");\n',
    "rejects.mjs": 'Promise.reject(new Error("no table"));\nawait new Promise(() => {});\n',
    "other.js": "exports.other = async () => 1;\nexports.value = 1;\n",
    "exits.mjs": 'console.log("bye");\nprocess.exit(4);\n',
}
TYPED = {
    "typed/package.json": '{"type": "module"}',
    "typed/app.js": (
        'import { price } from "./price.js";\n'
        "export default { handler: async () => price() };\n"
        "export const handler = async () => price();\n"
    ),
    "typed/price.js": "export const price = () => 7;\n",
}


@pytest.fixture(scope="module")
def of_node(store: Any) -> Callable[..., FunctionVersion]:
    """A version of the one package that all tests share, with some handler of it."""
    code = store.artifact({**SOURCES, **FAILING, **TYPED}, "code")

    def make(handler: str = "index.handler", **changes: Any) -> FunctionVersion:
        made = replace(store.version(), code=code, version="7")
        return changed(made, **{"runtime": RUNTIME, "handler": handler, "memory_mb": 256} | changes)

    return make


@pytest.fixture(scope="module")
def module_start(engine: Any) -> Iterator[Callable[..., Any]]:
    started: list[Any] = []

    def begin(version: FunctionVersion) -> Any:
        engine.prepare(version, lambda line: None)
        started.append(engine.start(version))
        return started[-1]

    yield begin
    for environment in started:
        environment.close()


@pytest.fixture(scope="module")
def esm(module_start: Any, of_node: Any) -> Any:
    """An environment of the ES module that all tests share which leave it alive."""
    return module_start(of_node(timeout_s=30.0))


@pytest.fixture(scope="module")
def commonjs(module_start: Any, of_node: Any) -> Any:
    return module_start(of_node("callbacks.handler"))


@pytest.fixture(scope="module")
def streamed(module_start: Any, of_node: Any) -> Any:
    return module_start(of_node("streamed.handler"))


# --- responses ------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["esm", "commonjs"])
def test_environment_is_reused_warm(module, ask, request):
    environment = request.getfixturevalue(module)

    first, second = ask(environment), ask(environment)

    assert (first.kind, second.kind) == (OutcomeKind.RESPONSE, OutcomeKind.RESPONSE)
    assert int(second.payload) == int(first.payload) + 1
    assert not second.cold
    assert environment.alive


def test_context_is_lambdas(esm, answer):
    seen = answer(esm, "context")

    assert seen["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:orders:7"
    assert (seen["name"], seen["version"], seen["memory_mb"]) == ("orders", "7", "256")
    assert seen["request_id"].startswith("request-")
    assert 25_000 < seen["remaining_ms"] <= 30_000
    assert seen["waits"] is True
    assert seen["node"].startswith("v22.")
    assert seen["uid"] == 993


def test_environment_variables_are_lambdas(esm, answer):
    seen = answer(esm, "environment")

    expected = {
        "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x",
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "LAMBDA_TASK_ROOT": "/var/task",
        "_HANDLER": "index.handler",
        "NODE_PATH": "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules"
        ":/var/runtime/node_modules:/var/runtime:/var/task",
    }
    assert {name: seen.get(name) for name in expected} == expected


def test_type_module_in_package_json_makes_a_js_file_an_es_module(module_start, of_node, answer):
    assert answer(module_start(of_node("typed/app.handler"))) == 7


def test_layers_modules_are_found_in_the_order_of_node_path(module_start, of_node, answer, store):
    module = "/node_modules/{}/index.js"
    layer = store.layer(
        "modules",
        {
            "nodejs" + module.format("prices"): 'module.exports = "nodejs";\n',
            "nodejs" + module.format("both"): 'module.exports = "nodejs";\n',
            "nodejs/node22" + module.format("both"): 'module.exports = "node22";\n',
            "nodejs/node20" + module.format("old"): 'module.exports = "node20";\n',
        },
    )
    environment = module_start(of_node(layers=(layer,)))

    assert answer(environment, "required", names=["prices", "both"]) == ["nodejs", "node22"]
    with pytest.raises(AssertionError, match="Cannot find module 'old'"):
        answer(environment, "required", names=["old"])
    # Node.js does not look in NODE_PATH for an ES module's imports.
    with pytest.raises(AssertionError, match="Cannot find package 'prices'"):
        answer(environment, "imported", name="prices")


def test_handler_that_never_calls_back_answers_null(commonjs, ask):
    outcome = ask(commonjs, "never")

    assert (outcome.kind, outcome.payload) == (OutcomeKind.RESPONSE, b"null")


def test_context_succeed_answers(commonjs, answer):
    assert answer(commonjs, "succeed") == "succeeded"


def test_callback_waits_for_the_empty_event_loop_unless_told_otherwise(commonjs, ask, answer):
    waited = ask(commonjs, "after_the_answer", waits=True)
    ticks_after_waiting = answer(commonjs, "ticks")
    at_once = ask(commonjs, "after_the_answer", waits=False)
    ticks_at_once = answer(commonjs, "ticks")

    assert waited.payload == at_once.payload == b'"answered"'
    assert (ticks_after_waiting, ticks_at_once) == (1, 0)
    assert waited.duration_s >= 0.3


def test_streamed_text(streamed, ask):
    outcome = ask(streamed, "text")

    assert (outcome.kind, outcome.payload) == (OutcomeKind.RESPONSE, b"one two")
    assert outcome.streamed
    assert outcome.content_type == "text/plain"


def test_streamed_http_response_is_read_as_a_buffered_one(streamed, answer):
    assert answer(streamed, "http") == {
        "statusCode": 202,
        "headers": {"content-type": "text/html"},
        "cookies": ["a=1"],
        "body": "<p></p>",
    }


def test_response_at_and_above_the_limit(module_start, of_node, ask):
    environment = module_start(of_node(memory_mb=512))
    limit = 6_291_556

    largest = ask(environment, "answer_bytes", bytes=limit - 2)
    larger = ask(environment, "answer_bytes", bytes=limit - 1)

    assert (largest.kind, len(largest.payload)) == (OutcomeKind.RESPONSE, limit)
    assert larger.kind is OutcomeKind.RESPONSE_TOO_LARGE
    assert larger.detail == "answered 6,291,557 bytes, more than Lambda's limit of 6,291,556"


def test_renewed_environment_has_forgotten_its_modules(module_start, of_node, ask):
    environment = module_start(of_node())
    ask(environment)

    assert environment.renew()
    outcome = ask(environment)

    assert (outcome.payload, outcome.cold) == (b"1", True)


def test_wrapper_of_a_layer_runs_the_runtime(module_start, of_node, answer, store):
    wrapper = '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n'
    layer = store.layer("wrapper", {"wrapper": wrapper}, mode=0o755)
    variables = (("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrapper"),)

    seen = answer(module_start(of_node(layers=(layer,), environment=variables)), "environment")

    assert seen["WRAPPED"] == "yes"


# --- errors ---------------------------------------------------------------------------------


def line_of(file: str, text: str) -> int:
    lines = SOURCES[file].splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_function_error_has_type_message_stack_trace_and_its_own_logs(esm, ask):
    ask(esm)

    outcome = ask(esm, "fail")

    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert (outcome.error.type, outcome.error.message) == ("TypeError", "no such sku")
    line = line_of("index.mjs", "no such sku")
    assert location(outcome.error.stack_trace) == f"index.mjs:{line}"
    assert outcome.detail == "raised TypeError: no such sku"
    assert len(outcome.logs) == 1
    assert outcome.logs[0].endswith(" fail")
    assert esm.alive


@pytest.mark.parametrize(
    ("do", "text"), [("fail", "no such sku"), ("throw", "thrown, not called back")]
)
def test_error_of_a_callback_handler(commonjs, ask, do, text):
    outcome = ask(commonjs, do)

    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert (outcome.error.type, outcome.error.message) == ("TypeError", text)
    assert location(outcome.error.stack_trace) == f"callbacks.js:{line_of('callbacks.js', text)}"


@pytest.mark.parametrize("module", ["esm", "commonjs"])
def test_error_that_is_only_a_text(module, ask, request):
    outcome = ask(request.getfixturevalue(module), "fail_with_text")

    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert outcome.error.message == "only a text"


def test_response_that_json_cannot_hold_is_a_function_error(esm, ask):
    outcome = ask(esm, "circular")

    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert outcome.error.message == "Unable to stringify response body"


def test_stream_that_fails_before_its_first_byte(streamed, ask):
    outcome = ask(streamed, "fail")

    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert (outcome.error.type, outcome.error.message) == ("TypeError", "before the first byte")


def test_stream_that_fails_after_its_first_bytes(streamed, ask):
    outcome = ask(streamed, "fail_in_the_middle")

    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert (outcome.error.type, outcome.error.message) == ("TypeError", "after the first bytes")
    assert outcome.streamed


@pytest.mark.parametrize(
    ("do", "error", "text"),
    [
        ("reject_unseen", "Runtime.UnhandledPromiseRejection", "nobody waits for this"),
        ("throw_from_a_timer", "RangeError", "thrown from a timer"),
    ],
)
def test_error_that_nobody_catches_ends_the_runtime(module_start, of_node, ask, do, error, text):
    environment = module_start(of_node())

    outcome, after = ask(environment, do), ask(environment)

    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert outcome.error.type == error
    assert text in outcome.error.message
    assert after.kind is OutcomeKind.HARNESS_FAILURE
    assert not environment.alive


@pytest.mark.parametrize(
    ("handler", "error", "text"),
    [
        ("gone.handler", "Error", "Cannot find package 'gone' imported from /var/task/gone.mjs"),
        ("gone_cjs.handler", "Runtime.ImportModuleError", "Cannot find module 'gone'"),
        ("missing.handler", "Runtime.ImportModuleError", "Cannot find module 'missing'"),
        ("name.handler", "Runtime.UserCodeSyntaxError", "does not provide an export named 'joint'"),
        ("syntax.handler", "Runtime.UserCodeSyntaxError", "SyntaxError"),
        ("syntax_cjs.handler", "Runtime.UserCodeSyntaxError", "SyntaxError"),
        ("other.handler", "Runtime.HandlerNotFound", "other.handler is undefined or not exported"),
        ("other.value", "Runtime.HandlerNotFound", "other.value is not a function"),
        ("throws.handler", "Error", "no table"),
        ("rejects.handler", "Runtime.UnhandledPromiseRejection", "no table"),
    ],
)
def test_init_error(module_start, of_node, ask, handler, error, text):
    environment = module_start(of_node(handler))

    outcome = ask(environment)

    assert outcome.kind is OutcomeKind.INIT_ERROR, outcome
    assert outcome.error.type == error
    assert text in outcome.error.message
    assert outcome.cold
    assert not environment.alive
    if handler == "throws.handler":
        assert location(outcome.error.stack_trace) == "throws.mjs:3"


# --- ends -----------------------------------------------------------------------------------


def test_exit_at_import_is_told_from_an_exit_while_an_event_runs(module_start, of_node, ask):
    at_import, running = module_start(of_node("exits.handler")), module_start(of_node())

    early, late = ask(at_import), ask(running, "exit", status=5)

    assert early.detail == "the runtime exited with status 4 during the initialisation"
    assert [line.split("\t")[-1] for line in early.logs] == ["bye"]
    assert late.kind is OutcomeKind.RUNTIME_EXIT
    assert late.detail == "the runtime exited with status 5 during the invocation"


def test_timeout(module_start, of_node, ask):
    outcome = ask(module_start(of_node(timeout_s=1.0)), "sleep", seconds=60)

    assert (outcome.kind, outcome.detail) == (OutcomeKind.TIMEOUT, "timed out after 1 s")


def test_out_of_memory(module_start, of_node, ask):
    outcome = ask(module_start(of_node(memory_mb=128, timeout_s=30.0)), "fill_memory")

    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert outcome.detail == "ran out of memory (limit 128 MB)"


def test_heap_that_is_full_aborts_the_runtime_below_the_memory_limit(module_start, of_node, ask):
    outcome = ask(module_start(of_node(memory_mb=256, timeout_s=30.0)), "fill_heap")

    assert outcome.kind is OutcomeKind.RUNTIME_EXIT
    assert "SIGABRT" in outcome.detail
    assert any("JavaScript heap out of memory" in line for line in outcome.logs)


# --- a whole run ----------------------------------------------------------------------------


def test_run_names_the_file_and_line_of_a_break(tmp_path):
    (tmp_path / "lambda-rollback.toml").write_text(
        f"""
[functions.orders]
current = "2"
targets = ["1"]
events = "events"
[functions.orders.versions.2]
code = "two"
handler = "index.handler"
runtime = "{RUNTIME}"
[functions.orders.versions.1]
code = "one"
handler = "index.handler"
runtime = "{RUNTIME}"
"""
    )
    files = {
        "events/order.json": json.dumps({"lines": [{"price": 2}]}),
        "two/index.mjs": "export const handler = async ({ lines }) => lines[0].price;\n",
        "one/index.mjs": (
            "export const handler = async ({ order }) => {\n  return order.price;\n};\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--lambda-rollback", "-p", "no:cacheprovider"),
            *("--lambda-rollback-engine=docker", "--lambda-rollback-strategy=alias"),
            f"--lambda-rollback-base-image={RUNTIME}=lambda-rollback-standin:{RUNTIME}",
        ],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "TypeError: Cannot read properties of undefined (reading 'price')" in done.stdout
    assert "index.mjs:2" in done.stdout
