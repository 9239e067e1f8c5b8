"""Requests to AWS as operations with parameters, by moto's and botocore's models of the services.

It runs in a pass's process, when somebody asks. An operation that is in no model keeps the name
that the request has for it.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

from pytest_lambda_rollback.services.aws import contents, endpoints
from pytest_lambda_rollback.services.aws.moto_requests import Exchange

PARAMETERS_LIMIT_BYTES: Final = 512 * 1024

_BUCKET_HOST: Final = re.compile(
    r"^(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3(?P<rest>[.-][a-z0-9-]+)?\.amazonaws\.com$"
)


def described(exchange: Exchange) -> dict[str, Any]:
    """The fields of a `ServiceRequest` as JSON."""
    service, operation, parameters = _operation(exchange)
    code, message = _error(exchange)
    unsupported = exchange.unsupported or ("" if operation else "the operation is not known")
    text = json.dumps(parameters, ensure_ascii=False) if parameters else ""
    if len(text) > PARAMETERS_LIMIT_BYTES:
        text = json.dumps({"$large": len(text)})
    return {
        "service": service,
        "operation": operation or _named(exchange),
        "parameters": text,
        "status": exchange.status,
        "error": code,
        "message": exchange.unsupported or message,
        "answer": "unsupported" if unsupported else "answered",
    }


def load(service: str) -> None:
    """Load what the first request to a service would load, by botocore's name of it."""
    _botocore_names()
    _router(service)


def described_safely(exchange: Exchange) -> dict[str, Any]:
    """The same, also for a request that no model can read: it was made by a function."""
    try:
        return described(exchange)
    except Exception:
        return {
            "service": "",
            "operation": exchange.method,
            "status": exchange.status,
            "error": str(exchange.status),
            "message": exchange.unsupported,
            "answer": "unsupported",
        }


def _operation(exchange: Exchange) -> tuple[str, str, dict[str, Any]]:
    """(botocore's name of the service, the operation's, its parameters), as far as known."""
    from moto.core.request import Request

    candidates = _services(exchange)
    url = _with_bucket_in_path(exchange.url)
    headers = {name: value for name, value in exchange.headers if name != "host"}
    for service in candidates:
        try:
            request: Any = Request.from_primitives(exchange.method, url, headers, _body(exchange))
            operation, values = _router(service).match(request)
        except Exception:  # noqa: S112 (werkzeug's NotFound, or a request that is malformed)
            continue
        sent = _json_body(exchange)
        try:
            parameters = _parameters(service, operation, values, request)
        except Exception:  # of a request that does not fit the service's model
            return service, operation.name, sent
        _add_unmodelled(parameters, sent, operation.input_shape)
        return service, operation.name, parameters
    return candidates[0], "", {}


def _services(exchange: Exchange) -> tuple[str, ...]:
    """Botocore's names of the services that answer at a URL, the most likely first."""
    from moto import backend_index

    bare = exchange.url.partition("?")[0]
    known = _botocore_names()
    found = [
        known.get(name.replace("-", ""), name)
        for name, pattern in backend_index.backend_url_patterns
        if pattern.match(bare)
    ]
    signed = endpoints.signed_for(dict(exchange.headers), exchange.url)
    host = urlsplit(exchange.url).hostname or ""
    names = [*found, signed[1] if signed else host]
    return tuple(dict.fromkeys(names))


@cache
def _botocore_names() -> dict[str, str]:
    import botocore.session

    names = botocore.session.get_session().get_available_services()
    return {name.replace("-", ""): name for name in names} | {"awslambda": "lambda"}


@cache
def _router(service: str) -> Any:
    from moto.core.routing import get_service_router

    return get_service_router(service)


def _parameters(service: str, operation: Any, values: Any, request: Any) -> dict[str, Any]:
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import determine_request_protocol
    from moto.core.utils import get_service_model

    protocol = determine_request_protocol(get_service_model(service), request.content_type)
    parsed = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": values,
        }
    )
    plain: dict[str, Any] = contents.plain(parsed)
    if service == "s3" and isinstance(plain.get("Metadata"), dict):  # S3 keeps it in lower case
        plain["Metadata"] = {key.lower(): value for key, value in plain["Metadata"].items()}
    return plain


def _json_body(exchange: Exchange) -> dict[str, Any]:
    """The parameters as they were sent, in the protocol that has them all in one JSON object."""
    if not dict(exchange.headers).get("content-type", "").startswith("application/x-amz-json"):
        return {}
    try:
        sent = json.loads(exchange.body)
    except (ValueError, RecursionError):
        return {}
    return sent if isinstance(sent, dict) else {}


def _add_unmodelled(parsed: Any, sent: Any, shape: Any) -> None:
    """Put members that the model does not have beside those that were parsed by it."""
    if shape is None or getattr(shape, "is_document_type", False):
        return
    if isinstance(parsed, dict) and isinstance(sent, dict):
        if shape.type_name == "structure":
            names = {
                each.serialization.get("name", name): name for name, each in shape.members.items()
            }
            for name, value in sent.items():
                if name in names:
                    member = names[name]
                    _add_unmodelled(parsed.get(member), value, shape.members[member])
                elif value is not None:
                    parsed[name] = value
        elif shape.type_name == "map":
            for name, value in sent.items():
                _add_unmodelled(parsed.get(name), value, shape.value)
    elif isinstance(parsed, list) and isinstance(sent, list) and shape.type_name == "list":
        for one, other in zip(parsed, sent, strict=False):
            _add_unmodelled(one, other, shape.member)


def _with_bucket_in_path(url: str) -> str:
    """A request to a bucket's own host as one with the bucket in the path, as models have it."""
    parts = urlsplit(url)
    match = _BUCKET_HOST.match(parts.hostname or "")
    if match is None:
        return url
    query = f"?{parts.query}" if parts.query else ""
    rest = match["rest"] or ""
    path = "" if parts.path == "/" else parts.path
    return f"https://s3{rest}.amazonaws.com/{match['bucket']}{path}{query}"


def _body(exchange: Exchange) -> bytes:
    """The body without the frame in which S3's clients send a stream."""
    if not dict(exchange.headers).get("x-amz-content-sha256", "").startswith("STREAMING-"):
        return exchange.body
    content, at = bytearray(), 0
    while (line_end := exchange.body.find(b"\r\n", at)) >= 0:
        try:
            size = int(exchange.body[at:line_end].partition(b";")[0], 16)
        except ValueError:
            return exchange.body
        if size == 0:
            break
        content += exchange.body[line_end + 2 : line_end + 2 + size]
        at = line_end + 2 + size + 2
    return bytes(content)


def _named(exchange: Exchange) -> str:
    """The operation's name in a request whose service's model does not have it."""
    headers = dict(exchange.headers)
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2][:100]
    query = urlsplit(exchange.url).query
    if "x-www-form-urlencoded" in headers.get("content-type", ""):
        query = exchange.body[:10_000].decode("latin-1")
    if actions := parse_qs(query).get("Action"):
        return actions[0][:100]
    return f"{exchange.method} {urlsplit(exchange.url).path}"[:200]


def _error(exchange: Exchange) -> tuple[str, str]:
    """(code, message) of an answer with an error, in each form that AWS has."""
    if exchange.status < 400:
        return "", ""
    headers = {name.lower(): value for name, value in exchange.answer_headers}
    code = headers.get("x-amzn-query-error", "").partition(";")[0]
    code = code or headers.get("x-amzn-errortype", "").partition(":")[0]
    message = ""
    try:
        if exchange.answer.lstrip().startswith(b"<"):
            for element in ElementTree.fromstring(exchange.answer).iter():  # noqa: S314 (moto's)
                name = element.tag.rpartition("}")[2]
                if name == "Code":
                    code = code or element.text or ""
                elif name == "Message":
                    message = message or element.text or ""
        elif exchange.answer:
            answer = json.loads(exchange.answer)
            code = code or str(answer.get("__type") or answer.get("code") or "").rpartition("#")[2]
            message = str(answer.get("message") or answer.get("Message") or "")
    except (ValueError, AttributeError, ElementTree.ParseError):
        message = exchange.answer[:500].decode("utf-8", "replace")
    return code or str(exchange.status), message
