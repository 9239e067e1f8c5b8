"""Names and ARNs of functions, versions, aliases and layers.

The patterns are those of the Lambda API reference, as in
https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html; partitions, regions
and the accounts of layers are a little wider, since AWS adds to them. Use them with `fullmatch`.
"""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = r"[A-Za-z0-9_-]{1,64}"
_REGION: Final = r"[a-z0-9-]{1,40}"

FUNCTION_NAME: Final = re.compile(_NAME)
ALIAS: Final = re.compile(r"(?!\d+$)[A-Za-z0-9_-]{1,128}")
VERSION: Final = re.compile(r"\$LATEST(\.PUBLISHED)?|[0-9]{1,20}")
VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
"""An environment variable that a function may set."""
ACCOUNT: Final = re.compile(r"[0-9]{12}")
REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")

FUNCTION_ARN: Final = re.compile(rf"arn:aws[a-z-]*:lambda:{_REGION}:[0-9]{{12}}:function:{_NAME}")
"""Without a version or alias."""
LAYER_VERSION_ARN: Final = re.compile(
    rf"arn:aws[a-z-]*:lambda:{_REGION}:[0-9a-z]{{1,12}}:layer:[A-Za-z0-9_-]{{1,140}}:[0-9]{{1,20}}"
)
ROLE_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+")

_PARTS: Final = 7
"""Parts of the ARN of a function without a qualifier."""


def unqualified(arn: str) -> str:
    """The ARN of a function without its version or alias."""
    return ":".join(arn.split(":")[:_PARTS])


def qualifier_of(arn: str) -> str | None:
    """The version or alias in the ARN of a function; ``None`` if there is none."""
    parts = arn.split(":")
    return parts[_PARTS] if len(parts) > _PARTS else None


def function_name_of(text: str) -> str:
    """The name of a function by its name or its ARN, qualified or not."""
    return unqualified(text).rpartition(":")[2] if text.startswith("arn:") else text


def region_of(text: str) -> str | None:
    """The region in an ARN; ``None`` for a plain name."""
    parts = text.split(":")
    return parts[3] if parts[0] == "arn" and len(parts) > 3 and parts[3] else None


def account_of(text: str) -> str | None:
    """The account in an ARN; ``None`` for a plain name."""
    parts = text.split(":")
    return parts[4] if parts[0] == "arn" and len(parts) > 4 and parts[4] else None


def partition_of(region: str) -> str:
    """The partition of a region in ARNs, ``aws`` for most."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
