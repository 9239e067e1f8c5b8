"""Stands before moto: counts, throttles, injects faults, serves zips, and is steered by HTTP.

A WSGI application. What Lambda itself answers is `lambda_api`'s; every other service is moto's.
Paths of its own:

* ``GET /_downloads/<token>/<sha256>.zip``: a zip, until the location expires; then 403 with S3's
  XML, as for a presigned URL. ``Range: bytes=N-`` is honoured, as by S3.
* ``GET /_counts`` and ``POST /_control``: for `server.AwsServer`.
"""

from __future__ import annotations

import base64
import functools
import json
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

import botocore.session
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from helpers.aws_emulator.lambda_api import Call, ForeignLayer, LambdaApi, fault_response
from helpers.aws_emulator.schema_registry import SchemaRegistry

LOCATION_LIFETIME_S = 600.0
"""The lifetime that AWS gives the location of a zip."""
S3_OPERATIONS = {
    ("GET", True): "GetObject",
    ("HEAD", True): "HeadObject",
    ("PUT", True): "PutObject",
    ("DELETE", True): "DeleteObject",
    ("GET", False): "ListObjectsV2",
    ("HEAD", False): "HeadBucket",
    ("PUT", False): "CreateBucket",
    ("DELETE", False): "DeleteBucket",
}
"""By method and whether there is a key; what names a sub-resource (``?acl``) is none of these."""
CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]+/([^/]+)/([^/]+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The operation of a request, and what it is about."""

    service: str
    name: str
    region: str
    account: str
    path: dict[str, str]
    protocol: str


@dataclass(slots=True, kw_only=True)
class Fault:
    """A trouble to be answered with, while ``times`` lasts."""

    operation: str
    """An operation's name; ``*`` for every request to AWS, ``download`` for downloads."""
    kind: str
    times: int | None = None
    match: str = ""
    """Must be in the path or query of the request (or, for a download, in the package's ARN)."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A zip behind a location."""

    data: bytes
    arn: str
    expires: float
    """By the monotonic clock."""


@dataclass(slots=True, kw_only=True)
class Bucket:
    """A token bucket."""

    rate: float
    """Requests a second."""
    burst: float
    level: float
    at: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        """True if a request may pass now."""
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class Gateway:
    """The WSGI application; state is guarded by one lock, held only for moments."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self.api = LambdaApi()
        self.schemas = SchemaRegistry()
        self._counts: dict[str, Counter[str]] = {
            name: Counter()
            for name in ("requests", "throttled", "downloads", "refused_downloads", "digests")
        }
        self._packages: dict[str, Package] = {}
        self._faults: list[Fault] = []
        self._bucket: Bucket | None = None
        self._lifetime_s = LOCATION_LIFETIME_S

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """WSGI."""
        request = Request(environ)
        if request.path == "/_counts":
            answered = self._counted()
        elif request.path == "/_control":
            answered = self._control(request)
        elif request.path.startswith("/_downloads/"):
            answered = self._download(request)
        elif request.path.startswith("/moto-api"):
            return self._moto(environ, start_response)  # type: ignore[no-any-return]
        else:
            answered = self._aws(request, environ)
        return answered(environ, start_response)

    # Requests to AWS

    def _aws(self, request: Request, environ: dict[str, Any]) -> Response:
        body = request.get_data()
        environ["wsgi.input"] = BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        operation = operation_of(request, body)
        full = f"{request.path}?{request.query_string.decode()} {json.dumps(operation.path)}"
        with self._lock:
            refused = (
                operation.service == "lambda"
                and self._bucket is not None
                and not self._bucket.take()
            )
            self._counts["throttled" if refused else "requests"][operation.name] += 1
            fault = None if refused else self._fault((operation.name, "*"), full)
        if refused:
            answered = fault_response(429, "TooManyRequestsException", "Rate exceeded")
            answered.headers["Retry-After"] = "1"
            return answered
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        elif fault is not None and fault.kind != "environment-error":
            return _fault_answer(fault.kind, operation)
        if operation.service == "lambda":
            answered = self.api.answer(self._call(operation, request, body, environ))
        else:
            own = None
            if operation.service == "schemas":
                sent = json.loads(body or b"{}")
                own = self.schemas.answer(operation.name, operation.path, sent)
            answered = own or Response.from_app(self._moto, environ, buffered=True)
        if fault is not None and fault.kind == "environment-error":
            answered = _without_environment(answered)
        return answered

    def _call(
        self, operation: Operation, request: Request, body: bytes, environ: dict[str, Any]
    ) -> Call:
        def forward(changed: dict[str, Any] | None) -> Response:
            data = body if changed is None else json.dumps(changed).encode()
            again = environ | {"wsgi.input": BytesIO(data), "CONTENT_LENGTH": str(len(data))}
            again.pop("werkzeug.request", None)
            return Response.from_app(self._moto, again, buffered=True)

        return Call(
            operation=operation.name,
            account=operation.account,
            region=operation.region,
            path=operation.path,
            query=request.args.to_dict(),
            body=json.loads(body) if body.startswith(b"{") else {},
            forward=forward,
            mint=functools.partial(self._mint, request.host_url),
        )

    def _fault(self, names: tuple[str, ...], text: str) -> Fault | None:
        for fault in self._faults:
            if fault.operation in names and fault.match in text and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    # Downloads

    def _mint(self, host_url: str, data: bytes, arn: str) -> str:
        token = secrets.token_hex(16)
        with self._lock:
            expires = time.monotonic() + self._lifetime_s
            self._packages[token] = Package(data=data, arn=arn, expires=expires)
        return (
            f"{host_url}_downloads/{token}/{sha256(data).hexdigest()}.zip"
            f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires={self._lifetime_s:.0f}"
            f"&X-Amz-Security-Token=token-{token}&X-Amz-Signature={token}"
        )

    def _download(self, request: Request) -> Response:
        token = request.path.split("/")[2]
        with self._lock:
            package = self._packages.get(token)
            live = package is not None and package.expires > time.monotonic()
            arn = package.arn if package is not None else "unknown"
            fault = self._fault(("download",), arn) if live else None
            kind = fault.kind if fault is not None else ""
            if not live or kind in ("expired", "server-error"):
                self._counts["refused_downloads"][arn] += 1
            else:
                self._counts["downloads"][arn] += 1
                self._counts["digests"][request.path.split("/")[3].removesuffix(".zip")] += 1
        if kind == "server-error":
            return _s3_fault(500, "InternalError", "We encountered an internal error.")
        if package is None or not live or kind == "expired":
            return _s3_fault(403, "AccessDenied", "Request has expired")
        if kind == "slow" and fault is not None:
            time.sleep(fault.seconds)
        data = package.data
        if kind == "damaged":
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
        if kind == "larger":
            data += bytes(1024)
        answered = Response(data, mimetype="application/zip")
        answered.headers["ETag"] = f'"{sha256(data).hexdigest()[:32]}"'
        answered.make_conditional(request, accept_ranges=True, complete_length=len(data))
        if kind == "truncated":
            # Content-Length still promises the whole.
            answered.response = [data[: len(data) // 2]]
        return answered

    # Steering

    def _counted(self) -> Response:
        with self._lock:
            counts = {name: dict(counter) for name, counter in self._counts.items()}
        return Response(json.dumps(counts), mimetype="application/json")

    def _control(self, request: Request) -> Response:
        order = request.get_json()
        action = order.pop("action")
        with self._lock:
            if action == "reset":
                self._forget()
            elif action == "reset-counts":
                for counter in self._counts.values():
                    counter.clear()
            elif action == "fail":
                self._faults.append(Fault(**order))
            elif action == "heal":
                self._faults.clear()
            elif action == "throttle":
                rate = order["rate"]
                burst = order["burst"] or rate
                self._bucket = rate and Bucket(rate=rate, burst=burst, level=burst)
            elif action == "lifetime":
                self._lifetime_s = order["seconds"]
            elif action == "expire":
                self._packages.clear()
            elif action == "foreign-layer":
                data = base64.b64decode(order["data"])
                self.api.foreign_layers[order["arn"]] = ForeignLayer(data, order["readable"])
            elif action == "fill":
                # Not needed but where it is asked for.
                from helpers.aws_emulator.large_account import fill

                fill(self.api, **order)
            else:
                return Response(f"no such action: {action}", 400)
        return Response(status=204)


def operation_of(request: Request, body: bytes) -> Operation:
    """The operation of a request, by botocore's own service descriptions."""
    found = CREDENTIAL.search(request.headers.get("Authorization", ""))
    access_key, region, service = found.groups() if found else ("", "us-east-1", "unsigned")
    target = request.headers.get("X-Amz-Target", "")
    path: dict[str, str] = {}
    if service == "s3":
        protocol = "rest-xml"
        has_key = request.path.strip("/").count("/") > 0
        parts = request.query_string.decode().split("&")
        plain = all("=" in each for each in parts if each) and "uploadId" not in request.args
        name = S3_OPERATIONS.get((request.method, has_key)) if plain else None
        name = name or f"s3:{request.method}"
    elif target:
        protocol, name = "json", target.rpartition(".")[2]
    elif body.startswith(b"Action=") or b"&Action=" in body:
        protocol, name = "query", parse_qs(body.decode())["Action"][0]
    else:
        protocol = "rest-json"
        name, path = rest_operation(service, request)
    return Operation(
        service=service,
        name=name,
        region=region,
        account=get_account_id_from(access_key),
        path=path,
        protocol=protocol,
    )


def rest_operation(service: str, request: Request) -> tuple[str, dict[str, str]]:
    """Name and path parameters of a request of a REST service."""
    for method, pattern, names, query, name in rest_operations(service):
        matched = pattern.fullmatch(request.path) if method == request.method else None
        if matched and all(request.args.get(key) == value for key, value in query):
            return name, dict(zip(names, matched.groups(), strict=True))
    return f"{service}:{request.method}", {}


@functools.cache
def rest_operations(
    service: str,
) -> tuple[tuple[str, re.Pattern[str], list[str], list[tuple[str, str]], str], ...]:
    """Method, path, its parameters, fixed query and name; those with a fixed query first."""
    try:
        model = botocore.session.get_session().get_service_model(service)
    except botocore.exceptions.UnknownServiceError:
        return ()
    operations = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        fixed = [(key, values[0]) for key, values in parse_qs(query).items()]
        parts = re.split(r"\{(\w+)\+?\}", path)
        pattern = "([^/]+)".join(re.escape(each) for each in parts[::2])
        compiled = re.compile(pattern.removesuffix("/") + "/?")
        operations.append((http["method"], compiled, parts[1::2], fixed, name))
    return tuple(sorted(operations, key=lambda each: not each[3]))


def _fault_answer(kind: str, operation: Operation) -> Response:
    action = "GetLayerVersion" if operation.name == "GetLayerVersionByArn" else operation.name
    resource = operation.path.get("FunctionName", "*")
    if operation.service == "lambda" and not resource.startswith(("arn:", "*")):
        resource = f"arn:aws:lambda:{operation.region}:{operation.account}:function:{resource}"
    json_form = operation.protocol in ("json", "rest-json")
    suffix = "Exception" if json_form else ""
    answers = {
        "access-denied": (
            403,
            f"AccessDenied{suffix}",
            f"User: arn:aws:iam::{operation.account}:user/ci is not authorized to perform: "
            f"{operation.service}:{action} on resource: {resource} because no identity-based "
            f"policy allows the {operation.service}:{action} action",
        ),
        "expired-token": (
            403 if json_form else 400,
            "ExpiredTokenException" if operation.service == "lambda" else "ExpiredToken",
            "The security token included in the request is expired",
        ),
        "invalid-token": (
            403,
            "UnrecognizedClientException" if json_form else "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
        "server-error": (
            500,
            "ServiceException" if operation.service == "lambda" else "InternalFailure",
            "The service encountered an internal error.",
        ),
        "throttled": (
            429 if operation.service == "lambda" else 400,
            "TooManyRequestsException" if operation.service == "lambda" else "ThrottlingException",
            "Rate exceeded",
        ),
    }
    status, code, message = answers[kind]
    if operation.service == "lambda":
        return fault_response(status, code, message)
    if json_form:
        answered = Response(
            json.dumps({"__type": code, "message": message}),
            status,
            mimetype="application/x-amz-json-1.1",
        )
        answered.headers["x-amzn-errortype"] = code
        return answered
    if operation.service == "s3":
        return _s3_fault(status, code, message)
    return Response(
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>",
        status,
        mimetype="text/xml",
    )


def _s3_fault(status: int, code: str, message: str) -> Response:
    return Response(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
        f"<Message>{message}</Message><RequestId>0</RequestId><HostId>0</HostId></Error>",
        status,
        mimetype="application/xml",
    )


def _without_environment(answered: Response) -> Response:
    """The answer as Lambda gives it to those whom KMS refuses."""
    document = answered.get_json(silent=True)
    if answered.status_code != 200 or not isinstance(document, dict):
        return answered
    error = {
        "ErrorCode": "KMSAccessDeniedException",
        "Message": "Lambda was unable to decrypt the environment variables because KMS access "
        "was denied. Please check the function's KMS key settings.",
    }
    configurations = [document, document.get("Configuration", {})]
    configurations += document.get("Versions", []) + document.get("Functions", [])
    for each in configurations:
        if "Environment" in each:
            each["Environment"] = {"Error": error}
    return Response(json.dumps(document), 200, mimetype="application/json")
