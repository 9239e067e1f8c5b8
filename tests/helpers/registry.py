"""Debian's docker-registry on loopback, and images of functions in it.

Docker takes registries on 127.0.0.0/8 without TLS. Two servers share one folder: one that anybody
may use, one that asks for a password.
"""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

USER, PASSWORD = "orders-deployer", "correct horse battery staple"
# Made with `htpasswd -nB`; the registry reads bcrypt alone.
HTPASSWD = "$2y$05$8I6hfv7wb2SKTlxtCvBv8.csByw2fm8g6yMzh9eHOlwo7RkC8Cbpi"
PROGRAM = "docker-registry"
STANDIN = "lambda-rollback-standin:python3.11"

_START_S = 30.0
_CONFIGURATION = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{root}"}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
"""
_ASKING = 'auth: {{htpasswd: {{realm: orders, path: "{file}"}}}}\n'


@dataclass
class Registry:
    """Both servers, and what was put into Docker on the way: that is removed with `clean`."""

    client: Any
    address: str
    """``host:port`` of the server that anybody may use."""
    protected: str
    """``host:port`` of the one that asks for `USER` and `PASSWORD`."""
    references: list[str] = field(default_factory=list)

    def publish(
        self,
        files: dict[str, str],
        *steps: str,
        base: str = STANDIN,
        repository: str = "orders",
        tag: str = "live",
        platform: str | None = None,
    ) -> str:
        """Build an image with files below /var/task, push it, and forget it here.

        Gives its URI by digest.
        """
        reference = f"{self.address}/{repository}"
        self.build(f"{reference}:{tag}", files, *steps, base=base, platform=platform)
        digest = ""
        for line in self.client.api.push(reference, tag=tag, stream=True, decode=True):
            assert "error" not in line, line
            digest = line.get("aux", {}).get("Digest", digest)
        self.client.api.remove_image(f"{reference}:{tag}")
        uri = f"{reference}@{digest}"
        self.references += [uri, f"{self.protected}/{repository}@{digest}"]
        return uri

    def build(
        self,
        name: str,
        files: dict[str, str],
        *steps: str,
        base: str = STANDIN,
        platform: str | None = None,
    ) -> None:
        """Build an image that only Docker has."""
        added = tuple(f"COPY {path} /var/task/{path}" for path in files)
        dockerfile = "\n".join((f"FROM {base}", *added, *steps)) + "\n"
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as tar:
            for path, text in {"Dockerfile": dockerfile, **files}.items():
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(text.encode()), 0o755
                tar.addfile(member, io.BytesIO(text.encode()))
        context.seek(0)
        lines = self.client.api.build(
            fileobj=context,
            custom_context=True,
            tag=name,
            rm=True,
            forcerm=True,
            nocache=True,  # another session may just be removing what is cached
            decode=True,
            platform=platform,
        )
        errors = [line["error"] for line in lines if "error" in line]
        assert errors == []
        self.references.append(name)

    def delete(self, uri: str) -> None:
        """Remove an image from the registry, as a lifecycle policy does."""
        repository, _, digest = uri.removeprefix(f"{self.address}/").partition("@")
        request = urllib.request.Request(
            f"http://{self.address}/v2/{repository}/manifests/{digest}", method="DELETE"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202

    def forget(self, uri: str) -> None:
        """Remove an image from Docker, so that it has to be pulled (again)."""
        import docker.errors

        try:
            self.client.api.remove_image(uri, force=True)
        except docker.errors.ImageNotFound:
            return

    def clean(self) -> None:
        """Remove from Docker all that was made or pulled."""
        for reference in self.references:
            self.forget(reference)


def protected(registry: Registry, uri: str) -> str:
    """The same image at the server that asks for a password."""
    return uri.replace(registry.address, registry.protected, 1)


@contextmanager
def serving(configuration: Path, address: str) -> Iterator[None]:
    """Run a server until the block ends."""
    with configuration.with_suffix(".log").open("wb") as log:
        server = subprocess.Popen(
            [PROGRAM, "serve", str(configuration)], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_for(f"http://{address}/v2/", server, configuration.with_suffix(".log"))
            yield
        finally:
            server.kill()
            server.wait(30)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError as answer:
            answer.close()  # it asks for a password, so it serves
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"docker-registry does not serve: {log.read_text()}")
            time.sleep(0.05)


def _free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def running_registry(client: Any, folder: Path) -> Iterator[Registry]:
    """A registry that keeps its images in a folder; nothing of it is left in Docker."""
    if shutil.which(PROGRAM) is None:
        pytest.fail(f"there is no {PROGRAM}: run `.ci/setup registry`", pytrace=False)
    made = Registry(client=client, address=_free_address(), protected=_free_address())
    passwords = folder / "passwords"
    passwords.write_text(f"{USER}:{HTPASSWD}\n")
    opened, asking = folder / "open.yml", folder / "asking.yml"
    opened.write_text(_CONFIGURATION.format(root=folder / "data", address=made.address))
    asking.write_text(
        _CONFIGURATION.format(root=folder / "data", address=made.protected)
        + _ASKING.format(file=passwords)
    )
    with serving(opened, made.address), serving(asking, made.protected):
        try:
            yield made
        finally:
            made.clean()
