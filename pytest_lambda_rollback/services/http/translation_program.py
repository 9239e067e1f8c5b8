"""The program that speaks AWS's protocols: a line of JSON in, a line of JSON out.

``python -m pytest_lambda_rollback.services.http.translation_program``. It ends with its input. A
request that it fails at is answered with an empty object; nothing is written anywhere.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any, Final

from pytest_lambda_rollback.services.http import aws_answers, cbor_protocol

_MEMORY_BYTES: Final = 4 * 1024 * 1024 * 1024
_CHECKSUMS: Final = frozenset(
    (
        "ChecksumAlgorithm", "ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME",
        "ChecksumMode", "ChecksumSHA1", "ChecksumSHA256", "ContentLength", "ContentMD5",
        "ContentType", "EncodingType", "SdkChecksumAlgorithm",
    )
)  # fmt: skip
"""Parameters of S3's operations that SDKs send although the caller did not give them."""


def main() -> None:
    """Answer requests until the input ends."""
    from pytest_lambda_rollback.services.aws import seal

    # Whatever prints must not get between two answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    import moto.core.botocore_stubber  # noqa: F401 - the slow part, and a clear failure without it

    if sys.platform == "linux":
        seal.limit_memory(_MEMORY_BYTES)
    seal.refuse_network_and_programs()
    for line in sys.stdin.buffer:
        message = json.loads(line)
        try:
            answer = _DOES[message["do"]](message)
        except Exception:  # of a request that nobody has read
            answer = {}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _call(message: Mapping[str, Any]) -> dict[str, Any]:
    """Service, operation, parameters and what SDKs add by themselves."""
    found = cbor_protocol.call(message) if cbor_protocol.speaks(message) else _described(message)
    if found is None:
        return {}
    service, operation, parameters = found
    model = aws_answers.operation_model(service, operation)
    added = set(model.idempotent_members)
    if service == "s3":
        added |= _CHECKSUMS
    return {
        "service": service,
        "operation": operation,
        "parameters": _given(parameters, model),
        "added": sorted(added),
    }


def _given(parameters: str, model: Any) -> str:
    """The parameters without those that the parser makes up: none, and no headers of a prefix."""
    values = json.loads(parameters)
    shapes = model.input_shape.members if model.input_shape is not None else {}
    made_up = [
        name
        for name, value in values.items()
        if value is None
        or (
            not value and name in shapes and shapes[name].serialization.get("location") == "headers"
        )
    ]
    if not made_up:
        return parameters
    kept = {name: value for name, value in values.items() if name not in made_up}
    return json.dumps(kept, ensure_ascii=False)


def _described(message: Mapping[str, Any]) -> tuple[str, str, str] | None:
    from pytest_lambda_rollback.services.aws import endpoints, request_log
    from pytest_lambda_rollback.services.aws.moto_requests import Exchange

    # The host of the URL counts, which is the one that the request was sent to.
    headers = {name: value for name, value in message["headers"] if name != "host"}
    codings = [each.strip() for each in headers.pop("content-encoding", "").split(",")]
    if others := [each for each in codings if each not in ("", "aws-chunked")]:
        headers["content-encoding"] = ",".join(others)
    target = message["target"]
    signed = endpoints.signed_for(headers, target)
    host = endpoints.known_host(message["host"], signed, region="us-east-1")
    told = request_log.described(
        Exchange(
            method=message["method"],
            url=f"https://{host}{target}",
            headers=tuple(headers.items()),
            body=base64.b64decode(message["body"]),
            status=200,
            answer=b"",
        )
    )
    if told["answer"] == "unsupported":
        return None
    return told["service"], told["operation"], told["parameters"] or "{}"


def _answer(message: Mapping[str, Any]) -> dict[str, Any]:
    if message["service"] == "sqs":
        message = {**message, "parameters": _call(message)["parameters"]}
    if cbor_protocol.speaks(message):
        status, headers, body = cbor_protocol.answered(message)
    else:
        status, headers, body = aws_answers.answered(message)
    return {
        "status": status,
        "headers": headers,
        "body": base64.b64encode(body).decode(),
    }


def _exchange(message: Mapping[str, Any]) -> dict[str, Any]:
    called = _call(message)
    if not called:
        return {}
    result, code, text = aws_answers.parsed(message, called["service"], called["operation"])
    return {**called, "result": result, "code": code, "message": text}


_DOES: Final = {"call": _call, "answer": _answer, "exchange": _exchange}


if __name__ == "__main__":
    main()
