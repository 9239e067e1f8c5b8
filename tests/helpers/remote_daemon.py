"""A second Docker daemon whose networks this machine cannot reach, as one in a virtual machine has.

It runs in a network namespace of its own and answers only over TCP with TLS, at an address of a
pair of interfaces. That stands for Docker Desktop, for a daemon on another machine and for one
in another container, as CI systems have it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.certificates import Authority
from pytest_lambda_rollback.engines.docker.daemon import connect
from pytest_lambda_rollback.errors import EngineError

_TOOLS = ("ip", "nsenter", "dockerd", "mount")
_START_S = 60.0
_STOP_S = 30.0


class CannotRun(Exception):
    """The daemon cannot run here; the text says why."""


@dataclass(frozen=True)
class RemoteDaemon:
    """A daemon that runs."""

    variables: Mapping[str, str]
    """What the docker command needs to find it."""
    process: int
    log: Path


@contextmanager
def remote_daemon(images: Iterable[str], beside: Path) -> Iterator[RemoteDaemon]:
    """Run a daemon that has these images of this machine's daemon; all of it is removed again.

    ``beside`` is the folder of this machine's daemon: where that keeps images well, this does.
    Raises CannotRun.
    """
    missing = [tool for tool in _TOOLS if shutil.which(tool, path=_path()) is None]
    if os.geteuid() != 0 or missing:
        raise CannotRun(
            f"a second Docker daemon needs root and {', '.join(_TOOLS)}; `.ci/setup remote` "
            "installs what is missing"
        )
    name = f"lrr{secrets.token_hex(3)}"
    with (
        tempfile.TemporaryDirectory(prefix=f"{name}-") as temporary,
        _network(name) as (namespace, address),
        _root(beside.parent / name) as root,
    ):
        folder = Path(temporary)
        variables = _certified(folder, address)
        with _running(folder, root, namespace, variables) as daemon:
            _copy(images, variables)
            yield RemoteDaemon(variables=variables, process=daemon.pid, log=folder / "dockerd.log")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


@contextmanager
def _network(name: str) -> Iterator[tuple[str, str]]:
    """A namespace, and an address in it that this machine reaches, and nothing else of it."""
    third = secrets.randbelow(200) + 20
    here, there = f"10.213.{third}.1", f"10.213.{third}.2"
    try:
        _run("ip", "netns", "add", name)
        _run("ip", "link", "add", f"{name}a", "type", "veth", "peer", f"{name}b", "netns", name)
        _run("ip", "address", "add", f"{here}/30", "dev", f"{name}a")
        _run("ip", "link", "set", f"{name}a", "up")
        _run("ip", "-n", name, "address", "add", f"{there}/30", "dev", f"{name}b")
        _run("ip", "-n", name, "link", "set", f"{name}b", "up")
        _run("ip", "-n", name, "link", "set", "lo", "up")
        yield f"/run/netns/{name}", there
    finally:
        for command in (("ip", "link", "del", f"{name}a"), ("ip", "netns", "del", name)):
            subprocess.run(command, capture_output=True, check=False, env=_environment())


@contextmanager
def _root(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    try:
        yield folder
    finally:
        for mounted in _mounts_below(folder):
            subprocess.run(["umount", "--lazy", mounted], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _mounts_below(folder: Path) -> list[Path]:
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    points = (Path(line.split()[1]) for line in lines)
    return sorted((each for each in points if folder in each.parents), reverse=True)


def _certified(folder: Path, address: str) -> dict[str, str]:
    """Certificates for the daemon and its user; gives the user's variables."""
    authority = Authority(folder)
    authority.issue("daemon", addresses=(address,))
    user = authority.issue("user")
    user.certificate.rename(folder / "cert.pem")
    user.key.rename(folder / "key.pem")
    return {
        "DOCKER_HOST": f"tcp://{address}:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(folder),
    }


@contextmanager
def _running(
    folder: Path, root: Path, namespace: str, variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        # `ip netns exec` would hide the control groups.
        *("nsenter", f"--net={namespace}"),
        *("dockerd", f"--host={variables['DOCKER_HOST']}", "--tlsverify"),
        *(f"--tlscacert={folder}/ca.pem", f"--tlscert={folder}/daemon-cert.pem"),
        f"--tlskey={folder}/daemon-key.pem",
        *(f"--data-root={root}/data", f"--exec-root={root}/exec", f"--pidfile={root}/pid"),
    ]
    with (folder / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment()
        )
    try:
        _await(process, folder, variables)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_STOP_S)
        if process.poll() is None:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], folder: Path, variables: Mapping[str, str]) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            connect(variables).close()
            return
        except EngineError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                words = (folder / "dockerd.log").read_text(errors="replace")[-2000:]
                raise CannotRun(f"the second Docker daemon does not answer: {words}") from error
            time.sleep(0.1)


def _copy(images: Iterable[str], variables: Mapping[str, str]) -> None:
    here, there = connect(), connect(variables)
    try:
        for image in images:
            load: Any = there.api.load_image
            load(here.api.get_image(image))
    finally:
        here.close()
        there.close()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode:
        raise CannotRun(f"{' '.join(command)}: {done.stderr.strip()}")


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": _path()}
