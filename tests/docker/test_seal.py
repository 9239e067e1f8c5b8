"""What a running environment cannot do: reach out, look around, write, or rise."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_lambda_rollback.model.replay import OutcomeKind

pytestmark = pytest.mark.docker


@contextmanager
def listener(host: str, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Iterator[int]:
    """A service of this machine that answers whoever connects; gives its port."""
    with socket.create_server((host, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def refused(result: str) -> bool:
    """True for an attempt that ended in an error of the network, not in an answer."""
    return result.startswith(("OSError", "ConnectionRefusedError", "TimeoutError", "gaierror"))


@pytest.fixture
def environment(start: Any, store: Any) -> Any:
    return start(store.version(timeout_s=60.0, memory_mb=256))


@pytest.fixture
def second_container(client: Any) -> Iterator[str]:
    """Address of a container on another network that answers on port 8080."""
    network = client.api.create_network("lambda-rollback-test-other", driver="bridge")["Id"]
    script = (
        "import socket\n"
        "server = socket.create_server(('', 8080))\n"
        "print('listening', flush=True)\n"
        "while True:\n"
        "    connection, _ = server.accept()\n"
        "    connection.sendall(b'hello')\n"
        "    connection.close()\n"
    )
    container = client.api.create_container(
        "lambda-rollback-standin:python3.11",
        entrypoint=["python3.11", "-c", script],
        host_config=client.api.create_host_config(network_mode=network),
    )["Id"]
    try:
        client.api.start(container)
        while not client.api.logs(container):
            time.sleep(0.02)
        found = client.api.inspect_container(container)["NetworkSettings"]["Networks"]
        yield next(iter(found.values()))["IPAddress"]
    finally:
        client.api.remove_container(container, force=True, v=True)
        client.api.remove_network(network)


# --- the network ----------------------------------------------------------------------------


def test_call_to_a_service_by_name_fails_within_50_ms(start, store, answer):
    for runtime in ("python3.11", "python3.13"):
        environment = start(store.version(runtime=runtime))

        attempts = answer(environment, "resolve", name="dynamodb.us-east-1.amazonaws.com", times=5)

        assert all(attempt["result"].startswith("gaierror") for attempt in attempts)
        assert min(attempt["seconds"] for attempt in attempts) < 0.050


def test_call_with_the_aws_sdk_fails_recognisably_long_before_a_timeout(environment, answer):
    attempt = answer(environment, "call_service")

    assert attempt["result"].startswith("EndpointConnectionError: ")
    assert "dynamodb.us-east-1.amazonaws.com" in attempt["result"]
    assert attempt["seconds"] < 3


def test_bare_addresses_and_the_metadata_service_fail_at_once(environment, answer):
    attempts = answer(
        environment,
        "connect",
        addresses=[["10.9.9.9", 443], ["192.0.2.77", 443], ["169.254.169.254", 80]],
    )

    assert [attempt["result"] for attempt in attempts if not refused(attempt["result"])] == []
    # One lost packet would be repeated after 1 s, an unrefused connection given up after 3 s.
    assert min(attempt["seconds"] for attempt in attempts) < 1


def test_second_container_on_another_network_does_not_answer(environment, answer, second_container):
    with socket.create_connection((second_container, 8080), timeout=10) as from_here:
        assert from_here.recv(10) == b"hello"

    (attempt,) = answer(environment, "connect", addresses=[[second_container, 8080]])

    assert refused(attempt["result"])


def test_services_on_this_machines_loopback_and_other_addresses_do_not_answer(
    environment, answer, client
):
    # Docker's own default bridge: an address of this machine outside the environments' network.
    subnet = client.api.inspect_network("bridge")["IPAM"]["Config"][0]["Subnet"]
    address = str(next(ipaddress.ip_network(subnet).hosts()))
    with listener("127.0.0.1") as local, listener(address) as other:
        attempts = answer(
            environment, "connect", addresses=[["127.0.0.1", local], [address, other]]
        )

    assert [attempt["result"] for attempt in attempts if not refused(attempt["result"])] == []


def test_another_environments_runtime_api_closes_without_a_byte(start, store, answer, client):
    one, other = start(store.version()), start(store.version())
    answer(other)
    address = answer(other, "environment")["AWS_LAMBDA_RUNTIME_API"]
    host, _, port = address.partition(":")

    (attempt,) = answer(one, "connect", addresses=[[host, int(port)]])

    assert attempt["result"] == "" or attempt["result"].startswith("ConnectionResetError")
    assert answer(other) == 3


def test_another_environment_does_not_answer(start, store, answer, client):
    one, other = start(store.version()), start(store.version())
    found = client.api.inspect_container(other.container)["NetworkSettings"]["Networks"]
    (address,) = [attached["IPAddress"] for attached in found.values()]

    (attempt,) = answer(one, "connect", addresses=[[address, 9001]])

    assert attempt["result"].startswith(("TimeoutError", "OSError"))


def test_docker_resolves_no_names_for_an_environment(environment, answer):
    """Docker's own name server would forward questions to the outside (exfiltration by DNS)."""
    query = "\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"

    attempt = answer(environment, "send_datagram", host="127.0.0.11", port=53, text=query)

    # No answer, or an error code (the low bits of the fourth byte); never an address.
    assert attempt["result"].startswith("TimeoutError") or ord(attempt["result"][3]) & 0x0F


# --- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/var/task/x", "/var/task/app.py", "/opt/x", "/etc/nsswitch.conf", "/x", "/dev/shm/x"]
)
def test_nothing_but_tmp_can_be_written(environment, answer, path):
    assert answer(environment, "write", path=path).startswith(
        ("OSError: [Errno 30]", "PermissionError", "FileNotFoundError")
    )


def test_tmp_is_writable_bounded_and_runs_programs(start, store, answer):
    environment = start(store.version(timeout_s=60.0, memory_mb=512, ephemeral_storage_mb=64))

    assert answer(environment, "run_from_tmp") == "ran"
    assert answer(environment, "write", path="/tmp/fits", mb=50) == "written"
    assert answer(environment, "write", path="/tmp/too-much", mb=20).startswith(
        "OSError: [Errno 28]"
    )


def test_tmp_of_one_environment_is_not_that_of_another(start, store, answer, ask):
    one, other = start(store.version()), start(store.version())
    assert answer(one, "write", path="/tmp/mine") == "written"

    outcome = ask(other, "read_files", paths=["/tmp/mine"])

    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert outcome.error.type == "FileNotFoundError"


# --- confinement ----------------------------------------------------------------------------


def test_docker_inspect_shows_the_hardening(start, store, client):
    environment = start(store.version(memory_mb=192, ephemeral_storage_mb=600))

    found = client.api.inspect_container(environment.container)
    host, config = found["HostConfig"], found["Config"]

    assert host["ReadonlyRootfs"] is True
    assert host["Tmpfs"] == {"/tmp": "rw,nosuid,nodev,exec,mode=1777,size=600m"}
    assert host["Memory"] == host["MemorySwap"] == 192 * 1024 * 1024
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["PidsLimit"] == 1024
    assert {"Name": "nofile", "Soft": 1024, "Hard": 1024} in host["Ulimits"]
    assert host["Privileged"] is False
    assert host["IpcMode"] == "none"
    assert host["PidMode"] == ""
    assert not host["Binds"]
    assert not found["Mounts"]
    assert not host["Devices"]
    assert not host["Init"]
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "1"}
    assert config["User"] == "993:990"
    assert config["Hostname"] == "169.254.100.6"
    assert config["Cmd"] == ["app.handler"]
    assert config["Entrypoint"] == ["/lambda-entrypoint.sh"]

    (network,) = found["NetworkSettings"]["Networks"].values()
    inspected = client.api.inspect_network(network["NetworkID"])
    assert inspected["Internal"] is True
    assert inspected["Options"]["com.docker.network.bridge.enable_icc"] == "false"


def test_process_has_no_capabilities_and_lambdas_limit_of_files(environment, answer):
    seen = answer(environment, "identity")

    assert {int(mask, 16) for mask in seen["capabilities"]} == {0}
    assert seen["files"] == 1024
    assert "/dev/shm" not in seen["mounts"]
    assert not any(mount.endswith("docker.sock") for mount in seen["mounts"])
