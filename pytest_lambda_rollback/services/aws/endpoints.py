"""Host names of AWS's endpoints, and the one under which moto knows a request's service.

https://docs.aws.amazon.com/general/latest/gr/rande.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

PLAIN_HOST: Final = "aws.lambda-rollback.internal"
"""The host of AWS_ENDPOINT_URL; its requests say in their signature which service they want."""

_ENDPOINTS: Final = {
    "cloudwatch": "monitoring",
    "eventbridge": "events",
    "mobiletargeting": "pinpoint",
    "ses": "email",
    "sagemaker": "api.sagemaker",
}
"""The first labels of endpoints that differ from the names in signatures."""

_SCOPE: Final = re.compile(r"Credential=[^/,\s]+/\d{8}/([a-z0-9-]+)/([A-Za-z0-9._-]+)/aws4_request")
_QUERY_SCOPE: Final = re.compile(r"[^/]+/\d{8}/([a-z0-9-]+)/([A-Za-z0-9._-]+)/aws4_request")
_PORT: Final = re.compile(r":\d+$")
_NAME: Final = re.compile(r"(?=.*[a-z])[a-z0-9_-]+(\.[a-z0-9_-]+)+")
"""A name with a dot; not an address."""

_FIPS: Final = re.compile(r"-fips(?=(\.[a-z0-9-]+)?\.amazonaws\.com$)")


def signed_for(headers: Mapping[str, str], target: str) -> tuple[str, str] | None:
    """(region, service) of a request's signature, in its header or its query.

    Header names are in lower case. ``None`` for a request that is not signed, or by an older way.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
    """
    match = _SCOPE.search(headers.get("authorization", ""))
    if match is None and "X-Amz-Credential=" in target:
        values = parse_qs(urlsplit(target).query).get("X-Amz-Credential", [""])
        match = _QUERY_SCOPE.fullmatch(values[0])
    return (match[1], match[2].lower()) if match else None


def known_host(host: str, signed: tuple[str, str] | None, *, region: str) -> str:
    """The name of the same endpoint in its plain form, without a port.

    FIPS, dual-stack and accelerated endpoints are those without. A request to `PLAIN_HOST` goes
    to the service that it is signed for, as does one to what is no name of a host. S3 is taken
    where nothing says so.
    """
    name = _PORT.sub("", host.lower())
    if name == PLAIN_HOST or not _NAME.fullmatch(name):
        where, service = signed or (region, "s3")
        return f"{_ENDPOINTS.get(service, service)}.{where}.amazonaws.com"
    name = name.replace(".amazonaws.com.cn", ".amazonaws.com")
    if name.endswith(".api.aws"):  # dual-stack: lambda.eu-west-1.api.aws
        name = f"{name.removesuffix('.api.aws')}.amazonaws.com"
    if name.endswith(".on.aws"):
        return name
    name = name.replace(".dualstack.", ".").replace("s3-accelerate.amazonaws", "s3.amazonaws")
    return _FIPS.sub("", name)
