"""Which daemon is used: as the docker command finds it, by variables and contexts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_lambda_rollback.engines.docker.addresses import (
    Address,
    Certificates,
    daemon_address,
)
from pytest_lambda_rollback.errors import EngineError

NAMES = ("ca.pem", "cert.pem", "key.pem")
Write = Callable[..., Path]


def certificates(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("")
    return folder


@pytest.fixture
def context(tmp_path: Path) -> Write:
    """Write a context into Docker's configuration; gives the folder of its certificates."""

    def write(name: str, host: str, *, skip: bool = False, files: tuple[str, ...] = ()) -> Path:
        digest = hashlib.sha256(name.encode()).hexdigest()
        meta = tmp_path / ".docker" / "contexts" / "meta" / digest
        meta.mkdir(parents=True)
        endpoint = {"Host": host, "SkipTLSVerify": skip}
        content = {"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}
        (meta / "meta.json").write_text(json.dumps(content))
        tls = tmp_path / ".docker" / "contexts" / "tls" / digest / "docker"
        return certificates(tls, *files) if files else tls

    return write


def current(home: Path, name: str) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker" / "config.json").write_text(json.dumps({"currentContext": name}))


def test_default_socket_without_anything(tmp_path: Path) -> None:
    assert daemon_address({}, tmp_path) == Address()
    assert daemon_address({"DOCKER_HOST": "", "DOCKER_CONTEXT": ""}, tmp_path) == Address()


def test_precedence_is_host_then_context_then_configuration(tmp_path: Path, context: Write) -> None:
    context("named", "tcp://named:1")
    context("chosen", "tcp://chosen:1")
    current(tmp_path, "chosen")
    named = {"DOCKER_CONTEXT": "named"}

    assert daemon_address({}, tmp_path).host == "tcp://chosen:1"
    assert daemon_address(named, tmp_path).host == "tcp://named:1"
    assert daemon_address(named | {"DOCKER_HOST": "tcp://host:1"}, tmp_path).host == "tcp://host:1"
    assert daemon_address({"DOCKER_CONTEXT": "default"}, tmp_path) == Address()


def test_configuration_is_where_docker_config_says(tmp_path: Path, context: Write) -> None:
    context("chosen", "tcp://chosen:1")
    current(tmp_path, "chosen")
    variables = {"DOCKER_CONFIG": str(tmp_path / ".docker")}

    assert daemon_address(variables, tmp_path / "elsewhere").host == "tcp://chosen:1"
    assert daemon_address({}, tmp_path / "elsewhere") == Address()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"currentContext": 7}', "{}"])
def test_configuration_without_a_context(tmp_path: Path, content: str) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(content)

    assert daemon_address({}, tmp_path) == Address()


@pytest.mark.parametrize(
    ("variables", "verify"),
    [
        ({"DOCKER_TLS_VERIFY": "1"}, True),
        ({"DOCKER_TLS_VERIFY": "0"}, True),
        ({"DOCKER_TLS": "1"}, False),
        ({"DOCKER_TLS": "1", "DOCKER_TLS_VERIFY": "1"}, True),
    ],
)
def test_tls_by_variables(tmp_path: Path, variables: dict[str, str], verify: bool) -> None:
    folder = certificates(tmp_path / "pki", *NAMES)
    found = daemon_address(
        variables | {"DOCKER_HOST": "tcp://host:2376", "DOCKER_CERT_PATH": str(folder)}, tmp_path
    )

    assert found.host == "tcp://host:2376"
    assert found.certificates == Certificates(
        authority=str(folder / "ca.pem"),
        certificate=str(folder / "cert.pem"),
        key=str(folder / "key.pem"),
        verify=verify,
    )


def test_certificates_are_by_default_in_dockers_configuration(tmp_path: Path) -> None:
    folder = certificates(tmp_path / ".docker", "ca.pem")

    found = daemon_address({"DOCKER_TLS_VERIFY": "1"}, tmp_path)

    assert found == Address(
        host="tcp://localhost:2376", certificates=Certificates(authority=str(folder / "ca.pem"))
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"DOCKER_CERT_PATH": "/pki", "DOCKER_HOST": "tcp://host:1"},
        {"DOCKER_TLS_VERIFY": "", "DOCKER_HOST": "tcp://host:1"},
        {"DOCKER_TLS_VERIFY": "1", "DOCKER_HOST": "unix:///run/docker.sock"},
    ],
)
def test_no_tls(tmp_path: Path, variables: dict[str, str]) -> None:
    assert daemon_address(variables, tmp_path).certificates is None


def test_missing_certificate_authority_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as raised:
        daemon_address({"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}, tmp_path)

    assert str(raised.value) == (
        "the Docker daemon's address is not usable: DOCKER_TLS_VERIFY is set, but there is no "
        f"{tmp_path / 'ca.pem'}. Set DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and "
        "key.pem."
    )


@pytest.mark.parametrize(
    ("files", "skip", "expected"),
    [
        (NAMES, False, ("ca.pem", "cert.pem", "key.pem", True)),
        (("ca.pem",), False, ("ca.pem", "", "", True)),
        (("cert.pem", "key.pem"), False, ("", "cert.pem", "key.pem", True)),
        (("cert.pem",), True, ("", "", "", False)),
        ((), True, ("", "", "", False)),
        ((), False, None),
    ],
)
def test_tls_of_a_context(
    tmp_path: Path,
    context: Write,
    files: tuple[str, ...],
    skip: bool,
    expected: tuple[str, str, str, bool] | None,
) -> None:
    folder = context("there", "tcp://host:2376", skip=skip, files=files)

    # The variables for TLS are about an address that no context gives.
    found = daemon_address({"DOCKER_CONTEXT": "there", "DOCKER_TLS_VERIFY": "1"}, tmp_path)

    if expected is None:
        assert found.certificates is None
        return
    paths = [str(folder / name) if name else "" for name in expected[:3]]
    assert found.certificates == Certificates(
        authority=paths[0], certificate=paths[1], key=paths[2], verify=expected[3]
    )


@pytest.mark.parametrize(
    "host", ["unix:///run/docker.sock", "ssh://build@host", "npipe:////./pipe/docker"]
)
def test_contexts_of_sockets_need_no_certificates(
    tmp_path: Path, context: Write, host: str
) -> None:
    context("there", host, skip=True)

    assert daemon_address({"DOCKER_CONTEXT": "there"}, tmp_path) == Address(host=host)


@pytest.mark.parametrize(
    ("host", "scheme", "is_local"),
    [
        ("", "", True),
        ("unix:///run/docker.sock", "unix", True),
        ("npipe:////./pipe/docker", "npipe", True),
        ("tcp://127.0.0.1:2375", "tcp", False),
        ("ssh://me@host", "ssh", False),
        ("127.0.0.1:2375", "", False),
    ],
)
def test_schemes(host: str, scheme: str, is_local: bool) -> None:
    address = Address(host=host)

    assert (address.scheme, address.is_local) == (scheme, is_local)
