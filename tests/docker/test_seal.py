"""What a running environment cannot do: reach out, look around, write, or rise."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.model.replay import OutcomeKind

pytestmark = pytest.mark.docker


@contextmanager
def listener(host: str) -> Iterator[tuple[int, list[str]]]:
    """A service of this machine that answers whoever connects; gives its port, and who did."""
    heard: list[str] = []
    with socket.create_server((host, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                heard.append(address[0])
                with connection:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], heard
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
    name = f"lambda-rollback-test-{secrets.token_hex(4)}"
    network = client.api.create_network(name, driver="bridge")["Id"]
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

        address = ["dynamodb.us-east-1.amazonaws.com", 443]
        attempts = answer(environment, "connect", addresses=[address] * 5)

        assert all("ConnectionRefusedError" in attempt["result"] for attempt in attempts)
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
    assert max(attempt["seconds"] for attempt in attempts) < 1


def test_environment_has_no_network_but_its_own_loopback(environment, answer):
    seen = answer(environment, "read_files", paths=["/proc/net/dev", "/proc/net/route"])

    interfaces = [line.split(":")[0].strip() for line in seen["/proc/net/dev"].splitlines()[2:]]
    # Modules of the kernel may put a tunnel into every network; none is up or has a route.
    assert set(interfaces) <= {"lo", "tunl0", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0"}
    assert len(seen["/proc/net/route"].splitlines()) == 1


def test_second_container_on_another_network_does_not_answer(environment, answer, second_container):
    (attempt,) = answer(environment, "connect", addresses=[[second_container, 8080]])

    assert refused(attempt["result"])


def addresses_of_this_machine() -> list[str]:
    listed = subprocess.run(["ip", "-json", "address"], capture_output=True, check=True).stdout
    return [
        each["local"]
        for interface in json.loads(listed)
        for each in interface["addr_info"]
        if each["family"] == "inet"
    ]


def test_listener_on_all_interfaces_of_this_machine_hears_nothing(start, store, answer, client):
    gateways = [
        config["Gateway"]
        for network in client.api.networks()
        for config in client.api.inspect_network(network["Id"])["IPAM"]["Config"] or ()
        if config.get("Gateway")
    ]
    names = ["localhost", socket.gethostname(), "host.docker.internal", "gateway.docker.internal"]
    with listener("0.0.0.0") as (port, heard):
        addresses = sorted({*addresses_of_this_machine(), *gateways, "172.17.0.1"})
        with socket.create_connection(("127.0.0.1", port)) as from_here:
            from_here.recv(10)
        assert heard == ["127.0.0.1"]
        for runtime in ("python3.11", "python3.13"):
            environment = start(store.version(runtime=runtime, timeout_s=60.0))

            by_address = answer(
                environment, "connect", addresses=[[address, port] for address in addresses]
            )
            by_name = answer(environment, "connect", addresses=[[name, port] for name in names])

            results = [attempt["result"] for attempt in (*by_address, *by_name)]
            assert [result for result in results if not refused(result)] == []
        assert heard == ["127.0.0.1"]
    assert len(addresses) >= 3


def test_two_environments_have_each_a_runtime_api_of_their_own(start, store, answer):
    one, other = start(store.version()), start(store.version())
    assert answer(other) == 1
    assert answer(one, "environment")["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001"

    assert answer(one) == 2
    assert answer(other) == 2


def test_no_socket_of_the_daemon_or_of_this_machine_answers(environment, answer):
    here = [
        line.split()[7]
        for line in Path("/proc/net/unix").read_text().splitlines()[1:]
        if len(line.split()) > 7
    ]
    assert any(path.endswith("docker.sock") for path in here)
    paths = sorted({*here, "/var/run/docker.sock", "/run/docker.sock", "/run/containerd.sock"})

    attempts = answer(environment, "connect_unix", paths=paths)

    assert [
        attempt["result"]
        for attempt in attempts
        if not attempt["result"].startswith(("FileNotFoundError", "ConnectionRefusedError"))
    ] == []


def test_nothing_outside_resolves_a_name_for_an_environment(environment, answer):
    """A name server would forward questions to the outside (exfiltration by DNS).

    The carrier's knows addresses of its own alone.
    """
    query = "\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"

    for host in ("127.0.0.11", "8.8.8.8"):
        attempt = answer(environment, "send_datagram", host=host, port=53, text=query)

        assert refused(attempt["result"])

    own = answer(environment, "send_datagram", host="127.0.0.1", port=53, text=query)
    assert own["result"][-6:-2] == "\x00\x04\x7f\x40"


def test_what_a_function_tries_to_reach_is_seen(environment, ask):
    outcomes = [
        ask(environment, "connect", addresses=[["prices.internal", 8443]] * 2),
        ask(environment, "connect", addresses=[["10.9.9.9", 5432], ["127.0.0.1", 9]]),
        ask(environment),
    ]

    assert [outcome.calls for outcome in outcomes] == [
        ("prices.internal:8443",),
        ("10.9.9.9:5432",),
        (),
    ]


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

    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["Tmpfs"] == {
        "/tmp": "rw,nosuid,nodev,exec,mode=1777,size=600m",
        "/dev/mqueue": "ro,nosuid,nodev,noexec,mode=555,size=4k",
        "/run/lambda-rollback": "rw,nosuid,nodev,noexec,mode=1777,size=1m",
    }
    assert host["Sysctls"] == {"net.ipv4.ip_unprivileged_port_start": "0"}
    assert host["Memory"] == host["MemorySwap"] == (192 + 600) * 1024 * 1024
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
    assert host["LogConfig"]["Type"] == "none"
    assert config["User"] == "993:990"
    assert config["Hostname"] == "169.254.100.6"
    assert config["Entrypoint"] == ["/lambda-rollback-carrier"]
    assert not config["Cmd"]
    assert config["Tty"] is False
    assert config["OpenStdin"] is config["StdinOnce"] is True
    assert list(found["NetworkSettings"]["Networks"]) == ["none"]


def test_docker_inspect_shows_no_variable_of_the_function(start, ask, store, client):
    environment = start(store.version(environment=(("DATABASE_PASSWORD", "hunter2"),)))
    ask(environment)

    found = json.dumps(client.api.inspect_container(environment.container))

    assert "hunter2" not in found
    assert "DATABASE_PASSWORD" not in found


def test_carrier_can_be_neither_read_nor_signalled(environment, answer):
    assert answer(environment, "look_at_carrier") == [
        "PermissionError: [Errno 13] Permission denied: '/lambda-rollback-carrier'",
        "PermissionError: [Errno 13] Permission denied: '/proc/1/environ'",
        "PermissionError: [Errno 13] Permission denied: '/proc/1/mem'",
        "sent",
    ]
    assert answer(environment) == 2


def test_no_message_queue_can_be_made(environment, answer):
    by_folder, by_call = answer(environment, "open_queue")

    assert by_folder.startswith("OSError: [Errno 30]")
    assert by_call != "made"


def test_process_has_no_capabilities_and_lambdas_limit_of_files(environment, answer):
    seen = answer(environment, "identity")

    assert {int(mask, 16) for mask in seen["capabilities"]} == {0}
    assert seen["files"] == 1024
    assert "/dev/shm" not in seen["mounts"]
    assert not any(mount.endswith("docker.sock") for mount in seen["mounts"])
