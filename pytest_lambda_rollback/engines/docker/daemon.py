"""The Docker daemon: connecting to it, what it says of itself, explaining its refusals.

The other docker modules reach the vendor through this one. It does not handle images, containers
or Lambda. The docker package is imported with the first connection, never before.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_lambda_rollback.engines.docker.addresses import Address, daemon_address
from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.errors import EngineError

if TYPE_CHECKING:
    from docker.client import DockerClient

CALL_S: Final = 60
"""Seconds within which the daemon has to answer a call, or to go on with what it answers."""
TICK_S: Final = 1.5
"""Seconds after which a slow step repeats its progress line."""

_CONNECT_S: Final = 10.0
_LOCAL_URL: Final = "http+docker://localhost"
"""What the docker package calls any local socket."""
_SILENT: Final = "Docker does not answer"
_START: Final = (
    "Start Docker (for example `sudo systemctl start docker`) and check that `docker version` "
    "answers, or choose another engine"
)

T = TypeVar("T")


class DaemonLost(EngineError):
    """The daemon does not answer (any more)."""


class NotThere(EngineError):
    """The daemon has no such image or container."""


def connect(environment: Mapping[str, str] | None = None) -> DockerClient:
    """A client of the daemon that the ``docker`` command would use too, versions negotiated.

    ``environment`` has the variables that count, by default those of this process. Every call of
    the client ends within `CALL_S`, unless it says otherwise. Raises EngineError with what to do.
    """
    address = daemon_address(os.environ if environment is None else environment, Path.home())
    try:
        _try_socket(address.host)
    except OSError as error:
        raise DaemonLost(_SILENT, why=_unreachable(error), do=_START) from error
    with translated(_SILENT, do=_START):
        return _client(_options(address))


def _client(options: dict[str, Any]) -> DockerClient:
    """A docker client that trusts the certificate authority of its daemon.

    The docker package would rather trust that of REQUESTS_CA_BUNDLE, where somebody set it.
    """
    import docker

    class Api(docker.APIClient):
        def merge_environment_settings(self, *arguments: Any, **named: Any) -> Any:
            settings = super().merge_environment_settings(*arguments, **named)
            return {**settings, "verify": self.verify}

    class Client(docker.DockerClient):
        def __init__(self, **options: Any) -> None:
            self.api = Api(**options)

    return Client(**options)


def _options(address: Address) -> dict[str, Any]:
    """The docker package's arguments for an address."""
    import docker.tls

    options: dict[str, Any] = {"timeout": CALL_S}
    if address.host:
        options["base_url"] = address.host
    if address.scheme == "ssh" and importlib.util.find_spec("paramiko") is None:
        raise EngineError(
            f"Docker at {address.host} cannot be reached",
            why="the docker package connects over ssh by the package paramiko, which is missing",
            do="Install it (`pip install paramiko`)",
        )
    certificates = address.certificates
    if certificates is not None:
        options["tls"] = docker.tls.TLSConfig(
            client_cert=(certificates.certificate, certificates.key)
            if certificates.certificate
            else None,
            ca_cert=certificates.authority or None,
            verify=certificates.verify,
        )
    return options


def _try_socket(host: str) -> None:
    """Raise OSError if nothing listens on a local socket.

    The docker package would find out as well, but it leaves the failed socket open.
    """
    scheme, _, path = host.partition("://")
    if scheme in ("unix", "http+unix") and hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX) as local:
            local.settimeout(_CONNECT_S)
            local.connect("/" + path.lstrip("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonFacts:
    """What a daemon says of itself and its machine."""

    id: str
    version: str
    machine: str
    """The architecture in Docker's words, ``amd64`` or ``arm64``."""
    memory_bytes: int
    """Memory of its machine, 0 if unknown."""
    shares_kernel: bool
    """True if it runs on this machine's own kernel, so that /proc tells about it."""


def facts_of(client: DockerClient) -> DaemonFacts:
    """Ask a daemon about itself. Raises EngineError, also where it cannot run Lambda's images."""
    with translated(_SILENT, do=_START):
        version, info = client.version(), client.info()
    _check_suited(version)
    return DaemonFacts(
        id=str(info.get("ID") or info.get("Name") or ""),
        version=str(version.get("Version", "")),
        machine=str(version.get("Arch", "")),
        memory_bytes=int(info.get("MemTotal") or 0),
        shares_kernel=_shares_kernel(info, client),
    )


def _shares_kernel(info: dict[str, Any], client: DockerClient) -> bool:
    """True if a daemon's containers run on the kernel of this process; in doubt False."""
    if not hasattr(os, "uname") or info.get("OperatingSystem") == "Docker Desktop":
        return False
    is_local = client.api.base_url == _LOCAL_URL
    return is_local and info.get("KernelVersion") == os.uname().release


def probe() -> str | None:
    """``None`` when the Docker engine can work here, else why not and what to do about it."""
    try:
        client = connect()
    except EngineError as error:
        return str(error)
    try:
        facts_of(client)
    except EngineError as error:
        return str(error)
    finally:
        client.close()
    return None


def _check_suited(version: dict[str, Any]) -> None:
    if version.get("Os") != "linux":
        raise EngineError(
            f"Docker runs {version.get('Os')} containers, but Lambda's are Linux",
            do="Switch Docker to Linux containers",
        )


def answered(response: Any) -> Any:
    """A response of the daemon that is no refusal. Raises what the docker package raises."""
    import docker.errors
    import requests.exceptions

    try:
        response.raise_for_status()
    except requests.exceptions.HTTPError as error:
        raise docker.errors.create_api_error_from_http_exception(error) from error
    return response


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
