"""One pass's services: where each connection of its processes leads.

The user's own services are reached as they are. HTTP and HTTPS go through the front, which ends
TLS with a certificate authority of its own: on to the private AWS, or to recorded answers.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pytest_lambda_rollback.model.downstream import Exchange, HttpExchange
from pytest_lambda_rollback.model.replay import EventFixture
from pytest_lambda_rollback.model.services import (
    SERVICES_FOLDER,
    Answer,
    Door,
    ServiceRequest,
    StoredState,
)
from pytest_lambda_rollback.services.aws.private_aws import AwsPass
from pytest_lambda_rollback.services.http.aws_calls import PLAIN_DOOR, is_aws_host
from pytest_lambda_rollback.services.http.front import Front, Onward
from pytest_lambda_rollback.services.http.recorded import RecordedAnswers

AWS_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws")
"""Below them are the endpoints of AWS's services:
https://docs.aws.amazon.com/general/latest/gr/rande.html"""
_CONNECT_S = 5.0
_MOST_NOTED = 100
_ADDRESS = re.compile(r"[0-9.]+|.*:.*")
_HTTP_PORTS = (443, 80)
_AUTHORITY = "ca.pem"
_AUTHORITY_VARIABLES = (
    "AWS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What the processes of one pass can reach."""

    front: Front | None = None
    """Needed for ``aws`` and ``recorded``."""
    aws: AwsPass | None = None
    recorded: bool = False
    """Whether all other HTTP is answered from recordings."""
    elsewhere: tuple[Exchange, ...] = ()
    """The exchanges of all events, for reads that the event at hand has none for."""
    endpoint: bool = False
    """Whether SDKs are told of an endpoint without TLS for all of AWS."""
    addresses: tuple[tuple[Door, str], ...] = ()
    """(door, ``host:port``) of the user's services."""


class ServedPass:
    """Satisfies services.interface.ServicePass. ``ended`` is called once, when it is closed."""

    def __init__(self, reach: Reach, *, ended: Callable[[], None] = lambda: None) -> None:
        self._reach = reach
        self._ended = ended
        self._recorded: RecordedAnswers | None = None
        if reach.recorded and reach.front is not None:
            self._recorded = reach.front.recorded_answers(reach.elsewhere)
        self._lock = threading.Lock()
        self._failed: list[ServiceRequest] = []
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        """Connections to services of the user's."""
        self._fixture: EventFixture | None = None
        """The event of the replay that is made now."""
        self._closed = False
        self._recorded_doors = (
            frozenset(_doors_of(reach.elsewhere)) if self._recorded else frozenset()
        )
        """Hosts of recordings that are reached by other ports than those of HTTP."""
        self.doors = tuple(self._doors())
        """Names and ports that lead out."""
        front = reach.front
        self.files = ((_AUTHORITY, front.certificate),) if front is not None else ()
        """The certificate authority that ends TLS here."""
        self.variables = tuple(self._variables())
        """Trust in that authority, for the processes."""

    def connect(self, name: str, port: int) -> socket.socket:
        """A connected socket to what a name and port lead to. Raises OSError."""
        address = self._address(name, port)
        if address is not None:
            return self._connected(address, f"{name}:{port}")
        front, aws = self._reach.front, self._reach.aws
        if front is None or not (
            port in _HTTP_PORTS or Door(name=name, port=port) in self._recorded_doors
        ):
            raise ConnectionRefusedError(f"nothing leads to {name}:{port}")
        if aws is not None and is_aws_host(name):
            onward = Onward(open=aws.connect, refused=self._refused)
            return front.connect(host=name, port=port, to=onward)
        if self._recorded is not None:
            return front.connect(host=name, port=port, to=self._recorded)
        # An API of the user's own below AWS's domains, whose door is open for AWS's services.
        self._note(ServiceRequest(service=name, operation="", answer=Answer.UNRECORDED))
        raise ConnectionRefusedError(f"nothing leads to {name}:{port}")

    def _refused(self, name: str, _port: int, why: str) -> None:
        """Note a client of the private AWS with which TLS could not be agreed on."""
        self._note(
            ServiceRequest(service=name, operation="", message=why, answer=Answer.UNREACHABLE)
        )

    def begin(self, fixture: EventFixture) -> None:
        """Say which event is replayed now."""
        # Said again without a replay in between, it goes on: what the initialisation took is taken.
        if self._recorded is not None and fixture is not self._fixture:
            self._recorded.begin(fixture)
            self._fixture = fixture

    def requests(self) -> tuple[ServiceRequest, ...]:
        """What was asked for since this was called before."""
        with self._lock:
            found, self._failed = tuple(self._failed), []
        if self._reach.aws is not None:
            found += self._reach.aws.requests()
        if self._recorded is not None:
            found += self._recorded.requests()
            self._fixture = None
        return found

    def stored(self) -> StoredState:
        """All that the private AWS stores; of other services nothing is known."""
        return self._reach.aws.stored() if self._reach.aws is not None else StoredState()

    def close(self) -> None:
        """End the pass and drop its state. Safe to call twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            connections = [*self._open]
        for each in connections:
            # What a process left open, a transaction say, must not hold up the next pass.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        try:
            if self._reach.aws is not None:
                self._reach.aws.close()
        finally:
            self._ended()

    def _doors(self) -> list[Door]:
        found = [door for door, _ in self._reach.addresses]
        names: list[str] = []
        if self._reach.aws is not None:
            names += (f"*.{domain}" for domain in AWS_DOMAINS)
        if self._reach.endpoint and self._reach.front is not None:
            names.append(PLAIN_DOOR)
        if self._recorded is not None:
            names.append("*")
        found += (Door(name=name, port=port) for name in names for port in _HTTP_PORTS)
        found += sorted(self._recorded_doors)
        return [*dict.fromkeys(found)]

    def _variables(self) -> Iterator[tuple[str, str]]:
        if self._reach.front is not None:
            yield from ((name, f"{SERVICES_FOLDER}/{_AUTHORITY}") for name in _AUTHORITY_VARIABLES)
        if self._reach.endpoint and self._reach.front is not None:
            yield "AWS_ENDPOINT_URL", f"http://{PLAIN_DOOR}"

    def _address(self, name: str, port: int) -> str | None:
        """The address of the user's service, that of the most exact name."""
        fitting = [
            (len(door.name), address)
            for door, address in self._reach.addresses
            if door.port == port and _fits(door.name, name)
        ]
        return max(fitting)[1] if fitting else None

    def _connected(self, address: str, service: str) -> socket.socket:
        host, _, port = address.rpartition(":")
        try:
            made = socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S)
        except OSError as error:
            self._note(
                ServiceRequest(
                    service=service,
                    operation="",
                    message=f"{address}: {error.strerror or error}",
                    answer=Answer.UNREACHABLE,
                )
            )
            raise
        with self._lock:
            if not self._closed:
                self._open.add(made)
                return made
        made.close()
        raise ConnectionRefusedError("the pass has ended")

    def _note(self, request: ServiceRequest) -> None:
        with self._lock:
            if len(self._failed) < _MOST_NOTED:
                self._failed.append(request)


def _doors_of(exchanges: Iterable[Exchange]) -> Iterator[Door]:
    """The hosts of recorded HTTP that are named and have a port of their own."""
    for exchange in exchanges:
        if isinstance(exchange, HttpExchange):
            parts = urlsplit(exchange.url)
            name, port = (parts.hostname or "").lower(), parts.port
            if port and port not in _HTTP_PORTS and name and not _ADDRESS.fullmatch(name):
                yield Door(name=name, port=port)


def _fits(pattern: str, name: str) -> bool:
    return pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:]))
