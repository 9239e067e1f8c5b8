"""The sealed network of one engine: environments reach the Runtime API in it, and nothing else.

An internal bridge network whose gateway is an address of this machine. Environments cannot see
one another in it, and packets to anywhere else fail at once. This room knows neither images nor
the Runtime API's protocol.

Docker 25 and later give internal networks no default route: the kernel refuses a packet to any
other address at once (ENETUNREACH). Before that the default route leads to the bridge, which
drops what it gets, and a connection hangs until its timeout. There the default route is turned
to an address of the subnet that nobody has: its neighbour look-up fails, after three times 10 ms
with the timer that the environments get, and the connection with it (EHOSTUNREACH). That also
shuts the way to all of this machine's other addresses.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.engines.docker_daemon import translated
from pytest_lambda_rollback.errors import EngineError

if TYPE_CHECKING:
    from docker.client import DockerClient
    from docker.types import IPAMConfig

_NO_DEFAULT_ROUTE_SINCE: Final = 25
_ATTEMPTS: Final = 5
_OPTIONS: Final = {
    "com.docker.network.bridge.enable_icc": "false",
    "com.docker.network.bridge.enable_ip_masquerade": "false",
}
# A connection whose packets are dropped gives up after one repetition, in about 3 s.
_SYSCTLS: Final = {"net.ipv4.tcp_syn_retries": "1"}
_DEAD_END_SYSCTLS: Final = {**_SYSCTLS, "net.ipv4.neigh.eth0.retrans_time_ms": "10"}


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
    """Create the network and see that its gateway can be listened on.

    Raises EngineError with what to do, after removing what it made.
    """
    try:
        if _has_default_route(server_version):
            network = _create_with_dead_end(client, name, labels)
        else:
            network = _create(client, name, labels)
        _check_gateway(network.gateway)
    except BaseException:
        remove_network(client, name)
        raise
    return network


def remove_network(client: DockerClient, network: str) -> None:
    """Remove a network by id or name; one that is gone is no error. Raises EngineError."""
    import docker.errors

    with translated(f"the network {network[:40]} could not be removed"):
        try:
            client.api.remove_network(network)
        except docker.errors.NotFound:
            return


def _has_default_route(server_version: str) -> bool:
    major = server_version.partition(".")[0]
    return major.isdigit() and int(major) < _NO_DEFAULT_ROUTE_SINCE


def _create(
    client: DockerClient, name: str, labels: dict[str, str], pool: IPAMConfig | None = None
) -> SealedNetwork:
    with translated("the network for execution environments could not be created"):
        try:
            made = client.api.create_network(
                name,
                driver="bridge",
                internal=True,
                labels=labels,
                options=_OPTIONS,
                ipam=pool,
                check_duplicate=True,
            )
        except Exception as error:
            if "fully subnetted" in str(error) or "non-overlapping IPv4" in str(error):
                raise EngineError(
                    "no network for execution environments can be created",
                    why="all of Docker's address pools are in use by other networks",
                    do="Remove networks that nothing uses with `docker network prune`, or add a "
                    "pool under default-address-pools in the daemon's configuration",
                ) from error
            raise
        found = client.api.inspect_network(made["Id"])
    return SealedNetwork(
        id=made["Id"],
        name=name,
        gateway=str(_ipv4(found)["Gateway"]).partition("/")[0],
        sysctls=tuple(_SYSCTLS.items()),
    )


def _create_with_dead_end(client: DockerClient, name: str, labels: dict[str, str]) -> SealedNetwork:
    """Let Docker choose a subnet, then make the network again with a dead end for its gateway."""
    from docker.types import IPAMConfig, IPAMPool

    for attempt in range(_ATTEMPTS):
        first = _create(client, name, labels)
        with translated("the network for execution environments could not be created"):
            subnet = _ipv4(client.api.inspect_network(first.id))["Subnet"]
        remove_network(client, first.id)
        hosts = (str(host) for host in ipaddress.ip_network(subnet).hosts())
        dead_end = next(host for host in hosts if host != first.gateway)
        pool = IPAMPool(
            subnet=subnet,
            gateway=first.gateway,
            aux_addresses={"DefaultGatewayIPv4": dead_end},
        )
        try:
            made = _create(client, name, labels, IPAMConfig(pool_configs=[pool]))
        except EngineError as error:
            # Another network took the subnet in between.
            if "overlaps" in error.why and attempt < _ATTEMPTS - 1:
                continue
            raise
        return SealedNetwork(
            id=made.id,
            name=name,
            gateway=made.gateway,
            sysctls=tuple(_DEAD_END_SYSCTLS.items()),
        )
    raise EngineError("the network for execution environments could not be created")


def _ipv4(network: dict[str, Any]) -> dict[str, Any]:
    for pool in network["IPAM"]["Config"] or ():
        if ":" not in pool.get("Subnet", "") and pool.get("Gateway"):
            found: dict[str, Any] = pool
            return found
    raise EngineError(
        "the network for execution environments cannot be used",
        why="Docker gave it no IPv4 address",
        do="See that IPv4 is not switched off in the daemon's configuration",
    )


def _check_gateway(gateway: str) -> None:
    try:
        with socket.create_server((gateway, 0)):
            return
    except OSError as error:
        raise EngineError(
            f"the Runtime API cannot be served at {gateway}, the gateway of Docker's network",
            why=f"this machine does not have that address ({error.strerror}): Docker runs in a "
            "virtual machine (Docker Desktop), in a namespace of its own (rootless), or on "
            "another machine (DOCKER_HOST)",
            do='Use a Docker Engine on this machine itself, or engine = "process"',
        ) from error
