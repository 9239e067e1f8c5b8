"""Smithy's RPC v2 CBOR protocol on the side of the service, for the child program.

Newer SDKs speak it to some services. moto does not; botocore has both halves of CBOR, as a client:
https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

_PATH: Final = re.compile(
    r"/service/(?P<target>[A-Za-z0-9_.]+)/operation/(?P<operation>[A-Za-z0-9]+)"
)
_KIND: Final = "application/cbor"


def speaks(message: Mapping[str, Any]) -> bool:
    """Whether a request is one of this protocol."""
    return dict(message["headers"]).get("smithy-protocol") == "rpc-v2-cbor"


def call(message: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """(service, operation, parameters as JSON), or ``None``."""
    from botocore.parsers import create_parser

    from pytest_lambda_rollback.services.aws import contents
    from pytest_lambda_rollback.services.http import aws_answers

    match = _PATH.search(message["target"].partition("?")[0])
    service = _service(match["target"]) if match else None
    if match is None or service is None:
        return None
    model = aws_answers.operation_model(service, match["operation"])
    body = base64.b64decode(message["body"])
    parameters: Any = {}
    if body and model.input_shape is not None:
        parser: Any = create_parser("smithy-rpc-v2-cbor")
        response = {"status_code": 200, "headers": {}, "body": body, "context": {}}
        parameters = parser.parse(response, model.input_shape)
        parameters.pop("ResponseMetadata", None)
    return service, match["operation"], json.dumps(contents.plain(parameters), ensure_ascii=False)


def answered(message: Mapping[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    """(status, headers, body) of the recorded answer."""
    from botocore.serialize import CBORSerializer

    from pytest_lambda_rollback.services.http import aws_answers

    serializer: Any = CBORSerializer()
    model = aws_answers.operation_model(message["service"], message["operation"])
    body = bytearray()
    headers = [
        ("Content-Type", _KIND),
        ("Smithy-Protocol", "rpc-v2-cbor"),
        ("x-amzn-RequestId", aws_answers.REQUEST_ID),
    ]
    if message["code"]:
        error = {"__type": message["code"], "message": message["message"]}
        body += _map_of_texts(serializer, error)
        headers.append(("x-amzn-query-error", f"{message['code']};Sender"))
        return int(message["status"]), headers, bytes(body)
    if model.output_shape is not None:
        serializer._serialize_data_item(body, aws_answers.result_of(message), model.output_shape)
    return 200, headers, bytes(body)


def _map_of_texts(serializer: Any, texts: Mapping[str, str]) -> bytes:
    """A map with fewer than 24 texts (RFC 8949, 3.1)."""
    body = bytearray([0xA0 | len(texts)])
    for key, value in texts.items():
        serializer._serialize_type_string(body, key, None, None)
        serializer._serialize_type_string(body, value, None, None)
    return bytes(body)


@cache
def _service(target: str) -> str | None:
    """The service that has this name in paths, as botocore calls it."""
    import botocore.loaders

    loader = botocore.loaders.Loader()
    for name in loader.list_available_services("service-2"):
        metadata = loader.load_service_model(name, "service-2")["metadata"]
        if metadata.get("targetPrefix") == target:
            return str(name)
    return None
