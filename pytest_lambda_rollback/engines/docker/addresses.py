"""The address of the Docker daemon that the ``docker`` command would use, and how to trust it.

DOCKER_HOST goes before DOCKER_CONTEXT, that before the current context of Docker's
configuration; without any of them it is the default socket. DOCKER_TLS_VERIFY, DOCKER_TLS and
DOCKER_CERT_PATH count for an address that no context gave:
https://docs.docker.com/reference/cli/docker/#environment-variables,
https://docs.docker.com/engine/manage-resources/contexts/. No daemon is contacted here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pytest_lambda_rollback.errors import EngineError

_DEFAULT: Final = "default"
"""The context that stands for no context."""
_DEFAULT_TLS_HOST: Final = "tcp://localhost:2376"
_LOCAL: Final = ("unix", "http+unix", "npipe")
_ADVICE: Final = "See `docker context ls`, or set DOCKER_HOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Files for a connection with TLS; empty paths are not used."""

    authority: str = ""
    certificate: str = ""
    key: str = ""
    verify: bool = True
    """False accepts any certificate of the daemon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a daemon listens."""

    host: str = ""
    """``scheme://…``; empty for the system's default socket."""
    certificates: Certificates | None = None
    """``None`` for a connection without TLS."""

    @property
    def scheme(self) -> str:
        """``unix``, ``tcp``, ``ssh``, ``npipe`` …; empty if the host does not say."""
        return self.host.partition("://")[0] if "://" in self.host else ""

    @property
    def is_local(self) -> bool:
        """True for a socket or pipe of this machine, whatever is behind it."""
        return not self.host or self.scheme in _LOCAL


def daemon_address(environment: Mapping[str, str], home: Path) -> Address:
    """The address by the environment's variables and Docker's configuration in ``home``.

    Raises EngineError for a context or certificates that are not there.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    host = environment.get("DOCKER_HOST", "")
    context = "" if host else environment.get("DOCKER_CONTEXT", "") or _current_context(folder)
    if context and context != _DEFAULT:
        return _of_context(folder, context)
    address = Address(host=host)
    if not (environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_TLS")):
        return address
    if host and address.is_local:
        return address
    certificates = _of_variables(
        Path(environment.get("DOCKER_CERT_PATH") or folder),
        verify=bool(environment.get("DOCKER_TLS_VERIFY")),
    )
    return Address(host=host or _DEFAULT_TLS_HOST, certificates=certificates)


def _of_variables(folder: Path, *, verify: bool) -> Certificates:
    if verify and not (folder / "ca.pem").is_file():
        raise EngineError(
            "the Docker daemon's address is not usable",
            why=f"DOCKER_TLS_VERIFY is set, but there is no {folder / 'ca.pem'}",
            do="Set DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem",
        )
    return _files(folder, verify=verify)


def _files(folder: Path, *, verify: bool) -> Certificates:
    def existing(name: str) -> str:
        path = folder / name
        return str(path) if path.is_file() else ""

    certificate, key = existing("cert.pem"), existing("key.pem")
    pair = (certificate, key) if certificate and key else ("", "")
    return Certificates(
        authority=existing("ca.pem"), certificate=pair[0], key=pair[1], verify=verify
    )


def _current_context(folder: Path) -> str:
    """The context that ``docker context use`` chose. As for ``docker``, a damaged file is none."""
    try:
        chosen = json.loads((folder / "config.json").read_text(encoding="utf-8"))["currentContext"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return chosen if isinstance(chosen, str) else ""


def _of_context(folder: Path, name: str) -> Address:
    what = f'could not read the Docker context "{name}"'
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / digest / "meta.json"
    try:
        endpoint: Any = json.loads(meta.read_text(encoding="utf-8"))["Endpoints"]["docker"]
        host, skip = endpoint.get("Host") or "", bool(endpoint.get("SkipTLSVerify"))
    except FileNotFoundError as error:
        raise EngineError(what, why="there is no such context", do=_ADVICE) from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise EngineError(what, why=f"{meta} is damaged ({error})", do=_ADVICE) from error
    address = Address(host=str(host))
    files = _files(folder / "contexts" / "tls" / digest / "docker", verify=not skip)
    if address.is_local or address.scheme == "ssh":
        return address
    if files.authority or files.certificate or skip:
        return Address(host=address.host, certificates=files)
    return address
