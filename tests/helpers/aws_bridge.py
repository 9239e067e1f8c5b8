"""boto3 clients for a pass of a private AWS: a loopback port stands for the doors.

A function's connection to ``https://SERVICE.REGION.amazonaws.com`` has its TLS ended before it
reaches the pass. Here boto3 takes the port for an HTTP proxy, which gives the pass the same bytes.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.config import Config


class Bridge:
    """Carries each connection to a loopback port to a new connection of a pass."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def client(self, service: str, *, region: str = "eu-west-1", **arguments: Any) -> Any:
        """A client that sends to AWS's own host names, in plain HTTP and by way of the port."""
        config = Config(
            proxies={"http": f"http://127.0.0.1:{self.port}"}, retries={"total_max_attempts": 1}
        ).merge(arguments.pop("config", Config()))
        return _session(region).client(service, use_ssl=False, config=config, **arguments)

    def plain_client(self, service: str, *, region: str = "eu-west-1") -> Any:
        """A client whose endpoint is the port, as one with AWS_ENDPOINT_URL has it."""
        config = Config(retries={"total_max_attempts": 1})
        endpoint = f"http://127.0.0.1:{self.port}"
        return _session(region).client(service, endpoint_url=endpoint, config=config)

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._connect()
                threading.Thread(target=_carry, args=(client, server), daemon=True).start()


def _carry(client: socket.socket, server: socket.socket) -> None:
    with client, server:
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
        sink.shutdown(socket.SHUT_WR)


def _session(region: str) -> Any:
    dummy = "lambda-rollback-dummy"
    return boto3.Session(
        region_name=region,
        aws_access_key_id=dummy,
        aws_secret_access_key=dummy,
        aws_session_token=dummy,
    )


@contextlib.contextmanager
def bridged(connect: Callable[[], socket.socket]) -> Iterator[Bridge]:
    bridge = Bridge(connect)
    try:
        yield bridge
    finally:
        bridge.close()
