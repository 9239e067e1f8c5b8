"""Services behind doors for tests, and a function that uses them."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from pytest_lambda_rollback.model.services import Door

FUNCTION = """
import errno, hashlib, os, socket, time, urllib.request

def echo(name, port, text):
    with socket.create_connection((name, port), timeout=10) as s:
        s.sendall(text.encode())
        s.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()

def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return [answer.status, answer.read().decode()]

def upload(name, port, size):
    piece = bytes(range(256)) * 256
    digest = hashlib.sha256()
    with socket.create_connection((name, port), timeout=60) as s:
        for _ in range(size // len(piece)):
            s.sendall(piece)
            digest.update(piece)
        s.shutdown(socket.SHUT_WR)
        return [digest.hexdigest(), b"".join(iter(lambda: s.recv(65536), b"")).decode()]

def download(name, port, size):
    digest, count = hashlib.sha256(), 0
    with socket.create_connection((name, port), timeout=60) as s:
        s.sendall(b"%d\\n" % size)
        while data := s.recv(1 << 20):
            digest.update(data)
            count += len(data)
    return [count, digest.hexdigest()]

def refused(name, port):
    begun = time.monotonic()
    try:
        socket.create_connection((name, port), timeout=10).close()
    except OSError as error:
        return [errno.errorcode.get(error.errno), time.monotonic() - begun]

def reset(name, port):
    try:
        with socket.create_connection((name, port), timeout=10) as s:
            s.sendall(b"hello")
            return ["read", s.recv(10).decode()]
    except OSError as error:
        return [errno.errorcode.get(error.errno), ""]

held = []
def hold(name, port):
    s = socket.create_connection((name, port), timeout=10)
    s.sendall(b"50000000\\n")
    held.append(s)
    return len(held)

def look():
    folder = "/run/lambda-rollback"
    return {name: open(os.path.join(folder, name)).read() for name in sorted(os.listdir(folder))}

def variables(names):
    return [os.environ.get(name) for name in names]

def address(name):
    return socket.gethostbyname(name)

def names(count):
    found = set()
    for number in range(count):
        try:
            found.add(socket.gethostbyname(f"n{number}.internal"))
        except OSError:
            pass
    return len(found)

def handler(event, context):
    event = dict(event)
    return globals()[event.pop("do")](**event)
"""
"""An event is ``{"do": NAME, …}`` with the arguments of one of these functions."""


@dataclass(slots=True)
class FakeServices:
    """Satisfies engines.interface.Services: each door leads to a port on loopback."""

    ports: dict[str, int] = field(default_factory=dict)
    """By the text of a door."""
    variables: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    asked: list[tuple[str, int]] = field(default_factory=list)
    failure: Exception | None = None

    @property
    def doors(self) -> tuple[Door, ...]:
        parts = (text.rpartition(":") for text in self.ports)
        return tuple(Door(name=name, port=int(port)) for name, _, port in parts)

    def connect(self, name: str, port: int) -> socket.socket:
        self.asked.append((name, port))
        if self.failure is not None:
            raise self.failure
        suffix = name.partition(".")[2]
        for door in (f"{name}:{port}", f"*.{suffix}:{port}", f"*:{port}"):
            if door in self.ports:
                return socket.create_connection(("127.0.0.1", self.ports[door]), timeout=5)
        raise ConnectionRefusedError(name)


@contextmanager
def served(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server on loopback with a thread for each connection; its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def echo(connection: socket.socket) -> None:
    """What was sent, once all of it was."""
    connection.sendall(b"".join(iter(lambda: connection.recv(65_536), b"")))


def digest(connection: socket.socket) -> None:
    """The SHA-256 of what was sent."""
    made = hashlib.sha256()
    while data := connection.recv(1 << 20):
        made.update(data)
    connection.sendall(made.hexdigest().encode())


PIECE = bytes(range(256)) * 256


def bulk(connection: socket.socket) -> None:
    """As many bytes as a line asks for, in pieces of 65,536."""
    with connection.makefile("rb") as lines:
        size = int(lines.readline())
    for _ in range(size // len(PIECE)):
        connection.sendall(PIECE)


class _Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.headers['Host']}{self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web() -> Iterator[int]:
    """An HTTP server that answers with host and path; its port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(5)
