"""The docker rooms without Docker: messages, owners, build contexts, refusals of a daemon."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socketserver
import subprocess
import sys
import tarfile
import threading
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest
import requests.exceptions

from helpers.made_versions import changed
from pytest_lambda_rollback.engines.docker import daemon as docker_daemon
from pytest_lambda_rollback.engines.docker.daemon import (
    DaemonLost,
    NotThere,
    is_dead,
    this_process,
    translated,
    unsuited,
    with_ticks,
)
from pytest_lambda_rollback.engines.docker.engine import DockerEngine, probe
from pytest_lambda_rollback.engines.docker.image_chain import image_chain
from pytest_lambda_rollback.engines.docker.images import Images, build_context
from pytest_lambda_rollback.engines.docker.network import create_network
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion

VERSION = {"Os": "linux", "KernelVersion": os.uname().release, "Version": "20.10.24"}
INFO = {"SecurityOptions": ["name=seccomp"], "OperatingSystem": "Debian GNU/Linux 12"}


def function_version(tar: Path, **changes: Any) -> FunctionVersion:
    made = FunctionVersion(
        function="orders",
        version="4",
        code=Artifact(label="code", digest="c" * 64, size_bytes=1, tar=tar),
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
    [(None, "there is no such context"), ("{", "Detected corrupted meta file for context there")],
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


def test_suited_daemon_is_not_refused():
    assert unsuited(VERSION, INFO) is None


@pytest.mark.parametrize(
    ("version", "info", "beginning"),
    [
        ({"Os": "windows"}, {}, "Docker runs windows containers"),
        (
            {},
            {"OperatingSystem": "Docker Desktop"},
            "Docker Desktop runs its networks in a virtual",
        ),
        ({"KernelVersion": "5.1.2-linuxkit"}, {}, "a Docker daemon runs its networks in a virtual"),
        (
            {},
            {"SecurityOptions": ["name=rootless"]},
            "rootless Docker runs its networks in its own net",
        ),
    ],
)
def test_unsuited_daemon(version, info, beginning):
    text = unsuited(VERSION | version, INFO | info)

    assert text is not None
    assert text.startswith(beginning)
    assert text.endswith(".")


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


# --- owners ---------------------------------------------------------------------------------


def test_this_process_is_alive():
    assert not is_dead(str(this_process()))


def test_process_that_ended_is_dead():
    script = (
        "from pytest_lambda_rollback.engines.docker.daemon import this_process as t; print(t())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert is_dead(done.stdout.strip())


def test_later_process_with_the_same_id_is_not_the_owner():
    assert is_dead(str(replace(this_process(), started="1")))


def test_owner_of_an_earlier_boot_is_dead():
    assert is_dead(str(replace(this_process(), boot="0-0")))


@pytest.mark.parametrize(
    "label",
    [
        str(replace(this_process(), namespace="1", pid=1 << 22, started="1")),
        "",
        "something else",
        "a/b/c/d",
    ],
    ids=["other-pid-namespace", "empty", "foreign", "no-pid"],
)
def test_in_doubt_an_owner_is_alive(label):
    assert not is_dead(label)


# --- build contexts and base images -----------------------------------------------------------


def test_build_contexts_hold_dockerfile_and_content(tmp_path):
    tar = tmp_path / "code.tar"
    tar.write_bytes(b"x" * 1000)
    seal, code = image_chain("sha256:0", function_version(tar))

    def members(link: Any) -> dict[str, bytes]:
        with tarfile.open(fileobj=io.BytesIO(b"".join(build_context(link)))) as context:
            return {each.name: context.extractfile(each).read() for each in context.getmembers()}

    assert list(members(seal)) == ["Dockerfile", "nsswitch.conf", "passwd", "group"]
    assert members(code) == {"Dockerfile": code.dockerfile.encode(), "artifact.tar": b"x" * 1000}


def test_build_context_is_not_held_in_memory(tmp_path):
    tar = tmp_path / "code.tar"
    with tar.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    code = image_chain("sha256:0", function_version(tar))[-1]

    tracemalloc.start()
    try:
        size = sum(len(piece) for piece in build_context(code))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size > 64 * 1024 * 1024
    assert peak < 8 * 1024 * 1024


def test_package_that_is_gone_is_named(tmp_path):
    code = image_chain("sha256:0", function_version(tmp_path / "gone.tar"))[-1]

    with pytest.raises(EngineError, match="the unpacked copy of code is gone"):
        list(build_context(code))


class FakeDaemon:
    """The part of a docker client that `Images` uses; images are named by their reference."""

    def __init__(
        self, present: dict[str, str], pulls: list[dict[str, Any]], gets: str = ""
    ) -> None:
        self.present = present
        self.pulled: list[tuple[str, str]] = []
        self._pulls, self._gets = pulls, gets
        self.images = SimpleNamespace(get=self._get)
        self.api = SimpleNamespace(pull=self._pull, build=self._build)
        self.built: list[str] = []

    def _get(self, reference: str) -> Any:
        if reference not in self.present:
            response = SimpleNamespace(status_code=404, reason="Not Found")
            raise docker.errors.ImageNotFound("404", response=response, explanation="No such image")
        attributes = {"Id": f"sha256:{reference}", "Architecture": self.present[reference]}
        return SimpleNamespace(attrs=attributes)

    def _pull(self, reference: str, *, stream: bool, decode: bool, platform: str) -> Any:
        self.pulled.append((reference, platform))
        if self._gets:
            self.present[reference] = self._gets
        return iter(self._pulls)

    def _build(self, *, tag: str, fileobj: Any, **options: Any) -> Any:
        list(fileobj)
        self.built.append(tag)
        self.present[tag] = "amd64"
        return iter([{"stream": "Successfully built"}])


def images(daemon: Any, *, host: str = "amd64", pull: bool = True) -> Images:
    return Images(daemon, host=host, overrides=(), pull=pull)


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
        images(daemon, host="arm64").make(version, lambda line: None)

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


# --- networks -------------------------------------------------------------------------------


class FakeNetworks:
    """A daemon that creates networks with one gateway, or refuses to."""

    def __init__(self, *, gateway: str = "127.0.0.1", refuses: str = "") -> None:
        self.gateway, self.refuses = gateway, refuses
        self.names: list[str] = []
        self.created: list[Any] = []
        self.api = self

    def create_network(self, name: str, *, ipam: Any, **options: Any) -> dict[str, str]:
        if self.refuses:
            raise docker.errors.APIError("500", explanation=self.refuses)
        self.names.append(name)
        self.created.append((ipam, options))
        return {"Id": name}

    def inspect_network(self, network: str) -> Any:
        return {"IPAM": {"Config": [{"Subnet": "127.0.0.0/24", "Gateway": self.gateway}]}}

    def remove_network(self, network: str) -> None:
        if network not in self.names:
            raise docker.errors.NotFound("404")
        self.names.remove(network)


def create(daemon: Any, server_version: str = "28.0.1") -> Any:
    return create_network(daemon, name="n", labels={}, server_version=server_version)


def test_network_of_a_new_daemon_is_made_once():
    daemon = FakeNetworks()

    network = create(daemon)

    assert network.gateway == "127.0.0.1"
    assert len(daemon.created) == 1
    assert dict(network.sysctls) == {"net.ipv4.tcp_syn_retries": "1"}


def test_network_of_an_old_daemon_gets_a_dead_end_for_its_default_route():
    daemon = FakeNetworks()

    network = create(daemon, "20.10.24+dfsg1")

    (pool,) = daemon.created[-1][0]["Config"]
    assert pool["Gateway"] == "127.0.0.1"
    assert pool["AuxiliaryAddresses"] == {"DefaultGatewayIPv4": "127.0.0.2"}
    assert daemon.names == ["n"]
    assert "net.ipv4.neigh.eth0.retrans_time_ms" in dict(network.sysctls)


def test_gateway_that_is_not_this_machines_leaves_no_network():
    daemon = FakeNetworks(gateway="198.51.100.7")

    with pytest.raises(EngineError) as raised:
        create(daemon)

    text = str(raised.value)
    assert text.startswith("the Runtime API cannot be served at 198.51.100.7, the gateway of")
    assert "Docker Desktop" in text
    assert 'engine = "process"' in text
    assert daemon.names == []


def test_exhausted_address_pools_are_named():
    refusal = "all predefined address pools have been fully subnetted"

    with pytest.raises(EngineError) as raised:
        create(FakeNetworks(refuses=refusal))

    assert "all of Docker's address pools are in use" in str(raised.value)
    assert "docker network prune" in str(raised.value)


def test_another_refusal_is_handed_on():
    with pytest.raises(EngineError, match="could not be created: iptables failed"):
        create(FakeNetworks(refuses="iptables failed"))
