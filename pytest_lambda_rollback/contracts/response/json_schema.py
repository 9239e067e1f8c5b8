"""Mode ``schema``: a response must satisfy a JSON Schema.

A target is judged only if the current version's own responses satisfy the schema; one that they
miss does not say what callers rely on. References are resolved only within the schema, never from
a network or a file. ``format`` is an annotation, as in the specification. The package `jsonschema`
is imported when it is needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_lambda_rollback.contracts.response.differences import Differences
from pytest_lambda_rollback.model.json_values import (
    Json,
    Path,
    one_line,
    pointer,
    pointer_tokens,
    short_text,
)
from pytest_lambda_rollback.model.settings import ResponseRule

_MISSING_PROPERTY = re.compile(r"^(?P<name>'.*'|\".*\") is a required property$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Miss:
    """One place where the schema does not allow a value."""

    path: Path
    keyword: str
    says: str


def compare_schema(
    current: Sequence[Json], target: Json, rule: ResponseRule, differences: Differences
) -> str | None:
    """Note where the target misses the schema, or return the reason why that is unknown.

    ``rule.schema`` is the text of a checked schema for the value at ``rule.schema_at``; raises
    ValueError without one. Misses at ignored places do not count, on either side.
    """
    if rule.schema is None:
        raise ValueError("mode schema needs a schema")
    from referencing.exceptions import Unresolvable

    name = rule.schema_name or "the schema"
    current_name = differences.subject.current_name
    at: Path = pointer_tokens(rule.schema_at)
    validator = _validator(rule.schema)
    try:
        for value in current:
            there, part = _part(value, at)
            if not there:
                return (
                    f"{current_name} answers nothing at {rule.schema_at}, which {name} describes. "
                    "Correct schema_at, or set another mode for this function"
                )
            for miss in _misses(validator, part, at):
                if not differences.ignored(miss.path):
                    return (
                        f"{current_name} itself does not satisfy {name} at "
                        f"{pointer(miss.path) or 'the top level'}: {miss.says}. Correct the "
                        "schema, or ignore that place"
                    )
        there, part = _part(target, at)
        if not there:
            differences.lost(at, _part(current[0], at)[1])
            return None
        for miss in _misses(validator, part, at):
            known, found = (_part(each, miss.path)[1] for each in (current[0], target))
            differences.other(
                miss.path,
                f"schema-{_kebab(miss.keyword)}",
                "TARGET answers with a value at PLACE that ",
                short_text(known),
                short_text(found),
                note=f"{name} does not allow: {miss.says}",
            )
    except Unresolvable as error:
        why = one_line(str(error))
        return f"a reference in {name} could not be resolved ({why}). Correct its $ref"
    except RecursionError:
        return f"{name} refers to itself endlessly. Correct its $ref"
    return None


def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing.jsonschema import EMPTY_REGISTRY

    document = json.loads(schema)
    # The registry that is used by default reads remote references from the network.
    return validator_for(document, default=Draft202012Validator)(document, registry=EMPTY_REGISTRY)


def _misses(validator: Any, value: Json, at: Path) -> Iterator[_Miss]:
    for error in sorted(
        validator.iter_errors(value), key=lambda e: list(map(str, e.absolute_path))
    ):
        path: Path = (*at, *error.absolute_path)
        missing = _MISSING_PROPERTY.match(error.message) if error.validator == "required" else None
        if missing is not None:
            path = (*path, missing["name"][1:-1])
        yield _Miss(path=path, keyword=str(error.validator), says=one_line(error.message))


def _part(value: Json, path: Path) -> tuple[bool, Json]:
    """True and the value at a place; false if there is none."""
    for token in path:
        if isinstance(value, dict) and str(token) in value:
            value = value[str(token)]
        elif isinstance(value, list) and str(token).isdecimal() and int(token) < len(value):
            value = value[int(token)]
        else:
            return False, None
    return True, value


def _kebab(keyword: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", keyword.lstrip("$")).lower()
