"""Requests that do not fit the model of their AWS service, as botocore has it.

The models are those of the botocore that is installed here, and nothing else: a folder
``~/.aws/models`` does not count. botocore is imported when it is needed. Values come from requests
that were sent, so they are compared by their JSON types; lengths, ranges and enumerations are left
to the service.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_lambda_rollback.model.json_values import Json, json_type

if TYPE_CHECKING:
    from botocore.model import ServiceModel

_MOST = 20
_INDEX = re.compile(r"\[\d+\]")
_NUMBER = re.compile(r"[+-]?\d+")
_WRAPPED = frozenset(("$bytes", "$large", "$text", "$time"))
"""Keys of a JSON object that stands for bytes or a time."""

_CONTAINERS = frozenset(("structure", "list", "map"))
_JSON_TYPES = {
    "structure": "object", "map": "object", "list": "array", "string": "string",
    "integer": "number", "long": "number", "float": "number", "double": "number",
    "boolean": "boolean",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIssue:
    """One way in which a request does not fit the model."""

    kind: str
    """``unknown-operation``, ``unknown-parameter``, ``missing-parameter``, ``parameter-type``."""
    parameter: str = ""
    """``Key.id``, ``Entries[0].Detail``; empty for an operation."""
    expected: str = ""
    """For ``parameter-type``: the JSON type that the model wants."""
    given: str = ""
    """For ``parameter-type``: the JSON type that was sent."""

    @property
    def key(self) -> tuple[str, str]:
        """The same for all elements of a list."""
        return self.kind, _INDEX.sub("[]", self.parameter)


def model_version() -> str:
    """``botocore 1.34.0``, whose models are used."""
    import botocore

    return f"botocore {botocore.__version__}"


def issues(service: str, operation: str, parameters: Json) -> tuple[ModelIssue, ...]:
    """What the model of a service does not allow; at most 20.

    ``parameters`` have botocore's names; ``None`` where they are not known. Nothing is said of a
    service that botocore does not know.
    """
    model = _model(service)
    if model is None:
        return ()
    if operation not in model.operation_names:
        return (ModelIssue(kind="unknown-operation"),)
    shape = model.operation_model(operation).input_shape
    if shape is None or not isinstance(parameters, dict):
        return ()
    found = _misfits(parameters, shape, "", sends_text=_sends_text(model))
    return tuple(issue for _, issue in zip(range(_MOST), found, strict=False))


@cache
def _model(service: str) -> ServiceModel | None:
    from botocore.exceptions import DataNotFoundError, UnknownServiceError
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    loader = Loader(
        extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False
    )
    try:
        return ServiceModel(loader.load_service_model(service, "service-2"), service)
    except (UnknownServiceError, DataNotFoundError, ValueError):
        return None


def _sends_text(model: ServiceModel) -> bool:
    """True if numbers and booleans may be sent as text, as in queries, paths and headers."""
    # Before SQS took JSON, its clients sent queries, and those of old layers still do.
    took_queries = "awsQueryCompatible" in model.metadata
    return took_queries or model.metadata.get("protocol") != "json"


def _misfits(value: Json, shape: Any, path: str, *, sends_text: bool) -> Iterator[ModelIssue]:
    if value is None or _takes_anything(shape):
        return
    expected = _JSON_TYPES.get(shape.type_name)
    wrapped = isinstance(value, dict) and bool(_WRAPPED & value.keys())
    if expected is None or (wrapped and expected == "string"):  # bytes and times
        if not wrapped and isinstance(value, (dict, list)):
            yield _type_issue(path, value, "string")
        return
    if json_type(value) != expected:
        if not (sends_text and isinstance(value, str) and _is_scalar_text(value, expected)):
            yield _type_issue(path, value, expected)
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        yield from _of_structure(value, shape, path, sends_text=sends_text)
    elif shape.type_name == "map" and isinstance(value, dict):
        for name, member in value.items():
            yield from _misfits(member, shape.value, _joined(path, name), sends_text=sends_text)
    elif shape.type_name == "list" and isinstance(value, list):
        for number, member in enumerate(value):
            yield from _misfits(member, shape.member, f"{path}[{number}]", sends_text=sends_text)


def _of_structure(
    value: dict[str, Json], shape: Any, path: str, *, sends_text: bool
) -> Iterator[ModelIssue]:
    for name in shape.required_members:
        # A query and XML have no empty structures and lists, and S3 has old names below the top.
        may_be_empty = sends_text and (path or shape.members[name].type_name in _CONTAINERS)
        if value.get(name) is None and not may_be_empty:
            yield ModelIssue(kind="missing-parameter", parameter=_joined(path, name))
    for name, member in value.items():
        if name not in shape.members:
            yield ModelIssue(kind="unknown-parameter", parameter=_joined(path, name))
        else:
            yield from _misfits(
                member, shape.members[name], _joined(path, name), sends_text=sends_text
            )


def _takes_anything(shape: Any) -> bool:
    kept = shape.serialization
    return bool(
        kept.get("jsonvalue")
        or kept.get("eventstream")
        or getattr(shape, "is_document_type", False)
    )


def _is_scalar_text(value: str, expected: str) -> bool:
    if expected == "boolean":
        return value in ("true", "false")
    return expected == "number" and bool(_NUMBER.fullmatch(value))


def _type_issue(path: str, value: Json, expected: str) -> ModelIssue:
    return ModelIssue(
        kind="parameter-type", parameter=path, expected=expected, given=json_type(value)
    )


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
