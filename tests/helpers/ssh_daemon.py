"""An ssh server with this machine's Docker daemon behind it, as one on another machine has."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

paramiko: Any = import_module("paramiko")  # without types

_COMMAND = b"docker system dial-stdio"


class _Session(paramiko.ServerInterface):  # type: ignore[misc]
    """Lets in whoever has the user's key, for that one command."""

    def __init__(self, user: Any) -> None:
        self._user = user

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: Any) -> int:
        return int(paramiko.AUTH_SUCCESSFUL if key == self._user else paramiko.AUTH_FAILED)

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        if command != _COMMAND:
            return False
        threading.Thread(target=_relay, args=(channel,), daemon=True).start()
        return True


@contextmanager
def ssh_daemon(home: Path) -> Iterator[str]:
    """Serve, with a key and a known host in the user's home folder; gives DOCKER_HOST."""
    host, user = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    folder = home / ".ssh"
    folder.mkdir(mode=0o700)
    user.write_private_key_file(str(folder / "id_ecdsa"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        known = f"[127.0.0.1]:{port} {host.get_name()} {host.get_base64()}\n"
        (folder / "known_hosts").write_text(known)
        transports: list[Any] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                transport = paramiko.Transport(connection)
                transports.append(transport)
                transport.add_server_key(host)
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Session(user))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"ssh://tester@127.0.0.1:{port}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)
            for transport in transports:
                transport.close()


def _relay(channel: Any) -> None:
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.connect("/var/run/docker.sock")
        back = threading.Thread(target=_move, args=(daemon.recv, channel), daemon=True)
        back.start()
        _move(channel.recv, daemon)
        with contextlib.suppress(OSError):
            daemon.shutdown(socket.SHUT_RDWR)
        back.join(timeout=10)
    channel.close()


def _move(receive: Any, target: Any) -> None:
    with contextlib.suppress(OSError, EOFError):
        while data := receive(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR) if isinstance(target, socket.socket) else target.close()
