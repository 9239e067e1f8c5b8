"""The ``response`` table of a function: how responses are compared.

It turns the table and the JSON Schema that it may name into a rule, and refuses what
could not be judged later: an invalid pointer, a pattern that does not compile, a schema that
is invalid or refers to anything outside it. What a rule finds in a response is decided in the
response contract. Raises ConfigError.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.config.paths import located
from pytest_lambda_rollback.config.toml_table import Table, described
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.json_values import pointer_tokens
from pytest_lambda_rollback.model.settings import Matcher, ResponseRule
from pytest_lambda_rollback.model.text import nearest

MODES = ("shape", "exact", "schema", "none")
NAMED_MATCHERS = ("uuid", "timestamp")

_POINTER = re.compile(r"(/([^/~]|~[01])*)+")
_SLASH = 'Begin it with a slash, as in "/headers/Date"; a ~ in a key is written ~0'
_FORMS = '"uuid", "timestamp", { regex = "^A[0-9]+$" } or { tolerance = 0.01 }'
_VALUES = frozenset(("const", "enum", "default", "examples", "example"))
"""Keywords of a schema below which there are values and no schemas."""


def response_of(table: Table, base: Path) -> ResponseRule:
    """How responses are compared; the default compares shapes.

    ``base`` is what the path of a schema is relative to.
    """
    response = table.table("response")
    response.only(("mode", "ignore", "matchers", "schema", "schema_at"))
    mode = response.choice("mode", MODES, "shape")
    ignore = response.strings("ignore")
    for index, pointer in enumerate(ignore):
        _refuse_no_pointer(pointer, f'{response.at("ignore")}[{index}] is "{pointer}"')
    example = 'Write them as in matchers = { "/body/id" = "uuid" }'
    matchers = _matchers(response.table("matchers", do=example))
    if matchers and mode not in ("shape", "exact"):
        raise ConfigError(
            f'{response.at("matchers")} is ignored in mode "{mode}"',
            do="Remove them, or use mode shape or exact",
        )
    if mode == "schema":
        schema, schema_name, schema_at = _schema(response, base)
        return ResponseRule(
            mode=mode, ignore=ignore, schema=schema, schema_name=schema_name, schema_at=schema_at
        )
    for key in ("schema", "schema_at"):
        if key in response:
            raise ConfigError(
                f'{response.at(key)} is ignored in mode "{mode}"',
                do='Write mode = "schema", or remove it',
            )
    return ResponseRule(mode=mode, ignore=ignore, matchers=matchers)


def _refuse_no_pointer(pointer: str, found: str) -> None:
    if not _POINTER.fullmatch(pointer):
        raise ConfigError(f"{found}, expected a JSON Pointer", do=_SLASH)


# --- matchers -------------------------------------------------------------------------------


def _matchers(table: Table) -> tuple[Matcher, ...]:
    return tuple(_matcher(table, pointer) for pointer in table.values)


def _matcher(table: Table, pointer: str) -> Matcher:
    _refuse_no_pointer(pointer, f"{table.at(pointer)} is not named by a place")
    value = table.values[pointer]
    if isinstance(value, str):
        if value not in NAMED_MATCHERS:
            near = nearest(value, (*NAMED_MATCHERS, "regex", "tolerance"))
            guess = f'Did you mean "{near}"? ' if near in NAMED_MATCHERS else ""
            raise ConfigError(
                f"{table.at(pointer)} is {described(value)}, which is not a matcher",
                do=f"{guess}Use one of {_FORMS}",
            )
        return Matcher(pointer=pointer, kind=value)
    if not isinstance(value, dict) or len(value) != 1:
        raise table.wrong(pointer, f"one of {_FORMS}")
    each = table.table(pointer)
    each.only(("regex", "tolerance"))
    if "regex" in each:
        return Matcher(pointer=pointer, kind="regex", pattern=_regex(each))
    distance = each.values["tolerance"]
    is_number = isinstance(distance, int | float) and not isinstance(distance, bool)
    if not is_number or not 0 <= distance < math.inf:  # type: ignore[operator]
        raise each.wrong("tolerance", "a number of at least 0")
    return Matcher(pointer=pointer, kind="tolerance", tolerance=float(distance))  # type: ignore[arg-type]


def _regex(table: Table) -> str:
    pattern = table.string("regex")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigError(
            f'{table.at("regex")} is "{pattern}", which is not a valid regular expression',
            why=str(error),
            do="Write it as Python's re module takes it; in TOML, '...' needs no doubled "
            "backslashes",
        ) from error
    return pattern


# --- schemas --------------------------------------------------------------------------------


def _schema(response: Table, base: Path) -> tuple[str, str, str]:
    """The schema's text, its name in messages, and the place it describes."""
    do = 'Name its file, as in { mode = "schema", schema = "schemas/order.json" }'
    name = response.string("schema", do=do)
    where = response.at("schema")
    path = located(name, base=base, where=where)
    try:
        document = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f'{where} names "{name}", which cannot be read', why=error.strerror or str(error), do=do
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f'{where} names "{name}", which is not JSON',
            why=str(error),
            do="Correct the file at that place",
        ) from error
    _refuse_no_schema(document, f'{where} names "{name}"')
    pointer = response.string("schema_at", "")
    if pointer:
        _refuse_no_pointer(pointer, f'{response.at("schema_at")} is "{pointer}"')
    return json.dumps(document), name, pointer


def _refuse_no_schema(document: Any, found: str) -> None:
    # Imported here, because only this mode needs it.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    drafts = "2020-12, 2019-09, 7, 6, 4 or 3"
    nothing: Any = None
    kind: Any = validator_for(document, default=nothing)
    if kind is None and isinstance(document, dict) and "$schema" in document:
        raise ConfigError(
            f"{found}, whose $schema is {described(document['$schema'])}",
            why=f"known drafts of JSON Schema are {drafts}",
            do="Correct $schema, or remove it for draft 2020-12",
        )
    try:
        (kind or Draft202012Validator).check_schema(document)
    except SchemaError as error:
        place = "".join(f"/{token}" for token in error.absolute_path) or "the top level"
        raise ConfigError(
            f"{found}, which is not a valid JSON Schema",
            why=f"at {place}: {error.message}",
            do="Correct the schema",
        ) from error
    except RecursionError as error:
        raise ConfigError(
            f"{found}, which is nested too deeply", do="Correct the schema"
        ) from error
    for reference in _references(document):
        if not reference.startswith("#"):
            raise ConfigError(
                f'{found}, which refers to "{reference}"',
                why="a schema may refer only to itself, since nothing is read from the network or "
                "another file",
                do='Copy that schema under "$defs" and refer to it by "#/$defs/NAME"',
            )
        if _is_broken(document, reference):
            raise ConfigError(
                f'{found}, which refers to "{reference}"',
                why="the schema has nothing at that place",
                do="Correct the reference",
            )


def _references(schema: Any) -> Iterator[str]:
    """Every reference of a schema; keys of values and names of properties are not references."""
    waiting = [(schema, True)]
    while waiting:
        each, is_schema = waiting.pop()
        if isinstance(each, list):
            waiting.extend((item, is_schema) for item in each)
        elif isinstance(each, dict):
            for key, value in each.items():
                is_keyword = is_schema and key in ("$ref", "$dynamicRef", "$recursiveRef")
                if is_keyword and isinstance(value, str):
                    yield value
                elif not (is_schema and key in _VALUES):
                    names_properties = is_schema and key in (
                        "properties", "patternProperties", "$defs", "definitions",
                        "dependentSchemas", "dependencies",
                    )  # fmt: skip
                    waiting.append((value, not names_properties))


def _is_broken(schema: Any, reference: str) -> bool:
    """True for a pointer that leads nowhere in the schema; anchors and ``$id`` are not followed."""
    if not reference.startswith("#/") or _has_ids(schema):
        return False
    from urllib.parse import unquote

    at = schema
    for key in pointer_tokens(unquote(reference[1:])):
        if isinstance(at, dict) and key in at:
            at = at[key]
        elif isinstance(at, list) and key.isdecimal() and int(key) < len(at):
            at = at[int(key)]
        else:
            return True
    return False


def _has_ids(schema: Any) -> bool:
    """True if a part of the schema is a resource of its own, to which pointers are relative."""
    waiting = list(schema.values()) if isinstance(schema, dict) else []
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(each.get("$id", each.get("id")), str):
                return True
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return False
