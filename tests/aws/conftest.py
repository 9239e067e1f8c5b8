"""AWS for the tests in this folder: a server on loopback, empty for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.aws_emulator.server import AwsServer
from helpers.aws_projects import Project


@pytest.fixture(scope="session")
def running_aws_server() -> Iterator[AwsServer]:
    """The server that the tests share; use ``aws_server``."""
    with AwsServer() as server:
        yield server


@pytest.fixture
def aws_server(running_aws_server: AwsServer) -> Iterator[AwsServer]:
    """AWS, empty, without counts, throttling or faults."""
    running_aws_server.reset()
    yield running_aws_server
    running_aws_server.reset()


@pytest.fixture
def aws_environment(aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    """This process, and those that it starts, talk to ``aws_server`` and to no other AWS."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in aws_server.environment.items():
        monkeypatch.setenv(name, value)
    return aws_server


@pytest.fixture
def project(tmp_path: Path, aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project of a user whose AWS is ``aws_server``."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(path=folder, server=aws_environment)
