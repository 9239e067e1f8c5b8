"""A Lambda runtime by hand, over a raw socket, and the environment that it talks to."""

from __future__ import annotations

import select
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from helpers.fake_carrier import FakeCarrier
from pytest_lambda_rollback.engines.runtime_api.environment import CarriedEnvironment
from pytest_lambda_rollback.model.replay import Invocation, Outcome
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion

ROOT = "/2018-06-01/runtime"
HANG_GUARD_S = 20
RUNTIME = 1


class Runtime:
    """A Lambda runtime by hand: one connection, bytes as they are."""

    def __init__(self, carrier: FakeCarrier) -> None:
        self.socket = socket.create_connection(carrier.address, timeout=HANG_GUARD_S)
        self.file = self.socket.makefile("rb")

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        path = path if path.startswith("/20") else ROOT + path
        lines = [f"{method} {path} HTTP/1.1", "Host: runtime"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        return status, headers, self.file.read(int(headers.get("Content-Length", 0)))

    def is_answered(self) -> bool:
        """True once there is something to read, which is waited for a moment."""
        return bool(select.select([self.socket], [], [], 0.01)[0])

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        self.ask(method, path, body, **headers)
        return self.answer()[0]

    def next(self) -> tuple[dict[str, str], bytes]:
        self.ask("GET", "/invocation/next")
        status, headers, body = self.answer()
        assert status == 200
        return headers, body

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Place:
    """An environment, its carrier, and a way to make more of them."""

    def __init__(self, carrier: FakeCarrier, environment: CarriedEnvironment) -> None:
        self.carrier = carrier
        self.environment = environment

    def invoke(self, invocation: Invocation) -> Outcome:
        return self.environment.invoke(invocation)


def version_of(*, version: str = "3", timeout_s: float = 10.0) -> FunctionVersion:
    code = Artifact(label="code", digest="0" * 64, size_bytes=0, tar=Path("code.tar"))
    return FunctionVersion(
        function="orders",
        version=version,
        code=code,
        layers=(),
        configuration=FunctionConfiguration(
            runtime="python3.11", handler="app.handler", timeout_s=timeout_s
        ),
        region="eu-west-1",
        account="210987654321",
    )


def invocation_of(request_id: str = "id-1", event: bytes = b"{}") -> Invocation:
    return Invocation(request_id=request_id, event=event)


def begin(
    threads: ThreadPoolExecutor, place: Place, request_id: str = "id-1", event: bytes = b"{}"
) -> Future[Outcome]:
    return threads.submit(place.invoke, invocation_of(request_id, event))


def end(replying: Future[Outcome]) -> Outcome:
    return replying.result(timeout=HANG_GUARD_S)


def started(place: Place, number: int) -> list[int]:
    """Wait until the carrier has started so many processes; their ids."""
    deadline = time.monotonic() + HANG_GUARD_S
    while len(place.carrier.started) < number and time.monotonic() < deadline:
        time.sleep(0.005)
    return [process for process, _ in place.carrier.started]
