"""An account with many functions and versions, put straight into moto's backend.

Runs in the server's process: thousands of publishing requests would take longer than what is
measured.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import random
from typing import Any

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.iam.models import iam_backends

from helpers.account_content import ROLE, zip_of
from helpers.aws_emulator.lambda_api import LambdaApi
from helpers.aws_emulator.server import ACCOUNT, REGION

LAYERS = 12
LAYER_VERSIONS = 5
LAYER_BYTES = 500_000
LARGE_LAYER_BYTES = 50_000_000
"""Of one layer version, so that a client that keeps a package in memory is noticed."""
CODE_BYTES = 8_000


def fill(api: LambdaApi, *, functions: int, versions: int) -> None:
    """Make functions ``orders-000``, …, each with versions 1 to ``versions``.

    Every version has code of its own and two layers, of at most 60 that all functions share;
    alias ``live`` points at the last version. Equal arguments make equal bytes.
    """
    chance = random.Random(f"{functions} {versions}")
    backend = lambda_backends[ACCOUNT][REGION]
    iam = iam_backends[ACCOUNT]["aws"]
    if not iam.get_roles():
        iam.create_role(ROLE.rpartition("/")[2], "{}", "/", None, "", [], "3600")
    layers = []
    for number in range(LAYERS):
        for version in range(LAYER_VERSIONS):
            large = number == version == 0
            data = chance.randbytes(LARGE_LAYER_BYTES if large else LAYER_BYTES)
            published = backend.publish_layer_version(
                {
                    "LayerName": f"shared-{number:02}",
                    "Content": {"ZipFile": _text(zip_of({"python/shared.bin": data}))},
                }
            )
            published.content = {}
            layers.append({"Arn": published.arn, "CodeSize": published.code_size})
    for number in range(functions):
        _publish(api, f"orders-{number:03}", versions, layers, chance)


def _publish(
    api: LambdaApi, name: str, versions: int, layers: list[Any], chance: random.Random
) -> None:
    backend = lambda_backends[ACCOUNT][REGION]
    latest = backend.create_function(
        {
            "FunctionName": name,
            "Role": ROLE,
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Environment": {"Variables": {"TABLE": name, "STAGE": "production"}},
            "Code": {"ZipFile": _text(b"")},
        }
    )
    latest.code = {"S3Key": name}
    published = backend._lambdas._functions[name]["versions"]
    for number in range(1, versions + 1):
        latest.layers = chance.sample(layers, 2)
        data = zip_of({"app.py": f"VERSION = {number}\n", "data": chance.randbytes(CODE_BYTES)})
        _set_code(latest, data)
        version = copy.copy(latest)
        version.set_version(number)
        published.append(version)
        backend._lambdas._arns[version.function_arn] = version
    api.published[latest.function_arn] = versions
    backend.create_alias("live", name, str(versions), "", "")


def _set_code(function: LambdaFunction, data: bytes) -> None:
    digest = hashlib.sha256(data)
    function.code_bytes, function.code_size = data, len(data)
    function.code_sha_256 = base64.b64encode(digest.digest()).decode()
    function.code_digest = digest.hexdigest()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
