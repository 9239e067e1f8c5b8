"""Loops in templates (``Fn::ForEach``), written out where their collection is literal.

A loop is ``"Fn::ForEach::Name": [identifier, collection, fragment]``; ``${identifier}`` and, for
letters and digits only, ``&{identifier}`` stand for one value of the collection in the keys and
strings of the fragment, and ``{"Ref": identifier}`` for the value itself. It needs the transform
AWS::LanguageExtensions. A loop over anything else than literal strings is left as it is:
a deployment may say other values than a parameter's default.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

import re
from typing import Any

FOR_EACH = "Fn::ForEach"
_KEY = f"{FOR_EACH}::"
_MOST = 20_000
"""More keys than any template may have, whose nested loops may multiply."""


class UnboundedLoopError(Exception):
    """Loops make more of a template than CloudFormation takes."""


def written_out(template: dict[str, Any]) -> dict[str, Any]:
    """The template with its loops written out. Raises UnboundedLoopError."""
    if not _has_loop(template):
        return template
    left = [_MOST]
    expanded = _expanded(template, {}, left)
    return expanded if isinstance(expanded, dict) else template


def loops_in(value: Any) -> tuple[str, ...]:
    """The keys of the loops that are left in a value, at any depth."""
    if isinstance(value, list):
        return tuple(key for each in value for key in loops_in(each))
    if not isinstance(value, dict):
        return ()
    inner = tuple(key for each in value.values() for key in loops_in(each))
    return (*(str(key) for key in value if _is_loop(key)), *inner)


def _has_loop(value: Any) -> bool:
    return bool(loops_in(value))


def _is_loop(key: object) -> bool:
    return isinstance(key, str) and (key == FOR_EACH or key.startswith(_KEY))


def _expanded(value: Any, names: dict[str, str], left: list[int]) -> Any:
    if isinstance(value, str):
        return _filled(value, names)
    if isinstance(value, list):
        return [_expanded(each, names, left) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and "Ref" in value and value["Ref"] in names:
        return names[value["Ref"]]
    found: dict[str, Any] = {}
    for key, each in value.items():
        left[0] -= 1
        if left[0] < 0:
            raise UnboundedLoopError
        loop = _loop(each, names) if _is_loop(key) else None
        if loop is None:
            found[_filled(key, names) if isinstance(key, str) else key] = _expanded(
                each, names, left
            )
            continue
        identifier, collection, fragment = loop
        for one in collection:
            made = _expanded(fragment, {**names, identifier: one}, left)
            found.update(made)
    return found


def _loop(said: Any, names: dict[str, str]) -> tuple[str, list[str], dict[str, Any]] | None:
    """A loop's identifier, values and fragment; ``None`` where its values are not known."""
    match said:
        case [str(identifier), list(collection), dict(fragment)]:
            values = [_expanded(each, names, [_MOST]) for each in collection]
            if all(isinstance(each, str) for each in values):
                return identifier, values, fragment
    return None


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"${{{name}}}", value)
        text = text.replace(f"&{{{name}}}", re.sub(r"[^A-Za-z0-9]", "", value))
    return text
