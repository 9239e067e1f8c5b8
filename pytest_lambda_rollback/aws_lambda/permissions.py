"""The smallest statement of an IAM policy that allows an action.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from __future__ import annotations

import json
import re
from typing import Final

_OF_VERSIONS: Final = frozenset(
    {
        "lambda:GetFunction",
        "lambda:GetFunctionConfiguration",
        "lambda:GetPolicy",
        "lambda:GetRuntimeManagementConfig",
    }
)
"""Actions that are used with a qualifier, so that versions and aliases must be allowed too."""

_FUNCTION: Final = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9*]+:function:[A-Za-z0-9_*-]+")


def statement(action: str, resource: str | None = None) -> str:
    """The statement as JSON in one line; ``None`` for an action that knows no resource."""
    said: str | list[str] = resource or "*"
    function = _FUNCTION.match(resource or "")
    if action in _OF_VERSIONS and function is not None:
        # The ARN of a function does not match those of its versions.
        said = [function[0], f"{function[0]}:*"]
    return json.dumps({"Effect": "Allow", "Action": action, "Resource": said})
