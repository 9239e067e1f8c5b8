"""AWS on loopback for the tests: moto in server mode behind `gateway`.

moto keeps and answers every service; `lambda_api` says what of Lambda is answered otherwise and
`gateway` what is put before it all. In a thread of the test's own process, or, where memory
is measured or the process must not share anything, in one of its own::

    with AwsServer() as server:                     # or AwsServer(process=True)
        client = boto3.client("lambda", endpoint_url=server.url, ...)
        ...
        assert server.requests("GetFunction") == 4
        assert server.downloads() == 4

Everything that steers it goes over HTTP, so that both ways behave alike. moto's backends are
global to a process: one server at a time in a thread.

``PYTHONPATH=tests python -m helpers.aws_emulator.server [PORT]`` serves until it is killed or its
input ends, and prints its URL first.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ACCOUNT = "123456789012"
"""moto's account, of every access key that it does not know."""
REGION = "eu-west-1"
TESTS = Path(__file__).parents[2]
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0


class AwsServer:
    """The running server, seen from the test."""

    def __init__(self, *, process: bool = False) -> None:
        self._own_process = process
        self._process: subprocess.Popen[str] | None = None
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self.url = ""
        """The value of AWS_ENDPOINT_URL."""

    def __enter__(self) -> Self:
        """Start it."""
        if self._own_process:
            self._start_process()
        else:
            self._start_thread()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it; nothing that it held is left."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=STOP_TIMEOUT_S)
        if self._server is not None and self._thread is not None:
            self.reset()
            self._server.shutdown()
            self._thread.join(STOP_TIMEOUT_S)
            self._server.server_close()

    @property
    def pid(self) -> int | None:
        """Of the server's own process, ``None`` for a thread."""
        return self._process.pid if self._process is not None else None

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any AWS tool talks to this server, and to nothing else."""
        nowhere = str(Path(__file__).parent / "no-such-file")
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": nowhere,
            "AWS_SHARED_CREDENTIALS_FILE": nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    # What was asked of it

    def requests(self, operation: str | None = None) -> int:
        """Requests that were let through, of one operation or of all AWS operations."""
        return self._count("requests", operation)

    def requested(self) -> dict[str, int]:
        """The same by operation."""
        return self.counts()["requests"]

    def throttled(self, operation: str | None = None) -> int:
        """Requests that were answered with 429."""
        return self._count("throttled", operation)

    def downloads(self, arn: str | None = None) -> int:
        """Zips that were given out: of a qualified function or layer version ARN, or all."""
        return self._count("downloads", arn)

    def refused_downloads(self, arn: str | None = None) -> int:
        """Downloads that were refused, mostly for an expired location."""
        return self._count("refused_downloads", arn)

    def counts(self) -> dict[str, dict[str, int]]:
        """All of that: requests, throttled, downloads, refused_downloads.

        And ``digests``: what was downloaded, by the zip's SHA-256 in hexadecimal.
        """
        with urllib.request.urlopen(f"{self.url}/_counts", timeout=STOP_TIMEOUT_S) as answered:
            counted: dict[str, dict[str, int]] = json.load(answered)
        return counted

    def _count(self, what: str, key: str | None) -> int:
        counted = self.counts()[what]
        return sum(counted.values()) if key is None else counted.get(key, 0)

    # What it does

    def reset(self) -> None:
        """Forget everything: resources, counts, faults, throttling."""
        self._control("reset")
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=STOP_TIMEOUT_S).close()

    def reset_counts(self) -> None:
        """Count from zero."""
        self._control("reset-counts")

    def throttle(self, rate: float | None, burst: float | None = None) -> None:
        """Let ``rate`` requests a second to Lambda through (not downloads); ``None``: all."""
        self._control("throttle", rate=rate, burst=burst)

    def fail(
        self,
        operation: str,
        kind: str,
        *,
        times: int | None = None,
        match: str = "",
        seconds: float = 0.0,
    ) -> None:
        """Answer an operation (``*`` for all) with a fault.

        ``kind`` is ``access-denied``, ``expired-token``, ``invalid-token``, ``server-error``,
        ``throttled``, ``slow`` (by ``seconds``) or ``environment-error`` (what KMS refuses to
        decrypt). For ``download``: ``expired``, ``server-error``, ``slow``, ``damaged``,
        ``larger`` or ``truncated``. ``times`` bounds it; ``match`` must be in the path, query or
        ARN.
        """
        self._control(
            "fail", operation=operation, kind=kind, times=times, match=match, seconds=seconds
        )

    def heal(self) -> None:
        """End all faults."""
        self._control("heal")

    def location_lifetime(self, seconds: float) -> None:
        """Set how long locations given out from now on can be downloaded."""
        self._control("lifetime", seconds=seconds)

    def expire_locations(self) -> None:
        """Let every location that was given out expire now."""
        self._control("expire")

    def add_foreign_layer(self, arn: str, data: bytes, *, readable: bool = True) -> None:
        """Put a layer version of another account there (again); it may be attached in any case."""
        text = base64.b64encode(data).decode()
        self._control("foreign-layer", arn=arn, data=text, readable=readable)

    def fill(self, *, functions: int, versions: int) -> None:
        """Make many functions at once: see `large_account`."""
        self._control("fill", functions=functions, versions=versions)

    def _control(self, action: str, **order: Any) -> None:
        request = urllib.request.Request(
            f"{self.url}/_control",
            data=json.dumps({"action": action, **order}).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=START_TIMEOUT_S).close()

    # Starting

    def _start_thread(self) -> None:
        self._server = make_server(0)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.reset()

    def _start_process(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        # A server that does not come up closes its output, which ends the wait.
        timer = threading.Timer(START_TIMEOUT_S, self._process.kill)
        timer.start()
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        timer.cancel()
        if not self.url:
            self._process.communicate(timeout=STOP_TIMEOUT_S)
            raise RuntimeError("the AWS server did not start")


def make_server(port: int) -> Any:
    """A threaded HTTP server on loopback, not yet serving."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    from helpers.aws_emulator.gateway import Gateway

    class QuietHandler(MotoRequestHandler):
        """Logs no request, and keeps connections, as AWS does."""

        protocol_version = "HTTP/1.1"

        def log_request(self, *_: Any) -> None:
            """Nothing."""

        def log(self, *_: Any) -> None:
            """Nothing."""

    server: Any = make_server(
        "127.0.0.1", port, Gateway(), threaded=True, request_handler=QuietHandler
    )
    server.daemon_threads = True
    return server


def main() -> None:
    """Serve until the input ends, so that no server outlives who started it."""
    server = make_server(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
