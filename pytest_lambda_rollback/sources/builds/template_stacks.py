"""Stacks of a build, and the values that their templates determine by themselves.

A value is given only if it would be the same in every deployment: literals, what nested stacks
and other stacks of the same build hand over, and pseudo parameters where the region or account
is known. A parameter's default is not: a deployment may say another value, and keeps the one that
was deployed before. It reads no file.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

LAYER_TYPES = ("AWS::Lambda::LayerVersion", "AWS::Serverless::LayerVersion")

_DEPTH = 20
"""References that lead from one to the next; two that name each other never end."""

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


class Untold(Enum):
    """Stands for a value that a template does not have."""

    COMPUTED = "computed"
    """Known only at deployment."""
    ABSENT = "absent"
    """Not said, or ``AWS::NoValue``."""


COMPUTED = Untold.COMPUTED
ABSENT = Untold.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One asset that CDK will upload."""

    path: Path
    packaging: str
    """``zip`` for a folder that is to be zipped, ``file`` for a file as it is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """One template, and where it stands."""

    path: Path
    """The template's file; paths in it are relative to its folder."""
    template: Mapping[str, Any] = field(repr=False)
    name: str = ""
    """Of the stack, where a CDK assembly tells it."""
    parent: Stack | None = None
    logical_id: str = ""
    """Of the resource in the parent that stands for this nested stack."""
    region: str | None = None
    account: str | None = None
    assets: Mapping[str, Asset] = field(default_factory=dict, repr=False)
    """By key in the bucket, for a CDK assembly."""

    @property
    def prefix(self) -> str:
        """SAM's prefix for the logical ids of a nested stack: ``Outer/Inner/``."""
        return f"{self.parent.prefix}{self.logical_id}/" if self.parent else ""

    @property
    def of_cdk(self) -> bool:
        """True for a stack of a CDK assembly."""
        return bool(self.name) or (self.parent is not None and self.parent.of_cdk)

    def resources(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(logical id, resource) of all that look like resources."""
        for logical_id, resource in self.template["Resources"].items():
            if isinstance(resource, dict) and isinstance(resource.get("Type"), str):
                yield str(logical_id), resource

    def resource(self, logical_id: str) -> Mapping[str, Any]:
        """A resource, empty if there is none of that name."""
        return table(self.template["Resources"].get(logical_id))

    def section(self, name: str) -> Mapping[str, Any]:
        """``Parameters``, ``Outputs``, ``Mappings``, ``Globals``; empty if it is not there."""
        return table(self.template.get(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A value that is a resource of the build."""

    stack: Stack
    logical_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacks:
    """All stacks of one build, outer ones before the nested ones in them."""

    stacks: tuple[Stack, ...]

    def value(self, value: Any, stack: Stack, depth: int = 0) -> Any:
        """A literal unchanged, a Reference, or Untold; lists and tables are not looked into."""
        if depth > _DEPTH:
            return COMPUTED
        if isinstance(value, str):
            return COMPUTED if "{{resolve:" in value else value
        if value is None:
            return ABSENT
        if not is_intrinsic(value):
            return value
        ((function, argument),) = value.items()
        match function:
            case "Ref":
                return self._named(argument, stack, depth)
            case "Fn::Sub":
                return self._substituted(argument, stack, depth)
            case "Fn::Join":
                return self._joined(argument, stack, depth)
            case "Fn::GetAtt":
                return self._attribute(argument, stack, depth)
            case "Fn::FindInMap":
                return self._mapped(argument, stack, depth)
            case "Fn::ImportValue":
                return self._imported(argument, stack, depth)
            case "Fn::GetStackOutput":
                return self._stack_output(argument, depth)
        return COMPUTED

    def text(self, value: Any, stack: Stack) -> str | None:
        """A literal string; ``None`` for all else."""
        found = self.value(value, stack)
        return found if isinstance(found, str) else None

    def _named(self, name: Any, stack: Stack, depth: int) -> Any:
        if not isinstance(name, str):
            return COMPUTED
        if name.startswith("AWS::"):
            return _pseudo_parameter(name, stack)
        if stack.resource(name):
            return Reference(stack=stack, logical_id=name)
        if stack.parent is not None:
            properties = table(stack.parent.resource(stack.logical_id).get("Properties"))
            supplied = table(properties.get("Parameters"))
            if name in supplied:
                return self.value(supplied[name], stack.parent, depth + 1)
        return COMPUTED

    def _substituted(self, argument: Any, stack: Stack, depth: int) -> Any:
        text = argument
        own: Mapping[str, Any] = {}
        if isinstance(argument, list) and len(argument) == 2:
            text, own = argument[0], table(argument[1])
        if not isinstance(text, str):
            return COMPUTED
        untold = False

        def put(match: re.Match[str]) -> str:
            nonlocal untold
            name = match[1].strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            found = inner(name)
            if isinstance(found, str):
                return found
            untold = True
            return ""

        def inner(name: str) -> Any:
            if name in own:
                return self.value(own[name], stack, depth + 1)
            if "." in name:
                return self._attribute(name, stack, depth)
            return self._named(name, stack, depth)

        alone = _PLACEHOLDER.fullmatch(text)
        if alone and not alone[1].startswith("!"):
            return inner(alone[1].strip())
        result = _PLACEHOLDER.sub(put, text)
        return COMPUTED if untold else self.value(result, stack, depth + 1)

    def _joined(self, argument: Any, stack: Stack, depth: int) -> Any:
        match argument:
            case [str(separator), list(items)]:
                found = [self.value(item, stack, depth + 1) for item in items]
                if all(isinstance(each, str) for each in found):
                    return self.value(separator.join(found), stack, depth + 1)
        return COMPUTED

    def _attribute(self, argument: Any, stack: Stack, depth: int) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        match parts:
            case [str(logical_id), str(attribute)]:
                pass
            case _:
                return COMPUTED
        if stack.resource(logical_id).get("Type") in LAYER_TYPES:
            if attribute in ("Arn", "LayerVersionArn"):
                return Reference(stack=stack, logical_id=logical_id)
            return COMPUTED
        nested = (s for s in self.stacks if s.parent is stack and s.logical_id == logical_id)
        child = next(nested, None)
        if child is not None and attribute.startswith("Outputs."):
            return self._output(attribute.removeprefix("Outputs."), child, depth)
        return COMPUTED

    def _mapped(self, argument: Any, stack: Stack, depth: int) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:
            return COMPUTED
        found: Any = stack.section("Mappings")
        for key in argument:
            known = self.value(key, stack, depth + 1)
            found = table(found).get(known) if isinstance(known, str) else None
        return COMPUTED if found is None else found

    def _imported(self, argument: Any, stack: Stack, depth: int) -> Any:
        name = self.value(argument, stack, depth + 1)
        for other in self.stacks if isinstance(name, str) else ():
            for output in map(table, other.section("Outputs").values()):
                export = table(output.get("Export")).get("Name")
                # Stacks of several stages and regions may export under the same name.
                if _beside(stack, other) and self.value(export, other, depth + 1) == name:
                    return self.value(output.get("Value"), other, depth + 1)
        return COMPUTED

    def _stack_output(self, argument: Any, depth: int) -> Any:
        said = table(argument)
        for other in self.stacks:
            if other.name and other.name == said.get("StackName") and other.parent is None:
                return self._output(said.get("OutputName"), other, depth)
        return COMPUTED

    def _output(self, name: Any, stack: Stack, depth: int) -> Any:
        output = table(stack.section("Outputs").get(name)) if isinstance(name, str) else {}
        return self.value(output["Value"], stack, depth + 1) if "Value" in output else COMPUTED


def table(value: Any) -> Mapping[str, Any]:
    """The value if it is a table, else an empty one."""
    return value if isinstance(value, dict) else {}


def is_intrinsic(value: Any) -> bool:
    """True for ``{"Ref": …}`` and ``{"Fn::…": …}``."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    name = next(iter(value))
    return isinstance(name, str) and (name in ("Ref", "Condition") or name.startswith("Fn::"))


def _beside(one: Stack, other: Stack) -> bool:
    """Exports are known in one account and region; what is not said may be the same."""
    regions = {one.region, other.region} - {None}
    accounts = {one.account, other.account} - {None}
    return len(regions) < 2 and len(accounts) < 2


def _pseudo_parameter(name: str, stack: Stack) -> Any:
    match name:
        case "AWS::NoValue":
            return ABSENT
        case "AWS::Region" if stack.region:
            return stack.region
        case "AWS::AccountId" if stack.account:
            return stack.account
        case "AWS::StackName" if stack.name:
            return stack.name
        case "AWS::Partition" if stack.region:
            if stack.region.startswith("cn-"):
                return "aws-cn"
            return "aws-us-gov" if stack.region.startswith("us-gov-") else "aws"
    return COMPUTED
