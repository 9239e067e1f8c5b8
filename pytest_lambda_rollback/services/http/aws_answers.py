"""Answers of AWS between recorded values and the protocol of a request, for the child program.

moto's serializers and botocore's parsers do it, by the models of the services. moto is imported
late, and only in the child program.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

REQUEST_ID: Final = "00000000-0000-4000-8000-000000000000"

_OF_THE_BODY: Final = ("x-amz-checksum-", "content-length")
"""Beginnings of headers that would have to fit the body, which may have been redacted."""


class RecordedError(Exception):
    """An error of a service, with its code as moto's serializers look for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def operation_model(service: str, operation: str) -> Any:
    """The model of an operation, botocore's with moto's additions. Raises for unknown ones."""
    from moto.core.utils import get_service_model

    return get_service_model(service).operation_model(operation)


def answered(message: Mapping[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    """(status, headers, body) of the recorded answer in the protocol of the request."""
    from moto.core.serialize import SerializationContext, get_serializer_class

    service, operation = message["service"], message["operation"]
    model = operation_model(service, operation)
    protocol = protocol_of(model.service_model, dict(message["headers"]))
    serializer = get_serializer_class(service, protocol)(
        operation_model=model, context=SerializationContext(request_id=REQUEST_ID)
    )
    failed = bool(message["code"])
    if failed:
        response = serializer.serialize(RecordedError(message["code"], message["message"]))
    else:
        result = result_of(message)
        response = serializer.serialize(result)
        if isinstance(result.get("ContentType"), str):
            response["headers"]["Content-Type"] = result["ContentType"]
    body = response["body"]
    content = body.encode() if isinstance(body, str) else bytes(body or b"")
    headers = [
        (name, value)
        for name, value in response["headers"].items()
        if not name.lower().startswith(_OF_THE_BODY) or message["method"] == "HEAD"
    ]
    headers.append(("x-amzn-RequestId", REQUEST_ID))
    status = message["status"] if failed or message["status"] != 200 else response["status_code"]
    return int(status), headers, content


def result_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded result as Python values, with what SDKs check made right again."""
    result: dict[str, Any] = valued(json.loads(message["result"]))
    if message["service"] == "sqs":
        _with_digests(message["operation"], message, result)
    # A client that asked for it would decode keys that are recorded decoded.
    result.pop("EncodingType", None)
    result.pop("ResponseMetadata", None)
    return result


def protocol_of(service_model: Any, headers: Mapping[str, str]) -> str:
    """The protocol that a request speaks, of those that its service has."""
    from moto.core.request import determine_request_protocol

    kind = headers.get("content-type", "").partition(";")[0].strip()
    return str(determine_request_protocol(service_model, kind))


def parsed(message: Mapping[str, Any], service: str, operation: str) -> tuple[str, str, str]:
    """(result as JSON, error code, error message) of what AWS answered."""
    from botocore.parsers import create_parser

    from pytest_lambda_rollback.services.aws import contents

    model = operation_model(service, operation)
    headers = dict(message["headers"])
    protocol = (
        "smithy-rpc-v2-cbor"
        if headers.get("smithy-protocol") == "rpc-v2-cbor"
        else protocol_of(model.service_model, headers)
    )
    response = {
        "status_code": message["status"],
        "headers": _Headers(message["answer_headers"]),
        "body": base64.b64decode(message["answer_body"]),
        "context": {"operation_name": operation},
    }
    result = create_parser(protocol).parse(response, model.output_shape)
    result.pop("ResponseMetadata", None)
    error = result.get("Error")
    if message["status"] >= 300 and error is not None:
        return "{}", str(error.get("Code") or message["status"]), str(error.get("Message", ""))
    if service == "s3" and result.get("EncodingType") == "url":
        from botocore.handlers import decode_list_object, decode_list_object_v2

        context = {"encoding_type_auto_set": True}
        decode_list_object(result, context)
        decode_list_object_v2(result, context)
    return json.dumps(contents.plain(result), ensure_ascii=False), "", ""


def valued(value: Any) -> Any:
    """JSON as `model.downstream` has it as Python values: bytes and times."""
    if isinstance(value, dict):
        if len(value) == 1:
            match value:
                case {"$text": str(text)}:
                    return text.encode()
                case {"$bytes": str(coded)}:
                    return base64.b64decode(coded)
                case {"$time": str(time)}:
                    made = datetime.fromisoformat(time)
                    return made if made.tzinfo is not None else made.replace(tzinfo=UTC)
        return {key: valued(each) for key, each in value.items()}
    if isinstance(value, list):
        return [valued(each) for each in value]
    return value


class _Headers(dict[str, str]):
    """Headers by name in any case, as botocore's parsers ask for them."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__((name.lower(), value) for name, value in pairs)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def _with_digests(operation: str, message: Mapping[str, Any], result: dict[str, Any]) -> None:
    """Make SQS's digests fit: SDKs of Java and JavaScript check them, and bodies are redacted."""
    for answer in _answers(operation, result):
        answer.pop("MD5OfMessageAttributes", None)
        answer.pop("MD5OfMessageSystemAttributes", None)
        if "MD5OfBody" in answer:
            answer["MD5OfBody"] = _digest(str(answer.get("Body", "")))
    sent = json.loads(message.get("parameters", "{}"))
    bodies = {str(each.get("Id")): each for each in sent.get("Entries") or ()}
    for answer in _answers(operation, result):
        if "MD5OfMessageBody" in answer:
            of = bodies.get(str(answer.get("Id")), {}) if bodies else sent
            answer["MD5OfMessageBody"] = _digest(str(of.get("MessageBody", "")))


def _answers(operation: str, result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if operation == "SendMessage":
        yield result
    for name in ("Successful", "Messages"):
        yield from result.get(name) or ()


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
