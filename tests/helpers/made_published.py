"""Published functions, their zips, and a loopback server that serves those as S3 would."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from pytest_lambda_rollback.model.published import PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.versions import (
    FunctionConfiguration,
    Location,
    PackageKind,
    RemotePackage,
)

ACCOUNT = "111122223333"
REGION = "eu-west-1"


def function_arn(name: str, version: str = "", *, account: str = ACCOUNT) -> str:
    arn = f"arn:aws:lambda:{REGION}:{account}:function:{name}"
    return f"{arn}:{version}" if version else arn


def layer_arn(name: str, version: int) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}:{version}"


def made_zip(text: str, size_bytes: int = 0) -> bytes:
    """A zip whose bytes depend on the text alone; ``size_bytes`` more that cannot be packed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), text)
        if size_bytes:
            archive.writestr(zipfile.ZipInfo("data"), bytes(size_bytes))
    return file.getvalue()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def code(name: str, version: str, content: bytes) -> RemotePackage:
    return RemotePackage(
        kind=PackageKind.CODE,
        arn=function_arn(name, version),
        size_bytes=len(content),
        sha256=digest(content),
    )


def layer(name: str, version: int, content: bytes | None = None) -> RemotePackage:
    """A layer version; its digest is known where the content is given."""
    return RemotePackage(
        kind=PackageKind.LAYER,
        arn=layer_arn(name, version),
        size_bytes=len(content) if content is not None else 0,
        sha256=digest(content) if content is not None else None,
    )


def version(
    name: str, number: str, content: bytes, *layers: RemotePackage, gone: bool = False
) -> PublishedVersion:
    return PublishedVersion(
        function=name,
        version=number,
        arn=function_arn(name, number),
        code=code(name, number, content),
        layers=layers,
        configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
        gone=gone,
    )


def function(
    name: str, *versions: PublishedVersion, as_of: str = "2026-05-01T00:00:00Z"
) -> PublishedFunction:
    return PublishedFunction(name=name, arn=function_arn(name), versions=versions, as_of=as_of)


@dataclass
class PackageServer:
    """Serves zips under their ARN at addresses that can expire, break off or lie.

    Processes of their own get ``/packages`` (digest and size by ARN) and ``/locate/<ARN>``.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    """By ARN."""
    url: str = ""
    located: Counter[str] = field(default_factory=Counter)
    downloads: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)
    fault: Callable[[str, int], str | None] = lambda arn, number: None
    """What goes wrong with the n-th download of an ARN: ``expired``, ``cut``, ``flip``,
    ``short``, ``busy``."""
    chunk_pause_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, package: RemotePackage, content: bytes) -> None:
        self.contents[package.arn] = content

    def locate(self, package: RemotePackage) -> Location:
        with self.lock:
            self.located[package.arn] += 1
        content = self.contents[package.arn]
        return Location(
            url=f"{self.url}/{package.arn}?X-Amz-Signature=planted",
            sha256=digest(content),
            size_bytes=len(content),
        )

    @property
    def requests(self) -> int:
        return sum(self.downloads.values())


@contextmanager
def package_server() -> Iterator[PackageServer]:
    served = PackageServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            arn = urlsplit(self.path).path.removeprefix("/")
            if arn.startswith("locate/"):
                arn = arn.removeprefix("locate/")
                with served.lock:
                    served.located[arn] += 1
                self._answer([digest(served.contents[arn]), len(served.contents[arn])])
                return
            if arn == "packages":
                self._answer({arn: [digest(c), len(c)] for arn, c in served.contents.items()})
                return
            with served.lock:
                served.downloads[arn] += 1
                number = served.downloads[arn]
            fault = served.fault(arn, number)
            content = served.contents[arn]
            if fault in ("expired", "busy"):
                self.send_response(403 if fault == "expired" else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            length = len(content)
            if fault == "flip":
                content = content[:-1] + bytes([content[-1] ^ 1])
            elif fault == "cut":
                content = content[: length // 2]
            elif fault == "short":
                content = content[: length // 2]
                length = len(content)
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            for start in range(0, len(content), 4096):
                self.wfile.write(content[start : start + 4096])
                if served.chunk_pause_s:
                    self.wfile.flush()
                    time.sleep(served.chunk_pause_s)
            with served.lock:
                served.finished[arn] += fault is None
            self.close_connection = True

        def _answer(self, data: object) -> None:
            answer = json.dumps(data).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that was killed is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
