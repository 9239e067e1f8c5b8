"""The docker rooms without Docker: messages, facts and refusals of a daemon, base images."""

from __future__ import annotations

import hashlib
import json
import os
import socketserver
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest
import requests.exceptions

from helpers.made_versions import changed
from pytest_lambda_rollback.engines.docker import daemon as docker_daemon
from pytest_lambda_rollback.engines.docker.daemon import (
    DaemonFacts,
    DaemonLost,
    NotThere,
    facts_of,
    translated,
    with_ticks,
)
from pytest_lambda_rollback.engines.docker.engine import DockerEngine, probe
from pytest_lambda_rollback.engines.docker.image_chain import DIGEST_LABEL
from pytest_lambda_rollback.engines.docker.images import Images
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion

VERSION = {"Os": "linux", "Arch": "arm64", "Version": "20.10.24"}
INFO = {
    "ID": "A:B",
    "SecurityOptions": ["name=seccomp"],
    "OperatingSystem": "Debian GNU/Linux 12",
    "KernelVersion": os.uname().release,
    "MemTotal": 1 << 30,
}
FACTS = DaemonFacts(
    id="A:B",
    version="20.10.24",
    machine="amd64",
    memory_bytes=1 << 30,
    shares_kernel=True,
)
CARRIER = b"the carrier's program"


def function_version(tar: Path, **changes: Any) -> FunctionVersion:
    made = FunctionVersion(
        function="orders",
        version="4",
        code=Artifact(label="code", digest=hashlib.sha256(b"").hexdigest(), size_bytes=1, tar=tar),
        layers=(),
        configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
    )
    return changed(made, **changes)


# --- the daemon -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("unix:///nowhere/docker.sock", "no daemon is listening on its socket"),
        ("tcp://127.0.0.1:9", "the daemon refuses the connection"),
    ],
)
def test_daemon_that_does_not_answer(monkeypatch, host, reason):
    monkeypatch.setenv("DOCKER_HOST", host)

    text = probe()

    assert text is not None
    assert text.startswith(f"Docker does not answer: {reason}. Start Docker")


@pytest.fixture
def context(monkeypatch, tmp_path):
    """Write Docker's configuration with a context "there" whose daemon has an address."""

    def write(host, *, current=None):
        meta = tmp_path / "contexts" / "meta" / hashlib.sha256(b"there").hexdigest()
        meta.mkdir(parents=True)
        endpoints = {"docker": {"Host": host, "SkipTLSVerify": False}}
        described = {"Name": "there", "Metadata": {}, "Endpoints": endpoints}
        (meta / "meta.json").write_text(json.dumps(described))
        (tmp_path / "config.json").write_text(json.dumps({"currentContext": current or "default"}))

    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return write


@pytest.fixture
def listening(tmp_path):
    """A daemon's socket, and the requests that arrive there; it refuses each one."""
    asked = []

    class Refusing(socketserver.StreamRequestHandler):
        def handle(self):
            line = self.rfile.readline()
            if not line:  # only tried whether somebody listens
                return
            asked.append(line)
            self.wfile.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    path = str(tmp_path / "d.sock")
    with socketserver.ThreadingUnixStreamServer(path, Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"unix://{path}", asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("by_name", [False, True])
def test_the_daemon_of_the_context_is_probed_and_asked(context, listening, monkeypatch, by_name):
    host, asked = listening
    context(host, current=None if by_name else "there")
    if by_name:
        monkeypatch.setenv("DOCKER_CONTEXT", "there")
    assert "500" in probe()
    assert [line.split()[0] for line in asked] == [b"GET"]


def test_a_context_whose_daemon_is_away_is_not_replaced_by_the_default_one(context):
    context("unix:///nowhere/docker.sock", current="there")
    assert probe().startswith("Docker does not answer: no daemon is listening on its socket.")


def test_docker_host_goes_before_a_context(context, listening, monkeypatch):
    host, asked = listening
    context("unix:///nowhere/docker.sock", current="there")
    monkeypatch.setenv("DOCKER_HOST", host)
    assert "500" in probe()
    assert asked


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "there is no such context"), ("{", "/")],
)
def test_a_context_that_cannot_be_read(context, monkeypatch, tmp_path, content, reason):
    context("unix:///nowhere/docker.sock")
    monkeypatch.setenv("DOCKER_CONTEXT", "there")
    for meta in tmp_path.glob("contexts/meta/*/meta.json"):
        meta.unlink() if content is None else meta.write_text(content)
    text = probe()
    assert text.startswith(f'could not read the Docker context "there": {reason}')
    assert text.endswith("See `docker context ls`, or set DOCKER_HOST.")


def test_engine_without_a_daemon_raises_only_when_it_is_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    engine = DockerEngine()

    with pytest.raises(EngineError, match="Docker does not answer"):
        engine.prepare(function_version(tmp_path / "code.tar"), lambda line: None)
    assert engine.describe().version == ""
    engine.close()


class FakeAnswers:
    """A client of a daemon that says this of itself."""

    def __init__(
        self,
        version: dict[str, Any],
        info: dict[str, Any],
        url: str = "http+docker://localhost",
    ) -> None:
        self.api = SimpleNamespace(base_url=url)
        self.version = lambda: version
        self.info = lambda: info


def test_facts_of_a_daemon_on_this_machine():
    facts = facts_of(FakeAnswers(VERSION, INFO))

    assert (facts.id, facts.version, facts.machine) == ("A:B", "20.10.24", "arm64")
    assert facts.memory_bytes == 1 << 30
    assert facts.shares_kernel


@pytest.mark.parametrize(
    ("info", "url"),
    [
        ({"KernelVersion": "5.1.2-linuxkit"}, "http+docker://localhost"),
        ({"OperatingSystem": "Docker Desktop"}, "http+docker://localhost"),
        ({}, "https://192.0.2.7:2376"),
        ({}, "http+docker://ssh"),
    ],
    ids=["other-kernel", "desktop", "tcp", "ssh"],
)
def test_daemon_elsewhere_does_not_share_this_kernel(info, url):
    assert not facts_of(FakeAnswers(VERSION, INFO | info, url)).shares_kernel


@pytest.mark.parametrize(
    "info",
    [
        {"OperatingSystem": "Docker Desktop", "KernelVersion": "5.1.2-linuxkit"},
        {"SecurityOptions": ["name=rootless"]},
        {"KernelVersion": "5.1.2"},
    ],
    ids=["desktop", "rootless", "remote"],
)
def test_daemon_whose_networks_cannot_be_reached_is_as_good_as_any(info):
    assert facts_of(FakeAnswers(VERSION, INFO | info)).version == "20.10.24"


def test_daemon_of_windows_containers_is_refused():
    with pytest.raises(EngineError) as raised:
        facts_of(FakeAnswers(VERSION | {"Os": "windows"}, INFO))

    assert str(raised.value) == (
        "Docker runs windows containers, but Lambda's are Linux. Switch Docker to Linux containers."
    )


@pytest.mark.parametrize(
    ("raised", "expected", "why"),
    [
        (
            docker.errors.APIError("500 …", explanation="no space left."),
            EngineError,
            "no space left",
        ),
        (
            docker.errors.NotFound("404 …", explanation="No such image: x"),
            NotThere,
            "No such image",
        ),
        (requests.exceptions.ConnectionError("Connection refused"), DaemonLost, "refuses"),
        (requests.exceptions.ReadTimeout("Read timed out. (60)"), DaemonLost, "no answer in time"),
        (docker.errors.DockerException("Permission denied"), DaemonLost, "group docker"),
    ],
)
def test_vendor_errors_are_translated_with_their_cause(raised, expected, why):
    with pytest.raises(EngineError, match="it failed") as caught, translated("it failed"):
        raise raised

    assert type(caught.value) is expected
    assert why in caught.value.why
    assert caught.value.__cause__ is raised


def test_slow_step_says_how_long_it_takes(monkeypatch):
    monkeypatch.setattr(docker_daemon, "TICK_S", 0.02)
    lines: list[str] = []

    result = with_ticks(lambda: time.sleep(0.1) or "done", lambda: "pulling x", lines.append)

    assert result == "done"
    assert lines[:2] == ["pulling x", "pulling x (0 s)"]


@pytest.mark.parametrize("error", [TimeoutError("its own"), KeyboardInterrupt(), ValueError("x")])
def test_slow_step_raises_what_its_call_raises(error):
    def call() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        with_ticks(call, lambda: "pulling x", lambda line: None)

    assert raised.value is error


# --- base images ----------------------------------------------------------------------------


class FakeDaemon:
    """The part of a docker client that `Images` uses; images are named by their reference."""

    def __init__(
        self, present: dict[str, str], pulls: list[dict[str, Any]], gets: str = ""
    ) -> None:
        self.present = present
        self.pulled: list[tuple[str, str]] = []
        self._pulls, self._gets = pulls, gets
        self.images = SimpleNamespace(get=self._get)
        self.api = SimpleNamespace(pull=self._pull, build=self._build, tag=self._tag)
        self.built: list[str] = []
        self.tagged: list[str] = []
        self.digests: dict[str, str] = {}
        self.entry_point: list[str] | None = ["/lambda-entrypoint.sh"]
        self.last_used = "0001-01-01T00:00:00Z"

    def _get(self, reference: str) -> Any:
        if reference not in self.present:
            response = SimpleNamespace(status_code=404, reason="Not Found")
            raise docker.errors.ImageNotFound("404", response=response, explanation="No such image")
        attributes = {
            "Id": f"sha256:{reference}",
            "Architecture": self.present[reference],
            "Config": {
                "Entrypoint": self.entry_point,
                "Labels": {DIGEST_LABEL: self.digests.get(reference, "")},
            },
            "Metadata": {"LastTagTime": self.last_used},
        }
        return SimpleNamespace(attrs=attributes)

    def _pull(self, reference: str, *, stream: bool, decode: bool, platform: str) -> Any:
        self.pulled.append((reference, platform))
        if self._gets:
            self.present[reference] = self._gets
        return iter(self._pulls)

    def _tag(self, image: str, repository: str, tag: str, *, force: bool) -> None:
        assert force
        assert image == f"{repository}:{tag}"
        self.tagged.append(image)

    def _build(self, *, tag: str, fileobj: Any, labels: Any, **options: Any) -> Any:
        list(fileobj)
        self.built.append(tag)
        self.present[tag] = "amd64"
        self.digests[tag] = labels[DIGEST_LABEL]
        return iter([{"stream": "Successfully built"}])


def images(daemon: Any, *, pull: bool = True, **facts: Any) -> Images:
    return Images(
        daemon,
        facts=replace(FACTS, **facts),
        carrier=lambda architecture: CARRIER,
        overrides=(),
        pull=pull,
    )


def test_missing_base_image_is_pulled_for_the_versions_platform(tmp_path):
    tar = tmp_path / "code.tar"
    tar.write_bytes(b"")
    lines: list[str] = []
    daemon = FakeDaemon({}, [{"status": "Pull complete", "id": "1", "progressDetail": {}}], "amd64")

    launch = images(daemon).make(function_version(tar), lines.append)

    assert daemon.pulled == [("amazon/aws-lambda-python:3.11-x86_64", "linux/amd64")]
    assert lines[0] == "pulling amazon/aws-lambda-python:3.11-x86_64"
    assert daemon.built[-1] == launch.image


@pytest.mark.parametrize(
    ("daemon", "reason"),
    [
        (FakeDaemon({}, [{"error": "dial tcp: lookup failed."}]), "dial tcp: lookup failed"),
        (FakeDaemon({}, []), "it is missing after the pull"),
    ],
)
def test_base_image_that_cannot_be_pulled(tmp_path, daemon, reason):
    version = function_version(tmp_path / "code.tar", architecture="arm64")

    with pytest.raises(EngineError) as raised:
        images(daemon, machine="arm64").make(version, lambda line: None)

    reference = "amazon/aws-lambda-python:3.11-arm64"
    assert str(raised.value) == (
        f"the base image {reference} for orders:4 (python3.11) is unavailable: {reason}. "
        f"Get it with `docker pull --platform linux/arm64 {reference}`, or name an available "
        "image with --lambda-rollback-base-image python3.11=IMAGE."
    )


def test_architecture_without_an_emulator_is_refused_before_anything_is_built(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "pytest_lambda_rollback.engines.docker.images._is_emulated", lambda architecture: False
    )
    daemon = FakeDaemon({"amazon/aws-lambda-python:3.11-arm64": "arm64"}, [])
    version = function_version(tmp_path / "code.tar", architecture="arm64")

    with pytest.raises(EngineError) as raised:
        images(daemon).make(version, lambda line: None)

    assert "orders:4 cannot run here" in str(raised.value)
    assert "binfmt" in str(raised.value)
    assert "qemu-user-static" in str(raised.value)
    assert daemon.built == []


BASE = "amazon/aws-lambda-python:3.11-x86_64"


def test_emulators_of_another_machine_are_not_looked_for_here(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "pytest_lambda_rollback.engines.docker.images._is_emulated", lambda architecture: False
    )
    tar = tmp_path / "code.tar"
    tar.write_bytes(b"")
    daemon = FakeDaemon({"amazon/aws-lambda-python:3.11-arm64": "arm64"}, [])

    launch = images(daemon, shares_kernel=False).make(
        function_version(tar, architecture="arm64"), lambda line: None
    )

    assert daemon.built[-1] == launch.image


def test_machine_with_too_little_memory_is_named_before_anything_is_built(tmp_path):
    daemon = FakeDaemon({BASE: "amd64"}, [])
    version = function_version(tmp_path / "code.tar", memory_mb=2048)

    with pytest.raises(EngineError) as raised:
        images(daemon).make(version, lambda line: None)

    assert str(raised.value) == (
        "orders:4 cannot run here: it has 2048 MB of memory, and the machine that Docker runs on "
        "only 1024 MB. Give that machine more memory (Docker Desktop: Settings, Resources), or "
        "run these checks on a larger one."
    )
    assert daemon.built == []


def test_base_image_that_starts_no_handler_is_refused(tmp_path):
    daemon = FakeDaemon({BASE: "amd64"}, [])
    daemon.entry_point = None

    with pytest.raises(EngineError, match="has no ENTRYPOINT that starts a handler"):
        images(daemon).make(function_version(tmp_path / "code.tar"), lambda line: None)
    assert daemon.built == []


def test_carrier_is_the_one_for_the_versions_architecture(tmp_path):
    tar = tmp_path / "code.tar"
    tar.write_bytes(b"")
    daemon = FakeDaemon({BASE: "amd64", "amazon/aws-lambda-python:3.11-arm64": "arm64"}, [])
    asked: list[str] = []

    def carrier(architecture: str) -> bytes:
        asked.append(architecture)
        return architecture.encode()

    made = Images(daemon, facts=replace(FACTS, shares_kernel=False), carrier=carrier, overrides=())
    tags = {
        made.make(function_version(tar, architecture=each), lambda line: None).image
        for each in ("x86_64", "arm64")
    }

    assert asked == ["x86_64", "arm64"]
    assert len(tags) == 2


def test_link_of_its_tag_but_another_digest_is_built_again(tmp_path):
    tar = tmp_path / "code.tar"
    tar.write_bytes(b"")
    daemon = FakeDaemon({BASE: "amd64"}, [])
    launch = images(daemon).make(function_version(tar), lambda line: None)
    daemon.built.clear()
    daemon.digests[launch.image] = "f" * 64

    assert images(daemon).make(function_version(tar), lambda line: None) == launch

    assert daemon.built == [launch.image]


@pytest.mark.parametrize(("hours", "noted"), [(1, True), (0.1, False)])
def test_use_of_an_image_is_noted_by_the_daemon_now_and_then(tmp_path, hours, noted):
    tar = tmp_path / "code.tar"
    tar.write_bytes(b"")
    daemon = FakeDaemon({BASE: "amd64"}, [])
    launch = images(daemon).make(function_version(tar), lambda line: None)
    daemon.last_used = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()

    images(daemon).make(function_version(tar), lambda line: None)

    assert daemon.tagged == ([launch.image] if noted else [])
