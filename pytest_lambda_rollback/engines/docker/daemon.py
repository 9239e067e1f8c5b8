"""The Docker daemon: connecting to it, explaining refusals, and the owner of its containers.

The other docker modules reach the vendor through this one. It does not handle images, networks or
Lambda. The docker package is imported with the first connection, never before.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_lambda_rollback.engines.docker.image_chain import LABEL_PREFIX
from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.errors import EngineError

if TYPE_CHECKING:
    from docker.client import DockerClient

OWNER_LABEL: Final = f"{LABEL_PREFIX}.owner"
ENGINE_LABEL: Final = f"{LABEL_PREFIX}.engine"
NAME_PREFIX: Final = "lambda-rollback-"
"""Every container of this plugin has such a name."""

TICK_S: Final = 1.5
"""Seconds after which a slow step repeats its progress line."""

_CONNECT_S: Final = 10.0
_NO_CONTEXT: Final = "could not read the current Docker context"
_SILENT: Final = "Docker does not answer"
_START: Final = (
    "Start Docker (for example `sudo systemctl start docker`) and check that `docker version` "
    "answers, or choose another engine"
)

T = TypeVar("T")


class DaemonLost(EngineError):
    """The daemon does not answer (any more)."""


class NotThere(EngineError):
    """The daemon has no such image, container or network."""


def connect() -> DockerClient:
    """A client of the daemon that the ``docker`` command would use too, versions negotiated.

    Raises EngineError with what to do.
    """
    import docker

    address = _address()
    try:
        _try_socket(address.get("base_url", ""))
    except OSError as error:
        raise DaemonLost(_SILENT, why=_unreachable(error), do=_START) from error
    with translated(_SILENT, do=_START):
        return docker.DockerClient(**address)


def _address() -> dict[str, Any]:
    """``base_url`` and ``tls`` of the daemon.

    DOCKER_HOST names it, else DOCKER_CONTEXT a context, else Docker's configuration; else it is
    the default socket: https://docs.docker.com/engine/manage-resources/contexts/. Raises
    EngineError.
    """
    import docker.context
    import docker.errors
    import docker.utils

    with translated("the Docker daemon's address is not usable", do=_START):
        address: dict[str, Any] = {**docker.utils.kwargs_from_env()}
    if "base_url" in address:
        return address
    name = os.environ.get("DOCKER_CONTEXT") or None
    what = f'could not read the Docker context "{name}"' if name else _NO_CONTEXT
    do = "See `docker context ls`, or set DOCKER_HOST"
    try:
        context = docker.context.ContextAPI.get_context(name)
    except Exception as error:  # the docker package raises bare ones for a malformed file
        raise EngineError(what, why=str(error) or type(error).__name__, do=do) from error
    if context is None:
        raise EngineError(what, why="there is no such context", do=do)
    if context.Host:
        address["base_url"] = context.Host
    if context.TLSConfig is not None:
        address.setdefault("tls", context.TLSConfig)
    return address


def _try_socket(host: str) -> None:
    """Raise OSError if nothing listens on a local socket.

    The docker package would find out as well, but it leaves the failed socket open.
    """
    scheme, _, path = host.partition("://")
    if scheme in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX) as local:
            local.settimeout(_CONNECT_S)
            local.connect("/" + path.lstrip("/"))


def probe() -> str | None:
    """``None`` when the Docker engine can work here, else why not and what to do about it."""
    try:
        client = connect()
    except EngineError as error:
        return str(error)
    try:
        with translated(_SILENT, do=_START):
            version, info = client.version(), client.info()
    except EngineError as error:
        return str(error)
    finally:
        client.close()
    return unsuited(version, info)


def unsuited(version: dict[str, Any], info: dict[str, Any]) -> str | None:
    """Why this engine cannot use a daemon that answers, ``None`` if it can."""
    if version.get("Os") != "linux":
        return (
            f"Docker runs {version.get('Os')} containers, but Lambda's are Linux. "
            "Switch Docker to Linux containers."
        )
    rootless = any("rootless" in option for option in info.get("SecurityOptions") or ())
    elsewhere = _release(version.get("KernelVersion", "")) != _release(os.uname().release)
    desktop = info.get("OperatingSystem") == "Docker Desktop"
    if not (rootless or elsewhere or desktop):
        return None
    what = "rootless Docker" if rootless else "Docker Desktop" if desktop else "a Docker daemon"
    where = "in its own network namespace" if rootless else "in a virtual machine or elsewhere"
    return (
        f"{what} runs its networks {where}, so containers cannot reach the Runtime API that "
        'is served here. Use a Docker Engine on this machine itself, or engine = "process".'
    )


def _release(text: str) -> str:
    return text.partition("-")[0].partition("+")[0]


@contextmanager
def translated(what: str, *, do: str = "") -> Iterator[None]:
    """Turn what the docker package (and HTTP below it) raises into EngineError.

    The caller gives ``what`` and ``do``; the reason is the daemon's.
    """
    import docker.errors
    import requests.exceptions

    try:
        yield
    except docker.errors.NotFound as error:
        raise NotThere(what, why=_explanation(error), do=do) from error
    except docker.errors.APIError as error:
        raise EngineError(what, why=_explanation(error), do=do) from error
    except (requests.exceptions.RequestException, ConnectionError, TimeoutError) as error:
        raise DaemonLost(what, why=_unreachable(error), do=do or _START) from error
    except docker.errors.DockerException as error:
        raise DaemonLost(what, why=_unreachable(error), do=do or _START) from error


def _explanation(error: Any) -> str:
    return str(error.explanation or error).strip().rstrip(".")


def _unreachable(error: BaseException) -> str:
    """The root of a chain of connection errors, in words."""
    text = f"{type(error).__name__}: {error}"
    if "PermissionError" in text or "Permission denied" in text:
        return "this user may not use Docker's socket (is it in the group docker?)"
    if "FileNotFoundError" in text or "No such file" in text:
        return "no daemon is listening on its socket"
    if "Connection refused" in text or "ConnectionRefusedError" in text:
        return "the daemon refuses the connection"
    if "Read timed out" in text:
        return "the daemon gave no answer in time"
    return str(error).strip().rstrip(".") or type(error).__name__


def with_ticks(call: Callable[[], T], text: Callable[[], str], progress: Progress) -> T:
    """Run a slow call and repeat its progress line, with the seconds so far, until it ends.

    ``call`` runs in a thread of its own, so that an interrupt is not delayed by it; ``progress``
    is called in this one.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    began = time.monotonic()
    progress(text())
    threading.Thread(target=run, name="lambda-rollback-docker", daemon=True).start()
    while True:
        try:
            return future.result(timeout=TICK_S)
        except TimeoutError:
            if future.done():
                return future.result()
            progress(f"{text()} ({time.monotonic() - began:.0f} s)")


# --- owners ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that made a container or network, unmistakable even after a reboot.

    Every process that can use this engine runs on the daemon's own kernel, because it listens on
    a gateway address of that kernel. So another boot id means a machine that was started again.
    """

    boot: str
    namespace: str
    """The process id namespace that ``pid`` counts in."""
    pid: int
    started: str
    """Start time in clock ticks since boot, which differs for a later process of the same id."""

    def __str__(self) -> str:
        return f"{self.boot}/{self.namespace}/{self.pid}/{self.started}"


def this_process() -> Owner:
    """The owner that this process is."""
    pid = os.getpid()
    return Owner(boot=_boot(), namespace=_namespace(), pid=pid, started=_started(pid) or "")


def is_dead(label: str) -> bool:
    """True when the owner in a label has certainly ended; in doubt False."""
    match label.split("/"):
        case [boot, namespace, pid, started] if boot and pid.isdigit():
            if boot != _boot():
                return True
            return namespace == _namespace() and _started(int(pid)) != started
    return False


def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat, ``None`` when there is no such process (or only its husk)."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def remove_containers(client: DockerClient, wanted: Callable[[dict[str, str]], bool]) -> None:
    """Remove, with what runs in them, the containers of this plugin whose labels are wanted.

    Labels alone are not enough: a container also has those of its image, which may be foreign.
    """
    listed = client.api.containers(all=True, filters={"label": OWNER_LABEL})
    for container in listed:
        names = container.get("Names") or ()
        ours = any(name.startswith(f"/{NAME_PREFIX}") for name in names)
        if ours and wanted(container.get("Labels") or {}):
            remove_container(client, container["Id"])


def remove_container(client: DockerClient, container: str) -> None:
    """Kill and remove one container with its volumes; one that is gone is not an error.

    Raises EngineError if the daemon refuses.
    """
    import docker.errors

    with translated(f"the container {container[:40]} could not be removed"):
        try:
            client.api.remove_container(container, v=True, force=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if error.status_code != 409:  # 409: its removal is under way already
                raise


def sweep(client: DockerClient) -> None:
    """Remove containers and networks left behind by processes that have ended."""

    def left_behind(labels: dict[str, str]) -> bool:
        return is_dead(labels.get(OWNER_LABEL, ""))

    import docker.errors

    with translated("leftovers of an earlier run could not be removed"):
        remove_containers(client, left_behind)
        for network in client.api.networks(filters={"label": OWNER_LABEL}):
            if left_behind(network.get("Labels") or {}):
                try:
                    client.api.remove_network(network["Id"])
                except docker.errors.APIError:  # another run sweeps it, or still empties it
                    continue
