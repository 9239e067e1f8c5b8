"""Sentences about requests that today's services do not take."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_lambda_rollback.model.findings import Detail, Finding
from pytest_lambda_rollback.model.text import listed

_A_TYPE = {
    "object": "an object", "array": "a list", "string": "text", "number": "a number",
    "boolean": "a boolean",
}  # fmt: skip

BOTH = frozenset(
    f"downstream-{kind}"
    for kind in (
        "unknown-operation", "unknown-parameter", "missing-parameter", "parameter-type",
        "openapi-path", "openapi-method", "openapi-parameter", "openapi-body",
    )
)  # fmt: skip
"""Kinds of notes: the current version's own request does not fit either."""


def predicate(finding: Finding) -> str:
    """``sends dynamodb GetItem on old-orders, which today's service refuses …``."""
    details = dict(finding.details)
    current = finding.subject.current_name
    if finding.kind == "refused":
        message = f": {details['message']}" if details["message"] else ""
        seed = "; if AWS has it today, add it to the seed" if details["is_missing"] else ""
        return (
            f"sends {details['request']}, which is refused ({details['error']}{message}) where "
            f"{current} meets no such refusal{seed}"
        )
    if finding.kind == "other-requests":
        return f"sends {_requests(details)}, which {current} never does"
    return f"sends {misfit(finding.kind, details)}"


def misfit(kind: str, details: Mapping[str, Detail]) -> str:
    """``dynamodb GetItem without Key, which the operation requires (botocore 1.40.0)``."""
    request, parameter = details["request"], details.get("parameter")
    model = f"({details.get('model')})"
    match kind:
        case "unknown-operation":
            return f"{request}, an operation that {details['service']} does not have {model}"
        case "unknown-parameter":
            return f"{request} with {parameter}, which the operation does not take {model}"
        case "missing-parameter":
            return f"{request} without {parameter}, which the operation requires {model}"
        case "parameter-type":
            given, expected = (_A_TYPE[str(details[each])] for each in ("given", "expected"))
            return (
                f"{request} with {given} as {parameter}, which the operation takes as {expected} "
                f"{model}"
            )
    return f"{request}, {_openapi(kind, details)}"


def _openapi(kind: str, details: Mapping[str, Detail]) -> str:
    document = details["document"]
    if kind == "openapi-path":
        return f"a path that {document} does not have"
    if kind == "openapi-method":
        methods = details["methods"]
        names = listed(map(str, methods if isinstance(methods, tuple) else ()))
        return f"a path that {document} has only for {names}"
    if not details["says"]:
        return f"without the {details['part']} that {document} requires"
    at = f" at {details['at']}" if details["at"] else ""
    return f"whose {details['part']} {document} does not allow{at}: {details['says']}"


def _requests(details: Mapping[str, Detail]) -> str:
    requests, more = details["requests"], details["more"]
    names = [*map(str, requests if isinstance(requests, tuple) else ())]
    return listed([*names, f"{more} more"] if more else names)
