"""A way to the Docker daemon that can be cut, or hang, in the middle of a test."""

from __future__ import annotations

import contextlib
import select
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import docker


class Relay:
    """A socket that leads to this machine's daemon."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="relay-")
        self._path = Path(self._folder.name) / "docker.sock"
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._moves = threading.Event()
        self._moves.set()
        self._server = self._listen()

    def client(self) -> Any:
        """A docker client that goes through here; whoever gets it closes it."""
        return docker.DockerClient(base_url=f"unix://{self._path}")

    def cut(self) -> None:
        """End every connection, and let nobody in any more."""
        self._path.unlink()
        with self._lock:
            for each in self._ends:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def hang(self) -> None:
        """Move nothing any more, and end nothing."""
        self._moves.clear()

    def mend(self) -> None:
        """Be a way again, for what is to be cleaned up."""
        self._moves.set()
        if not self._path.exists():
            self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            self._server = self._listen()

    def close(self) -> None:
        """End everything."""
        self.mend()
        self.cut()
        self._server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)
        self._server.close()
        for each in self._ends:
            each.close()
        self._folder.cleanup()

    def _listen(self) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(self._path))
        server.listen()
        self._run(self._accept, server)
        return server

    def _run(self, target: Any, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                near, _ = server.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect("/var/run/docker.sock")
            with self._lock:
                self._ends += [near, far]
            self._run(self._move, near, far)
            self._run(self._move, far, near)

    def _move(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while True:
                select.select([source], [], [])
                self._moves.wait()
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
