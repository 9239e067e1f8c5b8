"""Which function of a build is meant, where its template has several.

Evidence is taken in a fixed order, and the first kind that finds anything decides: the name in
AWS, then a name of the configuration's, then what CloudFormation makes of a logical id, then
names that differ in writing alone, then that there is only one. This room is pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.names import function_name_of
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.text import listed, nearest
from pytest_lambda_rollback.sources.builds.template_functions import (
    TemplateFunction,
    ends,
    macros_of,
)
from pytest_lambda_rollback.sources.builds.templates import shown

_SHOWN = 12
_TRUNCATED = 16
"""CloudFormation shortens a logical id in the name it makes, but hardly further than this."""

_GENERATED = re.compile(r".+-(?P<logical_id>[A-Za-z0-9]+)-[A-Za-z0-9]{12,13}")
_ENDINGS = re.compile(r"(?<=.)(function|lambda|handler|fn)$")


def chosen(
    functions: Sequence[TemplateFunction], *, function: str, aws_name: str | None, path: Path
) -> TemplateFunction:
    """The function that a configuration's name and a name or ARN in AWS stand for.

    Raises ConfigError for none and for several.
    """
    name = function_name_of(aws_name or "")
    called = {function, name} - {""}
    rules: tuple[Callable[[TemplateFunction], bool], ...] = (
        lambda each: bool(name) and each.aws_name == name,
        lambda each: function in each.names,
        lambda each: _generated(name, each.logical_id),
        lambda each: not _plain(called).isdisjoint(_plain(_owners(each))),
        lambda each: not each.is_cdks_own,
    )
    for rule in rules:
        found = [each for each in functions if rule(each)]
        if len(found) == 1:
            return found[0]
        if found and rule is not rules[-1]:
            raise _ambiguous(found, function, path)
    raise _unknown(functions, function, path)


def named(functions: Sequence[TemplateFunction], wanted: str, *, path: Path) -> TemplateFunction:
    """The function of that name, as it stands behind ``#``. Raises ConfigError."""
    found = [each for each in functions if each.name == wanted]
    found = found or [each for each in functions if wanted in each.names]
    if len(found) > 1:
        raise _ambiguous(found, wanted, path)
    if not found:
        raise _unknown(functions, wanted, path)
    return found[0]


def _owners(function: TemplateFunction) -> set[str]:
    """The names that people chose: of CDK's, not the logical id with its hash."""
    if function.construct is None:
        return set(function.names)
    return {*ends(function.construct), function.aws_name or function.construct}


def _plain(names: set[str]) -> set[str]:
    """``orders-api``, ``OrdersApi`` and ``OrdersApiFunction`` as one."""
    return {_ENDINGS.sub("", re.sub(r"[^a-z0-9]", "", name.casefold())) for name in names}


def _generated(aws_name: str, logical_id: str) -> bool:
    """True for ``stack-LogicalId-1A2B3C4D5E6F``, the name that CloudFormation gives by itself."""
    match = _GENERATED.fullmatch(aws_name)
    if match is None:
        return False
    part = match["logical_id"]
    return part == logical_id or (len(part) >= _TRUNCATED and logical_id.startswith(part))


def _ambiguous(found: Sequence[TemplateFunction], name: str, path: Path) -> ConfigError:
    return ConfigError(
        f'{shown(path)} has {len(found)} functions that "{name}" may stand for',
        why=listed(f"{each.name} ({shown(each.stack.path)})" for each in found[:_SHOWN]),
        do=f"Say which, as in {shown(path)}#{found[0].name}",
    )


def _unknown(functions: Sequence[TemplateFunction], name: str, path: Path) -> ConfigError:
    own = [each.name for each in functions if not each.is_cdks_own]
    there = own or [each.name for each in functions]
    macros = sorted({macro for each in functions for macro in macros_of(each.stack)})
    more = f", and the transform {listed(macros)} may add others" if macros else ""
    if not there:
        return ConfigError(
            f"{shown(path)} has no Lambda function",
            why=f"no resource is an AWS::Lambda::Function or AWS::Serverless::Function{more}",
            do="Name the template, build or folder that has it",
        )
    short = {end: each for each in there for end in ends(each)}
    near = nearest(name, short)
    guess = f'Did you mean "{short[near]}"? ' if near else ""
    names = [*there[:_SHOWN], "others"] if len(there) > _SHOWN else there
    return ConfigError(
        f'{shown(path)} has no function that "{name}" stands for',
        why=f"it has {listed(names)}{more}",
        do=f"{guess}Say which, as in {shown(path)}#{short[near] if near else there[0]}",
    )
