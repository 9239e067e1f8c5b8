"""Functions whose package is a container image, pulled from a real registry and run."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.made_versions import changed
from helpers.registry import PASSWORD, STANDIN, USER, Registry, protected, running_registry
from pytest_lambda_rollback.engines.docker.engine import DockerEngine
from pytest_lambda_rollback.errors import EngineError, SourceError
from pytest_lambda_rollback.model.replay import OutcomeKind
from pytest_lambda_rollback.model.versions import (
    Artifact,
    ContainerImage,
    FunctionConfiguration,
    FunctionVersion,
)

pytestmark = pytest.mark.docker

FUNCTION = (Path(__file__).parent / "function" / "app.py").read_text()
COMMAND = 'CMD ["app.handler"]'
# What AWS documents for images that are not made from its own, to run with and without Lambda.
ENTRY_SCRIPT = """\
#!/bin/sh
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
    exec /usr/local/bin/aws-lambda-rie /var/lang/bin/python3.11 -m awslambdaric "$@"
fi
exec /var/lang/bin/python3.11 -m awslambdaric "$@"
"""
OWN_IMAGE = (
    "RUN rm /lambda-entrypoint.sh && mkdir /function && mv /var/task/* /function/",
    "ENV LAMBDA_TASK_ROOT=/function LANG=C.UTF-8 PYTHONPATH=/var/runtime",
    "WORKDIR /function",
)


@pytest.fixture(scope="module")
def registry(client: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(client, tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture(scope="module")
def published(registry: Registry) -> str:
    """URI of the image that most tests run: the usual function on AWS's base image."""
    return registry.publish({"app.py": FUNCTION}, COMMAND)


@pytest.fixture
def unseen(registry: Registry) -> str:
    """URI of an image that this Docker never pulled: it remembers manifests of those it removed."""
    return registry.publish({"app.py": f"{FUNCTION}\nunseen = {secrets.token_hex(8)!r}\n"}, COMMAND)


@pytest.fixture
def pulling(new_engine: Callable[..., DockerEngine]) -> DockerEngine:
    return new_engine(pull=True)


def version(
    uri: str, *, local: bool = False, config: Any = None, **changes: Any
) -> FunctionVersion:
    """A version of an image as the sources make it: no code, layers, runtime or handler."""
    nothing = Artifact(label="", digest="0" * 64, size_bytes=0, tar=Path("none.tar"))
    made = FunctionVersion(
        function="orders",
        version="4",
        code=nothing,
        layers=(),
        configuration=FunctionConfiguration(timeout_s=10.0),
        image=ContainerImage(uri=uri, local=local, **(config or {})),
    )
    return changed(made, **changes)


def refusal(engine: DockerEngine, wanted: FunctionVersion) -> str:
    with pytest.raises(EngineError) as raised:
        engine.prepare(wanted, lambda line: None)
    return str(raised.value)


# --- outcomes as those of a zip package ---------------------------------------------------------


def test_image_is_pulled_by_digest_and_its_function_answers_warm(
    registry, published, pulling, start, ask, client
):
    registry.forget(published)
    lines: list[str] = []
    pulling.prepare(version(published), lines.append)

    environment = start(version(published), pulling)
    first, second = ask(environment), ask(environment)

    assert lines[0] == f"pulling {published}"
    assert (first.kind, first.payload, first.cold) == (OutcomeKind.RESPONSE, b"1", True)
    assert (second.kind, second.payload, second.cold) == (OutcomeKind.RESPONSE, b"2", False)
    assert published in client.images.get(published).attrs["RepoDigests"]


def test_function_error_timeout_exit_and_lack_of_memory(published, pulling, start, ask):
    wanted = version(published, timeout_s=1.0)

    error = ask(start(wanted, pulling), "fail")
    late = ask(start(wanted, pulling), "sleep", seconds=60)
    gone = ask(start(wanted, pulling), "exit_runtime", status=5)
    full = ask(start(changed(wanted, timeout_s=30.0), pulling), "fill_memory")

    assert error.kind is OutcomeKind.FUNCTION_ERROR
    assert (error.error.type, error.error.message) == ("ValueError", "no such sku")
    assert any('File "/var/task/app.py"' in frame for frame in error.error.stack_trace)
    assert error.logs == ("replay 1 fail",)
    assert (late.kind, late.detail) == (OutcomeKind.TIMEOUT, "timed out after 1 s")
    assert (gone.kind, gone.detail) == (
        OutcomeKind.RUNTIME_EXIT,
        "the runtime exited with status 5 during the invocation",
    )
    assert (full.kind, full.detail) == (
        OutcomeKind.OUT_OF_MEMORY,
        "ran out of memory (limit 128 MB)",
    )


def test_init_error(registry, pulling, start, ask):
    uri = registry.publish({"app.py": "import gone\n"}, COMMAND)

    outcome = ask(start(version(uri), pulling))

    assert outcome.kind is OutcomeKind.INIT_ERROR
    assert outcome.error.type == "Runtime.ImportModuleError"
    assert "No module named 'gone'" in outcome.error.message


# --- what is run, and in what -------------------------------------------------------------------


def test_environment_is_lambdas_for_an_image(published, pulling, start, answer):
    wanted = version(
        published, memory_mb=256, region="eu-west-1", environment=(("TABLE", "orders"),)
    )
    environment = start(wanted, pulling)

    seen, identity = answer(environment, "environment"), answer(environment, "identity")

    assert seen["_HANDLER"] == "app.handler"
    assert seen["LAMBDA_TASK_ROOT"] == "/var/task"
    assert seen["AWS_REGION"] == "eu-west-1"
    assert seen["TABLE"] == "orders"
    assert seen["TZ"] == ":/etc/localtime"  # the base image says so
    assert seen["HOME"] == "/home/sbx_user1051"
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"  # its own runtime says so
    assert (identity["uid"], identity["gid"], identity["user"]) == (993, 990, "sbx_user1051")
    assert (identity["version"], identity["memory_mb"]) == ("4", "256")


def test_containers_of_images_are_confined_like_the_others(
    registry, pulling, start, answer, client
):
    uri = registry.publish(
        {"app.py": FUNCTION}, "USER root", "HEALTHCHECK --interval=1s CMD touch /tmp/x", COMMAND
    )
    environment = start(version(uri, ephemeral_storage_mb=600, memory_mb=192), pulling)

    assert answer(environment, "write", path="/var/task/x").startswith("OSError: [Errno 30]")
    (attempt,) = answer(environment, "connect", addresses=[["192.0.2.77", 443]])
    (look_up,) = answer(environment, "resolve", name="orders.example", times=1)
    found = client.api.inspect_container(environment.container)

    assert attempt["result"].startswith("OSError")
    # The name server gives each name a loopback address, where nothing listens.
    assert {each[4][0].startswith("127.64.") for each in look_up["result"]} == {True}
    assert look_up["seconds"] < 1
    host, config = found["HostConfig"], found["Config"]
    assert config["User"] == "993:990"
    assert config["Healthcheck"]["Test"] == ["NONE"]
    assert host["ReadonlyRootfs"] is True
    assert host["Tmpfs"]["/tmp"] == "rw,nosuid,nodev,exec,mode=1777,size=600m"
    assert host["NetworkMode"] == "none"
    assert host["Memory"] == host["MemorySwap"] == (192 + 600) * 1024 * 1024
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["PidsLimit"] == 1024


def test_volumes_that_an_image_declares_change_no_limit_and_leave_nothing(
    registry, pulling, start, answer, client
):
    uri = registry.publish(
        {"app.py": FUNCTION},
        "RUN mkdir /data && echo seeded >/data/file",
        "VOLUME /data /tmp",
        COMMAND,
    )
    environment = start(version(uri, ephemeral_storage_mb=64, memory_mb=256), pulling)

    assert answer(environment, "read_files", paths=["/data/file"]) == {"/data/file": "seeded\n"}
    assert answer(environment, "write", path="/data/file").startswith("PermissionError")
    assert answer(environment, "write", path="/tmp/fits", mb=50) == "written"
    assert answer(environment, "write", path="/tmp/much", mb=20).startswith("OSError: [Errno 28]")
    assert not environment.renew()  # what is written to a volume would be left

    mounts = client.api.inspect_container(environment.container)["Mounts"]
    environment.close()
    names = {mount["Name"] for mount in mounts if mount["Type"] == "volume"}
    assert names
    deadline = time.monotonic() + 20
    while client.api.containers(all=True, filters={"id": environment.container}):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    left = {volume["Name"] for volume in client.api.volumes()["Volumes"] or ()}
    assert not names & left


def test_image_config_overrides_one_instruction_and_leaves_the_others(
    registry, published, pulling, start, answer
):
    uri = registry.publish(
        {
            "app.py": FUNCTION,
            "other.py": "import os\ndef run(event, context): return ['other', os.getcwd()]\n",
            "entry.sh": '#!/bin/sh\nexport STARTED_BY=entry\nexec /lambda-entrypoint.sh "$@"\n',
        },
        COMMAND,
    )
    only_command = version(uri, config={"command": ("other.run",), "working_directory": "/opt"})
    only_entry_point = version(uri, config={"entry_point": ("/var/task/entry.sh",)})

    assert answer(start(only_command, pulling)) == ["other", "/opt"]
    seen = answer(start(only_entry_point, pulling), "environment")
    assert (seen["STARTED_BY"], seen["_HANDLER"]) == ("entry", "app.handler")
    assert "STARTED_BY" not in answer(start(version(uri), pulling), "environment")


@pytest.mark.parametrize(
    "steps",
    [
        ('ENTRYPOINT ["/var/lang/bin/python3.11", "-m", "awslambdaric"]', COMMAND),
        ('ENTRYPOINT ["/function/entry.sh"]', COMMAND),
        ('ENTRYPOINT []\nCMD ["/var/lang/bin/python3.11", "-m", "awslambdaric", "app.handler"]',),
    ],
    ids=["runtime-client", "entry-script", "command-alone"],
)
def test_image_that_is_not_made_from_a_base_image_of_aws(registry, pulling, start, answer, steps):
    files = {"app.py": FUNCTION, "entry.sh": ENTRY_SCRIPT}
    uri = registry.publish(files, *OWN_IMAGE, *steps)
    environment = start(version(uri), pulling)

    seen = answer(environment, "environment")

    assert seen["LAMBDA_TASK_ROOT"] == "/function"
    assert seen["LANG"] == "C.UTF-8"
    assert "AWS_EXECUTION_ENV" not in seen  # nobody but a base image of AWS sets it
    assert answer(environment, "read_files", paths=["/function/entry.sh"])
    assert answer(environment) == 3


def test_image_with_triggers_for_builds_runs_without_them(registry, pulling, start, answer):
    uri = registry.publish({"app.py": FUNCTION}, COMMAND, "ONBUILD RUN exit 7")

    assert answer(start(version(uri), pulling)) == 1


def test_image_that_says_nothing_to_run_is_refused(registry, pulling):
    uri = registry.publish({"app.py": FUNCTION}, "ENTRYPOINT []")

    text = refusal(pulling, version(uri))

    assert text.startswith("orders:4 cannot be started: neither its image ")
    assert "ENTRYPOINT" in text


def test_entry_point_that_is_not_in_the_image_is_named(registry, published, pulling, start, ask):
    outcome = ask(start(version(published, config={"entry_point": ("/nowhere/start",)}), pulling))

    assert outcome.kind in (OutcomeKind.INIT_ERROR, OutcomeKind.RUNTIME_EXIT)
    assert "/nowhere/start" in outcome.detail


def test_entry_point_is_found_along_the_images_path(registry, published, pulling, start, answer):
    entry_point = ("python3.11", "-m", "awslambdaric")
    uri = registry.publish({"app.py": FUNCTION}, *OWN_IMAGE, COMMAND)

    assert answer(start(version(uri, config={"entry_point": entry_point}), pulling)) == 1


# --- versions and digests -----------------------------------------------------------------------


def test_two_versions_of_one_tag_stay_apart(registry, pulling, start, answer):
    code = "def handler(event, context): return {!r}\n"
    older = registry.publish({"app.py": code.format("older")}, COMMAND, tag="moved")
    newer = registry.publish({"app.py": code.format("newer")}, COMMAND, tag="moved")

    assert older != newer
    assert answer(start(version(older, version="3"), pulling)) == "older"
    assert answer(start(version(newer, version="4"), pulling)) == "newer"


def test_parallel_prepares_pull_once(registry, published, new_engine):
    registry.forget(published)
    engine = new_engine(pull=True, workers=4)
    lines: list[str] = []
    threads = [
        threading.Thread(
            target=engine.prepare, args=(version(published, version=str(number)), lines.append)
        )
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert lines.count(f"pulling {published}") == 1


def test_image_that_was_deleted_runs_where_it_was_pulled_before(
    registry, pulling, new_engine, start, answer
):
    uri = registry.publish({"app.py": "def handler(event, context): return 'kept'\n"}, COMMAND)
    pulling.prepare(version(uri), lambda line: None)
    registry.delete(uri)

    assert answer(start(version(uri), new_engine(pull=True))) == "kept"


def test_image_that_was_deleted_is_named_where_it_was_not_pulled(registry, pulling):
    uri = registry.publish({"app.py": "gone = True\n"}, COMMAND)
    registry.delete(uri)

    text = refusal(pulling, version(uri))

    repository, _, digest = uri.partition("@")
    assert text.startswith(
        f"the image {uri} of orders:4 is unavailable: {repository} has no image {digest} any more: "
        "it was deleted, by hand or by a lifecycle policy"
    )
    assert "Push that image again" in text


def test_image_of_the_same_digest_from_another_repository_is_the_same(
    registry, pulling, new_engine, start, answer
):
    uri = registry.publish({"app.py": "def handler(e, c): return 'mirrored'\n"}, COMMAND)
    pulling.prepare(version(uri), lambda line: None)
    elsewhere = "registry.example/orders@" + uri.partition("@")[2]

    assert answer(start(version(elsewhere), new_engine(pull=False))) == "mirrored"


def test_image_of_a_build_is_taken_from_docker_and_never_pulled(
    registry, pulling, new_engine, start, answer
):
    name = "lambda-rollback-test/orders:candidate"
    registry.build(name, {"app.py": "def handler(e, c): return 'candidate'\n"}, COMMAND)

    assert answer(start(version(name, local=True), new_engine(pull=False))) == "candidate"

    text = refusal(pulling, version("lambda-rollback-test/orders:never", local=True))
    assert text.startswith(
        "the image lambda-rollback-test/orders:never of orders:4 does not exist: "
    )
    assert "sam build" in text


def test_images_of_functions_are_not_removed_with_the_engine(published, new_engine, client):
    engine = new_engine(pull=True)
    engine.prepare(version(published), lambda line: None)

    engine.close()

    assert client.images.get(published).attrs["RepoDigests"] == [published]


# --- what is unavailable -------------------------------------------------------------------------


def test_nothing_is_pulled_offline(registry, published, new_engine):
    registry.forget(published)

    text = refusal(new_engine(pull=False), version(published))

    assert text == (
        f"the image {published} of orders:4 is unavailable: it is not on this machine, and pulling "
        f"is disabled. Get it with `docker pull --platform linux/amd64 {published}`, or run "
        "once with the network."
    )


def test_tag_is_not_taken_for_the_version_that_was_published(published, pulling):
    text = refusal(pulling, version(published.partition("@")[0] + ":live"))

    assert "it is not named by a digest" in text


@pytest.mark.parametrize(
    ("host", "reason"),
    [("127.0.0.1:9", "connection refused"), ("registry.example", "registry.example")],
)
def test_registry_that_cannot_be_reached(pulling, host, reason):
    text = refusal(pulling, version(f"{host}/orders@sha256:{'a' * 64}"))

    assert f"{host} cannot be reached from this machine" in text
    assert reason in text
    assert "proxy settings" in text


def test_password_comes_from_the_callable_and_stays_in_memory(
    registry, unseen, new_engine, start, answer, tmp_path, monkeypatch
):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    uri = protected(registry, unseen)
    asked: list[str] = []
    lines: list[str] = []

    def login(image_uri: str) -> tuple[str, str]:
        asked.append(image_uri)
        return USER, PASSWORD

    engine = new_engine(pull=True, registry_login=login)
    engine.prepare(version(uri), lines.append)
    engine.prepare(version(uri), lines.append)

    assert answer(start(version(uri), engine)) == 1
    assert asked == [uri]
    assert list(tmp_path.iterdir()) == []
    assert PASSWORD not in "".join(lines)


def test_wrong_password_is_refused_and_not_shown(registry, unseen, new_engine):
    uri = protected(registry, unseen)
    engine = new_engine(pull=True, registry_login=lambda image: (USER, "not the password"))

    with pytest.raises(EngineError) as raised:
        engine.prepare(version(uri), lambda line: None)

    error: BaseException | None = raised.value
    assert f"{registry.protected} does not accept the login" in str(error)
    assert "ecr:GetAuthorizationToken" in str(error)
    while error is not None:
        assert "not the password" not in f"{error!r}{error}"
        error = error.__cause__ or error.__context__


def test_without_a_login_the_users_own_docker_configuration_counts(
    registry, unseen, new_engine, tmp_path, monkeypatch
):
    import base64

    uri = protected(registry, unseen)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    refused = refusal(new_engine(pull=True, registry_login=lambda image: None), version(uri))
    assert f"docker login {registry.protected}" in refused

    secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(
        json.dumps({"auths": {registry.protected: {"auth": secret}}})
    )
    new_engine(pull=True, registry_login=lambda image: None).prepare(
        version(uri), lambda line: None
    )


def test_failed_login_is_told_with_the_image_it_was_for(unseen, new_engine):
    def login(image_uri: str) -> None:
        raise SourceError(
            "no login to the registry", why="the SSO session has expired", do="Run `aws sso login`"
        )

    text = refusal(new_engine(pull=True, registry_login=login), version(unseen))

    assert text == (
        f"the image {unseen} of orders:4 is unavailable: no login to the registry: the SSO "
        "session has expired. Run `aws sso login`."
    )


def test_image_for_another_architecture_is_refused(registry, published, pulling):
    arm = registry.publish(
        {"app.py": "x = 1\n"}, COMMAND, base="scratch", repository="arm", platform="linux/arm64"
    )

    wrong_image = refusal(pulling, version(arm))
    wrong_version = refusal(pulling, version(published, architecture="arm64"))

    assert f"orders:4 cannot run from its image {arm}: the function is configured for x86_64" in (
        wrong_image
    )
    assert "the image is built for arm64" in wrong_image
    assert "the image is built for amd64" in wrong_version


def test_daemon_that_is_down_is_named(monkeypatch, published):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    engine = DockerEngine(registry_login=lambda image: (USER, PASSWORD))

    text = refusal(engine, version(published))
    engine.close()

    assert text.startswith("Docker does not answer: no daemon is listening on its socket. ")
    assert STANDIN not in text
