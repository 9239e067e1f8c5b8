"""The process of one pass: a copy of a seeded state that answers requests until its channel ends.

It is made ahead, and waits until a pass begins. From then on the plugin sends a connection with
each message ``connect``, and asks for ``requests`` and for what is ``stored``.
"""

from __future__ import annotations

import os
import random
import socket
import threading
from typing import Any, Final

from pytest_lambda_rollback.http_wire.messages import Head, Request
from pytest_lambda_rollback.services.aws import http_connections, request_log, seal, stored_items
from pytest_lambda_rollback.services.aws.channel import Channel, ChannelError
from pytest_lambda_rollback.services.aws.moto_requests import MotoRequests

MEMORY_LIMIT_BYTES: Final = 6 * 1024 * 1024 * 1024
"""Address space of the process, most of which is never used."""

CONNECTIONS_LIMIT: Final = 256
"""Connections that are open at the same time; one more is closed at once."""

REPLY_LIMIT_BYTES: Final = 32 * 1024 * 1024


def run(waiting: Channel, *, region: str, account: str) -> None:
    """Wait for the channel to the plugin, then serve until the plugin closes its end of it."""
    from moto.moto_api._internal import mock_random

    mock_random.seed(os.urandom(32))
    random.seed(os.urandom(32))
    seal.limit_memory(MEMORY_LIMIT_BYTES)
    seal.refuse_network_and_programs()
    warm_up(region)
    begun = waiting.receive()
    if begun is None:
        return
    waiting.close()
    _serve_pass(Channel(socket.socket(fileno=begun[1][0])), region=region, account=account)


def warm_up(region: str) -> None:
    """One request that changes nothing, so that a pass's first one has all that it needs."""
    headers = {
        "host": f"dynamodb.{region}.amazonaws.com",
        "x-amz-target": "DynamoDB_20120810.ListTables",
        "content-type": "application/x-amz-json-1.0",
    }
    head = Head(method="POST", path="/", headers=headers, keep_alive=True)
    requests = MotoRequests(region=region)
    requests.answer(Request(head=head, body=b"{}", size_bytes=2))
    request_log.described(requests.exchanges[0])


def _serve_pass(channel: Channel, *, region: str, account: str) -> None:
    requests = MotoRequests(region=region)
    free = threading.Semaphore(CONNECTIONS_LIMIT)
    while received := channel.receive():
        message, passed = received
        match message.get("do"):
            case "connect":
                for descriptor in passed:
                    _serve(socket.socket(fileno=descriptor), requests, free)
            case "requests":
                channel.send(_requests(requests, int(message["since"])))
            case "stored":
                with requests.lock:
                    items, left_out = stored_items.read(region=region, account=account)
                channel.send({"items": items, "left_out": left_out})
            case unknown:
                raise ChannelError(f"no pass can do {unknown}")


def _serve(connected: socket.socket, requests: MotoRequests, free: threading.Semaphore) -> None:
    if not free.acquire(blocking=False):
        connected.close()
        return

    def serve() -> None:
        try:
            http_connections.serve(connected, requests.answer)
        finally:
            free.release()

    threading.Thread(target=serve, daemon=True).start()


def _requests(requests: MotoRequests, since: int) -> dict[str, Any]:
    """Requests from a number on, as many as fit into one message, and whether there are more."""
    described: list[dict[str, Any]] = []
    size = 0
    exchanges = requests.exchanges[since:]
    for exchange in exchanges:
        one = request_log.described_safely(exchange)
        size += len(one.get("parameters", "")) * 2 + 1024
        if size > REPLY_LIMIT_BYTES and described:
            break
        described.append(one)
    return {"requests": described, "more": len(described) < len(exchanges)}
