"""An HTTP service on a loopback port, with or without TLS, which keeps what it was asked."""

from __future__ import annotations

import gzip
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from helpers.certificates import Authority


@dataclass
class Service:
    """Answers 201 and JSON with the path; paths below ``/packed`` in gzip."""

    port: int = 0
    answer: dict[str, object] = field(default_factory=dict)
    """Added to each answer."""
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    """(method, path, headers, body)."""


@contextmanager
def served(authority: Authority | None = None, *, name: str = "localhost") -> Iterator[Service]:
    """A service, with TLS for a name if an authority is given."""
    service = Service()

    class Handler(_Handler):
        of = service

    server = _Server(("127.0.0.1", 0), Handler)
    service.port = int(server.server_address[1])
    if authority is not None:
        issued = authority.issue(name, addresses=("127.0.0.1",))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate, issued.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=lambda: server.serve_forever(0.05))
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that do not trust it are expected."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    of: Service

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.of.seen.append((self.command, self.path, headers, body))
        answer = json.dumps({"path": self.path, **self.of.answer}).encode()
        self.send_response(201)
        if self.path.startswith("/packed"):
            answer = gzip.compress(answer)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Request-Id", "7")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Not in a test's output."""
