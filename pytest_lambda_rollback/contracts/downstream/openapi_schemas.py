"""Values held against the schemas of an OpenAPI document, of 3.0 and of 3.1.

A schema of 3.1 is JSON Schema 2020-12. One of 3.0 is near to draft 4, with ``nullable``:
https://spec.openapis.org/oas/v3.0.3#schema-object
A property that is ``readOnly`` is not asked of requests. ``format`` is an annotation. References
are resolved only within the document. The package `jsonschema` is imported when it is needed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pytest_lambda_rollback.model.json_values import Json, one_line, pointer

_URI = "urn:openapi"
_MOST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """One place of a value that its schema does not allow."""

    at: str
    """JSON Pointer into the value."""
    keyword: str
    says: str


class Schemas:
    """The schemas of one document, named by JSON Pointers into it."""

    def __init__(self, document: Mapping[str, Any], *, is_3_0: bool) -> None:
        from referencing import Registry, Specification

        self._document = document
        resource: Any = Specification.OPAQUE.create_resource(document)
        self._registry: Any = Registry().with_resource(_URI, resource)
        self._class = _validators(is_3_0)

    def faults(self, schema: Json) -> str | None:
        """Why a schema is none, or ``None`` if it is one."""
        from jsonschema import FormatChecker
        from jsonschema.exceptions import SchemaError

        try:
            # Patterns are ECMAScript's, which Python need not be able to read.
            self._class.check_schema(schema, format_checker=FormatChecker(formats=()))
        except SchemaError as error:
            return f"{pointer(tuple(error.absolute_path)) or 'its schema'}: {error.message}"
        return None

    def misses(self, at: str, value: Json) -> tuple[Miss, ...]:
        """Where the schema at a pointer does not allow a value; at most 10 places."""
        validator = self._class({"$ref": f"{_URI}#{_fragment(at)}"}, registry=self._registry)
        errors = validator.iter_errors(value)
        found = [error for _, error in zip(range(_MOST), errors, strict=False)]
        return tuple(
            Miss(
                at=pointer(tuple(error.absolute_path)),
                keyword=str(error.validator),
                says=one_line(error.message),
            )
            for error in sorted(found, key=_order)
        )

    def resolved(self, value: Any, at: str) -> tuple[Any, str]:
        """A part of the document behind its references, and its pointer."""
        for _ in range(20):
            if not isinstance(value, Mapping) or not isinstance(value.get("$ref"), str):
                break
            at = value["$ref"].removeprefix("#")
            value = part(self._document, at)
        return value, at

    def from_text(self, schema: Any, at: str, value: Json, *, explode: bool = True) -> Json:
        """The value that a text in a query, a path or a form stands for, by its schema.

        ``value`` is a list where a name has several; without ``explode`` commas part a list.
        """
        schema, at = self.resolved(schema, at)
        kinds = schema.get("type") if isinstance(schema, Mapping) else None
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if "array" in kinds:
            items = schema.get("items", {})
            values: list[Json] = value if isinstance(value, list) else [value]
            if not explode and len(values) == 1:
                values = [*str(values[0]).split(",")]
            return [self.from_text(items, f"{at}/items", each) for each in values]
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, str):
            return value
        if "boolean" in kinds and value in ("true", "false"):
            return value == "true"
        for kind, number in (("integer", int), ("number", float)):
            if kind in kinds:
                with contextlib.suppress(ValueError):
                    return number(value)
        return value


def part(document: Any, at: str) -> Any:
    """The part of a document at a JSON Pointer. Raises KeyError where there is none."""
    for token in at.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
        if isinstance(document, Mapping) and token in document:
            document = document[token]
        elif isinstance(document, list) and token.isdecimal() and int(token) < len(document):
            document = document[int(token)]
        else:
            raise KeyError(at)
    return document


def token(name: str) -> str:
    """A key as a reference token of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _order(error: Any) -> tuple[list[str], str]:
    return [*map(str, error.absolute_path)], str(error.validator)


def _fragment(at: str) -> str:
    return at.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")


@cache
def _validators(is_3_0: bool) -> Any:
    from jsonschema import Draft4Validator, Draft202012Validator, validators

    extend: Any = validators.extend
    more: dict[str, Any] = {"pattern": _pattern, "required": _required}
    if not is_3_0:
        return extend(Draft202012Validator, more)
    more["type"] = _unless_null(Draft4Validator.VALIDATORS["type"])
    more["enum"] = _unless_null(Draft4Validator.VALIDATORS["enum"])
    # 5.0 is an integer, as in every JSON Schema since draft 6.
    return extend(Draft4Validator, more, type_checker=Draft202012Validator.TYPE_CHECKER)


def _unless_null(keyword: Any) -> Any:
    def judge(validator: Any, expected: Any, value: Any, schema: Any) -> Iterator[Any]:
        if value is not None or schema.get("nullable") is not True:
            yield from keyword(validator, expected, value, schema) or ()

    return judge


def _pattern(validator: Any, pattern: str, value: Any, _: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    with contextlib.suppress(re.error):
        if validator.is_type(value, "string") and not re.search(pattern, value):
            yield ValidationError(f"it does not match {pattern!r}")


def _required(validator: Any, names: Any, value: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if not validator.is_type(value, "object"):
        return
    properties = schema.get("properties", {})
    for name in names if isinstance(names, list) else ():
        declared = properties.get(name)
        read_only = isinstance(declared, Mapping) and declared.get("readOnly") is True
        if name not in value and not read_only:
            yield ValidationError(f"{name!r} is a required property")
