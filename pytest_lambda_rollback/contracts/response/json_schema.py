"""Mode ``schema``: whether a response is what a JSON Schema allows. Pure.

A target is judged only where the current version's own responses satisfy the schema; a schema
that they miss says nothing of what callers rely on. References are resolved within the schema
alone, never from a network or a file. ``format`` is an annotation, as the specification has it.
This room knows JSON Schema by the `jsonschema` package, which is imported when it is needed.
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
    """One place where a value is not what the schema allows."""

    path: Path
    keyword: str
    says: str


def compare_schema(
    current: Sequence[Json], target: Json, rule: ResponseRule, differences: Differences
) -> str | None:
    """Note where the target misses the schema, or return the reason why that cannot be told.

    ``rule.schema`` is the text of a checked schema of what stands at ``rule.schema_at``; raises
    ValueError where there is none. Misses at ignored places do not count, on either side.
    """
    if rule.schema is None:
        raise ValueError("mode schema needs a schema")
    from referencing.exceptions import Unresolvable

    name = rule.schema_name or "the schema"
    at: Path = pointer_tokens(rule.schema_at)
    validator = _validator(rule.schema)
    try:
        for value in current:
            there, part = _part(value, at)
            if not there:
                return (
                    f"CURRENT answers nothing at {rule.schema_at}, which {name} describes. "
                    "Correct schema_at, or set another mode for this function"
                )
            for miss in _misses(validator, part, at):
                if not differences.ignored(miss.path):
                    return (
                        f"CURRENT itself does not satisfy {name} at "
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
                f"TARGET answers at PLACE what {name} does not allow: ",
                short_text(known),
                short_text(found),
                note=miss.says,
            )
    except Unresolvable as error:
        return f"{name} cannot be followed ({one_line(str(error))}). Correct its $ref"
    except RecursionError:
        return f"{name} refers to itself without end. Correct its $ref"
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
    """Whether there is something at a place, and what."""
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
