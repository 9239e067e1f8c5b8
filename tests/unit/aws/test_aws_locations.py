"""Downloads from a storage on loopback, and every way in which they go wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pytest_lambda_rollback.aws.locations import ExpiredLocation, InterruptedDownload, download
from pytest_lambda_rollback.errors import SourceError

SECRET = "X-Amz-Signature=presigned-secret"
CONTENT = bytes(range(256)) * 12_000
"""About 3 MB."""
Answer = Callable[[BaseHTTPRequestHandler], None]


class Storage:
    """Answers each path as it is told, and keeps the headers of the last request."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        storage = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                storage.asked.append((path, {k.lower(): v for k, v in self.headers.items()}))
                storage.answers[path](self)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.port = self._server.server_port

    def __enter__(self) -> Storage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}?{SECRET}"


def content(data: bytes, *, status: int = 200, length: int | None = None, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if length != -1:
            handler.send_header("Content-Length", str(len(data) if length is None else length))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def broken_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[:1000])
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.settimeout(20)
    handler.rfile.read(1)  # ends when the client goes away


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Storage]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with Storage() as running:
        yield running


def got(url: str, *, limit_bytes: int = len(CONTENT), timeout_s: float = 10.0) -> list[bytes]:
    pieces: list[bytes] = []
    download(url, pieces.append, limit_bytes=limit_bytes, timeout_s=timeout_s, what="orders:3")
    return pieces


def test_the_content_comes_in_small_pieces_and_as_it_is_stored(storage: Storage) -> None:
    storage.answers["/code.zip"] = content(CONTENT)
    pieces = got(storage.url("/code.zip"))
    assert b"".join(pieces) == CONTENT
    assert max(map(len, pieces)) <= 1024 * 1024
    assert storage.asked[0][1]["accept-encoding"] == "identity"


def test_a_login_in_netrc_is_not_sent_beside_a_presigned_url(
    storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    storage.answers["/code.zip"] = content(b"zip")
    assert got(storage.url("/code.zip")) == [b"zip"]
    assert "authorization" not in storage.asked[0][1]


@pytest.mark.parametrize("length", [None, -1])
def test_never_more_than_the_limit_is_written(storage: Storage, length: int | None) -> None:
    storage.answers["/code.zip"] = content(CONTENT, length=length)
    pieces: list[bytes] = []
    with pytest.raises(SourceError, match="larger than the 500000 bytes"):
        download(
            storage.url("/code.zip"), pieces.append, limit_bytes=500_000, timeout_s=10, what="o:3"
        )
    assert sum(map(len, pieces)) <= 500_000


@pytest.mark.parametrize(
    "answer",
    [
        content(b"<Code>AccessDenied</Code><Message>Request has expired</Message>", status=403),
        content(b"<Error><Code>ExpiredToken</Code></Error>", status=400),
    ],
    ids=["403", "token"],
)
def test_an_expired_location_is_to_be_renewed(storage: Storage, answer: Answer) -> None:
    storage.answers["/code.zip"] = answer
    with pytest.raises(ExpiredLocation, match="orders:3 cannot be downloaded"):
        got(storage.url("/code.zip"))


@pytest.mark.parametrize(
    "answer",
    [
        broken_off,
        content(b"zip", length=10),
        content(b"", status=500),
        content(b"", status=503),
        content(b"", status=429),
    ],
    ids=["reset", "short", "500", "503", "429"],
)
def test_what_passes_is_to_be_tried_again(storage: Storage, answer: Answer) -> None:
    storage.answers["/code.zip"] = answer
    with pytest.raises(InterruptedDownload, match="orders:3 cannot be downloaded"):
        got(storage.url("/code.zip"))


def test_silence_ends_a_download(storage: Storage) -> None:
    storage.answers["/code.zip"] = silent
    with pytest.raises(InterruptedDownload, match="lost or timed out"):
        got(storage.url("/code.zip"), timeout_s=0.2)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_what_does_not_pass_is_not_tried_again(storage: Storage, status: int) -> None:
    storage.answers["/code.zip"] = content(b"<Code>NoSuchKey</Code>", status=status)
    with pytest.raises(SourceError, match=f"HTTP {status}") as caught:
        got(storage.url("/code.zip"))
    assert not isinstance(caught.value, ExpiredLocation | InterruptedDownload)


def test_a_redirect_of_the_same_protocol_is_followed(storage: Storage) -> None:
    storage.answers["/code.zip"] = content(b"", status=307, Location="/there.zip?x=1")
    storage.answers["/there.zip"] = content(b"zip")
    assert got(storage.url("/code.zip")) == [b"zip"]


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/code.zip", "file:///etc/hostname"])
def test_a_redirect_to_another_protocol_is_refused(storage: Storage, to: str) -> None:
    storage.answers["/code.zip"] = content(b"", status=302, Location=to)
    with pytest.raises(SourceError, match="another protocol"):
        got(storage.url("/code.zip"))


def test_redirects_end(storage: Storage) -> None:
    storage.answers["/code.zip"] = content(b"", status=302, Location="/code.zip")
    with pytest.raises(SourceError, match="redirects too many times"):
        got(storage.url("/code.zip"))
    assert len(storage.asked) == 6


def test_a_location_that_is_no_web_address_is_refused(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(b"zip")
    with pytest.raises(SourceError, match="neither http nor https"):
        got((tmp_path / "code.zip").as_uri())


def test_what_writing_raises_passes_through(storage: Storage) -> None:
    storage.answers["/code.zip"] = content(b"zip")

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left on device"):
        download(storage.url("/code.zip"), full, limit_bytes=10, timeout_s=10)


def test_downloads_go_through_the_proxy(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{storage.port}")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    storage.answers["http://storage.example/code.zip"] = content(b"zip")
    assert got("http://storage.example/code.zip") == [b"zip"]


def test_the_certificates_of_the_aws_settings_are_used(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "no-such-bundle.pem"
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(SourceError, match="AWS_CA_BUNDLE") as caught:
        got(f"https://127.0.0.1:{storage.port}/code.zip")
    assert not isinstance(caught.value, InterruptedDownload)


@pytest.mark.parametrize("status", [302, 400, 403, 500])
def test_the_presigned_url_is_in_no_error(storage: Storage, status: int) -> None:
    storage.answers["/code.zip"] = content(b"", status=status, Location=f"ftp://x/?{SECRET}")
    with pytest.raises(SourceError) as caught:
        got(storage.url("/code.zip"))
    assert "presigned-secret" not in str(caught.value)


def test_the_presigned_url_is_in_no_error_of_the_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(InterruptedDownload) as caught:
        got(f"http://127.0.0.1:{port}/code.zip?{SECRET}")
    assert "presigned-secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
