"""PostgreSQL and Redis of Debian for one test, on a free port of 127.0.0.1, as an ordinary user.

A server keeps its files in a folder of its own, and is ended and removed with it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict, Unpack

from helpers.docker_gate import stop

WAIT_S = 30.0
MADE_BY = "`.ci/setup databases` installs it where it may."


@contextmanager
def postgresql(*statements: str) -> Iterator[int]:
    """The port of a server with a database ``shop`` of the user ``shop``, no password needed.

    ``statements`` are run first; stops the test where there is no PostgreSQL.
    """
    initdb = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None)
    if initdb is None:
        stop(f"PostgreSQL is not installed. {MADE_BY}")
    with _folder("postgres") as (folder, user):
        data, port = folder / "data", free_port()
        _run([initdb, "--pgdata", data, "--username=shop", "--auth=trust", "--no-sync"], **user)
        options: list[str | Path] = ["-c", "fsync=off", "-k", folder]
        options += ["-h", "127.0.0.1", "-p", str(port)]
        with _server([initdb.with_name("postgres"), "-D", data, *options], folder, user, port):
            psql = psql_command(port, "postgres")
            _wait(lambda: _succeeds([*psql, "-c", "CREATE DATABASE shop"]), "PostgreSQL", folder)
            for statement in statements:
                _run([*psql_command(port), "-c", statement])
            yield port


def psql_command(port: int, database: str = "shop") -> list[str]:
    """The words of a psql that asks nothing; ``-c`` and a statement complete it."""
    return ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "shop", "-d", database]


@contextmanager
def redis() -> Iterator[int]:
    """The port of an empty server that stores nothing on disk; stops the test without Redis."""
    program = shutil.which("redis-server")
    if program is None:
        stop(f"Redis is not installed. {MADE_BY}")
    with _folder("nobody") as (folder, user):
        port = free_port()
        options: list[str | Path] = [
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
            "--save",
            "",
            "--dir",
            folder,
        ]
        with _server([program, *options], folder, user, port):
            yield port


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class _User(TypedDict, total=False):
    """Arguments of subprocess; none for the user that we are."""

    user: int
    group: int
    extra_groups: list[int]


@contextmanager
def _folder(name: str) -> Iterator[tuple[Path, _User]]:
    """A short path, for a Unix socket's name is in it, and the user that it belongs to."""
    folder = Path(tempfile.mkdtemp(prefix="database-"))
    user = _User()
    try:
        if os.geteuid() == 0:
            entry = pwd.getpwnam(name)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            user = _User(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
        yield folder, user
    finally:
        shutil.rmtree(folder)


@contextmanager
def _server(command: Sequence[str | Path], folder: Path, user: _User, port: int) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **user
        )
    try:
        _wait(lambda: process.poll() is None and _answers(port), str(command[0]), folder)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown: it waits for no client
        try:
            process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _run(command: Sequence[str | Path], **user: Unpack[_User]) -> None:
    done = subprocess.run(
        command, cwd="/", capture_output=True, text=True, timeout=60, check=False, **user
    )
    assert done.returncode == 0, done.stderr


def _succeeds(command: Sequence[str | Path]) -> bool:
    return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0


def _wait(ready: Callable[[], bool], name: str, folder: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"{name} does not answer:\n{(folder / 'log').read_text()}")
        time.sleep(0.05)
