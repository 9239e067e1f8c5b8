"""The variables that a function sees are Lambda's, its own, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.made_versions import changed
from pytest_lambda_rollback.aws_lambda.limits import RESERVED_VARIABLES
from pytest_lambda_rollback.engines.runtime_api.environment_variables import environment_of
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion

VERSION = FunctionVersion(
    function="orders",
    version="3",
    code=Artifact(label="code", digest="0" * 64, size_bytes=0, tar=Path("code.tar")),
    layers=(),
    configuration=FunctionConfiguration(runtime="python3.13", handler="app.handler", memory_mb=256),
    region="eu-west-1",
)


def _environment(**environment: str) -> dict[str, str]:
    version = changed(VERSION, environment=tuple(environment.items()))
    return dict(environment_of(version, runtime_api="127.0.0.1:9001", log_stream="stream"))


def test_the_documented_variables() -> None:
    assert _environment() == {
        "_HANDLER": "app.handler",
        "AWS_ACCESS_KEY_ID": "lambda-rollback-dummy",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "3",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "lambda-rollback-dummy",
        "AWS_SESSION_TOKEN": "lambda-rollback-dummy",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
    }


def test_the_functions_own_variables_join_and_win_over_defaults() -> None:
    environment = _environment(TABLE="orders", TZ="Europe/Berlin", AWS_MAX_ATTEMPTS="4", PATH="/x")
    assert environment["TABLE"] == "orders"
    assert environment["TZ"] == "Europe/Berlin"
    assert environment["AWS_MAX_ATTEMPTS"] == "4"
    assert environment["PATH"] == "/x"


@pytest.mark.parametrize("name", sorted(RESERVED_VARIABLES))
def test_reserved_variables_cannot_be_set_by_the_function(name: str) -> None:
    assert _environment(**{name: "from the function"}).get(name) != "from the function"


@pytest.mark.parametrize(
    "name", ["PATH", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH", "NODE_PATH", "TZ", "AWS_MAX_ATTEMPTS"]
)
def test_search_paths_and_defaults_are_not_reserved(name: str) -> None:
    assert name not in RESERVED_VARIABLES


def test_nothing_of_the_host_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _environment()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "host-secret")
    monkeypatch.setenv("AWS_PROFILE", "host")
    assert _environment() == before
