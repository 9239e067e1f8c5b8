"""Variables that say what a private AWS created: ``${resources.OrdersTable}``, and intrinsics.

A version's variable may name a resource of the template by its logical id, with an attribute
(``${resources.OrdersTable.Arn}``). What the template itself computes for a variable of the
candidate (``!Ref OrdersTable``) is known too once the resource is there, and stands for the same
variable of every version whose value is not known. Pure.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.text import listed, nearest
from pytest_lambda_rollback.model.versions import FunctionVersion

Resources = Mapping[str, Mapping[str, str]]
"""By logical id the values of ``Ref`` and of each attribute."""

_NAMED = re.compile(r"\$\{resources\.([A-Za-z0-9_/-]+)(?:\.([A-Za-z0-9_.]+))?\}")
_SUB = re.compile(r"\$\{([^!}][^}]*)\}")
_DEPTH = 10


def names_resources(version: FunctionVersion) -> bool:
    """True if a variable of the version says ``${resources.…}``."""
    return any("${resources." in value for _, value in version.configuration.environment)


def filled(
    version: FunctionVersion, resources: Resources, computed: Mapping[str, str]
) -> FunctionVersion:
    """The version with real values. ``computed`` has variables' intrinsic functions as JSON text.

    Raises SourceError for a resource or attribute that there is not.
    """
    placeholders = set(version.placeholders)
    values: dict[str, str] = {}
    for name, value in version.configuration.environment:
        if name in placeholders and name in computed:
            found = _value(json.loads(computed[name]), resources, version, _DEPTH)
            if found is not None:
                placeholders.discard(name)
                value = found
        values[name] = _NAMED.sub(
            lambda match, name=name: _of(  # type: ignore[misc]
                resources, match[1], match[2] or "Ref", f"{version.name}'s variable {name}"
            ),
            value,
        )
    return replace(
        version,
        configuration=replace(version.configuration, environment=tuple(sorted(values.items()))),
        placeholders=tuple(sorted(placeholders)),
    )


def _of(resources: Resources, logical_id: str, attribute: str, where: str) -> str:
    if logical_id not in resources:
        near = nearest(logical_id, [*resources])
        known = f"It has {listed(sorted(resources))}" if resources else "It has none"
        raise SourceError(
            f"{where} names the resource {logical_id}",
            why="the private AWS has none of that name",
            do=f'Did you mean "{near}"? {known}' if near else known,
        )
    if attribute not in resources[logical_id]:
        raise SourceError(
            f"{where} names {logical_id}.{attribute}",
            why=f"that resource has {listed(sorted(resources[logical_id]))}",
            do="Name one of those",
        )
    return resources[logical_id][attribute]


def _value(value: Any, resources: Resources, version: FunctionVersion, depth: int) -> str | None:
    """The text of a value; ``None`` where it takes more than the resources to know."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or len(value) != 1 or not depth:
        return None
    ((function, said),) = value.items()
    if function == "Ref" and isinstance(said, str):
        return _reference(said, resources, version)
    if function == "Fn::GetAtt":
        parts = said.split(".", 1) if isinstance(said, str) else said
        if isinstance(parts, list) and len(parts) == 2:
            return resources.get(str(parts[0]), {}).get(str(parts[1]))
    if function == "Fn::Sub":
        text, own = said if isinstance(said, list) and len(said) == 2 else (said, {})
        return _substituted(text, own, resources, version, depth) if isinstance(text, str) else None
    if function == "Fn::Join" and isinstance(said, list) and len(said) == 2:
        joint, items = said
        parts = [_value(each, resources, version, depth - 1) for each in items]
        if isinstance(joint, str) and None not in parts:
            return joint.join(str(each) for each in parts)
    return None


def _reference(name: str, resources: Resources, version: FunctionVersion) -> str | None:
    pseudo = {"AWS::Region": version.region, "AWS::AccountId": version.account}
    return pseudo.get(name) or resources.get(name, {}).get("Ref")


def _substituted(
    text: str, own: Any, resources: Resources, version: FunctionVersion, depth: int
) -> str | None:
    missing = []

    def found(match: re.Match[str]) -> str:
        name, dot, attribute = match[1].partition(".")
        if isinstance(own, dict) and match[1] in own:
            value = _value(own[match[1]], resources, version, depth - 1)
        elif dot:
            value = resources.get(name, {}).get(attribute)
        else:
            value = _reference(name, resources, version)
        if value is None:
            missing.append(name)
        return value or ""

    made = _SUB.sub(found, text)
    return None if missing else made.replace("${!", "${")
