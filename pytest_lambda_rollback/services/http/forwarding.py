"""Requests that go on to real hosts, for a recording that the user asked for.

Nothing is forwarded but to hosts that the user named. TLS is verified with this machine's own
authorities (``SSL_CERT_FILE`` names others). No replay comes here.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from pytest_lambda_rollback.model.downstream import AwsExchange, Exchange, HttpExchange
from pytest_lambda_rollback.services.http.aws_calls import is_aws_host, is_for_aws, refusal
from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest
from pytest_lambda_rollback.services.http.signing import Signer
from pytest_lambda_rollback.services.http.translation import AwsTranslation
from pytest_lambda_rollback.services.http.values import unpacked

MOST_BYTES: Final = 64 * 1024 * 1024
TIMEOUT_S: Final = 30.0

_NOT_ALLOWED: Final = "LambdaRollbackNotAllowed"
_UNREACHABLE: Final = "LambdaRollbackUnreachable"
_NOT_SENT: Final = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_NOT_KEPT: Final = frozenset(
    (
        "alt-svc",
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "keep-alive",
        "nel",
        "report-to",
        "server",
        "strict-transport-security",
        "transfer-encoding",
        "via",
    )
)
"""Headers of answers that say nothing to a function, or that are made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What was forwarded for one event."""

    exchanges: tuple[Exchange, ...] = ()
    """In the order of the answers."""
    not_allowed: tuple[str, ...] = ()
    """Hosts that were asked for although they are not allowed, with a port if it is unusual."""
    failed: tuple[str, ...] = ()
    """Requests that got no answer, one clause each."""


class Forwarding:
    """Forwards requests to allowed hosts and keeps the answers; an `Answerer` of a front.

    ``allowed`` are hosts, ``*.example.com`` for every name below, with a port if it is not that of
    HTTP or HTTPS. With a ``signer``, AWS is allowed too.
    """

    def __init__(
        self,
        *,
        allowed: Iterable[str],
        signer: Signer | None = None,
        translation: AwsTranslation | None = None,
    ) -> None:
        self._allowed = frozenset(pattern.lower() for pattern in allowed)
        self._signer = signer
        self._translation = translation
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []
        self._not_allowed: dict[str, None] = {}
        self._failed: list[str] = []

    def take(self) -> Recorded:
        """What was forwarded since the last call."""
        with self._lock:
            taken = Recorded(
                exchanges=tuple(self._exchanges),
                not_allowed=tuple(self._not_allowed),
                failed=tuple(self._failed),
            )
            self._exchanges, self._not_allowed, self._failed = [], {}, []
        return taken

    def refused(self, host: str, port: int, why: str) -> None:
        """Note a connection without a request that could be read."""
        self._fail(f"{_place(host, port)}: {why}")

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The real host's answer, which is kept; or an error that says why there is none."""
        place = _place(request.host, request.port)
        # Whatever a request's own header says, it goes where its connection was allowed to go.
        same = request.authority.partition(":")[0] == request.host
        if not same or not self.allows(request.host, request.port):
            with self._lock:
                self._not_allowed.setdefault(place)
            return _refused(request, _NOT_ALLOWED, f"{place} is not allowed in this recording")
        try:
            answer = self._forwarded(request)
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = f"{request.method} {place}: {_reason(error)}"
            self._fail(why)
            return _refused(request, _UNREACHABLE, why, status=502)
        exchange = self._exchange(request, answer)
        with self._lock:
            self._exchanges.append(exchange)
        return answer

    def allows(self, host: str, port: int) -> bool:
        """Whether the user allowed this."""
        if self._signer is not None and is_aws_host(host):
            return True
        ending = f":{port}" if port not in (80, 443) else ""
        names = [host, *(f"*.{parent}" for parent in _parents(host))]
        return any(f"{name}{ending}" in self._allowed for name in names)

    def _forwarded(self, request: HttpRequest) -> HttpAnswer:
        sent = [(name, value) for name, value in request.headers if name not in _NOT_SENT]
        sent.append(("accept-encoding", "identity"))
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            sent.append(("content-length", str(len(request.body))))
        if self._signer is not None and is_for_aws(request):
            sent = list(self._signer.headers(replace(request, headers=tuple(sent))) or sent)
        if request.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                request.host,
                request.port,
                timeout=TIMEOUT_S,
                context=ssl.create_default_context(),
            )
        else:
            connection = http.client.HTTPConnection(request.host, request.port, timeout=TIMEOUT_S)
        try:
            connection.putrequest(
                request.method, request.target, skip_host=True, skip_accept_encoding=True
            )
            for name, value in sent:
                connection.putheader(name, value)
            connection.endheaders(request.body)
            response = connection.getresponse()
            body = response.read(MOST_BYTES + 1)
            if len(body) > MOST_BYTES:
                raise ValueError(f"the answer has more than {MOST_BYTES} bytes")
            return HttpAnswer(
                status=response.status,
                reason=response.reason or "",
                headers=tuple(response.getheaders()),
                body=body,
            )
        finally:
            connection.close()

    def _exchange(self, request: HttpRequest, answer: HttpAnswer) -> Exchange:
        if is_for_aws(request) and self._translation is not None:
            exchange: AwsExchange | None = self._translation.exchange(request, answer)
            if exchange is not None:
                return exchange
        encoding = next(
            (value for name, value in answer.headers if name.lower() == "content-encoding"), ""
        )
        return HttpExchange(
            method=request.method,
            url=request.url,
            request_body=unpacked(request.body, request.header("content-encoding")),
            status=answer.status,
            headers=tuple(
                (name, value) for name, value in answer.headers if name.lower() not in _NOT_KEPT
            ),
            body=unpacked(answer.body, encoding),
        )

    def _fail(self, why: str) -> None:
        with self._lock:
            self._failed.append(why)


def _refused(request: HttpRequest, code: str, message: str, *, status: int = 400) -> HttpAnswer:
    if is_for_aws(request):
        return refusal(request, code, message)
    return HttpAnswer(
        status=status,
        reason="Not Allowed" if code == _NOT_ALLOWED else "",
        headers=(("Content-Type", "application/json"), ("X-Lambda-Rollback", code)),
        body=json.dumps({"error": code, "message": message}).encode(),
    )


def _place(host: str, port: int) -> str:
    return host if port in (80, 443) else f"{host}:{port}"


def _parents(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[number:]) for number in range(1, len(labels))]


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was not accepted ({error.verify_message})"
    if isinstance(error, socket.gaierror):
        return "its name could not be resolved"
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_S:g} s"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) or type(error).__name__
