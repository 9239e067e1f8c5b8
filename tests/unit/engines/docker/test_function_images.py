"""Container images of functions, without Docker: what is run, what a failed pull is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest
import requests.exceptions

from helpers.made_versions import changed
from pytest_lambda_rollback.engines.docker.daemon import DaemonFacts, DaemonLost
from pytest_lambda_rollback.engines.docker.image_chain import (
    Launch,
    launch_of_image,
    launch_of_package,
)
from pytest_lambda_rollback.engines.docker.images import Images
from pytest_lambda_rollback.engines.process.engine import ProcessEngine
from pytest_lambda_rollback.engines.runtime_api.environment_variables import environment_of
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import (
    Artifact,
    ContainerImage,
    FunctionConfiguration,
    FunctionVersion,
)

FACTS = DaemonFacts(
    id="A:B",
    version="20.10.24",
    machine="amd64",
    memory_bytes=0,
    shares_kernel=True,
)
DIGEST = f"sha256:{'a' * 64}"
URI = f"registry.example/team/orders@{DIGEST}"
VERSION = FunctionVersion(
    function="orders",
    version="4",
    code=Artifact(label="", digest="0" * 64, size_bytes=0, tar=Path("none.tar")),
    layers=(),
    configuration=FunctionConfiguration(runtime="", handler=""),
    image=ContainerImage(uri=URI),
)
CONFIG = {
    "Entrypoint": ["/lambda-entrypoint.sh"],
    "Cmd": ["app.handler"],
    "WorkingDir": "/var/task",
    "Env": ["PATH=/bin", "LAMBDA_TASK_ROOT=/function", "TZ=", "A=b=c"],
}


# --- what is run --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "config", "entry_point", "command", "directory"),
    [
        ({}, CONFIG, ("/lambda-entrypoint.sh",), ("app.handler",), "/var/task"),
        (
            {"command": ("other.run",)},
            CONFIG,
            ("/lambda-entrypoint.sh",),
            ("other.run",),
            "/var/task",
        ),
        ({"entry_point": ("/main",)}, CONFIG, ("/main",), ("app.handler",), "/var/task"),
        (
            {"working_directory": "/srv"},
            CONFIG,
            ("/lambda-entrypoint.sh",),
            ("app.handler",),
            "/srv",
        ),
        ({}, {"Cmd": ["/main"], "Entrypoint": None}, (), ("/main",), "/"),
        ({}, {"Entrypoint": ["/main"], "WorkingDir": ""}, ("/main",), (), "/"),
    ],
)
def test_each_override_takes_the_place_of_one_instruction(
    overrides: Any, config: Any, entry_point: Any, command: Any, directory: Any
) -> None:
    launch = launch_of_image("tag", ContainerImage(uri=URI, **overrides), config)

    assert launch is not None
    assert (launch.image, launch.arguments) == ("tag", entry_point + command)
    assert launch.working_directory == directory
    assert launch.handler == (command[0] if command else "")


def test_volumes_of_an_image_are_known_but_for_the_one_that_is_emptied() -> None:
    config = CONFIG | {"Volumes": {"/data": {}, "/tmp": {}, "/cache/": {}}}

    launch = launch_of_image("tag", ContainerImage(uri=URI), config)

    assert launch is not None
    assert launch.volumes == ("/cache", "/data")


def test_zip_package_is_started_by_its_base_image() -> None:
    version = changed(VERSION, handler="app.handler")

    launch = launch_of_package("tag", version, CONFIG)

    assert launch is not None
    assert launch.arguments == ("/lambda-entrypoint.sh", "app.handler")
    assert (launch.handler, launch.working_directory) == ("app.handler", "/var/task")
    assert launch.variables == ()
    assert launch_of_package("tag", version, {"Entrypoint": None}) is None


def test_image_without_anything_to_run_has_no_launch() -> None:
    assert launch_of_image("tag", ContainerImage(uri=URI), {"Entrypoint": None, "Cmd": []}) is None


def test_variables_that_the_image_sets_win_over_defaults() -> None:
    launch = launch_of_image("tag", VERSION.image, CONFIG)  # type: ignore[arg-type]
    assert isinstance(launch, Launch)
    version = changed(VERSION, environment=(("TABLE", "orders"),))

    variables = dict(
        environment_of(
            version,
            runtime_api="127.0.0.1:9001",
            log_stream="stream",
            handler=launch.handler,
            set_by_image=launch.variables,
        )
    )

    assert variables["_HANDLER"] == "app.handler"
    assert variables["LANG"] == "en_US.UTF-8"
    assert variables["LAMBDA_RUNTIME_DIR"] == "/var/runtime"
    assert variables["TABLE"] == "orders"
    assert not {"TZ", "LAMBDA_TASK_ROOT", "AWS_EXECUTION_ENV", "PATH"} & variables.keys()


def test_process_engine_refuses_images(tmp_path: Path) -> None:
    engine = ProcessEngine(store_unpack=lambda artifact, folder: None, work_dir=tmp_path)

    with pytest.raises(EngineError) as raised:
        engine.prepare(VERSION, lambda line: None)
    engine.close()

    assert str(raised.value) == (
        "orders:4 cannot be run by the process engine: its package is a container image, which "
        "needs Docker. Use the docker engine on a machine where Docker answers."
    )


# --- pulls --------------------------------------------------------------------------------------


class FakeDaemon:
    """A daemon without images, whose every pull ends in the same way."""

    def __init__(self, pull: Exception | list[dict[str, Any]]) -> None:
        self._pull_ends = pull
        self.images = SimpleNamespace(get=self._get)
        self.api = SimpleNamespace(pull=self._pull, images=lambda: [{"RepoDigests": None}])

    def _get(self, reference: str) -> Any:
        response = SimpleNamespace(status_code=404, reason="Not Found")
        raise docker.errors.ImageNotFound("404", response=response, explanation="No such image")

    def _pull(self, reference: str, **options: Any) -> Any:
        if isinstance(self._pull_ends, Exception):
            raise self._pull_ends
        return iter(self._pull_ends)


def refusal(pull: Exception | list[dict[str, Any]], *, uri: str = URI, login: Any = None) -> str:
    images = Images(
        FakeDaemon(pull),  # type: ignore[arg-type]
        facts=FACTS,
        carrier=lambda architecture: b"",
        overrides=(),
        registry_login=login,
    )
    with pytest.raises(EngineError) as raised:
        images.make(replace(VERSION, image=ContainerImage(uri=uri)), lambda line: None)
    return str(raised.value)


@pytest.mark.parametrize(
    ("words", "why", "do"),
    [
        (
            f"manifest for {URI} not found: manifest unknown: Requested image not found",
            f"registry.example/team/orders has no image {DIGEST} any more",
            "lifecycle policies",
        ),
        (
            "name unknown: The repository with name 'team/orders' does not exist in the registry",
            "registry.example has no repository registry.example/team/orders",
            "Push the image again into a repository of that name",
        ),
        (
            f"Head https://{URI}: no basic auth credentials",
            "registry.example does not accept the login",
            "docker login registry.example",
        ),
        (
            "denied: Your authorization token has expired. Reauthenticate and try again.",
            "the login to registry.example has expired",
            "renew your AWS credentials",
        ),
        (
            "pull access denied for team/orders, repository does not exist or may require "
            "'docker login': denied: User: arn:aws:iam::123456789012:user/ci is not authorized to "
            "perform: ecr:BatchGetImage",
            "registry.example does not let you pull from registry.example/team/orders",
            "ecr:GetDownloadUrlForLayer",
        ),
        (
            "failed to register layer: Error processing tar file(exit status 1): write /usr/lib: "
            "no space left on device",
            "Docker's disk is full",
            "docker system df",
        ),
        (
            f"image with reference {URI} was found but does not match the specified platform: "
            "wanted linux/amd64, actual: linux/arm64",
            "it holds no image for linux/amd64",
            "image and architecture agree",
        ),
        (
            'Get "https://registry.example/v2/": x509: certificate signed by unknown authority',
            "the certificate of registry.example could not be verified",
            "/etc/docker/certs.d/registry.example",
        ),
        (
            "toomanyrequests: Rate exceeded",
            "registry.example answers that there were too many requests",
            "Wait a few minutes",
        ),
        (
            'Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host',
            "registry.example cannot be reached from this machine",
            "docker save",
        ),
    ],
)
@pytest.mark.parametrize("by", ["status", "stream"])
def test_failed_pull_is_explained_with_what_to_do(words: str, why: str, do: str, by: str) -> None:
    text = refusal(
        docker.errors.APIError("500", explanation=words)
        if by == "status"
        else [{"status": "Pulling"}, {"error": words}]
    )

    assert text.startswith(f"the image {URI} of orders:4 is unavailable: {why}")
    assert words.rstrip(".") in text
    assert do in text


def test_failure_that_nobody_knows_is_told_as_it_is() -> None:
    text = refusal(docker.errors.APIError("500", explanation="the moon is in the way " * 40))

    assert "the moon is in the way" in text
    assert len(text) < 800
    assert f"docker pull --platform linux/amd64 {URI}" in text


def test_credential_helper_that_fails_is_about_the_login() -> None:
    text = refusal(docker.errors.DockerException("Credentials store error: StoreError('gone')"))

    assert "registry.example does not accept the login" in text


def test_pull_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_lambda_rollback.engines.docker.pulls._PULL_TIMEOUT_S", 0)

    text = refusal([{"status": "Downloading", "id": "1", "progressDetail": {}}] * 3)

    assert "the image is too large, or the connection too slow (it took more than 0 s)" in text


def test_daemon_that_is_lost_while_it_pulls_is_not_the_registrys_fault() -> None:
    with pytest.raises(DaemonLost, match="the daemon refuses the connection"):
        Images(
            FakeDaemon(requests.exceptions.ConnectionError("Connection refused")),  # type: ignore[arg-type]
            facts=FACTS,
            carrier=lambda architecture: b"",
            overrides=(),
        ).make(VERSION, lambda line: None)


def test_pull_that_brings_another_image_is_noticed() -> None:
    assert f"Docker has no image of the digest {DIGEST} after the pull" in refusal([])


@pytest.mark.parametrize(
    "uri", ["registry.example/orders:4", "orders", f"registry.example/orders@{DIGEST}x"]
)
def test_image_without_a_digest_is_not_pulled(uri: str) -> None:
    assert "not named by a digest" in refusal([], uri=uri)
