"""The sealed network of one engine: environments reach the Runtime API in it, and nothing else.

An internal bridge network whose gateway is an address of this machine. Environments cannot see
one another in it, and packets to anywhere else fail at once. This module knows neither images nor
the Runtime API's protocol.

Docker 25 and later give internal networks no default route: the kernel refuses a packet to any
other address at once (ENETUNREACH). Before that the default route leads to the bridge, which
drops what it gets, and a connection hangs until its timeout. There the default route is turned
to an unused address of the subnet: its neighbour look-up fails, after three times 10 ms
with the timer that the environments get, and the connection with it (EHOSTUNREACH). That also
shuts the way to all of this machine's other addresses.
"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.engines.docker.daemon import remove_container, translated
from pytest_lambda_rollback.errors import EngineError

if TYPE_CHECKING:
    from docker.client import DockerClient
    from docker.types import IPAMConfig

_NO_DEFAULT_ROUTE_SINCE: Final = 25
_ATTEMPTS: Final = 5
_FAILED: Final = "the network for execution environments could not be created"
_OPTIONS: Final = {
    "com.docker.network.bridge.enable_icc": "false",
    "com.docker.network.bridge.enable_ip_masquerade": "false",
}
# A connection whose packets are dropped gives up after one repetition, in about 3 s.
_SYSCTLS: Final = {"net.ipv4.tcp_syn_retries": "1"}
_DEAD_END_SYSCTLS: Final = {**_SYSCTLS, "net.ipv4.neigh.eth0.retrans_time_ms": "10"}

_NO_CONNECTION: Final = 77
_CONNECT: Final = f"""
if command -v python3 >/dev/null; then
    exec python3 -c 'import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=4)
except OSError:
    sys.exit({_NO_CONNECTION})' "$1" "$2"
fi
exec node -e 'const [host, port] = process.argv.slice(1);
require("net").connect(port, host, () => process.exit(0))
    .on("error", () => process.exit({_NO_CONNECTION}));
setTimeout(() => process.exit({_NO_CONNECTION}), 4000)' "$1" "$2"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedNetwork:
    """A network that exists."""

    id: str
    name: str
    gateway: str
    """This machine's address in the network, where the Runtime API listens."""
    sysctls: tuple[tuple[str, str], ...]
    """Kernel settings that each environment in it needs."""


def create_network(
    client: DockerClient, *, name: str, labels: dict[str, str], server_version: str
) -> SealedNetwork:
    """Create the network and check that its gateway can be listened on.

    Raises EngineError with what to do, after removing what it made.
    """
    try:
        made = _create(client, name, labels)
        sysctls = _SYSCTLS
        if _has_default_route(server_version):
            made = _with_dead_end(client, name, labels, made)
            sysctls = _DEAD_END_SYSCTLS
        _check_gateway(made.gateway)
    except BaseException:
        remove_network(client, name)
        raise
    return SealedNetwork(
        id=made.id, name=name, gateway=made.gateway, sysctls=tuple(sysctls.items())
    )


def remove_network(client: DockerClient, network: str) -> None:
    """Remove a network by id or name; one that is gone is not an error. Raises EngineError."""
    import docker.errors

    with translated(f"the network {network[:40]} could not be removed"):
        try:
            client.api.remove_network(network)
        except docker.errors.NotFound:
            return


def _has_default_route(server_version: str) -> bool:
    major = server_version.partition(".")[0]
    return major.isdigit() and int(major) < _NO_DEFAULT_ROUTE_SINCE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    id: str
    subnet: str
    gateway: str


def _create(
    client: DockerClient, name: str, labels: dict[str, str], pool: IPAMConfig | None = None
) -> _Made:
    with translated(_FAILED):
        try:
            network = client.api.create_network(
                name,
                driver="bridge",
                internal=True,
                labels=labels,
                options=_OPTIONS,
                ipam=pool,
                check_duplicate=True,
            )["Id"]
        except Exception as error:
            if "fully subnetted" in str(error) or "non-overlapping IPv4" in str(error):
                raise EngineError(
                    "no network for execution environments can be created",
                    why="all of Docker's address pools are in use by other networks",
                    do="Remove unused networks with `docker network prune`, or add a "
                    "pool under default-address-pools in the daemon's configuration",
                ) from error
            raise
        found = client.api.inspect_network(network)
    for config in found["IPAM"]["Config"] or ():
        if "." in config.get("Subnet", "") and config.get("Gateway"):
            gateway = str(config["Gateway"]).partition("/")[0]
            return _Made(id=network, subnet=config["Subnet"], gateway=gateway)
    raise EngineError(
        "the network for execution environments cannot be used",
        why="Docker gave it no IPv4 address",
        do="Check that IPv4 is not disabled in the daemon's configuration",
    )


def _with_dead_end(client: DockerClient, name: str, labels: dict[str, str], made: _Made) -> _Made:
    """Make a network again in the subnet that Docker chose, its default route a dead end."""
    from docker.types import IPAMConfig, IPAMPool

    for _ in range(_ATTEMPTS):
        remove_network(client, made.id)
        hosts = (str(host) for host in ipaddress.ip_network(made.subnet).hosts())
        dead_end = next(host for host in hosts if host != made.gateway)
        pool = IPAMPool(
            subnet=made.subnet,
            gateway=made.gateway,
            aux_addresses={"DefaultGatewayIPv4": dead_end},
        )
        try:
            return _create(client, name, labels, IPAMConfig(pool_configs=[pool]))
        except EngineError as error:
            if "overlaps" not in error.why:
                raise
        made = _create(client, name, labels)  # another network took the subnet in between
    raise EngineError(_FAILED, why="other networks take every subnet that Docker offers")


def _check_gateway(gateway: str) -> None:
    try:
        with socket.create_server((gateway, 0)):
            return
    except OSError as error:
        raise EngineError(
            f"the Runtime API cannot be served at {gateway}, the gateway of Docker's network",
            why=f"this machine does not have that address ({error.strerror}): Docker runs in a "
            "virtual machine (Docker Desktop), in its own namespace (rootless), or on "
            "another machine (DOCKER_HOST)",
            do='Use a Docker Engine on this machine itself, or engine = "process"',
        ) from error


def is_cut_off(
    client: DockerClient,
    *,
    image: str,
    name: str,
    user: str,
    host_config: dict[str, Any],
    labels: dict[str, str],
    address: str,
) -> bool:
    """True when a container of an image cannot connect to ``host:port`` on its gateway.

    Asked with the runtime's own interpreter in a container of its own, which takes about a
    second; where it cannot be asked the answer is False.
    """
    container = ""
    try:
        with translated("the connection to the Runtime API could not be tested"):
            container = client.api.create_container(
                image,
                entrypoint=["sh", "-c", _CONNECT, "sh"],
                command=address.split(":"),
                name=name,
                user=user,
                healthcheck={"test": ["NONE"]},
                labels=labels,
                host_config=host_config,
            )["Id"]
            client.api.start(container)
            return int(client.api.wait(container, timeout=20)["StatusCode"]) == _NO_CONNECTION
    except EngineError:
        return False
    finally:
        if container:
            with suppress(EngineError):  # closing the engine removes it or says so
                remove_container(client, container)
