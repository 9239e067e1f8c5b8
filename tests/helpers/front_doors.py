"""A front behind a loopback port, as the carrier would bring connections to it."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType

from pytest_lambda_rollback.services.http.front import Destination, Front
from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest


class FrontDoor:
    """Hands each connection to a loopback port to a front, as one to ``host:port``."""

    def __init__(
        self, front: Front, to: Destination, *, host: str = "localhost", port: int = 0
    ) -> None:
        self._front = front
        self._to = to
        self._host = host
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._named_port = port or self.port
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> FrontDoor:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def url(self, path: str = "/", *, scheme: str = "https") -> str:
        return f"{scheme}://localhost:{self.port}{path}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._front.serve(connection, host=self._host, port=self._named_port, to=self._to)


class Echo:
    """Answers with what it was asked for, and keeps it."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.refusals: list[str] = []

    def answer(self, request: HttpRequest) -> HttpAnswer:
        self.requests.append(request)
        return HttpAnswer(
            headers=(("Content-Type", "text/plain"), ("X-Url", request.url)),
            body=f"{request.method} {request.target} ".encode() + request.body,
        )

    def refused(self, host: str, port: int, why: str) -> None:
        self.refusals.append(why)


def trusting(front: Front) -> ssl.SSLContext:
    """A client's settings that trust the front's authority and nothing else."""
    return ssl.create_default_context(cadata=front.certificate.decode())


def authority_file(front: Front, folder: Path) -> Path:
    """The front's certificate as a file."""
    path = folder / "authority.pem"
    path.write_bytes(front.certificate)
    return path
