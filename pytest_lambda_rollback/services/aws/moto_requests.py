"""Requests to moto within the process that holds its state, and how each ended.

moto answers as it does for boto3's own calls in a test, without a server of its own. What it does
not do, and what it fails at by itself, is answered with 501, which SDKs do not repeat.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_lambda_rollback.http_wire.messages import Request
from pytest_lambda_rollback.services.aws import endpoints
from pytest_lambda_rollback.services.aws.http_connections import BODY_LIMIT_BYTES, HttpAnswer

RECEIVED_LIMIT_BYTES: Final = 512 * 1024 * 1024
"""Bytes that the requests of one pass may have together; they stay in memory."""

REQUESTS_LIMIT: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request as it was sent and how it was answered."""

    method: str
    url: str
    """Absolute, with the host in the form that moto knows."""
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    status: int
    answer: bytes = field(repr=False)
    """The body of an answer with an error; empty otherwise."""
    answer_headers: tuple[tuple[str, str], ...] = ()
    unsupported: str = ""
    """Why moto gave no answer of AWS."""


class MotoRequests:
    """Answers the requests of one pass and keeps them; safe for several threads."""

    def __init__(self, *, region: str) -> None:
        from moto.core.botocore_stubber import BotocoreStubber

        self._region = region
        self._process: Callable[[Any], Any] = BotocoreStubber().process_request
        self.lock = threading.Lock()
        """Held while moto works; not while it waits for messages."""
        self._record_lock = threading.Lock()
        self._received_bytes = 0
        self.exchanges: list[Exchange] = []
        """In the order in which they were answered."""

    def answer(self, request: Request) -> HttpAnswer:
        """The answer of AWS to one request, or 501."""
        headers = dict(request.head.headers)
        target = request.head.path
        if target.startswith(("http://", "https://")):
            target = "/" + target.split("/", 3)[3] if target.count("/") > 2 else "/"
        signed = endpoints.signed_for(headers, target)
        host = endpoints.known_host(headers.get("host", ""), signed, region=self._region)
        url = f"https://{host}{target}"
        headers["host"] = host
        self._received_bytes += request.size_bytes
        status, answer_headers, body, unsupported = self._answered(request, url, headers)
        exchange = Exchange(
            method=request.head.method,
            url=url,
            headers=tuple(headers.items()),
            body=request.body,
            status=status,
            answer=body if status >= 400 else b"",
            answer_headers=answer_headers if status >= 400 else (),
            unsupported=unsupported,
        )
        with self._record_lock:
            if len(self.exchanges) < REQUESTS_LIMIT:
                self.exchanges.append(exchange)
        return HttpAnswer(status=status, headers=answer_headers, body=body)

    def _answered(
        self, request: Request, url: str, headers: dict[str, str]
    ) -> tuple[int, tuple[tuple[str, str], ...], bytes, str]:
        from botocore.awsrequest import AWSPreparedRequest
        from botocore.compat import HTTPHeaders

        if reason := self._refusal(request, url):
            return *_refused(reason, headers), reason
        sent = HTTPHeaders()
        for name, value in headers.items():
            sent[name] = value
        prepared = AWSPreparedRequest(request.head.method, url, sent, request.body, False)
        try:
            if _waits(request):
                answered = self._process(prepared)  # up to 20 s, while others go on
            else:
                with self.lock:
                    answered = self._process(prepared)
        except NotImplementedError as error:
            reason = str(error) or "it is not implemented"
            return *_refused(reason, headers), reason
        except Exception as error:  # moto's own mistake, on a request that nobody has read
            reason = f"moto failed with {type(error).__name__}"
            return *_refused(reason, headers), reason
        if answered is None or answered[2] == "Not yet implemented":
            reason = "the service is not implemented"
            return *_refused(reason, headers), reason
        status, answer_headers, body = answered
        content = body.encode() if isinstance(body, str) else bytes(body or b"")
        if int(status) == 404 and not content and request.head.method not in ("HEAD", "GET"):
            reason = "the operation is not implemented"
            return *_refused(reason, headers), reason
        pairs = tuple((str(name), str(value)) for name, value in dict(answer_headers).items())
        return int(status), pairs, content, "it is not implemented" if int(status) == 501 else ""

    def _refusal(self, request: Request, url: str) -> str:
        if request.too_large:
            return f"a request has more than {BODY_LIMIT_BYTES >> 20} MB"
        if self._received_bytes > RECEIVED_LIMIT_BYTES:
            return f"requests have more than {RECEIVED_LIMIT_BYTES >> 20} MB together"
        if url.startswith("https://lambda.") and "invo" in url.rpartition("/functions/")[2]:
            path = url.partition("?")[0]
            if path.endswith(("/invocations", "/invoke-async", "/invoke-async/")) or (
                path.endswith("/response-streaming-invocations")
            ):
                return "functions are not executed"
        return ""


def _waits(request: Request) -> bool:
    if request.head.headers.get("x-amz-target", "").endswith(".ReceiveMessage"):
        return True
    return b"Action=ReceiveMessage" in request.body[:4096]


def _refused(
    reason: str, headers: dict[str, str]
) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """A 501 in the form that the client reads: JSON or XML."""
    message = f"The private AWS cannot do this: {reason}"
    kind = headers.get("content-type", "")
    if "json" in kind or "x-amz-target" in headers:
        content = json.dumps({"__type": "NotImplemented", "message": message}).encode()
        shown = (("content-type", kind or "application/json"),)
        return 501, (*shown, ("x-amzn-errortype", "NotImplemented")), content
    from xml.sax.saxutils import escape

    error = f"<Code>NotImplemented</Code><Message>{escape(message)}</Message>"
    if "x-www-form-urlencoded" in kind:
        error = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
    else:
        error = f"<Error>{error}</Error>"
    headers_of_xml = (("content-type", "application/xml"), ("x-amzn-errortype", "NotImplemented"))
    return 501, headers_of_xml, f'<?xml version="1.0" encoding="UTF-8"?>{error}'.encode()
