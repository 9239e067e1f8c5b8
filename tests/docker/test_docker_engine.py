"""Outcomes, images and leftovers of the docker engine, in real containers."""

from __future__ import annotations

import gc
import io
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from helpers.child_processes import heed_interrupts
from helpers.daemon_relay import Relay
from pytest_lambda_rollback.engines.docker.owners import ENGINE_LABEL, OWNER_LABEL, this_process
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import OutcomeKind

pytestmark = pytest.mark.docker

CODE_IMAGES = "lambda-rollback/code"


@pytest.fixture(params=["python3.11", "python3.13"])
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def containers(client: Any, label: str) -> list[str]:
    return [each["Id"] for each in client.api.containers(all=True, filters={"label": label})]


def is_removed(client: Any, container: str) -> bool:
    """True once a container is gone, which may take Docker some seconds."""
    deadline = time.monotonic() + 20
    while container in containers(client, OWNER_LABEL):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def has_ended(client: Any, container: str) -> bool:
    """True once nothing runs in a container any more, which is a matter of its carrier alone."""
    deadline = time.monotonic() + 20
    while client.api.inspect_container(container)["State"]["Running"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def engine_label(client: Any, container: str) -> str:
    labels = client.api.inspect_container(container)["Config"]["Labels"]
    return f"{ENGINE_LABEL}={labels[ENGINE_LABEL]}"


# --- outcomes -------------------------------------------------------------------------------


def test_environment_is_reused_warm(start, ask, store, runtime):
    environment = start(store.version(runtime=runtime))

    first, second = ask(environment), ask(environment)

    assert (first.kind, first.payload, first.cold) == (OutcomeKind.RESPONSE, b"1", True)
    assert (second.kind, second.payload, second.cold) == (OutcomeKind.RESPONSE, b"2", False)
    assert environment.alive


def test_function_error_has_type_message_stack_trace_and_its_own_logs(start, ask, store, runtime):
    environment = start(store.version(runtime=runtime))
    ask(environment)

    outcome = ask(environment, "fail")

    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert (outcome.error.type, outcome.error.message) == ("ValueError", "no such sku")
    assert any('File "/var/task/app.py"' in frame for frame in outcome.error.stack_trace)
    assert outcome.logs[0] == "replay 2 fail"
    assert not any("replay 1" in line for line in outcome.logs)
    assert ask(environment).payload == b"3"


def test_environment_is_made_fresh_in_place(start, ask, answer, store, runtime, client):
    environment = start(store.version(runtime=runtime, memory_mb=256))
    answer(environment, "write", path="/tmp/left")
    answer(environment)
    began = client.api.inspect_container(environment.container)["State"]["StartedAt"]

    assert environment.renew()

    fresh = ask(environment)
    assert (fresh.kind, fresh.payload, fresh.cold) == (OutcomeKind.RESPONSE, b"1", True)
    assert answer(environment, "write", path="/tmp/left") == "written"
    assert ask(environment, "exit_runtime", status=3).kind is OutcomeKind.RUNTIME_EXIT
    assert environment.renew()
    outcome = ask(environment, "read_files", paths=["/tmp/left"])
    assert outcome.error.type == "FileNotFoundError"
    assert client.api.inspect_container(environment.container)["State"]["StartedAt"] == began


@pytest.mark.parametrize(
    ("code", "error", "log"),
    [
        ("import gone\n", "Runtime.ImportModuleError", "No module named 'gone'"),
        ("raise RuntimeError('no table')\n", "RuntimeError", "no table"),
        ("def handler(:\n", "Runtime.UserCodeSyntaxError", "app.py"),
        ("other = 1\n", "Runtime.HandlerNotFound", "handler"),
    ],
    ids=["import", "exception", "syntax", "no-handler"],
)
def test_init_error(start, ask, store, code, error, log):
    environment = start(store.version(code))

    outcome = ask(environment)

    assert outcome.kind is OutcomeKind.INIT_ERROR
    assert outcome.error.type == error
    assert log in outcome.error.message
    assert outcome.cold
    assert not environment.alive


def test_init_error_of_the_other_runtime(start, ask, store):
    outcome = ask(start(store.version("import gone\n", runtime="python3.13")))

    assert outcome.kind is OutcomeKind.INIT_ERROR
    assert outcome.error.type == "Runtime.ImportModuleError"


def test_exit_at_import_is_told_from_an_exit_while_an_event_runs(start, ask, store):
    at_import = start(store.version("print('bye'); import os; os._exit(4)\n"))
    running = start(store.version())

    early, late = ask(at_import), ask(running, "exit_runtime", status=5)

    assert early.detail == "the runtime exited with status 4 during the initialisation"
    assert early.logs == ("bye",)
    assert late.kind is OutcomeKind.RUNTIME_EXIT
    assert late.detail == "the runtime exited with status 5 during the invocation"
    assert late.logs == ("replay 1 exit_runtime",)
    assert not at_import.alive
    assert not running.alive


def test_sys_exit_at_import(start, ask, store):
    outcome = ask(start(store.version("import sys; sys.exit('no configuration')\n")))

    assert outcome.kind in (OutcomeKind.INIT_ERROR, OutcomeKind.RUNTIME_EXIT)
    assert "initialis" in outcome.detail
    assert any("no configuration" in line for line in outcome.logs)


def test_timeout_ends_the_environment_and_a_fresh_one_works(start, ask, store, client, runtime):
    version = store.version(runtime=runtime, timeout_s=1.0)
    environment = start(version)

    outcome = ask(environment, "sleep", seconds=60)

    assert (outcome.kind, outcome.detail) == (OutcomeKind.TIMEOUT, "timed out after 1 s")
    assert outcome.logs == ("replay 1 sleep",)
    assert not environment.alive
    environment.close()
    assert is_removed(client, environment.container)
    assert ask(start(version)).payload == b"1"


def test_timeout_of_the_initialisation(new_engine, start, ask, store):
    code = "import time\nprint('waiting')\ntime.sleep(60)\n"
    environment = start(store.version(code, timeout_s=1.0), new_engine(init_timeout_s=1.0))

    outcome = ask(environment)

    assert outcome.kind is OutcomeKind.TIMEOUT
    assert outcome.detail == "did not finish its initialisation within 2 s"
    assert outcome.logs == ("waiting", "waiting")  # Lambda tries it again


def test_out_of_memory_while_an_event_runs(start, ask, store, runtime):
    environment = start(store.version(runtime=runtime, memory_mb=128, timeout_s=30.0))
    ask(environment)

    outcome = ask(environment, "fill_memory")

    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert outcome.detail == "ran out of memory (limit 128 MB)"
    assert not environment.alive


def test_out_of_memory_at_import(start, ask, store):
    outcome = ask(start(store.version("held = b'x' * (400 * 1024 * 1024)\n", memory_mb=128)))

    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY


def test_exit_with_the_status_of_a_kill_is_no_lack_of_memory(start, ask, store):
    outcome = ask(start(store.version()), "exit_runtime", status=137)

    assert outcome.kind is OutcomeKind.RUNTIME_EXIT


def test_response_at_and_above_the_limit(start, ask, store):
    environment = start(store.version(memory_mb=512))
    limit = 6_291_556

    largest = ask(environment, "answer_bytes", bytes=limit - 2)
    larger = ask(environment, "answer_bytes", bytes=limit - 1)

    assert (largest.kind, len(largest.payload)) == (OutcomeKind.RESPONSE, limit)
    assert larger.kind is OutcomeKind.RESPONSE_TOO_LARGE
    assert larger.detail == "answered 6,291,557 bytes, more than Lambda's limit of 6,291,556"
    assert not environment.alive


def kill(client: Any, container: str) -> None:
    client.api.kill(container)


def stop(client: Any, container: str) -> None:
    client.api.stop(container, timeout=0)


def remove(client: Any, container: str) -> None:
    client.api.remove_container(container, force=True, v=True)


def pause(client: Any, container: str) -> None:
    client.api.pause(container)


@pytest.mark.parametrize(
    ("meddle", "detail"),
    [
        (kill, "the container was killed by something else"),
        (stop, "the container was killed by something else"),
        (remove, "the container was (killed|removed) by something else"),
        (pause, "the container was paused by something else"),
    ],
)
def test_what_others_do_to_a_container_is_never_the_functions_fault(
    start, ask, store, client, meddle, detail
):
    environment = start(store.version(timeout_s=2.0 if meddle is pause else 30.0))
    ask(environment)
    meddler = threading.Timer(0.5, meddle, [client, environment.container])
    meddler.start()

    outcome = ask(environment, "sleep", seconds=30)

    meddler.join()
    assert outcome.kind is OutcomeKind.HARNESS_FAILURE
    assert re.fullmatch(detail, outcome.detail)
    assert not environment.alive


@pytest.mark.parametrize("meddle", [kill, remove])
def test_container_that_ends_before_its_first_event_is_a_harness_failure(
    start, ask, store, client, meddle
):
    environment = start(
        store.version("import time; time.sleep(5)\nhandler = print\n", timeout_s=20.0)
    )
    meddle(client, environment.container)

    assert ask(environment).kind is OutcomeKind.HARNESS_FAILURE


def test_paused_container_is_removed_nonetheless(start, ask, store, client):
    environment = start(store.version())
    ask(environment)
    client.api.pause(environment.container)

    environment.close()

    assert is_removed(client, environment.container)


# The docker package leaves a socket open where nobody listens.
leaky = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def relay() -> Iterator[Relay]:
    made = Relay()
    yield made
    made.close()
    with warnings.catch_warnings():  # see leaky
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@leaky
def test_daemon_lost_in_mid_replay_is_never_the_functions_fault(
    relay, new_engine, start, ask, store
):
    """The connection ends, and nobody answers at the daemon's address any more."""
    environment = start(store.version(timeout_s=30.0), new_engine(client=relay.client()))
    ask(environment)
    threading.Timer(0.3, relay.cut).start()

    outcome = ask(environment, "sleep", seconds=30)

    assert outcome.kind is OutcomeKind.HARNESS_FAILURE
    assert outcome.detail.startswith("the connection to Docker was lost: ")
    assert not environment.alive
    assert ask(environment).kind is OutcomeKind.HARNESS_FAILURE
    relay.mend()


def test_daemon_that_hangs_is_never_the_functions_fault(
    relay, new_engine, start, ask, store, monkeypatch
):
    monkeypatch.setattr("pytest_lambda_rollback.engines.docker.confinement._TROUBLE_S", 1.0)
    environment = start(store.version(timeout_s=2.0), new_engine(client=relay.client()))
    ask(environment)
    threading.Timer(0.3, relay.hang).start()

    outcome = ask(environment, "sleep", seconds=1)

    assert outcome.kind is OutcomeKind.HARNESS_FAILURE
    assert outcome.detail == "the connection to Docker was lost: the daemon gave no answer in time"
    relay.mend()


@leaky
def test_environment_ends_with_its_connection(relay, new_engine, start, ask, store, client):
    """So that nothing runs on a daemon whose user's machine was switched off."""
    environment = start(store.version(timeout_s=30.0), new_engine(client=relay.client()))
    ask(environment)

    relay.cut()

    assert has_ended(client, environment.container)
    relay.mend()


def test_daemon_that_refuses_to_start_a_container_is_an_engine_error(new_engine, new_client, store):
    import docker.errors

    client = new_client()
    engine = new_engine(client=client)
    version = store.version(function="refused")
    engine.prepare(version, lambda line: None)

    def refuse(container: str) -> None:
        raise docker.errors.APIError("500", explanation="no space left on device")

    client.api.start = refuse
    with pytest.raises(EngineError) as raised:
        engine.start(version)

    assert str(raised.value).startswith("no execution environment of refused:4 could be started: ")
    assert "no space left on device" in str(raised.value)
    assert not containers(client, "pytest-lambda-rollback.function=refused:4")


# --- context, variables, layers -------------------------------------------------------------


def test_context_and_identity_are_lambdas(start, answer, store, runtime):
    seen = answer(start(store.version(runtime=runtime, memory_mb=256)), "identity")

    assert seen["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:orders:4"
    assert (seen["version"], seen["memory_mb"]) == ("4", "256")
    assert 5_000 < seen["remaining_ms"] <= 10_000
    assert (seen["uid"], seen["gid"], seen["user"]) == (993, 990, "sbx_user1051")
    assert seen["python"] == runtime


def test_environment_variables_are_lambdas_and_never_the_hosts(start, answer, store, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-hosts-own")
    monkeypatch.setenv("HOST_ONLY", "1")
    version = store.version(
        environment=(("TABLE", "orders"), ("AWS_REGION", "mine")), memory_mb=256, region="eu-west-1"
    )

    seen = answer(start(version), "environment")

    expected = {
        "_HANDLER": "app.handler",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "4",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
        "AWS_REGION": "eu-west-1",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "TABLE": "orders",
        "TZ": ":UTC",
    }
    assert {name: seen.get(name) for name in expected} == expected
    assert "HOST_ONLY" not in seen
    assert "the-hosts-own" not in seen.values()


def test_layers_overlay_in_order_and_code_stands_apart(start, answer, store, runtime):
    first = store.layer("first", {"python/shared.py": "v = 1\n", "only_first.txt": "first"})
    second = store.layer("second", {"python/shared.py": "v = 2\n", "only_second.txt": "second"})
    paths = ["/opt/python/shared.py", "/opt/only_first.txt", "/opt/only_second.txt"]

    in_order = start(store.version(runtime=runtime, layers=(first, second)))
    reverse = start(store.version(runtime=runtime, layers=(second, first)))

    seen = answer(in_order, "read_files", paths=paths)
    assert list(seen.values()) == ["v = 2\n", "first", "second"]
    assert answer(reverse, "read_files", paths=paths[:1]) == {paths[0]: "v = 1\n"}


def test_code_imports_from_a_layer(start, answer, store, runtime):
    layer = store.layer("shared", {"python/acme.py": "def price(): return 7\n"})
    code = "import acme\ndef handler(event, context): return acme.price()\n"

    assert answer(start(store.version(code, runtime=runtime, layers=(layer,)))) == 7


# --- images ---------------------------------------------------------------------------------


def test_second_prepare_builds_nothing_and_asks_little(
    new_engine, store, client, image_labels, monkeypatch
):
    from docker.api.client import APIClient

    layer = store.layer("layer", {"python/a.py": f"a = '{uuid4()}'\n"})
    version = store.version("def handler(e, c): return 'prepared twice'\n", layers=(layer,))
    lines: list[str] = []

    def images() -> set[str]:
        own = {"label": ["=".join(label) for label in image_labels]}
        return {image["Id"] for image in client.api.images(filters=own)}

    before = images()
    new_engine().prepare(version, lines.append)
    assert any("layer layer 1" in line for line in lines)
    assert any("code of orders:4" in line for line in lines)
    built = images() - before  # a build of an interrupted child may end at any time
    assert built

    requests: list[str] = []
    send = APIClient.send

    def counting(self: Any, request: Any, **options: Any) -> Any:
        requests.append(f"{request.method} {request.path_url}")
        return send(self, request, **options)

    monkeypatch.setattr(APIClient, "send", counting)
    lines.clear()
    second = new_engine()
    second.prepare(version, lines.append)

    assert lines == []
    assert len(requests) <= 5
    assert all(request.startswith("GET ") for request in requests)
    assert built <= images()
    requests.clear()
    second.prepare(version, lines.append)
    assert len(requests) <= 1


def test_package_that_was_changed_is_never_in_an_image(new_engine, start, answer, store, client):
    version = store.version(f"def handler(e, c): return 'what was prepared'  # {uuid4()}\n")
    content = version.code.tar.read_bytes()
    version.code.tar.write_bytes(content.replace(b"prepared", b"smuggled"))
    before = {image["Id"] for image in client.api.images(filters={"reference": CODE_IMAGES})}

    with pytest.raises(EngineError, match="the unpacked copy of code is not used"):
        new_engine().prepare(version, lambda line: None)

    assert {
        image["Id"] for image in client.api.images(filters={"reference": CODE_IMAGES})
    } == before
    version.code.tar.write_bytes(content)
    assert answer(start(version)) == "what was prepared"


def test_image_that_took_the_tag_of_a_link_is_not_run(new_engine, start, answer, store, client):
    version = store.version("def handler(e, c): return 'the one that was asked for'\n")
    other = store.version("def handler(e, c): return 'another one'\n")
    engine = new_engine()
    for each in (version, other):
        engine.prepare(each, lambda line: None)
    tags = {each: engine._launches[each].image for each in (version, other)}
    client.api.tag(tags[other], *tags[version].split(":"), force=True)

    assert answer(start(version, new_engine())) == "the one that was asked for"


def test_versions_share_layers_and_parallel_prepares_build_each_link_once(new_engine, store):
    layer = store.layer("shared", {"python/b.py": f"b = 'built once'  # {uuid4()}\n"})
    versions = [
        store.version(f"def handler(e, c): return {n}\n", version=str(n), layers=(layer,))
        for n in range(4)
    ]
    lines: list[str] = []
    engine = new_engine(workers=4)
    threads = [
        threading.Thread(target=engine.prepare, args=(version, lines.append))
        for version in versions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    built = [line for line in lines if not line.endswith(" s)")]
    assert built.count("building the image with layer shared 1") == 1
    assert len([line for line in built if "code of orders" in line]) == 4


def test_a_base_image_that_is_unavailable_names_the_command(new_engine, store):
    engine = new_engine(base_images=())

    with pytest.raises(EngineError) as raised:
        engine.prepare(store.version(), lambda line: None)

    text = str(raised.value)
    assert text.startswith(
        "the base image amazon/aws-lambda-python:3.11-x86_64 for orders:4 (python3.11) is "
        "unavailable: pulling is disabled. "
    )
    command = "docker pull --platform linux/amd64 amazon/aws-lambda-python:3.11-x86_64"
    assert f"`{command}`" in text
    assert "--lambda-rollback-base-image python3.11=IMAGE" in text


def test_base_image_of_another_architecture_is_refused(new_engine, store):
    engine = new_engine()

    with pytest.raises(EngineError, match="built for arm64, the image for amd64"):
        engine.prepare(store.version(architecture="arm64"), lambda line: None)


def test_image_without_an_entry_point_is_not_blamed_on_the_function(
    new_engine, store, client, image_labels
):
    engine = new_engine(base_images=(("python3.11", "lambda-rollback/bare:1"),))
    list(
        client.api.build(
            fileobj=io.BytesIO(b"FROM scratch\nLABEL x=1\n"),
            tag="lambda-rollback/bare:1",
            labels=dict(image_labels),
            rm=True,
            forcerm=True,
            decode=True,
        )
    )
    with pytest.raises(EngineError) as raised:
        engine.prepare(store.version(), lambda line: None)

    assert str(raised.value).startswith(
        "orders:4 cannot be started: its base image lambda-rollback/bare:1 has no ENTRYPOINT"
    )


def test_start_without_prepare_is_an_engine_error(new_engine, store):
    with pytest.raises(EngineError, match="orders:4 cannot be started: it was not prepared"):
        new_engine().start(store.version())


def test_description_names_version_and_base_images(engine, start, ask, store, client):
    ask(start(store.version()))

    described = engine.describe()

    base = client.images.get("lambda-rollback-standin:python3.11").id
    assert described.name == "docker"
    assert described.version == client.version()["Version"]
    short = base.removeprefix("sha256:")[:12]
    assert ("python3.11", "lambda-rollback-standin:python3.11", short) in described.base_images
    assert described.not_sealed == ()


# --- what is left ---------------------------------------------------------------------------


def test_closing_an_environment_removes_its_container(start, ask, store, client):
    environment = start(store.version())
    ask(environment)

    environment.close()
    environment.close()

    assert is_removed(client, environment.container)
    assert not environment.alive
    assert ask(environment).kind is OutcomeKind.HARNESS_FAILURE


def test_closing_the_engine_leaves_no_container(new_engine, store, ask, client):
    engine = new_engine()
    version = store.version()
    engine.prepare(version, lambda line: None)
    environments = [engine.start(version) for _ in range(3)]
    ask(environments[0])
    ask(environments[1], "exit_runtime", status=1)
    label = engine_label(client, environments[0].container)
    assert len(containers(client, label)) == 3

    engine.close()
    engine.close()

    assert containers(client, label) == []
    with pytest.raises(EngineError, match="the docker engine was closed"):
        engine.prepare(version, lambda line: None)


def test_replay_that_waits_ends_when_the_engine_is_closed(new_engine, store, ask):
    engine = new_engine()
    version = store.version(timeout_s=60.0)
    engine.prepare(version, lambda line: None)
    environment = engine.start(version)
    ask(environment)
    closer = threading.Timer(0.3, engine.close)
    closer.start()

    outcome = ask(environment, "sleep", seconds=60)

    closer.join()
    assert outcome.kind in (OutcomeKind.HARNESS_FAILURE, OutcomeKind.RUNTIME_EXIT)


@pytest.fixture
def child(store: Any, image_labels: Any) -> Any:
    """Start a process that runs an environment and then waits; gives it and its container."""
    made: list[subprocess.Popen[str]] = []

    def begin() -> tuple[subprocess.Popen[str], str]:
        artifact = store.version().code
        script = f"""
from pathlib import Path
from pytest_lambda_rollback.engines.docker.engine import DockerEngine
from pytest_lambda_rollback.model.replay import Invocation
from pytest_lambda_rollback.model.versions import (
    Artifact, FunctionConfiguration, FunctionVersion
)

engine = DockerEngine(
    base_images=(("python3.11", "lambda-rollback-standin:python3.11"),),
    image_labels={image_labels!r},
)
code = Artifact(
    label="code", digest={artifact.digest!r}, size_bytes=1, tar=Path({str(artifact.tar)!r})
)
version = FunctionVersion(
    function="orders", version="4", code=code, layers=(), configuration=FunctionConfiguration(
        runtime="python3.11", handler="app.handler", timeout_s=60.0
    ),
)
engine.prepare(version, lambda line: None)
environment = engine.start(version)
print(environment.container, flush=True)
environment.invoke(Invocation(request_id="1", event=b'{{"do": "sleep", "seconds": 60}}'))
"""
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            preexec_fn=heed_interrupts,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        made.append(process)
        container = process.stdout.readline().strip()
        assert container, process.stderr.read()
        return process, container

    yield begin
    for process in made:
        process.send_signal(signal.SIGINT)  # not kill: it has to remove what it started
        process.communicate(timeout=60)


def test_interrupt_leaves_nothing(child, client):
    process, container = child()
    label = engine_label(client, container)

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert "KeyboardInterrupt" in errors
    assert containers(client, label) == []


def test_leftovers_of_a_dead_owner_are_swept_and_those_of_a_live_one_are_not(
    child, new_engine, store, client
):
    dead, dead_container = child()
    _, live_container = child()
    dead_label = engine_label(client, dead_container)
    live_label = engine_label(client, live_container)
    dead.kill()
    dead.communicate()
    assert containers(client, dead_label) == [dead_container]
    assert has_ended(client, dead_container)

    engine = new_engine()
    version = store.version()
    engine.prepare(version, lambda line: None)
    engine.start(version)

    assert containers(client, dead_label) == []
    assert containers(client, live_label) == [live_container]


def test_a_start_that_fails_leaves_no_container(new_engine, store, client):
    engine = new_engine()
    version = store.version(
        function="fails-to-start", handler="app.handler", memory_mb=1, ephemeral_storage_mb=1
    )
    engine.prepare(version, lambda line: None)

    with pytest.raises(EngineError, match="of fails-to-start:4 could be started"):
        engine.start(version)

    assert containers(client, "pytest-lambda-rollback.function=fails-to-start:4") == []


def test_everything_is_labelled_with_its_owner(start, store, client):
    environment = start(store.version())

    labels = client.api.inspect_container(environment.container)["Config"]["Labels"]

    assert labels[OWNER_LABEL] == str(this_process())
    assert labels["pytest-lambda-rollback.function"] == "orders:4"


def test_start_does_not_wait_for_the_initialisation(start, ask, store):
    began = time.monotonic()
    environment = start(
        store.version("import time; time.sleep(4)\ndef handler(e, c): return 1\n", timeout_s=20.0)
    )
    started_s = time.monotonic() - began

    assert ask(environment).payload == b"1"
    assert started_s < time.monotonic() - began - 2
